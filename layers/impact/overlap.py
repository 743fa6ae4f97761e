"""Which part of which cell of a grid an area covers, window by window: a fine world grid needs little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.grid import Axis, is_even, lon_step, row_edges
from data.store.field_files import whole
from layers.zonal import Weights, build_weights

MOST_CELLS = 4_000_000  # of a window


@dataclass(frozen=True, eq=False)
class Window:
    """Neighbouring rows and columns of a grid, and the share of each of their cells that the area covers."""

    rows: slice
    columns: slice
    share: NDArray[np.float32]  # (rows, columns) 0..1
    row_area: NDArray[np.float64]  # (rows,) area of a cell on the sphere, relative to a square degree at the equator


def overlap(area: Any, lon: Axis, lat: Axis) -> Iterator[Window]:
    """The windows of a grid that an area touches; no cell is in two of them.

    Parameters
    ----------
    area : shapely Polygon or MultiPolygon
        EPSG:4326, cut at the antimeridian.
    lon, lat : array (nx,), (ny,)
        Cell centres [degrees] as `data.grid.normalise` leaves them.
    """
    west, south, east, north = area.bounds
    edges = row_edges(lat)
    met = np.flatnonzero((edges[:-1] > south) & (edges[1:] < north))
    if not met.size:
        return
    first, last = _at_least_two(int(met[0]), int(met[-1]) + 1, lat.size)
    cells = _cells_area(lon, edges)
    for columns in _columns(lon, west, east):
        for rows in _bands(first, last, columns.stop - columns.start, even=is_even(lat)):
            weights = build_weights(
                lon[columns], lat[rows], np.zeros(1, np.int32), np.array([area], dtype=object)
            )  # fmt: skip
            share = _dense(weights)
            if share.any():
                yield Window(rows, columns, share, cells[rows])


def read_cells(step: Any, rows: slice, columns: slice) -> NDArray[np.float32]:
    """A part of a stored step; StoreError if the archive removes it meanwhile, which would read as missing cells."""
    values = np.asarray(step.levels[0][rows, columns], np.float32)
    folder = getattr(step, "folder", None)  # a step in memory has none
    return values if folder is None else whole(folder, values)


def _columns(lon: Axis, west: float, east: float) -> list[slice]:
    """Runs of columns whose cells reach between two meridians, also a turn away."""
    half = lon_step(lon) / 2
    met = np.zeros(lon.size, np.bool_)
    for turn in (-360.0, 0.0, 360.0):
        met |= (lon + turn + half > west) & (lon + turn - half < east)
    places = np.flatnonzero(met)
    if not places.size:
        return []
    runs = np.split(places, np.flatnonzero(np.diff(places) > 2) + 1)  # runs that padding would join are one
    return [slice(*_at_least_two(int(run[0]), int(run[-1]) + 1, lon.size)) for run in runs]


def _at_least_two(first: int, last: int, size: int) -> tuple[int, int]:
    """A range grown to two numbers: one row or column has no cell size."""
    if last - first >= 2:
        return first, last
    return (first, last + 1) if last < size else (first - 1, last)


def _bands(first: int, last: int, width: int, *, even: bool) -> Iterator[slice]:
    """Rows in pieces; rows of uneven height stay together, because their edges depend on their neighbours."""
    step = max(2, MOST_CELLS // width) if even else last - first
    starts = list(range(first, last, step))
    if len(starts) > 1 and last - starts[-1] < 2:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], last], strict=True):
        yield slice(start, end)


def _dense(weights: Weights) -> NDArray[np.float32]:
    share = np.zeros(weights.shape, np.float32)
    flat = share.reshape(-1)
    for start, length in zip(weights.run_first.tolist(), weights.run_length.tolist(), strict=True):
        flat[start : start + length] = 1.0
    np.add.at(flat, weights.edge_cell, weights.edge_weight)
    return share


def _cells_area(lon: Axis, edges: Axis) -> NDArray[np.float64]:
    height = -np.diff(np.degrees(np.sin(np.radians(edges.clip(-90.0, 90.0)))))
    return np.asarray(height * lon_step(lon), np.float64)
