"""Every route, callback and page of the real application has an action, or is public on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dash
import pytest
from dash import _callback

from access import accounts, session_rows
from access.labels import PAGES_OUTPUT, action_of, action_of_rule, callbacks
from access.matrix import ACTIONS, CALLBACK_RULE, DASH_RULES, PUBLIC_RULES, ROLES, may
from access.people import EXTENSION
from data.actor import Reauthentication
from data.settings import Settings
from data.store.engine import Store
from pages.application import PAGES
from pages.application import action_of_page as action_of_listed

ROOT = Path(__file__).resolve().parents[2]

# What Dash and Flask bring along, and the guard refuses to everyone: hot reload, and a folder that is not there.
REFUSED_RULES = {"/_reload-hash", "/static/<path:filename>"}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """The web process as `python app.py web` builds it, on an empty home."""
    if not (ROOT / "app.py").is_file():
        pytest.skip("app.py is not there")
    from app import build_web

    home = tmp_path_factory.mktemp("home")
    pages, entries = dict(dash.page_registry), dict(_callback.GLOBAL_CALLBACK_MAP)
    listed = list(_callback.GLOBAL_CALLBACK_LIST)
    dash.page_registry.clear()
    _callback.GLOBAL_CALLBACK_MAP.clear()
    _callback.GLOBAL_CALLBACK_LIST.clear()
    built = build_web(replace(Settings(home=home), base_dir=home / "base"))
    yield built
    dash.page_registry.clear()
    dash.page_registry.update(pages)
    _callback.GLOBAL_CALLBACK_MAP.update(entries)
    _callback.GLOBAL_CALLBACK_LIST.extend(listed)


def test_every_route_has_an_action(application: tuple[Any, Any]) -> None:
    _, server = application
    known = PUBLIC_RULES | REFUSED_RULES | {CALLBACK_RULE}
    missing = [
        rule.rule
        for rule in server.url_map.iter_rules()
        if rule.rule not in known and action_of_rule(server, rule.rule, rule.endpoint) not in ACTIONS
    ]
    assert missing == []


def test_every_callback_has_an_action(application: tuple[Any, Any]) -> None:
    dash_app, server = application
    server.test_client().get("/login")
    missing = [
        output
        for output, entry in callbacks(dash_app).items()
        if "callback" in entry and output != PAGES_OUTPUT and action_of(entry["callback"]) not in ACTIONS
    ]
    assert missing == []


def test_every_page_has_an_action(application: tuple[Any, Any]) -> None:
    assert application is not None
    missing = [name for name, page in dash.page_registry.items() if action_of(page["layout"]) not in ACTIONS]
    assert missing == []


def test_wall_display_sees_watch_and_no_other_page() -> None:
    seen = [page.PATH for page in PAGES if may(frozenset({"wall"}), action_of_listed(page))]
    assert seen == ["/"]
    changing = {action for action in ACTIONS if may(frozenset({"wall"}), action)}
    assert changing == {"app.load", "watch.view", "account.leave"}


def test_dash_has_no_routes_that_nobody_judged(application: tuple[Any, Any]) -> None:
    _, server = application
    own = {rule.rule for rule in server.url_map.iter_rules() if "dash" in rule.endpoint or rule.rule.startswith("/_")}
    assert own <= set(DASH_RULES) | REFUSED_RULES | {CALLBACK_RULE}


def test_nothing_but_the_public_routes_answers_a_stranger(application: tuple[Any, Any]) -> None:
    _, server = application
    client = server.test_client()
    for rule in server.url_map.iter_rules():
        if rule.rule in PUBLIC_RULES:
            continue
        path = _example(rule)
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            answer = client.open(path, method=method, headers={"Accept": "application/json"}, json={})
            assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"


def _browser(server: Any, store: Store, role: str) -> tuple[Any, dict[str, str]]:
    """A client with a session of an account that has this one role, and the header of its pages."""
    now = datetime.now(UTC)
    with store.write() as connection:
        account = accounts.create(
            connection, email=f"{role}@eoc.example", name=role, password_hash="x", roles=[role], at=now
        )  # fmt: skip
        token = session_rows.begin(
            connection, account.id, proved=Reauthentication(now, "totp", True), second_factor=True,
            where_from=("127.0.0.1", "test"),
        )  # fmt: skip
    client = server.test_client()
    with client.session_transaction() as session:
        session.update(token=token, csrf="c" * 43)
    return client, {"X-CSRFToken": "c" * 43, "Accept": "application/json"}


@pytest.fixture(scope="module")
def people(application: tuple[Any, Any]) -> dict[str, tuple[Any, dict[str, str]]]:
    """A browser of each role."""
    _, server = application
    parts = server.extensions[EXTENSION]
    return {role: _browser(server, parts.store, role) for role in ROLES}


@pytest.fixture
def reached(application: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Instead of every view a mark: what the guard lets through, without running what it would do."""
    _, server = application
    marks = {name: (lambda **_: ("reached", 299)) for name in server.view_functions}
    for name, mark in marks.items():
        view = server.view_functions[name]
        mark.access_action = action_of(view)
        mark.access_form = getattr(view, "access_form", False)
    monkeypatch.setattr(server, "view_functions", marks)
    return server


@pytest.mark.parametrize("role", ROLES)
def test_asvs_8_2_1_every_route_answers_a_role_as_the_matrix_says(
    role: str, people: dict[str, tuple[Any, dict[str, str]]], reached: Any
) -> None:
    client, headers = people[role]
    wrong, asked = [], 0
    for rule in reached.url_map.iter_rules():
        if rule.rule in PUBLIC_RULES | {CALLBACK_RULE}:
            continue
        action = action_of_rule(reached, rule.rule, rule.endpoint)
        expected = 299 if action is not None and may(frozenset({role}), action) else 403
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            given = client.open(_example(rule), method=method, headers=headers, json={} if method != "GET" else None)
            asked += 1
            if given.status_code != expected:
                wrong.append(f"{method} {rule.rule} ({action}): {given.status_code}, not {expected}")
    assert wrong == []
    assert asked > 20


@pytest.mark.parametrize("role", ROLES)
def test_asvs_8_2_1_every_callback_answers_a_role_as_the_matrix_says(
    role: str, application: tuple[Any, Any], people: dict[str, tuple[Any, dict[str, str]]], reached: Any
) -> None:
    dash_app, _ = application
    client, headers = people[role]
    wrong, asked = [], 0
    for output, entry in callbacks(dash_app).items():
        if "callback" not in entry or output == PAGES_OUTPUT:
            continue
        action = action_of(entry["callback"])
        expected = 299 if action is not None and may(frozenset({role}), action) else 403
        body = {"output": output, "outputs": [], "inputs": [], "changedPropIds": []}
        given = client.post(CALLBACK_RULE, headers=headers, json=body)
        asked += 1
        if given.status_code != expected:
            wrong.append(f"{output} ({action}): {given.status_code}, not {expected}")
    assert wrong == []
    assert asked > 20


@pytest.mark.parametrize("role", ROLES)
def test_nothing_changes_without_the_token_of_our_pages(
    role: str, people: dict[str, tuple[Any, dict[str, str]]], reached: Any
) -> None:
    client, _ = people[role]
    for rule in reached.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD", "GET"}):
            if rule.rule not in PUBLIC_RULES:
                given = client.open(_example(rule), method=method, headers={"Accept": "application/json"}, json={})
                assert given.status_code in (403, 415), f"{method} {rule.rule}: {given.status_code}"


def test_stranger_reaches_no_callback(application: tuple[Any, Any], reached: Any) -> None:
    dash_app, server = application
    client = server.test_client()
    for output in callbacks(dash_app):
        given = client.post(CALLBACK_RULE, headers={"Accept": "application/json"}, json={"output": output})
        assert given.status_code == 401, output


def _example(rule: Any) -> str:
    values = {name: _value(kind) for name, kind in rule._converters.items()}
    built = rule.build(values)
    assert built is not None
    return str(built[1])


def _value(kind: Any) -> Any:
    """Something that this part of an address takes."""
    if choices := getattr(kind, "items", None):
        return sorted(choices)[0]
    return 1 if "Integer" in type(kind).__name__ else "x"
