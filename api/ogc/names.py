"""How collections, the one reference system and the languages of filters are called."""

from __future__ import annotations

import re

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
LANGUAGES = ("cql2-text", "cql2-json")
WORLD = [-180.0, -90.0, 180.0, 90.0]


def field_id(series: str) -> str:
    """The identifier of the collection of a series: its key without what addresses cannot hold."""
    return "field-" + re.sub(r"[^\w.-]+", "-", series)
