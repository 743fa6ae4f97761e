"""Accounts in a real browser: a security key is made, asked for and used; an administrator invites a person."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from access import totp
from data.clock import utc_now
from tests.conftest import ROOT
from tests.running import EMAIL, PASSWORD, Running

INVITED, THEIRS = "wang@example.org", "seven quiet otters swim"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages alone; browsers make keys for a name, not for a number, so it is asked for as localhost."""
    if shutil.which("chromium") is None and shutil.which("chromium-browser") is None:
        pytest.skip("no Chromium on this machine: make test installs it")
    if not (ROOT / "data" / "var" / "base" / "regions.pmtiles").is_file():
        pytest.skip("base data is not built: run `make setup`")
    system = Running(tmp_path_factory.mktemp("accounts"), words=("web",))
    system.wait_ready(probe="/healthz")
    yield system
    system.stop()


@pytest.fixture
def page(running: Running, chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")

    def decide(route: Any) -> None:
        there = urlsplit(route.request.url).hostname in ("127.0.0.1", "localhost")
        route.continue_() if there else route.abort()

    context.route("**/*", decide)
    opened = context.new_page()
    opened.errors = []
    opened.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    yield opened
    context.close()


def at(running: Running, path: str) -> str:
    return f"http://localhost:{running.port}{path}"


def sign_in(page: Any, running: Running, email: str, password: str) -> None:
    page.goto(at(running, "/login"))
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: not url.endswith("/login"))


def add_authenticator(page: Any, *, verifies: bool) -> None:
    """A security key of the browser's own, which answers by itself."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "hasUserVerification": verifies,
        "isUserVerified": verifies, "automaticPresenceSimulation": True,
    }  # fmt: skip
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def told(page: Any, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the server answers to JSON that a page of ours sends."""
    script = """async ([path, body]) => {
        const csrf = document.cookie.match(/csrf[^=]*=([^;]+)/)[1];
        const headers = {"Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrf};
        const answer = await fetch(path, {method: "POST", headers, body: JSON.stringify(body)});
        return {status: answer.status, ...(await answer.json())};
    }"""
    found: dict[str, Any] = page.evaluate(script, [path, body])
    return found


@pytest.mark.parametrize("verifies", [True, False], ids=["with a PIN", "without a PIN"])
def test_security_key_is_made_and_asked_for(running: Running, page: Any, verifies: bool) -> None:
    email = f"approver{int(verifies)}@example.org"
    running.command("user", "add", email, "approver", "--password-stdin", stdin=PASSWORD + "\n")
    add_authenticator(page, verifies=verifies)
    sign_in(page, running, email, PASSWORD)
    assert "sleep until a second factor" in page.inner_text("main")
    page.click("[data-key-add] button")
    page.wait_for_selector(".rows li >> text=Security key")
    assert page.locator("main >> text=sleep until").count() == 0
    page.goto(at(running, "/logout"))
    page.click("button[type=submit]")
    sign_in(page, running, email, PASSWORD)
    assert page.url.startswith(at(running, "/login/second"))
    page.click("[data-key-use] button")
    page.wait_for_url(at(running, "/"))

    page.goto(at(running, "/reauth?next=/account"))
    page.click("[data-key-use] button")
    if verifies:
        page.wait_for_url(at(running, "/account"))
    else:  # a key that asks nothing of its person is one factor: the password must come with it
        page.wait_for_selector(".fault >> text=give your password too")
    asked = told(page, "/reauth/options.json", {})
    assert asked["password"] and asked["key"]["rpId"] == "localhost"
    answer = told(page, "/reauth.json", {"credential": {"id": "x"}})
    assert (answer["status"], answer["error"]) == (403, "not_proved")
    assert [error for error in page.errors if "403" not in error] == []


def test_answer_of_a_security_key_counts_once(running: Running, page: Any) -> None:
    email = "once@example.org"
    running.command("user", "add", email, "duty", "--password-stdin", stdin=PASSWORD + "\n")
    add_authenticator(page, verifies=True)
    sign_in(page, running, email, PASSWORD)
    page.goto(at(running, "/account/factors"))
    page.click("[data-key-add] button")
    page.wait_for_selector(".rows li >> text=Security key")
    asked = told(page, "/reauth/options.json", {})
    cookies = page.context.cookies()
    signed = page.evaluate(
        """async (options) => (await navigator.credentials.get(
            {publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)})).toJSON()""",
        asked["key"],
    )
    assert told(page, "/reauth.json", {"credential": signed})["status"] == 200
    assert told(page, "/reauth.json", {"credential": signed})["status"] == 403
    page.context.add_cookies(cookies)  # also with the cookie that still holds the question
    assert told(page, "/reauth.json", {"credential": signed})["status"] == 403


def test_administrator_invites_a_person_and_limits_them(running: Running, page: Any, chromium: Any) -> None:
    made = json.loads(running.command("user", "totp", EMAIL, "--json"))
    sign_in(page, running, EMAIL, PASSWORD)
    page.fill("#code", totp.code_at(made["secret"], totp.step_of(utc_now())))
    page.click("form button[type=submit]")
    page.wait_for_url(at(running, "/"))
    page.goto(at(running, "/admin"))
    page.wait_for_selector(".admin-card")
    assert page.locator("#admin-proof .act").count() == 0  # signing in was a proof
    page.fill("#admin-invite input >> nth=0", INVITED)
    page.click("#admin-invite-go")
    link = page.wait_for_selector("#admin-link").inner_text()
    other = chromium.new_context(locale="zh-CN")
    theirs = other.new_page()
    theirs.goto(at(running, urlsplit(link).path))
    for name, value in (("name", "王 伟"), ("password", THEIRS), ("again", THEIRS)):
        theirs.fill(f"input[name={name}]", value)
    theirs.click("button[type=submit]")
    theirs.wait_for_url(at(running, "/"))
    page.click(f".admin-card:has-text('{INVITED}')")
    page.wait_for_selector("#admin-person h2 >> text=王 伟")
    page.click("label:has-text('Only in these regions')")
    page.keyboard.type("CN-110000")
    page.wait_for_selector("text=Beijing (CN-110000)").click()
    page.keyboard.press("Escape")
    page.click("button:has-text('Change the rights')")
    page.wait_for_selector("#admin-said .done")
    page.wait_for_selector(f".admin-card:has-text('{INVITED}'):has-text('Beijing')")
    page.click("#admin-verify")
    page.wait_for_selector("#admin-verified >> text=unbroken")
    page.click("button:has-text('Switch the account off')")
    page.wait_for_selector("#admin-said >> text=The account is off")
    began = time.monotonic()
    while theirs.request.get(at(running, "/_dash-layout")).status != 401:
        assert time.monotonic() - began < 5  # ASVS 7.4.2 as this office promises it
    other.close()
    assert page.errors == []
