"""Rows as plain JSON, always written the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.engine import RowMapping

from data.canonical import canonical
from data.clock import iso

__all__ = ["canonical", "plain", "plain_row", "plain_rows", "readable"]


def readable(value: Any) -> bytes:
    """The same, a line for each thing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def plain_row(row: RowMapping | Mapping[Any, Any], *without: str) -> dict[str, Any]:
    """A row without its bytes, times as text."""
    return {
        str(key): plain(value) for key, value in row.items() if key not in without and not isinstance(value, bytes)
    }


def plain_rows(rows: Iterable[RowMapping], *without: str) -> list[dict[str, Any]]:
    return [plain_row(row, *without) for row in rows]


def plain(value: Any) -> Any:
    """A value of a column; numbers that JSON cannot write become words."""
    match value:
        case datetime():
            return iso(value)
        case float() if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        case _:
            return value
