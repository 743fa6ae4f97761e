"""The pictures of a trial: the curve over the trigger, lead times, proposals a week, and where it misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.clock import parse_time
from data.text import Translate

HIT, MISS, FALSE, LOAD = "#6366f1", "#be185d", "#808897", "#0e7490"  # no colour of a level
GRID, TEXT = "#80889733", "#808897"
MINUTE, HOUR = 60.0, 3600.0
MOST_OUTLINES = 400


def layout(title: str, x: str, y: str, **more: Any) -> dict[str, Any]:
    """The common frame: readable on light and on dark."""
    return {
        "title": {"text": title, "font": {"size": 14}, "x": 0, "xanchor": "left", "xref": "paper"},
        "margin": {"l": 56, "r": 16, "t": 44, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": TEXT},
        "xaxis": {"title": {"text": x}, "gridcolor": GRID, "zeroline": False},
        "yaxis": {"title": {"text": y}, "gridcolor": GRID, "zeroline": False, "rangemode": "tozero"},
        "legend": {"orientation": "h", "y": -0.28, "x": 0}, "showlegend": True, **more,
    }  # fmt: skip


def curve(block: Mapping[str, Any], t: Translate) -> dict[str, Any]:
    """Scores, and proposals a week, over the trigger; the present choice is marked."""
    points = block["curve"]
    at = [point["factor"] for point in points]
    labels = [_triggers(point["triggers"]) for point in points]
    lines = []
    for name, word, colour, dash in (
        ("pod", t("events warned of (POD)"), HIT, "solid"),
        ("far", t("false warnings (FAR)"), FALSE, "dash"),
        ("csi", t("both together (CSI)"), MISS, "dot"),
    ):
        values = [point[name] for point in points]
        lines.append(
            {
                "type": "scatter", "mode": "lines+markers", "name": word, "x": at, "y": values, "text": labels,
                "line": {"color": colour, "dash": dash}, "connectgaps": False,
                "hovertemplate": "%{y:.2f} · %{text}<extra>" + word + "</extra>",
            }
        )  # fmt: skip
    lines.append(
        {
            "type": "scatter", "mode": "lines", "name": t("proposals a week (right)"), "x": at, "yaxis": "y2",
            "y": [point["proposals_per_week"] for point in points], "line": {"color": LOAD, "width": 1},
            "hovertemplate": "%{y:.1f}<extra>" + t("proposals a week (right)") + "</extra>",
        }
    )  # fmt: skip
    frame = layout(t("What another trigger would have done"), t("trigger, times the present one"), "")
    frame["xaxis"] |= {"type": "log", "tickvals": [0.5, 0.7, 1, 1.4, 2], "ticktext": ["½", "0.7", "1", "1.4", "2"]}
    frame["yaxis"] |= {"range": [0, 1.02]}
    frame["yaxis2"] = {
        "overlaying": "y",
        "side": "right",
        "rangemode": "tozero",
        "showgrid": False,
        "nticks": 5,
        "tickformat": ".1f",
    }
    frame["margin"]["r"] = 48
    frame["shapes"] = [
        {
            "type": "line",
            "x0": 1,
            "x1": 1,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"color": TEXT, "dash": "dashdot"},
        }
    ]
    frame["annotations"] = [
        {"x": 0, "xref": "x", "y": 1, "yref": "paper", "text": t("present choice"), "showarrow": False,
         "xanchor": "left", "yanchor": "top", "xshift": 4}
    ]  # fmt: skip
    return {"data": lines, "layout": frame}


def _triggers(triggers: Mapping[str, Sequence[float]]) -> str:
    return ", ".join(f"{key} {' / '.join(f'{value:.3g}' for value in values)}" for key, values in triggers.items())


def leads(block: Mapping[str, Any], t: Translate) -> dict[str, Any]:
    """How far ahead the events were warned of."""
    each = block["lead_s"]["each"]
    unit, word = (MINUTE, t("min")) if not each or max(each) < 6 * HOUR else (HOUR, t("h"))
    bars = {
        "type": "histogram", "x": [value / unit for value in each], "name": t("events"),
        "xbins": {"start": 0, "size": _bin(each, unit) / unit},
        "marker": {"color": HIT}, "hovertemplate": "%{x} " + word + ": %{y}<extra></extra>",
    }  # fmt: skip
    frame = layout(
        t("How far ahead the events were warned of"), t("lead time [{unit}]").format(unit=word), t("events"),
        showlegend=False,
    )  # fmt: skip
    median = block["lead_s"]["median"]
    frame["xaxis"]["range"] = [0, (max(each, default=0.0) + _bin(each, unit)) / unit]
    if median is None:
        frame |= _empty(t("No event was warned of."))
    else:
        frame["shapes"] = [
            {"type": "line", "x0": median / unit, "x1": median / unit, "yref": "paper", "y0": 0, "y1": 1,
             "line": {"color": TEXT, "dash": "dashdot"}}
        ]  # fmt: skip
        frame["annotations"] = [
            {"x": median / unit, "y": 1, "yref": "paper", "text": t("median"), "showarrow": False, "xanchor": "left",
             "xshift": 4, "yanchor": "top"}
        ]  # fmt: skip
    return {"data": [bars], "layout": frame}


def _bin(leads_s: Sequence[float], unit: float) -> float:
    """A round width of bars that makes about a dozen of them, and no less than five units [s]."""
    wanted = max(leads_s, default=0.0) / 12.0
    return next(
        (width * unit for width in (5.0, 10.0, 15.0, 30.0, 60.0, 120.0) if width * unit >= wanted), 240.0 * unit
    )


def weeks(block: Mapping[str, Any], t: Translate) -> dict[str, Any]:
    """Proposals week by week."""
    rows = block["proposals"]["by_week"]
    bars = {
        "type": "bar", "x": [parse_time(row["from"]).date().isoformat() for row in rows],
        "y": [row["count"] for row in rows], "marker": {"color": LOAD},
        "hovertemplate": "%{x}: %{y}<extra></extra>",
    }  # fmt: skip
    frame = layout(t("Proposals a week"), t("week from (UTC)"), t("proposals"), showlegend=False)
    if len(rows) < 2:
        frame["xaxis"]["type"] = "category"
    return {"data": [bars], "layout": frame}


def miss_map(block: Mapping[str, Any], t: Translate, locale: str, base_dir: Path | None = None) -> dict[str, Any]:
    """Where events were missed, over the outlines of the base data."""
    from data.regions import load_regions

    rows = block["misses"]
    index = load_regions(base_dir)
    found = [(row, rid) for row in rows if (rid := index.by_code(row["region"])) is not None]
    frame = layout(t("Where events were missed"), "", "")
    if not found:
        return {"data": [], "layout": frame | _empty(t("There is no event to show."))}
    tops = {next((one for one in reversed(index.chain(rid)) if index.parent_rid[one] >= 0), rid) for _, rid in found}
    data: list[dict[str, Any]] = [_outlines(index, sorted({rid for _, rid in found} | tops))]
    for missed, colour, symbol, word in (
        (False, HIT, "circle-open", t("all warned of")), (True, MISS, "x", t("missed")),
    ):  # fmt: skip
        chosen = [(row, rid) for row, rid in found if bool(row["missed"]) is missed]
        names = [row["name_zh" if locale == "zh" else "name"] or row["region"] for row, _ in chosen]
        told = t("{name}: {missed} of {events} missed")
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": word,
                "x": [float(index.lon[rid]) for _, rid in chosen], "y": [float(index.lat[rid]) for _, rid in chosen],
                "marker": {"symbol": symbol, "color": colour, "line": {"width": 2},
                           "size": [9 + 3 * min(row["missed"], 5) for row, _ in chosen]},
                "text": [
                    told.format(name=name, missed=row["missed"], events=row["events"])
                    for name, (row, _) in zip(names, chosen, strict=True)
                ],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )  # fmt: skip
    middle = float(np.mean([index.lat[rid] for _, rid in found]))
    frame["yaxis"] |= {
        "scaleanchor": "x",
        "scaleratio": 1 / max(np.cos(np.radians(middle)), 0.1),
        "rangemode": "normal",
    }
    frame["yaxis"]["ticksuffix"] = frame["xaxis"]["ticksuffix"] = "°"
    return {"data": data, "layout": frame}


def _outlines(index: Any, rids: Sequence[int]) -> dict[str, Any]:
    """The borders of some regions as one line with gaps, fit for a picture of this size."""
    import shapely

    from data.regions import load_geometries

    kinds = sorted({str(index.kind[rid]) for rid in rids})
    held, areas = load_geometries(index.base_dir, kinds)
    chosen = areas[np.isin(held, np.array(rids[:MOST_OUTLINES], dtype=np.int32))]
    bounds = shapely.total_bounds(chosen)
    fine = max(bounds[2] - bounds[0], bounds[3] - bounds[1]) / 800.0
    x: list[float | None] = []
    y: list[float | None] = []
    for part in shapely.get_parts(shapely.boundary(shapely.simplify(chosen, fine))):
        points = shapely.get_coordinates(part)
        x += [*np.round(points[:, 0], 4).tolist(), None]
        y += [*np.round(points[:, 1], 4).tolist(), None]
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": TEXT, "width": 0.8},
        "hoverinfo": "skip", "showlegend": False,
    }  # fmt: skip


def _empty(text: str) -> dict[str, Any]:
    return {
        "annotations": [
            {"text": text, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False,
             "font": {"size": 14}}
        ]
    }  # fmt: skip
