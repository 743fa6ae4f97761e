"""Stations and their observations: the value told last is kept, in whatever order the tellings arrive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.model import Observation, Quality, Station
from data.store.changes import bump
from data.store.sink import Counts, PutContext
from data.store.tables import observation, station

CHUNK = 400
WORST_FIRST = (Quality.MISSING, Quality.BAD, Quality.SUSPECT, Quality.GOOD)
Key = tuple[str, datetime]  # station, observed
Value = tuple[float | None, str, str]  # value, unit, quality


class StationSink:
    """Keeps `Station` records; attributes told before and left out now stay."""

    def prepare(self, context: PutContext, records: Sequence[Station]) -> dict[str, Station]:
        return {item.id: item for item in records}

    def put(self, connection: Connection, context: PutContext, prepared: dict[str, Station]) -> Counts:
        held: dict[str, Any] = {}
        for some in _chunks(prepared):
            query = sa.select(station).where(station.c.source == context.source, station.c.id.in_(some))
            held |= {row.id: row for row in connection.execute(query)}
        changed = []
        for native, item in prepared.items():
            row = _station_row(item, held.get(native))
            if native not in held or any(getattr(held[native], name) != value for name, value in row.items()):
                changed.append({"source": context.source, **row})
        if changed:
            _upsert(connection, station, changed)
            bump(connection, "stations")
        return Counts(stored=len(changed), unchanged=len(prepared) - len(changed))


def _station_row(item: Station, old: Any) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name or (old.name if old else ""),
        "lon": item.lon,
        "lat": item.lat,
        "elevation_m": item.elevation_m if item.elevation_m is not None or old is None else old.elevation_m,
        "attributes": {**(old.attributes if old else {}), **item.attributes},
    }


class ObservationSink:
    """Keeps `Observation` records.

    Of two values for one station, quantity and time, the one received later stands; of two received at once, the
    better and then the larger one. An equal value received later only moves `received_at`, so that an older telling
    which arrives late cannot replace it.
    """

    def prepare(self, context: PutContext, records: Sequence[Observation]) -> dict[str, dict[Key, Value]]:
        grouped: dict[str, dict[Key, Value]] = defaultdict(dict)
        for item in records:
            key, value = (item.station, item.observed_at), (item.value, item.unit, item.quality.value)
            held = grouped[item.quantity].get(key)
            if held is None or _rank(held) < _rank(value):
                grouped[item.quantity][key] = value
        return grouped

    def put(self, connection: Connection, context: PutContext, prepared: dict[str, dict[Key, Value]]) -> Counts:
        counts = Counts()
        for quantity, values in prepared.items():
            counts += _put_quantity(connection, context, quantity, values)
        if counts.stored:
            bump(connection, "stations")
        return counts


def _rank(value: Value) -> tuple[int, float, str]:
    return WORST_FIRST.index(Quality(value[2])), float("-inf") if value[0] is None else value[0], value[1]


def _put_quantity(connection: Connection, context: PutContext, quantity: str, values: Mapping[Key, Value]) -> Counts:
    held = _held(connection, context.source, quantity, values)
    rows, confirmed = [], []
    for key, value in values.items():
        old = held.get(key)
        if old is not None and old[0] == value:
            if old[1] < context.received_at:
                confirmed.append({"b_station": key[0], "b_observed_at": key[1]})
            continue
        if old is not None and (old[1], _rank(old[0])) > (context.received_at, _rank(value)):
            continue
        rows.append(
            {
                "source": context.source,
                "quantity": quantity,
                "station": key[0],
                "observed_at": key[1],
                "value": value[0],
                "unit": value[1],
                "quality": value[2],
                "received_at": context.received_at,
                "payload_id": context.payload_id,
            }
        )
    if rows:
        _upsert(connection, observation, rows)
    if confirmed:
        table = observation.c
        statement = observation.update().where(
            table.source == context.source,
            table.quantity == quantity,
            table.station == sa.bindparam("b_station"),
            table.observed_at == sa.bindparam("b_observed_at"),
        )
        connection.execute(statement.values(received_at=context.received_at), confirmed)
    return Counts(stored=len(rows), unchanged=len(values) - len(rows))


def _held(
    connection: Connection, source: str, quantity: str, values: Mapping[Key, Value]
) -> dict[Key, tuple[Value, datetime]]:
    """What is kept for these stations over the span of these times."""
    times = [key[1] for key in values]
    table = observation.c
    columns = (table.station, table.observed_at, table.value, table.unit, table.quality, table.received_at)
    found: dict[Key, tuple[Value, datetime]] = {}
    for some in _chunks({key[0] for key in values}):
        query = sa.select(*columns).where(
            table.source == source,
            table.quantity == quantity,
            table.station.in_(some),
            table.observed_at.between(min(times), max(times)),
        )
        for name, observed_at, value, unit, quality, received_at in connection.execute(query):
            found[(name, observed_at)] = ((value, unit, quality), received_at)
    return found


def _chunks(items: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(items)
    return (ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK))


def _upsert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)
