"""Stations with their newest readings, and the level of each where it has stages of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.clock import iso
from data.model import Level, Quality
from data.store.tables import observation, station
from data.units import convert
from layers.stations import STAGE_LEVELS

FRESH_FOR = timedelta(hours=3)  # readings of a source that says nothing of its own
LOOK_BACK = timedelta(days=3)
MOST = 20_000


def read_stations(connection: Connection, now: datetime, stale_after: Mapping[str, timedelta]) -> dict[str, Any]:
    """Stations as points with the newest reading of each quantity of the last days.

    Parameters
    ----------
    stale_after
        By source: the age past which its readings say nothing of the present.
    """
    newest = _newest(connection, now, stale_after)
    rows = connection.execute(sa.select(station).order_by(station.c.source, station.c.id).limit(MOST)).all()
    total = connection.execute(sa.select(sa.func.count()).select_from(station)).scalar_one()
    readings = [row for found in newest.values() for row in found]
    return {
        "type": "FeatureCollection",
        "features": [
            _feature(row, newest.get((row.source, row.id), []), now, stale_after.get(row.source, FRESH_FOR))
            for row in rows
        ],
        "more": max(0, total - len(rows)),
        "data_at": iso(max(row.observed_at for row in readings)) if readings else None,
        "received_at": iso(max(row.received_at for row in readings)) if readings else None,
    }


def _newest(
    connection: Connection, now: datetime, stale_after: Mapping[str, timedelta]
) -> dict[tuple[str, str], list[Any]]:
    """The newest observation of each quantity at each station, further back where a source reports more rarely."""
    table = observation.c
    key = (table.source, table.station, table.quantity)
    rank = sa.func.row_number().over(partition_by=key, order_by=table.observed_at.desc()).label("rank")
    latest = now + timedelta(minutes=15)
    recent: list[sa.ColumnElement[bool]] = [table.observed_at.between(now - LOOK_BACK, latest)]
    for source in connection.execute(sa.select(station.c.source).distinct()).scalars():
        if stale_after.get(source, FRESH_FOR) > LOOK_BACK:
            recent.append(
                sa.and_(table.source == source, table.observed_at.between(now - stale_after[source], latest))
            )
    ranked = sa.select(observation, rank).where(sa.or_(*recent)).subquery()
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(sa.select(ranked).where(ranked.c.rank == 1).order_by(ranked.c.quantity)):
        found[(row.source, row.station)].append(row)
    return found


def _feature(row: Any, readings: list[Any], now: datetime, fresh_for: timedelta) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [row.lon, row.lat]},
        "properties": {
            "source": row.source,
            "id": row.id,
            "name": row.name,
            "level": int(station_level(row.attributes, readings, now, fresh_for)),
            "q": {
                reading.quantity: {
                    "value": reading.value,
                    "unit": reading.unit,
                    "observed_at": iso(reading.observed_at),
                    "quality": reading.quality,
                }
                for reading in readings
            },
        },
    }


def station_level(attributes: dict[str, Any], readings: list[Any], now: datetime, fresh_for: timedelta) -> Level:
    """The level a station shows: unknown unless it has a fresh, good reading, else the highest stage reached.

    A station with stages is judged by its river stage alone: a fresh thermometer says nothing about the water. A
    suspect reading may show a stage as reached, but never that none is.
    """
    stages = {key: value for key, value in attributes.get("stages_m", {}).items() if key in STAGE_LEVELS}
    usable = [
        reading
        for reading in readings
        if reading.value is not None
        and reading.quality in (Quality.GOOD.value, Quality.SUSPECT.value)
        and now - reading.observed_at <= fresh_for
        and (not stages or reading.quantity == "river_stage")
    ]
    if not usable:
        return Level.UNKNOWN
    good = any(reading.quality == Quality.GOOD.value for reading in usable)
    try:
        reached = [
            STAGE_LEVELS[name]
            for name, stage in stages.items()
            for reading in usable
            if convert(reading.value, reading.unit, "m") >= float(stage)
        ]
    except ValueError:  # a unit that is no length: the stages cannot be compared with it
        return Level.UNKNOWN
    return max(reached, default=Level.NONE if good else Level.UNKNOWN)
