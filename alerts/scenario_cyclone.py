"""Wind at stations from the track of a tropical cyclone: for reconstructions, where no reading was published."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from data.clock import parse_time
from layers.geodesy import great_circle_km

KNOT_MS = 1852.0 / 3600.0
NAUTICAL_MILE_KM = 1.852
EYE_KM = 37.0  # radius of the strongest wind, assumed: 20 nautical miles
GUST = 1.4  # gust over mean wind, assumed


@dataclass(frozen=True, kw_only=True)
class Fix:
    """The cyclone at one time; radii are means over its longest and shortest direction, 0 where there is none."""

    at: datetime
    lon: float
    lat: float
    wind_ms: float
    r50_km: float
    r30_km: float


def read_track(rows: Sequence[Mapping[str, str]]) -> tuple[Fix, ...]:
    """The fixes of a track table: degrees, knots and nautical miles, as JMA publishes them."""

    def radius_km(row: Mapping[str, str], name: str) -> float:
        return (float(row[f"{name}_long_nm"]) + float(row[f"{name}_short_nm"])) / 2.0 * NAUTICAL_MILE_KM

    return tuple(
        Fix(
            at=parse_time(row["time"]), lon=float(row["lon"]), lat=float(row["lat"]),
            wind_ms=float(row["wind_kt"]) * KNOT_MS, r50_km=radius_km(row, "r50"), r30_km=radius_km(row, "r30"),
        )
        for row in rows
    )  # fmt: skip


def fix_at(track: Sequence[Fix], at: datetime) -> Fix | None:
    """The cyclone at a time, linear between its fixes; None outside of them."""
    for before, after in pairwise(track):
        if before.at <= at <= after.at:
            share = (at - before.at) / (after.at - before.at)
            names = ("lon", "lat", "wind_ms", "r50_km", "r30_km")
            mixed = {
                name: getattr(before, name) * (1 - share) + getattr(after, name) * share for name in names
            }  # fmt: skip
            return Fix(at=at, **mixed)
    return None


def wind_ms(fix: Fix, lon: float, lat: float) -> float:
    """Mean wind over open water at a place [m/s].

    Notes
    -----
    A symmetric profile through what the best track gives: from calm in the centre linearly up to the strongest wind
    at 37 km, then a power law from point to point through the radii of 50 and 30 knots, and on outside as before. No
    forward motion, no terrain: an exposure factor of the station stands for the latter.
    """
    away_km = float(great_circle_km(fix.lon, fix.lat, lon, lat))
    if away_km <= EYE_KM:
        return fix.wind_ms * away_km / EYE_KM
    radii, winds = [EYE_KM], [fix.wind_ms]
    for radius, wind in ((fix.r50_km, 50.0 * KNOT_MS), (fix.r30_km, 30.0 * KNOT_MS)):
        if radius > radii[-1] and wind < winds[-1]:
            radii.append(radius)
            winds.append(wind)
    if len(radii) == 1:
        return fix.wind_ms * math.sqrt(EYE_KM / away_km)
    slope = np.log(winds[-1] / winds[-2]) / np.log(radii[-1] / radii[-2])
    if away_km >= radii[-1]:
        return float(winds[-1] * (away_km / radii[-1]) ** slope)
    inside: float = np.exp(np.interp(np.log(away_km), np.log(radii), np.log(winds)))
    return inside
