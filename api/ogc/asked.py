"""What OGC requests ask for, made into what our stores take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import shapely
from pygeoapi.provider.base import ProviderInvalidQueryError

from data.clock import parse_time

MAP_EDGE = 85.05  # what the survey stores reach [degrees of latitude]


def box_of(bbox: Sequence[float]) -> shapely.Geometry:
    """The area of a bounding box of four or six numbers; one that crosses the date line has two parts."""
    west, south, east, north = bbox if len(bbox) == 4 else (bbox[0], bbox[1], bbox[3], bbox[4])
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise ProviderInvalidQueryError(user_msg="bbox is beyond the world")
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))


def on_map(area: shapely.Geometry) -> shapely.Geometry | None:
    """The part of an area that a survey store can hold; None for none of it."""
    part = shapely.intersection(area, shapely.box(-180, -MAP_EDGE, 180, MAP_EDGE))
    return part if part.area > 0 else None


def span_of(asked: str | None) -> tuple[datetime | None, datetime | None]:
    """The first and last time of a `datetime`: an instant, a day, or an interval open at `..` or nothing."""
    if not asked:
        return None, None
    begin, slash, end = asked.partition("/")
    if not slash:
        return _time(begin), _time(begin, last=True)
    first = None if begin in ("", "..") else _time(begin)
    last = None if end in ("", "..") else _time(end, last=True)
    if first is not None and last is not None and last < first:
        raise ProviderInvalidQueryError(user_msg="datetime ends before it begins")
    return first, last


def _time(text: str, *, last: bool = False) -> datetime:
    try:
        if len(text) == 10:
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
            return day + timedelta(days=1, microseconds=-1) if last else day
        return parse_time(text.replace(" ", "+"))
    except ValueError as error:
        raise ProviderInvalidQueryError(user_msg="datetime is no RFC 3339 time or interval") from error
