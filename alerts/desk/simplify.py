"""An outline with few vertices that covers everything the area covers: it only grows, and says by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from alerts.cap.model import DECIMALS
from data.antimeridian import WORLD
from layers.impact.footprint import areas_km2

NARROWEST, WIDEST = 1e-6, 16.0  # degrees
CLOSE_ENOUGH = 1.05  # ratio of two distances that are taken for the same
COARSE_FROM, COARSE_TO = 0.005, 1.0  # degrees: how far an area with far too many vertices is widened first
ROOM = 1.02  # of the distance by which it was simplified: the new edge never meets the old one
Shape = Any
Shapes = NDArray[np.object_]


def simplify_outward(area: Shape | Shapes, cap: int) -> tuple[Shape, float]:
    """An area with at most `cap` vertices in all that covers the given one.

    Parameters
    ----------
    area : shapely Polygon or MultiPolygon, or array of them
        EPSG:4326 within the world's box [degrees]; several that lie beside each other are taken together. Holes are
        filled: CAP has none.
    cap : int
        Vertices that are allowed, closing ones counted; at least 5.

    Returns
    -------
    area : shapely Polygon or MultiPolygon
    grown : float
        How much larger it is, as a share of the area given.

    Notes
    -----
    The area is simplified by a distance (Douglas and Peucker, 1973) and then widened by a little more, so that its
    new edge stays outside the old one; the least distance that fits is found by halving. What has far too many
    vertices is coarsened part by part before. Where the parts lie far apart and the cap is small, they end in one
    hull.
    """
    given = np.atleast_1d(np.asarray(area, dtype=object))
    parts = _filled(given)
    best = _least(parts, cap)
    before = float(areas_km2(given).sum())
    grown = max(0.0, float(areas_km2(np.array([best], dtype=object))[0]) / before - 1.0) if before > 0 else 0.0
    return shapely.normalize(best), grown


def vertices(area: Shape | Shapes) -> int:
    """Positions that CAP would write, closing ones counted."""
    return int(np.sum(shapely.get_num_coordinates(area)))


def _least(parts: Shapes, cap: int) -> Shape:
    """The narrowest cover that is found."""
    low, high, best = NARROWEST, WIDEST, _hull(parts, cap)
    work = parts
    if vertices(parts) <= 3 * cap:
        whole = _rounded(shapely.union_all(parts))
        if _fits(whole, parts, cap):
            return whole
    else:
        work = _coarse(parts, 3 * cap)
    while high / low > CLOSE_ENOUGH:
        middle = (low * high) ** 0.5
        found = _rounded(shapely.union_all(_filled(_widened(work, middle))))
        if _fits(found, parts, cap):
            best, high = (found if found.area < best.area else best), middle
        else:
            low = middle
    return best


def _coarse(parts: Shapes, most: int) -> Shapes:
    """Fewer vertices at the cost of some width, so that the search has little to do."""
    distance = COARSE_FROM
    while vertices(parts) > most and distance <= COARSE_TO:
        parts = _filled(np.atleast_1d(shapely.union_all(_widened(parts, distance))))
        distance *= 2
    return parts


def _widened(parts: Shapes, by: float) -> Shapes:
    wide = shapely.buffer(shapely.simplify(parts, by), by * ROOM, join_style="mitre", mitre_limit=2.0)
    found: Shapes = shapely.intersection(wide, WORLD)
    return found


def _filled(areas: Shapes) -> Shapes:
    """Every polygon without its holes."""
    polygons = shapely.get_parts(areas)
    found: Shapes = shapely.polygons(shapely.get_exterior_ring(polygons[shapely.area(polygons) > 0]))
    return found


def _rounded(area: Shape) -> Shape:
    """With the decimals that are written, and without what then lies inside."""
    return shapely.union_all(_filled(np.atleast_1d(shapely.set_precision(area, 10.0**-DECIMALS))))


def _fits(area: Shape, parts: Shapes, cap: int) -> bool:
    if vertices(area) > cap:
        return False
    shapely.prepare(area)
    return bool(shapely.covers(area, parts).all())


def _hull(parts: Shapes, cap: int) -> Shape:
    """What fits in any case: the convex hull, or the box around it."""
    west, south, east, north = shapely.total_bounds(parts)
    box = shapely.box(west - NARROWEST, south - NARROWEST, east + NARROWEST, north + NARROWEST)
    box = _rounded(box.intersection(WORLD))
    hull = shapely.convex_hull(shapely.multipoints(shapely.get_coordinates(parts)))
    hull = _rounded(hull.buffer(2 * NARROWEST, join_style="mitre").intersection(WORLD))
    return hull if _fits(hull, parts, cap) else box
