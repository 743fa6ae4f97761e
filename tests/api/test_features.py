"""What the map draws besides levels."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.context import EXTENSION
from api.stations import FRESH_FOR, station_level
from data.model import Level
from data.store.engine import Store
from layers.stations import STAGE_LEVELS
from tests.browser import harness

STAGES = {"action": 3.0, "minor": 4.0, "moderate": 5.0, "major": 6.0}


def shake(id_: str, at: datetime, **more: Any) -> dict[str, Any]:
    return {"id": id_, "lon": 100.0, "lat": 30.0, "magnitude": 5.0, "title": id_, "occurred_at": at, **more}


def test_events_leave_out_deleted_second_reports_and_old_ones(client: Any, store: Store, now: datetime) -> None:
    hour = timedelta(hours=1)
    harness.put_events(
        store,
        [
            shake("new", now - hour), shake("older", now - 2 * hour), shake("gone", now - hour, status="deleted"),
            shake("twin", now - hour, same_as="new"), shake("old", now - timedelta(days=8)),
        ],
    )  # fmt: skip
    body = client.get("/api/events.json?v=1").json
    assert [feature["id"] for feature in body["features"]] == ["usgs_quakes/new", "usgs_quakes/older"]
    assert body["features"][0]["geometry"] == {"type": "Point", "coordinates": [100.0, 30.0]}
    assert body["data_at"] == "2026-03-01T11:00:00Z"
    assert body["more"] == 0


def test_events_without_magnitude_say_null_and_not_zero(client: Any, store: Store, now: datetime) -> None:
    harness.put_events(store, [shake("blast", now, magnitude=None, depth_km=None)])
    properties = client.get("/api/events.json").json["features"][0]["properties"]
    assert properties["magnitude"] is None
    assert properties["depth_km"] is None


def test_events_beyond_the_most_are_counted(
    client: Any, store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.features.MOST_EVENTS", 2)
    harness.put_events(store, [shake(f"q{i}", now - timedelta(minutes=i)) for i in range(5)])
    body = client.get("/api/events.json").json
    assert (len(body["features"]), body["more"]) == (2, 3)


class Reading:
    """One observation as the store gives it."""

    def __init__(
        self, value: float | None, age: timedelta, *, quality: str = "good", of: str = "river_stage"
    ) -> None:
        from tests.conftest import NOW

        self.value, self.observed_at, self.quality, self.quantity, self.unit = value, NOW - age, quality, of, "m"


MINUTE = timedelta(minutes=1)
SILENT = timedelta(hours=4)


@pytest.mark.parametrize(
    ("stages", "readings", "expected"),
    [
        (STAGES, [], Level.UNKNOWN),
        (STAGES, [Reading(2.0, MINUTE)], Level.NONE),
        (STAGES, [Reading(3.0, MINUTE)], Level.BLUE),
        (STAGES, [Reading(6.5, MINUTE)], Level.RED),
        (STAGES, [Reading(6.5, SILENT)], Level.UNKNOWN),
        (STAGES, [Reading(None, MINUTE, quality="missing")], Level.UNKNOWN),
        (STAGES, [Reading(2.0, MINUTE, quality="bad")], Level.UNKNOWN),
        (STAGES, [Reading(20.0, MINUTE, of="air_temperature")], Level.UNKNOWN),
        (STAGES, [Reading(6.5, SILENT), Reading(20.0, MINUTE, of="air_temperature")], Level.UNKNOWN),
        ({}, [Reading(20.0, MINUTE, of="air_temperature")], Level.NONE),
        ({}, [Reading(20.0, SILENT, of="air_temperature")], Level.UNKNOWN),
    ],
    ids=["no-reading", "below", "action", "major", "stale", "missing", "bad", "only-thermometer", "stale-gauge",
         "no-stages", "no-stages-stale"],
)  # fmt: skip
def test_station_without_fresh_good_reading_is_unknown(
    stages: dict[str, float], readings: list[Reading], expected: Level, now: datetime
) -> None:
    assert station_level({"stages_m": stages}, readings, now, FRESH_FOR) == expected
    assert set(STAGE_LEVELS) == set(STAGES)


def test_stations_give_the_newest_reading_of_each_quantity(client: Any, store: Store, now: datetime) -> None:
    row = {"id": "s1", "name": "Gauge", "lon": 113.0, "lat": 34.0, "attributes": {"stages_m": STAGES}}
    harness.put_station(store, row, 4.5, now - timedelta(minutes=5))
    with store.write() as connection:
        from data.store.tables import observation

        old = {"source": "water_services", "quantity": "river_stage", "station": "s1", "unit": "m", "value": 9.0}
        times = {"observed_at": now - timedelta(hours=1), "received_at": now}
        connection.execute(observation.insert().values(**old, **times, quality="good"))
    feature = client.get("/api/stations.json?v=1").json["features"][0]
    assert feature["properties"]["level"] == Level.YELLOW
    assert feature["properties"]["q"]["river_stage"] == {
        "value": 4.5, "unit": "m", "observed_at": "2026-03-01T11:55:00Z", "quality": "good",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "age", "level"),
    [
        ({}, timedelta(hours=2), Level.YELLOW),
        ({}, timedelta(hours=4), Level.UNKNOWN),
        ({"water_services": timedelta(minutes=30)}, timedelta(hours=2), Level.UNKNOWN),
        ({"water_services": timedelta(hours=12)}, timedelta(hours=4), Level.YELLOW),
        ({"water_services": timedelta(days=10)}, timedelta(days=5), Level.YELLOW),
        ({"another": timedelta(days=10)}, timedelta(days=5), Level.UNKNOWN),
    ],
    ids=["default", "default-stale", "strict", "patient", "weekly", "of-another"],
)
def test_station_is_as_fresh_as_its_source_says(
    server: Any, store: Store, now: datetime, told: dict[str, timedelta], age: timedelta, level: Level
) -> None:
    row = {"id": "s1", "name": "Gauge", "lon": 113.0, "lat": 34.0, "attributes": {"stages_m": STAGES}}
    harness.put_station(store, row, 4.5, now - age)
    server.extensions[EXTENSION] = replace(server.extensions[EXTENSION], stale_after=told)
    feature = server.test_client().get("/api/stations.json?v=1").json["features"][0]
    assert feature["properties"]["level"] == level


def test_warnings_without_an_area_are_listed_beside_the_map(client: Any, store: Store, now: datetime) -> None:
    ring = [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 1.0]]
    harness.put_warning(store, {"key": "a", "level": 3, "geometry": {"type": "Polygon", "coordinates": [ring]}}, now)
    harness.put_warning(store, {"key": "b", "level": -1}, now)
    harness.put_warning(store, {"key": "c", "level": 4, "status": "Exercise"}, now)
    body = client.get("/api/warnings.json?v=1").json
    assert [feature["properties"]["level"] for feature in body["collection"]["features"]] == [3]
    assert [(item["key"], item["level"]) for item in body["without_geometry"]] == [("b", -1)]


@pytest.mark.parametrize(("name", "empty"), [("fields", {"series": []}), ("surveys", [])])
def test_lists_are_empty_before_anything_came(client: Any, name: str, empty: Any) -> None:
    answer = client.get(f"/api/{name}.json?v=0")
    assert (answer.status_code, answer.json) == (200, empty)


def test_answers_are_compact_compressed_and_kept(client: Any, store: Store, now: datetime) -> None:
    harness.put_events(store, [shake(f"q{i}", now - timedelta(minutes=i)) for i in range(200)])
    plain = client.get("/api/events.json?v=1")
    small = client.get("/api/events.json?v=1", headers={"Accept-Encoding": "br, gzip"})
    assert json.loads(plain.data)["features"]
    assert b": " not in plain.data[:200]
    assert small.headers["Content-Encoding"] == "br"
    assert len(small.data) < len(plain.data) / 5
    assert "immutable" in small.headers["Cache-Control"]
