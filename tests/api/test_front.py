"""The memory in front: the same for everybody, nobody's, and never older than what it tells."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api.public.bulletin import EXTENSION
from data.model import Level
from tests.issuing import Desk
from tests.pages.public.conftest import base_dir, client, clock, desk, server, settings  # noqa: F401 - fixtures


@pytest.fixture
def built(server: Any) -> list[str]:  # noqa: F811
    """The addresses that were really asked of the pages."""
    asked: list[str] = []

    def note() -> None:
        from flask import request

        asked.append(request.full_path)

    server.before_request(note)
    return asked


def test_answer_is_built_once_and_given_to_everybody(client: Any, desk: Desk, built: list[str]) -> None:  # noqa: F811
    desk.issue()
    bodies = {client.get("/public?lang=en").data for _ in range(20)}
    assert len(bodies) == 1 and len(built) == 1
    client.get("/public?lang=zh")
    client.get("/public?lang=en", headers={"Accept-Encoding": "gzip, br"})
    assert len(built) == 3


def test_new_warning_is_shown_within_the_quarter_of_a_second(
    client: Any, desk: Desk, clock: Any  # noqa: F811
) -> None:  # fmt: skip
    client.get("/public?lang=en")
    desk.issue()
    clock.pass_(milliseconds=260)
    assert "Rainstorm" in client.get("/public?lang=en").get_data(as_text=True)


def test_memory_ends_with_the_warning_itself(client: Any, desk: Desk, clock: Any) -> None:  # noqa: F811
    desk.issue(lasts=timedelta(hours=2))
    clock.pass_(hours=2, milliseconds=-100)
    desk.watch(clock.now)
    assert 'class="card level-red"' in client.get("/public").get_data(as_text=True)
    clock.pass_(milliseconds=100)
    assert 'class="card level-red"' not in client.get("/public").get_data(as_text=True)


def test_clock_that_is_set_back_is_believed(client: Any, desk: Desk, clock: Any) -> None:  # noqa: F811
    desk.issue(lasts=timedelta(hours=2))
    clock.pass_(days=2)
    assert 'class="card level-red"' not in client.get("/public").get_data(as_text=True)
    clock.pass_(days=-2)
    assert 'class="card level-red"' in client.get("/public").get_data(as_text=True)


def test_cookies_and_credentials_do_not_reach_the_pages(client: Any, server: Any, desk: Desk) -> None:  # noqa: F811
    seen: list[tuple[str, str]] = []

    def note() -> None:
        from flask import request

        seen.append((request.headers.get("Cookie", ""), request.headers.get("Authorization", "")))

    server.before_request(note)
    personal = {"Cookie": "tocsin_session=secret", "Authorization": "Bearer secret"}
    for method in ("GET", "HEAD", "POST"):
        client.open("/public/check", method=method, headers=personal)
    assert len(seen) == 2 and set(seen) == {("", "")}


def test_what_may_not_be_kept_is_not_kept(client: Any, desk: Desk, built: list[str]) -> None:  # noqa: F811
    for _ in range(2):
        assert client.get("/public/w/nothing").status_code == 404
    assert len(built) == 2


def test_many_who_ask_at_once_wait_for_one_answer(server: Any, desk: Desk, built: list[str]) -> None:  # noqa: F811
    desk.issue()
    bodies: list[bytes] = []
    crowd = [
        threading.Thread(target=lambda: bodies.append(server.test_client().get("/public?lang=en").data))
        for _ in range(12)
    ]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(bodies) == 12 and len(set(bodies)) == 1 and len(built) == 1


def test_head_has_no_body(client: Any, desk: Desk) -> None:  # noqa: F811
    answer, whole = client.head("/public"), client.get("/public")
    assert answer.status_code == 200 and answer.data == b""
    assert answer.headers["ETag"] == whole.headers["ETag"]
    assert int(answer.headers["Content-Length"]) == len(whole.data)


def test_nobody_waits_twice_for_a_store_that_does_not_answer(
    server: Any, store: Any, desk: Desk, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    tried: list[int] = []
    all_here = threading.Barrier(8)

    def broken() -> Any:
        tried.append(1)
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("no answer"))

    monkeypatch.setattr(store, "read", broken)
    found: list[str] = []

    def ask() -> None:
        all_here.wait()
        found.append(server.extensions[EXTENSION].picture().blind)

    crowd = [threading.Thread(target=ask) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert found == ["store"] * 8 and len(tried) == 1


def test_memory_does_not_grow_with_what_is_asked(client: Any, server: Any, desk: Desk) -> None:  # noqa: F811
    from api.public.front import MOST_KEPT

    for number in range(MOST_KEPT + 20):
        client.get(f"/public/assets/icon.svg?v={number}")
    assert len(server.wsgi_app._kept) == MOST_KEPT


def test_everything_else_passes_by(client: Any) -> None:  # noqa: F811
    assert client.get("/publicity").status_code == 404
    assert client.get("/healthz").status_code == 200


def test_level_of_the_newest_message_wins(client: Any, desk: Desk, clock: Any) -> None:  # noqa: F811
    first = desk.issue()
    client.get("/public")
    desk.issue("tocsin.2", kind="update", level=Level.BLUE, replaces=first)
    clock.pass_(seconds=1)
    page = client.get("/public").get_data(as_text=True)
    assert 'class="card level-blue"' in page and 'class="card level-red"' not in page
