"""The list of a sample as a table: written to be filled in by the team in the field, and read again row by row."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from data.errors import LayerError
from data.text import LOCALES, Translate, translator
from layers.survey.inspect.answers import csv_line, in_a_cell
from layers.survey.inspect.book import OUTCOMES, FieldFinding, Outcome
from layers.text_table import rows_of, text_of

MOST_BYTES = 64 << 20
ROUNDED = 1e-5  # what a spreadsheet leaves of a long number: 1.10108E+17
TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T\s]+(\d{1,2})[:：时](\d{1,2})分?(?::\d{2}(?:\.\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?"
)
HEADS: Mapping[str, str] = {
    "sample": "Sample", "number": "No.", "record": "Record", "unit": "Unit", "kind": "Kind", "lon": "lon",
    "lat": "lat", "facts": "As written", "outcome": "In the field it is",
    "faults": "What is wrong, a line each: attribute: what it is", "note": "Note", "found_by": "Looked at by",
    "found_at": "Looked at on",
}  # fmt: skip
FILLED = ("outcome", "faults", "note", "found_by", "found_at")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A row that was not taken, and why, in the reader's language."""

    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Returned:
    """What a filled list says: findings by the number on the list, rows not taken, and how many nobody filled in."""

    found: Mapping[int, FieldFinding]
    refused: tuple[Refusal, ...]
    blank: int


def write_list(sample: int, records: Iterable[Any], zone: tzinfo, t: Translate) -> Iterator[str]:
    """The list as CSV, line by line, with what was found so far; a mark at its beginning tells its encoding."""
    yield "\ufeff" + csv_line(t(head) for head in HEADS.values())
    for one in records:
        facts = "; ".join(f"{name}: {_plain(value)}" for name, value in one.facts.items())
        place = ("", "") if one.lon is None else (round(one.lon, 6), round(one.lat, 6))
        found = ("",) * len(FILLED)
        if one.outcome:
            wrong = "\n".join(f"{fault['attribute']}: {fault.get('found', '')}" for fault in one.faults)
            at = one.found_at.astimezone(zone)
            found = (t(OUTCOMES[one.outcome]), wrong, one.note, one.found_by, f"{at:%Y-%m-%d %H:%M}")
        cells = (sample, one.number, one.record_id, one.unit, one.kind, *place, facts, *found)
        yield csv_line(in_a_cell(cell) for cell in cells)


def _plain(value: Any) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """How a filled list is read.

    Parameters
    ----------
    records : mapping of int to row
        The records of the sample by their number, those that the reader's account may see.
    zone : tzinfo
        Of times that name none.
    by, at : str
        Who looked and when, where a row does not say.
    """

    sample: int
    records: Mapping[int, Any]
    zone: tzinfo
    now: datetime
    t: Translate
    by: str = ""
    at: str = ""

    def read(self, body: bytes) -> Returned:
        """Every row of a filled list.

        Raises
        ------
        LayerError
            If it is no such table; a row that cannot be used is told and the others are taken.
        """
        if len(body) > MOST_BYTES:
            raise LayerError(f"the table has {len(body)} bytes; at most {MOST_BYTES} are read")
        rows = rows_of(text_of(body))
        columns = _columns(next(rows, (0, []))[1])
        found: dict[int, tuple[int, FieldFinding]] = {}
        refused: list[Refusal] = []
        blank = 0
        for line, cells in rows:
            row = {name: _bare(cells[place]) for name, place in columns.items() if place < len(cells)}
            if not any(row.get(name) for name in ("outcome", "faults", "note")):
                blank += 1
                continue
            try:
                number, finding = self._row(row)
            except (LayerError, ValueError) as error:
                refused.append(Refusal(line=line, reason=self.t(str(error))))
                continue
            if number in found:
                said = self.t("record {n} stands in line {line} too").format(n=number, line=found[number][0])
                refused.append(Refusal(line=line, reason=said))
                continue
            found[number] = line, finding
        return Returned(found={one: pair[1] for one, pair in found.items()}, refused=tuple(refused), blank=blank)

    def _row(self, row: Mapping[str, str]) -> tuple[int, FieldFinding]:
        t, number = self.t, int(row["number"]) if row.get("number", "").isdecimal() else -1
        if row.get("sample") and row["sample"] != str(self.sample):
            raise ValueError(t("it is of sample {n}").format(n=row["sample"][:40]))
        if number not in self.records:
            raise ValueError(t("the sample has no record {n}").format(n=row.get("number", "")[:40] or "–"))
        record = self.records[number]
        if row.get("record") and not _is_called(row["record"], _bare(in_a_cell(record.record_id))):
            said = t("record {n} of the sample is {id}, not {other}")
            raise ValueError(said.format(n=number, id=record.record_id[:40], other=row["record"][:40]))
        if not row.get("outcome"):
            raise ValueError(t("what it is in the field is not said"))
        outcome = _OUTCOMES.get(row["outcome"].casefold())
        if outcome is None:
            raise ValueError(t("{word} is none of: {words}").format(
                word=row["outcome"][:40], words=", ".join(t(word) for word in OUTCOMES.values())))  # fmt: skip
        found = FieldFinding(
            outcome=outcome, found_by=row.get("found_by") or self.by, found_at=self._time(row.get("found_at", "")),
            faults=faults_of(row.get("faults", "")), note=row.get("note", ""),
        )  # fmt: skip
        if found.found_at > self.now:
            raise LayerError("nobody can have looked later than now")
        return number, with_written(found, record.facts)

    def _time(self, written: str) -> datetime:
        """When somebody looked; a day alone counts as its beginning."""
        match = TIME.fullmatch((written or self.at).strip())
        try:
            if match is None:
                raise ValueError
            year, month, day, hour, minute = (int(part or 0) for part in match.groups()[:5])
            zone = datetime.fromisoformat(f"2000-01-01T00:00{match[6]}").tzinfo if match[6] else self.zone
            return datetime(year, month, day, hour, minute, tzinfo=zone)
        except ValueError:
            said = self.t("{word} is no time: write it as 2026-03-01 14:30")
            raise ValueError(said.format(word=(written or self.at)[:40] or "–")) from None


def _columns(header: list[str]) -> dict[str, int]:
    """Where each of our columns stands, in either language."""
    found: dict[str, int] = {}
    for place, name in enumerate(header):
        ours = _NAMES.get(name.strip().casefold())
        if ours in found:
            raise LayerError(f"two columns are called {name[:40]}")
        if ours is not None:
            found[ours] = place
    if not {"number", "outcome"} <= set(found):
        raise LayerError("this is no list of a sample: its first line must be that of the list to fill in")
    return found


def _bare(cell: str) -> str:
    """What was written before a spreadsheet was kept from running it."""
    text = cell.strip()
    return text[1:] if text.startswith("'") and in_a_cell(text[1:]) == text else text


def _is_called(written: str, identity: str) -> bool:
    """Whether a cell has an identity, be it as the number that a spreadsheet makes of it."""
    if written == identity:
        return True
    try:
        return math.isclose(float(written), float(identity), rel_tol=ROUNDED)
    except ValueError:
        return False


def faults_of(written: str) -> tuple[dict[str, str], ...]:
    """Lines `attribute: what it is`, or such with semicolons between them.

    Raises
    ------
    LayerError
        For a line without a colon.
    """
    found = []
    parts = [part.strip() for line in written.replace("：", ":").splitlines() for part in _parts(line)]
    for part in filter(None, parts):
        attribute, colon, value = part.partition(":")
        if not (colon and attribute.strip()):
            raise LayerError(f"attribute: value, not {part[:40]!r}")
        found.append({"attribute": attribute.strip(), "found": value.strip()})
    return tuple(found)


def _parts(line: str) -> list[str]:
    parts = [part for part in re.split("[;；]", line) if part.strip()]
    return parts if all(":" in part for part in parts) else [line]


def with_written(found: FieldFinding, facts: Mapping[str, Any]) -> FieldFinding:
    """A finding that says of each wrong attribute what the delivery has."""
    faults = [
        {**fault, "written": _plain(facts[fault["attribute"]])} if fault["attribute"] in facts else fault
        for fault in found.faults
    ]
    return replace(found, faults=faults)


_NAMES = {
    word.casefold(): key for key, head in HEADS.items() for word in (key, *(translator(one)(head) for one in LOCALES))
}
_OUTCOMES: Mapping[str, Outcome] = {
    word.casefold(): key
    for key, said in OUTCOMES.items()
    for word in (key, *(translator(one)(said) for one in LOCALES))
}
