"""Handover: what the next officer has to know, signed by the one who leaves and by the one who comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from access import audit
from access.guard import needs
from access.people import current
from alerts.handover import Handover, last, sign_over, situation, take_over
from data.errors import WarningError
from data.text import Translate, translator
from pages._context import Context
from pages._facts import FactReader
from pages._handover_words import Words
from pages._locale import locale_of
from pages._times import local

PATH, TITLE = "/handover", "Handover"
ACTION = "reports.view"


def layout(context: Context, t: Translate, locale: str, _asked: Mapping[str, str]) -> Any:
    """The page; what stands on it is read anew twice a minute, the notes are left alone."""
    return html.Div(
        className="handover",
        children=[
            html.H1(t("Handover of the shift")),
            html.Div(id="handover-state", children=state(context, t)),
            html.Div(id="handover-now", children=picture(context, t, locale)),
            html.Section([
                html.H2(t("Notes for the next officer")),
                dmc.Textarea(
                    id="handover-notes", autosize=True, minRows=4,
                    placeholder=t("What is not on this page: calls, agreements, what to look at next."),
                    **{"aria-label": t("Notes for the next officer")},
                ),
                *([html.Button(t("Sign and hand over"), id="handover-sign", n_clicks=0, className="act primary")]
                  if current().may("handover.sign") else []),
            ]),
            html.P(id="handover-said", role="status"),
            dcc.Interval(id="handover-tick", interval=30_000),
        ],
    )  # fmt: skip


def state(context: Context, t: Translate) -> list[Component]:
    """The handover before: waiting to be taken over, or who has the shift."""
    with context.store.read() as connection:
        found = last(connection)
    if found is None:
        return [html.P(t("Nobody has handed over a shift here yet."), className="dim")]
    zone = context.settings.zone
    told = t("{name} handed over at {time}.").format(name=found.outgoing, time=local(found.at, zone))
    if found.accepted_at is not None:
        taken = t("{name} took over at {time}.").format(name=found.incoming, time=local(found.accepted_at, zone))
        return [html.P([told, " ", taken]), *_notes(found, t)]
    person = current()
    may = person.may("handover.sign") and person.email != found.outgoing
    waits = html.B(t("Nobody has taken over yet."))
    button = html.Button(
        t("Take over the shift"),
        id={"type": "handover-take", "number": found.number},
        n_clicks=0,
        className="act primary",
    )
    return [html.Div([html.P([told, " ", waits]), *_notes(found, t), *([button] if may else [])], className="notice")]


def _notes(found: Handover, t: Translate) -> list[Component]:
    seal = html.P(f"SHA-256 {found.content_sha256[:16]}…", className="dim", title=found.content_sha256)
    notes = [html.P(found.notes, className="written")] if found.notes else []
    return [*notes, seal]


def picture(context: Context, t: Translate, locale: str) -> list[Component]:
    """What there is now, what ends soon first."""
    now = context.clock()
    with context.store.read() as connection:
        before = last(connection)
        content = situation(connection, now, before.accepted_at if before else None)
    here = Words(context, t, locale, now)
    return [
        here.section(t("In force"), t("Nothing is in force."), map(here.in_force, content["in_force"])),
        here.section(t("Waiting for a decision"), t("Nothing waits."),
                     [*map(here.waiting, content["waiting"]), *map(here.proposal, content["proposals"])]),
        here.section(t("What is wrong"), t("Nothing is known to be wrong."),
                     [*here.unknown(content["levels"]), *map(here.notice, content["notices"]),
                      *map(here.feed, content["feeds"]), *here.undelivered(content["deliveries"])]),
        here.section(t("Held back"), t("Nothing is muted."), map(here.mute, content["mutes"])),
        here.section(t("Since the handover before"), "", [here.changed(content)]),
    ]  # fmt: skip


def register(dash_app: Dash, context: Context, _facts: FactReader) -> None:
    """Reading anew, and the two signatures."""
    from dash import ALL, ctx

    @dash_app.callback(
        Output("handover-now", "children"), Output("handover-state", "children"),
        Input("handover-tick", "n_intervals"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("reports.view")
    def fresh(_ticks: Any) -> Any:
        locale = locale_of(context)
        t = translator(locale)
        return picture(context, t, locale), state(context, t)

    @dash_app.callback(
        Output("handover-said", "children"), Output("handover-state", "children", allow_duplicate=True),
        Output("handover-notes", "value"), Input("handover-sign", "n_clicks"),
        Input({"type": "handover-take", "number": ALL}, "n_clicks"), State("handover-notes", "value"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("handover.sign")
    def act(signed: Any, taken: Any, notes: Any) -> Any:
        t = translator(locale_of(context))
        if not (signed or any(taken or ())):
            return no_update, no_update, no_update
        pressed = ctx.triggered_id
        try:
            number = None if pressed == "handover-sign" else int(pressed["number"])
        except (TypeError, KeyError, ValueError):
            return no_update, no_update, no_update
        told = carry_out(context, number, notes if isinstance(notes, str) else "")
        if told:
            return t(told), state(context, t), no_update
        done = t("Signed: the next officer takes over.") if number is None else t("The shift is yours.")
        return done, state(context, t), "" if number is None else no_update


def carry_out(context: Context, number: int | None, notes: str) -> str:
    """Hand over, or take over the handover with a number; "" or why not."""
    actor, now = current().actor(), context.clock()
    try:
        with context.store.write() as connection:
            if number is None:
                sign_over(connection, actor, notes, now=now, audit=audit.append)
            else:
                take_over(connection, actor, number, now=now, audit=audit.append)
    except WarningError as error:
        return str(error)
    return ""
