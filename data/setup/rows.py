"""The row every region pack produces."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shapely.geometry.base import BaseGeometry

from data.antimeridian import valid_polygons


@dataclass(frozen=True, kw_only=True)
class Row:
    """One region before it has a number: its codes, its names ('' where unknown) and its area."""

    code: str
    kind: str
    pack: str
    name: str
    name_zh: str = ""
    parent: str = ""
    geometry: BaseGeometry
    population: float = float("nan")


def slug(name: str) -> str:
    """Capital letters, digits and hyphens: `N. Cyprus` becomes `N-CYPRUS`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Z0-9]+", "-", plain.upper()).strip("-")


def mended(rows: Iterable[Row]) -> list[Row]:
    """The rows with valid areas."""
    return [replace(row, geometry=valid_polygons(row.geometry)) for row in rows]


def repeated(codes: Iterable[str]) -> set[str]:
    """The codes that occur more than once."""
    return {code for code, count in Counter(codes).items() if count > 1}
