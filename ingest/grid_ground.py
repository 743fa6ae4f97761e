"""Which dimensions of a variable are rows and columns, and how a slice of them comes to lie on lon-lat.

Files say it by axes, by a projection, or cell by cell; the first that they say is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from data.grid import normalise
from ingest.grid_axes import Axis, Ground, axes_of, cell_coordinates, claims_of, rectilinear, turned, what_is_missing
from ingest.grid_planes import PLANE, from_projection, plane_dimension, projection_of


def find_ground(dataset: Any, variable: Any) -> Ground:
    """Rows and columns of a variable.

    Raises
    ------
    ValueError
        With what is missing or contradicts itself.
    """
    empty = [str(dim) for dim in variable.dims if variable.sizes[dim] == 0]
    if empty:
        raise ValueError(f"dimension {', '.join(empty)} has no entries: there is nothing in it")
    found = axes_of(dataset, variable)
    if len(found) == 2 or any("conflict" in claims for _, claims in found.values()):
        return rectilinear(dataset, variable, found)
    x, y = (plane_dimension(dataset, variable, PLANE[key]) for key in ("x", "y"))
    if x and y and projection_of(dataset, variable):
        return from_projection(dataset, variable, x, y)
    cellwise = _cell_by_cell(dataset, variable)
    if cellwise is not None:
        return cellwise
    if x and y:
        raise ValueError("its projection is not given")
    raise ValueError(what_is_missing(dataset, variable, found))


def _straight(y: str, x: str, lon: Axis, lat: Axis) -> Ground:
    notes = ("coordinates given cell by cell form straight rows and columns", *turned(lon))
    return Ground(y, x, lambda values, _: normalise(lon, lat, values), notes)


def _cell_by_cell(dataset: Any, variable: Any) -> Ground | None:
    """A grid given cell by cell that has straight rows and columns after all; a curved one is refused."""
    pairs = {
        tuple(map(str, one.dims)) for name, one in dataset.variables.items()
        if one.ndim == 2 and set(one.dims) <= set(variable.dims) and claims_of(str(name), one.attrs)
    }  # fmt: skip
    for y, x in sorted(pairs):
        lon, lat = cell_coordinates(dataset, y, x)
        if lon is None or lat is None:
            continue
        for first, second, columns, rows in ((y, x, lon, lat), (x, y, lon.T, lat.T)):
            straight = np.allclose(columns, columns[0], atol=1e-4) and np.allclose(rows, rows[:, :1], atol=1e-4)
            if straight:
                return _straight(first, second, columns[0], rows[:, 0])
        raise ValueError("its cells lie on a curved grid (2-D longitude and latitude) without a projection")
    return None
