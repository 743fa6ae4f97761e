"""The History tab: one region over time, return levels where the record is long enough, and how rare its value is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from access.guard import needs
from data.errors import TocsinError
from data.store.field_series import Series, SeriesKey
from data.text import Translate, translator
from pages import _plan_table as table
from pages._chart import FONT, TIME_AXIS, graph
from pages._context import Context
from pages._locale import locale_of
from pages._places import name_of, names_above
from pages._plan_extremes import Extremes, extremes, yearly_maxima, yearly_series
from pages._plan_ranking import again
from pages._plan_values import ValueReader, pick
from pages._plan_words import measure, series_word, statistic_words
from pages._why import known_here

if TYPE_CHECKING:
    from layers.region_history import HistoryPoint

KEPT = ("mean", "area_mean", "max", "min", "p90")  # statistics of which every step is kept
DRAWN_LEVELS = (2, 10, 50)  # return periods with a line in the chart [years]
INK, LINE, COLOUR, LEVEL = "#808897", "#80889733", "#6366f1", "#a855f7"


def panel(t: Translate) -> list[Any]:
    """The tab's content; the callback fills it."""
    return [html.Div(html.P(t("Choose a region in the table or on the map."), className="dim"), id="plan-history")]


def register(dash_app: Dash, context: Context, reader: ValueReader) -> None:
    """The history follows the chosen region and what the table shows."""

    @dash_app.callback(
        Output("plan-history", "children"), Output("plan-history-small", "children"),
        Input("plan-region", "data"), Input("plan-now", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def show(code: Any, here: Any) -> Any:
        """Charts of the chosen region: small under the table, whole in the tab."""
        locale = locale_of(context)
        t = translator(locale)
        rid = context.regions.by_code(str(code)) if code else None
        if rid is None or not isinstance(here, dict):
            return html.P(t("Choose a region in the table or on the map."), className="dim"), []
        try:
            return _both(rid, here, context, reader, t, locale)
        except TocsinError as error:
            return html.P(
                t("The history could not be read: {reason}").format(reason=t(str(error))), className="bad"
            ), []


def _both(
    rid: int, here: Mapping[str, Any], context: Context, reader: ValueReader, t: Translate, locale: str
) -> tuple[Any, Any]:
    series = reader.series()
    shown = pick(series, str(here["series"]))
    if shown is None:
        return html.P(t("Choose a region in the table or on the map."), className="dim"), []
    kept = here["statistic"] in KEPT and not here["people"]
    statistic = str(here["statistic"]) if kept else "mean"
    points = _read(context, shown.key, rid, statistic)
    now, zone = context.clock(), context.settings.zone
    record = yearly_series(shown, series)
    yearly = record is not None
    past = points if record is None or record.key == shown.key else _read(context, record.key, rid, statistic)
    answer = again(context, reader, here) if kept else None
    found = extremes(yearly_maxima(past, now, yearly=yearly), _value(answer, rid))
    name = name_of(rid, context.regions, locale)
    head = [
        html.H2(name),
        html.P(f"{names_above(rid, context.regions, locale)} · {context.regions.code[rid]}", className="dim"),
        *known_here(t, region=str(context.regions.code[rid])),
        html.P(f"{series_word(shown, t)} · {statistic_words(t)[statistic]}"),
    ]
    if not kept:
        words = t("Histories are kept of the mean, maximum, minimum and 90th percentile: the mean is shown.")
        head.append(html.P(words, className="bad"))
    if not points:
        return [*head, html.P(t("This series has no step."), className="bad")], []
    big = graph(chart(points, shown.unit, found, now, zone, t), height=260, label="history")
    small = graph(chart(points, shown.unit, None, now, zone, t), height=110, label="history-small")
    note = html.P(_known(points, t), className="dim")
    return [*head, big, note, *_levels(found, shown, t)], small


def _read(context: Context, key: SeriesKey, rid: int, statistic: str) -> list[HistoryPoint]:
    from layers.region_history import read_history

    settings = context.settings
    return read_history(context.store, settings.home, key, rid, statistic, base_dir=settings.base_dir)


def _value(answer: Any, rid: int) -> float | None:
    place = None if answer is None else table.place_of(answer, rid)
    value = float("nan") if place is None else float(answer.values.value[place])
    return value if np.isfinite(value) else None


def _known(points: Sequence[HistoryPoint], t: Translate) -> str:
    """How many steps have a value, and why others have none."""
    unknown = sum(point.value is None and not point.pending for point in points)
    pending = sum(point.pending for point in points)
    words = t("{n} steps, {unknown} unknown").format(n=len(points), unknown=unknown)
    if pending:
        words += t(", ") + t("{n} not computed yet: the engine is catching up").format(n=pending)
    return words


def chart(
    points: Sequence[HistoryPoint], unit: str, found: Extremes | None, now: datetime, zone: Any, t: Translate
) -> Mapping[str, Any]:
    """Values over time: the forecast dashed, gaps where unknown, return levels as lines with their bands."""
    past = [point for point in points if not point.forecast]
    ahead = [point for point in points if point.forecast]
    joined = past[-1:] + ahead if past and ahead and past[-1].valid_at < ahead[0].valid_at else ahead
    lines = [_line(past, unit, zone, {"color": COLOUR, "width": 2}, t("analysis"))] if past else []
    if ahead:
        lines.append(_line(joined, unit, zone, {"color": COLOUR, "width": 2, "dash": "dot"}, t("forecast")))
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    if ahead:
        at = now.astimezone(zone)
        shapes.append({"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": at, "x1": at,
                       "line": {"color": INK, "width": 1, "dash": "dash"}})  # fmt: skip
        notes.append({"x": at, "yref": "paper", "y": 1, "text": t("now"), "showarrow": False, "xanchor": "left",
                      "yanchor": "top", "font": {"size": 10, "color": INK}})  # fmt: skip
    for years in DRAWN_LEVELS if found else ():
        assert found is not None
        band = found.levels.get(years)
        if band is not None:
            shapes += _band(band.value, band.low, band.high)
            words = t("once in {n} years").format(n=years) + f" {band.value:.3g}"
            notes.append({"xref": "paper", "x": 1, "y": band.value, "text": words, "showarrow": False,
                          "xanchor": "right", "yanchor": "bottom", "font": {"size": 10, "color": LEVEL}})  # fmt: skip
    return {
        "data": lines,
        "layout": {
            "margin": {"l": 44, "r": 8, "t": 8, "b": 36}, "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)", "font": FONT, "showlegend": False,
            "xaxis": TIME_AXIS, "hovermode": "x", "shapes": shapes, "annotations": notes,
            "yaxis": {"title": {"text": unit if unit != "1" else ""}, "gridcolor": LINE, "zeroline": False},
        },
    }  # fmt: skip


def _line(points: Sequence[HistoryPoint], unit: str, zone: Any, line: Mapping[str, Any], name: str) -> dict[str, Any]:
    shares = ["" if point.valid_share is None else f"{point.valid_share:.0%}" for point in points]
    return {
        "type": "scatter", "mode": "lines+markers", "connectgaps": False, "line": dict(line), "marker": {"size": 4},
        "x": [point.valid_at.astimezone(zone) for point in points], "y": [point.value for point in points],
        "customdata": shares,
        "hovertemplate": f"%{{y:.4~g}} {unit} · {name} · %{{customdata}}<br>%{{x|%Y-%m-%d %H:%M}}<extra></extra>",
    }  # fmt: skip


def _band(value: float, low: float, high: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value,
         "line": {"color": LEVEL, "width": 1.5, "dash": "dash"}}
    ]  # fmt: skip
    if np.isfinite(low) and np.isfinite(high):
        found.append({"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": low, "y1": high, "layer": "below",
                      "line": {"width": 0}, "fillcolor": LEVEL, "opacity": 0.08})  # fmt: skip
    return found


def _levels(found: Extremes, shown: Series, t: Translate) -> list[Component]:
    """Return levels as a table, or plainly why there are none."""
    from layers.derived.extremes import MINIMUM_YEARS
    from layers.kernels.extreme_bands import describe

    head = html.H3(t("Return levels"))
    if not found.levels:
        words = t("No return levels: {n} whole years, at least {minimum} are needed.")
        return [head, html.P(words.format(n=found.years, minimum=MINIMUM_YEARS), className="bad")]
    first = next(iter(found.levels.values()))
    titles = (t("Once in"), t("Value"), t("{percent} % between").format(percent=f"{100 * first.confidence:.0f}"))
    rows = [
        html.Tr(
            [
                html.Td(t("{n} years").format(n=years)),
                html.Td(measure(band.value, shown.unit), className="number"),
                html.Td(f"{measure(band.low, shown.unit)} – {measure(band.high, shown.unit)}"),
            ]
        )
        for years, band in found.levels.items()
    ]
    years = sorted(found.maxima)
    origin = t("From {n} yearly maxima, {first} to {last}; GEV by {method}.").format(
        n=found.years, first=years[0], last=years[-1], method=t(first.method)
    )
    parts: list[Component] = [head]
    if found.rarity is not None:
        parts.append(
            html.P(t("The value in the table") + ": " + describe(found.rarity, t), className="plan-sentence")
        )
    return [*parts, html.Table([html.Tr([html.Th(one) for one in titles]), *rows], className="plan-table"),
            html.P(origin, className="dim"), html.P("Coles 2001; Hosking 1990", className="dim")]  # fmt: skip
