"""Declared units against positions: a look-up grid for what lies inside, exact edges where a border runs."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.regions import RegionIndex, load_geometries, load_regions
from layers.kernels.inspect import BORDER, NOWHERE, SIDE_BITS, place_in_units

CELL = 0.005  # degrees; larger where the units span so much that there would be more cells than the next number
MOST_CELLS = 1 << 27
BAND = 64  # rows of blocks that are drawn at a time
SIDE = 1 << SIDE_BITS

Array = NDArray[Any]
_CHINESE = re.compile(r"\d{6}(?:\d{3}|\d{6})?")  # GB/T 2260: county; with township or village behind it


def region_code(written: str, index: RegionIndex) -> str:
    """The region that a code names: that with it, or the county with which a Chinese one begins; "" is none."""
    text = written.strip()
    if index.by_code(text) is not None:
        return text
    if _CHINESE.fullmatch(text):
        for code in (f"CN-{text[:6]}", f"CN-{text[:6]}-P"):
            if index.by_code(code) is not None:
                return code
    return ""


@dataclass(frozen=True, eq=False)
class UnitGrid:
    """The units of one kind: numbers 1 to n stand for `rids`.

    `blocks` has for each 16 x 16 cells the unit in which they all lie, `NOWHERE`, or -1 - a place in `cells`.
    """

    rids: NDArray[np.int32]
    shapes: NDArray[np.object_]
    west: float
    north: float
    cell: float
    blocks: NDArray[np.int32]
    cells: NDArray[np.uint16]
    edge_at: NDArray[np.int64]
    edges: tuple[Array, Array, Array, Array]

    def elsewhere(self, lon: Array, lat: Array, declared: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which points do not lie in their declared unit; those with the number 0 are not looked at."""
        out = np.empty(len(lon), np.bool_)
        place_in_units(
            lon, lat, declared, self.west, self.north, 1 / self.cell, self.blocks, self.cells, self.edge_at,
            *self.edges, out,
        )  # fmt: skip
        return out

    def metres_to(self, number: NDArray[np.int32], lon: Array, lat: Array) -> Array:
        """How far points are from a unit each [m], along the shortest line in degrees."""
        import shapely

        from layers.geodesy import great_circle_km

        lines = shapely.shortest_line(self.shapes[number - 1], shapely.points(lon, lat))
        ends = shapely.get_coordinates(lines).reshape(-1, 2, 2)
        return 1000 * great_circle_km(ends[:, 0, 0], ends[:, 0, 1], ends[:, 1, 0], ends[:, 1, 1])

    def at(self, lon: Array, lat: Array) -> NDArray[np.int32]:
        """The rid of the unit in which points lie; -1 in none."""
        import shapely

        found = np.full(len(lon), -1, np.int32)
        tree = shapely.STRtree(self.shapes)
        point, unit = tree.query(shapely.points(lon, lat), predicate="intersects")
        found[point] = self.rids[unit]
        return found


@lru_cache(maxsize=3)
def unit_grid(base_dir: Path, kind: str, cell: float = CELL) -> UnitGrid:
    """The grid of a kind of region, made once in a process."""
    import shapely

    rids, shapes = load_geometries(base_dir, [kind])
    shapely.prepare(shapes)
    west, south, east, north = shapely.total_bounds(shapes)
    cell = max(cell, float(np.sqrt((east - west) * (north - south) / MOST_CELLS)))
    west, north = np.floor(west / cell) * cell - cell, np.ceil(north / cell) * cell + cell
    width, height = (int(np.ceil(span / cell / SIDE)) + 1 for span in (east - west, north - south))
    blocks, cells = _blocks(shapes, west, north, cell, width, height)
    edge_at, edges = _edges(shapes)
    return UnitGrid(rids, shapes, west, north, cell, blocks, cells, edge_at, edges)


def _blocks(
    shapes: NDArray[np.object_], west: float, north: float, cell: float, width: int, height: int
) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
    """The grid of so many blocks, drawn in bands."""
    import shapely

    blocks, parts, kept = np.empty((height, width), np.int32), [], 0
    tree = shapely.STRtree(shapes)
    for top in range(0, height, BAND):
        rows = min(BAND, height - top)
        band = shapely.box(
            west, north - (top + rows) * SIDE * cell, west + width * SIDE * cell, north - top * SIDE * cell
        )
        near = np.sort(tree.query(band))
        drawn = _draw(shapes[near], near + 1, west, north - top * SIDE * cell, cell, (rows * SIDE, width * SIDE))
        tiles = drawn.reshape(rows, SIDE, width, SIDE).transpose(0, 2, 1, 3).reshape(-1, SIDE, SIDE)
        first = tiles[:, 0, 0].astype(np.int32)
        mixed = (tiles != tiles[:, :1, :1]).any(axis=(1, 2)) | (first == BORDER)
        number = np.flatnonzero(mixed)
        first[number] = -1 - (kept + np.arange(len(number)))
        blocks[top : top + rows] = first.reshape(rows, width)
        parts.append(tiles[number])
        kept += len(number)
    return blocks, np.concatenate(parts)


def _draw(
    shapes: NDArray[np.object_], numbers: Array, west: float, north: float, cell: float, size: tuple[int, int]
) -> NDArray[np.uint16]:
    """Units as cells: the number of a unit where the whole cell is its own, `BORDER` in any other cell of some."""
    import shapely
    from rasterio.enums import MergeAlg
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    if not len(shapes):
        return np.full(size, NOWHERE, np.uint16)
    where = {"out_shape": size, "transform": Affine(cell, 0.0, west, 0.0, -cell, north), "dtype": "uint16"}
    inside = rasterize(zip(shapes, numbers.tolist(), strict=True), fill=NOWHERE, **where)
    twice = rasterize(((shape, 1) for shape in shapes), fill=0, merge_alg=MergeAlg.add, **where) > 1  # units overlap
    borders = ((line, 1) for line in shapely.boundary(shapes))
    touched = rasterize(borders, fill=0, all_touched=True, **where) == 1
    inside[touched | twice] = BORDER
    return np.asarray(inside, np.uint16)


def _edges(shapes: NDArray[np.object_]) -> tuple[NDArray[np.int64], tuple[Array, Array, Array, Array]]:
    """The edges of each unit one after the other, and where those of each begin."""
    import shapely

    parts, unit_of_part = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    unit = unit_of_part[part]
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    begin, end = points[:-1][same], points[1:][same]
    counts = np.bincount(unit[ring[:-1][same]], minlength=len(shapes))
    edges = tuple(np.ascontiguousarray(one) for one in (begin[:, 0], begin[:, 1], end[:, 0], end[:, 1]))
    return np.append(0, np.cumsum(counts)), edges  # type: ignore[return-value]


def numbers_of(base_dir: Path, words: Collection[str]) -> dict[str, tuple[str, int, str]]:
    """Words that name a region, each with its kind, its number in that kind's grid, and its code."""
    index = load_regions(base_dir)
    found = {}
    for word in words:
        if code := region_code(word, index):
            rid = index.by_code(code)
            assert rid is not None
            kind = str(index.kind[rid])
            found[word] = (kind, int(np.searchsorted(index.of_kind(kind), rid)) + 1, code)
    return found
