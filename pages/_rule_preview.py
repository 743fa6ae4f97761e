"""What the text would do now: levels by region on the map and as a table; nothing is written."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
import numpy as np
from dash import Dash, Input, Output, State, clientside_callback, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from alerts.inputs import utc_of
from alerts.preview import Preview, preview
from alerts.rule_version import rule_of
from data.errors import RuleError
from data.model import Level
from data.text import Translate, translator
from layers.layer import Ramp
from layers.ramps import legend
from pages._context import Context
from pages._levels import chip, level_word
from pages._locale import locale_of
from pages._map import TO_INBOX, connect_map, map_view
from pages._pack_words import measured, number
from pages._phrases import phrase
from pages._plan_words import kind_words
from pages._times import age, local

MAP = "rules-map"
MOST_ROWS = 200
FINEST_FROM = 3.05  # the zoom from which the map has counties
ONLY_TABLE = {
    "type": "layers",
    "visible": {"levels": False, "events": False, "stations": False, "warnings": False, "survey": False},
}
COLOURS = Ramp(
    stops=((1.0, "#1d5fd1"), (2.0, "#facc15"), (3.0, "#d9600b"), (4.0, "#c81e1e")), interpolate=False
)  # those of the levels


def panel(t: Translate) -> Component:
    """The tab; the map comes with the first answer."""
    return html.Div(
        className="rules-preview",
        children=[
            html.Div(
                [
                    html.Button(
                        t("Show what would fire now"), id="rules-preview-now", className="act primary", n_clicks=0
                    ),
                    html.Span(
                        t("Over what the store holds, as if the text had been switched on this moment."),
                        className="dim",
                    ),
                ],
                className="actions",
            ),
            html.Div(
                dmc.Select(
                    id="rules-preview-kind",
                    label=t("Kind of region on the map"),
                    data=[],
                    allowDeselect=False,
                    size="sm",
                    w=280,
                ),
                id="rules-preview-kinds",
                hidden=True,
            ),
            dcc.Loading(html.Div(id="rules-preview-said", role="status"), delay_show=300),
            html.Div(id="rules-preview-map", className="stage rules-stage"),
            html.Div(id="rules-preview-table", className="wide"),
            dcc.Store(id="rules-command-paint"),
        ],
    )


def register(dash_app: Dash, context: Context) -> None:
    """The question, and the map's commands."""
    connect_map(MAP)
    clientside_callback(TO_INBOX % (MAP, MAP), Input("rules-command-paint", "data"))

    @dash_app.callback(
        Output("rules-preview-said", "children"), Output("rules-preview-table", "children"),
        Output("rules-preview-map", "children"), Output("rules-command-paint", "data"),
        Output("rules-preview-kind", "data"), Output("rules-preview-kind", "value"),
        Output("rules-preview-kinds", "hidden"),
        Input("rules-preview-now", "n_clicks"), Input("rules-preview-kind", "value"), State("rules-text", "value"),
        State("rules-preview-map", "children"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("rules.view")
    def look(clicks: Any, chosen: Any, text: Any, drawn: Any) -> Any:
        locale = locale_of(context)
        t, now = translator(locale), context.clock()
        if not clicks:
            return (no_update,) * 7
        rule, faults = rule_of(str(text or ""))
        if rule is None:
            said = t("Mend the text first. Faults: {n}.").format(n=len(faults))
            return html.P(said, className="bad"), [], no_update, CLEAR, [], None, True
        try:
            found = preview(rule, context.store, context.settings.home, context.settings.base_dir, now)
        except RuleError as error:
            return html.P(phrase(str(error), t), className="bad"), [], no_update, CLEAR, [], None, True
        kinds = kinds_of(found, context)
        kind = chosen if chosen in kinds else next(iter(kinds), None)
        stage = no_update
        if not drawn:
            stage = map_view(
                MAP, regions=context.regions, locale=locale, zone=context.settings.zone,
                packs=context.settings.packs, view=_view(found, context),
            )  # fmt: skip
        return (
            words(found, context, now, t),
            table(found, context, now, t, locale),
            stage,
            paint(found, context, t, kind),
            [{"value": one, "label": f"{kind_words(t).get(one, one)} ({n})"} for one, n in kinds.items()],
            no_update if kind == chosen else kind,
            len(kinds) < 2,
        )


CLEAR = {"type": "choropleth", "kind": "", "url": None}


def words(found: Preview, context: Context, now: datetime, t: Translate) -> list[Component]:
    """How many regions at which level, how many nobody can tell, when, and over which inputs."""
    counts = [
        t("{level}: {n}").format(level=level_word(level, t), n=int((_reached(found) == level).sum()))
        for level in reversed(found.rule.scale())
        if (_reached(found) == level).any()
    ]
    watched, unknown = int(found.watched.sum()), int(found.unknown.sum())
    at = local(now, context.settings.zone, seconds=True)
    head = t("As of {at} the trigger of a level is met in {n} of {watched} watched regions.").format(
        at=at, n=int((_reached(found) > 0).sum()), watched=watched
    )
    said: list[Component] = [html.P([html.B(head), " ", "; ".join(counts)])]
    if unknown:
        said.append(
            html.P(["? ", t("Regions of which nobody can tell: {n}.").format(n=unknown)], className="unknown-words")
        )
    if found.reason:
        reason = t("The inputs could not be had: {reason}").format(reason=phrase(found.reason, t))
        said.append(html.P(["⚠ ", reason], className="bad"))
    elif not watched:
        said.append(html.P(t("No feed has brought what this rule looks at."), className="bad"))
    inputs = [html.Li([html.Code(name), " ", measured(item, t)]) for name, item in found.rule.inputs.items()]
    return [*said, html.P(t("Inputs:")), html.Ul(inputs)]


def _reached(found: Preview) -> Any:
    """Levels as the map shows them: none where nobody can tell."""
    return np.where(found.watched & ~found.unknown, found.reached, 0)


def table(found: Preview, context: Context, now: datetime, t: Translate, locale: str) -> list[Component]:
    """Regions at a level, worst first, then those of which nobody can tell."""
    reached, index = _reached(found), context.regions
    order = np.lexsort((found.rids, -reached))
    rows = [int(place) for place in order if reached[place] > 0]
    rows += np.flatnonzero(found.unknown).tolist()
    if not rows:
        return [html.P(t("No region would be at a level."))] if found.watched.any() else []
    names = index.name_zh if locale == "zh" else index.name
    head = [t("Region"), t("Level"), *found.rule.inputs, t("Newest data")]
    body = []
    for place in rows[:MOST_ROWS]:
        rid = int(found.rids[place])
        level = Level.UNKNOWN if found.unknown[place] else Level(int(reached[place]))
        newest = np.nanmax(found.state.observed_at[:, place], initial=-np.inf)
        body.append(
            html.Tr(
                [
                    html.Td([str(names[rid] or index.name[rid]), " ", html.Code(str(index.code[rid]))]),
                    html.Td(chip(level, t)),
                    *[html.Td(_value(found, row, place)) for row in range(len(found.rule.inputs))],
                    html.Td(age(utc_of(float(newest)), now, t) if np.isfinite(newest) else "–"),
                ]
            )
        )
    more = len(rows) - MOST_ROWS
    parts: list[Component] = [
        html.Table(
            [html.Thead(html.Tr([html.Th(name) for name in head])), html.Tbody(body)], className="rules-levels"
        )
    ]
    if more > 0:
        parts.append(html.P(t("and {n} more").format(n=more), className="dim"))
    return parts


def _value(found: Preview, row: int, place: int) -> str:
    value = float(found.state.value[row, place])
    item = list(found.rule.inputs.values())[row]
    if np.isfinite(value):
        return number(value, item.unit)
    return "–" if value == -np.inf else "?"


def kinds_of(found: Preview, context: Context) -> dict[str, int]:
    """The kinds of region that the rule watches, and how many of each; those with most at a level first."""
    kinds, reached = context.regions.kind[found.rids], _reached(found)
    weight = {kind: (int((reached[kinds == kind] > 0).sum()), int(found.watched[kinds == kind].sum()))
              for kind in np.unique(kinds).tolist()}  # fmt: skip
    ordered = sorted(weight, key=lambda one: weight[one], reverse=True)
    return {kind: weight[kind][1] for kind in ordered if weight[kind][1]}


def paint(found: Preview, context: Context, t: Translate, kind: str | None) -> list[dict[str, Any]]:
    """The map's regions of a kind, in the colours of the levels; unknown is hatched."""
    if kind is None:
        return [CLEAR]
    reached = _reached(found)
    places = np.flatnonzero((context.regions.kind[found.rids] == kind) & found.watched)
    rows = [
        {"rid": int(found.rids[place]), "value": None if found.unknown[place] else float(reached[place])}
        for place in places.tolist()
    ]
    title = t("Level whose trigger is met: 1 blue, 2 yellow, 3 orange, 4 red")
    content = {"rows": rows, "ramp": legend(COLOURS, ""), "title": title, "unit": ""}
    commands: list[dict[str, Any]] = [ONLY_TABLE, {"type": "choropleth", "kind": kind, "table": content}]
    edges = _bounds(found, context)
    return commands if edges is None else [*commands, {"type": "fly", "bbox": edges}]


def _bounds(found: Preview, context: Context) -> list[float] | None:
    """West, south, east and north of the regions at a level; of all that are watched where none is."""
    places = np.flatnonzero(_reached(found) > 0)
    places = places if len(places) else np.flatnonzero(found.watched)
    if not len(places):
        return None
    boxes = np.asarray(context.regions.bbox[found.rids[places]], dtype=np.float64)
    return [float(boxes[:, 0].min()), float(boxes[:, 1].min()), float(boxes[:, 2].max()), float(boxes[:, 3].max())]


def _view(found: Preview, context: Context) -> dict[str, float] | None:
    """Where the map begins, no farther out than its counties are drawn."""
    edges = _bounds(found, context)
    if edges is None:
        return None
    west, south, east, north = edges
    width = max(east - west, 2.0 * (north - south), 0.5)
    zoom = min(max(math.log2(360.0 / width), FINEST_FROM), 9.0)
    return {"lon": (west + east) / 2, "lat": (south + north) / 2, "zoom": round(zoom, 2)}
