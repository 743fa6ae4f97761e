"""The one-time link: printed once, good once, for a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from access import accounts, audit, first_run
from access.first_run import ensure_first_run
from data.store.engine import Store
from data.store.tables import first_run as table
from tests.access.conftest import PASSWORD, Browser, Web, build

ADMIN = "chief@eoc.example"


def _fill(browser: Browser, token: str, **changes: str) -> Any:
    form = {
        "csrf_token": browser.field(f"/first-run/{token}"), "name": "Li Wei", "email": ADMIN, "password": PASSWORD,
        "again": PASSWORD,
    }  # fmt: skip
    return browser.post(f"/first-run/{token}", data=form | changes)


def test_first_administrator(store: Store, settings: Any, clock: Any) -> None:
    web = build(settings, store, clock)
    token = ensure_first_run(store, clock())
    assert token is not None and len(token) >= 43
    browser = web.anonymous()
    answer = _fill(browser, token)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/factors?next=/")
    assert browser.get("/").status_code == 200
    with store.read() as connection:
        account = accounts.find(connection, email=ADMIN)
        stored = connection.execute(sa.select(table)).one()
        assert audit.verify(connection) is None
    assert account is not None
    assert account.roles == {"admin", "duty", "viewer"}
    assert account.name == "Li Wei"
    assert token not in str(stored)
    assert stored.used_at == clock()


def test_link_is_good_once(empty_web: Web) -> None:
    token = ensure_first_run(empty_web.store, empty_web.clock()) or ""
    late = empty_web.anonymous()
    csrf = late.field(f"/first-run/{token}")
    assert _fill(empty_web.anonymous(), token).status_code == 303
    form = {"csrf_token": csrf, "name": "x", "email": "second@eoc.example", "password": PASSWORD, "again": PASSWORD}
    assert late.post(f"/first-run/{token}", data=form).status_code == 404
    assert empty_web.anonymous().get(f"/first-run/{token}").status_code == 404
    assert ensure_first_run(empty_web.store, empty_web.clock()) is None
    with empty_web.store.read() as connection:
        assert [account.email for account in accounts.everyone(connection)] == [ADMIN]


def test_spent_token_makes_no_second_account(store: Store, now: Any) -> None:
    token = ensure_first_run(store, now) or ""
    with store.write() as connection:
        assert first_run.use(connection, token, email="a@b.example", name="", password_hash="x", now=now) is not None
    with store.write() as connection:
        assert first_run.use(connection, token, email="c@d.example", name="", password_hash="x", now=now) is None


def test_link_expires(empty_web: Web) -> None:
    token = ensure_first_run(empty_web.store, empty_web.clock()) or ""
    browser = empty_web.anonymous()
    empty_web.clock.forward(hours=23)
    csrf = browser.field(f"/first-run/{token}")
    empty_web.clock.now += timedelta(hours=1)
    assert browser.get(f"/first-run/{token}").status_code == 404
    form = {"csrf_token": csrf, "name": "x", "email": ADMIN, "password": PASSWORD, "again": PASSWORD}
    assert browser.post(f"/first-run/{token}", data=form).status_code == 404


def test_new_start_prints_a_new_link_and_voids_the_old(empty_web: Web) -> None:
    first = ensure_first_run(empty_web.store, empty_web.clock()) or ""
    second = ensure_first_run(empty_web.store, empty_web.clock()) or ""
    assert first != second
    assert empty_web.anonymous().get(f"/first-run/{first}").status_code == 404
    assert empty_web.anonymous().get(f"/first-run/{second}").status_code == 200


def test_looking_at_the_link_does_not_spend_it(empty_web: Web) -> None:
    token = ensure_first_run(empty_web.store, empty_web.clock()) or ""
    for _ in range(3):
        assert empty_web.anonymous().get(f"/first-run/{token}").status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"password": "short", "again": "short"}, 400, "at least 12"),
        ({"again": "another one entirely"}, 400, "differ"),
        ({"email": "nobody"}, 400, "not an e-mail address"),
        ({"email": "a@b\r\nBcc: x@y"}, 400, "not an e-mail address"),
        ({"password": "Password1234", "again": "Password1234"}, 400, "attacker"),
        ({"csrf_token": "wrong"}, 400, "open for too long"),
        ({"csrf_token": ""}, 400, "open for too long"),
    ],
)
def test_bad_form_leaves_the_link_good(empty_web: Web, changes: dict[str, str], status: int, says: str) -> None:
    token = ensure_first_run(empty_web.store, empty_web.clock()) or ""
    answer = _fill(empty_web.anonymous(), token, **changes)
    assert answer.status_code == status
    assert says in answer.get_data(as_text=True)
    assert PASSWORD not in answer.get_data(as_text=True)
    assert _fill(empty_web.anonymous(), token).status_code == 303


@pytest.mark.parametrize("token", ["x", "%00", "x" * 5000, "%F0%9F%98%80"])
def test_guessed_link(empty_web: Web, token: str) -> None:
    ensure_first_run(empty_web.store, empty_web.clock())
    assert empty_web.anonymous().get(f"/first-run/{token}").status_code == 404
    assert empty_web.anonymous().post(f"/first-run/{token}").status_code == 404


def test_login_page_says_where_the_first_link_is(empty_web: Web) -> None:
    page = empty_web.anonymous().get("/login").get_data(as_text=True)
    assert "There is no account yet" in page
    token = ensure_first_run(empty_web.store, empty_web.clock()) or ""
    _fill(empty_web.anonymous(), token)
    assert "There is no account yet" not in empty_web.anonymous().get("/login").get_data(as_text=True)
