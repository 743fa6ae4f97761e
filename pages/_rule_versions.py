"""The tab of versions: what was saved and decided, what differs, and the two people who let a version run."""

from __future__ import annotations

import difflib
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from access.audit import append
from access.guard import needs
from access.people import Person, current
from alerts.rule_version import Edition, disable, enable, propose, withdraw
from data.errors import RuleError
from data.text import Translate, translator
from pages import packs
from pages._context import Context
from pages._locale import locale_of
from pages._rule_list import address
from pages._rule_state import Opened
from pages._rule_text import text_of
from pages._rule_words import decision_words, refusal_words, why_not
from pages._times import local

ACT = "rules-act"
ACTIONS = {"propose": propose, "enable": enable, "withdraw": withdraw}


def panel(shown: Opened, person: Person, context: Context, t: Translate) -> Component:
    """What runs, what can be done, every version with its difference, every decision."""
    return html.Div(
        className="rules-versions",
        children=[
            _doing(shown, person, t),
            html.H2(t("Versions")),
            *([] if shown.versions else [html.P(t("Nobody has saved a version of this rule yet."))]),
            *[_version(one, shown, context, t) for one in shown.versions],
            html.H2(t("Decisions")),
            _decided(shown, context, t),
        ],
    )


def _doing(shown: Opened, person: Person, t: Translate) -> Component:
    """What a person may do now; the checks stand in `alerts.rule_version`."""
    reason = why_not(person, "rules.enable", t)
    editor = person.may("rules.edit")
    waiting, number = shown.standing.waiting, _subject(shown)
    buttons = []
    if waiting is not None and waiting.number is not None:
        if not reason:
            said = t("Enable version {n}").format(n=waiting.number)
            buttons.append(_button(said, "enable", waiting.number, primary=True))
        if not reason or editor:
            buttons.append(_button(t("Withdraw the proposal"), "withdraw", waiting.number))
    elif number is not None and (editor or not reason):
        said = t("Propose version {n} for enabling").format(n=number)
        buttons.append(_button(said, "propose", number, primary=True))
    if not reason and not shown.standing.switched_off:
        buttons.append(_button(t("Switch the rule off"), "disable", 0))
    why = [dmc.TextInput(id="rules-decide-why", label=t("Why"), size="sm")] if buttons else []
    return html.Div(
        [
            html.P(t("Two people let a version run: one proposes it, another one, who did not write it, enables it. "
                     "Both have opened the report of its trial."), className="dim"),
            *([html.P(reason, className="dim")] if reason else []),
            *why,
            html.Div(buttons, className="actions"),
            html.P(id="rules-decided", role="status"),
        ]
    )  # fmt: skip


def _subject(shown: Opened) -> int | None:
    """The version that a proposal would be about: the one that is shown, else the newest; none that runs."""
    number = shown.number if shown.number is not None else shown.versions[0].number if shown.versions else None
    return None if number == shown.standing.running else number


def _button(words: str, action: str, number: int, *, primary: bool = False) -> Component:
    return html.Button(
        words, id={"type": ACT, "action": action, "number": number}, n_clicks=0,
        className="act primary" if primary else "act",
    )  # fmt: skip


def _version(one: Edition, shown: Opened, context: Context, t: Translate) -> Component:
    before = shown.version(one.number - 1)
    text = before.text if before is not None else text_of(shown.item) if shown.item is not None else ""
    against = t("version {n}").format(n=one.number - 1) if before is not None else t("the rule of the file")
    runs = shown.standing.running == one.number
    head: list[Any] = [html.B(t("version {n}").format(n=one.number)), f" ({one.version}) "]
    if runs:
        head.append(html.Span(t("runs"), className="rules-runs"))
    said = t("{who}, {at}: {why}").format(who=one.by, at=local(one.at, context.settings.zone), why=one.why)
    return html.Article(
        [
            html.P([*head, html.A(t("Open this version"), href=address(one.rule, version=one.number))]),
            html.P(said),
            html.P(html.Code(one.digest[:16], title=one.digest), className="dim"),
            html.Details(
                [html.Summary(t("Difference to {other}").format(other=against)), html.Pre(_diff(text, one.text))]
            ),
        ],
        className="rules-version",
    )


def _diff(before: str, after: str) -> list[Component]:
    """The lines that went and came, with two lines around them."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm=""))[2:]
    names = {"+": "came", "-": "went", "@": "dim"}
    return [html.Span(f"{line}\n", className=names.get(line[:1], "")) for line in lines] or [html.Span("=")]


def _decided(shown: Opened, context: Context, t: Translate) -> Component:
    if not shown.decisions:
        return html.P(t("Nobody has decided anything: the rule runs as its file says."))
    rows = [
        html.Tr([html.Td(local(one.at, context.settings.zone)), html.Td(decision_words(one, t)), html.Td(one.by),
                 html.Td(one.why)])
        for one in shown.decisions
    ]  # fmt: skip
    head = html.Tr([html.Th(name) for name in (t("When"), t("What"), t("Who"), t("Why"))])
    return html.Div(html.Table([html.Thead(head), html.Tbody(rows)]), className="wide")


def register(dash_app: Dash, context: Context) -> None:
    """The decisions; who may take which stands in the matrix, and the rest under the interface."""
    at_once = [Input({"type": ACT, "action": ALL, "number": ALL}, "n_clicks")]

    @dash_app.callback(
        Output("rules-decided", "children"), Output("rules-go", "data", allow_duplicate=True), *at_once,
        State("rules-decide-why", "value"), State("rules-key", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("rules.view")
    def decide(_clicks: Any, why: Any, key: Any) -> Any:
        person, t, which = current(), translator(locale_of(context)), ctx.triggered_id
        if not isinstance(which, dict) or not ctx.triggered[0]["value"]:
            return no_update, no_update
        try:
            act(context, str(which["action"]), str(key), int(which["number"]), person, str(why or ""))
        except RuleError as error:
            return html.Span(refusal_words(str(error), t), className="bad"), no_update
        return "", address(str(key), tab="versions")


def act(context: Context, action: str, key: str, number: int, person: Person, why: str) -> None:
    """Carry one decision out.

    Raises
    ------
    RuleError
        Where the person may not, or the versions do not allow it.
    """
    allowed = ("rules.enable",) if action in ("enable", "disable") else ("rules.enable", "rules.edit")
    if not any(person.may(name) for name in allowed):
        raise RuleError("this account may not do that")
    now = context.clock()
    with context.store.write() as connection:
        if action == "disable":
            files = {item.rule.key for item in packs.packs(context)[0]}
            disable(connection, key, by=person.email, why=why, at=now, audit=append, files=files)
        else:
            ACTIONS[action](connection, key, number, by=person.email, why=why, at=now, audit=append)
