"""Labels: which action of the matrix a view, a callback or a page is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask

from access.matrix import ACTIONS, DASH_RULES

F = TypeVar("F", bound=Callable[..., Any])
PAGES_OUTPUT = ".._pages_content.children..._pages_store.data.."  # Dash registers it at its first request


def needs(action: str, *, form: bool = False) -> Callable[[F], F]:
    """Label a view, a Dash callback or a page's layout with the action of the matrix that it is.

    Parameters
    ----------
    form
        The view takes an HTML form, with the token in its field `csrf_token`; others take JSON with the header.
    """
    if action not in ACTIONS:
        raise ValueError(f"not an action of access.matrix: {action!r}")

    def label(function: F) -> F:
        function.access_action = action  # type: ignore[attr-defined]
        function.access_form = form  # type: ignore[attr-defined]
        return function

    return label


def action_of(function: Any) -> str | None:
    """The action a function was labelled with, through decorators and partials."""
    while function is not None:
        action = getattr(function, "access_action", None)
        if action is not None:
            return str(action)
        inner = function.func if isinstance(function, functools.partial) else None
        function = inner or getattr(function, "__wrapped__", None)
    return None


def action_of_rule(server: Flask, rule: str, endpoint: str) -> str | None:
    """The action of a route, other than the public ones and the callbacks'."""
    return action_of(server.view_functions.get(endpoint)) or DASH_RULES.get(rule)


def action_of_callback(dash_app: Any, body: Any) -> str | None:
    """The action of the callback that Dash would run for a request body; None where it has none, or is none.

    Only the registration is asked, by the exact key that Dash will look up; nothing else of the body is believed.
    """
    output = body.get("output") if isinstance(body, dict) else None
    if not isinstance(output, str):
        return None
    if output == PAGES_OUTPUT:
        return action_of_page(dash_app, body)
    return action_of(callbacks(dash_app).get(output, {}).get("callback"))


def callbacks(dash_app: Any) -> dict[str, Any]:
    """Every registered callback by its output id, also those that Dash still keeps in its global list."""
    from dash._callback import GLOBAL_CALLBACK_MAP

    return {**GLOBAL_CALLBACK_MAP, **dash_app.callback_map}


def action_of_page(dash_app: Any, body: dict[str, Any]) -> str | None:
    """The action of the page whose layout Dash would send.

    Dash takes the first input's value for the pathname, whatever the body calls it, and so does this. An address
    without a page gets the office's page for that, or Dash's own line.
    """
    from dash import _pages

    inputs = body.get("inputs")
    first = inputs[0] if isinstance(inputs, list) and inputs else None
    path = first.get("value") if isinstance(first, dict) else None
    if not isinstance(path, str) or not path.startswith("/"):
        return None
    page, _ = _pages._path_to_page(dash_app.strip_relative_path(path))  # type: ignore[no-untyped-call]
    return action_of(page.get("layout")) if page else "app.load"
