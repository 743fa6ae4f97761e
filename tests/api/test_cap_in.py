"""Warnings that another system pushes: taken with its token, on the disk at once, read by the feed's next run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

import api
from alerts.cap.build import build
from api.context import EXTENSION
from data.settings import Settings
from data.store.archive import Archive
from data.store.engine import Store
from data.store.tables import incoming_warning, payload
from ingest import build_sources
from ingest.cap_pushed import AGAIN, KEPT
from ingest.http import Http
from ingest.runner import Desk, run_source
from tests.alerts.media.warnings import WARNING

TOKEN = b"a token of thirty-two letters..."
BODY = build(WARNING)
HEADERS = {"Authorization": f"Bearer {TOKEN.decode()}", "Content-Type": "application/cap+xml"}


@pytest.fixture
def configured(settings: Settings, tmp_path: Path) -> Settings:
    token = tmp_path / "token"
    token.write_bytes(TOKEN)
    token.chmod(0o600)
    feed = {
        "source": "cap_pushed", "key": "neighbours", "folder": str(tmp_path / "pushed"), "token_file": str(token),
    }  # fmt: skip
    return replace(settings, sources=(feed,))


@pytest.fixture
def client(store: Store, configured: Settings, now: datetime) -> Any:
    flask = Flask("cap-in")
    api.register(flask, store, configured, clock=lambda: now, watch=lambda: lambda: True)
    yield flask.test_client()
    flask.extensions[EXTENSION].hub.close()


def run(store: Store, settings: Settings, now: datetime, feed: Any = None) -> Any:
    """One run of the feed, as the engine's scheduler makes it."""
    source = feed or next(one for one in build_sources(settings) if one.spec.key == "neighbours")
    desk = Desk(store=store, archive=Archive(settings.home / "archive"), home=settings.home, clock=lambda: now)
    return run_source(source, desk, Http(clock=lambda: now))


def test_pushed_message_is_kept_at_once_and_stored_by_the_next_run(
    client: Any, store: Store, configured: Settings, now: datetime
) -> None:
    answers = [client.post("/cap/in/neighbours", data=BODY, headers=HEADERS) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(list(Path(configured.sources[0]["folder"]).iterdir())) == 1  # the same message again
    reports = [run(store, configured, now) for _ in range(2)]
    assert [report.stored for report in reports] == [1, 0]
    with store.read() as connection:
        row = connection.execute(sa.select(incoming_warning)).one()
        kept = connection.execute(sa.select(payload.c.sha256)).scalars().all()
    assert (row.source, row.id) == ("neighbours", WARNING.identifier)
    assert kept == [answers[0].get_json()["kept"]]


def test_message_that_is_no_cap_is_kept_and_its_reason_told_while_others_go_on(
    client: Any, store: Store, configured: Settings, now: datetime
) -> None:
    assert client.post("/cap/in/neighbours", data=b"<html>not CAP", headers=HEADERS).status_code == 202
    assert client.post("/cap/in/neighbours", data=BODY, headers=HEADERS).status_code == 202
    report = run(store, configured, now)
    assert report.stored == 1
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(payload)).scalar_one() == 2
        assert connection.execute(sa.select(sa.func.count()).select_from(incoming_warning)).scalar_one() == 1


@pytest.mark.parametrize(
    ("key", "headers", "status"),
    [
        ("neighbours", {}, 401),
        ("neighbours", {"Authorization": "Bearer wrong"}, 401),
        ("neighbours", {"Authorization": f"Basic {TOKEN.decode()}"}, 401),
        ("neighbours", {"Authorization": "Bearer "}, 401),
        ("strangers", HEADERS, 401),
        ("..%2f..", HEADERS, 401),
    ],
)
def test_asvs_8_2_1_nobody_pushes_without_the_token_of_the_feed(
    client: Any, configured: Settings, key: str, headers: dict[str, str], status: int
) -> None:
    assert client.post(f"/cap/in/{key}", data=BODY, headers=headers).status_code in (status, 404)
    assert not Path(configured.sources[0]["folder"]).exists()


def test_asvs_15_2_2_neither_a_huge_message_nor_thousands_fill_the_disk(
    client: Any, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cap_in.MAX_BYTES", 1000)
    monkeypatch.setattr("api.cap_in.MOST_WAITING", 2)
    statuses = [
        client.post("/cap/in/neighbours", data=body, headers=HEADERS).status_code
        for body in (b"x" * 1001, b"", b"one", b"two", b"three")
    ]
    assert statuses == [413, 400, 202, 202, 503]


def test_token_that_others_can_read_or_that_is_short_opens_nothing(client: Any, configured: Settings) -> None:
    path = Path(configured.sources[0]["token_file"])
    path.chmod(0o644)
    assert client.post("/cap/in/neighbours", data=BODY, headers=HEADERS).status_code == 503
    path.write_bytes(b"short")
    path.chmod(0o600)
    short = {"Authorization": "Bearer short"}
    assert client.post("/cap/in/neighbours", data=BODY, headers=short).status_code == 401


def test_file_goes_when_it_was_read_and_is_old_and_never_unread(
    client: Any, store: Store, configured: Settings, now: datetime
) -> None:
    client.post("/cap/in/neighbours", data=BODY, headers=HEADERS)
    folder, later = Path(configured.sources[0]["folder"]), now + 4 * KEPT
    feed = next(one for one in build_sources(configured) if one.spec.key == "neighbours")
    assert run(store, configured, later, feed).stored == 1  # the engine was away for a day: it is read all the same
    assert len(run(store, configured, later + AGAIN, feed).payloads) == 1  # in case the first run could not store it
    assert run(store, configured, later + AGAIN + AGAIN, feed).payloads == ()  # not read over and over
    assert len(list(folder.iterdir())) == 1
    run(store, configured, later + KEPT + AGAIN, feed)
    assert list(folder.iterdir()) == []


def test_file_that_somebody_put_there_under_another_name_stops_nothing(
    client: Any, store: Store, configured: Settings, now: datetime
) -> None:
    client.post("/cap/in/neighbours", data=b"<alert>not CAP", headers=HEADERS)
    (Path(configured.sources[0]["folder"]) / "by hand.xml").write_bytes(BODY)
    assert run(store, configured, now).stored == 1
