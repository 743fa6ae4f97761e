"""The decision: what stands against it, what has changed, whom it reaches, and the buttons that say what they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from access.people import Person, current
from alerts.cap.finding import REJECT
from alerts.desk.confirm import asked
from alerts.desk.read import DeskWarning
from alerts.desk.refusal import Refusal
from data.errors import TocsinError
from data.text import Translate, translator
from pages._context import Context
from pages._levels import chip
from pages._locale import locale_of
from pages._times import local
from pages.warn import made, service
from pages.warn.deliveries import held_words
from pages.warn.differences import listed, recheck_list
from pages.warn.inbox import PATH, hazard_word
from pages.warn.preview import finding_list
from pages.warn.reach import Reach, count_words, reach_list, reach_words, reached

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
    found = service.suggested(context, number)
    if found is None:
        return []
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
    ]  # fmt: skip


def _only(t: Translate, role: str) -> list[Component]:
    words = {"author": t("Authors write warnings; this account is none."),
             "approver": t("Approvers sign warnings; this account is none.")}  # fmt: skip
    return [html.P(words[role], className="dim")]


def standing_against(item: DeskWarning, context: Context, t: Translate) -> tuple[list[Component], bool]:
    """What is missing and what the check of the standard finds; and whether one of them keeps it from being sent."""
    problems = service.problems_of(context, item)
    rows = [
        html.Li(html.Button(one.told(t), className="warn-fault", **{"data-place": one.part.replace(".", "/")}))
        for one in problems
    ]
    parts: list[Component] = []
    if rows:
        head = t("To mend before it can be signed: {n}").format(n=len(rows))
        parts = [html.P(["⚠ ", head], className="bad"), html.Ul(rows, className="warn-faults")]
    try:
        findings = service.prepared(context, item).findings
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
                html.Details(
                    [
                        html.Summary(t("Throw it away")),
                        html.Div(
                            [dmc.TextInput(id=WHY, label=t("Why"), size="sm"), do("discard", t("Throw away"))],
                            className="warn-reject",
                        ),
                    ]
                ),
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
    signed = service.approval_words(context, item, t)
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


def dialog(t: Translate) -> Component:
    """The last look before a signature: what, where, until when; typed, and proved who signs."""
    return dmc.Modal(
        id="warn-dialog", title=t("Sign"), size="lg", opened=False, keepMounted=True, zIndex=60,
        children=[
            html.Div(id="warn-sign-what"),
            html.Div(
                [
                    dmc.TextInput(id="warn-typed-level", size="sm", autoComplete="off"),
                    dmc.TextInput(id="warn-typed-area", size="sm", autoComplete="off"),
                ],
                id="warn-typed", className="warn-typed",
            ),
            html.H3(t("Prove that it is you")),
            html.Div(
                [
                    dmc.PasswordInput(id="warn-password", label=t("Password"), size="sm"),
                    dmc.TextInput(id="warn-code", label=t("Code of your second factor"), size="sm",
                                  autoComplete="one-time-code"),
                ],
                className="warn-fields",
            ),
            html.P(id="warn-sign-fault", role="alert", className="bad"),
            html.Div(
                [
                    html.Button(t("Sign"), id="warn-sign", className="act primary", n_clicks=0),
                    html.Button(t("Sign with a security key"), id="warn-sign-key", className="act", n_clicks=0),
                    html.Button(t("Not yet"), id="warn-sign-not", className="act", n_clicks=0),
                ],
                className="actions",
            ),
            dcc.Store(id="warn-proved"), dcc.Store(id="warn-changes-seen"),
        ],
    )  # fmt: skip


def _to_sign(item: DeskWarning, context: Context, t: Translate, locale: str) -> list[Component]:
    """The few facts that a person must have seen."""
    whom = reached(item, context)
    area = item.content.texts.get(locale) or next(iter(item.content.texts.values()), None)  # type: ignore[call-overload]
    facts: Sequence[tuple[str, Any]] = (
        (t("Level"), chip(item.level, t)),
        (t("Kind of hazard"), hazard_word(item.hazard, locale)),
        (t("Area"), area.area if area is not None else "–"),
        (t("Ends"), local(item.expires_at, context.settings.zone)),
        (t("Goes to"), reach_words(whom, t)),
    )
    real = (
        [] if item.status != "Actual" else [html.P(t("This is real: people will act on it."), className="warn-real")]
    )
    rows = [html.Tr([html.Th(name), html.Td(value)]) for name, value in facts]
    return [*real, html.Table(rows, className="warn-facts")]


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
            service.decide(context, str(which["action"]), mark, str(next(iter(whys), "") or ""))
        except Refusal as error:
            return no_update, error.told(t), no_update, no_update
        gone = which["action"] == "discard"
        at = {"at": context.clock().isoformat(), "after": which["action"]}
        return at, "", PATH if gone else no_update, at

    _register_signing(dash_app, context)


def _register_signing(dash_app: Dash, context: Context) -> None:
    @dash_app.callback(
        Output("warn-dialog", "opened"), Output("warn-sign-what", "children"), Output("warn-typed-level", "label"),
        Output("warn-typed-area", "label"), Output("warn-typed", "hidden"), Output("warn-sign-fault", "children"),
        Output("warn-changes-seen", "data"),
        Input({"type": "warn-open-sign", "place": ALL}, "n_clicks"), Input("warn-sign-not", "n_clicks"),
        State("warn-shown", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.approve")
    def open_dialog(_clicks: Any, _not: Any, mark: Any) -> Any:
        """The dialog, with what is about to be signed."""
        which, locale = ctx.triggered_id, locale_of(context)
        t = translator(locale)
        if which == "warn-sign-not":
            return (False, *(no_update,) * 4, "", no_update)
        item = service.find(context, mark)
        pressed = isinstance(which, dict) and len(ctx.triggered) == 1 and ctx.triggered[0]["value"]
        if not pressed or item is None:
            return (no_update,) * 7
        wanted = asked(item.content)
        level, area = (" / ".join(words) for words in (wanted.level, wanted.area))
        return (
            True, _to_sign(item, context, t, locale), t("Type the level: {word}").format(word=level),
            t("Type the area: {words}").format(words=area), not level, "", service.seen_digest(context, item),
        )  # fmt: skip

    @dash_app.callback(
        Output("warn-again", "data", allow_duplicate=True),
        Output("warn-sign-fault", "children", allow_duplicate=True),
        Output("warn-dialog", "opened", allow_duplicate=True),
        Output("warn-decided-at", "data", allow_duplicate=True),
        Input("warn-proved", "data"), State("warn-shown", "data"), State("warn-typed-level", "value"),
        State("warn-typed-area", "value"), State("warn-changes-seen", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.approve")
    def sign(proved: Any, mark: Any, level: Any, area: Any, seen: Any) -> Any:
        """The signature; who proved what is in the session, and nothing of it in the page."""
        t = translator(locale_of(context))
        if not proved:
            return (no_update,) * 4
        try:
            service.sign(context, mark, str(level or ""), str(area or ""), str(seen or ""))
        except TocsinError as error:
            return no_update, service.refused(error, t), no_update, no_update
        at = {"at": context.clock().isoformat(), "after": "signed"}
        return at, "", False, at

    named = ClientsideFunction
    dash_app.clientside_callback(
        named("tocsin_warn", "prove"), Output("warn-told", "data", allow_duplicate=True),
        Input("warn-sign", "n_clicks"), Input("warn-sign-key", "n_clicks"), State("warn-password", "value"),
        State("warn-code", "value"), prevent_initial_call=True,
    )  # fmt: skip
