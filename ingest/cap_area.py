"""Areas of CAP messages: polygons and circles in "lat,lon" order, made into GeoJSON that a map can draw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

CIRCLE_POINTS = 64
MAX_RADIUS_KM = 20_015.0  # half the way round the earth

Ring = list[tuple[float, float]]  # lon, lat


@dataclass
class Areas:
    """Collects the shapes of one message, and notes on what was repaired or left out."""

    shapes: list[BaseGeometry] = field(default_factory=list)
    holes: list[BaseGeometry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_polygon(self, text: str) -> None:
        """A `polygon` element: pairs "lat,lon" between blanks."""
        self._add(self.shapes, text, "polygon")

    def add_hole(self, text: str) -> None:
        """A polygon that the message takes out of its area (DWD: geocode EXCLUDE_POLYGON)."""
        self._add(self.holes, text, "excluded polygon")

    def add_circle(self, text: str) -> None:
        """A `circle` element: "lat,lon radius" with the radius in km; radius 0 is a point."""
        import shapely

        try:
            lon, lat, radius_km = read_circle(text)
        except ValueError as error:
            self.notes.append(f"circle not used: {error}")
            return
        if radius_km == 0:
            self.shapes.append(shapely.Point(lon, lat))
            return
        self.shapes.extend(_areas_of(geodesic_circle(lon, lat, radius_km), self.notes, "circle"))

    def add_geojson(self, geometry: Mapping[str, Any]) -> None:
        """A GeoJSON geometry, as api.weather.gov gives it."""
        import shapely
        from shapely.errors import ShapelyError
        from shapely.geometry import shape

        try:
            shaped = shape(geometry)
            for part in shapely.get_parts(shaped):
                if part.geom_type == "Polygon":
                    ring = [(float(lon), float(lat)) for lon, lat in shapely.get_coordinates(part.exterior).tolist()]
                    _check_range(ring)
                    self.shapes.extend(_areas_of(ring, self.notes, "polygon"))
                else:
                    self.notes.append(f"geometry not used: {part.geom_type}")
        except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            self.notes.append(f"geometry not used: {' '.join(str(error).split())[:120]}")

    def geojson(self) -> Mapping[str, Any] | None:
        """One GeoJSON geometry for everything collected; None where there is nothing."""
        import shapely

        if not self.shapes:
            return None
        areas = [shape for shape in self.shapes if shape.geom_type != "Point"]
        points = list({(shape.x, shape.y): shape for shape in self.shapes if shape.geom_type == "Point"}.values())
        whole: list[BaseGeometry] = []
        if areas:
            area = _joined(areas)
            if self.holes:
                area = shapely.difference(area, shapely.union_all(self.holes))
                if area.is_empty:
                    self.notes.append("the excluded polygons cover the whole area: not taken out")
                    area = _joined(areas)
            whole.append(area)
        if points:
            whole.append(points[0] if len(points) == 1 else shapely.MultiPoint(points))
        geometry: BaseGeometry = whole[0] if len(whole) == 1 else shapely.GeometryCollection(whole)
        found: Mapping[str, Any] = geometry.__geo_interface__
        return found

    def _add(self, target: list[BaseGeometry], text: str, what: str) -> None:
        if not text.strip():
            return  # an empty element is how several services write "no polygon"
        try:
            ring = read_ring(text)
        except ValueError as error:
            self.notes.append(f"{what} not used: {error}")
            return
        if ring[0] != ring[-1]:
            self.notes.append(f"{what} closed: its last point was not its first")
            ring.append(ring[0])
        target.extend(_areas_of(ring, self.notes, what))


def read_ring(text: str) -> Ring:
    """The points of a CAP polygon as lon, lat.

    Raises
    ------
    ValueError
        If a pair cannot be read, is out of range, or fewer than three different points are given.
    """
    pairs = [part.split(",") for part in text.split()]
    if any(len(pair) not in (2, 3) for pair in pairs):
        raise ValueError("its points are not written lat,lon")
    try:
        ring = [(float(pair[1]), float(pair[0])) for pair in pairs]
    except ValueError:
        raise ValueError("its points are not numbers") from None
    _check_range(ring)
    if len(set(ring)) < 3:
        raise ValueError("it has fewer than three different points")
    return [point for number, point in enumerate(ring) if number == 0 or point != ring[number - 1]]


def read_circle(text: str) -> tuple[float, float, float]:
    """Longitude, latitude [degrees] and radius [km] of a CAP circle; ValueError with the reason."""
    try:
        lat, lon, radius_km = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise ValueError("not written lat,lon radius") from None
    _check_range([(lon, lat)])
    if not 0 <= radius_km <= MAX_RADIUS_KM:
        raise ValueError(f"radius {radius_km} km is out of range")
    return _wrapped(lon), lat, radius_km


def geodesic_circle(lon: float, lat: float, radius_km: float) -> Ring:
    """A closed ring of 64 points at a geodesic distance on WGS 84, clockwise from north."""
    from pyproj import Geod

    azimuths = [360.0 * number / CIRCLE_POINTS for number in range(CIRCLE_POINTS)]
    count = len(azimuths)
    lons, lats, _ = Geod(ellps="WGS84").fwd([lon] * count, [lat] * count, azimuths, [radius_km * 1000.0] * count)
    ring = list(zip(lons, lats, strict=True))
    return [*ring, ring[0]]


def _check_range(ring: Sequence[tuple[float, float]]) -> None:
    """Latitudes to +-90, longitudes to +-360 (some write 0 to 360); nothing is swapped by guess."""
    for lon, lat in ring:
        if not (math.isfinite(lon) and math.isfinite(lat)):
            raise ValueError("a coordinate is not finite")
        if not -90 <= lat <= 90:
            raise ValueError(f"latitude {lat} is out of range (perhaps written lon,lat)")
        if not -360 <= lon <= 360:
            raise ValueError(f"longitude {lon} is out of range")


def _wrapped(lon: float) -> float:
    return lon if -180 <= lon <= 180 else (lon + 180.0) % 360.0 - 180.0


def _areas_of(ring: Ring, notes: list[str], what: str) -> list[BaseGeometry]:
    """Valid polygons for one ring, cut at the antimeridian."""
    import numpy as np
    import shapely

    from data.antimeridian import cut, polygons_only, unwrap, valid_polygons

    points = np.asarray(ring, dtype=np.float64)
    steps = np.abs(np.diff(points[:, 0]))
    if (steps > 180.0).any() or (np.abs(points[:, 0]) > 180.0).any():
        around = unwrap(points)
        if abs(around[-1, 0] - around[0, 0]) > 180.0:
            notes.append(f"{what} goes round a pole")
        else:
            notes.append(f"{what} cut at the antimeridian")
        mended = cut(shapely.Polygon(points))
    else:
        polygon = shapely.Polygon(points)
        if not polygon.is_valid:
            notes.append(f"{what} mended: its ring touches or crosses itself")
        mended = polygons_only(valid_polygons(polygon))
    if mended.is_empty or mended.area == 0:
        notes.append(f"{what} not used: it has no area")
        return []
    return list(shapely.get_parts(mended))


def _joined(areas: Iterable[BaseGeometry]) -> BaseGeometry:
    """One polygon as it is, several as a valid multipolygon without overlaps."""
    import shapely

    parts = list(areas)
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)
