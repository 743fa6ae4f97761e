"""The history of a point: from the time-major blocks of closed days where there are, else step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import StoreError
from data.grid import fractional_column, fractional_row
from data.store.field_blocks import blocks_of, consolidate, open_block
from data.store.field_files import open_step, open_values
from data.store.field_series import SeriesKey, key_of

__all__ = ["cell_at", "consolidate", "point_history"]
READERS = 8

Cell = tuple[int, int]


def point_history(home: Path, rows: Sequence[Any], lon: float, lat: float) -> NDArray[np.float32]:
    """The value of the cell at a point in each step.

    Parameters
    ----------
    home : Path
        Where the archive is.
    rows : sequence of rows
        Of `field_step`, in any order, also of several series.
    lon, lat : float
        The point [degrees].

    Returns
    -------
    array (len(rows),)
        NaN where a value is missing, the point is outside the grid, or the step has gone from the archive.
    """
    series: dict[SeriesKey, list[Any]] = {}
    for row in rows:
        series.setdefault(key_of(row), []).append(row)
    known: dict[int, float] = {}
    with ThreadPoolExecutor(READERS) as pool:
        for key, members in series.items():
            cell = _cell(home, members, lon, lat)
            if cell is not None:
                known |= _from_blocks(pool, home, key, members, cell)
                rest = [row for row in members if row.id not in known]
                known |= zip((row.id for row in rest), pool.map(partial(_from_step, home, cell), rest), strict=True)
    return np.array([known.get(row.id, np.nan) for row in rows], np.float32)


def cell_at(lons: NDArray[np.float64], lats: NDArray[np.float64], lon: float, lat: float) -> Cell | None:
    """Row and column of the cell at a point; None outside the grid."""
    column = fractional_column(lons, np.array([(lon + 180.0) % 360.0 - 180.0]))[0]
    row = fractional_row(lats, np.array([lat]))[0]
    if np.isnan(column) or np.isnan(row):
        return None
    return min(round(float(row)), lats.size - 1), min(round(float(column)), lons.size - 1)


def _cell(home: Path, rows: Sequence[Any], lon: float, lat: float) -> Cell | None:
    """The cell in the grid of a series, whose steps may have gone but for one."""
    for row in reversed(rows):
        try:
            step = open_step(home, row)
        except StoreError:
            continue
        return cell_at(step.lon, step.lat, lon, lat)
    return None


def _from_blocks(
    pool: ThreadPoolExecutor, home: Path, key: SeriesKey, rows: Sequence[Any], cell: Cell
) -> Mapping[int, float]:
    """Values by the id of their step, as far as blocks have them."""
    wanted = {row.id for row in rows}
    days = {row.valid_at.date() for row in rows}
    paths = [path for day, found in blocks_of(home, key).items() if day in days for path in found]
    known: dict[int, float] = {}
    for part in pool.map(lambda path: _read_block(path, wanted, cell), paths):
        known |= part
    return known


def _read_block(path: Path, wanted: set[int], cell: Cell) -> dict[int, float]:
    """What a block says; nothing where it goes while it is read."""
    try:
        block = open_block(path)
    except FileNotFoundError:
        return {}
    ids = block.attrs["ids"]
    if wanted.isdisjoint(ids):
        return {}
    values = block[:, cell[0], cell[1]].tolist()
    if not path.exists():  # an array whose files have gone reads as missing values
        return {}
    return {number: value for number, value in zip(ids, values, strict=True) if number in wanted}


def _from_step(home: Path, cell: Cell, row: Any) -> float:
    try:
        return float(open_values(home, row)[cell[0], cell[1]])
    except StoreError:
        return float("nan")
