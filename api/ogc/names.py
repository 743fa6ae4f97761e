"""How collections are called."""

from __future__ import annotations

import re

WORLD = [-180.0, -90.0, 180.0, 90.0]


def field_id(series: str) -> str:
    """The identifier of the collection of a series: its key without what addresses cannot hold."""
    return "field-" + re.sub(r"[^\w.-]+", "-", series)
