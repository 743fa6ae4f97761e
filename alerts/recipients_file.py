"""Groups and recipients from CSV files: what is wrong is named by line, and the rest is taken over.

A list of recipients has the columns group, channel, address and, where wanted, name and locale. A list of groups has
name and, where wanted, statuses, regions, hazards (several behind each other with a blank between), least_level,
quiet_from, quiet_to (hh:mm), quiet_up_to, escalate_to and escalate_after (such as `10 min`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.channels.addresses import fault_of
from data.clock import parse_duration
from data.model import Level
from data.regions import RegionIndex
from data.store.tables import recipient, recipient_group

GROUP_COLUMNS = (
    "name", "statuses", "regions", "hazards", "least_level", "quiet_from", "quiet_to", "quiet_up_to", "escalate_to",
    "escalate_after",
)  # fmt: skip
READER_COLUMNS = ("group", "channel", "address", "name", "locale")
STATUSES = ("Actual", "Exercise", "Test")
LARGEST = 20 << 20


@dataclass
class Taken:
    """What came of a file."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def reject(self, line: int, reason: str) -> None:
        self.rejected.append({"line": line, "reason": reason})

    @property
    def as_json(self) -> dict[str, Any]:
        return {"added": self.added, "changed": self.changed, "unchanged": self.unchanged, "rejected": self.rejected}


def take_groups(connection: Connection, body: bytes, index: RegionIndex) -> Taken:
    """Add and change groups."""
    taken, table = Taken(), recipient_group
    lines = list(_rows(body, GROUP_COLUMNS, ("name",), taken))
    names = {row["name"] for _, row in lines} | set(connection.execute(sa.select(table.c.name)).scalars())
    for line, row in lines:
        try:
            values = _group(row, index, names)
        except ValueError as error:
            taken.reject(line, str(error))
            continue
        found = connection.execute(sa.select(table).where(table.c.name == values["name"])).first()
        if found is None:
            connection.execute(table.insert().values(**values))
            taken.added += 1
        elif all(found._mapping[name] == value for name, value in values.items()):
            taken.unchanged += 1
        else:
            connection.execute(table.update().where(table.c.id == found.id).values(**values))
            taken.changed += 1
    return taken


def take_recipients(connection: Connection, body: bytes) -> Taken:
    """Add recipients, and switch those on again that stand in the list; nobody is taken away."""
    taken, table = Taken(), recipient
    groups = {row.name: row.id for row in connection.execute(sa.select(recipient_group))}
    known = {(row.group_id, row.channel, row.address): row for row in connection.execute(sa.select(table))}
    fresh: list[dict[str, Any]] = []
    seen: set[tuple[int, str, str]] = set()
    for line, row in _rows(body, READER_COLUMNS, READER_COLUMNS[:3], taken):
        fault = _reader_fault(row, groups)
        if fault:
            taken.reject(line, fault)
            continue
        key = (groups[row["group"]], row["channel"], row["address"])
        values = {"name": row.get("name", "")[:200], "locale": row.get("locale", ""), "active": True}
        found = known.get(key)
        if key in seen:
            taken.reject(line, "stands in the list twice")
        elif found is None:
            fresh.append({"group_id": key[0], "channel": key[1], "address": key[2], **values})
        elif all(found._mapping[name] == value for name, value in values.items()):
            taken.unchanged += 1
        else:
            connection.execute(table.update().where(table.c.id == found.id).values(**values))
            taken.changed += 1
        seen.add(key)
    if fresh:
        connection.execute(table.insert(), fresh)
    taken.added += len(fresh)
    return taken


def _rows(
    body: bytes, columns: tuple[str, ...], needed: tuple[str, ...], taken: Taken
) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines with their numbers; a file that cannot be read is one reject."""
    if len(body) > LARGEST:
        taken.reject(0, f"larger than {LARGEST >> 20} MB")
        return
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        taken.reject(body[: error.start].count(b"\n") + 1, "not UTF-8: save the table as CSV UTF-8")
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        unknown = [name for name in head if name not in columns]
        missing = [name for name in needed if name not in head]
        if unknown or missing or len(set(head)) != len(head):
            wrong = [f"unknown column {name[:40]!r}" for name in unknown] + [
                f"no column {name!r}" for name in missing
            ]
            taken.reject(1, "; ".join(wrong) or "a column stands there twice")
            return
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(head):
                taken.reject(reader.line_num, f"{len(cells)} cells under {len(head)} columns")
                continue
            yield reader.line_num, {name: cell.strip() for name, cell in zip(head, cells, strict=True)}
    except csv.Error as error:
        taken.reject(reader.line_num, f"not CSV: {error}")


def _reader_fault(row: Mapping[str, str], groups: Mapping[str, int]) -> str:
    if row["group"] not in groups:
        return f"no such group: {row['group'][:80]!r}"
    if row.get("locale", "") not in ("", "en", "zh"):
        return f"locale: en or zh, not {row['locale'][:20]!r}"
    return fault_of(row["channel"], row["address"])


def _group(row: Mapping[str, str], index: RegionIndex, names: Collection[str]) -> dict[str, Any]:
    """The columns of a group; ValueError with what is wrong."""
    name = row["name"]
    if not name or len(name) > 120 or name == "public":
        raise ValueError("name: 1 to 120 letters, and not `public`, which is of those who subscribe for themselves")
    values: dict[str, Any] = {
        "name": name,
        "statuses": _several(row, "statuses", lambda word: word in STATUSES) or ["Actual"],
        "regions": _several(row, "regions", lambda code: index.by_code(code) is not None),
        "hazards": _several(row, "hazards", lambda word: re.fullmatch(r"[a-z][a-z0-9_.]*", word) is not None),
        "least_level": int(_level(row, "least_level", Level.BLUE)),
        "quiet_from": _minutes(row, "quiet_from"),
        "quiet_to": _minutes(row, "quiet_to"),
        "quiet_up_to": int(_level(row, "quiet_up_to", Level.NONE)),
        "escalate_to": row.get("escalate_to", ""),
        "escalate_after_s": _seconds(row),
        "enabled": True,
    }
    if (values["quiet_from"] is None) != (values["quiet_to"] is None):
        raise ValueError("quiet_from and quiet_to belong together")
    if values["quiet_up_to"] == Level.RED:
        raise ValueError("quiet_up_to: red warnings are never held back")
    if bool(values["escalate_to"]) != (values["escalate_after_s"] is not None) or values["escalate_to"] == name:
        raise ValueError("escalate_to another group and escalate_after belong together")
    if values["escalate_to"] and values["escalate_to"] not in names:
        raise ValueError(f"escalate_to: no such group: {values['escalate_to'][:80]!r}")
    return values


def _several(row: Mapping[str, str], name: str, known: Callable[[str], bool]) -> list[str]:
    words = row.get(name, "").split()
    for word in words:
        if not known(word):
            raise ValueError(f"{name}: unknown {word[:40]!r}")
    return words


def _level(row: Mapping[str, str], name: str, default: Level) -> Level:
    written = row.get(name, "")
    if not written:
        return default
    found = Level.of(written)
    if found < Level.BLUE:
        raise ValueError(f"{name}: blue, yellow, orange or red, not {written!r}")
    return found


def _minutes(row: Mapping[str, str], name: str) -> int | None:
    written = row.get(name, "")
    if not written:
        return None
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", written)
    if found is None:
        raise ValueError(f"{name}: a time as hh:mm, not {written[:20]!r}")
    return int(found[1]) * 60 + int(found[2])


def _seconds(row: Mapping[str, str]) -> int | None:
    written = row.get("escalate_after", "")
    if not written:
        return None
    try:
        return max(1, int(parse_duration(written).total_seconds()))
    except ValueError as error:
        raise ValueError(f"escalate_after: {error}") from error
