"""The map as a Dash component: an element that the map script fills, and the stores through which they talk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dash import Input, clientside_callback, dcc, html
from dash.development.base_component import Component

from data.regions import KINDS, load_regions
from data.text import Translate, translator
from pages._layers import titles

if TYPE_CHECKING:
    from pathlib import Path

    from data.regions import RegionIndex

STORES = ("event", "command", "live", "status", "tools")
START: Mapping[str, float] = {"lon": 40.0, "lat": 22.0}  # without a zoom the whole world fits the width
START_OF_PACKS: Mapping[frozenset[str], Mapping[str, float]] = {
    frozenset({"cn"}): {"lon": 105.0, "lat": 35.5, "zoom": 3.4},
    frozenset({"us"}): {"lon": -97.0, "lat": 38.5, "zoom": 3.4},
}
BLIND_AFTER_MS = 30_000  # without a stream for so long, every watched region is shown as unknown

# The script may still be on its way when the first command comes: commands wait in an inbox until it looks.
TO_INBOX = """function(command) {
  if (command) {
    const all = window.tocsinMapInbox = window.tocsinMapInbox || {};
    (all["%s"] = all["%s"] || []).push(...(Array.isArray(command) ? command : [command]));
    window.dispatchEvent(new Event("tocsin-map-command"));
  }
}"""


def connect_map(id: str) -> None:
    """Carry commands from the store to the map; once per map id, before the application is built."""
    clientside_callback(TO_INBOX % (id, id), Input(f"{id}-command", "data"))


def map_view(
    id: str,
    *,
    regions: RegionIndex | None = None,
    locale: str = "en",
    theme: str = "auto",
    zone: ZoneInfo | None = None,
    view: Mapping[str, float] | None = None,
    packs: Sequence[str] = ("world", "cn", "us"),
    blind_after_ms: int = BLIND_AFTER_MS,
) -> Component:
    """A map with its stores; `theme` is light, dark or auto.

    Raises
    ------
    ValueError
        If the id could leave the script it is written into.
    """
    index = regions or load_regions()
    if not id.replace("-", "").isalnum():
        raise ValueError(f"not an id: {id!r}")
    config: dict[str, Any] = {
        "id": id,
        "locale": locale,
        "zone": str(zone or "UTC"),
        "theme": theme,
        "view": dict(view if view is not None else _start_of(packs)),
        "urls": {
            "live": "/api/live",
            "versions": "/api/versions.json",
            "base": _versioned("base", index.base_dir),
            "regions": _versioned("regions", index.base_dir),
        },
        "kinds": kind_ranges(index),
        "words": words(translator(locale)),
        "blindAfterMs": blind_after_ms,
    }
    stores = [dcc.Store(id=f"{id}-{name}") for name in STORES]
    written = json.dumps(config, ensure_ascii=False, separators=(",", ":"))
    stage = html.Div(id=id, className="map", **{"data-tocsin-map": written})
    return html.Div([stage, *stores], className="map-holder", style={"height": "100%"})


def _start_of(packs: Sequence[str]) -> Mapping[str, float]:
    return START_OF_PACKS.get(frozenset(packs) - {"world"}, START)


def kind_ranges(regions: RegionIndex) -> list[tuple[str, int, int]]:
    """Kinds with their first and last-plus-one row number: rows are sorted by kind."""
    ranges = []
    for kind in KINDS:
        rids = regions.of_kind(kind)
        if len(rids):
            ranges.append((kind, int(rids[0]), int(rids[-1]) + 1))
    return ranges


def _versioned(name: str, base_dir: Path) -> str:
    """The address of a tile file, another one after each set-up."""
    path = base_dir / f"{name}.pmtiles"
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    return f"/t/base/{name}.pmtiles?v={stamp:x}"


def words(t: Translate) -> dict[str, str]:
    """Everything the map script says, in the reader's language."""
    return {
        **{f"quantity_{quantity}": t(title) for quantity, title in titles().items() if t(title) != title},
        "AttributionControl.ToggleAttribution": t("Credits"),
        "Map.Title": t("Map"),
        "NavigationControl.ZoomIn": t("Zoom in"),
        "NavigationControl.ZoomOut": t("Zoom out"),
        "ScaleControl.Kilometers": "km",
        "ScaleControl.Meters": "m",
        "map_label": t(
            "Map. Arrow keys move, plus and minus zoom, Enter opens what is at the centre, Home goes back."
        ),
        "legend": t("Legend"),
        "layer_levels": t("Level by rule"),
        "layer_events": t("Earthquakes and other events"),
        "layer_stations": t("Stations"),
        "layer_warnings": t("Warnings of other services"),
        "layer_field": t("Gridded data"),
        "layer_survey": t("Survey"),
        "records_a_cell": t("records a cell of the picture, by powers of ten"),
        "layer_changes": t("Two deliveries compared"),
        "changes_darker": t("the darker, the more records a cell; signs where few stand"),
        "layer_choropleth": t("Regions by value"),
        "layer_wind": t("Wind"),
        "layer_compare": t("Comparison"),
        "wind_calm": t("calm: below {ms} m/s"),
        "wind_speed": t("{ms} m/s · {kt} kt"),
        "wind_from": t("from {ms} m/s · {kt} kt"),
        "wind_none": t("No wind for {time}: no symbol is drawn"),
        "wind_loading": t("Symbols are still loading"),
        "wind_missing": t("No symbol where the wind is missing"),
        "compare_label": t("Second map of the comparison. It moves with the first one; Enter tells the values."),
        "compare_leave": t("Leave the comparison"),
        "compare_gone": t("Nothing to compare with at this time"),
        "compare_analysis": t("analysis, run of {time}"),
        "compare_outside": t("outside the field"),
        "compare_difference": t("Difference A − B: {value}"),
        "compare_ramp": t("Same colours as A"),
        "derived": t("derived"),
        "experimental": t("experimental"),
        "hatched": t("Hatched: no value"),
        "mark": t("Highlight from"),
        "mark_off": t("Off"),
        "cell": t("{value} in the cell {west} to {east}, {south} to {north}"),
        "time_bar": t("Time of the gridded data"),
        "time_slider": t("Time"),
        "time_back": t("One step back"),
        "time_ahead": t("One step ahead"),
        "time_play": t("Play"),
        "time_pause": t("Pause"),
        "time_speed": t("Speed"),
        "time_per_second": t("{n} steps/s"),
        "time_latest": t("Latest"),
        "time_latest_hint": t("Show the newest step as it comes (.)"),
        "time_following": t("Following the latest"),
        "time_pinned": t("Pinned to this time"),
        "time_newer": t("A newer step is here: press Latest"),
        "time_late": t("Late: the newest step is from {age}. The present is unknown."),
        "time_loading": t("Loading {time}"),
        "time_failed": t("{time} could not be loaded"),
        "time_gap": t("Missing: no step for this time"),
        "time_nothing": t("Nothing is drawn yet"),
        "time_analysis": t("analysis"),
        "time_is_forecast": t("forecast"),
        "time_forecast": t("forecast, run of {time}"),
        "time_now": t("now"),
        "not_listed": t("Not in the table"),
        "level_red": t("Red, extreme"),
        "level_orange": t("Orange, severe"),
        "level_yellow": t("Yellow, moderate"),
        "level_blue": t("Blue, minor"),
        "level_none": t("No level"),
        "level_unknown": t("Unknown"),
        "level_unwatched": t("No rule watches"),
        "unwatched": t("No rule watches this region."),
        "muted": t("Muted: proposals are held back"),
        "unknown_last": t("Unknown, last known: {level}"),
        "levels_loading": t("Levels have not arrived yet."),
        "stripes": t("Striped in the colour of the level, dashed outline"),
        "changed": t("Changed"),
        "engine_beat": t("Rules run"),
        "data_time": t("Data"),
        "received_time": t("Received"),
        "no_data": t("Nothing received yet"),
        "never": t("never"),
        "ago": t("{span} ago"),
        "in": t("in {span}"),
        "seconds": t("{n} s"),
        "minutes": t("{n} min"),
        "hours": t("{n} h {m} min"),
        "days": t("{n} d"),
        "whole_hours": t("{n} h"),
        "missing": t("missing"),
        "depth": t("Depth {depth}"),
        "source": t("Source: {source}"),
        "unit_magnitude": t("circle by magnitude"),
        "count": t("{n} shown"),
        "more": t("{n} more not shown"),
        "silent": t("{n} unknown"),
        "unplaced": t("{n} without an area: see the list"),
        "missing_share": t("{share} % missing"),
        "forecast_of": t("forecast of {time}"),
        "layer_failed": t("Not refreshed since {time}"),
        "valid_until": t("Valid until {time}"),
        "no_end": t("No end given"),
        "lost": t("Connection lost {time}. Trying again. What is shown may be out of date."),
        "store_failed": t("The database does not answer. What is shown may be out of date."),
        "engine_late": t("Rules have not been evaluated since {time}. Levels are unknown."),
        "engine_never": t("Rules have not been evaluated yet. Levels are unknown."),
        "more_raised": t("{n} more regions are higher"),
        "now_unknown": t("{n} more regions are unknown"),
        "lowered": t("{n} regions are lower"),
        "no_webgl": t("This browser cannot draw the map (WebGL 2 is missing). The same facts as tables:"),
        "table_regions": t("Regions at a level or unknown"),
        "table_no_regions": t("No region is at a level and none is unknown."),
        "table_no_events": t("No event in the last seven days."),
        "table_no_warnings": t("No warning of another service is in force."),
        "col_region": t("Region"),
        "col_level": t("Level"),
        "col_code": t("Code"),
        "col_event": t("Event"),
        "col_magnitude": t("Magnitude"),
        "col_time": t("Time"),
        "col_warning": t("Warning"),
        "col_area": t("Area"),
        "col_until": t("Valid until"),
        "quality_suspect": t("suspect"),
        "quality_bad": t("bad"),
        "quality_missing": t("missing"),
        "q_river_stage": t("River stage"),
        "q_river_discharge": t("River discharge"),
        "q_precipitation": t("Precipitation"),
        "q_precipitation_rate": t("Precipitation rate"),
        "q_air_temperature": t("Air temperature"),
        "q_wind_speed": t("Wind speed"),
        "q_wind_gust": t("Wind gust"),
        "q_water_temperature": t("Water temperature"),
        "q_relative_humidity": t("Relative humidity"),
        "q_pressure_msl": t("Pressure at sea level"),
        "q_visibility": t("Visibility"),
        "q_snow_depth": t("Snow depth"),
    }
