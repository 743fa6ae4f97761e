"""Classes of a quantity as dated data in `data/reference/classes/`, each table with its authority and its dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from data.errors import ConfigError, LayerError

REFERENCE = Path(__file__).resolve().parent.parent / "data" / "reference"

Numbers = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class ClassName:
    """One class: everything from `start` up to the next one's start."""

    number: int
    key: str
    en: str
    zh: str
    start: float  # -inf: no lower end


@dataclass(frozen=True, kw_only=True)
class ClassTable:
    """The classes of one quantity after one authority, in increasing order of the quantity."""

    key: str
    en: str
    zh: str
    authority: str
    source: str
    confirmed: bool  # False: the numbers were not seen in a text that can be cited
    valid_from: date
    valid_until: date | None
    quantity: str
    unit: str
    edge: Literal["lower", "upper"]  # which class a limit belongs to: the one above it, or the one below
    resolution: float  # values are rounded to this before they are compared; 0: as they are
    classes: tuple[ClassName, ...]
    note: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)  # what else belongs to the scheme, as an averaging period

    def numbers(self, values: ArrayLike) -> Numbers:
        """Class number of each value; NaN where the value is missing, not finite or below the first class."""
        value = np.asarray(values, dtype=np.float64)
        starts = np.array([entry.start for entry in self.classes])
        if self.resolution:
            # The little more keeps 0.1 of a single-precision field from falling below its own limit.
            value = np.floor(value / self.resolution + 0.5 + 1e-6)
            starts = np.rint(starts / self.resolution)
        place = np.searchsorted(starts, value, side="right" if self.edge == "lower" else "left") - 1
        known = np.isfinite(value) & (place >= 0)
        named = np.array([entry.number for entry in self.classes], dtype=np.float32)
        return np.where(known, named[np.where(known, place, 0)], np.float32(np.nan)).astype(np.float32)

    def name(self, number: int, locale: str = "en") -> str:
        """The word for a class number."""
        found = next(entry for entry in self.classes if entry.number == number)
        return found.zh if locale == "zh" else found.en


def settle(least: ArrayLike, most: ArrayLike) -> Numbers:
    """A grade from its lowest and highest possible value where inputs are missing.

    What is certainly reached is told; where nothing is, and missing input may hide something, the grade is unknown.
    """
    low, high = np.asarray(least, dtype=np.float32), np.asarray(most, dtype=np.float32)
    return np.where((low > 0) | (low == high), low, np.float32(np.nan)).astype(np.float32)


def valid_on(valid_from: date, valid_until: date | None, day: date | None) -> bool:
    """Whether a table is in force on a day; without a day, whether it is the one in force without an end."""
    if day is None:
        return valid_until is None
    return valid_from <= day and (valid_until is None or day <= valid_until)


def class_table(key: str, on: date | None = None) -> ClassTable:
    """The table in force on a day; without a day the current one.

    Raises
    ------
    LayerError
        If there is no such table, or none was in force on that day.
    """
    found = [table for table in class_tables() if table.key == key]
    if not found:
        raise LayerError(f"no classes are known as {key!r}")
    for table in found:
        if valid_on(table.valid_from, table.valid_until, on):
            return table
    raise LayerError(f"no classes {key!r} were in force on {on}")


@lru_cache(maxsize=1)
def class_tables() -> tuple[ClassTable, ...]:
    """Every table of the house, by file name."""
    return tuple(table for path in sorted((REFERENCE / "classes").glob("*.yaml")) for table in read_tables(path))


def read_tables(path: Path) -> list[ClassTable]:
    """The tables of a file.

    Raises
    ------
    ConfigError
        With every fault at once, if a table has no authority or dates, or its classes are not in order.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    tables: list[ClassTable] = []
    faults: list[str] = []
    for place, entry in enumerate(document["tables"], start=1):
        try:
            tables.append(_read_table(entry))
        except (KeyError, TypeError, ValueError) as error:
            faults.append(f"{path.name}, table {place}: {type(error).__name__} {error}")
    if faults:
        raise ConfigError(faults)
    return tables


def _read_table(entry: Mapping[str, Any]) -> ClassTable:
    classes = tuple(
        ClassName(
            number=int(item["number"]), key=str(item["key"]), en=str(item["en"]), zh=str(item["zh"]),
            start=-np.inf if item["start"] is None else float(item["start"]),
        )
        for item in entry["classes"]
    )  # fmt: skip
    starts = [item.start for item in classes]
    if not starts or any(later <= former for former, later in pairwise(starts)):
        raise ValueError("classes must be given, in increasing order of their start")
    if entry["edge"] not in ("lower", "upper"):
        raise ValueError(f"edge must be lower or upper, not {entry['edge']!r}")
    if not isinstance(entry["valid_from"], date):
        raise ValueError("valid_from must be a date")
    return ClassTable(
        key=str(entry["key"]), en=str(entry["title"]["en"]), zh=str(entry["title"]["zh"]),
        authority=str(entry["authority"]), source=str(entry["source"]), confirmed=bool(entry["confirmed"]),
        valid_from=entry["valid_from"], valid_until=entry["valid_until"], quantity=str(entry["quantity"]),
        unit=str(entry["unit"]), edge=entry["edge"], resolution=float(entry["resolution"]), classes=classes,
        note=str(entry.get("note", "")), about=dict(entry.get("about", {})),
    )  # fmt: skip
