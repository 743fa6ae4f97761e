"""The ranked table of regions, its histogram, and the lines that say what was computed from what."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from dash import html
from dash.development.base_component import Component

from data.regions import RegionIndex
from data.text import Translate
from pages._chart import FONT, graph
from pages._places import name_of, names_above
from pages._plan_values import Answer
from pages._plan_words import measure, shown

BINS = 24
INK, LINE, BAR, UNKNOWN = "#808897", "#80889733", "#6366f1", "#808897"


def columns(value_title: str, t: Translate) -> list[dict[str, Any]]:
    """Columns of the grid; unknown stays last however the table is sorted (assets/plan.js)."""
    last = {"function": "unknownLast"}
    return [
        {"field": "rank", "headerName": "#", "width": 56, "comparator": last, "type": "rightAligned"},
        {"field": "name", "headerName": t("Region"), "flex": 3, "minWidth": 120, "tooltipField": "place"},
        {
            "field": "value", "headerName": value_title, "headerTooltip": value_title, "flex": 2, "minWidth": 96,
            "comparator": last, "valueFormatter": {"function": "params.data.shown"}, "type": "rightAligned",
            "tooltipField": "why", "cellClassRules": {"unknown": "params.value === null"},
        },
        {"field": "share", "headerName": t("Valid"), "headerTooltip": t("Share of the region with valid cells"),
         "width": 76, "valueFormatter": {"function": "params.data.valid"}, "type": "rightAligned"},
    ]  # fmt: skip


def rows(answer: Answer, regions: RegionIndex, locale: str, t: Translate) -> list[dict[str, Any]]:
    """One row for each region that the grid reaches, highest first; those without a value last, with the reason."""
    values, statistic = answer.values, answer.question.statistic
    found = []
    for place, value, share in ranked(answer):
        rid = int(values.rid[place])
        known = bool(np.isfinite(value))
        found.append(
            {
                "code": str(regions.code[rid]), "name": name_of(rid, regions, locale),
                "place": names_above(rid, regions, locale) + " · " + str(regions.code[rid]),
                "value": float(value) if known else None, "shown": shown(value, values.unit, statistic, t),
                "share": round(float(share), 4), "valid": f"{share:.0%}",
                "why": "" if known else why_unknown(answer, place, t),
            }
        )  # fmt: skip
    for rank, row in enumerate(found, start=1):
        row["rank"] = rank if row["value"] is not None else None
    return found


def ranked(answer: Answer) -> list[tuple[int, float, float]]:
    """(place in the arrays, value, valid share) of regions inside the grid: highest first, unknown last."""
    places = np.flatnonzero(answer.inside)
    value = answer.values.value[places]
    order = np.argsort(np.where(np.isnan(value), np.inf, -value), kind="stable")
    share = answer.values.valid_share
    return [(int(places[one]), float(value[one]), float(share[places[one]])) for one in order]


def why_unknown(answer: Answer, place: int, t: Translate) -> str:
    """Why a region has no value."""
    note = answer.values.notes.get(int(answer.values.rid[place]), {})
    if "reason" in note:
        return str(note["reason"])
    return t("Every cell of this region is missing in this step.")


def tally(answer: Answer, t: Translate) -> Component:
    """How many are unknown, and how many the grid does not reach."""
    inside, unknown = int(answer.inside.sum()), int(answer.unknown.sum())
    outside = int(answer.values.rid.size) - inside
    words: list[Any] = [
        html.B(t("{n} of {m} regions unknown").format(n=unknown, m=inside), className="bad" if unknown else "")
    ]
    if outside:
        words.append(" · " + t("{n} regions lie outside this grid").format(n=outside))
    return html.P(words, className="tally-line")


def place_of(answer: Answer, rid: int) -> int | None:
    """Where a region stands in the arrays."""
    found = np.flatnonzero(answer.values.rid == rid)
    return int(found[0]) if found.size else None


def sentence(answer: Answer, rid: int, name: str, t: Translate) -> str:
    """The value of one region and its place in the ranking, in words."""
    place = place_of(answer, rid)
    if place is None:
        return t("{name} is of another kind of region than this table.").format(name=name)
    if not answer.inside[place]:
        return t("{name} lies outside this grid.").format(name=name)
    value = float(answer.values.value[place])
    if np.isnan(value):
        return t("{name}: unknown.").format(name=name) + " " + why_unknown(answer, place, t)
    known = answer.values.value[answer.inside]
    rank, of = int((known > value).sum()) + 1, int(np.isfinite(known).sum())
    said = shown(value, answer.values.unit, answer.question.statistic, t)
    return t("{name}: {value}, rank {rank} of {n} known.").format(name=name, value=said, rank=rank, n=of)


def histogram(answer: Answer, mark: float | None, t: Translate) -> Component:
    """How the values are spread: a bar a class, one hatched bar for what is unknown, a line at the chosen region."""
    known = answer.values.value[answer.inside]
    known = known[np.isfinite(known)]
    if known.size == 0:
        return html.P(t("No region has a value, so there is nothing to spread out."), className="dim")
    return graph(figure(known, int(answer.unknown.sum()), answer.values.unit, mark, t), height=132,
                 label="histogram")  # fmt: skip


def figure(known: Any, unknown: int, unit: str, mark: float | None, t: Translate) -> Mapping[str, Any]:
    """The histogram as a Plotly figure."""
    count, edges = np.histogram(known, bins=BINS if np.ptp(known) > 0 else 1)
    centre, width = (edges[1:] + edges[:-1]) / 2, float(edges[1] - edges[0])
    words = [f"{measure(low, unit)} – {measure(high, unit)}" for low, high in pairwise(edges.tolist())]
    bars: list[dict[str, Any]] = [
        {
            "type": "bar", "x": centre.tolist(), "y": count.tolist(), "width": width, "customdata": words,
            "marker": {"color": BAR, "line": {"width": 0}},
            "hovertemplate": "%{customdata}<br>%{y}<extra></extra>",
        }
    ]  # fmt: skip
    if unknown:
        bars.append(
            {
                "type": "bar", "x": [float(edges[-1]) + 2 * width], "y": [unknown], "width": width * 1.6,
                "marker": {"color": "rgba(0,0,0,0)", "line": {"color": UNKNOWN, "width": 1},
                           "pattern": {"shape": "/", "fgcolor": UNKNOWN, "size": 6}},
                "hovertemplate": t("Unknown") + "<br>%{y}<extra></extra>",
                "text": [t("Unknown")], "textposition": "outside", "textfont": {"size": 10}, "cliponaxis": False,
            }
        )  # fmt: skip
    shapes = [] if mark is None or not np.isfinite(mark) else [
        {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": mark, "x1": mark,
         "line": {"color": INK, "width": 2}}
    ]  # fmt: skip
    return {
        "data": bars,
        "layout": {
            "margin": {"l": 48, "r": 28, "t": 12, "b": 32}, "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)", "font": FONT, "bargap": 0.04,
            "showlegend": False, "shapes": shapes,
            "xaxis": {"title": {"text": unit if unit != "1" else "", "standoff": 2}, "gridcolor": LINE},
            "yaxis": {"title": {"text": t("regions"), "standoff": 4}, "nticks": 4, "gridcolor": LINE,
                      "zeroline": False},
        },
    }  # fmt: skip
