"""Gridded data for screens and programs: the list of series, the value at a point and its history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.engine import Connection

from access.guard import needs
from api.answers import compact, fault, fresh, versioned
from api.asked import asked_point, asked_time
from api.context import Api, api
from data.clock import iso
from data.errors import StoreError
from data.store.changes import read_versions

MOST_STEPS = 400
MOST_AHEAD = 240
MOST_RUNS = 12
MOST_POINTS = 10_000
BUILD_EVERY_S = 30

blueprint = Blueprint("fields", __name__)


@blueprint.get("/api/fields.json")
@needs("watch.view")
def fields() -> Response:
    """Every series with its steps round now, house quantities first."""
    here = api()
    now = here.clock()
    with here.store.read() as connection:
        version = read_versions(connection).get("fields", 0)

    def body() -> bytes:
        with here.store.read() as connection:
            return compact({"series": read_series(connection, here, now)})

    return versioned(here.memo.get(("fields", version, int(now.timestamp()) // BUILD_EVERY_S), body))


def read_series(connection: Connection, here: Api, now: datetime) -> list[dict[str, Any]]:
    """All series for screens."""
    from data.store.field_series import best_steps, list_series, read_runs
    from layers.field_list import describe_series, order_of

    found = []
    for series in list_series(connection):
        ahead = best_steps(connection, series.key, since=now, limit=10_000)[:MOST_AHEAD]
        past = best_steps(connection, series.key, until=now, limit=MOST_STEPS - len(ahead))
        steps = [*past, *ahead]
        runs = read_runs(connection, series.key)[:MOST_RUNS]
        stale_after = here.stale_after.get(series.key.source)
        deepest = _deepest(here, steps)
        found.append(describe_series(series, steps, runs, now, deepest=deepest, stale_after=stale_after))
    return sorted(found, key=order_of)


def _deepest(here: Api, steps: list[Any]) -> int:
    """Where tiles of a series stop to say more; the grid is read once from the newest step that is there."""
    from layers.value_tiles import deepest_zoom

    for row in reversed(steps):
        try:
            step = here.steps().get(row)
        except StoreError:
            continue
        return deepest_zoom(step.lon, step.lat)
    return 0


@blueprint.get("/api/fields/point.json")
@needs("watch.view")
def point() -> Response:
    """What a step says at a point: the value of the cell, which is null where it is missing."""
    from data.store.fields import find_step
    from layers.fields import cell_at, value_at

    try:
        number, (lon, lat) = int(request.args.get("step", "")), asked_point()
    except ValueError as error:
        return fault(400, "bad_request", f"step, lon and lat are needed as numbers: {error}")
    here = api()
    with here.store.read() as connection:
        row = find_step(connection, number)
    if row is None:
        return fault(404, "not_found", "There is no such field step.")
    try:
        step = here.steps().get(row)
    except StoreError as error:
        return fault(410, "gone", str(error))
    cell = cell_at(step.lon, step.lat, lon, lat)
    if cell is None:
        return fault(404, "outside", "The point is outside the field.")
    value = value_at(step, lon, lat)
    return fresh({
        "value": value, "unit": row.unit, "cell": [round(edge, 6) for edge in cell.bounds],
        "valid_at": iso(row.valid_at), "run_at": iso(row.run_at), "forecast": bool(row.forecast),
        "missing": value is None,
    })  # fmt: skip


@blueprint.get("/api/fields/history.json")
@needs("watch.view")
def history() -> Response:
    """A series at a point over time; a missing value is null."""
    from data.store.field_series import SeriesKey, best_steps
    from layers.field_point import read_point

    try:
        key, (lon, lat) = SeriesKey.of(request.args.get("series", "")), asked_point()
        since, until = asked_time("since"), asked_time("until")
    except ValueError as error:
        return fault(400, "bad_request", f"series, lon and lat are needed: {error}")
    here = api()
    with here.store.read() as connection:
        rows = best_steps(connection, key, since=since, until=until, limit=MOST_POINTS)
    if not rows:
        return fault(404, "not_found", "There is no such series, or it has no step in this time.")
    found = read_point(here.settings.home, rows, lon, lat)
    if found is None:
        return fault(404, "outside", "The point is outside the field.")
    points = [
        {"valid_at": iso(at.valid_at), "run_at": iso(at.run_at), "forecast": at.forecast, "value": at.value}
        for at in found.points
    ]
    return fresh({"unit": rows[-1].unit, "cell": [round(edge, 6) for edge in found.cell], "points": points})
