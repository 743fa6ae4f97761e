"""Where the inputs of a composite come from: warning levels, people, survey grades, fields, an office's tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.model import Level
from data.regions import RegionIndex
from layers.layer import RegionValues
from layers.regions import RegionLevels
from layers.risk import Input
from layers.text_table import rows_of, text_of

MOST_BYTES = 4_000_000
MOST_ROWS = 50_000
LEVEL_STEP = 2.5  # none, blue, yellow, orange, red are 0, 2.5, 5, 7.5 and 10
GRADES = (1.0, 5.0)  # of a survey of vulnerability: grade 1 is the most vulnerable
SCALE = (0.0, 10.0)
CODE_WORDS = ("code", "代码", "编码", "行政区划代码")

Floats = NDArray[np.float64]


def level_input(levels: RegionLevels, rids: NDArray[np.int32], **facts: Any) -> Input:
    """The hazard as the warning levels tell it: 0, 2.5, 5, 7.5, 10.

    Where a rule cannot tell, the hazard is at least the worst level known and may be anything above; where none
    watches, it is unknown.
    """
    level, unknown, watched = levels.level[rids], levels.unknown[rids], levels.watched[rids]
    seen = watched & (level >= Level.NONE)
    low = np.where(seen, level * LEVEL_STEP, np.nan)
    high = np.where(seen & ~unknown, level * LEVEL_STEP, np.nan)
    return Input(dimension="hazard", low=low, high=high, scale=SCALE, **_facts("levels", "Warning level", facts))


def people_input(people: Floats, *, most: float = 1e7, **facts: Any) -> Input:
    """Exposure by the order of magnitude of people: none is 0, `most` and more is 10."""
    return Input(
        dimension="exposure", low=people, high=people, scale=(0.0, most), logarithmic=True,
        **_facts("people", "People", {"unit": "1"} | facts),
    )  # fmt: skip


def grade_input(grade: Floats, **facts: Any) -> Input:
    """Vulnerability by the grade of a survey: grade 1 is 10, grade 5 is 2; grades outside 1..5 are unknown."""
    known = np.where((grade >= GRADES[0]) & (grade <= GRADES[1]), grade, np.nan)
    return Input(
        dimension="vulnerability", low=known, high=known, scale=(1.0, 6.0), inverted=True,
        **_facts("grade", "Survey grade", facts),
    )  # fmt: skip


def values_input(values: RegionValues, rids: NDArray[np.int32], scale: tuple[float, float], **facts: Any) -> Input:
    """A field's region values; regions that it does not hold are unknown."""
    found = aligned(values.rid, values.value, rids)
    facts = {"dimension": "hazard", "unit": values.unit, "source": ", ".join(values.sources)} | facts
    return Input(low=found, high=found, scale=scale, **_facts(values.quantity, values.quantity, facts))


def _facts(key: str, title: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"key": key, "title": title} | facts


def aligned(own: NDArray[np.int32], values: Floats, rids: NDArray[np.int32]) -> Floats:
    """Values of regions `own` (increasing) in the order of `rids`; NaN where there is none."""
    if not own.size:
        return np.full(rids.size, np.nan)
    place = np.searchsorted(own, rids).clip(0, own.size - 1)
    return np.where(own[place] == rids, values[place], np.nan)


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A table of an office: a value for each region, NaN where it gives none, and the lines that were of no use."""

    low: Floats
    high: Floats
    rejects: tuple[tuple[int, str], ...]  # line number, reason
    used: int


def read_table(body: bytes, index: RegionIndex, rids: NDArray[np.int32]) -> Table:
    """Values of regions from CSV: `code,value`, or `code,low,high` where only bounds are known.

    Codes are ours or plain Chinese (410105) and US (29189) ones; the separator is a comma, semicolon or tab; UTF-8
    or GB 18030. A line that cannot be used is kept with its reason and leaves its region unknown; two lines for one
    region leave it unknown too.

    Raises
    ------
    LayerError
        If it is too large, or no table of text.
    """
    if len(body) > MOST_BYTES:
        raise LayerError(f"the table has {len(body)} bytes; at most {MOST_BYTES} are read")
    codes, found, rejects = _codes(index, rids), dict[int, tuple[int, float, float]](), list[tuple[int, str]]()
    twice: set[int] = set()
    for line, cells in _lines(text_of(body)):
        try:
            place, low, high = _row(cells, codes)
        except ValueError as error:
            rejects.append((line, str(error)))
            continue
        if place in found:
            twice.add(place)
            rejects.append((line, f"{cells[0]} stands in line {found[place][0]} too: neither is used"))
        found.setdefault(place, (line, low, high))
    low_all, high_all = np.full(rids.size, np.nan), np.full(rids.size, np.nan)
    for place, (_, low, high) in found.items():
        if place not in twice:
            low_all[place], high_all[place] = low, high
    return Table(low=low_all, high=high_all, rejects=tuple(rejects), used=len(found) - len(twice))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines with their numbers, without the heading."""
    count = 0
    for line, cells in rows_of(text):
        if count == 0 and cells[0].lower() in CODE_WORDS:
            continue
        count += 1
        if count > MOST_ROWS:
            raise LayerError(f"the table has more than {MOST_ROWS} lines")
        yield line, cells


def _codes(index: RegionIndex, rids: NDArray[np.int32]) -> dict[str, int]:
    """Places in `rids` by code, also by the national code alone where only one of these regions has it."""
    own = {str(index.code[rid]): place for place, rid in enumerate(rids.tolist())}
    plain: dict[str, list[int]] = {}
    for code, place in own.items():
        pack, _, rest = code.partition("-")
        if pack in ("CN", "US") and rest:
            plain.setdefault(rest.partition("-")[0], []).append(place)
    return {code: places[0] for code, places in plain.items() if len(places) == 1} | own


def _row(cells: list[str], codes: dict[str, int]) -> tuple[int, float, float]:
    if len(cells) < 2:
        raise ValueError("a code and a value are needed")
    place = codes.get(cells[0])
    if place is None:
        raise ValueError(f"{cells[0][:40]!r} is no code of these regions")
    bounds = [_number(cell) for cell in (cells[1:3] if len(cells) > 2 and cells[2] else [cells[1], cells[1]])]
    if bounds[0] > bounds[1]:
        raise ValueError(f"the lower bound {cells[1]} passes the upper one {cells[2]}")
    return place, bounds[0], bounds[1]


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"{cell[:40]!r} is not a number" if cell else "there is no value") from None
    if not np.isfinite(value):
        raise ValueError(f"{cell[:40]!r} is not a number")
    return value
