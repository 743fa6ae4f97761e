"""Watch: what is worst, what changed, what is not known, what comes next; and why any region has its colour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from access.guard import needs
from alerts.why import explain
from data.text import Translate, translator
from pages import _layers, _list, _point, _thing, _why
from pages._context import Context
from pages._facts import FactReader
from pages._locale import locale_of
from pages._map import connect_map, map_view

PATH, TITLE = "/", "Watch"


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any:
    """Map over everything, the layers drawer on its left, the list on its right; `?region=CODE` opens its why."""
    chosen = {"type": "region", "code": asked["region"]} if asked.get("region") else None
    return html.Div(
        className="watch",
        id="watch",
        **{"data-view": "list"},
        children=[
            html.Div(
                className="switcher", role="tablist",
                children=[
                    html.Button(t("List"), id="show-list", className="switch", n_clicks=0),
                    html.Button(t("Map"), id="show-map", className="switch", n_clicks=0),
                    html.Button(t("Layers"), id="show-layers", className="switch", n_clicks=0),
                ],
            ),
            html.Div(
                className="search",
                children=[
                    dcc.Input(
                        id="search", type="search", placeholder=t("Search a place"), autoComplete="off",
                        debounce=True, className="search-box",
                    ),
                    html.Div(id="search-results", role="listbox", hidden=True, className="results"),
                ],
                **{"aria-label": t("Search a place")},
            ),
            html.Aside(_layers.drawer(t), className="drawer", id="drawer", **{"aria-label": t("Layers")}),
            html.Section(
                map_view(
                    "map", regions=context.regions, locale=locale,
                    zone=context.settings.zone, packs=context.settings.packs,
                ),
                className="stage", **{"aria-label": t("Map")},
            ),
            html.Aside(
                className="side", id="side",
                **{"aria-label": t("What matters now")},
                children=[
                    html.Div(id="why", className="why"),
                    html.Div(id="list", className="list"),
                ],
            ),
            dcc.Store(id="chosen", data=chosen),
            dcc.Store(id="chosen-address"),
            dcc.Store(id="list-seen"),
            dcc.Store(id="why-seen"),
            dcc.Interval(id="list-tick", interval=10_000),
            _keys(t),
        ],
    )  # fmt: skip


def _keys(t: Translate) -> Any:
    rows = (
        ("?", t("these keys")),
        ("/", t("search a place")),
        ("j k", t("down and up the list")),
        ("Enter", t("why this colour")),
        ("Esc", t("back to the list")),
        ("m", t("to the map")),
        ("l", t("layers")),
        (".", t("latest time")),
    )
    return dmc.Modal(
        id="keys", title=t("Keys"), opened=False,
        children=html.Table(
            [html.Tr([html.Td(html.Kbd(key)), html.Td(text)]) for key, text in rows], className="keys"
        ),
    )  # fmt: skip


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """The callbacks of this page; each reads its inputs, calls one builder and returns."""

    @dash_app.callback(
        Output("list", "children"), Output("list-seen", "data"),
        Input("list-tick", "n_intervals"), Input("map-live", "data"), State("list-seen", "data"),
    )  # fmt: skip
    @needs("watch.view")
    def refresh_list(_ticks: int | None, _live: Any, seen: Any) -> Any:
        """The list where it says something else than before: a renewed list loses a reader's place."""
        locale, picture = locale_of(context), facts()
        said = _list.signature(picture)
        if seen == said:
            return no_update, no_update
        return _list.build(picture, context, translator(locale), locale), said

    @dash_app.callback(Output("chosen", "data"), Input("map-event", "data"), prevent_initial_call=True)
    @needs("watch.view")
    def choose(event: Any) -> Any:
        """What was clicked on the map; rows of the list choose in the browser (assets/tocsin.js)."""
        known = isinstance(event, dict) and event.get("type") in ("region", "event", "station", "warning", "point")
        return event if known else no_update

    @dash_app.callback(
        Output("why", "children"), Output("side", "className"), Output("why-seen", "data"),
        Input("chosen", "data"), Input("map-live", "data"), Input("list-tick", "n_intervals"),
        State("why-seen", "data"),
    )  # fmt: skip
    @needs("watch.view")
    def show_why(chosen: Any, _live: Any, _ticks: int | None, seen: Any) -> Any:
        """The panel, where it says something else than before, and once a minute."""
        if not isinstance(chosen, dict):
            return [], "side", None
        now = context.clock()
        said = [chosen, facts().version, int(now.timestamp() // 60)]
        if seen == said:
            return no_update, no_update, no_update
        return why_of(chosen, now), "side explaining", said

    def why_of(chosen: dict[str, Any], now: datetime) -> Any:
        locale = locale_of(context)
        t = translator(locale)
        if chosen.get("type") == "region" and isinstance(chosen.get("code"), str):
            if context.regions.by_code(chosen["code"]) is None:
                return _thing.thing({}, context, t, now)
            why = explain(context.store, context.settings.base_dir, chosen["code"], now, home=context.settings.home)
            return _why.region(why, context, t, locale, now)
        if chosen.get("type") == "point":
            return point_of(chosen, t, locale, now)
        return _thing.thing(chosen, context, t, now)

    def point_of(chosen: dict[str, Any], t: Translate, locale: str, now: datetime) -> Any:
        """What the gridded data say at the point; before it why the region there has its colour."""
        code = str(chosen.get("code", ""))
        if context.regions.by_code(code) is not None:
            why = explain(context.store, context.settings.base_dir, code, now, home=context.settings.home)
            if why.watched or why.children_watched:
                said = _point.point(chosen, context, t, now, titled=False)
                return [*_why.region(why, context, t, locale, now), *said]
        return _point.point(chosen, context, t, now)

    @dash_app.callback(Output("map-command", "data"), Input("chosen", "data"), prevent_initial_call=True)
    @needs("watch.view")
    def follow(chosen: Any) -> Any:
        """Outline what was chosen; go there only when it was chosen in the list, never from the map itself."""
        if not isinstance(chosen, dict):
            return {"type": "select", "rid": None}
        rid = context.regions.by_code(str(chosen.get("code", "")))
        if rid is None:
            return no_update
        select = {"type": "select", "rid": rid}
        if "lon" in chosen:
            return select
        return [select, {"type": "fly", "bbox": [float(edge) for edge in context.regions.bbox[rid]]}]

    dash_app.clientside_callback(
        ClientsideFunction("tocsin", "address"), Output("chosen-address", "data"),
        Input("chosen", "data"), prevent_initial_call=True,
    )  # fmt: skip
    connect_map("map")
    _layers.register(dash_app, context)
    namespace = ClientsideFunction
    dash_app.clientside_callback(
        namespace("tocsin", "pane"), Output("watch", "data-view"),
        Input("show-list", "n_clicks"), Input("show-map", "n_clicks"), Input("show-layers", "n_clicks"),
        State("watch", "data-view"), prevent_initial_call=True,
    )  # fmt: skip
