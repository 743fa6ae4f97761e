"""What the map draws besides levels: events, stations, warnings of others and surveys.

Some of these change with the clock alone (a station falls silent, a warning ends). Bodies are built anew each half
minute at most, and the map script asks again with another version when that may matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response
from sqlalchemy.engine import Connection

from access.guard import needs
from api.answers import compact, versioned
from api.context import api
from data.clock import iso
from data.model import EventStatus, Level
from data.store.changes import read_versions
from data.store.tables import event
from layers.layer import View

EVENT_DAYS = 7
MOST_EVENTS = 5_000
BUILD_EVERY_S = 30

blueprint = Blueprint("features", __name__)

Build = Callable[[Connection, datetime], Any]


def _answer(topic: str, build: Build) -> Response:
    """The body of a topic at its present version, built once a worker."""
    here = api()
    now = here.clock()
    with here.store.read() as connection:
        version = read_versions(connection).get(topic, 0)

    def body() -> bytes:
        with here.store.read() as connection:
            return compact(build(connection, now))

    return versioned(here.memo.get((topic, version, int(now.timestamp()) // BUILD_EVERY_S), body))


@blueprint.get("/api/events.json")
@needs("watch.view")
def events() -> Response:
    return _answer("events", read_events)


@blueprint.get("/api/stations.json")
@needs("watch.view")
def stations() -> Response:
    from api.stations import read_stations

    return _answer("stations", lambda connection, now: read_stations(connection, now, api().stale_after))


@blueprint.get("/api/warnings.json")
@needs("watch.view")
def warnings() -> Response:
    return _answer("warnings", lambda connection, now: read_warnings(connection, now, api().regions()))


@blueprint.get("/api/surveys.json")
@needs("watch.view")
def surveys() -> Response:
    from api.grids import read_surveys

    return _answer("surveys", read_surveys)


def read_events(connection: Connection, now: datetime) -> dict[str, Any]:
    """Events of the last days as points, newest first; deleted ones and second reports of the same event left out."""
    table = event.c
    shown = sa.and_(
        table.occurred_at > now - timedelta(days=EVENT_DAYS),
        table.status != EventStatus.DELETED.value,
        table.same_as.is_(None),
    )
    total = connection.execute(sa.select(sa.func.count()).select_from(event).where(shown)).scalar_one()
    rows = connection.execute(
        sa.select(event).where(shown).order_by(table.occurred_at.desc(), table.id).limit(MOST_EVENTS)
    ).all()
    return {
        "type": "FeatureCollection",
        "features": [_event(row) for row in rows],
        "more": max(0, total - len(rows)),
        "data_at": iso(rows[0].occurred_at) if rows else None,
        "received_at": iso(max(row.received_at for row in rows)) if rows else None,
    }


def _event(row: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": f"{row.source}/{row.id}",
        "geometry": {"type": "Point", "coordinates": [row.lon, row.lat]},
        "properties": {
            "source": row.source,
            "id": row.id,
            "kind": row.kind,
            "title": row.title,
            "magnitude": row.magnitude,
            "depth_km": row.depth_km,
            "occurred_at": iso(row.occurred_at),
            "updated_at": iso(row.updated_at),
            "status": row.status,
        },
    }


def read_warnings(connection: Connection, now: datetime, regions: Any) -> dict[str, Any]:
    """Warnings of others in force, and beside them those without an area."""
    from data.store.incoming import read_live
    from layers.warnings import Warnings

    rows = read_live(connection, now)
    found = Warnings().compute({"warnings": rows, "regions": regions}, View(now=now))
    features = [
        {**feature, "properties": _numbered(feature["properties"])} for feature in found.collection["features"]
    ]
    bare = [_numbered(properties) for properties in found.without_geometry]
    everything = [feature["properties"] for feature in features] + bare
    return {
        "collection": {"type": "FeatureCollection", "features": features},
        "without_geometry": bare,
        "data_at": max((item["sent_at"] for item in everything), default=None),
        "received_at": iso(found.as_of) if found.as_of else None,
    }


def _numbered(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties with the level as the number that the map compares."""
    return {**properties, "level": int(Level.of(properties["level"]))}
