"""What administrators do to accounts, and the locks on it below the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from access import accounts, admin, audit, factors
from access.people import Person
from data.actor import Reauthentication
from data.errors import ConfigError
from data.store.tables import audit as audit_table
from tests.access.conftest import PEOPLE, Web
from tests.access.test_second_factor import account_of, give_totp


def administrator(web: Web) -> Person:
    proved = Reauthentication(web.clock(), "totp", True)
    return account_of(web, "admin").person(second_factor=True, proved=proved)


def _acts(web: Web) -> dict[str, Callable[[Person], Any]]:
    store, now, other = web.store, web.clock(), account_of(web, "duty").id
    return {
        "invite": lambda by: admin.invite(store, by, email="n@eoc.example", name="N", roles=["duty"], now=now),
        "invite again": lambda by: admin.invite_again(store, by, other, now),
        "rights": lambda by: admin.set_rights(store, by, other, roles=["author"], regions=[], hazards=[], now=now),
        "active": lambda by: admin.set_active(store, by, other, False, now),
        "sessions": lambda by: admin.end_sessions(store, by, other, now),
        "factors": lambda by: admin.reset_second_factor(store, by, other, now),
    }


ACTS = ("invite", "invite again", "rights", "active", "sessions", "factors")


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", ["duty", "approver", "stale", "one factor", "nobody"])
def test_asvs_8_3_1_and_7_5_1_service_refuses(web: Web, act: str, who: str) -> None:
    by = administrator(web)
    person = {
        "duty": replace(by, roles=frozenset({"duty"})),
        "approver": replace(by, roles=frozenset({"approver", "author", "duty"})),
        "stale": replace(by, proved=None),
        "one factor": replace(by, second_factor=False),
        "nobody": Person(),
    }[who]
    with web.store.read() as connection:
        before = audit.head(connection)
    with pytest.raises(ConfigError):
        _acts(web)[act](person)
    with web.store.read() as connection:
        assert audit.head(connection) == before


@pytest.mark.parametrize("act", ACTS)
def test_each_act_is_in_the_audit_chain_with_who_did_it(web: Web, act: str) -> None:
    _acts(web)[act](administrator(web))
    with web.store.read() as connection:
        row = connection.execute(sa.select(audit_table).order_by(audit_table.c.seq.desc()).limit(1)).one()
        assert audit.verify(connection) is None
    assert row.actor == PEOPLE["admin"]
    assert row.action in {
        "user.invite", "user.role", "user.disable", "session.end", "user.reset-factors",
    }  # fmt: skip


def test_rights_with_limits_count_at_the_next_request(web_on_both: Web) -> None:
    web = web_on_both
    duty = account_of(web, "duty")
    admin.set_rights(
        web.store, administrator(web), duty.id, roles=["author"], regions=["CN-110000"], hazards=["rainstorm"],
        now=web.clock(),
    )  # fmt: skip
    changed = account_of(web, "duty")
    assert (changed.roles, changed.regions, changed.hazards) == ({"author"}, ("CN-110000",), ("rainstorm",))
    actor = changed.person(second_factor=False).actor()
    assert (actor.regions, actor.hazards, actor.proved) == (("CN-110000",), ("rainstorm",), None)


@pytest.mark.parametrize("value", ["", "a b", "x" * 81, "<b>", "CN-110000\n"])
def test_limit_that_is_no_code(web: Web, value: str) -> None:
    with pytest.raises(ConfigError, match="not the code"):
        admin.set_rights(
            web.store, administrator(web), account_of(web, "duty").id, roles=["duty"], regions=[value], hazards=[],
            now=web.clock(),
        )  # fmt: skip
    assert account_of(web, "duty").regions == ()


@pytest.mark.parametrize("way", ["off", "role"])
def test_last_administrator_stays(web: Web, way: str) -> None:
    by = administrator(web)
    with pytest.raises(ConfigError, match="last administrator"):
        if way == "off":
            admin.set_active(web.store, by, by.id, False, web.clock())
        else:
            admin.set_rights(web.store, by, by.id, roles=["viewer"], regions=[], hazards=[], now=web.clock())
    still = account_of(web, "admin")
    assert still.active and still.roles == {"admin"}


def test_asvs_7_4_2_switching_off_ends_sessions_at_once(web_on_both: Web) -> None:
    web = web_on_both
    browser = web.signed_in("duty")
    admin.set_active(web.store, administrator(web), account_of(web, "duty").id, False, web.clock())
    assert browser.get("/_dash-layout").status_code == 401


def test_second_factor_taken_away_ends_what_rested_on_it(web: Web) -> None:
    give_totp(web, "approver")
    browser = web.signed_in("viewer")
    approver = account_of(web, "approver")
    admin.reset_second_factor(web.store, administrator(web), approver.id, web.clock())
    with web.store.read() as connection:
        assert factors.of(connection, approver.id) == []
        assert factors.recovery_codes_left(connection, approver.id) == 0
    assert browser.get("/_dash-layout").status_code == 200
    with pytest.raises(ConfigError, match="Somebody else"):
        admin.reset_second_factor(web.store, administrator(web), administrator(web).id, web.clock())


def test_list_shows_what_protects_each_account(web: Web) -> None:
    give_totp(web, "approver")
    web.signed_in("duty")
    found = {line.account.email: line for line in admin.lines(web.store, web.clock(), web.settings.wall_session)}
    assert len(found[PEOPLE["duty"]].sessions) == 1
    assert [factor.kind for factor in found[PEOPLE["approver"]].factors] == ["totp"]
    assert found[PEOPLE["viewer"]].sessions == []


def test_asvs_13_3_1_inventory_names_keys_and_shows_none(web: Web) -> None:
    give_totp(web, "duty")
    found = {item.name: item for item in admin.key_files(web.settings.home)}
    assert set(found) == {"session_key", "password_salt", "metrics_token", "factor_key", "mark_key"}
    assert all(item.purpose for item in found.values())
    values = [(web.settings.home / "secrets" / name).read_text(encoding="ascii") for name in found]
    assert not any(value in repr(found) for value in values)
    assert admin.factor_keys_in_use(web.store) == {found["factor_key"].ids[0]: 1}


def test_accounts_of_one_office_are_listed_in_order(web: Web) -> None:
    with web.store.read() as connection:
        emails = [account.email for account in accounts.everyone(connection)]
    assert emails == sorted(PEOPLE.values())
