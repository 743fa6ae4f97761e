"""A place that is asked about: a cell, a box, a polygon or a region, with what each kind of data needs to find it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from data.errors import LayerError
from data.regions import RegionIndex, areas_of, locate
from layers.frame.key import Box, box_of, common_cell
from layers.kernels.survey import REACH

MAP = shapely.box(-180, -REACH + 1e-6, 180, REACH - 1e-6)
KILOMETRES = 111.195  # of one degree on the sphere


@dataclass(frozen=True, eq=False)
class Place:
    """A shape with its key; `rid` is the region and `key` the cell where the place is one."""

    shape: BaseGeometry
    name: str
    rid: int | None = None
    key: str = ""

    @cached_property
    def bounds(self) -> Box:
        west, south, east, north = (float(one) for one in self.shape.bounds)
        return west, south, east, north

    @cached_property
    def cell(self) -> str:
        """The finest cell that holds all of it."""
        return self.key or common_cell(self.bounds)

    @cached_property
    def middle(self) -> tuple[float, float]:
        """A point inside."""
        point = self.shape.point_on_surface()
        return float(point.x), float(point.y)

    @cached_property
    def is_box(self) -> bool:
        return bool(self.shape.equals(shapely.box(*self.bounds)))

    @cached_property
    def on_map(self) -> BaseGeometry | None:
        """The part that web Mercator shows, where survey records are; None where there is none."""
        part = self.shape.intersection(MAP)
        return part if not part.is_empty and part.geom_type in ("Polygon", "MultiPolygon") else None

    def holds(self, lon: NDArray[Any], lat: NDArray[Any]) -> NDArray[np.bool_]:
        """Which points lie in it, its edge included."""
        shapely.prepare(self.shape)
        return np.asarray(shapely.intersects_xy(self.shape, lon, lat), np.bool_)

    def meets(self, other: BaseGeometry | None) -> bool:
        """Whether a shape touches it."""
        return other is not None and not other.is_empty and bool(self.shape.intersects(other))


def cell_place(cell: str) -> Place:
    """A cell by its digits."""
    return Place(shapely.box(*box_of(cell)), cell, key=cell)


def box_place(box: Box) -> Place:
    """A box that does not cross the antimeridian."""
    west, south, east, north = box
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise LayerError("a box is west,south,east,north in degrees, and does not cross 180 degrees")
    return Place(shapely.box(*box), f"{west:g},{south:g},{east:g},{north:g}")


def polygon_place(written: str) -> Place:
    """A GeoJSON polygon; LayerError for anything else."""
    try:
        shape = shapely.from_geojson(written)
    except shapely.errors.ShapelyError as error:
        raise LayerError("the area is no GeoJSON geometry") from error
    if shape.is_empty or shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise LayerError("the area is no polygon")
    if not shape.is_valid:
        raise LayerError(f"the polygon is not valid: {shapely.is_valid_reason(shape)}")
    if not shapely.box(-180, -90, 180, 90).contains(shape):
        raise LayerError("the polygon reaches beyond the earth")
    return Place(shape, "polygon")


def region_place(index: RegionIndex, code: str) -> Place:
    """A region by its code."""
    rid = index.by_code(code)
    if rid is None:
        raise LayerError(f"there is no region {code[:40]}")
    return Place(areas_of(index.base_dir, [rid])[0], code, rid)


def codes_of(place: Place, index: RegionIndex) -> frozenset[str]:
    """Regions that a message may name when it speaks of this place: those that hold its middle, and those inside."""
    if place.rid is not None:
        inside = list(index.descendants(place.rid))
        return frozenset(str(index.code[rid]) for rid in (*index.chain(place.rid), *inside))
    rid = locate(*place.middle, base_dir=Path(index.base_dir))
    return frozenset() if rid is None else frozenset(str(index.code[one]) for one in index.chain(rid))


def around(lon: float, lat: float, radius_km: float) -> BaseGeometry:
    """A circle on the map, good to a percent for a warning's radius."""
    angle = np.linspace(0, 2 * np.pi, 65)
    wide = radius_km / KILOMETRES / max(float(np.cos(np.radians(lat))), 0.01)
    ring = np.column_stack([lon + wide * np.cos(angle), lat + radius_km / KILOMETRES * np.sin(angle)])
    return shapely.Polygon(ring)
