"""Items that stand in memory, under a filter and in an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import shapely

from api.ogc.cql import Condition, Fields, true_rows
from api.ogc.search import Order, sorted_places
from data.clock import parse_time

Feature = dict[str, Any]
Shapes = Callable[[Sequence[Feature]], Sequence[Any]]  # the GeoJSON geometry of each, or None


class Items:
    """Features as a filter looks at them."""

    def __init__(self, features: Sequence[Feature], fields: Fields, shapes: Shapes) -> None:
        self._features, self._fields, self._shapes = features, fields, shapes

    def column(self, name: str) -> pa.Array:
        """Values of a property."""
        values = [one["properties"].get(name) for one in self._features]
        schema = self._fields[name]
        if schema["type"] == "number":
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        if schema.get("format") == "date-time":
            times = [None if value is None else parse_time(value) for value in values]
            return pa.array(times, pa.timestamp("us", "UTC"))
        return pa.array([None if value is None else str(value) for value in values], pa.string())

    def meets(self, area: shapely.Geometry) -> pa.Array:
        """Whether each geometry meets an area; none does not."""
        near = [_near(one, area) for one in self._features]
        shapes = iter(self._shapes([one for one, held in zip(self._features, near, strict=True) if held]))
        return pa.array([held and _meets(next(shapes), area) for held in near], pa.bool_())


def chosen(
    features: list[Feature], wanted: Sequence[Condition], order: Order, fields: Fields, shapes: Shapes
) -> list[Feature]:
    """The features of which all conditions are true, in an order."""
    for one in wanted:
        found = true_rows(one.holds(Items(features, fields, shapes)))
        holds = [found.as_py()] * len(features) if isinstance(found, pa.Scalar) else found.to_pylist()
        features = [feature for feature, kept in zip(features, holds, strict=True) if kept]
    if not order or not features:
        return features
    items = Items(features, fields, shapes)
    keys = pa.table({one["property"]: items.column(one["property"]) for one in order})
    return [features[place] for place in sorted_places(keys, order).tolist()]


def _near(feature: Mapping[str, Any], area: shapely.Geometry) -> bool:
    return "bbox" not in feature or bool(shapely.intersects(area, shapely.box(*feature["bbox"])))


def _meets(shape: Any, area: shapely.Geometry) -> bool:
    return shape is not None and bool(shapely.intersects(area, shapely.geometry.shape(shape)))
