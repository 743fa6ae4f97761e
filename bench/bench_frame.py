"""What is known of a place: how long the question takes over a year of events, a month of readings and many records.

Run: python -m bench.bench_frame [RECORDS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.clock import utc_now
from data.permit import Permit
from data.regions import default_base_dir, load_regions
from data.store.engine import Store, open_store
from data.store.migrate import migrate
from data.store.tables import event, observation, station
from layers.frame.key import cell_of
from layers.frame.known import KINDS, what_is_known
from layers.frame.place import Place, box_place, cell_place, region_place
from layers.survey.build import build
from layers.survey.schema import Column, Facet, Schema
from layers.survey.sight import Sight
from layers.survey.store import Store as Records
from tests import plan_scene

EVENTS, STATIONS, DAYS = 100_000, 500, 30
WEST, SOUTH, EAST, NORTH = -97.0, 35.0, -85.0, 43.0
ROUNDS = 12
SCHEMA = Schema(
    facets=(Facet(name="kind", values=("house", "school", "bridge")),), columns=(Column(name="floors", kind="i2"),)
)


def fill(store: Store, home: Path) -> None:
    """Events and stations all over, hourly readings of a month, and the rain of the Plan page."""
    now, draw = utc_now(), np.random.default_rng(3)
    lon, lat = draw.uniform(WEST, EAST, EVENTS), draw.uniform(SOUTH, NORTH, EVENTS)
    events = [
        {"source": "quakes", "id": str(n), "kind": "earthquake", "status": "reviewed", "revision": 1, "lon": x,
         "lat": y, "magnitude": 3.0, "occurred_at": now - timedelta(minutes=5 * n), "updated_at": now, "aliases": [],
         "attributes": {}, "received_at": now}
        for n, (x, y) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True))
    ]  # fmt: skip
    stations = [
        {"source": "gauges", "id": str(n), "name": f"Gauge {n}", "lon": lon[n], "lat": lat[n], "attributes": {}}
        for n in range(STATIONS)
    ]
    readings = [
        {"source": "gauges", "quantity": "river_stage", "station": str(n), "observed_at": now - timedelta(hours=hour),
         "value": 1.0, "unit": "m", "quality": "good", "received_at": now}
        for n in range(STATIONS) for hour in range(24 * DAYS)
    ]  # fmt: skip
    with store.write() as connection:
        for table, rows in ((event, events), (station, stations), (observation, readings)):
            connection.execute(table.insert(), rows)
    plan_scene.fill(store, home, now)


def records(folder: Path, count: int) -> Sight:
    """A store of objects all over, which everybody may see."""
    draw = np.random.default_rng(4)
    table = pa.table({
        "lon": draw.uniform(WEST, EAST, count), "lat": draw.uniform(SOUTH, NORTH, count),
        "kind": pa.array(np.array(["house", "school", "bridge"])[draw.integers(0, 3, count)]),
        "floors": draw.integers(1, 30, count).astype(np.int16),
    })  # fmt: skip
    pq.write_table(table, folder / "a.parquet")
    with ThreadPoolExecutor(2) as executor:
        build([folder / "a.parquet"], folder / "store", SCHEMA, executor=executor)
    permit = Permit(dataset="store", reader="bench", data_class="public", counts=True, records=True)
    return Sight(Records(folder / "store"), permit, lambda code: frozenset({code}))


def places() -> dict[str, list[Place]]:
    """Places of each size, as people ask."""
    draw, index = np.random.default_rng(5), load_regions(default_base_dir())
    points = np.column_stack([draw.uniform(-95, -88, ROUNDS), draw.uniform(36, 42, ROUNDS)]).tolist()
    counties = [str(code) for code in index.code if str(code).startswith("US-29") and len(str(code)) == 8][:ROUNDS]
    return {
        "cell of 600 m": [cell_place(cell_of(x, y, 16)) for x, y in points],
        "cell of 40 km": [cell_place(cell_of(x, y, 10)) for x, y in points],
        "box of 1 degree": [box_place((x, y, x + 1, y + 1)) for x, y in points],
        "county": [region_place(index, code) for code in counties],
        "state": [region_place(index, "US-29")] * 3,
    }


def main() -> None:
    count = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = open_store(f"sqlite:///{home / 'tocsin.db'}")
        migrate(store)
        fill(store, home)
        seen = records(home, count)
        print(f"{EVENTS:,} events, {STATIONS * 24 * DAYS:,} readings, {count:,} records")
        print(f"{'place':18}" + "".join(f"{kind:>14}" for kind in (*KINDS, "all")) + "   p50 ms, worst of all")
        now = utc_now()
        for name, some in places().items():
            taken: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "all")}
            for place in some:
                for kinds in (*((kind,) for kind in KINDS), tuple(KINDS)):
                    begun = time.perf_counter()
                    what_is_known(
                        store, home, default_base_dir(), place, now - timedelta(days=7), now, now=now, kinds=kinds,
                        sights=[seen],
                    ).as_json()  # fmt: skip
                    taken["all" if len(kinds) > 1 else kinds[0]].append((time.perf_counter() - begun) * 1e3)
            row = "".join(f"{np.median(taken[kind]):>14.1f}" for kind in taken)
            print(f"{name:18}{row}   {max(taken['all']):.0f}", flush=True)
        store.close()


if __name__ == "__main__":
    main()
