"""A second factor: set up, asked for, used once, slowed down when guessed, and what a role is worth without it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from access import accounts, factors, throttle, totp
from access.keys import read_keys
from access.people import Account
from data.errors import ConfigError
from data.store.tables import audit as audit_table
from data.store.tables import recovery_code, user_factor
from tests.access.conftest import PASSWORD, PEOPLE, Browser, Web


def account_of(web: Web, role: str) -> Account:
    with web.store.read() as connection:
        account = accounts.find(connection, email=PEOPLE[role])
    assert account is not None
    return account


def give_totp(web: Web, role: str) -> str:
    """The secret of a program that the account of a role now has."""
    secret, now = totp.new_secret(), web.clock()
    with web.store.write() as connection:
        factors.add_totp(
            connection, account_of(web, role).id, secret=secret, name="Telephone", step=totp.step_of(now) - 5,
            keys=read_keys(web.settings.home), at=now,
        )  # fmt: skip
    return secret


def code_now(web: Web, secret: str) -> str:
    return totp.code_at(secret, totp.step_of(web.clock()))


def second(browser: Browser, code: str, **fields: str) -> Any:
    form = {"csrf_token": browser.field("/login/second"), "code": code, **fields}
    return browser.post("/login/second", data=form)


def sign_in_twice(web: Web, role: str, secret: str) -> Browser:
    browser = web.anonymous()
    assert browser.sign_in(PEOPLE[role]).headers["Location"].startswith("/login/second")
    assert second(browser, code_now(web, secret)).status_code == 303
    return browser


@pytest.mark.parametrize("role", ["approver", "admin"])
def test_asvs_6_3_3_role_sleeps_without_a_second_factor(web_on_both: Web, role: str) -> None:
    web = web_on_both
    browser = web.anonymous()
    answer = browser.sign_in(PEOPLE[role], next="/feeds")
    assert answer.headers["Location"] == "/account/factors?next=/feeds"
    page = browser.get("/account/factors?next=/feeds").get_data(as_text=True)
    assert "sleep until a second factor" in page
    assert 'href="/feeds"' in page
    assert browser.callback("look.children").status_code == 200
    assert browser.callback('{"index":["ALL"],"kind":"row"}.children').status_code == 403
    assert browser.get("/_dash-layout").status_code == 200


def test_approver_sets_up_a_program_and_is_awake(web_on_both: Web) -> None:
    web = web_on_both
    browser = web.anonymous()
    browser.sign_in(PEOPLE["admin"])
    form = {"csrf_token": browser.field("/account/factors")}
    page = browser.post("/account/factors/totp", data=form).get_data(as_text=True)
    secret = _secret_of(page)
    assert page.count("data:image/svg") == 1
    wrong = browser.post("/account/factors/totp/code", data={**form, "code": "000000"})
    assert wrong.status_code == 400
    assert _secret_of(wrong.get_data(as_text=True)) == secret
    done = browser.post("/account/factors/totp/code", data={**form, "code": code_now(web, secret), "name": "Phone"})
    assert done.status_code == 200
    codes = re.findall(r"<li>([A-Z2-7-]{29})</li>", done.get_data(as_text=True))
    assert len(set(codes)) == factors.RECOVERY_CODES
    assert browser.get("/people").status_code == 200
    assert _actions(web)[-1] == "factor.add"
    web.clock.forward(minutes=1)
    again = web.anonymous()
    again.sign_in(PEOPLE["admin"])
    assert second(again, code_now(web, secret), next="/people").headers["Location"] == "/people"
    assert again.get("/_dash-layout").status_code == 200


def _secret_of(page: str) -> str:
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert found is not None
    return found[1].replace(" ", "")


def _actions(web: Web) -> list[str]:
    with web.store.read() as connection:
        query = sa.select(audit_table.c.action).order_by(audit_table.c.seq)
        return [str(action) for action in connection.execute(query).scalars()]


def test_password_alone_opens_nothing_where_there_is_a_second_factor(web: Web) -> None:
    give_totp(web, "duty")
    browser = web.anonymous()
    browser.sign_in(PEOPLE["duty"], next="/feeds")
    assert browser.get("/_dash-layout").status_code == 401
    assert browser.callback("look.children", token=False).status_code == 401
    assert 'name="next" value="/feeds"' in browser.get("/login/second?next=/feeds").get_data(as_text=True)


def test_second_step_needs_the_first(web: Web) -> None:
    give_totp(web, "duty")
    browser = web.anonymous()
    assert browser.get("/login/second").headers["Location"] == "/login"
    assert browser.post("/login/second", data={"code": "123456"}).headers["Location"] == "/login"
    assert browser.post("/login/second/options.json", json={}).status_code == 401
    assert browser.post("/login/second/key.json", json={}).status_code == 401


@pytest.mark.parametrize("what", ["late", "password", "disabled"])
def test_second_step_is_over(web: Web, what: str) -> None:
    secret = give_totp(web, "duty")
    browser = web.anonymous()
    browser.sign_in(PEOPLE["duty"])
    token = browser.field("/login/second")
    with web.store.write() as connection:
        if what == "password":
            accounts.set_password(connection, account_of(web, "duty"), "x", at=web.clock(), by="a test")
        elif what == "disabled":
            accounts.set_active(connection, account_of(web, "duty"), False, at=web.clock(), by="a test")
    if what == "late":
        web.clock.forward(minutes=5)
    answer = browser.post("/login/second", data={"csrf_token": token, "code": code_now(web, secret)})
    assert answer.headers["Location"] == "/login"
    assert browser.get("/_dash-layout").status_code == 401


def test_asvs_6_5_1_code_opens_once(web_on_both: Web) -> None:
    web = web_on_both
    secret = give_totp(web, "duty")
    sign_in_twice(web, "duty", secret)
    thief = web.anonymous()
    thief.sign_in(PEOPLE["duty"])
    assert second(thief, code_now(web, secret)).status_code == 401
    web.clock.forward(seconds=30)
    assert second(thief, totp.code_at(secret, totp.step_of(web.clock()) - 1)).status_code == 401
    assert second(thief, code_now(web, secret)).status_code == 303


def test_wrong_codes_slow_an_account_down(web_on_both: Web) -> None:
    web = web_on_both
    secret = give_totp(web, "duty")
    browser = web.anonymous()
    browser.sign_in(PEOPLE["duty"])
    for _ in range(throttle.CODES.limit):
        assert second(browser, "000000").status_code == 401
    answer = second(browser, code_now(web, secret))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == 901
    web.clock.forward(minutes=15, seconds=1)
    browser.sign_in(PEOPLE["duty"])
    assert second(browser, code_now(web, secret)).status_code == 303


def test_recovery_code_opens_once_and_signs_nothing(web_on_both: Web) -> None:
    web = web_on_both
    give_totp(web, "approver")
    approver = account_of(web, "approver")
    with web.store.write() as connection:
        keys = read_keys(web.settings.home)
        codes = factors.new_recovery_codes(connection, approver.id, keys=keys, at=web.clock())
        kept = connection.execute(sa.select(recovery_code.c.code_hash)).scalars().all()
    assert not {code.replace("-", "") for code in codes} & set(kept)
    browser = web.anonymous()
    browser.sign_in(PEOPLE["approver"])
    assert second(browser, codes[0].lower().replace("-", " ")).status_code == 303
    with web.server.test_request_context("/", headers=[("Cookie", _cookie(web, browser))]):
        from access import sessions

        person = sessions.load()
    assert person.roles == {"approver"}
    assert person.proved is not None and not person.proved.second_factor
    other = web.anonymous()
    other.sign_in(PEOPLE["approver"])
    assert second(other, codes[0]).status_code == 401
    assert second(other, codes[1]).status_code == 303


def _cookie(web: Web, browser: Browser) -> str:
    return f"{web.server.config['SESSION_COOKIE_NAME']}={browser.session_cookie}"


def test_asvs_13_3_1_secret_is_not_in_the_store(web: Web) -> None:
    secret = give_totp(web, "duty")
    with web.store.read() as connection:
        row = connection.execute(sa.select(user_factor)).one()
    assert secret not in str(row)
    assert re.fullmatch(r"[0-9a-f]{8}:gAAAA[\w=-]+", row.secret)


def test_secret_moved_to_another_account_is_worth_nothing(web: Web) -> None:
    secret = give_totp(web, "duty")
    admin = account_of(web, "admin").id
    with web.store.write() as connection:
        connection.execute(user_factor.update().values(user_id=admin))
        keys = read_keys(web.settings.home)
        assert not factors.use_totp(connection, admin, code_now(web, secret), keys=keys, at=web.clock())


def test_new_factor_key_is_put_before_the_old_one(web: Web) -> None:
    path = web.settings.home / "secrets" / "factor_key"
    old = read_keys(web.settings.home)
    hidden = old.encrypt("seed")
    path.write_text("y" * 43 + "\n" + path.read_text(encoding="ascii") + "\n", encoding="ascii")
    both = read_keys(web.settings.home)
    assert both.decrypt(hidden) == "seed"
    assert both.encrypt("seed").partition(":")[0] != hidden.partition(":")[0]
    path.write_text("y" * 43, encoding="ascii")
    with pytest.raises(ConfigError, match="has no key"):
        read_keys(web.settings.home).decrypt(hidden)
    with pytest.raises(ConfigError, match="changed"):
        old.decrypt(hidden[:-8] + "AAAAAAA=")


def test_factor_is_changed_only_after_a_fresh_proof(web: Web) -> None:
    secret = give_totp(web, "duty")
    browser = sign_in_twice(web, "duty", secret)
    form = {"csrf_token": browser.field("/account/factors")}
    web.clock.forward(minutes=5)
    for path in ("totp", "totp/code", "remove", "recovery"):
        answer = browser.post(f"/account/factors/{path}", data=form)
        assert answer.headers["Location"] == "/reauth?next=/account/factors"
    for path in ("key/options.json", "key.json"):
        headers = {"X-CSRFToken": browser.token()}
        assert browser.post(f"/account/factors/{path}", json={}, headers=headers).status_code == 403
    with web.store.read() as connection:
        assert len(factors.of(connection, account_of(web, "duty").id)) == 1


@pytest.mark.parametrize(("role", "stays"), [("approver", 1), ("duty", 0)])
def test_last_factor_stays_where_a_role_needs_it(web: Web, role: str, stays: int) -> None:
    browser = sign_in_twice(web, role, give_totp(web, role))
    account = account_of(web, role)
    with web.store.read() as connection:
        (factor,) = factors.of(connection, account.id)
    form = {"csrf_token": browser.field("/account/factors"), "factor": str(factor.id)}
    browser.post("/account/factors/remove", data=form)
    with web.store.read() as connection:
        assert len(factors.of(connection, account.id)) == stays


def test_factor_of_somebody_else_is_not_taken_away(web: Web) -> None:
    give_totp(web, "author")
    browser = web.signed_in("duty")
    with web.store.read() as connection:
        (factor,) = factors.of(connection, account_of(web, "author").id)
    form = {"csrf_token": browser.field("/account/factors"), "factor": str(factor.id)}
    browser.post("/account/factors/remove", data=form)
    with web.store.read() as connection:
        assert len(factors.of(connection, account_of(web, "author").id)) == 1


def test_codes_are_slowed_down_by_the_account_over_all_ways(web: Web) -> None:
    secret = give_totp(web, "duty")
    browser = sign_in_twice(web, "duty", secret)
    web.clock.forward(seconds=30)
    token = browser.field("/reauth")
    for _ in range(throttle.CODES.limit):
        browser.post("/reauth", data={"csrf_token": token, "password": PASSWORD, "code": "000000"})
    other = web.anonymous()
    other.sign_in(PEOPLE["duty"])
    assert second(other, code_now(web, secret)).status_code == 429
    assert timedelta(minutes=15) == throttle.CODES.window
