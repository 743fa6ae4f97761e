"""A table of one number a region that a person brings: read with every bad row named, bounded in size."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

from data.errors import LayerError
from data.regions import RegionIndex

MOST_BYTES = 2_000_000
MOST_ROWS = 20_000
MOST_FAULTS = 50  # kept; the rest are counted
CODE = ("code", "region", "代码", "区划代码", "行政区划代码")
VALUE = ("value", "score", "数值", "值", "指数")
TOO_LARGE = "The file is larger than 2 MB."
TOO_MANY = "The table has more than 20,000 rows."
NOT_TEXT = "The file is not a text table in UTF-8 or GB 18030."
NO_HEAD = "The first line must name the columns code and value."
NO_ROWS = "No row of the table could be used."


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Values by code, and the rows that could not be used: (line, what it says, reason)."""

    values: Mapping[str, float]
    faults: tuple[tuple[int, str, str], ...]
    more_faults: int


def decode(contents: str) -> bytes:
    """The bytes of what Dash's upload gives: `data:...;base64,...`.

    Raises
    ------
    LayerError
        If it is larger than allowed or not readable.
    """
    _, _, written = contents.partition(",")
    if len(written) > MOST_BYTES * 4 // 3 + 4:
        raise LayerError(TOO_LARGE)
    try:
        return base64.b64decode(written, validate=True)
    except binascii.Error as error:
        raise LayerError(NOT_TEXT) from error


def read_table(body: bytes, regions: RegionIndex) -> Upload:
    """A CSV (comma, semicolon or tab) with the columns code and value.

    Raises
    ------
    LayerError
        With a sentence for people, where nothing of it can be used.
    """
    if len(body) > MOST_BYTES:
        raise LayerError(TOO_LARGE)
    text = _text(body)
    first = text.split("\n", 1)[0]
    mark = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    try:
        code_at, value_at = _head(next(lines, []))
        values: dict[str, float] = {}
        faults: list[tuple[int, str, str]] = []
        for number, row in enumerate(lines, start=2):
            if number > MOST_ROWS + 1:
                raise LayerError(TOO_MANY)
            if not any(cell.strip() for cell in row):
                continue
            cells = [*row, "", ""]
            code, written = _code(cells[code_at] if code_at < len(row) else "", regions), cells[value_at].strip()
            value, fault = _value(written)
            if regions.by_code(code) is None:
                fault = "no region has this code"
            elif code in values:
                fault = "this region was given above"
            if fault:
                faults.append((number, mark.join(row)[:80], fault))
            else:
                values[code] = value
    except csv.Error as error:
        raise LayerError(NOT_TEXT) from error
    if not values:
        raise LayerError(NO_ROWS)
    return Upload(values=values, faults=tuple(faults[:MOST_FAULTS]), more_faults=max(0, len(faults) - MOST_FAULTS))


def _text(body: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise LayerError(NOT_TEXT)


def _head(row: list[str]) -> tuple[int, int]:
    names = [cell.strip().lower() for cell in row]
    code = next((place for place, name in enumerate(names) if name in CODE), None)
    value = next((place for place, name in enumerate(names) if name in VALUE), None)
    if code is None or value is None:
        raise LayerError(NO_HEAD)
    return code, value


def _code(cell: str, regions: RegionIndex) -> str:
    """A region's code; six digits alone are an adcode of China, five a county of the United States."""
    code = cell.strip()
    if regions.by_code(code) is None and code.isascii() and code.isdigit():
        code = {6: "CN-", 5: "US-", 2: "US-"}.get(len(code), "") + code
    return code


def _value(written: str) -> tuple[float, str]:
    try:
        value = float(written)
    except ValueError:
        return math.nan, "not a number" if written else "no value"
    return (value, "") if math.isfinite(value) else (math.nan, "not a finite number")
