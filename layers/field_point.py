"""A series of fields at one point over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import StoreError
from data.store.fields import open_step
from layers.fields import cell_at


@dataclass(frozen=True)
class PointStep:
    """The value of one step at the point; None where it is missing. Named as readings are, for charts."""

    valid_at: datetime
    run_at: datetime
    forecast: bool
    value: float | None


@dataclass(frozen=True)
class PointHistory:
    """The steps, oldest first, and the cell that they speak of: west, south, east, north [degrees]."""

    cell: tuple[float, float, float, float]
    points: tuple[PointStep, ...]


def read_point(home: Path, rows: Sequence[Any], lon: float, lat: float) -> PointHistory | None:
    """The values of the rows' steps, which are of one series, at a point; None outside their grid."""
    from data.store.field_history import point_history

    cell = None
    for row in reversed(rows):
        try:
            step = open_step(home, row)
        except StoreError:
            continue
        cell = cell_at(step.lon, step.lat, lon, lat)
        break
    if cell is None:
        return None
    values = point_history(home, rows, lon, lat)
    points = tuple(
        PointStep(row.valid_at, row.run_at, bool(row.forecast), None if np.isnan(value) else float(value))
        for row, value in zip(rows, values, strict=True)
    )
    return PointHistory(cell.bounds, points)
