"""A small world with a little of everything in it, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from data.model import Event, FieldStep, IncomingWarning, Level, Observation, Quality, Station
from data.store.engine import Store
from data.store.events import EventSink
from data.store.fields import FieldSink
from data.store.incoming import WarningSink
from data.store.sink import PutContext
from data.store.stations import ObservationSink, StationSink
from data.store.tables import warning
from layers.survey.build import build
from tests.layers.survey.records import SCHEMA, make, write

WEST, SOUTH, EAST, NORTH = 115.0, 39.0, 118.0, 41.0  # the county
ROWS = (
    ("CHN", "country", -1, (70.0, 15.0, 140.0, 55.0)),
    ("CN-11", "cn-province", 0, (114.0, 38.0, 119.0, 42.0)),
    ("CN-1101", "cn-prefecture", 1, (114.5, 38.5, 118.5, 41.5)),
    ("CN-110101", "cn-county", 2, (WEST, SOUTH, EAST, NORTH)),
)
QUAKE, CLOSE = (116.4, 39.9), (116.5, 39.8)


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    """Four regions, one in another."""
    folder = tmp_path / "base"
    folder.mkdir()
    code, kind, parent = ([row[place] for row in ROWS] for place in range(3))
    boxes = [row[3] for row in ROWS]
    box, empty = np.array(boxes), np.full(len(code), "")
    np.savez(
        folder / "regions_index.npz", allow_pickle=False, code=np.array(code), kind=np.array(kind),
        pack=np.full(len(code), "world"), name=np.array(code), name_zh=empty, parent_rid=np.array(parent, np.int32),
        population=np.full(len(code), np.nan), places_population=np.zeros(len(code)),
        lon=(box[:, 0] + box[:, 2]) / 2, lat=(box[:, 1] + box[:, 3]) / 2, west=box[:, 0], south=box[:, 1],
        east=box[:, 2], north=box[:, 3],
    )  # fmt: skip
    shapes = [shapely.to_wkb(shapely.box(*one)) for one in boxes]
    pq.write_table(
        pa.table({"rid": np.arange(len(code)), "kind": list(kind), "geometry": shapes}), folder / "regions.parquet"
    )
    return folder


def put(store: Store, home: Path, sink: Any, records: list[Any], now: datetime, source: str) -> None:
    context = PutContext(source=source, received_at=now, payload_id=1, home=home)
    prepared = sink.prepare(context, records)
    with store.write() as connection:
        sink.put(connection, context, prepared)


@pytest.fixture
def world(store: Store, home: Path, now: datetime) -> Store:
    """An earthquake, a gauge that reports and one that is silent, rain, a warning with a shape and one by code."""
    hour = timedelta(hours=1)
    quakes = [
        Event(id="near", kind="earthquake", lon=QUAKE[0], lat=QUAKE[1], occurred_at=now - hour, updated_at=now,
              title="M 4.2", magnitude=4.2, magnitude_type="mb"),
        Event(id="far", kind="earthquake", lon=-70, lat=-30, occurred_at=now - hour, updated_at=now),
        Event(id="old", kind="earthquake", lon=QUAKE[0], lat=QUAKE[1], occurred_at=now - 1200 * hour, updated_at=now),
    ]  # fmt: skip
    put(store, home, EventSink(), quakes, now, "quakes")
    stations = [Station(id="g1", lon=CLOSE[0], lat=CLOSE[1], name="Gauge"), Station(id="g2", lon=-100, lat=40)]
    put(store, home, StationSink(), stations, now, "gauges")
    told = [
        Observation(station="g1", quantity="river_stage", unit="m", observed_at=now - n * hour, value=float(n))
        for n in range(1, 6)
    ]
    told.append(Observation(station="g1", quantity="precipitation", unit="mm", observed_at=now - hour, value=None,
                            quality=Quality.MISSING))  # fmt: skip
    put(store, home, ObservationSink(), told, now, "gauges")
    lon, lat = 114 + 0.25 * np.arange(20.0), 42 - 0.25 * np.arange(16.0)
    values = np.full((16, 20), 7.5, np.float32)
    steps = [
        FieldStep(quantity="precipitation", unit="mm", valid_at=now - n * hour, run_at=now - n * hour, lon=lon,
                  lat=lat, values=values + n, accumulation_s=3600, attributes={"title": "Rain"})
        for n in range(3)
    ]  # fmt: skip
    put(store, home, FieldSink(), steps, now, "grid")
    square = shapely.box(116, 39.5, 117, 40.5).__geo_interface__
    common: dict[str, Any] = {
        "sender": "met", "status": "Actual", "message_type": "Alert", "scope": "Public", "level": Level.RED,
    }  # fmt: skip
    warnings = [
        IncomingWarning(id="drawn", sent_at=now - hour, expires_at=now + hour, geometry=square, headline="Storm",
                        **common),
        IncomingWarning(id="coded", sent_at=now - hour, expires_at=now + hour, headline="Flood",
                        geocodes=(("GB/T 2260", "110101"),), **common),
        IncomingWarning(id="nowhere", sent_at=now - hour, expires_at=now + hour, **common),
        IncomingWarning(id="over", sent_at=now - 90 * hour, expires_at=now - 80 * hour, geometry=square, **common),
    ]  # fmt: skip
    put(store, home, WarningSink(), warnings, now, "cap")
    return store


@pytest.fixture
def own_warning(world: Store, now: datetime) -> None:
    """A warning of this office around a point, issued; and one that was never sent."""
    content = {
        "regions": [], "touched": [], "polygons": [], "outline": [],
        "texts": {"en": {"headline": "Leave the valley"}}, "circles": [{"centre": list(CLOSE), "radius_km": 20}],
    }  # fmt: skip
    common: dict[str, Any] = {
        "kind": "alert", "status": "Actual", "hazard": "flood", "level": int(Level.ORANGE), "content": content,
        "content_sha256": "0" * 64, "edition": 1, "author": "li", "created_at": now, "updated_at": now,
    }  # fmt: skip
    with world.write() as connection:
        connection.execute(
            warning.insert().values(
                **common,
                state="issued",
                identifier="eoc-1",
                sent_at=now,
                issued_at=now,
                expires_at=now + timedelta(hours=6),
            )
        )
        connection.execute(warning.insert().values(**common, state="draft"))


@pytest.fixture
def surveyed(home: Path, tmp_path: Path) -> None:
    """Two thousand objects around Beijing."""
    with ThreadPoolExecutor(2) as executor:
        source = write(make(2_000), tmp_path / "a.parquet")
        build([source], home / "records" / "sites", SCHEMA, executor=executor, limit=500)
