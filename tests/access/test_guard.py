"""The guard: nine cases of forged and honest requests, and what else people try."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dash import Dash
from flask import Flask

from access import matrix
from access.guard import install_guard, needs
from access.labels import PAGES_OUTPUT, action_of_callback
from data.errors import ConfigError
from data.settings import Settings
from data.store.engine import Store
from data.store.tables import audit
from tests.access.conftest import Web

PAUSE = "..pause.children...pause.title.."
PAUSE_BODY = {
    "outputs": [{"id": "pause", "property": "children"}, {"id": "pause", "property": "title"}],
    "state": [{"id": "look", "property": "children", "value": ""}],
}
ROWS = '{"index":["ALL"],"kind":"row"}.children'
SIGN_IN = {"error": "not_signed_in", "message": "Sign in first."}
ROWS_BODY = {"outputs": [{"id": {"index": 1, "kind": "row"}, "property": "children"}]}


def test_callback_anonymous(web: Web) -> None:
    answer = web.anonymous().callback("look.children", token=False)
    assert (answer.status_code, answer.json) == (401, SIGN_IN)
    assert web.ran == []


@pytest.mark.parametrize(
    ("role", "output", "extra", "status"),
    [
        pytest.param("viewer", "look.children", {}, 200, id="viewer looks"),
        pytest.param("viewer", PAUSE, PAUSE_BODY, 403, id="viewer pauses"),
        pytest.param("duty", PAUSE, PAUSE_BODY, 200, id="duty pauses"),
        pytest.param("approver", PAUSE, PAUSE_BODY, 403, id="approver pauses"),
        pytest.param("viewer", "running.children", {}, 403, id="viewer, running callback"),
        pytest.param("duty", "running.children", {}, 200, id="duty, running callback"),
        pytest.param("duty", ROWS, {}, 403, id="duty, pattern-matching outputs"),
        pytest.param("admin", ROWS, ROWS_BODY, 200, id="admin, pattern-matching outputs"),
        pytest.param("admin", "unlabelled.children", {}, 403, id="unlabelled"),
        pytest.param("admin", "zzz.children", {}, 403, id="unknown output"),
        pytest.param("admin", "client.children", {}, 403, id="clientside only"),
        pytest.param("admin", None, {}, 403, id="no output named"),
        pytest.param("admin", ["look.children"], {}, 403, id="output is a list"),
        pytest.param("admin", {"look": 1}, {}, 403, id="output is a mapping"),
        pytest.param("viewer", "..look.children..", {}, 403, id="look dressed as many outputs"),
        pytest.param("viewer", "look.children ", {}, 403, id="blank after the output"),
        pytest.param("viewer", "look.children\ud800", {}, 403, id="half a character"),
        pytest.param("viewer", "look.children\r\nadmin: yes\x00", {}, 403, id="line breaks and NUL"),
    ],
)  # fmt: skip
def test_callback_by_role(web: Web, role: str, output: Any, extra: dict[str, Any], status: int) -> None:
    answer = web.signed_in(role).callback(output, **extra)
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert ("unlabelled" not in web.ran) and (bool(web.ran) == (status == 200))


def test_callback_without_outputs(web: Web) -> None:
    (output,) = [key for key, entry in web.dash_app.callback_map.items() if entry.get("no_output")]
    assert web.signed_in("viewer").callback(output).status_code == 403
    assert web.signed_in("admin").callback(output).status_code == 204
    assert web.ran == ["no output"]


@pytest.mark.parametrize(
    "forged", [{"outputs": {"id": "look", "property": "children"}}, {"output_": "look.children"}]
)
def test_callback_with_forged_outputs_is_decided_by_what_runs(web: Web, forged: dict[str, Any]) -> None:
    assert web.signed_in("viewer").callback(PAUSE, **forged).status_code == 403
    assert web.ran == []


def test_callback_body_with_two_outputs_is_read_as_dash_reads_it(web: Web) -> None:
    browser = web.signed_in("viewer")
    body = '{"output":"look.children","output":"running.children","inputs":[],"changedPropIds":[]}'
    headers = {"X-CSRFToken": browser.token()}
    answer = browser.post("/_dash-update-component", data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 403
    assert web.ran == []


@pytest.mark.parametrize("body", ["", "[]", "null", "{", '"look.children"', "[" * 100_000], ids=range(6))
def test_callback_with_a_strange_body_is_refused(web: Web, body: str) -> None:
    browser = web.signed_in("admin")
    headers = {"X-CSRFToken": browser.token()}
    answer = browser.post("/_dash-update-component", data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 403


def test_callback_too_large(web: Web) -> None:
    browser = web.signed_in("admin")
    headers = {"X-CSRFToken": browser.token()}
    body = b'{"output":"' + b"x" * (8 << 20) + b'"}'
    answer = browser.post("/_dash-update-component", data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 413
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param({"token": False}, 403, id="no token"),
        pytest.param({"headers": {"X-CSRFToken": "wrong"}}, 403, id="wrong token"),
        pytest.param({"headers": {"X-CSRFToken": "\xe9"}}, 403, id="token not ASCII"),
        pytest.param({"headers": {"Sec-Fetch-Site": "cross-site"}}, 403, id="cross-site"),
        pytest.param({"headers": {"Sec-Fetch-Site": "same-site"}}, 403, id="same-site but another origin"),
        pytest.param({"headers": {"Sec-Fetch-Site": "same-origin"}}, 200, id="same-origin"),
        pytest.param({"headers": {"Origin": "https://evil.example"}}, 403, id="foreign origin"),
        pytest.param({"headers": {"Origin": "null"}}, 403, id="origin null"),
        pytest.param({"headers": {"Origin": "http://127.0.0.1:8051"}}, 403, id="other port"),
        pytest.param({"headers": {"Origin": "https://127.0.0.1:8050"}}, 403, id="other scheme"),
        pytest.param({"headers": {"Origin": "http://127.0.0.1:8050"}}, 200, id="own origin"),
        pytest.param({"content_type": "text/plain"}, 415, id="text/plain"),
        pytest.param({"content_type": "application/x-www-form-urlencoded"}, 415, id="form"),
        pytest.param({"content_type": "multipart/form-data; boundary=x"}, 415, id="multipart"),
        pytest.param({"content_type": "text/plain; application/json"}, 415, id="text/plain with a parameter"),
    ],
)
def test_callback_from_elsewhere(web: Web, options: dict[str, Any], status: int) -> None:
    assert web.signed_in("duty").callback("look.children", **options).status_code == status
    assert web.ran == (["look"] if status == 200 else [])


def test_token_of_another_session_is_refused(web: Web) -> None:
    other, browser = web.signed_in("admin"), web.signed_in("duty")
    headers = {"X-CSRFToken": other.token()}
    assert browser.callback("look.children", token=False, headers=headers).status_code == 403


def test_post_route_needs_role_json_and_token(web: Web) -> None:
    viewer, duty = web.signed_in("viewer"), web.signed_in("duty")
    assert viewer.post("/api/run", json={}, headers={"X-CSRFToken": viewer.token()}).status_code == 403
    assert duty.post("/api/run", json={}).status_code == 403
    assert duty.post("/api/run", data={"csrf_token": duty.token()}).status_code == 415
    assert web.ran == []
    assert duty.post("/api/run", json={}, headers={"X-CSRFToken": duty.token()}).status_code == 200
    assert web.ran == ["run"]


@pytest.mark.parametrize(
    ("path", "value", "status", "shown"),
    [
        ("/", "viewer", 200, "front page"),
        ("/people", "viewer", 403, None),
        ("/people/", "viewer", 403, None),
        ("//people", "viewer", 403, None),
        ("/people", "admin", 200, "secret people"),
        ("/forgotten", "admin", 403, None),
        ("/nowhere", "viewer", 200, "404"),
        ("people", "viewer", 403, None),
    ],
)
def test_page_by_the_pathname_that_dash_uses(web: Web, path: str, value: str, status: int, shown: str | None) -> None:
    browser = web.signed_in(value)
    browser.get("/")
    answer = _open(browser, [{"id": "_pages_location", "property": "pathname", "value": path}])
    assert answer.status_code == status
    assert shown is None or shown in answer.get_data(as_text=True)
    assert shown is not None or "secret" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "first",
    [
        {"id": "_pages_location", "property": "search", "value": "/people"},
        {"id": "x", "property": "y", "value": "/people"},
        {"value": ["/people"]},
        [{"value": "/people"}],
        None,
        "/people",
    ],
)
def test_page_with_a_forged_pathname_is_decided_by_its_place(web: Web, first: Any) -> None:
    browser = web.signed_in("viewer")
    browser.get("/")
    answer = _open(browser, [first, {"id": "_pages_location", "property": "pathname", "value": "/"}])
    assert answer.status_code == 403


def _open(browser: Any, inputs: list[Any]) -> Any:
    outputs = [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}]
    inputs = [*inputs, {"id": "_pages_location", "property": "search", "value": ""}]
    return browser.callback(PAGES_OUTPUT, outputs=outputs, inputs=inputs)


def test_page_callback_works_before_dash_has_registered_it(web: Web) -> None:
    body = {"output": PAGES_OUTPUT, "inputs": [{"value": "/"}]}
    assert action_of_callback(Dash("other", server=Flask("other")), body) == "watch.view"


@pytest.mark.parametrize("role", matrix.ROLES)
@pytest.mark.parametrize(
    ("path", "action"),
    [("/", "app.load"), ("/_dash-layout", "app.load"), ("/_dash-dependencies", "app.load"), ("/a/page", "app.load"),
     ("/api/plain", "watch.view"), ("/account", "account.self"), ("/logout", "account.leave")],
)  # fmt: skip
def test_route_for_each_role(web: Web, role: str, path: str, action: str) -> None:
    expected = 200 if role in matrix.ACTIONS[action] else 403
    assert web.signed_in(role).get(path).status_code == expected


@pytest.mark.parametrize("path", ["/api/unlabelled", "/_reload-hash"])
def test_route_without_an_action_is_refused_to_an_administrator(web: Web, path: str) -> None:
    answer = web.signed_in("admin").get(path)
    assert answer.status_code == 403
    assert answer.json == {"error": "forbidden", "message": "This account may not do that."}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/_dash-layout", 401), ("/_dash-dependencies", 401), ("/_reload-hash", 401), ("/api/plain", 401),
        ("/api/unlabelled", 401), ("/api/nothing", 401), ("/t/base/x.pmtiles", 401), ("/assets/map.css", 401),
        ("/_dash-component-suites/dash/deps/react.js", 401), ("/", 302), ("/people", 302), ("/metrics", 302),
        ("/account", 302), ("/logout", 302), ("/healthz", 200), ("/login", 200), ("/login.css", 200),
        ("/first-run/nonsense", 404),
    ],
)  # fmt: skip
def test_anonymous_get(web: Web, path: str, status: int) -> None:
    assert web.anonymous().get(path).status_code == status


@pytest.mark.parametrize("path", ["/", "/people", "/metrics"])
def test_anonymous_program_gets_401(web: Web, path: str) -> None:
    answer = web.anonymous().get(path, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json) == (401, SIGN_IN)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_anonymous_other_methods(web: Web, method: str) -> None:
    answer = web.server.test_client().open("/api/run", method=method, base_url=web.base)
    assert answer.status_code == 401


def test_signed_in_wrong_method(web: Web) -> None:
    browser = web.signed_in("duty")
    assert browser.get("/api/run").status_code in (200, 403, 404, 405)
    assert web.ran == []


def test_cross_site_get_of_data_is_refused_but_a_link_works(web: Web) -> None:
    browser = web.signed_in()
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert browser.get("/api/plain", headers=foreign).status_code == 403
    assert browser.get("/", headers=link).status_code == 200


def test_denied_is_audited_once_a_minute(web: Web) -> None:
    browser = web.signed_in("viewer")
    for _ in range(3):
        browser.callback("running.children")
    web.clock.forward(seconds=61)
    browser.callback("running.children")
    with web.store.read() as connection:
        rows = connection.execute(sa.select(audit).where(audit.c.action == "denied").order_by(audit.c.seq)).all()
    assert [(row.actor, row.object) for row in rows] == [("viewer@eoc.example", "feeds.operate")] * 2
    assert rows[0].detail == {"address": "127.0.0.1", "method": "POST", "subject": "running.children"}


def test_needs_an_action_of_the_matrix() -> None:
    with pytest.raises(ValueError, match="not an action"):
        needs("watch.everything")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"suppress_callback_exceptions": True}, "csrf_token_name"),
        ({"csrf_token_name": "tocsin_csrf_8050"}, "suppress_callback_exceptions"),
    ],
)
def test_install_guard_refuses_a_dash_that_leaks(
    settings: Settings, sqlite_store: Store, options: dict[str, Any], fault: str
) -> None:
    server = Flask("leaky", static_folder=None)
    dash_app = Dash("leaky", server=server, use_pages=True, pages_folder="", **options)
    with pytest.raises(ConfigError, match=fault):
        install_guard(server, dash_app, sqlite_store, settings)


def test_forged_forwarded_for_is_ignored_without_a_proxy(web: Web) -> None:
    web.anonymous().sign_in("nobody@eoc.example", "wrong password", next="/")
    browser = web.anonymous()
    form = {"csrf_token": browser.field("/login"), "email": "nobody@eoc.example", "password": "wrong"}
    browser.post("/login", data=form, headers={"X-Forwarded-For": "203.0.113.9"})
    assert _addresses(web) == ["127.0.0.1", "127.0.0.1"]


def test_forwarded_for_counts_the_configured_hops(tls_web: Web) -> None:
    browser = tls_web.anonymous()
    form = {"csrf_token": browser.field("/login"), "email": "nobody@eoc.example", "password": "wrong"}
    headers = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Host": "evil.example"}
    browser.post("/login", data=form, headers=headers)
    assert _addresses(tls_web) == ["198.51.100.7"]


def _addresses(web: Web) -> list[str]:
    with web.store.read() as connection:
        rows = connection.execute(sa.select(audit.c.detail).where(audit.c.action == "login.failed")).all()
    return [row.detail["address"] for row in rows]


def test_proxy_settings_do_not_touch_a_plain_server(web: Web, home: Path) -> None:
    assert web.server.wsgi_app.__class__.__name__ != "ProxyFix"
    assert replace(web.settings, proxy_hops=2).home == home


def test_a_file_of_two_megabytes_comes_through_a_page_of_staff_only(web: Web) -> None:
    upload, larger = "x" * 2_700_000, "x" * (9 << 20)
    assert web.signed_in("duty").callback("look.children", upload=upload).status_code == 200
    assert web.signed_in("viewer").callback("look.children", upload=upload).status_code == 413
    assert web.signed_in("duty").callback("look.children", upload=larger).status_code == 413
    assert web.ran == ["look"]
