"""The shapes of a bucket, opened: which touch a rectangle or a polygon, and their forms."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.survey.shapes.write import NODE, WHOLE, ZOOMS, is_tiny, level_starts, path_of

Array = NDArray[Any]


class Shapes:
    """Shapes by their place in the order of keys; `codes` are those of their records."""

    def __init__(self, folder: Path, bucket: int, codes: Array) -> None:
        self._folder, self.bucket, self.codes = folder, bucket, codes
        self._tree = np.load(path_of(folder, bucket, "tree.npy"), mmap_mode="r")
        self._starts = level_starts(len(codes))

    @cached_property
    def row(self) -> Array:
        """The number of each record in its delivery."""
        found: Array = np.load(path_of(self._folder, self.bucket, "row.npy"), mmap_mode="r")
        return found

    @cached_property
    def _forms(self) -> dict[int, tuple[Array, Array]]:
        found = {}
        for zoom in (*ZOOMS, WHOLE):
            path = path_of(self._folder, self.bucket, f"{zoom}.wkb")
            written = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
            found[zoom] = np.load(path_of(self._folder, self.bucket, f"{zoom}.npy"), mmap_mode="r"), written
        return found

    def forms(self, places: Array, zoom: int) -> Array:
        """Shapes on the plane as they are drawn at a zoom, those tiny there as points; `WHOLE` as they are."""
        fit = next((one for one in ZOOMS if one >= zoom), WHOLE)
        found = self._read(places, fit)
        same = np.flatnonzero(shapely.is_missing(found))
        if len(same):
            boxes = np.asarray(self._tree[places[same]])
            tiny = is_tiny(boxes, fit)
            found[same[tiny]] = shapely.points((boxes[tiny, :2] + boxes[tiny, 2:]) / 2)
            found[same[~tiny]] = self._read(places[same[~tiny]], WHOLE)
        return found

    def _read(self, places: Array, zoom: int) -> Array:
        starts, written = self._forms[zoom]
        wkb = [written[starts[place] : starts[place + 1]].tobytes() or None for place in places.tolist()]
        found: Array = shapely.from_wkb(np.array(wkb, dtype=object))
        return found

    def in_box(self, west: float, north: float, east: float, south: float) -> Array:
        """Those whose box touches a rectangle of the plane, in order."""
        nodes = np.zeros(1, np.int64)
        for level in range(len(self._starts) - 2, -1, -1):
            box = self._tree[self._starts[level] + nodes]
            hit = (box[:, 0] <= east) & (box[:, 2] >= west) & (box[:, 1] <= south) & (box[:, 3] >= north)
            nodes = self._below(nodes[hit], level)
        return nodes

    def sure_and_tested(self, shape: Any) -> tuple[list[tuple[int, int]], Array]:
        """Those that touch a prepared polygon of the plane: ranges whose boxes lie within, and others."""
        nodes, sure = np.zeros(1, np.int64), []
        for level in range(len(self._starts) - 2, -1, -1):
            box = shapely.box(*self._tree[self._starts[level] + nodes].T)
            within = shapely.contains(shape, box)
            width = NODE**level
            sure += [(one * width, min((one + 1) * width, len(self.codes))) for one in nodes[within].tolist()]
            nodes = self._below(nodes[~within & shapely.intersects(shape, box)], level)
        return sure, nodes[shapely.intersects(shape, self.forms(nodes, WHOLE))]

    def touching(self, shape: Any) -> Array:
        """Those that touch a prepared polygon of the plane, in order."""
        sure, tested = self.sure_and_tested(shape)
        return np.sort(np.concatenate([tested, *(np.arange(*one) for one in sure)]).astype(np.int64))

    def _below(self, nodes: Array, level: int) -> Array:
        """The children of nodes of a level; shapes themselves have none."""
        if level == 0:
            return nodes
        children = (nodes[:, np.newaxis] * NODE + np.arange(NODE)).ravel()
        return children[children < self._starts[level] - self._starts[level - 1]]
