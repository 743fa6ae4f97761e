"""An outline with few vertices that covers everything the area covers: it only grows, and says by how much."""

from __future__ import annotations

from typing import Any

from alerts.cap.model import DECIMALS

STEPS = 24  # halvings of the distance; the bounds lie 2**24 apart, from centimetres to the width of a country
NARROWEST, WIDEST = 1e-6, 16.0  # degrees
ROOM = 0.98  # of the distance by which it grew, for simplifying: never back to the edge itself
Shape = Any


def simplify_outward(area: Shape, cap: int) -> tuple[Shape, float]:
    """An area with at most `cap` vertices in all that covers the given one.

    Parameters
    ----------
    area : shapely Polygon or MultiPolygon
        EPSG:4326 within the world's box [degrees]. Holes are filled: CAP has none.
    cap : int
        Vertices that are allowed, closing ones counted; at least 5.

    Returns
    -------
    area : shapely Polygon or MultiPolygon
    grown : float
        How much larger it is, as a share of the area given.

    Notes
    -----
    The area is widened by a distance and then simplified by a little less (Douglas and Peucker, 1973), so that its
    new edge stays outside the old one; the least distance that fits is found by halving. Where the parts lie far
    apart and the cap is small, they end in one hull.
    """
    import shapely

    filled = _filled(area)
    best = _rounded(filled)
    if vertices(best) > cap or not best.covers(filled):
        low, high, best = NARROWEST, WIDEST, _box(filled)
        for _ in range(STEPS):
            middle = (low * high) ** 0.5
            found = _widened(filled, middle)
            if vertices(found) <= cap and found.covers(filled):
                best, high = found, middle
            else:
                low = middle
            if high / low < 1.05:
                break
        hull = _rounded(filled.convex_hull.buffer(NARROWEST, join_style="mitre"))
        if vertices(hull) <= cap and hull.area < best.area and hull.covers(filled):
            best = hull
    before = _km2(area)
    grown = max(0.0, _km2(best) / before - 1.0) if before > 0 else 0.0
    return shapely.normalize(best), grown


def vertices(area: Shape) -> int:
    """Positions that CAP would write, closing ones counted."""
    import shapely

    return int(shapely.get_num_coordinates(area))


def _filled(area: Shape) -> Shape:
    import shapely

    parts = [shapely.Polygon(part.exterior) for part in shapely.get_parts(area)]
    return shapely.union_all(parts)


def _widened(area: Shape, by: float) -> Shape:
    from data.antimeridian import WORLD

    wide = area.buffer(by, join_style="mitre", mitre_limit=2.0).intersection(WORLD)
    return _rounded(_filled(wide.simplify(by * ROOM)))


def _rounded(area: Shape) -> Shape:
    """With the decimals that are written."""
    import shapely

    return _filled(shapely.set_precision(area, 10.0**-DECIMALS))


def _box(area: Shape) -> Shape:
    import shapely

    from data.antimeridian import WORLD

    west, south, east, north = area.bounds
    return shapely.box(west - NARROWEST, south - NARROWEST, east + NARROWEST, north + NARROWEST).intersection(WORLD)


def _km2(area: Shape) -> float:
    import numpy as np

    from layers.impact.footprint import areas_km2

    return float(areas_km2(np.array([area], dtype=object))[0])
