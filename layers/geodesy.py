"""Distances on the sphere, to points and to areas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
KM_PER_DEGREE = EARTH_RADIUS_KM * np.pi / 180.0
LONGEST_EDGE_KM = 1500.0  # an edge of an area is not longer than this where it matters

Floats = NDArray[np.float64]


def great_circle_km(lon: Any, lat: Any, other_lon: Any, other_lat: Any) -> Floats:
    """Haversine distance [km] between points [degrees]; arguments broadcast."""
    one, two = np.radians(lat), np.radians(other_lat)
    half = np.sin((two - one) / 2) ** 2
    half = half + np.cos(one) * np.cos(two) * np.sin(np.radians(np.subtract(other_lon, lon)) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def near_boxes(lon: float, lat: float, bbox: Floats, within_km: float) -> NDArray[np.bool_]:
    """(n,) which boxes (west, south, east, north [degrees]) may come within a distance of a point; errs to yes."""
    reach = within_km / KM_PER_DEGREE * 1.001
    widest = min(90.0, max(abs(lat - reach), abs(lat + reach)))
    wide = 180.0 if widest >= 89.0 else min(180.0, reach / np.cos(np.radians(widest)))
    west, south, east, north = bbox.T
    rows = (lat >= south - reach) & (lat <= north + reach)
    past_west = (lon - west) % 360.0
    columns = (past_west <= east - west) | (past_west >= 360.0 - wide) | ((lon - east) % 360.0 <= wide)
    return np.asarray(rows & columns)


def distance_to_areas_km(lon: float, lat: float, areas: NDArray[np.object_], within_km: float) -> Floats:
    """Distance [km] from a point to each area, 0 inside, inf where it is farther than `within_km`.

    Parameters
    ----------
    lon, lat : float
        [degrees]
    areas : array (n,) of shapely Polygon or MultiPolygon
        EPSG:4326, cut at the antimeridian.
    within_km : float
        Up to 2,000.

    Notes
    -----
    Borders are projected with the azimuthal equidistant projection around the point, where the distance from the
    centre to a vertex is the great-circle distance; an edge is a straight line there, which is off by less than
    0.1 % of the distance for edges up to 100 km.
    """
    import shapely

    rings, owner = _rings(areas)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    x, y = _project(lon, lat, points)
    same = ring[1:] == ring[:-1]
    near = np.hypot(x, y) <= within_km + LONGEST_EDGE_KM
    edge = np.flatnonzero(same & near[1:] & near[:-1])
    distance = np.full(len(areas), np.inf)
    if len(edge):
        nearest = _to_edges(x[edge], y[edge], x[edge + 1], y[edge + 1])
        np.minimum.at(distance, owner[ring[edge]], nearest)
    wrapped = (lon + 180.0) % 360.0 - 180.0
    inside = shapely.intersects_xy(areas, wrapped, lat)
    if wrapped == -180.0:
        inside |= shapely.intersects_xy(areas, 180.0, lat)
    distance[inside] = 0.0
    return np.where(distance <= within_km, distance, np.inf)


def _rings(areas: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
    """Every ring, and the area that it belongs to."""
    import shapely

    parts, part_of = shapely.get_parts(areas, return_index=True)
    rings, ring_of = shapely.get_rings(parts, return_index=True)
    return rings, part_of[ring_of]


def _project(lon: float, lat: float, points: Floats) -> tuple[Floats, Floats]:
    """Azimuthal equidistant coordinates [km] around a point: east and north."""
    there, here = np.radians(points[:, 1]), np.radians(lat)
    turn = np.radians(points[:, 0] - lon)
    distance = great_circle_km(lon, lat, points[:, 0], points[:, 1])
    east = np.cos(there) * np.sin(turn)
    north = np.cos(here) * np.sin(there) - np.sin(here) * np.cos(there) * np.cos(turn)
    length = np.hypot(east, north)
    scale = np.divide(distance, length, out=np.zeros_like(distance), where=length > 0)
    return east * scale, north * scale


def _to_edges(x1: Floats, y1: Floats, x2: Floats, y2: Floats) -> Floats:
    """Distance from the origin to each line segment."""
    dx, dy = x2 - x1, y2 - y1
    square = dx * dx + dy * dy
    along = np.divide(-(x1 * dx + y1 * dy), square, out=np.zeros_like(dx), where=square > 0).clip(0.0, 1.0)
    return np.hypot(x1 + along * dx, y1 + along * dy)
