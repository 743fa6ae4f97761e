"""The texts of `polygon` and `circle`, and lists of words, read strictly; CAP writes latitude before longitude."""

from __future__ import annotations

import re

from alerts.cap.model import Circle, Polygon, Position

MAX_RADIUS_KM = 20_015.0  # half the way round the earth
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_PAIR = re.compile(rf"({_NUMBER}),({_NUMBER})", re.ASCII)
_ITEM = re.compile(r'(?<!\S)"([^"]+)"(?!\S)|(?<!\S)([^\s"]+)(?!\S)')
_CIRCLE = re.compile(rf"({_NUMBER},{_NUMBER})[ \t\r\n]({_NUMBER})", re.ASCII)


def pairs_of(text: str) -> list[tuple[str, str]]:
    """The pairs of a polygon as written: latitude, longitude.

    Raises
    ------
    ValueError
        If a part between blanks is no two numbers with a comma between them.
    """
    found = []
    for part in text.split():
        pair = _PAIR.fullmatch(part)
        if pair is None:
            raise ValueError(part[:40])
        found.append((pair[1], pair[2]))
    return found


def circle_of(text: str) -> tuple[str, str, str]:
    """Latitude, longitude and radius [km] of a circle as written; ValueError otherwise."""
    parts = _CIRCLE.fullmatch(text.strip())
    pair = _PAIR.fullmatch(parts[1]) if parts else None
    if parts is None or pair is None:
        raise ValueError(text.strip()[:40])
    return pair[1], pair[2], parts[2]


def read_polygon(text: str) -> Polygon:
    """A polygon element's text as a ring of positions; ValueError as in `pairs_of`."""
    return Polygon(ring=tuple(Position(float(lon), float(lat)) for lat, lon in pairs_of(text)))


def read_circle(text: str) -> Circle:
    """A circle element's text; ValueError as in `circle_of`."""
    lat, lon, radius_km = circle_of(text)
    return Circle(centre=Position(float(lon), float(lat)), radius_km=float(radius_km))


def words_of(text: str) -> tuple[str, ...]:
    """The items of a list between blanks, where double quotes hold an item with blanks together.

    Raises
    ------
    ValueError
        If a quote is not closed, stands inside a word, or holds nothing.
    """
    found = [match[1] or match[2] for match in _ITEM.finditer(text)]
    if _ITEM.sub("", text).strip() or not all(one.strip() for one in found):
        raise ValueError(f"quotes are not in pairs around words: {text[:80]!r}")
    return tuple(found)
