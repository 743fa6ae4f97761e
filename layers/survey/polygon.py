"""Exact counts inside a drawn polygon: cells that lie within are taken whole, those on its edge record by record.

Edges are straight on the web Mercator map, as the person who draws sees them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from data.errors import LayerError
from layers.kernels.survey import REACH, SIDE, inside, keys_of_cells, tally_records
from layers.survey.choice import Choice
from layers.survey.plan import CUBE_LEVELS
from layers.survey.plane import on_plane
from layers.survey.segment import Segment, tile_range
from layers.survey.shapes.find import add_touching
from layers.survey.store import Store, Tally

FINEST = 20  # a cell of about 40 m: beyond it records are looked at one by one
FEW = 4_096  # records in a cell on the edge that are tested rather than divided further
U = np.uint64
Array = NDArray[Any]


@dataclass(frozen=True)
class Cells:
    """Cells of one zoom, by Morton number and by place."""

    zoom: int
    number: Array
    x: Array
    y: Array


class Outline:
    """A polygon on the map's own plane, with its edges."""

    def __init__(self, polygon: BaseGeometry) -> None:
        if polygon.is_empty or polygon.geom_type not in ("Polygon", "MultiPolygon"):
            raise LayerError("a polygon is needed")
        if not polygon.is_valid:
            raise LayerError(f"the polygon is not valid: {shapely.is_valid_reason(polygon)}")
        if not shapely.box(-180, -REACH, 180, REACH).contains(polygon):
            raise LayerError("the polygon reaches beyond the map")
        self.shape = shapely.transform(polygon, on_plane)
        shapely.prepare(self.shape)
        rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(self.shape))]
        self._start = np.concatenate([ring[:-1] for ring in rings])
        self._end = np.concatenate([ring[1:] for ring in rings])
        self._low, self._high = np.minimum(self._start, self._end), np.maximum(self._start, self._end)

    def start(self) -> Cells:
        """The few cells that cover it, no larger than needed."""
        west, north, east, south = shapely.bounds(self.shape)
        zoom = 0
        while zoom < FINEST and max(east - west, south - north) < SIDE / 2 ** (zoom + 1):
            zoom += 1
        width = SIDE / 2**zoom
        last = (1 << zoom) - 1
        columns = np.arange(int(west // width), min(int(east // width), last) + 1, dtype=U)
        rows = np.arange(int(north // width), min(int(south // width), last) + 1, dtype=U)
        x, y = (axis.ravel() for axis in np.meshgrid(columns, rows))
        return _cells(zoom, x, y)

    def sort(self, cells: Cells) -> tuple[Array, Array]:
        """Which cells lie within, and which on the edge."""
        width = SIDE / 2**cells.zoom
        box = shapely.box(cells.x * width, cells.y * width, (cells.x + U(1)) * width, (cells.y + U(1)) * width)
        within = shapely.contains_properly(self.shape, box)
        return within, ~within & shapely.intersects(self.shape, box)

    def edges(self, zoom: int, x: int, y: int) -> tuple[Array, Array, Array, Array]:
        """Edges that decide whether a point of a cell is inside: those in its rows that do not end west of it."""
        width = SIDE / 2**zoom
        top, left = y * width, x * width
        near = (self._low[:, 1] <= top + width) & (self._high[:, 1] >= top) & (self._high[:, 0] >= left)
        start, end = self._start[near], self._end[near]
        x0, y0, x1, y1 = (np.ascontiguousarray(column) for column in (*start.T, *end.T))
        return x0, y0, x1, y1


def tally_polygon(store: Store, polygon: BaseGeometry, choice: Choice | None = None) -> Tally:
    """Counts of the records inside a polygon; of lines and polygons, those that touch it.

    Parameters
    ----------
    polygon : Polygon or MultiPolygon
        EPSG:4326.

    Raises
    ------
    LayerError
        If it is none, is not valid, or leaves the map.
    """
    outline, counts = Outline(polygon), store.empty_counts()
    for segment, sign in store.signed:
        own = store.empty_counts()
        if store.schema.shapes:
            add_touching(segment, outline.shape, choice or store.everything, own)
        else:
            _add_points(segment, outline, choice or store.everything, own)
        for table, more in zip(counts, own, strict=True):
            table += sign * more
    return store.tally_of(counts)


def _add_points(segment: Segment, outline: Outline, choice: Choice, counts: tuple[Array, Array]) -> None:
    for kind, cells in walk(segment, outline):
        if kind == "within":
            _add_within(segment, cells, choice, counts)
        else:
            _add_edge(segment, outline, cells, choice, counts)


def walk(segment: Segment, outline: Outline) -> Iterator[tuple[str, Cells]]:
    """Cells within the outline, and cells on its edge whose records are few enough to be tested, all apart."""
    cells = outline.start()
    while len(cells.number):
        within, edge = outline.sort(cells)
        if within.any():
            yield "within", _some(cells, within)
        cells = _some(cells, edge)
        divide = np.fromiter((_many(segment, cells.zoom, int(one)) for one in cells.number), bool, len(cells.number))
        if cells.zoom >= FINEST:
            divide[:] = False
        if not divide.all():
            yield "edge", _some(cells, ~divide)
        cells = _divided(_some(cells, divide))


def _many(segment: Segment, zoom: int, cell: int) -> bool:
    low, high = tile_range(zoom, cell)
    return sum(end - start for _, _, start, end in segment.records(low, high)) > FEW


def _add_within(segment: Segment, cells: Cells, choice: Choice, counts: tuple[Array, Array]) -> None:
    """Whole cells: from the level of the pyramid that has them, else from the records' codes."""
    zoom = max(cells.zoom - CUBE_LEVELS, 0)
    finer = 2 * (zoom + CUBE_LEVELS - cells.zoom)
    for cell in cells.number.tolist():
        if segment.is_counted(zoom, cell >> (2 * (cells.zoom - zoom))):
            segment.tally_cells(zoom, cell << finer, (cell + 1) << finer, choice, counts)
        else:
            segment.tally_range(*tile_range(cells.zoom, cell), choice, counts)


def _add_edge(segment: Segment, outline: Outline, cells: Cells, choice: Choice, counts: tuple[Array, Array]) -> None:
    bits = segment.schema.combination_bits
    for cell, x, y in zip(cells.number.tolist(), cells.x.tolist(), cells.y.tolist(), strict=True):
        edges = outline.edges(cells.zoom, x, y)
        for keys, codes, start, end in segment.records(*tile_range(cells.zoom, cell)):
            hit = np.empty(end - start, np.bool_)
            inside(keys, start, end, *edges, hit)
            found = codes[start:end][hit]
            tally_records(found, 0, len(found), bits, choice.combinations, choice.regions, *counts)


def _cells(zoom: int, x: Array, y: Array) -> Cells:
    number = np.empty(len(x), U)
    keys_of_cells(x, y, number)
    return Cells(zoom, number, x, y)


def _some(cells: Cells, which: Array) -> Cells:
    return Cells(cells.zoom, cells.number[which], cells.x[which], cells.y[which])


def _divided(cells: Cells) -> Cells:
    x = (cells.x * U(2) + np.array([[0], [1], [0], [1]], U)).ravel()
    y = (cells.y * U(2) + np.array([[0], [0], [1], [1]], U)).ravel()
    return _cells(cells.zoom + 1, x, y)
