"""What instruments say of something that people tell: an earthquake near here, rain here, in the last hours.

Three answers are kept apart: it was observed; nothing is known although somebody was listening all the time; nobody
can tell. The second needs proof of its own, for silence of a feed that fails is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.observed_quakes import heard_spans, read_quakes
from alerts.spans import covers
from data.model import Quality
from data.store.tables import event, observation, source_state, station
from data.units import convert
from layers.geodesy import KM_PER_DEGREE, great_circle_km

Answer = Literal["observed", "nothing known", "cannot tell"]

QUAKE_KM = 300.0
RAIN_KM = 50.0
LEAST_RAIN_MM = 0.1
LATE = timedelta(minutes=15)  # a feed that says nothing of its own
STATION_LATE = timedelta(hours=3)
LOOKED_BEFORE = timedelta(hours=7)  # looks before the time that is asked about, which it begins with
MOST = 10


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One thing that an instrument saw."""

    at: datetime
    distance_km: float
    value: float  # magnitude, or millimetres
    name: str
    depth_km: float | None = None


@dataclass(frozen=True, kw_only=True)
class Rumour:
    """The answer, what it stands on, and who was asked."""

    answer: Answer
    seen: tuple[Seen, ...] = ()
    more: int = 0
    asked: int = 0  # feeds or stations that could have seen it
    silent: int = 0  # those of them that did not speak
    newest_at: datetime | None = None


def earthquake(
    connection: Connection, lon: float, lat: float, *, within_km: float = QUAKE_KM, since: datetime, now: datetime,
    stale_after: Mapping[str, timedelta],
) -> Rumour:  # fmt: skip
    """Located earthquakes near a place.

    Parameters
    ----------
    stale_after
        By source: the time without a successful look past which it says nothing of the present.
    """
    rows = read_quakes(connection, since, now + timedelta(seconds=1))
    apart = great_circle_km(lon, lat, np.array([row.lon for row in rows]), np.array([row.lat for row in rows]))
    near = [
        Seen(at=row.occurred_at, distance_km=float(km), value=row.magnitude, name=row.title, depth_km=row.depth_km)
        for row, km in zip(rows, np.atleast_1d(apart).tolist(), strict=True)
        if km <= within_km
    ]
    feeds = (
        connection.execute(sa.select(event.c.source).where(event.c.kind == "earthquake").distinct()).scalars().all()
    )
    states = _listening(connection, feeds)
    heard = [row for row in states if _heard(connection, row, since, now, stale_after.get(row.source, LATE))]
    looked = [row.last_success_at for row in states if row.last_success_at is not None]
    facts: dict[str, Any] = {
        "asked": len(states), "silent": len(states) - len(heard), "newest_at": max(looked, default=None),
    }  # fmt: skip
    if near:
        return _observed(near, facts)
    return Rumour(answer="nothing known" if heard else "cannot tell", **facts)


def rain(
    connection: Connection, lon: float, lat: float, *, within_km: float = RAIN_KM, since: datetime, now: datetime,
    stale_after: Mapping[str, timedelta],
) -> Rumour:  # fmt: skip
    """The largest report of rain of each gauge near a place; a report is of the time that the gauge reports for."""
    gauges = _gauges(connection, lon, lat, within_km)
    readings = _readings(connection, gauges, since, now)
    fresh = [
        key for key, rows in readings.items()
        if now - max(at for _, at in rows) <= stale_after.get(key[0], STATION_LATE)
    ]  # fmt: skip
    wet = []
    for key, rows in readings.items():
        (name, km), (most, at) = gauges[key], max(rows)
        if most >= LEAST_RAIN_MM:
            wet.append(Seen(at=at, distance_km=km, value=most, name=name))
    newest = [at for rows in readings.values() for _, at in rows]
    facts: dict[str, Any] = {
        "asked": len(gauges), "silent": len(gauges) - len(fresh), "newest_at": max(newest, default=None),
    }  # fmt: skip
    if wet:
        return _observed(sorted(wet, key=lambda one: -one.value), facts)
    return Rumour(answer="nothing known" if fresh else "cannot tell", **facts)


def _observed(seen: list[Seen], facts: dict[str, Any]) -> Rumour:
    return Rumour(answer="observed", seen=tuple(seen[:MOST]), more=max(0, len(seen) - MOST), **facts)


def _listening(connection: Connection, feeds: Any) -> list[Any]:
    query = sa.select(source_state).where(source_state.c.source.in_(feeds), source_state.c.enabled)
    return list(connection.execute(query))


def _heard(connection: Connection, state: Any, since: datetime, now: datetime, late: timedelta) -> bool:
    """Whether a feed was heard all the time up to now."""
    looked = state.last_success_at
    if looked is None or state.failing_since is not None or state.paused_by or now - looked > late:
        return False
    spans = heard_spans(connection, [state.source], since - LOOKED_BEFORE, now, late.total_seconds())
    return covers(spans, since.timestamp(), looked.timestamp())


def _gauges(
    connection: Connection, lon: float, lat: float, within_km: float
) -> dict[tuple[str, str], tuple[str, float]]:
    """Stations near a place that have ever told of rain: name and distance [km]."""
    reach = within_km / KM_PER_DEGREE
    wide = reach / max(0.05, float(np.cos(np.radians(min(89.0, abs(lat) + reach)))))
    table, told = station.c, observation.c
    rain_told = sa.exists().where(
        told.source == table.source, told.station == table.id, told.quantity == "precipitation"
    )  # fmt: skip
    query = sa.select(station).where(
        table.lat.between(lat - reach, lat + reach), table.lon.between(lon - wide, lon + wide), rain_told
    )  # fmt: skip
    found = {}
    for row in connection.execute(query):
        km = float(great_circle_km(lon, lat, row.lon, row.lat))
        if km <= within_km:
            found[(row.source, row.id)] = (row.name or row.id, km)
    return found


def _readings(
    connection: Connection, gauges: Mapping[tuple[str, str], Any], since: datetime, now: datetime
) -> dict[tuple[str, str], list[tuple[float, datetime]]]:
    """The reports [mm] and their times by gauge; what is in no unit of rain says nothing of it."""
    table = observation.c
    query = sa.select(observation).where(
        table.quantity == "precipitation", table.observed_at.between(since, now), table.value.is_not(None),
        table.quality.in_((Quality.GOOD.value, Quality.SUSPECT.value)),
        table.station.in_([name for _, name in gauges]),
    )  # fmt: skip
    found: dict[tuple[str, str], list[tuple[float, datetime]]] = {}
    for row in connection.execute(query):
        if (row.source, row.station) not in gauges:
            continue
        try:
            report = float(convert(row.value, row.unit, "mm"))
        except ValueError:
            continue
        found.setdefault((row.source, row.station), []).append((report, row.observed_at))
    return found
