"""Charts: every Plotly figure goes through `graph`, which keeps data on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import dcc
from dash.development.base_component import Component

from data.model import Level, Quality
from data.text import Translate

# plotly.js offers an upload button unless told otherwise
CONFIG = {"showSendToCloud": False, "plotlyServerURL": "", "displaylogo": False, "displayModeBar": False}
FAMILY = "system-ui, 'Noto Sans', 'Noto Sans SC', sans-serif"  # bundled where the system lacks Chinese
DAY_MS = 86_400_000
TIME_AXIS = {  # dates as numbers: month names would be English
    "type": "date", "gridcolor": "#80889733", "tickangle": 0, "nticks": 6, "tickformatstops": [
        {"dtickrange": [None, DAY_MS - 1], "value": "%H:%M<br>%m-%d"},
        {"dtickrange": [DAY_MS, "M1"], "value": "%m-%d<br>%Y"},
        {"dtickrange": ["M1", None], "value": "%Y-%m"},
    ],
}  # fmt: skip
FONT = {"family": FAMILY, "size": 11, "color": "#808897"}
COLOURS = {Level.RED: "#c81e1e", Level.ORANGE: "#d9600b", Level.YELLOW: "#b58900", Level.BLUE: "#1d5fd1"}


def graph(figure: Mapping[str, Any], *, height: int = 180, label: str = "") -> Component:
    """A chart that offers no upload and no logo."""
    layout = figure.get("layout", {})
    shown = {**figure, "layout": {**layout, "font": {"family": FAMILY, **layout.get("font", {})}}}
    return dcc.Graph(
        figure=shown, config=CONFIG, style={"height": f"{height}px"}, className="chart", responsive=True,
        **({"id": {"type": "chart", "label": label}} if label else {}),
    )  # fmt: skip


def series(
    rows: Sequence[Any],
    thresholds: Mapping[Level, float],
    *,
    unit: str,
    now: datetime,
    zone: Any,
    t: Translate,
) -> Mapping[str, Any]:
    """One station's readings with the thresholds drawn in.

    Parameters
    ----------
    rows : sequence
        With `observed_at`, `value` and `quality`, oldest first. A missing value breaks the line; a doubtful one is an
        open marker.
    thresholds : mapping
        Level to trigger value [unit].
    """
    times = [row.observed_at.astimezone(zone) for row in rows]
    good = [row.quality == Quality.GOOD for row in rows]
    usable = [row.value if row.quality in (Quality.GOOD, Quality.SUSPECT) else None for row in rows]
    line = {
        "type": "scatter", "mode": "lines+markers", "x": times, "y": usable, "connectgaps": False,
        "line": {"color": "#6366f1", "width": 2},
        "marker": {"size": 4, "symbol": ["circle" if one else "circle-open" for one in good]},
        "hovertemplate": "%{y} " + unit + "<br>%{x|%d %b %H:%M}<extra></extra>",
    }  # fmt: skip
    shapes = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value,
         "line": {"color": COLOURS[level], "width": 1.5, "dash": "dash"}}
        for level, value in thresholds.items() if level in COLOURS
    ]  # fmt: skip
    notes = [
        {"xref": "paper", "x": 1, "y": value, "text": f"{t(level.key)} {value:g}", "showarrow": False,
         "xanchor": "right", "yanchor": "bottom", "font": {"color": COLOURS[level], "size": 10}}
        for level, value in thresholds.items() if level in COLOURS
    ]  # fmt: skip
    return {
        "data": [line],
        "layout": {
            "margin": {"l": 44, "r": 8, "t": 8, "b": 36},
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
            "font": FONT,
            "xaxis": {**TIME_AXIS, "range": [times[0], now.astimezone(zone)] if times else None},
            "yaxis": {"title": {"text": unit}, "gridcolor": "#80889733", "zeroline": False},
            "shapes": shapes, "annotations": notes, "showlegend": False, "hovermode": "x",
        },
    }  # fmt: skip
