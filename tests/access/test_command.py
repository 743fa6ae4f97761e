"""The `user` and `audit` commands."""

from __future__ import annotations

import argparse
import io
import json
from typing import Any

import pytest
import sqlalchemy as sa

from access import accounts, audit, totp
from access.audit_command import verify_main
from access.command import add_arguments, main
from access.matrix import ACTIONS, ROLES, may
from data.clock import utc_now
from data.errors import ConfigError
from data.settings import Settings
from data.store.engine import Store
from data.store.tables import audit as audit_table
from tests.access.conftest import PASSWORD, Web

NEW = "new@eoc.example"


def _run(store: Store, settings: Settings, *arguments: str) -> int:
    top = argparse.ArgumentParser()
    add_arguments(top.add_subparsers(dest="action", required=True))
    return main(store, top.parse_args(arguments), settings)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))


def test_user_life(store: Store, settings: Settings, typed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    typed(PASSWORD)
    assert _run(store, settings, "add", NEW, "duty", "viewer", "--name", "Li Wei", "--password-stdin", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {
        "email": NEW, "name": "Li Wei", "active": True, "roles": ["duty", "viewer"], "last_login_at": None,
        "regions": [], "hazards": [], "levels": [], "sectors": [],
    }  # fmt: skip
    assert _run(store, settings, "role", NEW, "author") == 0
    assert _run(store, settings, "disable", NEW) == 0
    assert _run(store, settings, "list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (row["active"], row["roles"]) == (False, ["author"])
    assert _run(store, settings, "enable", NEW) == 0
    typed("eleven brown herons")
    assert _run(store, settings, "password", NEW, "--password-stdin") == 0
    with store.read() as connection:
        actions = connection.execute(sa.select(audit_table.c.action).order_by(audit_table.c.seq)).scalars().all()
        assert audit.verify(connection) is None
    assert actions == ["user.add", "user.role", "user.disable", "user.enable", "user.password"]


def test_user_added_can_sign_in(web: Web, typed: Any) -> None:
    typed(PASSWORD)
    _run(web.store, web.settings, "add", "New@EOC.example", "--password-stdin")
    browser = web.anonymous()
    assert browser.sign_in(NEW).status_code == 303
    _run(web.store, web.settings, "disable", NEW)
    assert browser.get("/_dash-layout").status_code == 401


def test_user_password_by_prompt(sqlite_store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PASSWORD, PASSWORD, PASSWORD, "something else now"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    assert _run(sqlite_store, settings, "add", NEW) == 0
    with pytest.raises(ConfigError, match="differ"):
        _run(sqlite_store, settings, "password", NEW)


@pytest.mark.parametrize(
    ("arguments", "password", "fault"),
    [
        (("add", "not-an-address"), PASSWORD, "not an e-mail"),
        (("add", "a@b@c.example"), PASSWORD, "not an e-mail"),
        (("add", NEW, "king"), PASSWORD, "king"),
        (("add", NEW), "short", "at least 12"),
        (("add", "duty@eoc.example"), PASSWORD, "there is an account"),
        (("add", "DUTY@EOC.EXAMPLE"), PASSWORD, "there is an account"),
        (("password", "nobody@eoc.example"), PASSWORD, "no account"),
    ],
)
def test_user_refused(web: Web, typed: Any, arguments: tuple[str, ...], password: str, fault: str) -> None:
    typed(password)
    with pytest.raises(ConfigError, match=fault):
        _run(web.store, web.settings, *arguments, "--password-stdin")
    with web.store.read() as connection:
        assert len(accounts.everyone(connection)) == len(ROLES)
        assert audit.head(connection)[0] == 0


def test_name_is_one_line(store: Store, settings: Settings, typed: Any) -> None:
    typed(PASSWORD)
    _run(store, settings, "add", NEW, "--name", " Li\r\nWei\x00 ", "--password-stdin")
    with store.read() as connection:
        account = accounts.find(connection, email=NEW)
    assert account is not None
    assert account.name == "Li Wei"


def test_audit_verify(
    sqlite_store: Store, settings: Settings, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(PASSWORD)
    _run(sqlite_store, settings, "add", NEW, "--password-stdin")
    capsys.readouterr()
    assert verify_main(sqlite_store, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["broken_at"] is None
    assert verify_main(sqlite_store, as_json=False) == 0
    assert "1 entries, unbroken" in capsys.readouterr().out
    with sqlite_store.write() as connection:
        connection.execute(sa.text("DROP TRIGGER audit_no_UPDATE"))
        connection.execute(audit_table.update().values(actor="someone else"))
    assert verify_main(sqlite_store, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["broken_at"] == 1
    assert verify_main(sqlite_store, as_json=False) == 1
    assert "broken at entry 1" in capsys.readouterr().err


@pytest.mark.parametrize("action", ACTIONS)
def test_matrix_action_is_somebodys_and_known_roles_only(action: str) -> None:
    assert ACTIONS[action] and ACTIONS[action] <= set(ROLES)
    assert [role for role in ROLES if may(frozenset({role}), action)] == [r for r in ROLES if r in ACTIONS[action]]
    assert not may(frozenset(), action)


def test_matrix_unknown_action_is_nobodys() -> None:
    assert not may(frozenset(ROLES), "everything")
    assert not may(frozenset({"root"}), "watch.view")


def test_user_scope_invite_totp_and_reset(
    web: Web, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    store, settings = web.store, web.settings
    assert _run(store, settings, "invite", NEW, "approver", "--json") == 0
    address = json.loads(capsys.readouterr().out)["address"]
    assert web.anonymous().get(address.partition("8050")[2]).status_code == 200
    with pytest.raises(ConfigError, match="user role"):
        _run(store, settings, "invite", NEW, "admin")
    assert _run(store, settings, "scope", NEW, "--region", "CN-110000", "--hazard", "flood", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["regions"], row["hazards"]) == (["CN-110000"], ["flood"])
    assert _run(store, settings, "totp", NEW, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert len(made["recovery_codes"]) == 10 and made["secret"] in made["address"]
    typed(PASSWORD)
    assert _run(store, settings, "password", NEW, "--password-stdin") == 0
    browser = web.anonymous()
    assert browser.sign_in(NEW).headers["Location"].startswith("/login/second")
    code = totp.code_at(made["secret"], totp.step_of(utc_now()))
    web.clock.now = utc_now()
    browser.sign_in(NEW)
    form = {"csrf_token": browser.field("/login/second"), "code": code}
    assert browser.post("/login/second", data=form).status_code == 303
    assert _run(store, settings, "reset-factors", NEW) == 0
    assert browser.get("/_dash-layout").status_code == 401
