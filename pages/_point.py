"""The panel of a point in gridded data: what its cell says at the time that is drawn, and before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import html
from dash.development.base_component import Component

from access.people import current
from data.store.field_series import SeriesKey, best_steps
from data.store.fields import find_step
from data.text import Translate
from layers.field_point import PointHistory, PointStep, read_point
from layers.fields import spec_for
from pages._chart import graph
from pages._context import Context
from pages._layers import source_word, window
from pages._times import age, local
from pages._why import head, known_here

SPAN = timedelta(days=30)
MOST = 2000
LINE = "#6366f1"


def point(
    chosen: Mapping[str, Any], context: Context, t: Translate, now: datetime, *, titled: bool = True
) -> list[Component]:
    """What the series says at the place that was clicked; under a heading of its own if `titled`."""
    found = _read(chosen, context, now)
    if found is None:
        return head(t("This is not there any more"), t) if titled else []
    rows, shown, history, (lon, lat) = found
    spec = spec_for(shown.quantity, shown.unit, str(shown.attributes.get("title", "")))
    here = next((one for one in history.points if one.valid_at == shown.valid_at), None)
    value = None if here is None else here.value
    title = " · ".join(filter(None, (t(spec.title), window(shown.accumulation_s))))
    figure = history_figure(history.points, unit=shown.unit, at=shown.valid_at, now=now, zone=context.settings.zone)
    parts = [
        html.Div(t("missing") if value is None else f"{value:.4g} {shown.unit}", className="value"),
        html.P(_when(shown, context, t, now)),
        html.P(_where(history, lon, lat, t, shown.source), className="dim"),
        *known_here(t, lon=f"{lon:.5f}", lat=f"{lat:.5f}"),
        graph(figure),
        html.P(_counted(rows, history, t), className="dim"),
    ]
    if shown.payload_id is not None and current().may("payload.download"):
        link = html.A(t("Payload as received"), href=f"/api/payloads/{shown.payload_id}", download="")
        parts.append(html.P(link))
    return [*(head(title, t) if titled else [html.H3(title)]), *parts]


def _read(
    chosen: Mapping[str, Any], context: Context, now: datetime
) -> tuple[list[Any], Any, PointHistory, tuple[float, float]] | None:
    """Steps of the last month and ahead, the one that is drawn, and their values; None where that is not there."""
    try:
        key, lon, lat = SeriesKey.of(str(chosen.get("series"))), float(chosen["lon"]), float(chosen["lat"])
        number = int(chosen["step"])
    except (KeyError, TypeError, ValueError):
        return None
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lat) <= 90):
        return None
    with context.store.read() as connection:
        shown = find_step(connection, number)
        if shown is None:
            return None
        rows = best_steps(connection, key, since=min(now, shown.valid_at) - SPAN, limit=MOST)
    if all(row.id != shown.id for row in rows):  # an older run, or beyond the newest of many steps
        rows = sorted([*(row for row in rows if row.valid_at != shown.valid_at), shown], key=lambda row: row.valid_at)
    history = read_point(context.settings.home, rows, lon, lat)
    return None if history is None else (rows, shown, history, (lon, lat))


def _when(shown: Any, context: Context, t: Translate, now: datetime) -> str:
    """The valid time with its age, and the run of a forecast."""
    written = f"{local(shown.valid_at, context.settings.zone)} · {age(shown.valid_at, now, t)}"
    if not shown.forecast:
        return f"{written} · {t('analysis')}"
    run = t("forecast, run of {time}").format(time=local(shown.run_at, context.settings.zone))
    return f"{written} · {run}"


def _where(history: PointHistory, lon: float, lat: float, t: Translate, source: str) -> str:
    """The place, its cell and where the numbers come from."""
    west, south, east, north = (f"{edge:.4g}" for edge in history.cell)
    cell = t("Cell {west} to {east}, {south} to {north}").format(west=west, east=east, south=south, north=north)
    origin = t("Source: {source}").format(source=source_word(source, t))
    return f"{lat:.3f}, {lon:.3f} · {cell} · {origin}"


def _counted(rows: Sequence[Any], history: PointHistory, t: Translate) -> str:
    missing = sum(one.value is None for one in history.points)
    return t("{n} steps, {missing} without a value here").format(n=len(rows), missing=missing)


def history_figure(
    points: Sequence[PointStep], *, unit: str, at: datetime, now: datetime, zone: Any
) -> Mapping[str, Any]:
    """Values over time: analyses as a line, forecasts dashed, a missing value as a break; a line at what is drawn."""
    analysis = [None if one.forecast else one.value for one in points]
    ahead = [one.value if one.forecast else None for one in points]
    first = next((place for place, one in enumerate(points) if one.forecast), None)
    if first:  # the dashed line begins where the solid one ends
        ahead[first - 1] = points[first - 1].value
    times = [one.valid_at.astimezone(zone) for one in points]
    hover = "%{y:.4g} " + unit + "<br>%{x|%d %b %H:%M}<extra></extra>"
    common = {"type": "scatter", "mode": "lines+markers", "x": times, "connectgaps": False, "hovertemplate": hover}
    solid = {**common, "y": analysis, "line": {"color": LINE, "width": 2}, "marker": {"size": 3}}
    dashed = {**common, "y": ahead, "line": {"color": LINE, "width": 2, "dash": "dot"}, "marker": {"size": 3}}
    marks = [
        {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": moment, "x1": moment,
         "line": {"color": "#808897", "width": 1.5, "dash": dash}}
        for moment, dash in ((at.astimezone(zone), "solid"), (now.astimezone(zone), "dash"))
    ]  # fmt: skip
    return {
        "data": [solid, dashed],
        "layout": {
            "margin": {"l": 44, "r": 8, "t": 8, "b": 28},
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 11, "color": "#808897"}, "xaxis": {"gridcolor": "#80889733"},
            "yaxis": {"title": {"text": unit}, "gridcolor": "#80889733", "zeroline": False},
            "shapes": marks, "showlegend": False, "hovermode": "x",
        },
    }  # fmt: skip
