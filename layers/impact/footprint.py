"""Footprints: an area on the map that a person drew or that regions make up, mended and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError

MOST_VERTICES = 1_000_000
LONGEST_EDGE = 0.05  # degrees: longer edges get vertices between, so that they stay straight on the map
PLAIN_EDGE = 90.0  # degrees: edges that are long on purpose get vertices, so that nothing takes them the short way
Shape = Any  # a shapely geometry


@dataclass(frozen=True)
class Note:
    """A sentence for people, with blanks that are filled after it was translated."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def told(self, t: Callable[[str], str]) -> str:
        """The sentence in the reader's language."""
        return t(self.text).format(**self.values)

    def __str__(self) -> str:
        return self.told(str)


MENDED = "The outline crossed or touched itself; the area that it encloses was taken."
SHORT_WAY = "An edge of more than half a turn was taken the short way round the globe."
FOLDED = "What lay beyond 180 degrees came in on the other side of the map."
ONLY_AREAS = "Points and lines in the outline enclose nothing and were left out."


def footprint(outline: Shape | Mapping[str, Any]) -> tuple[Shape, tuple[Note, ...]]:
    """A valid area in EPSG:4326 within -180..180, and what was mended.

    Parameters
    ----------
    outline : shapely geometry or GeoJSON mapping
        A Polygon or MultiPolygon, or a Feature or collection of such [degrees]. Edges are straight on the map as they
        are drawn, and may run past 180.

    Raises
    ------
    LayerError
        If it has no area, is not a shape, leaves the globe or has too many vertices; the sentence is for people.
    """
    import shapely

    shape = _read(outline)
    notes: list[Note] = []
    points = shapely.get_coordinates(shape)
    _check(points)
    if not set(_kinds(shape)) <= {"Polygon"}:
        notes.append(Note(ONLY_AREAS))
    shape = _mended(shape, notes)
    if shape.is_empty or shape.area <= 0.0:
        raise LayerError("the outline encloses no area")
    shape, more = _within_the_world(shape)
    return shape, (*notes, *more)


def _read(outline: Shape | Mapping[str, Any]) -> Shape:
    import shapely
    from shapely.geometry import shape

    if isinstance(outline, shapely.Geometry):
        return shapely.force_2d(outline)
    try:
        match outline.get("type"):
            case "Feature":
                return _read(outline["geometry"])
            case "FeatureCollection":
                return shapely.GeometryCollection([_read(member) for member in outline["features"]])
        with np.errstate(invalid="ignore"):  # a coordinate that is no number has a sentence of its own
            return shapely.force_2d(shape(outline))
    except (shapely.errors.ShapelyError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise LayerError(f"this is not an outline in GeoJSON: {error}") from error


def _check(points: NDArray[np.float64]) -> None:
    if len(points) > MOST_VERTICES:
        raise LayerError(f"the outline has {len(points)} vertices; at most {MOST_VERTICES} are taken")
    if not len(points):
        raise LayerError("the outline is empty")
    if not np.isfinite(points).all() or np.abs(points[:, 1]).max() > 90.0 or np.abs(points[:, 0]).max() > 540.0:
        raise LayerError("the outline leaves the globe: longitude first, then latitude, both in degrees")


def _kinds(shape: Shape) -> list[str]:
    import shapely

    return [member.geom_type for part in shapely.get_parts(shape) for member in shapely.get_parts(part)]


def _mended(shape: Shape, notes: list[Note]) -> Shape:
    """The areas of a shape, valid, edges of more than half a turn cut at the antimeridian."""
    import shapely

    from data.antimeridian import cut, valid_polygons

    if shape.geom_type in ("Polygon", "MultiPolygon") and shape.is_valid and not _wide(shape):
        return shape
    areas = [part for member in shapely.get_parts(shape) for part in shapely.get_parts(member)]
    areas = [part for part in areas if part.geom_type == "Polygon" and not part.is_empty]
    if any(_wide(part) for part in areas):
        notes.append(Note(SHORT_WAY))
        return cut(shapely.MultiPolygon(areas))
    if not all(part.is_valid for part in areas):
        notes.append(Note(MENDED))
    return shapely.union_all([valid_polygons(part) for part in areas])


def _wide(area: Shape) -> bool:
    """Whether an edge spans more than half a turn, other than one along the whole width of the map."""
    import shapely

    points, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(area)), return_index=True)
    long = (np.abs(np.diff(points[:, 0])) > 180.0) & (np.diff(ring) == 0)
    whole = (np.abs(points[:-1, 0]) == 180.0) & (np.abs(points[1:, 0]) == 180.0)
    return bool((long & ~whole).any())


def _within_the_world(shape: Shape) -> tuple[Shape, list[Note]]:
    import shapely
    from shapely.affinity import translate

    from data.antimeridian import WORLD, polygons_only

    west, _, east, _ = shape.bounds
    if west >= -180.0 and east <= 180.0:
        return shape, []
    first, last = int(np.floor((west + 180.0) / 360.0)), int(np.ceil((east - 180.0) / 360.0))
    turned = [translate(shape, -360.0 * turn).intersection(WORLD) for turn in range(first, last + 1)]
    return polygons_only(shapely.union_all(turned)), [Note(FOLDED)]


def footprint_of_regions(base_dir: Path, rids: Sequence[int] | NDArray[np.int32]) -> Shape:
    """The area of some regions together; they may be of several kinds.

    Raises
    ------
    LayerError
        For no regions, or a number that is no region.
    """
    import shapely

    from data.regions import load_geometries, load_regions

    index, wanted = load_regions(base_dir), np.unique(np.asarray(rids, np.int64))
    if not wanted.size or wanted[0] < 0 or wanted[-1] >= len(index):
        raise LayerError("choose regions that exist")
    found, shapes = load_geometries(base_dir, sorted(set(index.kind[wanted].tolist())))
    return shapely.segmentize(shapely.union_all(shapes[np.isin(found, wanted)]), PLAIN_EDGE)


def densify(shapes: Any) -> Any:
    """The same areas with a vertex at least every twentieth of a degree."""
    import shapely

    return shapely.segmentize(shapes, LONGEST_EDGE)


def areas_km2(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """(n,) areas on the WGS 84 ellipsoid [km2], edges straight on the map.

    By the cylindrical equal-area projection of the ellipsoid (Snyder 1987, eqs. 3-12 and 10-15 to 10-17), which,
    other than geodesic polygons, also holds for an area round a pole or round the world.
    """
    import shapely

    def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(_equal_area().transform(points[:, 0], points[:, 1]))

    return np.asarray(shapely.area(shapely.transform(densify(shapes), project)) / 1e6, np.float64)


@lru_cache(maxsize=1)
def _equal_area() -> Any:
    from pyproj import Transformer

    return Transformer.from_crs("EPSG:4326", "+proj=cea +ellps=WGS84 +units=m", always_xy=True)
