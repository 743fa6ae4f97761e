"""Records drawn for a check in the field: by unit and kind, without choice, and the same again from the same seed.

A hash makes a number of the seed and the identity of each record; the records with the lowest numbers of each stratum
are drawn. That is simple random sampling without replacement within a stratum, it does not depend on the order
of the files, and anybody with the seed can draw it again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.errors import LayerError
from layers.kernels.inspect import hash_numbers
from layers.survey.inspect.delivery import Batch, Files
from layers.survey.inspect.spill import hash_of

MOST = 100_000  # records that people could visit
LONGEST = 60  # characters of a fact on the list

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Design:
    """How many are drawn of each stratum: a share of its records, but at least so many and at most so many.

    Raises
    ------
    LayerError
        Where that cannot be.
    """

    seed: int
    share: float = 0.1
    least: int = 5
    most: int = 200
    kind: str = ""  # the column by which strata are told apart within a unit; "" is by unit alone
    facts: tuple[str, ...] = ()  # columns that the list shows; empty is all

    def __post_init__(self) -> None:
        if not (0 < self.share <= 1 and 1 <= self.least <= self.most and 0 <= self.seed < 2**63):
            raise LayerError("a share above 0 and up to 1, at least 1 and at most as said, and a seed from 0")

    def size(self, records: int) -> int:
        """How many of so many are drawn."""
        return min(records, max(self.least, min(self.most, math.ceil(self.share * records))))


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One record of a sample."""

    row: int
    id: str
    unit: str
    kind: str
    lon: float | None
    lat: float | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was drawn, and the strata: unit, kind, records and how many were drawn of them."""

    design: Design
    strata: Sequence[Mapping[str, Any]]
    drawn: Sequence[Drawn]


def draw(files: Files, design: Design) -> Sample:
    """Draw a sample: once through the files for the strata, once for the numbers, once for the facts.

    Raises
    ------
    LayerError
        If there is no such column, or more would be drawn than people could visit.
    """
    wanted = [design.kind] if design.kind else []
    facts = list(design.facts or [name for name in files.columns if name not in ("id", "geometry", "lon", "lat")])
    if lacking := [name for name in (*wanted, *facts) if name not in files.columns]:
        raise LayerError(f"no column {', '.join(lacking)}")
    counts = _strata(files, design, wanted)
    sizes = {key: design.size(count) for key, count in counts.items()}
    if sum(sizes.values()) > MOST:
        raise LayerError(f"{sum(sizes.values()):,} would be drawn: at most {MOST:,}")
    chosen = _choose(files, design, wanted, sizes)
    drawn = _read(files, design, [*wanted, *facts], chosen)
    strata = [
        {"unit": unit, "kind": kind, "records": counts[unit, kind], "drawn": sizes[unit, kind]}
        for unit, kind in sorted(counts)
    ]
    return Sample(design=design, strata=strata, drawn=drawn)


Key = tuple[str, str]


def _keys(batch: Batch, design: Design) -> pa.Array:
    """The stratum of each record: its unit and kind."""
    unit = pc.fill_null(batch.units, "")
    kind = pc.cast(batch.table[design.kind], pa.string()).combine_chunks() if design.kind else pa.nulls(len(batch))
    columns = [unit, pc.fill_null(pc.cast(kind, pa.string()), "")]
    return pa.StructArray.from_arrays([_whole(one) for one in columns], ["unit", "kind"])


def _whole(column: Any) -> pa.Array:
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _encoded(batch: Batch, design: Design) -> tuple[list[Key], NDArray[np.int64]]:
    """The strata of a batch, and the place of each record's among them."""
    struct = _keys(batch, design)
    table = pa.table({"unit": struct.field("unit"), "kind": struct.field("kind")})
    unit, kind = (table[name].combine_chunks().dictionary_encode() for name in ("unit", "kind"))
    unit, kind = (one.chunk(0) if isinstance(one, pa.ChunkedArray) else one for one in (unit, kind))
    pair = unit.indices.to_numpy().astype(np.int64) * len(kind.dictionary) + kind.indices.to_numpy()
    numbers, place = np.unique(pair, return_inverse=True)
    units, kinds = unit.dictionary.to_pylist(), kind.dictionary.to_pylist()
    keys = [(units[one // len(kinds)], kinds[one % len(kinds)]) for one in numbers.tolist()]
    return keys, place


def _strata(files: Files, design: Design, wanted: list[str]) -> dict[Key, int]:
    counts: dict[Key, int] = {}
    for batch in files.batches(wanted):
        keys, place = _encoded(batch, design)
        for key, count in zip(keys, np.bincount(place, minlength=len(keys)).tolist(), strict=True):
            counts[key] = counts.get(key, 0) + count
    return counts


def _choose(files: Files, design: Design, wanted: list[str], sizes: Mapping[Key, int]) -> NDArray[np.int64]:
    """Rows of the records with the lowest numbers of each stratum, in order."""
    best: dict[Key, tuple[NDArray[np.uint64], NDArray[np.int64]]] = {}
    for batch in files.batches(wanted):
        numbers = hash_of(batch.table, ("id",))
        hash_numbers(np.full(len(numbers), design.seed, np.uint64), numbers)
        keys, place = _encoded(batch, design)
        order = np.argsort(place, kind="stable")
        bounds = np.searchsorted(place[order], np.arange(len(keys) + 1))
        for number, key in enumerate(keys):
            mine = order[bounds[number] : bounds[number + 1]]
            before = best.get(key, (numbers[:0], batch.rows[:0]))
            joined = np.concatenate([before[0], numbers[mine]]), np.concatenate([before[1], batch.rows[mine]])
            lowest = np.lexsort((joined[1], joined[0]))[: sizes[key]]
            best[key] = joined[0][lowest], joined[1][lowest]
    return np.sort(np.concatenate([rows for _, rows in best.values()])) if best else np.empty(0, np.int64)


def _read(files: Files, design: Design, facts: list[str], rows: NDArray[np.int64]) -> list[Drawn]:
    """The records of some rows, by unit, kind and place in the delivery."""
    found = []
    for batch in files.batches(facts):
        low, high = np.searchsorted(rows, [batch.first, batch.first + len(batch)])
        if low == high:
            continue
        part = Batch(batch.first, batch.table.take(pa.array(rows[low:high] - batch.first)), batch.region)
        lon, lat = part.positions
        keys, place = _encoded(part, design)
        columns = {name: part.table[name].to_pylist() for name in facts}
        for number, row in enumerate(rows[low:high].tolist()):
            unit, kind = keys[place[number]]
            told = {name: _fact(values[number]) for name, values in columns.items()}
            found.append(Drawn(
                row=row, id=part.ids[number].as_py() or "", unit=unit, kind=kind, lon=_known(lon[number]),
                lat=_known(lat[number]), facts=told,
            ))  # fmt: skip
    return sorted(found, key=lambda one: (one.unit, one.kind, one.row))


def _known(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _fact(value: Any) -> Any:
    """A value as JSON keeps it; NaN is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, bool | int | float) else str(value)[:LONGEST]
