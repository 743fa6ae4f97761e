"""C48 to C52, C56 to C59: where; latitude stands before longitude in CAP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from alerts.cap.finding import REJECT, REMARK, Found, found, rule
from alerts.cap.message import Box, Message, children, first, text, written
from alerts.cap.parse import HEIGHT
from alerts.cap.shapes import MAX_RADIUS_KM, circle_of, pairs_of

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

LEAST_POINTS = 4
GEOCODES = Path(__file__).resolve().parent.parent / "geocodes.yaml"
Ring = list[tuple[float, float]]  # lon, lat [degrees]
_PLAIN = re.compile(r"[+-]?(\d+(\.\d{1,6})?|\.\d{1,6})", re.ASCII)


@lru_cache(maxsize=1)
def geocode_schemes() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    """Patterns of the names of known schemes and of their values."""
    rows = yaml.safe_load(GEOCODES.read_text(encoding="utf-8"))
    return tuple((re.compile(row["name"]), re.compile(row["value"])) for row in rows)


def polygons(message: Message) -> Iterator[Element]:
    """Every polygon element."""
    return (one for area in message.areas for one in children(area, "polygon"))


def circles(message: Message) -> Iterator[Element]:
    """Every circle element."""
    return (one for area in message.areas for one in children(area, "circle"))


def ring_of(polygon: Element) -> Ring | None:
    """The positions of a polygon that C49 to C51 let pass; None for another."""
    try:
        ring = [(float(lon), float(lat)) for lat, lon in pairs_of(written(polygon))]
    except ValueError:
        return None
    usable = len(ring) >= LEAST_POINTS and ring[0] == ring[-1]
    return ring if usable and all(abs(lon) <= 180 and abs(lat) <= 90 for lon, lat in ring) else None


@rule("C48", REJECT, "Each area is described, and a public message says where by a polygon, circle or geocode.")
def c48(message: Message) -> Iterator[Found]:
    for area in message.areas:
        if not text(area, "areaDesc"):
            yield found("{name} is empty.", area, name="areaDesc")
        if message.public and not any(children(area, name) for name in ("polygon", "circle", "geocode")):
            yield found("The area has no polygon, circle or geocode.", area)
    for info in message.infos:
        if message.public and not children(info, "area"):
            yield found("The info block says nothing of where.", info)


@rule("C49", REJECT, "A polygon is pairs lat,lon with a comma inside and blanks between them.", received=REJECT)
def c49(message: Message) -> Iterator[Found]:
    for one in polygons(message):
        try:
            count = len(pairs_of(written(one)))
        except ValueError as error:
            yield found("Not a pair written lat,lon: {value}", one, value=error)
        else:
            if not count:
                yield found("{name} is empty.", one, name="polygon", received=REMARK)


@rule("C50", REJECT, "A polygon has four pairs or more, and the last is the first.")
def c50(message: Message) -> Iterator[Found]:
    for one in polygons(message):
        pairs = _numbers(one)
        if pairs and len(pairs) < LEAST_POINTS:
            yield found("The polygon has {n} pairs; four are the least.", one, n=len(pairs))
        if pairs and pairs[0] != pairs[-1]:
            yield found("The polygon is not closed: its last pair is not its first.", one)


@rule("C51", REJECT, "Latitudes are to 90, longitudes to 180, with six decimals at most and no exponent.")
def c51(message: Message) -> Iterator[Found]:
    for one in polygons(message):
        try:
            yield from _range(one, pairs_of(written(one)))
        except ValueError:
            continue  # C49 has said so
    for one in circles(message):
        try:
            lat, lon, _ = circle_of(written(one))
        except ValueError:
            continue  # C57 says so
        yield from _range(one, [(lat, lon)])


def _range(element: Element, pairs: list[tuple[str, str]]) -> Iterator[Found]:
    """One finding of each kind, for the first pair that shows it."""
    beyond = [f"{lat},{lon}" for lat, lon in pairs if abs(float(lat)) > 90 or abs(float(lon)) > 180]
    odd = [f"{lat},{lon}" for lat, lon in pairs if not (_PLAIN.fullmatch(lat) and _PLAIN.fullmatch(lon))]
    if beyond:
        yield found("No such place, or longitude and latitude are swapped: {value}", element, value=beyond[0])
    if odd:
        yield found("More than six decimals, or an exponent: {value}", element, value=odd[0])


@rule("C52", REJECT, "The area lies where the issuer may warn.")
def c52(message: Message) -> Iterator[Found]:
    allowed = message.context.jurisdiction
    boxes = [box for box in map(_box, (*polygons(message), *circles(message))) if box is not None]
    if allowed is None or not boxes or any(_meet(box, allowed) for box in boxes):
        return
    first_area = next(message.areas)
    if any(_meet((south, west, north, east), allowed) for west, south, east, north in boxes):
        yield found("The area lies outside; with latitude and longitude swapped it would lie inside.", first_area)
    else:
        yield found("The area lies outside of where the issuer may warn.", first_area)


@rule("C56", REMARK, "A polygon has no more vertices than its channel takes.")
def c56(message: Message) -> Iterator[Found]:
    for one in polygons(message):
        if (count := written(one).count(",")) > message.context.vertex_cap:
            yield found(
                "The polygon has {n} vertices, more than {most}.", one, n=count, most=message.context.vertex_cap
            )


@rule("C57", REJECT, "A circle is lat,lon, one blank and a radius in km, from 0 to 20,015.", received=REJECT)
def c57(message: Message) -> Iterator[Found]:
    for one in circles(message):
        try:
            _, _, radius = circle_of(written(one))
        except ValueError as error:
            weight = REJECT if written(one).strip() else REMARK  # how several services write that there is none
            yield found("Not a circle written lat,lon radius: {value}", one, received=weight, value=str(error) or "-")
            continue
        if not 0 <= float(radius) <= MAX_RADIUS_KM:
            yield found("No such radius: {value} km", one, value=radius)
        elif float(radius) == 0:
            yield found("The radius is 0: the circle is a point.", one, weight=REMARK, received=REMARK)
        elif "e" in radius.lower():
            yield found("More than six decimals, or an exponent: {value}", one, value=radius)


@rule("C58", REMARK, "Geocodes are of known lists, and a shape stands beside them.")
def c58(message: Message) -> Iterator[Found]:
    for area in message.areas:
        codes = children(area, "geocode")
        if codes and not children(area, "polygon") and not children(area, "circle"):
            yield found("The area has geocodes alone; those who do not know them cannot draw it.", area)
        for one in codes:
            yield from _geocode(message, one)


def _geocode(message: Message, geocode: Element) -> Iterator[Found]:
    name, value = text(geocode, "valueName"), text(geocode, "value")
    listed = message.context.geocodes.get(name)
    pattern = next((values for names, values in geocode_schemes() if names.fullmatch(name)), None)
    if listed is not None:
        if value not in listed:
            yield found("{value} is not in the list of {name}.", geocode, value=value, name=name)
    elif pattern is None:
        yield found("No list of geocodes is known by the name {name}.", geocode, name=name or "-")
    elif pattern.fullmatch(value) is None:
        yield found("{value} is not in the list of {name}.", geocode, value=value, name=name)


@rule("C59", REJECT, "altitude and ceiling are feet above mean sea level; a ceiling stands over an altitude.")
def c59(message: Message) -> Iterator[Found]:
    for area in message.areas:
        heights = {}
        for name in ("altitude", "ceiling"):
            element = first(area, name)
            if element is not None and HEIGHT.fullmatch(text(area, name)) is None:
                yield found("Not a number of feet: {value}", element, value=text(area, name) or "-")
            elif element is not None:
                heights[name] = Decimal(text(area, name))
        if first(area, "ceiling") is not None and first(area, "altitude") is None:
            yield found("There is a ceiling and no altitude.", first(area, "ceiling"))
        if len(heights) == 2 and heights["altitude"] > heights["ceiling"]:
            yield found("The ceiling lies below the altitude.", first(area, "ceiling"))


def _numbers(polygon: Element) -> list[tuple[float, float]]:
    try:
        return [(float(lat), float(lon)) for lat, lon in pairs_of(written(polygon))]
    except ValueError:
        return []


def _box(element: Element) -> Box | None:
    """West, south, east and north of a shape; of a circle, about its centre."""
    pairs = _numbers(element)
    try:
        reach = 0.0 if pairs else float(circle_of(written(element))[2]) / 111.0
        pairs = pairs or [(float(lat), float(lon)) for lat, lon, _ in [circle_of(written(element))]]
    except ValueError:
        return None
    lats, lons = [lat for lat, _ in pairs], [lon for _, lon in pairs]
    return min(lons) - reach, min(lats) - reach, max(lons) + reach, max(lats) + reach


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
