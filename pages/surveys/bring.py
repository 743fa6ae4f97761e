"""On the page of submissions: when other offices were visited, and what came onto the map with one click."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, ctx, html, no_update
from dash.development.base_component import Component
from sqlalchemy.engine import Connection

from access import audit
from access.guard import needs
from access.matrix import may
from access.people import current
from data.errors import TocsinError
from data.peers import Peer
from data.store.catalogue import waiting
from data.text import Translate, translator
from layers.survey import serving
from layers.survey.exchange import rounds
from layers.survey.exchange.submissions import Submission
from layers.survey.inspect.desk import Office
from pages._context import Context
from pages._locale import locale_of
from pages._times import local

BUTTON = "submission-serve"
LATE = timedelta(minutes=2)  # beyond its rhythm, before a visit counts as left out


@dataclass(frozen=True)
class Waits:
    """Deliveries that may be brought onto the map, what was asked for, and whether this person may ask."""

    ready: frozenset[int]
    asked: Mapping[int, Any]
    may: bool

    @classmethod
    def read(cls, connection: Connection) -> Waits:
        mine = current().may(serving.ACTION)
        return cls(frozenset(waiting(connection)), serving.asked_for(connection), mine)


def below(one: Submission, waits: Waits, t: Translate) -> list[Component]:
    """What stands below the state of a delivery: a button, that it is being worked on, or why it failed."""
    if one.delivery is None or one.delivery not in waits.ready:
        return []
    asked = waits.asked.get(one.delivery)
    if asked is not None and asked.ended_at is None:
        return [html.Div(["◔ ", t("is being brought onto the map")], className="dim")]
    error = "" if asked is None else asked.error
    told = [html.Div(["✕ ", t("Not done: {why}").format(why=error)], className="bad")] if error else []
    if not waits.may:
        return told
    press = dmc.Button(
        t("Bring onto the map"), id={"type": BUTTON, "delivery": one.delivery}, size="compact-xs", variant="default"
    )
    return [*told, press]


def register(dash_app: Dash, context: Context, tables: Callable[[], Any]) -> None:
    """The button; the service checks again who asks, and `tables` are those of the page as they are then."""

    @dash_app.callback(
        Output("submissions-said", "children"), Output("submissions", "children", allow_duplicate=True),
        Input({"type": BUTTON, "delivery": ALL}, "n_clicks"), prevent_initial_call=True,
    )  # fmt: skip
    @needs(serving.ACTION)
    def bring(clicks: Any) -> Any:
        pressed, t = ctx.triggered_id, translator(locale_of(context))
        if not pressed or not any(clicks):
            return no_update, no_update
        settings = context.settings
        office = Office(context.store, settings.home, settings.base_dir, audit.append, may)
        try:
            serving.ask(office, int(pressed["delivery"]), current().actor(), context.clock())
        except TocsinError as error:
            return html.Span(t("Not done: {why}").format(why=t(str(error))), className="bad", role="alert"), tables()
        return "", tables()


def visits(connection: Connection, context: Context, t: Translate) -> list[Component]:
    """Every office with an address: how often it is visited, when last, and what came of it."""
    settings, done = context.settings, rounds.visited(connection)
    peers = {name: peer for name, peer in settings.exchange.peers.items() if peer.url}
    if not peers:
        return []
    now, zone = context.clock(), settings.zone
    head = (t("Office"), t("Rhythm"), t("Last visit"), t("What came of it"))
    rows = [
        [
            html.Strong(peer.title or name), _rhythm(peer, t),
            local(done[name].began_at, zone) if name in done else t("never"),
            [_outcome(peer, done.get(name), now, t), *_before(done.get(name), context, t)],
        ]
        for name, peer in peers.items()
    ]  # fmt: skip
    body = [
        html.Tr([html.Td(html.Div(cell), **{"data-head": word}) for word, cell in zip(head, row, strict=True)])
        for row in rows
    ]
    headings = html.Thead(html.Tr([html.Th(word, scope="col") for word in head]))
    table = html.Table([headings, html.Tbody(body)], className="cards")
    return [html.H2(t("Visits to other offices")), html.Div(table, className="wide")]


def _rhythm(peer: Peer, t: Translate) -> Component:
    if peer.every is None:
        return html.Span(t("by command only"), className="dim")
    return html.Span(t("every {n} min").format(n=f"{peer.every.total_seconds() / 60:g}"))


def _before(row: Any, context: Context, t: Translate) -> list[Component]:
    """Of a visit that goes on or brought not all: when last all was there, and why the one before failed."""
    if row is None or (row.ended_at is not None and row.ended_at == row.whole_at):
        return []
    whole = t("never") if row.whole_at is None else local(row.whole_at, context.settings.zone)
    why = [html.Div(row.reason, className="dim")] if row.reason and row.ended_at is None else []
    return [*why, html.Div([t("All was there last"), ": ", whole], className="dim")]


def _outcome(peer: Peer, row: Any, now: datetime, t: Translate) -> Component:
    """Sign and words; a visit that was cut off or left out is not known to have brought anything."""
    if row is None:
        return html.Span(["○ ", t("not visited yet")], className="light-never")
    if row.ended_at is None:
        if row.alive_at > now - rounds.DEAD:
            return html.Span(["◔ ", t("goes on")], className="light-late")
        return html.Span(["? ", t("cut off")], className="light-never")
    if peer.every is not None and row.began_at + peer.every + LATE < now:
        return html.Span(["? ", t("no visit since, though one was due")], className="light-never")
    if row.reason:
        return html.Span(["✕ ", row.reason], className="light-failing")
    if row.missing:
        return html.Span(
            ["⚠ ", t("{n} deliveries have not arrived").format(n=row.missing)], className="light-failing"
        )
    return html.Span(["● ", t("all that may cross is there")])
