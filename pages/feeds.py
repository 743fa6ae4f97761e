"""Feeds: which source is late or strange, since when, why, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_ag_grid as dag
import sqlalchemy as sa
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from data.text import Translate, translator
from pages import _feed_actions
from pages._context import Context
from pages._facts import FactReader, Facts, FeedLine
from pages._feed_detail import detail
from pages._locale import locale_of
from pages._phrases import phrase
from pages._shell import LIGHT_SIGNS, LIGHT_WORDS, LIGHTS
from pages._times import age, span

PATH, TITLE, ACTION = "/feeds", "Feeds", "feeds.view"


def layout(context: Context, t: Translate, _locale: str, asked: Mapping[str, str]) -> Any:
    """The table of feeds, and beside it everything about the chosen one, which `?source=KEY` names."""
    keys = [spec.key for spec in context.sources]
    chosen = asked.get("source") if asked.get("source") in keys else next(iter(keys), None)
    columns = [
        {"field": "light", "headerName": t("State"), "width": 120, "pinned": "left"},
        {"field": "title", "headerName": t("Source"), "flex": 3, "minWidth": 170, "tooltipField": "title"},
        {"field": "data", "headerName": t("Newest data"), "width": 112},
        {"field": "budget", "headerName": t("Allowed"), "width": 84},
        {"field": "success", "headerName": t("Last success"), "width": 112},
        {"field": "next", "headerName": t("Next run"), "width": 92},
        {"field": "counts", "headerName": t("Last run"), "flex": 2, "minWidth": 120, "tooltipField": "counts"},
        {"field": "reason", "headerName": t("Reason"), "flex": 3, "minWidth": 120, "tooltipField": "reason"},
    ]
    return html.Div(
        className="feeds",
        children=[
            html.Section(
                className="grid",
                children=[
                    html.H1(t("Feeds")),
                    html.Div(id="feed-notices"),
                    dag.AgGrid(
                        id="feed-grid", columnDefs=columns, rowData=[], className="ag",
                        getRowId="params.data.key", style={"height": "auto"},
                        dashGridOptions={
                            "domLayout": "autoHeight", "rowSelection": {"mode": "singleRow", "checkboxes": False},
                            "animateRows": False, "tooltipShowDelay": 300, "rowHeight": 34, "headerHeight": 34,
                        },
                        defaultColDef={"sortable": True, "resizable": True},
                    ),
                    html.Div(id="feed-cards", className="cards"),
                ],
            ),
            html.Aside(id="feed-detail", className="detail", **{"aria-label": t("Details of the chosen feed")}),
            dcc.Store(id="feed-chosen", data=chosen),
            dcc.Store(id="feed-address"),
            dcc.Store(id="feed-done"),
            dcc.Interval(id="feed-tick", interval=3000),
        ],
    )  # fmt: skip


def _row(line: FeedLine, facts: Facts, counts: dict[str, str], t: Translate) -> dict[str, Any]:
    state, spec = line.state, line.spec
    return {
        "key": spec.key,
        "light": f"{LIGHT_SIGNS[line.light]} {t(LIGHT_WORDS[line.light])}",
        "title": spec.title,
        "data": age(state.last_data_at if state else None, facts.now, t),
        "budget": span(spec.stale_after, t),
        "success": age(state.last_success_at if state else None, facts.now, t),
        "next": age(state.next_run_at, facts.now, t) if state and state.enabled and state.next_run_at else "–",
        "counts": counts.get(spec.key, "–"),
        "reason": phrase(line.reason, t),
    }


def _card(line: FeedLine, t: Translate) -> Component:
    return html.Button(
        [
            html.Span(LIGHT_SIGNS[line.light], className=f"signs light-{line.light}"),
            html.Span(line.spec.title, className="name"),
            html.Span(t(LIGHT_WORDS[line.light]), className="dim"),
            html.Span(phrase(line.reason, t), className="dim wide"),
        ],
        id={"type": "feed-card", "key": line.spec.key}, className="row", n_clicks=0,
    )  # fmt: skip


def _notice(row: Any, facts: Facts, t: Translate) -> Component:
    what = t(str(row.detail.get("what", row.cause)))
    names = row.detail.get("rules") or row.detail.get("faults") or list(row.detail.get("feeds", {}))
    return html.Div(
        [html.B(what), " · ", age(row.opened_at, facts.now, t), " · " if names else "", ", ".join(names[:8])],
        className="notice", role="alert",
    )  # fmt: skip


def last_counts(context: Context, t: Translate) -> dict[str, str]:
    """What the last run of each source did, in one line."""
    from data.store.tables import run

    with context.store.read() as connection:
        newest = sa.select(sa.func.max(run.c.id)).group_by(run.c.source)
        rows = connection.execute(sa.select(run).where(run.c.id.in_(newest))).all()
    form = t("{stored} new, {unchanged} same, {rejected} refused")
    return {
        row.source: form.format(stored=row.stored, unchanged=row.unchanged, rejected=row.rejected) for row in rows
    }


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """Table, detail and actions."""
    known = {spec.key: spec for spec in context.sources}

    @dash_app.callback(
        Output("feed-grid", "rowData"), Output("feed-cards", "children"), Output("feed-notices", "children"),
        Input("feed-tick", "n_intervals"), Input("feed-done", "data"),
    )  # fmt: skip
    @needs("feeds.view")
    def refresh(_ticks: int | None, _done: Any) -> Any:
        t, picture = translator(locale_of(context)), facts()
        counts = last_counts(context, t)
        lines = sorted(picture.feeds, key=lambda line: LIGHTS.index(line.light))  # what is wrong comes first
        return (
            [_row(line, picture, counts, t) for line in lines],
            [_card(line, t) for line in lines],
            [_notice(row, picture, t) for row in picture.notices],
        )

    @dash_app.callback(
        Output("feed-chosen", "data"),
        Input("feed-grid", "selectedRows"), Input({"type": "feed-card", "key": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("feeds.view")
    def choose(rows: Any, _clicks: list[int | None]) -> Any:
        if isinstance(ctx.triggered_id, dict):
            return ctx.triggered_id["key"] if ctx.triggered[0]["value"] else no_update
        return rows[0]["key"] if rows else no_update

    dash_app.clientside_callback(
        ClientsideFunction("tocsin", "feed_address"), Output("feed-address", "data"),
        Input("feed-chosen", "data"), prevent_initial_call=True,
    )  # fmt: skip

    @dash_app.callback(
        Output("feed-detail", "children"),
        Input("feed-chosen", "data"), Input("feed-tick", "n_intervals"), Input("feed-done", "data"),
    )  # fmt: skip
    @needs("feeds.view")
    def show(key: Any, _ticks: int | None, _done: Any) -> Any:
        person, picture = current(), facts()
        line = next((line for line in picture.feeds if line.spec.key == key), None)
        if line is None:
            return []
        may = {name: person.may(name) for name in ("feeds.operate", "payload.download")}
        locale = locale_of(context)
        return detail(line, picture, context, translator(locale), locale, may)

    @dash_app.callback(
        Output("feed-done", "data"), Input({"type": "feed-act", "action": ALL}, "n_clicks"),
        State("feed-chosen", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("feeds.operate")
    def operate(_clicks: list[int | None], key: Any) -> Any:
        person, trigger = current(), ctx.triggered_id
        if not isinstance(trigger, dict) or not ctx.triggered[0]["value"] or key not in known:
            return no_update
        now = context.clock()
        if trigger["action"] in _feed_actions.ACTIONS:
            _feed_actions.act(context.store, key, trigger["action"], person=person.email, now=now)
        return now.isoformat()
