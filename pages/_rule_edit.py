"""Form and YAML side by side: one text, checked as one types, kept as a draft, saved as a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.audit import append
from access.guard import needs
from access.people import current
from alerts.check import Facts
from alerts.faults import Fault
from alerts.known import facts_of
from alerts.rule_version import rule_of, save_version
from data.errors import RuleError
from data.text import Translate, translator
from pages._context import Context
from pages._locale import locale_of
from pages._rule_faults import fault_words
from pages._rule_form import FIELD, FLAG, LEVEL, changed, form, with_level
from pages._rule_list import address
from pages._rule_state import Opened, keep_draft
from pages._rule_text import put
from pages._rule_words import refusal_words
from pages._times import local

FACTS_S = 300.0


def panel(shown: Opened, locked: bool, context: Context, t: Translate) -> Component:
    """The tab; `locked` where the person may not edit, or looks at a version as it was saved."""
    return html.Div(
        className="rules-edit",
        children=[
            html.Section(
                [html.H2(t("Form")), html.Div(id="rules-form")], className="rules-form", **{"aria-label": t("Form")}
            ),
            html.Section(
                className="rules-source",
                children=[
                    html.H2(t("Text")),
                    html.Div(
                        [
                            html.Pre(id="rules-gutter", className="rules-gutter", **{"aria-hidden": "true"}),
                            dmc.Textarea(
                                id="rules-text", value=shown.text, spellCheck=False,
                                readOnly=locked, className="rules-text", **{"aria-label": t("Text of the rule")},
                            ),
                        ],
                        className="rules-code",
                    ),
                    html.Div(id="rules-faults", className="rules-faults", role="status"),
                    html.P(_draft_words(shown, context, t), id="rules-draft", className="dim"),
                    *([] if locked else _saving(t)),
                    html.P(id="rules-saved", role="status"),
                ],
                **{"aria-label": t("Text")},
            ),
            dcc.Store(id="rules-base", data=shown.text),
            dcc.Store(id="rules-typed", data=shown.text),  # the text when nobody has typed for a moment
        ],
    )  # fmt: skip


def _saving(t: Translate) -> list[Component]:
    return [
        dmc.TextInput(id="rules-why", label=t("Why this version"), size="sm"),
        html.Div(
            [
                html.Button(t("Save as a version"), id="rules-save", className="act primary", n_clicks=0),
                html.Button(t("Throw the draft away"), id="rules-discard", className="act", n_clicks=0),
            ],
            className="actions",
        ),
    ]


def _draft_words(shown: Opened, context: Context, t: Translate) -> str:
    if shown.number is not None:
        return t("This is version {n} as it was saved.").format(n=shown.number)
    if shown.draft_at is None:
        return ""
    return t("Your unfinished text of {at}.").format(at=local(shown.draft_at, context.settings.zone))


def fault_list(faults: Sequence[Fault], t: Translate) -> list[Component]:
    """Every fault as a way to its place in the text."""
    if not faults:
        return [html.P(["✓ ", t("The text is a valid rule.")], className="rules-good")]
    head = t("Faults: {n}. What runs stays as it is.").format(n=len(faults))
    where = t("line {line}, column {column}")
    items = [
        html.Li(
            html.Button(
                [html.B(where.format(line=one.line, column=one.column)), " ", fault_words(one.message, t)],
                className="rules-fault", **{"data-line": str(one.line), "data-column": str(one.column)},
            )
        )
        for one in faults
    ]  # fmt: skip
    return [html.P(["⚠ ", head], className="bad"), html.Ul(items)]


def register(dash_app: Dash, context: Context) -> None:
    """Check and draft, the form's changes, saving, throwing away."""
    known: dict[int, Facts] = {}  # regions, and steps of the data; looked up anew from time to time

    def facts() -> Facts:
        now = context.clock()
        span = int(now.timestamp() // FACTS_S)
        found = known.get(span)
        if found is None:
            found = facts_of(context.store, context.settings.base_dir, now)
            known.clear()
            known[span] = found
        return found

    @dash_app.callback(
        Output("rules-faults", "children"), Output("rules-form", "children"), Output("rules-draft", "children"),
        Input("rules-typed", "data"), State("rules-base", "data"), State("rules-key", "data"),
        State("rules-number", "data"),
    )  # fmt: skip
    @needs("rules.view")
    def check(text: Any, base: Any, key: Any, number: Any) -> Any:
        person, t = current(), translator(locale_of(context))
        words, said = str(text or ""), no_update
        locked = number is not None or not person.may("rules.edit")
        _, faults = rule_of(words, facts())
        if not locked and words != base and key:
            now = context.clock()
            with context.store.write() as connection:
                keep_draft(connection, str(key), person.email, words, now)
            said = t("Your unfinished text is kept, {at}.").format(at=local(now, context.settings.zone, seconds=True))
        return fault_list(faults, t), form(words, locked, t), said

    @dash_app.callback(
        Output("rules-text", "value"), Input({"type": FIELD, "place": ALL}, "value"),
        Input({"type": FLAG, "place": ALL}, "checked"), Input({"type": LEVEL, "level": ALL, "do": ALL}, "n_clicks"),
        State("rules-text", "value"), State("rules-number", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("rules.edit")
    def take(_values: Any, _flags: Any, _clicks: Any, text: Any, number: Any) -> Any:
        which, value = ctx.triggered_id, ctx.triggered[0]["value"]
        if number is not None or not isinstance(which, dict) or len(ctx.triggered) != 1:
            return no_update
        if which["type"] == LEVEL:
            return _with_or_without(str(text), str(which["level"]), str(which["do"])) if value else no_update
        found = changed(str(text), str(which["place"]), value)
        return no_update if found is None else found

    @dash_app.callback(
        Output("rules-saved", "children"), Output("rules-go", "data", allow_duplicate=True),
        Input("rules-save", "n_clicks"), State("rules-text", "value"), State("rules-why", "value"),
        State("rules-key", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("rules.edit")
    def save(clicks: Any, text: Any, why: Any, key: Any) -> Any:
        person, t = current(), translator(locale_of(context))
        if not clicks:
            return no_update, no_update
        _, faults = rule_of(str(text or ""), facts())
        if faults:
            said = t("Mend the text first. Faults: {n}.").format(n=len(faults))
            return html.Span(said, className="bad"), no_update
        try:
            number, rule = save_text(context, str(text or ""), str(why or ""), str(key), person.email, facts())
        except RuleError as error:
            return html.Span(refusal_words(str(error), t), className="bad"), no_update
        return "", address(rule, version=number, tab="proof")

    @dash_app.callback(
        Output("rules-go", "data", allow_duplicate=True), Input("rules-discard", "n_clicks"),
        State("rules-key", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("rules.edit")
    def discard(clicks: Any, key: Any) -> Any:
        if not clicks or not key:
            return no_update
        with context.store.write() as connection:
            keep_draft(connection, str(key), current().email, "", context.clock())
        return address(str(key))


def _with_or_without(text: str, level: str, do: str) -> Any:
    try:
        return with_level(text, level) if do == "add" else put(text, ("levels", level), None)
    except RuleError:
        return no_update


def save_text(context: Context, text: str, why: str, key: str, person: str, facts: Facts) -> tuple[int, str]:
    """Save a version and end the draft. Returns number and key of the rule that the text is.

    Raises
    ------
    RuleError
        As `save_version`; and where the text has become another rule that exists already.
    """
    from pages._rule_state import opened

    rule, _ = rule_of(text, facts)
    other = None if rule is None or rule.key == key else opened(context, rule.key, None, person)
    if other is not None and other.known:
        raise RuleError(f"there is a rule {other.key} already: open that one")
    item = opened(context, key if rule is None else rule.key, None, person).item
    now = context.clock()
    with context.store.write() as connection:
        kept = save_version(
            connection, text, by=person, why=why, at=now, audit=append, facts=facts,
            based_on="" if item is None else item.rule.digest,
        )  # fmt: skip
        keep_draft(connection, key, person, "", now)
    return kept.number, kept.rule
