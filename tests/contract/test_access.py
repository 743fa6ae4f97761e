"""Every route, callback and page of the real application has an action, or is public on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dash
import pytest
from dash import _callback

from access.labels import PAGES_OUTPUT, action_of, action_of_rule, callbacks
from access.matrix import ACTIONS, CALLBACK_RULE, DASH_RULES, PUBLIC_RULES
from data.settings import Settings

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
