"""One's own sessions, ended one by one; a wall display; links by which accounts are taken over."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from access import accounts, invitations, session_rows
from data.errors import ConfigError
from data.store.tables import user_session
from tests.access.conftest import PASSWORD, PEOPLE, Browser, Web

NEW = "new@eoc.example"


def _end(browser: Browser, which: str) -> Any:
    return browser.post("/account/sessions", data={"csrf_token": browser.field("/account"), "session": which})


def _listed(browser: Browser) -> list[str]:
    return re.findall(r'name="session" value="(\d+)"', browser.get("/account").get_data(as_text=True))


def test_asvs_7_4_5_one_session_is_ended_from_another(web_on_both: Web) -> None:
    web = web_on_both
    here, there, third = web.signed_in("duty"), web.signed_in("duty"), web.signed_in("duty")
    mine = _listed(here)
    assert len(mine) == 2
    assert _end(here, mine[0]).status_code == 303
    alive = [browser.get("/_dash-layout").status_code for browser in (here, there, third)]
    assert sorted(alive) == [200, 200, 401] and alive[0] == 200
    _end(here, "others")
    assert [browser.get("/_dash-layout").status_code for browser in (here, there, third)] == [200, 401, 401]


def test_session_of_somebody_else_is_not_ended(web: Web) -> None:
    duty, planner = web.signed_in("duty"), web.signed_in("planner")
    other = web.signed_in("planner")
    (which,) = _listed(planner)
    for value in (which, "0", "x", "9" * 30, ""):
        assert _end(duty, value).status_code == 303
    assert other.get("/_dash-layout").status_code == 200


def test_session_row_holds_no_token(web: Web) -> None:
    web.signed_in("duty").get("/")
    with web.store.read() as connection:
        row = connection.execute(sa.select(user_session)).one()
    assert re.fullmatch(r"[0-9a-f]{64}", row.token_sha256)


def test_rows_of_long_ago_go_when_their_owner_signs_in_again(web: Web) -> None:
    for days in (0, 89, 89):
        web.clock.forward(days=days)
        web.signed_in("duty")
    with web.store.read() as connection:
        assert len(connection.execute(sa.select(user_session)).all()) == 2


def test_wall_display_stays_for_weeks_and_changes_nothing(web: Web) -> None:
    wall = web.signed_in("wall")
    web.clock.forward(days=29)
    assert wall.get("/").status_code == 200
    assert wall.callback("look.children").status_code == 200
    assert wall.callback("running.children").status_code == 403
    assert wall.get("/account").status_code == 403
    web.clock.forward(days=1)
    assert wall.get("/_dash-layout").status_code == 401


@pytest.mark.parametrize("roles", [["wall", "duty"], ["wall", "admin"]])
def test_wall_display_has_no_other_role(web: Web, roles: list[str]) -> None:
    with web.store.write() as connection:
        with pytest.raises(ConfigError, match="no other"):
            accounts.create(connection, email=NEW, name="", password_hash="x", roles=roles, at=web.clock())
        account = accounts.find(connection, email=PEOPLE["duty"])
        assert account is not None
        with pytest.raises(ConfigError, match="no other"):
            accounts.set_roles(connection, account, roles)


def _invite(web: Web) -> str:
    with web.store.write() as connection:
        account = accounts.create(
            connection, email=NEW, name="", password_hash=None, roles=["duty"], at=web.clock()
        )  # fmt: skip
        return invitations.make(connection, account, by="admin@eoc.example", now=web.clock())


def _take(browser: Browser, token: str, **fields: str) -> Any:
    csrf = browser.field(f"/invitation/{token}")
    form = {"csrf_token": csrf, "name": "Li Wei", "password": PASSWORD, "again": PASSWORD, **fields}
    return browser.post(f"/invitation/{token}", data=form)


def test_invitation_is_taken_once(web_on_both: Web) -> None:
    web = web_on_both
    token = _invite(web)
    assert web.anonymous().sign_in(NEW, "").status_code == 401
    assert _take(web.anonymous(), token, again="something else").status_code == 400
    browser = web.anonymous()
    assert _take(browser, token).headers["Location"] == "/"
    assert browser.get("/_dash-layout").status_code == 200
    assert web.anonymous().get(f"/invitation/{token}").status_code == 404
    assert web.anonymous().sign_in(NEW).status_code == 303


@pytest.mark.parametrize("what", ["late", "newer", "disabled", "wrong"])
def test_invitation_that_opens_nothing(web: Web, what: str) -> None:
    token = _invite(web)
    with web.store.write() as connection:
        account = accounts.find(connection, email=NEW)
        assert account is not None
        if what == "newer":
            invitations.make(connection, account, by="x", now=web.clock())
        if what == "disabled":
            accounts.set_active(connection, account, False, at=web.clock(), by="x")
    if what == "late":
        web.clock.forward(hours=72)
    assert web.anonymous().get(f"/invitation/{token + 'x' * (what == 'wrong')}").status_code == 404
    form = {"name": "x", "password": PASSWORD, "again": PASSWORD}
    assert web.anonymous().post(f"/invitation/{token + 'x' * (what == 'wrong')}", data=form).status_code == 404


def test_invitation_to_a_known_account_sets_a_new_password_and_ends_its_sessions(web: Web) -> None:
    browser = web.signed_in("duty")
    with web.store.write() as connection:
        account = accounts.find(connection, email=PEOPLE["duty"])
        assert account is not None
        token = invitations.make(connection, account, by="admin@eoc.example", now=web.clock())
    assert (
        _take(web.anonymous(), token, password="eleven brown herons", again="eleven brown herons").status_code == 303
    )
    assert browser.get("/_dash-layout").status_code == 401
    assert web.anonymous().sign_in(PEOPLE["duty"]).status_code == 401


def test_open_sessions_of_an_account_are_those_that_stand(web: Web) -> None:
    web.signed_in("duty")
    web.clock.forward(minutes=20)
    web.signed_in("duty")
    web.clock.forward(minutes=20)
    with web.store.read() as connection:
        account = accounts.find(connection, email=PEOPLE["duty"])
        assert account is not None
        rows = session_rows.open_of(connection, account.id, web.clock(), web.settings.wall_session)
    assert len(rows) == 1
