"""Tropical cyclones: classes by wind, and the wind field that quadrant radii tell of.

A wind is a mean over one, two or ten minutes; the three are different quantities here and are never converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from data.units import factor_offset
from layers.classes import class_table
from layers.geodesy import great_circle_km
from layers.layer import LayerSpec

Floats = NDArray[np.float64]
Minutes = Literal[1, 2, 10]
STRONGEST_MS = 120.0
FARTHEST_KM = 3000.0  # no gale of a tropical cyclone was ever told to reach so far
SPECS = (
    LayerSpec(
        key="events:cyclone_class", title="Tropical cyclone class", kind="events", quantity="cyclone_class", unit="1",
        needs=("cyclone_wind",), valid_range=(0.0, 6.0),
        reference="GB/T 19201-2006 (2 min); ESCAP/WMO Typhoon Committee (10 min); Saffir-Simpson, NHC 2012 (1 min)",
    ),
    LayerSpec(
        key="field:cyclone_wind_circle", title="Wind circles of a tropical cyclone", kind="field",
        quantity="cyclone_wind_circle", unit="m/s", needs=("cyclone_wind_radii",), valid_range=(0.0, STRONGEST_MS),
        reference="Quadrant radii of the forecasting centre: China forces 7, 10, 12; US 34, 50, 64 kt",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class WindCircle:
    """How far a wind reaches in each quadrant: None is not told, 0 is told to be nowhere."""

    wind_ms: float
    averaging_min: Minutes
    ne_km: float | None
    se_km: float | None
    sw_km: float | None
    nw_km: float | None

    @property
    def radii_km(self) -> Floats:
        """(4,) NE, SE, SW, NW; NaN is not told."""
        parts = (self.ne_km, self.se_km, self.sw_km, self.nw_km)
        return np.array([np.nan if part is None else part for part in parts], dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class WindField:
    """The highest circle that holds each cell, by its wind [m/s]; 0 is outside the outermost circle, below its wind.

    `value` is unknown where a quadrant that is not told could change it; `least` is what is certainly reached there.
    """

    value: Floats
    least: Floats
    averaging_min: Minutes


def cyclone_class(
    wind_ms: ArrayLike, *, averaging_min: int, scheme: str, on: date | None = None
) -> NDArray[np.float32]:
    """Class number of the strongest sustained wind near the centre [m/s, 0..120].

    Parameters
    ----------
    averaging_min : int
        Minutes over which the wind was averaged.
    scheme : str
        "cyclone_gbt19201" (2 min), "cyclone_typhoon_committee" (10 min) or "cyclone_saffir_simpson" (1 min).

    Returns
    -------
    NaN where the wind is missing or outside its range.

    Raises
    ------
    LayerError
        If the scheme is made for another averaging period, or is not known.
    """
    table = class_table(scheme, on)
    period = table.about.get("averaging_min")
    if period is None:
        raise LayerError(f"{scheme!r} has no classes of tropical cyclones")
    if period != averaging_min:
        raise LayerError(f"{scheme} is for winds of {period} min, not of {averaging_min} min")
    value = np.asarray(wind_ms, dtype=np.float64)
    valid = (value >= 0) & (value <= STRONGEST_MS)
    factor, _ = factor_offset("m/s", "knot" if table.unit == "kt" else table.unit)
    return table.numbers(np.where(valid, value * factor, np.nan))


def wind_field(
    lon: ArrayLike, lat: ArrayLike, *, centre: tuple[float, float], circles: Sequence[WindCircle]
) -> WindField:
    """Wind circles on a grid or at points.

    Parameters
    ----------
    lon, lat : array_like
        [degrees], broadcast against each other: (n,) and (m, 1) make a grid.
    centre : (lon, lat)
        [degrees]
    circles : sequence of WindCircle
        In any order, all of one averaging period; the radii of a stronger wind are not larger than of a weaker one.

    Raises
    ------
    LayerError
        If no circle is given, periods are mixed, a radius is negative or too large, or radii contradict each other.

    Notes
    -----
    Quadrants are by the bearing from the centre, 0 to below 90 degrees north-east and so on; the circles are cut at
    their borders as the centres give them, not smoothed.
    """
    rings = sorted(circles, key=lambda circle: circle.wind_ms)
    period = _check(rings)
    distance, quadrant = _polar(lon, lat, centre)
    least, most = np.zeros(distance.shape), np.zeros(distance.shape)
    reach = np.full(4, FARTHEST_KM)  # a circle that is not told reaches no farther than the weaker one that is
    for ring in rings:
        reach = np.fmin(reach, ring.radii_km)
        least = np.where(distance <= ring.radii_km[quadrant], ring.wind_ms, least)
        most = np.where(distance <= reach[quadrant], ring.wind_ms, most)
    placed = np.isfinite(distance)
    return WindField(
        value=np.where(placed & (least == most), least, np.nan), least=np.where(placed, least, np.nan),
        averaging_min=period,
    )  # fmt: skip


def _check(rings: Sequence[WindCircle]) -> Minutes:
    if not rings:
        raise LayerError("a wind field needs at least one circle")
    periods = {ring.averaging_min for ring in rings}
    if len(periods) > 1:
        raise LayerError(f"winds of different averaging periods cannot be mixed: {sorted(periods)} min")
    radii = np.stack([ring.radii_km for ring in rings])
    told = radii[~np.isnan(radii)]
    if (told < 0).any() or (told > FARTHEST_KM).any() or any(not 0 < ring.wind_ms <= STRONGEST_MS for ring in rings):
        raise LayerError("radii are 0 to 3000 km, winds above 0 to 120 m/s")
    if len({ring.wind_ms for ring in rings}) < len(rings):
        raise LayerError("two circles of the same wind")
    for column in radii.T:
        known = column[~np.isnan(column)]
        if (np.diff(known) > 0).any():
            raise LayerError("a stronger wind cannot reach farther than a weaker one")
    return rings[0].averaging_min


def _polar(lon: ArrayLike, lat: ArrayLike, centre: tuple[float, float]) -> tuple[Floats, NDArray[np.intp]]:
    """Distance [km] and quadrant 0..3 (NE, SE, SW, NW) of points, by the first bearing from the centre."""
    x, y = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    distance = great_circle_km(x, y, centre[0], centre[1])
    turn, one, two = np.radians(x - centre[0]), np.radians(centre[1]), np.radians(y)
    north = np.cos(one) * np.sin(two) - np.sin(one) * np.cos(two) * np.cos(turn)
    bearing = np.degrees(np.arctan2(np.sin(turn) * np.cos(two), north)) % 360.0
    bearing = np.where(np.isfinite(bearing), bearing, 0.0)
    return distance, (bearing // 90.0).astype(np.intp) % 4
