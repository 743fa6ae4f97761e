"""What every answer carries, whatever its kind."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import pytest
from dash import Input, Output

from tests.access.conftest import PEOPLE, Web


def _policy(value: str) -> dict[str, list[str]]:
    return {part.split()[0]: part.split()[1:] for part in value.split("; ")}


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/login", 302), ("/login.css", 200), ("/api/plain", 200), ("/api/levels", 200), ("/healthz", 200),
     ("/api/unlabelled", 403), ("/api/crash", 500), ("/_dash-layout", 200), ("/_dash-dependencies", 200),
     ("/first-run/none", 404), ("/assets/nothing.css", 404)],
)  # fmt: skip
def test_headers_on_every_answer(web: Web, path: str, status: int) -> None:
    answer = web.signed_in("admin").get(path)
    assert answer.status_code == status
    policy = _policy(answer.headers["Content-Security-Policy"])
    assert policy["script-src"][0] == "'self'"
    assert all(re.fullmatch(r"'sha256-[A-Za-z0-9+/=]+'", part) for part in policy["script-src"][1:])
    assert policy["worker-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == policy["default-src"] == policy["connect-src"] == ["'self'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "Strict-Transport-Security" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_headers_on_anonymous_and_refused_answers(web: Web) -> None:
    browser = web.anonymous()
    for answer in (browser.get("/"), browser.get("/_dash-layout"), browser.callback("look.children", token=False)):
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_error_page_says_nothing_of_the_inside(web: Web) -> None:
    browser = web.signed_in()
    for answer in (browser.get("/api/crash"), browser.callback("crash.children")):
        assert answer.status_code == 500
        text = answer.get_data(as_text=True)
        assert "secret" not in text
        assert "Traceback" not in text


def test_script_hashes_follow_the_callbacks(web: Web) -> None:
    browser = web.signed_in()
    before = _policy(browser.get("/").headers["Content-Security-Policy"])["script-src"]
    assert len(before) >= 3
    web.dash_app.clientside_callback("m => m + 1", Output("later", "children"), Input("button", "n_clicks"))
    after = _policy(browser.get("/").headers["Content-Security-Policy"])["script-src"]
    assert set(after) > set(before)


def test_every_inline_script_of_the_page_is_allowed(web: Web) -> None:
    import base64
    import hashlib

    answer = web.signed_in().get("/")
    allowed = _policy(answer.headers["Content-Security-Policy"])["script-src"]
    page = re.sub("<!--.*?-->", "", answer.get_data(as_text=True), flags=re.DOTALL)  # a line for Internet Explorer
    inline = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>(.*?)</script>", page, re.DOTALL)
    assert inline
    for script in inline:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed


def test_caching(web: Web) -> None:
    browser = web.signed_in()
    web.clock.forward(minutes=2)
    kept = browser.get("/api/levels")
    assert kept.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "Set-Cookie" not in kept.headers
    assert "Cookie" not in kept.headers.get("Vary", "")
    fresh = browser.get("/api/plain")
    assert fresh.headers["Cache-Control"] == "no-store"
    assert fresh.headers["Vary"] == "Cookie"
    assert browser.get("/").headers["Cache-Control"] == "no-store"


def test_session_cookie_is_not_renewed_with_each_answer(web: Web) -> None:
    browser = web.signed_in()
    browser.get("/api/plain")
    assert "Set-Cookie" not in browser.get("/api/plain").headers
    web.clock.forward(seconds=61)
    assert "Set-Cookie" not in browser.get("/api/plain").headers


def test_cookies_on_a_plain_server(web: Web) -> None:
    answer = web.anonymous().sign_in(PEOPLE["viewer"])
    cookies = _cookies(answer.headers.getlist("Set-Cookie"))
    session, csrf = cookies["tocsin_session_8050"], cookies["tocsin_csrf_8050"]
    assert session["httponly"] and session["samesite"] == "Lax" and session["path"] == "/" and not session["secure"]
    assert not csrf["httponly"] and csrf["samesite"] == "Strict"
    assert not session["expires"] and not session["max-age"]


def test_cookies_and_hsts_behind_tls(tls_web: Web) -> None:
    answer = tls_web.anonymous().sign_in(PEOPLE["viewer"])
    assert answer.status_code == 303
    cookies = _cookies(answer.headers.getlist("Set-Cookie"))
    session, csrf = cookies["__Host-session"], cookies["__Host-csrf"]
    assert session["httponly"] and session["samesite"] == "Lax" and session["secure"] and session["path"] == "/"
    assert csrf["secure"] and csrf["samesite"] == "Strict" and not csrf["domain"] and not session["domain"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert tls_web.anonymous().get("/").headers["Strict-Transport-Security"].startswith("max-age=31536000")


def _cookies(lines: list[str]) -> SimpleCookie:
    jar = SimpleCookie()
    for line in lines:
        jar.load(line)
    return jar
