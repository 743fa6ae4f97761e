"""Sign in, sign out, change of password, and what a copied cookie is worth afterwards."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask.sessions import SecureCookieSessionInterface

from access import accounts, audit, throttle
from access.answers import safe_next
from data.store.tables import audit as audit_table
from data.store.tables import user
from tests.access.conftest import PASSWORD, PEOPLE, Browser, Web


def test_login_opens_the_pages_and_is_audited(web_on_both: Web) -> None:
    web = web_on_both
    browser = web.anonymous()
    assert browser.get("/").headers["Location"] == "/login"
    assert browser.sign_in(PEOPLE["duty"]).headers["Location"] == "/"
    assert browser.get("/").status_code == 200
    assert browser.callback("look.children").json["response"]["look"]["children"] == "seen by duty@eoc.example"  # type: ignore[index]
    with web.store.read() as connection:
        row = connection.execute(sa.select(audit_table).order_by(audit_table.c.seq.desc()).limit(1)).one()
        stamp = connection.execute(sa.select(user.c.last_login_at).where(user.c.email == PEOPLE["duty"])).scalar()
        assert audit.verify(connection) is None
    assert (row.action, row.actor, row.detail) == ("login.ok", PEOPLE["duty"], {"address": "127.0.0.1"})
    assert stamp == web.clock.now


@pytest.mark.parametrize("typed", ["  Duty@EOC.example ", "DUTY@eoc.EXAMPLE"])
def test_login_ignores_case_and_blanks_of_the_address(web: Web, typed: str) -> None:
    assert web.anonymous().sign_in(typed).status_code == 303


def test_login_answers_are_the_same_for_unknown_wrong_and_disabled(web: Web) -> None:
    with web.store.write() as connection:
        account = accounts.find(connection, email=PEOPLE["author"])
        assert account is not None
        accounts.set_active(connection, account, False, at=web.clock(), by="a test")
    answers = [
        web.anonymous().sign_in("nobody@eoc.example"),
        web.anonymous().sign_in(PEOPLE["viewer"], "not the password"),
        web.anonymous().sign_in(PEOPLE["author"]),
        web.anonymous().sign_in(PEOPLE["viewer"], ""),
        web.anonymous().sign_in("", ""),
        web.anonymous().sign_in(PEOPLE["viewer"], "x" * 100_000),
        web.anonymous().sign_in("a\r\nb\x00\u202e@" + "x" * 5000, PASSWORD),
    ]
    assert [answer.status_code for answer in answers] == [401] * len(answers)
    pages = {re.sub(r'value="[^"]*"', "", answer.get_data(as_text=True)) for answer in answers}
    assert len(pages) == 1


def test_login_hashes_once_for_an_unknown_address_too(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from access import passwords

    seen: list[Any] = []
    real = passwords.verify_password
    monkeypatch.setattr(passwords, "verify_password", lambda *given: seen.append(given[1]) or real(*given))
    web.anonymous().sign_in("nobody@eoc.example")
    web.anonymous().sign_in(PEOPLE["viewer"], "not the password")
    assert seen[0] is None
    assert seen[1].startswith("$argon2id$")


def test_failed_login_does_not_write_down_what_may_be_a_password(web: Web) -> None:
    web.anonymous().sign_in("my secret password")
    with web.store.read() as connection:
        row = connection.execute(sa.select(audit_table).where(audit_table.c.action == "login.failed")).one()
    assert row.object.startswith("unknown:")
    assert "secret" not in str(row)


def test_asvs_11_4_2_password_is_argon2id(web: Web) -> None:
    with web.store.read() as connection:
        stored = connection.execute(sa.select(user.c.password).where(user.c.email == PEOPLE["duty"])).scalar()
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


@pytest.mark.parametrize("token", ["", "wrong", "\u00e9"])
def test_login_without_the_token_of_the_form(web: Web, token: str) -> None:
    browser = web.anonymous()
    browser.get("/login")
    answer = browser.post("/login", data={"email": PEOPLE["duty"], "password": PASSWORD, "csrf_token": token})
    assert answer.status_code == 400
    assert browser.get("/").status_code == 302


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}]
)
def test_login_from_another_site_is_refused(web: Web, headers: dict[str, str]) -> None:
    browser = web.anonymous()
    form = {"csrf_token": browser.field("/login"), "email": PEOPLE["duty"], "password": PASSWORD}
    assert browser.post("/login", data=form, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("target", "goes"),
    [
        ("/feeds", "/feeds"),
        ("/feeds?source=usgs&x=1", "/feeds?source=usgs&x=1"),
        ("/people/北京", "/people/北京"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        (" //evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/feeds\r\nSet-Cookie: a=b", "/"),
        ("/feeds\nLocation: https://evil.example", "/"),
        ("feeds", "/"),
        ("@evil.example", "/"),
        ("/login?next=/x", "/"),
        ("/logout", "/"),
        ("/" + "x" * 3000, "/"),
    ],
)
def test_asvs_3_7_2_next_stays_on_this_site(web: Web, target: str, goes: str) -> None:
    assert safe_next(target) == goes
    answer = web.anonymous().sign_in(PEOPLE["viewer"], next=target)
    assert answer.status_code == 303
    assert answer.headers["Location"] == goes.replace("北京", "%E5%8C%97%E4%BA%AC")
    assert "evil" not in str(answer.headers)


def test_next_is_kept_through_the_form(web: Web) -> None:
    first = web.anonymous().get("/feeds?source=usgs&lang=zh")
    assert first.headers["Location"] == "/login?next=/feeds%3Fsource%3Dusgs%26lang%3Dzh"
    page = web.anonymous().get(first.headers["Location"]).get_data(as_text=True)
    assert 'name="next" value="/feeds?source=usgs&amp;lang=zh"' in page


def test_login_page_escapes_what_it_repeats(web: Web) -> None:
    page = web.anonymous().sign_in('"><script>alert(1)</script>').get_data(as_text=True)
    assert "<script" not in page
    page = web.anonymous().get("/login?next=/%22%3E%3Cscript%3E&lang=%3Cscript%3E").get_data(as_text=True)
    assert "<script" not in page


@pytest.mark.parametrize(
    ("path", "language", "shown", "tag"),
    [
        ("/login", "en-GB,en;q=0.9", "Sign in", "en"),
        ("/login", "zh-CN,zh;q=0.9", "登录", "zh-Hans"),
        ("/login?lang=zh", "en", "登录", "zh-Hans"),
        ("/login?lang=en", "zh", "Sign in", "en"),
        ("/login", "fr", "Sign in", "en"),
    ],
)
def test_login_page_speaks(web: Web, path: str, language: str, shown: str, tag: str) -> None:
    page = web.anonymous().get(path, headers={"Accept-Language": language}).get_data(as_text=True)
    assert f"<h1>{shown}</h1>" in page
    assert f'<html lang="{tag}">' in page


def test_every_word_of_the_pages_is_translated() -> None:
    from pathlib import Path

    from access.words import CHINESE

    folder = Path(__file__).resolve().parents[2] / "access"
    used = set()
    for path in (folder / "templates" / "access").glob("*.html"):
        used |= set(re.findall(r't\("([^"]+)"\)', path.read_text(encoding="utf-8")))
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "admin.py")
    used |= set(re.findall(r'_page\((?:"[a-z_.]+html", )?(?:account, )?\d+, "([^"]+)"', code))
    used |= set(re.findall(r'deny\(\d+, "([^"]+)"', code))
    used |= set(re.findall(r'^[A-Z_]+ = "([A-Z][^"]+[.?])"', code, re.M))
    used |= set(re.findall(r'done="([^"]+)"', code))
    assert used - set(CHINESE) == set()
    assert len(used) > 25


def test_asvs_7_2_4_session_is_new_at_login(web: Web) -> None:
    browser = web.anonymous()
    before_token = browser.field("/login")
    before = browser.session_cookie
    browser.sign_in(PEOPLE["duty"])
    assert browser.session_cookie != before
    assert browser.token() != before_token
    assert browser.with_cookie(before).get("/").status_code == 302


@pytest.mark.parametrize("way", ["logout", "password"])
def test_session_that_ends_no_longer_stands_for_what_is_open(web_on_both: Web, way: str) -> None:
    web = web_on_both
    browser, other = web.signed_in("duty"), web.signed_in("planner")
    browser.get("/api/watching")
    stands = web.server.config["STANDS"]
    other.post("/logout", data={"csrf_token": other.field("/logout")})
    assert stands()
    if way == "logout":
        browser.post("/logout", data={"csrf_token": browser.field("/logout")})
    else:
        assert _change(browser, PASSWORD, "eleven brown herons", "eleven brown herons").status_code == 200
    assert not stands()


def test_asvs_7_4_1_cookie_after_logout(web_on_both: Web) -> None:
    web = web_on_both
    browser, elsewhere = web.signed_in("duty"), web.signed_in("duty")
    thief = browser.with_cookie(browser.session_cookie)
    assert thief.get("/_dash-layout").status_code == 200
    answer = browser.post("/logout", data={"csrf_token": browser.field("/logout")})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert thief.get("/_dash-layout").status_code == 401
    assert browser.get("/_dash-layout").status_code == 401
    web.clock.forward(minutes=-5)  # a clock that was set right revives nothing
    assert thief.get("/_dash-layout").status_code == 401
    assert elsewhere.get("/_dash-layout").status_code == 200
    assert web.anonymous().sign_in(PEOPLE["duty"]).status_code == 303


def test_logout_by_opening_an_address_changes_nothing(web: Web) -> None:
    browser = web.signed_in()
    assert browser.get("/logout").status_code == 200
    assert browser.get("/").status_code == 200
    assert browser.post("/logout").status_code == 403
    assert browser.post("/logout", data={"csrf_token": "x"}).status_code == 403
    assert browser.get("/").status_code == 200


def test_logout_after_the_session_ended_leads_to_login(web: Web) -> None:
    answer = web.anonymous().post("/logout", data={"csrf_token": "x"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


def _switch(web: Web, email: str, active: bool) -> None:
    with web.store.write() as connection:
        account = accounts.find(connection, email=email)
        assert account is not None
        accounts.set_active(connection, account, active, at=web.clock(), by="a test")


def test_asvs_7_4_2_disabling_kills_sessions_at_once_and_enabling_does_not_revive_them(web_on_both: Web) -> None:
    web = web_on_both
    browser = web.signed_in("duty")
    browser.get("/api/watching")
    stands = web.server.config["STANDS"]
    assert stands()
    _switch(web, PEOPLE["duty"], False)
    assert browser.callback("look.children").status_code == 401
    assert not stands()
    _switch(web, PEOPLE["duty"], True)
    assert browser.get("/_dash-layout").status_code == 401


def test_roles_taken_away_count_at_the_next_request(web: Web) -> None:
    browser = web.signed_in("duty")
    assert browser.callback("running.children").status_code == 200
    with web.store.write() as connection:
        account = accounts.find(connection, email=PEOPLE["duty"])
        assert account is not None
        accounts.set_roles(connection, account, ["viewer"])
    assert browser.callback("running.children").status_code == 403
    assert browser.callback("look.children").status_code == 200


def test_asvs_7_3_1_idle_session_ends(web: Web) -> None:
    browser = web.signed_in()
    web.clock.forward(minutes=29)
    assert browser.get("/_dash-layout").status_code == 200
    web.clock.forward(minutes=29)
    assert browser.get("/_dash-layout").status_code == 200
    web.clock.forward(minutes=30)
    assert browser.get("/_dash-layout").status_code == 401
    web.clock.forward(minutes=-30)
    assert browser.get("/_dash-layout").status_code == 401


def test_asvs_7_3_2_busy_session_ends_after_twelve_hours(web: Web) -> None:
    browser = web.signed_in()
    browser.get("/api/watching")
    stands = web.server.config["STANDS"]
    for _ in range(12 * 3 - 1):
        web.clock.forward(minutes=20)
        assert browser.get("/_dash-layout").status_code == 200
    assert stands()
    web.clock.forward(minutes=20)
    assert browser.get("/_dash-layout").status_code == 401
    assert not stands()


def test_session_cookie_of_another_key_or_shape_is_nothing(web: Web) -> None:
    browser = web.signed_in("admin")
    serializer, content = _serializer(web), _content(web, browser)
    odd = [serializer.dumps({**content, "token": token}) for token in ("", "x", None, 1, ["x"], content["csrf"])]
    web.server.secret_key, kept = "x" * 64, web.server.secret_key
    forged = _serializer(web).dumps(content)
    web.server.secret_key = kept
    for value in (forged, *odd, "garbage", "." * 3000):
        assert browser.with_cookie(value).get("/_dash-layout").status_code == 401
    assert browser.with_cookie(serializer.dumps(content)).get("/_dash-layout").status_code == 200


def _serializer(web: Web) -> Any:
    return SecureCookieSessionInterface().get_signing_serializer(web.server)


def _content(web: Web, browser: Browser) -> Any:
    return _serializer(web).loads(browser.session_cookie)


@pytest.mark.parametrize("where", ["query", "header", "body"])
def test_token_of_a_session_opens_nothing_outside_of_its_cookie(web: Web, where: str) -> None:
    token = _content(web, web.signed_in("admin"))["token"]
    browser = web.anonymous()
    if where == "query":
        answer = browser.get(f"/_dash-layout?token={token}")
    elif where == "header":
        answer = browser.get("/_dash-layout", headers={"Authorization": f"Bearer {token}"})
    else:
        answer = browser.callback("look.children", token=False, auth_token=token)
    assert answer.status_code == 401


def test_asvs_6_3_1_twenty_wrong_passwords_slow_an_account_down(web_on_both: Web) -> None:
    web = web_on_both
    for number in range(throttle.PASSWORDS.limit):
        assert _try(web, PEOPLE["duty"], "wrong", f"198.51.100.{number}").status_code == 401
    answer = _try(web, PEOPLE["duty"], PASSWORD, "203.0.113.1")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == 301
    assert _try(web, PEOPLE["viewer"], PASSWORD, "203.0.113.1").status_code == 303
    web.clock.forward(minutes=5, seconds=1)
    assert _try(web, PEOPLE["duty"], PASSWORD, "203.0.113.1").status_code == 303


def test_twenty_wrong_passwords_slow_an_address_down(web: Web) -> None:
    for number in range(throttle.PASSWORDS.limit):
        assert _try(web, f"guess{number}@eoc.example", "wrong", "198.51.100.7").status_code == 401
    assert _try(web, PEOPLE["duty"], PASSWORD, "198.51.100.7").status_code == 429
    assert _try(web, PEOPLE["duty"], PASSWORD, "198.51.100.8").status_code == 303


def test_unknown_address_is_slowed_down_like_a_known_one(web: Web) -> None:
    for number in range(throttle.PASSWORDS.limit):
        assert _try(web, "nobody@eoc.example", "wrong", f"198.51.100.{number}").status_code == 401
    assert _try(web, "nobody@eoc.example", "wrong", "203.0.113.1").status_code == 429


def _try(web: Web, email: str, password: str, address: str) -> Any:
    browser = web.anonymous()
    form = {"csrf_token": browser.field("/login"), "email": email, "password": password}
    return browser.post("/login", data=form, environ_base={"REMOTE_ADDR": address})


def test_change_of_password_ends_the_other_sessions(web_on_both: Web) -> None:
    web = web_on_both
    here, there = web.signed_in("planner"), web.signed_in("planner")
    answer = _change(here, PASSWORD, "eleven brown herons", "eleven brown herons")
    assert answer.status_code == 200
    assert "Your password is changed" in answer.get_data(as_text=True)
    assert here.get("/_dash-layout").status_code == 200
    assert there.get("/_dash-layout").status_code == 401
    assert web.anonymous().sign_in(PEOPLE["planner"]).status_code == 401
    assert web.anonymous().sign_in(PEOPLE["planner"], "eleven brown herons").status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "says"),
    [
        ("wrong", "eleven brown herons", "eleven brown herons", "present password"),
        (PASSWORD, "short", "short", "at least 12"),
        (PASSWORD, "eleven brown herons", "eleven brown geese", "differ"),
        (PASSWORD, "123456789012", "123456789012", "attacker"),
    ],
)
def test_change_of_password_refused(web: Web, old: str, new: str, again: str, says: str) -> None:
    browser = web.signed_in("planner")
    answer = _change(browser, old, new, again)
    assert answer.status_code == 400
    assert says in answer.get_data(as_text=True)
    assert web.anonymous().sign_in(PEOPLE["planner"]).status_code == 303


def _change(browser: Browser, old: str, new: str, again: str) -> Any:
    form = {"csrf_token": browser.field("/account"), "old": old, "password": new, "again": again}
    return browser.post("/account", data=form)


def test_a_session_bound_to_one_worker_is_known_to_another(web: Web) -> None:
    import dash

    from tests.access.conftest import build

    dash.page_registry.clear()
    other = build(web.settings, web.store, web.clock)
    browser = web.signed_in("duty")
    twin = other.anonymous().with_cookie(browser.session_cookie)
    assert twin.get("/_dash-layout").status_code == 200
    browser.post("/logout", data={"csrf_token": browser.field("/logout")})
    assert twin.get("/_dash-layout").status_code == 401
