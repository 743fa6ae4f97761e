"""What rules were given before, kept over many looks: for a replay, whose process alone writes to its store.

A look reads from the store what arrived since the look before it; everything else is in memory, and comes out exactly
as the store would give it. What cannot be told from what arrived (a correction, a reading older than what is kept)
has it all read anew. Numbers of fields are kept by the steps that they are made of, whose ids are made of what the
steps hold.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.engine import AHEAD_S
from alerts.station_inputs import Network, converted, leaf_at
from data.model import Quality
from data.store.engine import Store
from data.store.tables import observation, run, station
from layers.stations import Readings

FIELD_BYTES = 256 << 20  # of values of steps
FIELD_NUMBERS = 512  # results of one input over one grid
SPARE = timedelta(hours=1)  # readings are let go of when this much more than twice their reach is kept
SINCE_1970 = datetime(1970, 1, 1, tzinfo=UTC)
Key = tuple[str, str]  # source, station


@dataclass(eq=False)
class Memory:
    """One for a replay: nobody else may write readings to its store, and they come with the row of their run."""

    _kept: dict[tuple[str, str], KeptReadings] = field(default_factory=dict)
    _values: OrderedDict[int, NDArray[np.float64]] = field(default_factory=OrderedDict)
    _results: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)

    def network(
        self, store: Store, base_dir: Path, quantity: str, unit: str, *, now: datetime, reach: timedelta
    ) -> Network | None:
        """As `read_network`; None where only that can tell."""
        if not store.is_sqlite:  # elsewhere payloads may be seen in another order than that of their numbers
            return None
        kept = self._kept.setdefault((quantity, unit), KeptReadings(base_dir, quantity, unit))
        with store.read() as connection:
            return kept.network(connection, now, reach)

    def values(self, step: int, read: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """The values of a stored step, read once; they must not be written to."""
        found = self._values.get(step)
        if found is None:
            found = self._values[step] = read()
            found.flags.writeable = False
            room = max(1, FIELD_BYTES // max(found.nbytes, 1))
            while len(self._values) > room:
                self._values.popitem(last=False)
        self._values.move_to_end(step)
        return found

    def result(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What was made for a key; the key names everything that it is made of."""
        if key not in self._results:
            self._results[key] = make()
            if len(self._results) > FIELD_NUMBERS:
                self._results.popitem(last=False)
        self._results.move_to_end(key)
        return self._results[key]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Readings of any quality, sorted by station (in the order they were met) and time."""

    key: NDArray[np.intp]
    at: NDArray[np.int64]  # microseconds since 1970 UTC
    value: NDArray[np.float64]  # NaN for none
    unit: NDArray[np.intp]  # index into `KeptReadings.units`
    good: NDArray[np.bool_]

    def joined(self, more: _Rows) -> _Rows:
        columns = {name: np.concatenate([getattr(self, name), getattr(more, name)]) for name in COLUMNS}
        order = np.lexsort((columns["at"], columns["key"]))
        return _Rows(**{name: column[order] for name, column in columns.items()})

    def repeats(self) -> bool:
        """Whether a station has two readings at one time: one of them is the correction of the other."""
        return bool(((self.key[1:] == self.key[:-1]) & (self.at[1:] == self.at[:-1])).any())


COLUMNS = ("key", "at", "value", "unit", "good")


@dataclass(eq=False)
class KeptReadings:
    """The readings of one quantity since `since`, and the last and the last good one of each station before that."""

    base_dir: Path
    quantity: str
    unit: str
    since: int | None = None  # None: nothing has been read
    seen: int = -1  # the newest run of a feed that was
    keys: dict[Key, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    rows: _Rows | None = None
    times: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    stations: dict[Key, Any] = field(default_factory=dict)
    _last: tuple[tuple[int, int, int], Network] | None = None

    def network(self, connection: Connection, now: datetime, reach: timedelta) -> Network | None:
        low, high = micros(now - reach), micros(now + timedelta(seconds=AHEAD_S))
        newest = int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(run.c.id), 0))).scalar_one())
        if self.since is not None and low < self.since:
            return None
        spare = (2 * reach + SPARE) // timedelta(microseconds=1)
        if self.since is None or high - self.since > spare or newest < self.seen:
            self._load(connection, low, newest)
        elif newest != self.seen:
            self._add(connection, newest)
        first = int(np.searchsorted(self.times, low, "left"))
        last = int(np.searchsorted(self.times, high, "right"))
        state = (self.seen, first, last)  # says which readings are looked at, and which are too new
        if self._last is None or self._last[0] != state:
            self._last = (state, self._compose(low, high))
        return self._last[1]

    def _load(self, connection: Connection, low: int, newest: int) -> None:
        of, since = observation.c, SINCE_1970 + timedelta(microseconds=low)
        self.keys.clear()
        self.units.clear()
        rows = self._read(connection, of.observed_at >= since)
        good = of.quality == Quality.GOOD.value
        for extra in (sa.true(), good):
            rows = rows.joined(self._read_last(connection, sa.and_(of.observed_at < since, extra)))
        self.rows = _without_twins(rows)
        self._settle(connection, low, newest)

    def _add(self, connection: Connection, newest: int) -> None:
        assert self.rows is not None and self.since is not None
        # By runs, since bytes that come again have the number of the payload that they came in first.
        brought = sa.select(run.c.payload_id).where(run.c.id > self.seen, run.c.payload_id.is_not(None))
        payloads = sorted(set(connection.execute(brought).scalars()))
        more = self._read(connection, observation.c.payload_id.in_(payloads), scan=True)
        joined = self.rows.joined(more) if len(more.at) else self.rows
        if (len(more.at) and int(more.at.min()) < self.since) or joined.repeats():
            self._load(connection, self.since, newest)
            return
        self.rows = joined
        self._settle(connection, self.since, newest)

    def _settle(self, connection: Connection, low: int, newest: int) -> None:
        assert self.rows is not None
        self.since, self.seen, self._last = low, newest, None
        self.times = np.sort(self.rows.at)
        self.stations = {(row.source, row.id): row for row in connection.execute(sa.select(station))}

    def _read(self, connection: Connection, where: sa.ColumnElement[bool], *, scan: bool = False) -> _Rows:
        of = observation.c
        query = sa.select(of.source, of.station, *_COLUMNS).where(of.quantity == self.quantity, where)
        if scan:  # in the order of the table: through an index each row would be looked up by itself
            query = query.with_hint(observation, "NOT INDEXED", "sqlite")
        return self._rows(connection.execute(query).all())

    def _read_last(self, connection: Connection, where: sa.ColumnElement[bool]) -> _Rows:
        of = observation.c
        newest = (
            sa.select(of.source, of.station, sa.func.max(of.observed_at).label("at"))
            .where(of.quantity == self.quantity, where)
            .group_by(of.source, of.station)
            .subquery()
        )
        same = sa.and_(
            of.source == newest.c.source, of.station == newest.c.station, of.observed_at == newest.c.at,
            of.quantity == self.quantity,
        )  # fmt: skip
        query = sa.select(of.source, of.station, *_COLUMNS).select_from(newest.join(observation, same))
        return self._rows(connection.execute(query).all())

    def _rows(self, found: Any) -> _Rows:
        columns = list(zip(*found, strict=True)) or [()] * 6
        sources, stations, times, values, units, qualities = columns
        keys = [self.keys.setdefault(key, len(self.keys)) for key in zip(sources, stations, strict=True)]
        rows = _Rows(
            key=np.array(keys, dtype=np.intp),
            at=np.array(times, dtype="datetime64[us]").astype(np.int64),
            value=np.array(values, dtype=np.float64),  # None becomes NaN
            unit=np.array([self.units.setdefault(name, len(self.units)) for name in units], dtype=np.intp),
            good=np.array([name == Quality.GOOD.value for name in qualities], dtype=np.bool_),
        )
        order = np.lexsort((rows.at, rows.key))
        return _Rows(**{name: getattr(rows, name)[order] for name in COLUMNS})

    def _compose(self, low: int, high: int) -> Network:
        """The network as it is at a time, like `read_network` from the same rows."""
        assert self.rows is not None
        rows, seen = self.rows, self.rows.at <= high
        newest = _last_of(rows.key, seen, len(self.keys))
        newest_good = _last_of(rows.key, seen & rows.good, len(self.keys))
        names = sorted(
            key for key, number in self.keys.items() if newest[number] >= 0 and key in self.stations
        )  # by code point, as SQLite sorts
        known = np.array([self.keys[key] for key in names], dtype=np.intp)
        number = np.full(len(self.keys) + 1, -1, dtype=np.intp)
        number[known] = np.arange(len(known))
        use = seen & (rows.at >= low) & rows.good & ~np.isnan(rows.value)
        last = newest_good[known]
        use[last[last >= 0]] = True
        value = rows.value[use]
        station_number = number[rows.key[use]]
        value = np.where(station_number < 0, np.nan, value)
        value = converted(value, rows.unit[use], list(self.units), self.unit, self.quantity)
        here = [self.stations[key] for key in names]
        return Network(
            sources=np.array([key[0] for key in names], dtype=np.str_),
            ids=np.array([key[1] for key in names], dtype=np.str_),
            leaf=np.array([leaf_at(self.base_dir, row.lon, row.lat) for row in here], dtype=np.intp),
            attributes=tuple(row.attributes or {} for row in here),
            readings=Readings.of(station_number, rows.at[use] / 1e6, value, len(names)),
        )


_COLUMNS = (
    sa.type_coerce(observation.c.observed_at, sa.String).label("at"), observation.c.value, observation.c.unit,
    observation.c.quality,
)  # fmt: skip


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (at - SINCE_1970) // timedelta(microseconds=1)


def _last_of(key: NDArray[np.intp], where: NDArray[np.bool_], keys: int) -> NDArray[np.intp]:
    """The row of the last entry of each key among some rows sorted by time; -1 where there is none."""
    found = np.full(keys, -1, dtype=np.intp)
    rows = np.flatnonzero(where)
    found[key[rows]] = rows  # sorted by time: the last assignment stays
    return found


def _without_twins(rows: _Rows) -> _Rows:
    """The same rows, one that was read twice once."""
    keep = np.ones(len(rows.at), dtype=np.bool_)
    keep[1:] = (rows.key[1:] != rows.key[:-1]) | (rows.at[1:] != rows.at[:-1])
    return _Rows(**{name: getattr(rows, name)[keep] for name in COLUMNS})
