"""Readings of stations at a place."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa

from data.store.tables import observation, station
from layers.frame.item import Found, Item, Question
from layers.frame.notes import NO_STATION, STATIONS_MANY, STATIONS_SILENT, note
from layers.frame.skip import values_of

MOST_STATIONS = 2_000  # whose readings are listed one by one

Pair = tuple[str, str]  # source, quantity


def observations(asked: Question) -> Found:
    """Readings of the stations inside the place: by source and quantity, the newest first."""
    stations = _stations(asked)
    if not stations:
        return Found(missing=(note(NO_STATION),))
    missing = []
    if len(stations) > MOST_STATIONS:
        missing.append(note(STATIONS_MANY, n=len(stations), most=MOST_STATIONS))
        stations = dict(list(stations.items())[:MOST_STATIONS])
    items: list[Item] = []
    total, skip = 0, asked.offset
    for pair in _pairs(asked, sorted({source for source, _ in stations})):
        here = [one for source, one in stations if source == pair[0]]
        count = int(asked.connection.execute(_query(asked, pair, here, sa.func.count())).scalar_one())
        wanted = asked.limit - len(items)
        if wanted > 0 and skip < count:
            query = _query(asked, pair, here, observation).order_by(
                observation.c.observed_at.desc(), observation.c.station
            )
            rows = asked.connection.execute(query.offset(skip).limit(wanted))
            items += [_item(row, stations[(row.source, row.station)]) for row in rows]
        skip, total = max(0, skip - count), total + count
    if not total:
        missing.append(note(STATIONS_SILENT, n=len(stations)))
    as_of = max((item.known_at for item in items if item.known_at), default=None)
    return Found(items=items, total=total, missing=missing, as_of=as_of)


def _stations(asked: Question) -> dict[Pair, Any]:
    table = station.c
    west, south, east, north = asked.place.bounds
    query = sa.select(table.source, table.id, table.name, table.lon, table.lat).where(
        table.lon.between(west, east), table.lat.between(south, north)
    )
    rows = list(asked.connection.execute(query.order_by(table.source, table.id)))
    if not rows:
        return {}
    inside = asked.place.holds(np.array([row.lon for row in rows]), np.array([row.lat for row in rows]))
    return {(row.source, row.id): row for row, holds in zip(rows, inside, strict=True) if holds}


def _pairs(asked: Question, sources: list[str]) -> list[Pair]:
    """Sources with their quantities."""
    table = observation.c
    return [
        (source, quantity)
        for source in sources
        for quantity in values_of(asked.connection, table.quantity, table.source == source)
    ]


def _query(asked: Question, pair: Pair, stations: list[str], *columns: Any) -> Any:
    table = observation.c
    return sa.select(*columns).select_from(observation).where(
        table.source == pair[0], table.quantity == pair[1], table.station.in_(stations),
        table.observed_at >= asked.start, table.observed_at < asked.end,
    )  # fmt: skip


def _item(row: Any, here: Any) -> Item:
    return Item(
        kind="observations", id=f"{row.source}/{row.quantity}/{row.station}/{row.observed_at:%Y%m%dT%H%M%SZ}",
        title=f"{here.name or row.station} · {row.quantity}", source=row.source, at=row.observed_at,
        place=(here.lon, here.lat), value=row.value, unit=row.unit, quality=row.quality, known_at=row.received_at,
        facts={"station": row.station, "quantity": row.quantity},
        link=f"/#map=10/{here.lat:.4f}/{here.lon:.4f}",
    )  # fmt: skip
