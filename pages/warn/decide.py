"""The decision: what stands against it, what has changed, whom it reaches, and the buttons that say what they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from access.people import Person, current
from alerts.cap.finding import REJECT
from alerts.desk.read import DeskWarning
from alerts.desk.refusal import Refusal
from data.errors import TocsinError
from data.text import Translate, translator
from pages._context import Context
from pages._levels import chip
from pages._locale import locale_of
from pages._times import local
from pages.warn import looks, made, service
from pages.warn.deliveries import held_words
from pages.warn.differences import listed, recheck_list
from pages.warn.inbox import PATH, hazard_word
from pages.warn.preview import finding_list
from pages.warn.reach import Reach, count_words, reach_list, reached

ACTIONS = {
    "new": "A new warning", "continue": "Go on with the warning in force", "extend": "Extend the warning in force",
    "upgrade": "Raise the warning in force", "lower": "Lower the warning in force",
    "cancel": "End the warning in force", "let expire": "Let the warning in force run out",
    "nothing": "Nothing is in force: there is nothing to do",
}  # fmt: skip
SIGN_AND_SEND = {
    "alert": "Sign and send: {whom}", "update": "Sign and send the update: {whom}",
    "cancel": "Sign the end and send it: {whom}",
}  # fmt: skip


WHY = {"type": "warn-why", "place": "decide"}


def do(action: str, words: str, *, primary: bool = False, disabled: bool = False) -> Component:
    """A button that decides something about what is open."""
    return html.Button(
        words, id={"type": "warn-do", "action": action}, className="act primary" if primary else "act", n_clicks=0,
        disabled=disabled,
    )  # fmt: skip


def panel(mark: Mapping[str, Any], person: Person, context: Context, t: Translate, locale: str) -> list[Component]:
    """What can be decided now by this person."""
    if "proposal" in mark:
        return _proposal(int(mark["proposal"]), person, context, t, locale)
    item = service.find(context, mark)
    if item is None:
        return []
    match item.state:
        case "draft":
            return _draft(item, person, context, t)
        case "submitted":
            return _submitted(item, person, context, t, locale)
        case "approved":
            return _unsigned(person, t)
        case "issued":
            return _issued(item, person, context, t)
    return [html.P(t("It was thrown away."), className="dim")]


def _proposal(number: int, person: Person, context: Context, t: Translate, locale: str) -> list[Component]:
    """What the desk suggests, against what is in force."""
    found = looks.suggested(context, number)
    if found is None:
        return []
    may_close = person.may("proposals.close")
    said: list[Any] = [html.B(t(ACTIONS[found.action]))]
    if found.current is not None:
        held = found.current
        link = html.A(
            t("{hazard}, until {time}").format(
                hazard=hazard_word(held.hazard, locale), time=local(held.expires_at, context.settings.zone)
            ),
            href=f"{PATH}?id={held.id}",
        )
        said += [": ", chip(held.level, t), " ", link]
    start = html.Button(
        t("Write it"), id={"type": "warn-start", "action": "proposal", "id": number, "place": "decide"},
        className="act primary", n_clicks=0,
    )  # fmt: skip
    return [
        html.H2(t("Suggested")), html.P(said),
        *([html.Div(start, className="actions")] if person.may("warn.draft") else _only(t, "author")),
        *([_given_up("close", t("Close it without a warning"), t("Close"), t)] if may_close else []),
    ]  # fmt: skip


def _given_up(action: str, summary: str, words: str, t: Translate) -> Component:
    """What ends something without sending: folded, and with a reason."""
    inside = html.Div([dmc.TextInput(id=WHY, label=t("Why"), size="sm"), do(action, words)], className="warn-reject")
    return html.Details([html.Summary(summary), inside], id=f"warn-{action}")


def _only(t: Translate, role: str) -> list[Component]:
    words = {"author": t("Authors write warnings; this account is none."),
             "approver": t("Approvers sign warnings; this account is none.")}  # fmt: skip
    return [html.P(words[role], className="dim")]


def standing_against(item: DeskWarning, context: Context, t: Translate) -> tuple[list[Component], bool]:
    """What is missing and what the check of the standard finds; and whether one of them keeps it from being sent."""
    problems = looks.problems_of(context, item)
    rows = [
        html.Li(html.Button(one.told(t), className="warn-fault", **{"data-place": one.part.replace(".", "/")}))
        for one in problems
    ]
    parts: list[Component] = []
    if rows:
        head = t("To mend before it can be signed: {n}").format(n=len(rows))
        parts = [html.P(["⚠ ", head], className="bad"), html.Ul(rows, className="warn-faults")]
    try:
        findings = looks.prepared(context, item).findings
    except TocsinError as error:
        return [*parts, html.P(["⚠ ", service.refused(error, t)], className="bad")], True
    wrong = [one for one in findings if one.weight is REJECT]
    told = finding_list(wrong, t) if wrong and not rows else []
    return [*parts, *told], bool(rows or wrong)


def _draft(item: DeskWarning, person: Person, context: Context, t: Translate) -> list[Component]:
    against, stops = standing_against(item, context, t)
    whom = reached(item, context)
    return [
        html.H2(t("Decide")),
        *recheck_list(item, context, t),
        *against,
        *reach_list(whom, t),
        *(
            [
                html.Div(
                    do("submit", t("Submit for a signature"), primary=True, disabled=stops), className="actions"
                ),
                html.P(t("Nothing is sent before somebody else has signed it."), className="dim"),
                _given_up("discard", t("Throw it away"), t("Throw away"), t),
            ]
            if person.may("warn.draft")
            else _only(t, "author")
        ),
    ]


def _submitted(
    item: DeskWarning, person: Person, context: Context, t: Translate, locale: str
) -> list[Component]:  # fmt: skip
    against, stops = standing_against(item, context, t)
    whom = reached(item, context)
    parts = [html.H2(t("Sign or reject")), *reach_list(whom, t),
             *recheck_list(item, context, t), *listed(item, context, t, locale), *against]  # fmt: skip
    if item.author.casefold() == person.email.casefold():
        said = t("You have written this: somebody else signs it. If you change it, it is a draft again.")
        return [*parts, html.P(said, className="dim")]
    if not person.may("warn.approve"):
        return [*parts, *_only(t, "approver")]
    why = dmc.TextInput(id=WHY, label=t("Why it is rejected"), size="sm")
    return [
        *parts,
        html.Div(_open_sign(_sign_words(item, whom, t), stops), className="actions"),
        html.Div([why, do("reject", t("Reject"))], className="warn-reject"),
    ]


def _open_sign(words: str, stops: bool) -> Component:
    where = {"type": "warn-open-sign", "place": "decide"}
    return html.Button(words, id=where, className="act primary warn-sign", n_clicks=0, disabled=stops)


def _unsigned(person: Person, t: Translate) -> list[Component]:
    """Approved, and the signer could not sign: it is tried again, or goes back to its author."""
    parts: list[Component] = [html.P(t("It is tried again by itself; until then nothing is sent."), className="dim")]
    if person.may("warn.draft") or person.may("warn.approve"):
        why = dmc.TextInput(id=WHY, label=t("Why it goes back to its author"), size="sm")
        parts += [html.Div([why, do("reopen", t("Back to its author"))], className="warn-reject")]
    return [*parts]


def _sign_words(item: DeskWarning, whom: Reach, t: Translate) -> str:
    """What the button does, in its own words."""
    if not whom.recipients:
        return t("Sign and publish in the feeds")
    return t(SIGN_AND_SEND[item.kind]).format(whom=count_words(whom, t))


def _issued(item: DeskWarning, person: Person, context: Context, t: Translate) -> list[Component]:
    signed = looks.approval_words(context, item, t)
    parts: list[Component] = [html.P(signed, className="dim")] if signed else []
    parts += made.links(item, person, context, t)
    if not item.in_force(context.clock()) or not person.may("warn.draft"):
        return parts
    acts = [
        html.Button(
            words, id={"type": "warn-start", "action": action, "id": item.id, "place": "decide"}, className="act",
            n_clicks=0,
        )
        for action, words in (("update", t("Change or extend")), ("cancel", t("End it")))
    ]  # fmt: skip
    return [html.H2(t("In force")), html.Div(acts, className="actions"), *parts]


def register(dash_app: Dash, context: Context) -> None:
    """The panel, the buttons, the signature."""

    @dash_app.callback(
        Output("warn-decide", "children"), Input("warn-shown", "data"), Input("warn-again", "data")
    )  # fmt: skip
    @needs("warn.view")
    def refresh(mark: Any, _again: Any) -> Any:
        locale = locale_of(context)
        if not isinstance(mark, dict):
            return []
        t = translator(locale)
        return [*held_words(context, t), *panel(mark, current(), context, t, locale)]

    @dash_app.callback(
        Output("warn-again", "data", allow_duplicate=True), Output("warn-decided", "children"),
        Output("warn-go", "data", allow_duplicate=True), Output("warn-decided-at", "data"),
        Input({"type": "warn-do", "action": ALL}, "n_clicks"), State("warn-shown", "data"),
        State({"type": "warn-why", "place": ALL}, "value"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.view")
    def decided(_clicks: Any, mark: Any, whys: Any) -> Any:
        """One decision; the service says who may."""
        which, t = ctx.triggered_id, translator(locale_of(context))
        if not isinstance(which, dict) or len(ctx.triggered) != 1 or not ctx.triggered[0]["value"]:
            return (no_update,) * 4
        try:
            why = str(next(iter(whys), "") or "")
            if which["action"] == "close":
                service.close(context, mark, why)
            else:
                service.decide(context, str(which["action"]), mark, why)
        except Refusal as error:
            return no_update, error.told(t), no_update, no_update
        gone = which["action"] in ("discard", "close")
        at = {"at": context.clock().isoformat(), "after": which["action"]}
        return at, "", PATH if gone else no_update, at
