"""The key that everything shares: a Morton cell of the map and a bin of time.

A cell is written as the digits 0 to 3 from the whole map downwards, as map tiles are in quadkeys: 0 north-west, 1
north-east, 2 south-west, 3 south-east. Its digits are the leading bits of the Morton keys of survey records, so that
a cell is one range of them. A bin is written as a time in UTC cut short: `2026`, `2026-11`, `2026-11-22`,
`2026-11-22T03` or `2026-11-22T03:10`. Whatever begins with the digits of a cell, or the text of a bin, lies in it.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from data.clock import as_utc
from data.errors import LayerError
from layers.kernels.survey import NOWHERE, REACH, keys_of

FINEST = 24  # digits: about 2 m
CELL = re.compile(rf"[0-3]{{1,{FINEST}}}")
Box = tuple[float, float, float, float]  # west, south, east, north [degrees]
Size = Literal["year", "month", "day", "hour", "minute"]
FORMS: dict[Size, str] = {
    "year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%dT%H", "minute": "%Y-%m-%dT%H:%M",
}  # fmt: skip
LENGTHS: dict[int, Size] = {4: "year", 7: "month", 10: "day", 13: "hour", 16: "minute"}


def cell_of(lon: float, lat: float, digits: int = FINEST) -> str:
    """The cell at a point; LayerError where the map does not reach (beyond 85 degrees of latitude)."""
    out = np.empty(1, np.uint64)
    keys_of(np.array([lon], np.float64), np.array([lat], np.float64), out)
    if out[0] == NOWHERE:
        raise LayerError("no cell: the map reaches from -180 to 180 and from -85 to 85 degrees")
    return "".join(str(int(out[0]) >> (62 - 2 * place) & 3) for place in range(_digits(digits)))


def box_of(cell: str) -> Box:
    """What a cell covers; LayerError for a text that is none."""
    x = y = 0
    for digit in _checked(cell):
        x, y = 2 * x + (int(digit) & 1), 2 * y + (int(digit) >> 1)
    side = float(1 << len(cell))
    west, east = x / side * 360 - 180, (x + 1) / side * 360 - 180
    return west, _north(y + 1, side), east, _north(y, side)


def range_of(cell: str) -> tuple[int, int]:
    """The first Morton key of a cell, and the first one behind it."""
    free = 64 - 2 * len(_checked(cell))
    number = int(cell, 4)
    return number << free, (number + 1) << free


def common_cell(box: Box) -> str:
    """The finest cell that holds a box; "" where only the whole map does."""
    west, south, east, north = box
    edge = REACH - 1e-9
    corners = (cell_of(west, min(max(north, -edge), edge)), cell_of(min(east, 180.0), min(max(south, -edge), edge)))
    shared = 0
    while shared < FINEST and corners[0][shared] == corners[1][shared]:
        shared += 1
    return corners[0][:shared]


def bin_of(at: datetime, size: Size = "hour") -> str:
    """The bin that holds a time."""
    return as_utc(at).strftime(FORMS[size])


def span_of(written: str) -> tuple[datetime, datetime]:
    """Beginning and end of a bin; the end belongs to the next. LayerError for a text that is none."""
    try:
        size = LENGTHS[len(written)]
        start = datetime.strptime(written, FORMS[size]).replace(tzinfo=UTC)
        if bin_of(start, size) != written:
            raise ValueError("written in another way")
        return start, _end(start, size)
    except (KeyError, ValueError, OverflowError) as error:
        raise LayerError("a bin is a time in UTC such as 2026, 2026-11, 2026-11-22 or 2026-11-22T03") from error


def _end(start: datetime, size: Size) -> datetime:
    match size:
        case "year":
            return start.replace(year=start.year + 1)
        case "month":
            return (start + timedelta(days=31)).replace(day=1)
        case "day":
            return start + timedelta(days=1)
        case "hour":
            return start + timedelta(hours=1)
        case _:
            return start + timedelta(minutes=1)


def _digits(digits: int) -> int:
    if not 1 <= digits <= FINEST:
        raise LayerError(f"a cell has 1 to {FINEST} digits")
    return digits


def _checked(cell: str) -> str:
    if not CELL.fullmatch(cell):
        raise LayerError(f"a cell is 1 to {FINEST} digits from 0 to 3")
    return cell


def _north(y: int, side: float) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / side))))
