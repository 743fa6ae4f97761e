"""People of a population grid on the cells of another grid, counted where they are and never made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.grid import Axis, lon_step, row_edges
from data.store.fields import StepArray, open_step

BAND = 256  # rows of the population grid read at a time
MOST_GRIDS = 8  # population grids put together, such as those of neighbouring countries


@dataclass(frozen=True, eq=False)
class People:
    """People in each cell of a grid, and the share of the cell's area for which a number is known."""

    count: NDArray[np.float32]  # (ny, nx); NaN where nothing is known
    known: NDArray[np.float32]  # (ny, nx) 0..1


def people_on(home: Path, rows: Sequence[Any], lon: Axis, lat: Axis) -> People:
    """People of stored population steps on a grid; where several know a cell, the first of them counts.

    Parameters
    ----------
    rows : sequence of field_step rows
        Of the quantity `population`: people in each cell.
    lon, lat : array (nx,), (ny,)
        Cell centres [degrees] as `data.grid.normalise` leaves them.
    """
    count = np.full((lat.size, lon.size), np.nan, np.float32)
    known = np.zeros((lat.size, lon.size), np.float32)
    for row in rows[:MOST_GRIDS]:
        found = resample(open_step(home, row), lon, lat)
        here = (known == 0) & (found.known > 0)
        count[here], known[here] = found.count[here], found.known[here]
    return People(count, known)


def resample(step: StepArray, lon: Axis, lat: Axis) -> People:
    """People by exact overlap of cells: the number within an area stays the same.

    Notes
    -----
    Within a cell of the population grid people are taken as evenly spread over its ground. Cells without a number
    add nobody and count as not known.
    """
    from scipy import sparse

    rows, columns = _latitudes(step.lat, lat), _longitudes(step.lon, lon)
    people = np.zeros((lat.size, lon.size))
    area = np.zeros((lat.size, lon.size))
    met = np.flatnonzero(np.asarray(rows.overlap.sum(axis=0)).ravel() > 0)
    if met.size:
        for first in range(int(met[0]), int(met[-1]) + 1, BAND):
            band = slice(first, min(first + BAND, int(met[-1]) + 1))
            values = np.asarray(step.levels[0][band, :], np.float64)
            valid = np.isfinite(values) & (values >= 0)
            for total, part, share in ((people, np.where(valid, values, 0.0), True), (area, valid * 1.0, False)):
                across = (columns.of_source if share else columns.of_target) @ part.T
                total += sparse.csr_array((rows.of_source if share else rows.of_target)[:, band]) @ across.T
    unknown = area <= 0
    return People(
        np.where(unknown, np.nan, people).astype(np.float32),
        np.where(unknown, 0.0, area.clip(0, 1)).astype(np.float32),
    )


@dataclass(frozen=True, eq=False)
class _Axis:
    """How far the cells of two axes overlap (target, source), and as shares of the source's and the target's."""

    overlap: Any  # scipy sparse arrays
    of_source: Any
    of_target: Any


def _latitudes(source: Axis, target: Axis) -> _Axis:
    """Overlap of rows in the sine of latitude, which is area."""
    here, there = (np.sin(np.radians(row_edges(axis).clip(-90.0, 90.0))) for axis in (source, target))
    return _overlap(here[1:], here[:-1], there[1:], there[:-1])


def _longitudes(source: Axis, target: Axis) -> _Axis:
    """Overlap of columns, also a turn away."""
    half, wide = lon_step(source) / 2, lon_step(target) / 2
    parts = [
        _overlap(source - half + turn, source + half + turn, target - wide, target + wide)
        for turn in (-360.0, 0.0, 360.0)
    ]
    return _Axis(
        sum(part.overlap for part in parts), sum(part.of_source for part in parts),
        sum(part.of_target for part in parts),
    )  # fmt: skip


def _overlap(low: Axis, high: Axis, from_: Axis, to: Axis) -> _Axis:
    """Overlaps of source cells `low..high` with target cells `from_..to`; either order of cells."""
    from scipy import sparse

    order = np.argsort(low)
    start, end = low[order], high[order]
    first = np.searchsorted(end, from_, side="right")
    last = np.searchsorted(start, to, side="left")
    count = np.maximum(last - first, 0)
    target = np.repeat(np.arange(from_.size), count)
    place = np.repeat(first, count) + np.arange(target.size) - np.repeat(np.cumsum(count) - count, count)
    length = np.minimum(end[place], to[target]) - np.maximum(start[place], from_[target])
    source, length = order[place], np.maximum(length, 0.0)
    shape = (from_.size, low.size)

    def table(values: Axis) -> Any:
        return sparse.csr_array((values, (target, source)), shape=shape)

    width, breadth = (high - low)[source], (to - from_)[target]
    return _Axis(table(length), table(length / width), table(length / breadth))
