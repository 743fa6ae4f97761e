"""A small Dash application behind the guard, with people of several roles and a clock that stands still."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dash
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from dash import ALL, Dash, Input, Output, State, html
from flask import Flask, jsonify
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from access import accounts, passwords
from access.guard import csrf_cookie_name, install_guard, needs
from access.keys import read_keys
from access.matrix import ROLES, TWICE_PROVED
from access.people import current
from access.sessions import watch
from data.settings import Settings
from data.store.engine import Store, open_store
from data.store.tables import user, user_session

PASSWORD = "seven quiet otters"
PEOPLE = {role: f"{role}@eoc.example" for role in ROLES}
BASE = "http://127.0.0.1:8050"


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Web:
    """The server under test and ways to use it as a browser would."""

    server: Flask
    dash_app: Dash
    store: Store
    settings: Settings
    clock: Clock
    base: str = BASE
    ran: list[str] = field(default_factory=list)

    def anonymous(self) -> Browser:
        return Browser(self, self.server.test_client())

    def signed_in(self, role: str = "viewer") -> Browser:
        browser = self.anonymous()
        answer = browser.sign_in(PEOPLE[role])
        assert answer.status_code == 303, answer.get_data(as_text=True)
        if role in TWICE_PROVED:
            self._as_if_twice_proved(PEOPLE[role])
        return browser

    def _as_if_twice_proved(self, email: str) -> None:
        """Spare tests of other things the way through a second factor; test_second_factor.py goes it."""
        own = user_session.c.user_id.in_(sa.select(user.c.id).where(user.c.email == email))
        with self.store.write() as connection:
            connection.execute(user_session.update().where(own).values(second_factor=True))


@dataclass
class Browser:
    web: Web
    client: FlaskClient

    def get(self, path: str, **options: Any) -> TestResponse:
        headers = {"Accept": "text/html,*/*;q=0.8", **options.pop("headers", {})}
        return self.client.get(path, base_url=self.web.base, headers=headers, buffered=True, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        headers = {"Accept": "text/html", **options.pop("headers", {})}
        return self.client.post(path, base_url=self.web.base, headers=headers, **options)

    def field(self, path: str) -> str:
        """The CSRF token in the form of a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).get_data(as_text=True))
        assert found is not None
        return found[1]

    def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        form = {"csrf_token": self.field("/login"), "email": email, "password": password, **fields}
        return self.post("/login", data=form)

    def cookie(self, name: str) -> str:
        found = self.client.get_cookie(name, domain="127.0.0.1") or self.client.get_cookie(name, domain="eoc.example")
        assert found is not None, name
        return found.value

    @property
    def session_cookie(self) -> str:
        return self.cookie(self.web.server.config["SESSION_COOKIE_NAME"])

    def with_cookie(self, value: str) -> Browser:
        """Somebody else's browser that sends a copied session cookie."""
        other = self.web.anonymous()
        other.client.set_cookie(self.web.server.config["SESSION_COOKIE_NAME"], value, domain="127.0.0.1")
        return other

    def token(self) -> str:
        return self.cookie(csrf_cookie_name(self.web.settings))

    def callback(
        self,
        output: Any,
        *,
        token: bool = True,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        **changes: Any,
    ) -> TestResponse:
        """What the page's script sends when Dash runs a callback."""
        outputs = {"id": str(output).split(".")[0], "property": "children"}
        inputs = [{"id": "button", "property": "n_clicks", "value": 1}]
        body = {"output": output, "outputs": outputs, "inputs": inputs, "changedPropIds": ["button.n_clicks"]}
        sent = {"Accept": "application/json", **({"X-CSRFToken": self.token()} if token else {}), **(headers or {})}
        return self.client.post(
            "/_dash-update-component", data=json.dumps(body | changes), content_type=content_type, headers=sent,
            base_url=self.web.base,
        )  # fmt: skip


def build(web_settings: Settings, store: Store, clock: Clock, base: str = BASE) -> Web:
    server = Flask("small", static_folder=None)
    dash_app = Dash(
        "small", server=server, use_pages=True, pages_folder="", include_assets_files=False,
        suppress_callback_exceptions=True,
        csrf_token_name=csrf_cookie_name(web_settings), csrf_header_name="X-CSRFToken",
    )  # fmt: skip
    web = Web(server, dash_app, store, web_settings, clock, base)
    dash_app.layout = html.Div([html.Button(id="button"), html.Div(id="look"), dash.page_container])
    _add_callbacks(dash_app, web.ran)
    _add_routes(server, web.ran)
    install_guard(server, dash_app, store, web_settings, clock=clock)
    return web


def _add_callbacks(dash_app: Dash, ran: list[str]) -> None:
    press = Input("button", "n_clicks")

    @dash_app.callback(Output("look", "children"), press)
    @needs("watch.view")
    def look(_: int) -> str:
        ran.append("look")
        return f"seen by {current().email}"

    @dash_app.callback(Output("pause", "children"), Output("pause", "title"), press, State("look", "children"))
    @needs("feeds.operate")
    def pause(_: int, __: str) -> tuple[str, str]:
        ran.append("pause")
        return "paused", "paused"

    @needs("admin.users")
    @dash_app.callback(Output({"kind": "row", "index": ALL}, "children"), press)
    def rows(_: int) -> list[str]:
        ran.append("rows")
        return ["row"]

    @dash_app.callback(Output("unlabelled", "children"), press)
    def unlabelled(_: int) -> str:
        ran.append("unlabelled")
        return "secret"

    @dash_app.callback(
        Output("running", "children"), press, running=[(Output("button", "disabled"), True, False)],
    )  # fmt: skip
    @needs("feeds.operate")
    def running(_: int) -> str:
        ran.append("running")
        return "done"

    @dash_app.callback(Output("crash", "children"), press)
    @needs("watch.view")
    def crash(_: int) -> str:
        raise RuntimeError("a secret in a traceback")

    @dash_app.callback(press)
    @needs("admin.users")
    def no_output(_: int) -> None:
        ran.append("no output")

    dash_app.clientside_callback("n => n", Output("client", "children"), press)
    dash.register_page("front", path="/", layout=needs("watch.view")(lambda **_: html.P("front page")))
    dash.register_page("people", path="/people", layout=needs("admin.users")(lambda **_: html.P("secret people")))
    dash.register_page("forgotten", path="/forgotten", layout=lambda **_: html.P("secret forgotten"))


def _add_routes(server: Flask, ran: list[str]) -> None:
    @server.get("/healthz")
    def healthz() -> str:
        return "ok"

    @server.get("/api/levels")
    @needs("watch.view")
    def levels() -> Any:
        answer = jsonify(levels=[1])
        answer.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        return answer

    @server.get("/api/plain")
    @needs("watch.view")
    def plain() -> Any:
        return jsonify(plain=True)

    @server.get("/api/unlabelled")
    def unlabelled() -> str:
        return "secret"

    @server.post("/api/run")
    @needs("feeds.operate")
    def run() -> Any:
        ran.append("run")
        return jsonify(ran=True)

    @server.get("/metrics")
    @needs("status.view")
    def metrics() -> str:
        return f"facts for {current().email or 'nobody'}"

    @server.get("/api/watching")
    @needs("watch.view")
    def watching() -> Any:
        server.config["STANDS"] = watch()
        return jsonify(ok=True)

    @server.get("/api/crash")
    @needs("watch.view")
    def crash() -> Any:
        raise RuntimeError("a secret in a traceback")


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """argon2id with small cost, so that the suite stays quick."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()


@pytest.fixture(autouse=True)
def no_pages_left() -> Iterator[None]:
    """Dash keeps pages and callbacks in globals of the process."""
    kept = dict(dash.page_registry)
    dash.page_registry.clear()
    yield
    dash.page_registry.clear()
    dash.page_registry.update(kept)


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home, zone=ZoneInfo("UTC"))


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


def add_people(store: Store, settings: Settings) -> None:
    salt = read_keys(settings.home).password_salt
    with store.write() as connection:
        for role, email in PEOPLE.items():
            accounts.create(
                connection, email=email, name=role.title(), roles=[role], at=datetime(2026, 1, 1, tzinfo=UTC),
                password_hash=passwords.hash_password(PASSWORD, salt),
            )  # fmt: skip


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    store = open_store(sqlite_url)
    yield store
    store.close()


@pytest.fixture
def empty_web(sqlite_store: Store, settings: Settings, clock: Clock) -> Web:
    """A server without any account."""
    return build(settings, sqlite_store, clock)


@pytest.fixture
def web(empty_web: Web) -> Web:
    add_people(empty_web.store, empty_web.settings)
    return empty_web


@pytest.fixture
def web_on_both(store: Store, settings: Settings, clock: Clock) -> Web:
    """The same on SQLite and on PostgreSQL."""
    add_people(store, settings)
    return build(settings, store, clock)


@pytest.fixture
def tls_web(sqlite_store: Store, settings: Settings, clock: Clock) -> Web:
    """A server behind one TLS proxy."""
    add_people(sqlite_store, settings)
    behind = replace(settings, behind_tls=True, proxy_hops=1)
    return build(behind, sqlite_store, clock, "https://eoc.example")
