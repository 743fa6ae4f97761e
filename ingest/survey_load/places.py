"""Which two columns of a table are a place, and how it is written there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ingest.survey_load.coordinates import is_degrees_minutes, read_degrees
from ingest.survey_load.mapping import Position
from ingest.survey_load.shaping import words

LON = re.compile(r"^(lon|lng|long|longitude|.*经度.*|.*_(lon|lng|longitude)|(lon|lng|longitude)_.*)$", re.IGNORECASE)
LAT = re.compile(r"^(lat|latitude|.*纬度.*|.*_(lat|latitude)|(lat|latitude)_.*)$", re.IGNORECASE)
X = re.compile(r"^(x|point_x|x_?coord|.*x坐标|easting|东坐标|横坐标)$", re.IGNORECASE)
Y = re.compile(r"^(y|point_y|y_?coord|.*y坐标|northing|北坐标|纵坐标)$", re.IGNORECASE)
SAMPLE = 2_000


def place_columns(columns: Mapping[str, Any]) -> Position:
    """The likeliest two, with the reason; none where no names speak for any."""
    lon, lat = _named(columns, LON), _named(columns, LAT)
    if not (lon and lat):
        lon, lat = _named(columns, X), _named(columns, Y)
    if not (lon and lat):
        return Position(why="no columns are called as coordinates are: name them in lon and lat")
    texts = {name: words(columns[name].slice(0, SAMPLE)).drop_null().to_pylist() for name in (lon, lat)}
    form: Any = "number"
    if all(texts.values()) and all(sum(map(is_degrees_minutes, found)) > len(found) / 2 for found in texts.values()):
        form = "degrees-minutes"
    x, y = (_numbers(texts[name]) for name in (lon, lat))
    crs, why = "", "their names"
    if len(x) and len(y) and max(np.median(np.abs(x)), np.median(np.abs(y))) > 1000:
        swapped_names, crs, why = _metres(x, y)
        lon, lat = (lat, lon) if swapped_names else (lon, lat)
        return Position(lon=lon, lat=lat, crs=crs, why=why)
    swapped = len(y) > 0 and len(x) == len(y) and float(np.mean((np.abs(y) > 90) & (np.abs(x) <= 90))) > 0.5
    why += "; latitudes beyond 90 degrees, which are none the other way round" if swapped else ""
    why += "; written as degrees with minutes" if form != "number" else ""
    crs = "" if LON.match(lon) else "EPSG:4326" if len(x) else ""
    why += "; the values are those of degrees" if crs else ""
    return Position(lon=lon, lat=lat, form=form, swapped=swapped, crs=crs, why=why)


def _named(columns: Mapping[str, Any], form: re.Pattern[str]) -> str:
    return next((name for name in columns if form.match(name.strip())), "")


def _numbers(texts: list[str]) -> Any:
    found = []
    for text in texts:
        try:
            found.append(read_degrees(text))
        except ValueError:
            continue
    return np.array([value for value in found if np.isfinite(value)], float)


def _metres(x: Any, y: Any) -> tuple[bool, str, str]:
    """Whether what is called x points north, and the CRS where a zone stands before the eastings.

    Notes
    -----
    In Chinese surveying X is the northing, and an easting of eight digits begins with its Gauss-Kruger zone: 25 to 45
    of 3 degrees are EPSG:4513 to 4533, 13 to 23 of 6 degrees EPSG:4491 to 4501 (CGCS2000).
    """
    for east, swapped in ((y, True), (x, False)):
        zones = np.unique(np.abs(east) // 1_000_000).astype(int)
        if len(zones) == 1 and np.abs(east).min() >= 10_000_000:
            zone = int(zones[0])
            code = 4488 + zone if 25 <= zone <= 45 else 4478 + zone if 13 <= zone <= 23 else 0
            if code:
                return swapped, f"EPSG:{code}", f"metres whose eastings begin with zone {zone}: CGCS2000 is likely"
    return False, "", "metres, but of which coordinate reference system? Name it in crs"
