"""What the layers drawer does with the field shown: wind symbols over it, and a second map to compare it with."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html

from data.text import Translate

EARLIER_H = (1, 3, 6, 12, 24, 48, 72)

WIND = "function(kind) { return {type: 'wind', kind: kind}; }"
COMPARE = """function(series, time) {
  if (!series) return {type: 'compare'};
  const wish = {type: 'compare', series: series === 'same' ? null : series};
  return /^-?[0-9]+$/.test(time) ? {...wish, offset_h: Number(time)} : {...wish, time: time || 'latest'};
}"""
# "same" stays the first choice, before the series that the map can show.
OPTIONS = "function(fields, own) { return [own[0], ...(fields || [])]; }"
# A link or the map's own buttons may have chosen something else: the drawer shows what is.
SHOWN = """function(tools) {
  const none = window.dash_clientside.no_update;
  const {wind, compare} = tools || {};
  const time = compare && compare.series && (/^(-?[0-9]+|latest)$/.test(compare.time) ? compare.time : 'kept');
  return [
    wind ? wind.kind : none, wind ? !wind.possible && wind.kind === 'none' : none,
    compare ? compare.series : none, time || none, compare ? !compare.possible : none,
  ];
}"""


def controls(t: Translate) -> list[Any]:
    """The choices; what the map cannot do with the field it shows is disabled."""
    kinds = {"none": t("No wind"), "arrows": t("Arrows"), "barbs": t("Barbs")}
    times = {"0": t("the same time"), "latest": t("its latest"), "kept": t("the time shown now, kept")}
    times |= {str(-hours): t("{n} h earlier").format(n=hours) for hours in EARLIER_H}
    return [
        html.Div(
            [
                html.Div(t("Wind"), className="tool-label", id="wind-label"),
                dmc.SegmentedControl(
                    id="wind-choice", data=_options(kinds), value="none", disabled=True, size="xs", fullWidth=True,
                    **{"aria-labelledby": "wind-label"},
                ),
            ]
        ),
        dmc.Select(
            id="compare-series", label=t("Compare with"), data=_options({"same": t("the same series")}), size="xs",
            clearable=True, searchable=True, disabled=True, placeholder=t("not compared"),
        ),
        dmc.Select(
            id="compare-time", label=t("Time of the second map"), data=_options(times), value="-24", size="xs",
            allowDeselect=False,
        ),
    ]  # fmt: skip


def _options(labels: dict[str, str]) -> list[dict[str, str]]:
    return [{"value": value, "label": label} for value, label in labels.items()]


def register(dash_app: Dash) -> None:
    """Everything here happens in the browser."""
    dash_app.clientside_callback(
        WIND, Output("map-command", "data", allow_duplicate=True), Input("wind-choice", "value"),
        prevent_initial_call=True,
    )  # fmt: skip
    dash_app.clientside_callback(
        COMPARE, Output("map-command", "data", allow_duplicate=True),
        Input("compare-series", "value"), Input("compare-time", "value"), prevent_initial_call=True,
    )  # fmt: skip
    dash_app.clientside_callback(
        OPTIONS, Output("compare-series", "data"), Input("field-choice", "data"), State("compare-series", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    dash_app.clientside_callback(
        SHOWN, Output("wind-choice", "value"), Output("wind-choice", "disabled"), Output("compare-series", "value"),
        Output("compare-time", "value"), Output("compare-series", "disabled"), Input("map-tools", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
