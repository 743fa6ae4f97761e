"""The second half of a run: what neighbours and areas showed, told with the identities of the records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.survey.inspect.delivery import Files
from layers.survey.inspect.findings import Hits, Ledger
from layers.survey.inspect.near import Neighbours
from layers.survey.inspect.overlap import Areas
from layers.survey.inspect.rules import Rule

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kept:
    """Findings that still lack the identities of their records; `other` is -1 where there is none."""

    rule: Rule
    rows: NDArray[np.int64]
    other: NDArray[np.int64]
    lon: Array
    lat: Array
    metres: Array | None
    value: list[str] | None


@dataclass(eq=False)
class Tail:
    """Collects findings about several records; the files are read once more for the identities."""

    files: Files
    ledger: Ledger
    report: Callable[[str, int, int], None]
    _kept: list[_Kept] = field(default_factory=list)
    _room: dict[str, int] = field(default_factory=dict)

    def all(self, neighbours: Neighbours | None, areas: Areas | None) -> None:
        """Look at all that was put aside."""
        if neighbours is not None:
            done, whole = 0, self.files.rows
            for rule, records, pairs in neighbours.found():
                done += len(records)
                self.report("neighbours", min(done // len(neighbours.rules), whole), whole)
                part = records[pairs.at]
                self._take(rule, part["row"], pairs.other, part["lon"], part["lat"], pairs.metres, pairs.value)
        if areas is not None:
            for rule, found in areas.found():
                told = [f"{size:.3g} m²" for size in found.m2]
                self._take(rule, found.rows, found.other, found.lon, found.lat, None, told)
        self._write()

    def _take(
        self, rule: Rule, rows: Array, other: Array, lon: Array, lat: Array, metres: Array | None,
        value: list[str] | None,
    ) -> None:  # fmt: skip
        self.ledger.count(rule, rows, self.ledger.unit_at(rows))
        room = self._room.setdefault(rule.id, self.ledger.room(rule))
        count = min(room, len(rows))
        self._room[rule.id] -= count
        if count:
            self._kept.append(_Kept(
                rule=rule, rows=rows[:count].copy(), other=other[:count], lon=lon[:count].copy(),
                lat=lat[:count].copy(), metres=None if metres is None else metres[:count],
                value=None if value is None else value[:count],
            ))  # fmt: skip

    def _write(self) -> None:
        if not self._kept:
            return
        wanted = np.unique(np.concatenate([part for one in self._kept for part in (one.rows, one.other)]))
        names = self._names(wanted[wanted >= 0])
        for one in self._kept:
            ids = [names[row] for row in one.rows.tolist()]
            others = [names.get(row) or "" for row in one.other.tolist()]
            self.ledger.keep(one.rule, Hits(
                rows=one.rows, ids=ids, units=self.ledger.unit_at(one.rows), lon=one.lon, lat=one.lat,
                value=one.value, other=others if (one.other >= 0).any() else None, metres=one.metres,
            ))  # fmt: skip

    def _names(self, wanted: NDArray[np.int64]) -> dict[int, str | None]:
        """Identities of some rows, in order."""
        found: dict[int, str | None] = {}
        for first, ids in self.files.identities():
            low, high = np.searchsorted(wanted, [first, first + len(ids)])
            rows = wanted[low:high]
            found |= dict(zip(rows.tolist(), ids.take(rows - first).to_pylist(), strict=True))
            self.report("identities", first + len(ids), self.files.rows)
        return found
