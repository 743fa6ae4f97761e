"""Proving again who one is: how it is done, how long it holds, and what a page that stays open gets."""

from __future__ import annotations

from typing import Any

import pytest
from flask import jsonify

from access.labels import needs
from access.people import current
from access.session_rows import IN_FLIGHT
from data.actor import PROOF_HOLDS
from tests.access.conftest import PASSWORD, Browser, Web
from tests.access.test_second_factor import code_now, give_totp, sign_in_twice


@pytest.fixture
def shown(web: Web) -> Web:
    """A route that tells what the present session has proved."""

    @web.server.get("/api/proved")
    @needs("watch.view")
    def proved() -> Any:
        found = current().actor().proved
        return jsonify(None if found is None else [found.method, found.second_factor])

    return web


def _proved(browser: Browser) -> Any:
    return browser.get("/api/proved").json


def _json(browser: Browser, **body: Any) -> Any:
    return browser.post("/reauth.json", json=body, headers={"X-CSRFToken": browser.token(), "Accept": "*/*"})


def test_asvs_7_5_1_proof_of_sign_in_holds_for_five_minutes(shown: Web) -> None:
    browser = shown.signed_in("duty")
    assert _proved(browser) == ["password", False]
    shown.clock.forward(seconds=PROOF_HOLDS.total_seconds() - 1)
    assert _proved(browser) == ["password", False]
    shown.clock.forward(seconds=1)
    assert _proved(browser) is None


def test_proof_again_by_form_comes_back_to_the_same_site(shown: Web) -> None:
    browser = shown.signed_in("duty")
    shown.clock.forward(minutes=6)
    form = {"csrf_token": browser.field("/reauth?next=/warn"), "password": PASSWORD, "next": "//evil.example"}
    assert 'name="next" value="/warn"' in browser.get("/reauth?next=/warn").get_data(as_text=True)
    assert browser.post("/reauth", data=form).headers["Location"] == "/"
    assert _proved(browser) == ["password", False]


def test_proof_again_without_leaving_the_page(shown: Web) -> None:
    secret = give_totp(shown, "approver")
    browser = sign_in_twice(shown, "approver", secret)
    shown.clock.forward(minutes=6)
    assert _json(browser, password=PASSWORD).status_code == 403
    answer = _json(browser, password="wrong", code=code_now(shown, secret))
    assert (answer.status_code, answer.json["error"]) == (403, "not_proved")
    assert _proved(browser) is None
    answer = _json(browser, password=PASSWORD, code=code_now(shown, secret))
    assert answer.status_code == 200
    assert {key: answer.json[key] for key in ("ok", "method", "second_factor")} == {
        "ok": True, "method": "totp", "second_factor": True,
    }  # fmt: skip
    assert _proved(browser) == ["totp", True]
    assert browser.callback("look.children").status_code == 200


def test_asvs_7_2_4_token_is_new_after_proving_again(shown: Web) -> None:
    browser = shown.signed_in("duty")
    before = browser.with_cookie(browser.session_cookie)
    shown.clock.forward(minutes=6)
    assert _json(browser, password=PASSWORD).status_code == 200
    assert _proved(before) is None  # what was asked just before is still answered, as who it was
    shown.clock.forward(seconds=IN_FLIGHT.total_seconds())
    assert before.get("/_dash-layout").status_code == 401
    assert browser.get("/_dash-layout").status_code == 200


def test_what_was_proved_while_the_clock_was_wrong_does_not_hold_for_days(shown: Web) -> None:
    shown.clock.forward(days=2)
    browser = shown.signed_in("duty")
    assert _proved(browser) == ["password", False]
    shown.clock.forward(seconds=-10)
    assert _proved(browser) is None  # the session stands, the proof does not
    shown.clock.forward(days=-2)
    assert browser.get("/_dash-layout").status_code == 401


def test_proof_of_one_session_is_not_that_of_another(shown: Web) -> None:
    here, there = shown.signed_in("duty"), shown.signed_in("duty")
    shown.clock.forward(minutes=6)
    assert _json(here, password=PASSWORD).status_code == 200
    assert _proved(there) is None


@pytest.mark.parametrize("way", ["no token", "foreign", "form", "stranger"])
def test_proof_again_is_asked_for_by_our_own_pages_only(shown: Web, way: str) -> None:
    browser = shown.anonymous() if way == "stranger" else shown.signed_in("duty")
    headers = {"Accept": "*/*"}
    if way in ("foreign", "form"):
        headers["X-CSRFToken"] = browser.token()
    if way == "foreign":
        headers["Origin"] = "https://evil.example"
    body = {"data": {"password": PASSWORD}} if way == "form" else {"json": {"password": PASSWORD}}
    expected = {"no token": 403, "foreign": 403, "form": 415, "stranger": 401}[way]
    assert browser.post("/reauth.json", headers=headers, **body).status_code == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"null", b'"x"', b'{"credential": 1}', b'{"password": {}}', b"{"])
def test_proof_again_with_anything_else_proves_nothing(shown: Web, body: bytes) -> None:
    browser = shown.signed_in("duty")
    shown.clock.forward(minutes=6)
    headers = {"X-CSRFToken": browser.token(), "Content-Type": "application/json"}
    assert browser.post("/reauth.json", data=body, headers=headers).status_code == 403
    assert _proved(browser) is None


def test_ways_to_prove_are_told(shown: Web) -> None:
    give_totp(shown, "duty")
    browser = shown.signed_in("viewer")
    answer = browser.post("/reauth/options.json", json={}, headers={"X-CSRFToken": browser.token()})
    assert answer.json == {"password": True, "totp": False, "key": None, "oidc": False}


def test_wrong_passwords_when_proving_again_are_slowed_down(shown: Web) -> None:
    browser = shown.signed_in("duty")
    statuses = [_json(browser, password=f"wrong {number}").status_code for number in range(21)]
    assert statuses == [403] * 20 + [429]
