"""Polygons stitched on the sphere, made fit for the plane.

Several of the packages we read close their rings on the sphere: Russia, Fiji and Antarctica run over the 180th
meridian in one ring, which in the plane is a bar across the whole map.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

Coordinates = NDArray[np.float64]
WORLD = shapely.box(-180.0, -90.0, 180.0, 90.0)


def unwrap(ring: Coordinates) -> Coordinates:
    """Make longitudes continuous: a step of more than half a turn is taken the short way round."""
    points = np.array(ring, dtype=np.float64)[:, :2]
    step = np.diff(points[:, 0])
    turn = np.where(step > 180.0, 360.0, np.where(step < -180.0, -360.0, 0.0))
    points[1:, 0] -= np.cumsum(turn)
    return points


def cut(geometry: BaseGeometry) -> BaseGeometry:
    """Cut polygons at the antimeridian.

    Parameters
    ----------
    geometry : Polygon or MultiPolygon
        Longitudes and latitudes [degrees], rings closed on the sphere or in the plane.

    Returns
    -------
    Polygon or MultiPolygon
        Valid, within -180..180, covering the same area of the sphere. A ring that goes round a pole is closed over
        that pole.
    """
    whole = shapely.union_all([_mend(polygon) for polygon in shapely.get_parts(geometry)])
    return polygons_only(whole)


def cut_line(points: Coordinates) -> BaseGeometry:
    """Cut a line at the antimeridian; the part beyond comes in on the other side."""
    return _fold(shapely.LineString(unwrap(points)))


def polygons_only(geometry: BaseGeometry) -> BaseGeometry:
    """The areas of a geometry, without the points and lines that cutting and mending leave behind."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    kept = [
        part
        for member in shapely.get_parts(geometry)
        for part in shapely.get_parts(member)
        if part.geom_type == "Polygon" and part.area > 0
    ]
    return kept[0] if len(kept) == 1 else shapely.MultiPolygon(kept)


def valid_polygons(geometry: BaseGeometry) -> BaseGeometry:
    """A valid polygon or multipolygon of the same area, for rings that touch or cross themselves."""
    if geometry.is_valid:
        return geometry
    return polygons_only(shapely.make_valid(geometry, method="structure"))


def _mend(polygon: shapely.Polygon) -> BaseGeometry:
    outer = unwrap(shapely.get_coordinates(polygon.exterior))
    if abs(outer[-1, 0] - outer[0, 0]) > 180.0:
        outer = _over_pole(outer)
    area = shapely.make_valid(shapely.Polygon(outer))
    for ring in polygon.interiors:
        hole = shapely.make_valid(shapely.Polygon(unwrap(shapely.get_coordinates(ring))))
        for shift in (-360.0, 0.0, 360.0):
            area = area.difference(translate(hole, shift))
    return _fold(area)


def _over_pole(ring: Coordinates) -> Coordinates:
    pole = 90.0 if ring[:, 1].mean() > 0 else -90.0
    return np.vstack([ring, [ring[-1, 0], pole], [ring[0, 0], pole], ring[0]])


def _fold(geometry: BaseGeometry) -> BaseGeometry:
    """Bring what lies beyond +-180 back into the world."""
    west, _, east, _ = geometry.bounds
    if west >= -180.0 and east <= 180.0:
        return geometry
    parts = []
    for turns in range(int(np.floor((west + 180.0) / 360.0)), int(np.ceil((east - 180.0) / 360.0)) + 1):
        part = translate(geometry, -360.0 * turns).intersection(WORLD)
        if not part.is_empty and (part.area > 0 or part.length > 0):
            parts.append(part)
    return shapely.union_all(parts)
