"""An outline that a person pastes instead of drawing: GeoJSON, or corners as longitude and latitude."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from data.errors import LayerError

LONGEST = 2_000_000  # characters
PAIR = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*[,\s]\s*(-?\d+(?:\.\d+)?)\s*")
TOO_LONG = "The outline is longer than 2 million characters: simplify it first."
NOT_READ = "This is neither GeoJSON nor a list of corners (longitude, latitude; one a line)."
TOO_FEW = "An area needs at least three corners."


def parse(text: str) -> Mapping[str, Any]:
    """The GeoJSON geometry that a text means.

    Raises
    ------
    LayerError
        With a sentence for people, where it means none; whether it is an area is checked where it is used.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise LayerError(TOO_LONG)
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise LayerError(NOT_READ) from error
        if isinstance(found, dict):
            return found
    return polygon(corners(text))


def corners(text: str) -> list[tuple[float, float]]:
    """Corners between line ends or semicolons."""
    parts = [part for part in re.split(r"[;\n]", text) if part.strip()]
    pairs = [PAIR.fullmatch(part) for part in parts]
    if not pairs or None in pairs:
        raise LayerError(NOT_READ)
    return [(float(pair[1]), float(pair[2])) for pair in pairs if pair is not None]


def polygon(points: Sequence[tuple[float, float]]) -> Mapping[str, Any]:
    """A polygon of corners; the ring is closed."""
    ring = [list(point) for point in points]
    if ring and ring[0] == ring[-1]:
        ring.pop()
    if len(ring) < 3:
        raise LayerError(TOO_FEW)
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
