"""Rectilinear lon-lat grids: one orientation, cell bounds, seams, and a name for each grid."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Axis = NDArray[np.float64]
UNIFORM_TOLERANCE = 0.02  # of a step: single-precision and millidegree headers stay within it
GAP = 1.5  # a longitude step wider than this many common steps is a seam, as where a regional grid crosses 180


@dataclass(frozen=True)
class Segment:
    """Neighbouring columns without a seam: `first` to `last` (exclusive), with the outer edges [degrees]."""

    first: int
    last: int
    west: float
    east: float


def normalise(lon: Axis, lat: Axis, values: NDArray[Any]) -> tuple[Axis, Axis, NDArray[Any]]:
    """Turn a grid so that row 0 is in the north and longitudes increase within [-180, 180).

    Raises
    ------
    ValueError
        If the axes do not fit the values, repeat, or are not monotonic, or leave the globe.
    """
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    if values.shape != (lat.size, lon.size):
        raise ValueError(f"values of shape {values.shape} on a grid of {lat.size} x {lon.size}")
    if lon.size < 2 or lat.size < 2:
        raise ValueError(f"a grid of {lat.size} x {lon.size} has no cell size")
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise ValueError("coordinates are not finite")
    if np.abs(lat).max() > 90.001 or np.abs(lon).max() > 720:
        raise ValueError("coordinates leave the globe")
    lat = _straight(lat)
    if lat[0] < lat[-1]:
        lat, values = lat[::-1], values[::-1]
    if not (np.diff(lat) < 0).all():
        raise ValueError("latitudes are not monotonic")
    wrapped = np.round((_straight(lon) + 180.0) % 360.0 - 180.0, 9)
    wrapped[wrapped >= 180.0] = -180.0
    unique, order = np.unique(wrapped, return_index=True)  # a column given at both 0 and 360 is kept once
    if unique.size < 2:
        raise ValueError("longitudes repeat")
    if order.size != lon.size or not (order == np.arange(order.size)).all():
        values = values[:, order]
    return unique, np.round(lat, 9), values


def _straight(axis: Axis) -> Axis:
    """The same axis, evenly spaced where it is even but for rounding."""
    even = np.linspace(axis[0], axis[-1], axis.size)
    step = abs(even[1] - even[0])
    return even if step and np.abs(axis - even).max() < UNIFORM_TOLERANCE * step else axis


def is_even(axis: Axis) -> bool:
    """Whether the steps are all the same but for rounding."""
    step = np.diff(axis)
    return bool(np.abs(step - step.mean()).max() < UNIFORM_TOLERANCE * abs(step.mean()))


def row_edges(lat: Axis) -> Axis:
    """Edges of the rows, (ny + 1,) decreasing: midpoints, and half a step outside, never past a pole."""
    middle = (lat[1:] + lat[:-1]) / 2
    edges = np.concatenate([[lat[0] * 1.5 - lat[1] / 2], middle, [lat[-1] * 1.5 - lat[-2] / 2]])
    return edges if is_even(lat) else np.clip(edges, -90.0, 90.0)


def lon_step(lon: Axis) -> float:
    """The common distance of columns [degrees]."""
    return float(np.median(np.diff(lon)))


def segments(lon: Axis) -> tuple[Segment, ...]:
    """Runs of columns between seams."""
    step = lon_step(lon)
    breaks = np.flatnonzero(np.diff(lon) > GAP * step) + 1
    starts, ends = [0, *breaks.tolist()], [*breaks.tolist(), lon.size]
    return tuple(
        Segment(first, last, float(lon[first]) - step / 2, float(lon[last - 1]) + step / 2)
        for first, last in zip(starts, ends, strict=True)
    )


def is_global(lon: Axis) -> bool:
    """Whether the columns go all the way round."""
    return len(segments(lon)) == 1 and abs(lon.size * lon_step(lon) - 360.0) < lon_step(lon) / 2


def fractional_column(lon: Axis, points: Axis) -> Axis:
    """Column coordinate of longitudes in [-180, 180): whole numbers at centres, NaN outside the cells."""
    found = np.full(points.shape, np.nan)
    step = lon_step(lon)
    shifts = (0.0, -360.0, 360.0)
    for part in segments(lon):
        for shift in shifts:
            place = (points + shift - lon[part.first]) / step + part.first
            inside = (place >= part.first - 0.5) & (place < part.last - 0.5) & np.isnan(found)
            found[inside] = place[inside]
    return found


def fractional_row(lat: Axis, points: Axis) -> Axis:
    """Row coordinate of latitudes: whole numbers at centres, NaN outside the cells."""
    edges = row_edges(lat)
    rows = np.arange(lat.size, dtype=np.float64)
    knots = np.concatenate([[edges[0]], lat, [edges[-1]]])
    places = np.concatenate([[-0.5], rows, [lat.size - 0.5]])
    found = np.interp(-points, -knots, places, left=np.nan, right=np.nan)
    return np.asarray(found, np.float64)


def bounds_of(lon: Axis, lat: Axis) -> tuple[float, float, float, float]:
    """West, south, east, north of the cells [degrees]; the whole circle where a grid has a seam at 180."""
    edges, parts = row_edges(lat), segments(lon)
    west, east = (parts[0].west, parts[-1].east)
    return max(west, -180.0), max(float(edges[-1]), -90.0), min(east, 180.0), min(float(edges[0]), 90.0)


def grid_digest(lon: Axis, lat: Axis) -> str:
    """A name for a grid: the same for the same cell centres to a millionth of a degree."""
    fingerprint = hashlib.sha256()
    for axis in (lon, lat):
        fingerprint.update(np.int64(axis.size).tobytes())
        fingerprint.update(np.round(axis * 1e6).astype("<i8").tobytes())
    return fingerprint.hexdigest()[:16]
