"""TopoJSON to shapely, by the published format, without a coordinate system being guessed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Coordinates = NDArray[np.float64]


@dataclass(frozen=True)
class Feature:
    """One object of a topology: its id and name as written ('' where missing) and its geometry."""

    native_id: str
    name: str
    geometry: BaseGeometry | None


class Topology:
    """A TopoJSON file whose arcs are decoded once.

    Parameters
    ----------
    path : Path
        A TopoJSON file, quantized or not.

    Raises
    ------
    ValueError
        Where the file is not a topology.

    References
    ----------
    The TopoJSON format specification, sections 2.1.2 (transforms) and 2.1.4 (arc indexes): a negative index `i`
    stands for arc `~i` walked backwards, and joined arcs share their end point.
    """

    def __init__(self, path: Path) -> None:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.get("type") != "Topology":
            raise ValueError(f"{path.name} is not TopoJSON")
        self._objects: dict[str, Any] = document["objects"]
        transform = document.get("transform")
        self._arcs = [_decode(arc, transform) for arc in document["arcs"]]

    @property
    def names(self) -> tuple[str, ...]:
        """The objects of the file."""
        return tuple(self._objects)

    def features(self, name: str) -> Iterator[Feature]:
        """The geometries of an object; an empty one has geometry None."""
        for item in self._items(name):
            properties = item.get("properties") or {}
            yield Feature(str(item.get("id") or ""), str(properties.get("name") or ""), self._geometry(item))

    def shared_lines(self, name: str) -> list[Coordinates]:
        """The arcs that two or more geometries of an object have in common: borders without coasts."""
        uses: Counter[int] = Counter()
        for item in self._items(name):
            own = {index if index >= 0 else ~index for index in _flat(item.get("arcs", []))}
            uses.update(own)
        return [self._arcs[index] for index, count in sorted(uses.items()) if count > 1]

    def _items(self, name: str) -> list[dict[str, Any]]:
        item = self._objects[name]
        return list(item["geometries"]) if item["type"] == "GeometryCollection" else [item]

    def _line(self, indexes: list[int]) -> Coordinates:
        parts = [self._arcs[index] if index >= 0 else self._arcs[~index][::-1] for index in indexes]
        return np.vstack([part if number == 0 else part[1:] for number, part in enumerate(parts)])

    def _polygon(self, rings: list[list[int]]) -> shapely.Polygon | None:
        lines = [line for line in map(self._line, rings) if len(line) >= 4]
        return shapely.Polygon(lines[0], lines[1:]) if lines else None

    def _geometry(self, item: dict[str, Any]) -> BaseGeometry | None:
        kind, arcs = item.get("type"), item.get("arcs", [])
        if kind == "Polygon":
            return self._polygon(arcs)
        if kind == "MultiPolygon":
            polygons = [polygon for polygon in map(self._polygon, arcs) if polygon is not None]
            return shapely.MultiPolygon(polygons) if polygons else None
        if kind == "LineString":
            return shapely.LineString(self._line(arcs))
        if kind == "MultiLineString":
            return shapely.MultiLineString([self._line(part) for part in arcs])
        return None


def _decode(arc: list[list[float]], transform: dict[str, list[float]] | None) -> Coordinates:
    points = np.asarray(arc, dtype=np.float64)[:, :2]
    if transform is None:
        return points
    decoded: Coordinates = points.cumsum(axis=0) * transform["scale"] + transform["translate"]
    return decoded


def _flat(arcs: list[Any]) -> Iterator[int]:
    for item in arcs:
        if isinstance(item, int):
            yield item
        else:
            yield from _flat(item)
