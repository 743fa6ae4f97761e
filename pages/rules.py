"""Rules: every rule with what runs of it; one opened with its text, what it would do, its proof, and its versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from access.people import current
from alerts.rule_version import rule_of
from data.text import Translate
from pages import _rule_edit, _rule_new, _rule_preview, _rule_proof, _rule_versions
from pages._context import Context
from pages._facts import FactReader
from pages._rule_list import PATH as PATH
from pages._rule_list import address, listing
from pages._rule_state import Opened, opened
from pages._rule_words import decided_words, standing_words, why_not
from pages._times import local

TITLE, ACTION = "Rules", "rules.view"
FONTS_ZH = "/assets/vendor/fonts-zh.css"  # texts of rules are in both languages, whatever the reader's is
TABS = ("edit", "preview", "proof", "versions")


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any:
    """The list, or one rule: `?rule=` names it, `&version=` a version of it, `&tab=` what is shown first."""
    key = asked.get("rule", "")
    if not key:
        return html.Div(
            className="rules",
            children=[
                html.Link(rel="stylesheet", href=FONTS_ZH),
                html.H1(t("Rules")),
                html.P(
                    t("What runs, who let it run, and how much it asks of people. Open a rule to change it."),
                    className="dim",
                ),
                *(_read_only(t) or _rule_new.panel(context, current().email, t)),
                *listing(context, t, locale),
            ],
        )
    number = asked.get("version", "")
    shown = opened(context, key, int(number) if number.isdecimal() and len(number) < 10 else None, current().email)
    if not shown.known:
        return html.Div([_back(t), html.H1(t("No such rule."))], className="rules")
    return _one(shown, context, t, locale, asked.get("tab", "edit"))


def _read_only(t: Translate) -> list[Component]:
    reason = why_not(current(), "rules.edit", t)
    return [html.P(reason, className="rules-note")] if reason else []


def _back(t: Translate) -> Component:
    return html.P(html.A(["← ", t("All rules")], href=PATH))


def _one(shown: Opened, context: Context, t: Translate, locale: str, tab: str) -> Component:
    person = current()
    reason = why_not(person, "rules.edit", t)
    locked = bool(reason) or shown.number is not None
    rule = shown.item.rule if shown.item is not None else rule_of(shown.text)[0]
    tabs = (
        ("edit", t("Text and form"), _rule_edit.panel(shown, locked, context, t)),
        ("preview", t("Preview"), _rule_preview.panel(t)),
        ("proof", t("Proof"), _rule_proof.panel(t, locale, reason)),
        ("versions", t("Versions"), _rule_versions.panel(shown, person, context, t)),
    )
    return html.Div(
        className="rules rules-one",
        children=[
            html.Link(rel="stylesheet", href=FONTS_ZH),
            _back(t),
            html.H1([rule.title.of(locale) if rule is not None else shown.key, " ", html.Code(shown.key)]),
            html.P(_standing(shown, context, t), className="rules-standing"),
            *_read_only(t),
            *_version_note(shown, reason, t),
            *_waiting(shown, context, t),
            dmc.Tabs(
                [
                    dmc.TabsList([dmc.TabsTab(word, value=key) for key, word, _ in tabs]),
                    *[dmc.TabsPanel(content, value=key, className="rules-tab") for key, _, content in tabs],
                ],
                id="rules-tabs", value=tab if tab in TABS else "edit", keepMounted=True,
            ),
            dcc.Store(id="rules-key", data=shown.key),
            dcc.Store(id="rules-number", data=shown.number),
            dcc.Store(id="rules-go"),
            dcc.Store(id="rules-told"),
        ],
    )  # fmt: skip


def _standing(shown: Opened, context: Context, t: Translate) -> list[Any]:
    on = shown.item.rule.enabled if shown.item is not None else False
    words = t("What runs: {what}").format(what=standing_words(shown.standing, on, shown.item is not None, t))
    decided = decided_words(shown.standing, context.settings.zone, t)
    ruling = shown.standing.ruling
    reason = f" “{ruling.why}”" if ruling is not None else ""
    parts: list[Any] = [html.B(words), f" · {decided}{reason}" if decided else ""]
    running = shown.version(shown.standing.running)
    if running is not None and shown.item is not None and running.based_on not in ("", shown.item.rule.digest):
        parts.append(html.Span([" ⚠ ", t("The file has changed since this version was saved.")], className="bad"))
    return parts


def _version_note(shown: Opened, reason: str, t: Translate) -> list[Component]:
    """Of a version that is shown as it was saved: the way back to the text one can change."""
    if shown.number is None or reason:
        return []
    said = t("Version {n} is shown as it was saved and does not change.").format(n=shown.number)
    return [html.P([said, " ", html.A(t("Go to your text"), href=address(shown.key))], className="rules-note")]


def _waiting(shown: Opened, context: Context, t: Translate) -> list[Component]:
    waiting = shown.standing.waiting
    if waiting is None or waiting.number is None:
        return []
    said = t("Version {n} waits for a second person: proposed by {who}, {at}: “{why}”").format(
        n=waiting.number, who=waiting.by, at=local(waiting.at, context.settings.zone), why=waiting.why
    )
    links = [
        html.A(t("Open its proof"), href=address(shown.key, version=waiting.number, tab="proof")),
        " · ",
        html.A(t("Decide"), href=address(shown.key, version=waiting.number, tab="versions")),
    ]
    return [html.P(["◷ ", said, " ", *links], className="rules-waiting")]


def register(dash_app: Dash, context: Context, _facts: FactReader) -> None:
    """The callbacks; each tab brings its own."""
    _rule_new.register(dash_app, context)
    _rule_edit.register(dash_app, context)
    _rule_preview.register(dash_app, context)
    _rule_proof.register(dash_app, context)
    _rule_versions.register(dash_app, context)
    named = ClientsideFunction
    dash_app.clientside_callback(
        named("tocsin_rules", "go"), Output("rules-told", "data", allow_duplicate=True),
        Input("rules-go", "data"), prevent_initial_call=True,
    )  # fmt: skip
    dash_app.clientside_callback(
        named("tocsin_rules", "typed"), Output("rules-gutter", "children"), Input("rules-text", "value"),
        State("rules-typed", "data"),
    )  # fmt: skip
    dash_app.clientside_callback(
        named("tocsin_rules", "tab"), Output("rules-told", "data"), Input("rules-tabs", "value"),
    )  # fmt: skip
