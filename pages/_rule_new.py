"""A rule that there was not: it begins as a small valid text under a key of its own, kept as a person's draft."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from data.errors import RuleError
from data.text import Translate, translator
from pages._context import Context
from pages._locale import locale_of
from pages._rule_list import address
from pages._rule_state import begun, keep_draft, opened
from pages._rule_words import refusal_words

KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
LONGEST_KEY = 120
TEMPLATE = """\
rules:
- key: {key}
  version: "1"
  authority: {{en: This office, zh: 本单位}}
  citation: {{title: Say here where the numbers come from, read_on: {day}, house: true}}
  valid_from: {day}
  hazard: rainstorm
  branch: observed
  title: {{en: New rule, zh: 新规则}}
  text:
    en: "{{region}}: {{value}} {{unit}} of rain has fallen in an hour."
    zh: "{{region}}：1小时降雨量{{value}}毫米。"
  regions: {{kinds: [leaf]}}
  inputs:
    rain_1h: {{source: stations, quantity: precipitation, unit: mm, accumulate: sum, window: 1h, interval: 1h}}
  levels:
    yellow: {{input: rain_1h, trigger: 50, clear: 40, hold: 1h}}
  max_age: 2h
  min_valid_share: 0.8
  duration: {{default: 6h, hard_limit: 24h}}
"""


def template(key: str, day: date) -> str:
    """The text that a new rule begins with."""
    return TEMPLATE.format(key=key, day=day.isoformat())


def start(context: Context, typed: str, person: str) -> str:
    """Keep the first text of a new rule as a person's draft. Returns its key.

    Raises
    ------
    RuleError
        For a key that is none, or that a rule has already.
    """
    key = typed.strip()
    if len(key) > LONGEST_KEY or KEY.fullmatch(key) is None:
        raise RuleError("a key is small letters, digits and _ in parts joined by dots, such as county.rainstorm")
    if opened(context, key, None, person).known:
        raise RuleError(f"there is a rule {key} already: open that one")
    now = context.clock()
    with context.store.write() as connection:
        keep_draft(connection, key, person, template(key, now.astimezone(context.settings.zone).date()), now)
    return key


def panel(context: Context, person: str, t: Translate) -> list[Component]:
    """The key of a rule to be, and the rules that this person has begun."""
    links = [html.A(html.Code(key), href=address(key)) for key in begun(context, person)]
    named = [part for link in links for part in (" · ", link)][1:]
    row = html.Div(
        [
            dmc.TextInput(
                id="rules-new-key", placeholder="county.rainstorm", size="sm",
                **{"aria-label": t("Key of the new rule")},
            ),
            html.Button(t("New rule"), id="rules-new", className="act", n_clicks=0),
        ],
        className="actions",
    )  # fmt: skip
    return [
        html.Div(row),  # the page centres what stands in it
        html.P(id="rules-new-said", role="status"),
        dcc.Location(id="rules-new-go", refresh=True),
        *([html.P([t("Begun by you, and no version yet:"), " ", *named])] if links else []),
        html.P(t("To make one that is like another, open that one and change its key."), className="dim"),
    ]  # fmt: skip


def register(dash_app: Dash, context: Context) -> None:
    """Beginning a rule."""

    @dash_app.callback(
        Output("rules-new-said", "children"), Output("rules-new-go", "href"), Input("rules-new", "n_clicks"),
        State("rules-new-key", "value"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("rules.edit")
    def begin(clicks: Any, key: Any) -> Any:
        t = translator(locale_of(context))
        if not clicks:
            return no_update, no_update
        try:
            return "", address(start(context, str(key or ""), current().email))
        except RuleError as error:
            return html.Span(["⚠ ", refusal_words(str(error), t)], className="bad"), no_update
