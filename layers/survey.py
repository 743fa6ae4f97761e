"""Loaded survey datasets as the map's list of layers; their features travel as vector tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data.clock import iso
from layers.layer import Features, LayerSpec, View

GEOMETRIES = (("Polygon", "area"), ("LineString", "line"), ("Point", "point"))


class Surveys:
    """Every dataset, as features whose shape is its bounding box."""

    spec = LayerSpec(key="survey", title="Survey data", kind="survey", quantity="survey", unit="", needs=("dataset",))

    def compute(self, inputs: Mapping[str, Any], view: View) -> Features:
        """One feature a dataset; `datasets` are rows of the table `dataset`."""
        rows = list(inputs["datasets"])
        listed = list_datasets(rows)
        features = [
            {"type": "Feature", "id": item["id"], "geometry": _box(item["bounds"]), "properties": item}
            for item in listed
            if item["bounds"] is not None
        ]
        return Features(
            collection={"type": "FeatureCollection", "features": features},
            without_geometry=tuple(item for item in listed if item["bounds"] is None),
            as_of=max((row.received_at for row in rows), default=None),
        )


def list_datasets(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """What `/api/surveys.json` says of each dataset."""
    return [
        {
            "id": row.id,
            "source": row.source,
            "key": row.key,
            "title": row.title,
            "rows": row.rows,
            "geometry_types": row.geometry_types,
            "draw": draw_as(row.geometry_types),
            "columns": row.columns,
            "bounds": None if row.west is None else [row.west, row.south, row.east, row.north],
            "crs_declared": row.crs_declared,
            "notes": row.notes,
            "received_at": iso(row.received_at),
            "tiles": f"/t/survey/{row.id}.pmtiles" if row.tiles else None,
            "tile_layer": "survey",
        }
        for row in rows
    ]


def draw_as(geometry_types: Sequence[str]) -> list[str]:
    """What the map needs to draw: areas first, points last."""
    if any(kind.startswith("GeometryCollection") for kind in geometry_types):
        return [drawn for _, drawn in GEOMETRIES]
    return [drawn for name, drawn in GEOMETRIES if any(name in kind for kind in geometry_types)]


def _box(bounds: Sequence[float]) -> dict[str, Any]:
    west, south, east, north = bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}
