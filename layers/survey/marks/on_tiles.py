"""Records of a vector tile where a reader's mark has them.

The coordinates of a tile are exact to a 4,096th of it. The mark lies on the finest grid of powers of ten that this
leaves, so that no record moves by more than a pixel of the map.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.kernels.survey import SIDE, cells_of, degrees_east, degrees_north, keys_of, keys_of_cells
from layers.survey.marks.mark import Floats
from layers.survey.plane import on_plane

EXTENT_BITS = 12
LAST_CELL = (1 << 32) - 1
Place = Callable[[Floats, Floats], tuple[Floats, Floats]]  # longitudes and latitudes [degrees]


def unit_digits(zoom: int) -> int:
    """Decimals of a degree to which the coordinates of a vector tile are exact."""
    return math.floor(-math.log10(360.0 / 2 ** (zoom + EXTENT_BITS)))


def placed_keys(key: NDArray[Any], place: Place, ends: tuple[int, int], shift: int) -> NDArray[Any]:
    """Keys of records after a move; those that would leave the tile stay where they are.

    Parameters
    ----------
    key : array of uint64
    ends : (int, int)
        The first and last key of the tile.
    shift : int
        Bits of a coordinate that the tile cuts off.
    """
    x, y, moved = (np.empty(len(key), np.uint64) for _ in range(3))
    cells_of(key, x, y)
    keys_of(*place(degrees_east(x), degrees_north(y)), moved)
    cells_of(moved, x, y)
    half = np.uint64(1 << shift >> 1)  # what is cut off comes to the nearest point of the tile's grid
    keys_of_cells(*(np.minimum(axis + half, np.uint64(LAST_CELL)) for axis in (x, y)), moved)
    return np.where((moved >= np.uint64(ends[0])) & (moved <= np.uint64(ends[1])), moved, key)


def placed_forms(forms: NDArray[Any], place: Place) -> NDArray[Any]:
    """Shapes of the plane after a move of every corner; a corner of two shapes stays one."""

    def move(corners: Floats) -> Floats:
        lon = corners[:, 0] / SIDE * 360.0 - 180.0
        lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * corners[:, 1] / SIDE))))
        return np.asarray(on_plane(np.column_stack(place(lon, lat))))

    return np.asarray(shapely.transform(forms, move))
