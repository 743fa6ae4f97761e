"""Vector tiles of lines and polygons (Mapbox Vector Tile 2.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.kernels.shapes import encode_paths
from layers.kernels.survey import SIDE

EXTENT = 4_096
MARGIN = 64  # beyond the edge of a tile, so that an outline does not follow it
POLYGON = 3  # the last of shapely's types with one part
BYTES = 16  # more than two numbers and a command take
Array = NDArray[Any]


def tile_box(zoom: int, x: int, y: int) -> tuple[float, float, float, float]:
    """A tile and its margin on the plane: west, north, east, south."""
    width = SIDE / 2**zoom
    margin = width * MARGIN / EXTENT
    return x * width - margin, y * width - margin, (x + 1) * width + margin, (y + 1) * width + margin


def features(shapes: Array, combination: Array, tile: tuple[int, int, int], tags: Array, tag_at: Array) -> bytes:
    """Features of shapes of the plane, clipped to the tile; what is too small for its fineness is a point."""
    zoom, x, y = tile
    clipped = shapely.clip_by_rect(shapes, *tile_box(zoom, x, y))
    drawn = np.flatnonzero(~shapely.is_empty(clipped))
    scale, origin = EXTENT / (SIDE / 2**zoom), np.array([x, y]) * SIDE / 2**zoom
    path, owner, kind = _paths(clipped[drawn])
    xy, place = shapely.get_coordinates(path, return_index=True)
    xy = np.round((xy - origin) * scale).astype(np.int32)
    apart = np.ones(len(xy), np.bool_)
    apart[1:] = (np.diff(xy, axis=0) != 0).any(axis=1) | (np.diff(place) != 0)
    xy, place = xy[apart], place[apart]
    starts = np.searchsorted(place, np.arange(len(path) + 1))
    owners = np.searchsorted(owner, np.arange(len(drawn) + 1))
    codes = combination[drawn]
    points = np.diff(starts[owners]).max(initial=0)
    commands = np.empty(BYTES * (points + len(path) + 1), np.uint8)
    out = np.empty(BYTES * (len(xy) + len(path) + len(drawn) * (4 + int(np.diff(tag_at).max()))), np.uint8)
    size = encode_paths(xy, starts, owners, kind, drawn + 1, codes, tags, tag_at, commands, out)
    return out[:size].tobytes()


def _paths(shapes: Array) -> tuple[Array, Array, Array]:
    """Lines, rings and points of shapes, whose each is, and the kind of each shape: that of its largest part."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    while (shapely.get_type_id(parts) > POLYGON).any():  # what clipping leaves may hold several of several
        parts, again = shapely.get_parts(parts, return_index=True)
        owner = owner[again]
    dimension = np.asarray(shapely.get_dimensions(parts))
    largest = np.zeros(len(shapes), np.int64)
    np.maximum.at(largest, owner, dimension)
    kept = dimension == largest[owner]
    parts, owner, dimension = parts[kept], owner[kept], dimension[kept]
    polygons = dimension == 2
    rings, of = shapely.get_rings(shapely.orient_polygons(parts[polygons], exterior_cw=False), return_index=True)
    path = np.concatenate([parts[~polygons], rings])
    owners = np.concatenate([owner[~polygons], owner[polygons][of]])
    order = np.argsort(owners, kind="stable")
    return path[order], owners[order], largest + 1
