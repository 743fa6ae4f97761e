"""The signature: the last look, what is typed, the proof of who signs, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from alerts.desk.confirm import asked
from alerts.desk.read import DeskWarning
from data.errors import TocsinError
from data.text import Translate, translator
from pages._context import Context
from pages._levels import chip
from pages._locale import locale_of
from pages._times import local
from pages.warn import looks, service
from pages.warn.inbox import hazard_word
from pages.warn.reach import reach_words, reached


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
    """The dialog, the proof in the browser, and the signature."""

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
            t("Type the area: {words}").format(words=area), not level, "", looks.seen_digest(context, item),
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
