"""Plan: what a field says of each region, how it compares with the past, whom an area holds, and how risks add up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, clientside_callback, dcc, html, no_update

from access.guard import needs
from data.store.field_series import Series
from data.text import Translate
from pages import (
    _plan_choices,
    _plan_export,
    _plan_history,
    _plan_impact,
    _plan_paint,
    _plan_ranking,
    _plan_records,
    _plan_risk,
)
from pages._context import Context
from pages._facts import FactReader
from pages._map import TO_INBOX, connect_map, map_view
from pages._plan_choices import effective
from pages._plan_state import Choice, read
from pages._plan_values import ValueReader, pick

PATH, TITLE, ACTION = "/plan", "Plan", "plan.view"
MAP = "plan-map"
STAGE_PX = 660.0  # about the width of the map between the panels
WIDE = 2.0  # the zoom up to which a view is of continents
FINEST_FROM = 3.05  # the zoom from which the map has counties
ONLY_FIELD = {
    "type": "layers",
    "visible": {"levels": False, "events": False, "stations": False, "warnings": False, "survey": False},
}  # levels and feeds are Watch's; here the numbers of the table have the map
COMMANDS = ("plan-command-field", "plan-command-paint", "plan-command-go", "plan-command-area", "plan-command-draw",
            "plan-command-records")  # fmt: skip


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any:
    """Choices on the left, the map, and what the numbers say on the right; the address holds it all."""
    choice = read(asked)
    series = ValueReader(context).series()
    return html.Div(
        className="plan",
        id="plan",
        **{"data-view": "choices"},
        children=[
            html.H1(t("Plan"), className="hidden"),
            html.Div(
                className="plan-switcher", role="tablist",
                children=[
                    html.Button(t("Choices"), id="plan-show-choices", className="switch", n_clicks=0),
                    html.Button(t("Map"), id="plan-show-map", className="switch", n_clicks=0),
                    html.Button(t("Results"), id="plan-show-results", className="switch", n_clicks=0),
                ],
            ),
            html.Aside(
                _plan_choices.panel(choice, series, context.regions, t), className="plan-choices",
                **{"aria-label": t("Choices")},
            ),
            html.Section(
                map_view(
                    MAP, regions=context.regions, locale=locale, zone=context.settings.zone,
                    packs=context.settings.packs, view=start_view(pick(series, choice.series)),
                ),
                className="stage plan-stage", **{"aria-label": t("Map")},
            ),
            html.Aside(_results(choice, t), className="plan-results", **{"aria-label": t("Results")}),
            *_stores(choice),
        ],
    )  # fmt: skip


def start_view(series: Series | None) -> Mapping[str, float] | None:
    """A view that holds a series; a place in the address wins over it."""
    if series is None:
        return None
    west, south, east, north = series.bounds
    zoom = math.log2(min(360.0 / max(east - west, 1.0), 150.0 / max(north - south, 1.0)) * STAGE_PX / 512.0)
    least = FINEST_FROM if zoom > WIDE else 0.5
    return {"lon": (west + east) / 2, "lat": (south + north) / 2, "zoom": round(min(max(zoom, least), 9.0), 2)}


def _results(choice: Choice, t: Translate) -> Any:
    tabs = (
        ("ranking", t("Ranking"), _plan_ranking.panel(choice, t)),
        ("history", t("History"), _plan_history.panel(t)),
        ("risk", t("Risk"), _plan_risk.panel(t)),
        ("impact", t("Impact"), _plan_impact.panel(choice, t)),
        ("records", t("Records"), _plan_records.panel(t)),
        ("export", t("Export"), _plan_export.panel(t)),
    )
    return dmc.Tabs(
        [
            dmc.TabsList([dmc.TabsTab(word, value=key) for key, word, _ in tabs]),
            *[dmc.TabsPanel(content, value=key, className=f"plan-tab plan-{key}") for key, _, content in tabs],
        ],
        id="plan-tabs", value=choice.tab, className="plan-tabs", keepMounted=True,
    )  # fmt: skip


def _stores(choice: Choice) -> list[Any]:
    go = {"code": choice.region, "fly": False} if choice.region else None
    pinned = {"series": choice.series, "step": choice.step} if choice.step is not None else None
    return [
        dcc.Store(id="plan-catalog"),
        dcc.Store(id="plan-time", data=pinned),
        dcc.Store(id="plan-now"),
        dcc.Store(id="plan-region", data=choice.region or None),
        dcc.Store(id="plan-go", data=go),
        dcc.Store(id="plan-area", data=_plan_impact.stored(choice)),
        dcc.Store(id="plan-outline-fault"),
        dcc.Store(id="plan-risk-recipe", data=_plan_risk.recipe_of(choice)),
        dcc.Store(id="plan-risk-proposed"),
        dcc.Store(id="plan-uploads"),
        dcc.Store(id="plan-told"),
        dcc.Store(id="plan-address"),
        *[dcc.Store(id=name) for name in COMMANDS],
    ]


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """The callbacks of this page; each part brings its own."""
    reader = ValueReader(context)
    connect_map(MAP)
    for name in COMMANDS:  # each its own store: two commands at once in one store would be one
        clientside_callback(TO_INBOX % (MAP, MAP), Input(name, "data"))
    _plan_choices.register(dash_app, context, reader)
    _plan_ranking.register(dash_app, context, reader)
    _plan_history.register(dash_app, context, reader)
    _plan_impact.register(dash_app, context, reader)
    _plan_risk.register(dash_app, context, reader)
    _plan_paint.register(dash_app, context, reader)
    _plan_records.register(dash_app, context)
    _plan_export.register(dash_app, context, reader)
    _register_map(dash_app, context, reader)
    _register_browser(dash_app)


def _register_map(dash_app: Dash, context: Context, reader: ValueReader) -> None:
    @dash_app.callback(
        Output("plan-command-field", "data"), Input("plan-series", "value"), Input("plan-show", "value"),
        State("plan-time", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def show_field(key: Any, show: Any, time: Any) -> Any:
        """The map shows the chosen series: at the step of the link while nothing else was drawn, else its latest."""
        series = reader.series()
        chosen = pick(series, str(key)) if key else None
        if chosen is None:
            return {"type": "field", "series": None}
        wanted = str(effective(chosen, series, str(show or "value")).key)
        command: dict[str, Any] = {"type": "field", "series": wanted}
        if isinstance(time, dict) and time.get("series") == wanted and not time.get("latest"):
            command["step"] = time["step"]
        return [ONLY_FIELD, command]

    @dash_app.callback(Output("plan-command-go", "data"), Input("plan-go", "data"))
    @needs("plan.view")
    def go(wanted: Any) -> Any:
        """Outline the region that was chosen in the table, and go there."""
        rid = context.regions.by_code(str(wanted.get("code", ""))) if isinstance(wanted, dict) else None
        if rid is None:
            return no_update
        select = {"type": "select", "rid": rid}
        if not wanted.get("fly"):
            return select
        return [select, {"type": "fly", "bbox": [float(edge) for edge in context.regions.bbox[rid]]}]


def _register_browser(dash_app: Dash) -> None:
    """What happens in the browser alone: the map's events, the chosen row, panes, the address (assets/plan.js)."""
    named = ClientsideFunction
    dash_app.clientside_callback(
        named("tocsin_plan", "event"), Output("plan-told", "data"),
        Input("plan-map-event", "data"), State("plan-region", "data"), prevent_initial_call=True,
    )  # fmt: skip
    dash_app.clientside_callback(
        named("tocsin_plan", "choose"), Output("plan-region", "data"), Output("plan-go", "data"),
        Input("plan-grid", "selectedRows"), State("plan-region", "data"), prevent_initial_call=True,
    )  # fmt: skip
    dash_app.clientside_callback(
        named("tocsin_plan", "pane"), Output("plan", "data-view"),
        Input("plan-show-choices", "n_clicks"), Input("plan-show-map", "n_clicks"),
        Input("plan-show-results", "n_clicks"), prevent_initial_call=True,
    )  # fmt: skip
    dash_app.clientside_callback(
        named("tocsin_plan", "address"), Output("plan-address", "data"),
        *[Input(f"plan-{name}", "value") for name in ("series", "show", "kind", "statistic", "above")],
        Input("plan-people", "checked"), Input("plan-time", "data"), Input("plan-region", "data"),
        Input("plan-tabs", "value"), Input("plan-paint", "value"), Input("plan-area", "data"),
        Input("plan-risk-recipe", "data"),
    )  # fmt: skip
