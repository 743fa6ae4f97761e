"""Signing in through a provider of identities: a stand-in of our own on loopback, honest and otherwise."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from access import accounts, factors, totp
from access.keys import read_keys
from access.oidc import read_provider
from data.errors import ConfigError
from data.settings import Settings
from data.store.engine import Store
from tests.access.conftest import PASSWORD, PEOPLE, Browser, Clock, Web, add_people, build
from tests.access.test_second_factor import second

KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "one"})
ZHAO = {
    "sub": "u-17",
    "email": "zhao@eoc.example",
    "email_verified": True,
    "name": "Zhao Min",
    "groups": ["eoc-duty"],
}


class Provider:
    """Discovery, keys and tokens; `claims` are added to what a right token says, `changes` to the description."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = dict(ZHAO)
        self.changes: dict[str, Any] = {}
        self.key = KEY
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.asked: list[str] = []
        self.now = 0
        self.sent: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                found = {"/.well-known/openid-configuration": outer.description(), "/keys": outer.keys()}
                self._say(found.get(self.path))

            def do_POST(self) -> None:
                outer.asked.append(self.path)
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(text).items()}
                self._say(outer.token(form, self.headers.get("Authorization", "")))

            def _say(self, found: Any) -> None:
                body = json.dumps(found).encode()
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def description(self) -> dict[str, Any]:
        places = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return {"issuer": self.issuer, **{key: self.issuer + path for key, path in places.items()}, **self.changes}

    def keys(self) -> Any:
        return KeySet([KEY]).as_dict(private=False)

    def token(self, form: dict[str, str], authorization: str) -> Any:
        """A token, only for the code, the client and the verifier whose challenge the browser brought."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        client = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if challenge.decode() != self.sent["code_challenge"] or client != "tocsin:hush" or form["code"] != "c0de":
            return None
        right = {
            "iss": self.issuer,
            "aud": "tocsin",
            "nonce": self.sent["nonce"],
            "iat": self.now,
            "exp": self.now + 300,
        }
        claims = {name: value for name, value in (right | self.claims).items() if value is not None}
        return {"access_token": "x", "token_type": "Bearer", "id_token": jwt.encode(self.header, claims, self.key)}


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _settings(home: Path, given: str, **changes: Any) -> Settings:
    secret = home / "client_secret"
    secret.write_text("hush\n", encoding="ascii")
    secret.chmod(0o600)
    roles = {"eoc-duty": ["duty"], "eoc-head": ["approver"], "eoc-screen": ["wall"]}
    oidc = {
        "name": "County",
        "issuer": given,
        "client_id": "tocsin",
        "client_secret_file": str(secret),
        "roles": roles,
    }
    return Settings(home=home, oidc=oidc | changes)


@pytest.fixture
def office(store: Store, home: Path, clock: Clock, provider: Provider) -> Web:
    web = build(_settings(home, provider.issuer), store, clock)
    add_people(store, web.settings)
    provider.now = int(clock().timestamp())
    return web


def _there(browser: Browser, provider: Provider, **asked: str) -> dict[str, str]:
    """Leave for the provider; what the browser takes along."""
    answer = browser.get("/oidc/start", query_string=asked)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    assert answer.headers["Location"].startswith(f"{provider.issuer}/authorize?")
    provider.sent = {key: values[0] for key, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    return provider.sent


def _back(browser: Browser, provider: Provider, **changes: str) -> Any:
    given = {"code": "c0de", "state": provider.sent["state"], **changes}
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    return browser.get("/oidc/callback", query_string=given, headers=headers)


def test_asvs_10_5_sign_in_through_the_provider(office: Web, provider: Provider) -> None:
    assert "Sign in with County" in office.anonymous().get("/login").get_data(as_text=True)
    assert provider.asked == []  # nothing is contacted before somebody presses the button
    browser = office.anonymous()
    sent = _there(browser, provider, next="/feeds")
    assert (sent["response_type"], sent["code_challenge_method"], sent["client_id"]) == ("code", "S256", "tocsin")
    assert sent["redirect_uri"] == f"{office.base}/oidc/callback"
    answer = _back(browser, provider)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/feeds")
    assert browser.callback("running.children").status_code == 200
    with office.store.read() as connection:
        account = accounts.find(connection, email="zhao@eoc.example")
    assert account is not None
    assert (account.roles, account.password, account.name) == ({"duty"}, None, "Zhao Min")
    assert office.anonymous().sign_in("zhao@eoc.example", "").status_code == 401


def test_roles_follow_the_provider_and_its_subject(office: Web, provider: Provider) -> None:
    first, then = office.anonymous(), office.anonymous()
    _there(first, provider)
    assert _back(first, provider).status_code == 303
    provider.claims |= {"groups": "eoc-screen", "email": "zhao.min@elsewhere.example"}
    _there(then, provider)
    assert _back(then, provider).status_code == 303
    assert then.callback("running.children").status_code == 403
    with office.store.read() as connection:
        account = accounts.find(connection, email="zhao@eoc.example")
        assert account is not None and account.roles == {"wall"}
        assert accounts.find(connection, email="zhao.min@elsewhere.example") is None


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"nonce": "another"}, id="asvs-10.5.1-nonce"),
        pytest.param({"nonce": None}, id="no-nonce"),
        pytest.param({"iss": "https://evil.example"}, id="asvs-10.5.3-issuer"),
        pytest.param({"aud": "another"}, id="asvs-10.5.4-audience"),
        pytest.param({"aud": ["tocsin", "another"]}, id="several-audiences-and-none-authorized"),
        pytest.param({"azp": "another"}, id="authorized-party"),
        pytest.param({"sub": None}, id="no-subject"),
        pytest.param({"sub": ""}, id="empty-subject"),
        pytest.param({"sub": 17}, id="subject-that-is-a-number"),
        pytest.param({"exp": 1}, id="expired"),
        pytest.param({"exp": None}, id="no-end"),
        pytest.param({"groups": ["others"]}, id="no-role"),
        pytest.param({"groups": {"eoc-duty": 1}}, id="roles-of-another-shape"),
        pytest.param({"groups": ["eoc-duty", "eoc-screen"]}, id="roles-that-do-not-go-together"),
        pytest.param({"email_verified": False}, id="address-not-verified"),
        pytest.param({"email_verified": "true"}, id="address-verified-in-words"),
        pytest.param({"email": PEOPLE["admin"]}, id="address-of-an-account-with-a-password"),
        pytest.param({"email": "x"}, id="no-address"),
    ],
)  # fmt: skip
def test_token_that_signs_nobody_in(office: Web, provider: Provider, claims: dict[str, Any]) -> None:
    browser = office.anonymous()
    _there(browser, provider)
    provider.claims |= claims
    assert _back(browser, provider).status_code == 403
    assert browser.get("/_dash-layout").status_code == 401


@pytest.mark.parametrize("how", ["key", "none", "hmac"])
def test_token_with_another_signature(office: Web, provider: Provider, how: str) -> None:
    browser = office.anonymous()
    _there(browser, provider)
    if how == "key":
        provider.key = OTHER
    real = provider.token

    def forged(form: dict[str, str], authorization: str) -> Any:
        given = real(form, authorization)
        head, body, _ = given["id_token"].split(".")
        header = {"alg": "none" if how == "none" else "HS256"}
        head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        return given | {"id_token": f"{head}.{body}."}

    if how != "key":
        provider.token = forged  # type: ignore[method-assign]
    assert _back(browser, provider).status_code == 403
    assert browser.get("/_dash-layout").status_code == 401


@pytest.mark.parametrize(
    "changes", [{"state": "another"}, {"state": ""}, {"code": ""}, {"code": "other"}, {"iss": "https://evil.example"},
                {"error": "access_denied"}],
)  # fmt: skip
def test_answer_that_is_not_to_our_question(office: Web, provider: Provider, changes: dict[str, str]) -> None:
    browser = office.anonymous()
    _there(browser, provider)
    assert _back(browser, provider, **changes).status_code == 403
    assert _back(browser, provider).status_code == 400  # the question is gone
    assert browser.get("/_dash-layout").status_code == 401


def test_answer_in_another_browser_or_too_late(office: Web, provider: Provider) -> None:
    browser = office.anonymous()
    _there(browser, provider)
    assert _back(office.anonymous(), provider).status_code == 400
    office.clock.forward(minutes=10)
    assert _back(browser, provider).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": "file:///etc/passwd"},
     {"authorization_endpoint": None}],
)  # fmt: skip
def test_description_that_is_not_of_the_issuer(office: Web, provider: Provider, changes: dict[str, Any]) -> None:
    provider.changes = changes
    answer = office.anonymous().get("/oidc/start")
    assert answer.status_code == 403
    assert "did not work" in answer.get_data(as_text=True)


def test_asvs_6_3_4_role_sleeps_unless_the_provider_has_seen_a_second_factor(office: Web, provider: Provider) -> None:
    provider.claims |= {"groups": ["eoc-head"]}
    browser = office.anonymous()
    _there(browser, provider)
    assert _back(browser, provider).headers["Location"] == "/account/factors?next=/"
    provider.claims |= {"amr": ["pwd", "otp"]}
    again = office.anonymous()
    _there(again, provider)
    assert _back(again, provider).headers["Location"] == "/"


def test_second_factor_of_the_account_is_asked_for_after_the_provider(office: Web, provider: Provider) -> None:
    first = office.anonymous()
    _there(first, provider)
    _back(first, provider)
    with office.store.read() as connection:
        account = accounts.find(connection, email="zhao@eoc.example")
    assert account is not None
    secret = totp.new_secret()
    with office.store.write() as connection:
        keys = read_keys(office.settings.home)
        factors.add_totp(connection, account.id, secret=secret, name="x", step=1, keys=keys, at=office.clock())
    browser = office.anonymous()
    _there(browser, provider, next="/feeds")
    assert _back(browser, provider).headers["Location"] == "/login/second?next=/feeds"
    assert browser.get("/_dash-layout").status_code == 401
    assert second(browser, totp.code_at(secret, totp.step_of(office.clock()))).status_code == 303


@pytest.mark.parametrize(("late", "status"), [(0, 303), (120, 403), (None, 403)])
def test_proving_again_wants_a_fresh_sign_in_there(
    office: Web, provider: Provider, late: int | None, status: int
) -> None:
    browser = office.anonymous()
    _there(browser, provider)
    _back(browser, provider)
    office.clock.forward(minutes=6)
    provider.now = int(office.clock().timestamp())
    assert "/oidc/start?next=%2Fwarn&amp;again=1" in browser.get("/reauth?next=/warn").get_data(as_text=True)
    sent = _there(browser, provider, next="/warn", again="1")
    assert (sent["prompt"], sent["max_age"]) == ("login", "0")
    provider.claims |= {"auth_time": None if late is None else provider.now - late}
    assert _back(browser, provider).status_code == status


def test_proving_again_as_somebody_else(office: Web, provider: Provider) -> None:
    browser = office.signed_in("duty")
    _there(browser, provider, again="1")
    provider.claims |= {"auth_time": provider.now}
    assert _back(browser, provider).status_code == 403


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"issuer": "http://idp.example"}, "https"),
        ({"issuer": ""}, "issuer is missing"),
        ({"client_secret_file": "/nowhere"}, "no such file"),
        ({"roles": {"a": ["king"]}}, "no such role: king"),
        ({"roles": {}}, "a mapping"),
        ({"colour": "red"}, "unknown setting: colour"),
    ],
)
def test_provider_settings_with_a_fault(home: Path, changes: dict[str, Any], fault: str) -> None:
    home.mkdir(exist_ok=True)
    with pytest.raises(ConfigError) as error:
        read_provider(_settings(home, "https://idp.example", **changes))
    assert fault in str(error.value.faults)


def test_secret_that_others_can_read(home: Path) -> None:
    home.mkdir(exist_ok=True)
    settings = _settings(home, "https://idp.example")
    Path(settings.oidc["client_secret_file"]).chmod(0o644)
    with pytest.raises(ConfigError) as error:
        read_provider(settings)
    assert "chmod 600" in str(error.value.faults)


def test_without_settings_there_is_no_provider(web: Web) -> None:
    assert "/oidc/start" not in web.anonymous().get("/login").get_data(as_text=True)
    assert web.anonymous().get("/oidc/start").status_code == 404
    assert web.anonymous().get("/oidc/callback?state=x&code=y").status_code == 400
    assert web.anonymous().sign_in(PEOPLE["duty"], PASSWORD).status_code == 303
