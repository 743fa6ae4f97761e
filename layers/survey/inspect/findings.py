"""What a run found: kept as Parquet as it comes, counted by rule and by unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from layers.survey.inspect.rules import Rule

MOST_KEPT = 1_000_000  # findings of one rule that are kept; all are counted
LONGEST = 200  # characters of a value that is told
WHOLE = -1  # the row of a finding about a unit or the whole delivery
FLAGS = {"error": 1, "warning": 2, "note": 4}
SCHEMA = pa.schema(
    [
        ("row", pa.int64()), ("id", pa.string()), ("rule", pa.string()), ("severity", pa.string()),
        ("unit", pa.string()), ("lon", pa.float64()), ("lat", pa.float64()), ("value", pa.string()),
        ("other", pa.string()), ("metres", pa.float64()),
    ]
)  # fmt: skip

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Hits:
    """Records that a rule found: rows within the delivery, and what there is to say of each."""

    rows: NDArray[np.int64]
    ids: Sequence[str | None]
    units: NDArray[np.int32]  # places in the ledger's list of units
    lon: Array
    lat: Array
    value: Sequence[str] | None = None
    other: Sequence[str] | None = None
    metres: Array | None = None


@dataclass(kw_only=True)
class Outcome:
    """How a rule fared: `checked` records, `unknown` ones that could not be judged; `reason` where it was not run."""

    checked: int = 0
    unknown: int = 0
    found: int = 0
    kept: int = 0
    reason: str = ""
    by_unit: dict[int, int] = field(default_factory=dict)


class Ledger:
    """Findings of one run on their way to a file, in a folder that is put in place when all is done.

    Two scratch files hold a byte of severities and the unit of every record, so that records are counted once however
    many rules found them; the system keeps in memory what it has room for.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder = folder
        self.units: list[str] = [""]  # "" is no declared unit
        self._place: dict[str, int] = {"": 0}
        self.outcomes: dict[str, Outcome] = {}
        self._writer = pq.ParquetWriter(folder / "findings.parquet", SCHEMA, compression="zstd")
        self._flags = np.memmap(folder / "flags.scratch", np.uint8, "w+", shape=(max(rows, 1),))
        self._unit_of = np.memmap(folder / "units.scratch", np.int32, "w+", shape=(max(rows, 1),))

    def outcome(self, rule: Rule) -> Outcome:
        return self.outcomes.setdefault(rule.id, Outcome())

    def place(self, unit: str) -> int:
        """The place of a unit in the list."""
        if unit not in self._place:
            self._place[unit] = len(self.units)
            self.units.append(unit)
        return self._place[unit]

    def places(self, units: pa.Array) -> NDArray[np.int32]:
        """The places of a column of units."""
        encoded = units.dictionary_encode()
        known = [self.place(str(word)) for word in encoded.dictionary.to_pylist()]
        table = np.array([*known, 0], np.int32)
        return np.asarray(table[encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)])

    def units_of(self, first: int, units: NDArray[np.int32]) -> None:
        """Say in which units the records from `first` on were declared."""
        self._unit_of[first : first + len(units)] = units

    def unit_at(self, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        return np.asarray(self._unit_of[rows])

    def counts(self) -> NDArray[np.int64]:
        """How many records there are by unit, in the order of `units`."""
        counts = np.zeros(len(self.units), np.int64)
        for first in range(0, len(self._unit_of), 1 << 22):
            counts += np.bincount(np.asarray(self._unit_of[first : first + (1 << 22)]), minlength=len(self.units))
        return counts

    def add(self, rule: Rule, hits: Hits) -> None:
        """Count findings and keep them."""
        self.count(rule, hits.rows, hits.units)
        self.keep(rule, hits)

    def count(self, rule: Rule, rows: NDArray[np.int64], units: NDArray[np.int32]) -> None:
        """Count findings, in all and by unit, and mark their records."""
        outcome = self.outcome(rule)
        outcome.found += len(rows)
        for unit, number in zip(*np.unique(units, return_counts=True), strict=True):
            outcome.by_unit[int(unit)] = outcome.by_unit.get(int(unit), 0) + int(number)
        self._flags[rows[rows != WHOLE]] |= FLAGS[rule.severity]

    def room(self, rule: Rule) -> int:
        """How many more findings of a rule are kept."""
        return MOST_KEPT - self.outcome(rule).kept

    def keep(self, rule: Rule, hits: Hits) -> None:
        """Write findings down, as far as there is room."""
        count = min(len(hits.rows), self.room(rule))
        if count > 0:
            self.outcome(rule).kept += count
            self._write(rule, hits, count)

    def _write(self, rule: Rule, hits: Hits, count: int) -> None:
        texts = [None if one is None else [_short(word) for word in one[:count]] for one in (hits.value, hits.other)]
        blank = pa.nulls(count, pa.string())
        columns = [
            hits.rows[:count], pa.array(list(hits.ids[:count]), pa.string()),
            pa.array([rule.id] * count), pa.array([rule.severity] * count),
            pa.array([self.units[place] for place in hits.units[:count]]),
            pa.array(hits.lon[:count], pa.float64(), from_pandas=True),
            pa.array(hits.lat[:count], pa.float64(), from_pandas=True),
            *(blank if one is None else pa.array(one, pa.string()) for one in texts),
            pa.nulls(count, pa.float64()) if hits.metres is None
            else pa.array(hits.metres[:count], pa.float64(), from_pandas=True),
        ]  # fmt: skip
        self._writer.write_table(pa.table(columns, schema=SCHEMA))

    def close(self) -> list[dict[str, Any]]:
        """Finish the file. Returns by unit how many records there are, and have an error, a warning, a note."""
        self._writer.close()
        counts = np.zeros((len(self.units), 1 + len(FLAGS)), np.int64)
        for first in range(0, len(self._flags), 1 << 22):
            flags: NDArray[np.uint8] = np.asarray(self._flags[first : first + (1 << 22)])
            units = np.asarray(self._unit_of[first : first + (1 << 22)])
            counts[:, 0] += np.bincount(units, minlength=len(self.units))
            for column, flag in enumerate(FLAGS.values(), 1):
                counts[:, column] += np.bincount(units[(flags & flag) > 0], minlength=len(self.units))
        del self._flags, self._unit_of
        for name in ("flags.scratch", "units.scratch"):
            (self.folder / name).unlink()
        heads = ("records", *FLAGS)
        return [
            {"unit": unit, **dict(zip(heads, row, strict=True))}
            for unit, row in zip(self.units, counts.tolist(), strict=True)
            if any(row) or unit
        ]


def _short(word: str | None) -> str | None:
    return None if word is None else word[:LONGEST]
