"""C53 to C55: rings that cross themselves, the antimeridian or a pole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from alerts.cap.finding import REJECT, REMARK, Found, found, rule
from alerts.cap.message import Message
from alerts.cap.rules.area import Ring, polygons, ring_of

HALF_ROUND = 180.0  # degrees between neighbours, beyond which the shorter way crosses the antimeridian


@rule("C53", REJECT, "A polygon has an area, does not cross itself, and no position follows itself.")
def c53(message: Message) -> Iterator[Found]:
    import shapely

    for one in polygons(message):
        ring = ring_of(one)
        if ring is None:
            continue
        if any(here == there for here, there in pairwise(ring)):
            yield found("A pair of the polygon stands twice in a row.", one)
        if _crosses(ring):
            continue  # its shape is not what the numbers draw on a plane
        shape = shapely.Polygon(ring)
        if shape.area == 0:
            yield found("The polygon has no area.", one)
        elif not shape.is_valid:
            yield found("The polygon crosses or touches itself.", one)


@rule("C54", REJECT, "A polygon does not cross the 180th meridian; two stand for one that would.")
def c54(message: Message) -> Iterator[Found]:
    for one in polygons(message):
        ring = ring_of(one)
        if ring is not None and _crosses(ring) and not _around_pole(ring):
            yield found("The polygon crosses the 180th meridian; write one for each side.", one)


@rule("C55", REMARK, "A polygon does not go round a pole; a circle says that better.")
def c55(message: Message) -> Iterator[Found]:
    for one in polygons(message):
        ring = ring_of(one)
        if ring is not None and (_around_pole(ring) or any(abs(lat) == 90 for _, lat in ring)):
            yield found("The polygon reaches or goes round a pole: a person should look at it.", one)


def _crosses(ring: Ring) -> bool:
    return any(abs(there[0] - here[0]) > HALF_ROUND for here, there in pairwise(ring))


def _around_pole(ring: Ring) -> bool:
    """Whether the longitudes, each step taken the shorter way, do not come back to where they began."""
    turns = sum((there[0] - here[0] + HALF_ROUND) % 360.0 - HALF_ROUND for here, there in pairwise(ring))
    return abs(turns) > HALF_ROUND
