"""Does it concern me: which messages are about a place, when in doubt too many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import shapely

from alerts.cap.model import Circle
from alerts.published import Published
from api.search import Places, find
from data.regions import RegionIndex
from layers.geodesy import great_circle_km

MOST_FOUND = 20
LONGEST = 80


@dataclass(frozen=True)
class Place:
    """Somewhere that a reader chose; `rid` is -1 for a point that is no region."""

    name: str
    within: str
    address: str  # what stands behind `place=`
    rid: int
    box: tuple[float, float, float, float]


def places_named(wanted: str, index: RegionIndex, places: Places | None, locale: str) -> list[Place]:
    """Places of a name, the likeliest first."""
    found = find(wanted[:LONGEST].strip(), index, places, 2 * MOST_FOUND)[0] if wanted.strip() else []
    regions = [one for one in found if one["type"] == "region"]
    different = [one for one in found if one["type"] == "region" or not _is_one_of(one, regions)]
    return [_place(one, locale) for one in different[:MOST_FOUND]]


def _is_one_of(town: dict[str, Any], regions: list[dict[str, Any]]) -> bool:
    """Whether a town is called as the region that it lies in."""
    for region in regions:
        west, south, east, north = region["bbox"]
        inside = west <= town["lon"] <= east and south <= town["lat"] <= north
        if inside and region["name"].casefold() == town["name"].casefold():
            return True
    return False


def place_at(address: str, index: RegionIndex, locale: str) -> Place | None:
    """The place that an address names: a region's code, or longitude and latitude."""
    rid = index.by_code(address)
    if rid is not None:
        west, south, east, north = index.bbox[rid].tolist()
        above = (name_of(index, upper, locale) for upper in index.ancestors(rid))
        return Place(name_of(index, rid, locale), ", ".join(above), address, rid, (west, south, east, north))
    try:
        lon, lat = (float(part) for part in address.split(","))
    except ValueError:
        return None
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        return None
    name = f"{abs(lat):.2f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.2f}° {'E' if lon >= 0 else 'W'}"
    return Place(name, "", f"{lon:.2f},{lat:.2f}", -1, (lon, lat, lon, lat))


def name_of(index: RegionIndex, rid: int, locale: str) -> str:
    """A region's name in a language, as far as there is one."""
    return (str(index.name_zh[rid]) if locale == "zh" else "") or str(index.name[rid])


def concerning(found: Iterable[Published], place: Place, index: RegionIndex) -> list[Published]:
    """Messages about the place, about what it lies in, and about parts of it.

    Regions are compared with regions and points with what the message draws; where it has only the other, by boxes.
    """
    return [one for one in found if _concerns(one, place, index)]


def _concerns(one: Published, place: Place, index: RegionIndex) -> bool:
    rids = [rid for code in one.issued.regions if (rid := index.by_code(code)) is not None]
    areas = [area for info in one.alert.info for area in info.area]
    drawn = any(area.polygons or area.circles for area in areas)
    if place.rid >= 0 and rids:
        chain = set(index.chain(place.rid))
        return any(rid in chain or place.rid in index.chain(rid) for rid in rids)
    box = shapely.box(*place.box)
    if not drawn:
        return any(box.intersects(shapely.box(*index.bbox[rid].tolist())) for rid in rids)
    polygons = (polygon for area in areas for polygon in area.polygons)
    if any(shapely.make_valid(shapely.Polygon(polygon.ring)).intersects(box) for polygon in polygons):
        return True
    return any(_near(circle, place) for area in areas for circle in area.circles)


def _near(circle: Circle, place: Place) -> bool:
    west, south, east, north = place.box
    at = circle.centre
    lon, lat = min(max(at.lon, west), east), min(max(at.lat, south), north)
    return bool(great_circle_km(at.lon, at.lat, lon, lat) <= circle.radius_km * 1.01)


def _place(found: dict[str, Any], locale: str) -> Place:
    name = (found["name_zh"] if locale == "zh" else "") or found["name"]
    if found["type"] == "region":
        west, south, east, north = found["bbox"]
        return Place(name, found["within"], found["code"], found["rid"], (west, south, east, north))
    lon, lat = found["lon"], found["lat"]
    return Place(name, found["within"], f"{lon:.2f},{lat:.2f}", -1, (lon, lat, lon, lat))
