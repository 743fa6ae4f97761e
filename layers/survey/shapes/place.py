"""Where a line or polygon counts: at one point that lies on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Array = NDArray[Any]
TYPES = range(7)  # of shapely: points, lines, polygons, and several of one kind; no collections of different ones


def places(shapes: Array) -> tuple[Array, Array, Array]:
    """Longitude and latitude of the point on each shape, NaN where there is none; and what is no shape at all."""
    kind = shapely.get_type_id(shapes)
    strange = (kind >= 0) & ~np.isin(kind, TYPES)
    usable = ~strange & (kind >= 0) & ~shapely.is_empty(shapes)
    usable[usable] = _finite(shapes[usable])
    inner = np.full(len(shapes), None, object)
    inner[usable] = shapely.point_on_surface(mended(shapes[usable]))
    return shapely.get_x(inner), shapely.get_y(inner), strange


def _finite(shapes: Array) -> Array:
    """Which have nothing but numbers for coordinates."""
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    found = np.ones(len(shapes), np.bool_)
    found[owner[~np.isfinite(xy).all(axis=1)]] = False
    return found


def mended(shapes: Array) -> Array:
    """Shapes that can be computed with: crossing edges are taken apart; valid ones stay as they are."""
    broken = ~shapely.is_valid(shapes)
    if not broken.any():
        return shapes
    found = shapes.copy()
    found[broken] = shapely.make_valid(shapes[broken])
    return found
