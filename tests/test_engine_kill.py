"""kill -9 of a real engine at random points: nothing acknowledged is lost or double, and it comes back by itself."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.store.archive import Archive
from data.store.engine import Store, open_store
from data.store.tables import event, event_revision, leader, observation, payload, run
from tests.conftest import ROOT
from tests.ingest.feedserver import FeedServer, Handler, run_feed_server, wait_until

BEGIN_MS = 1_700_000_000_000
# Imports once, then forks an engine for each line it reads: a start costs milliseconds, and is a process of its own.
PROGRAM = """
import os, sys, threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
import ingest.schedule
from data.settings import Settings
from data.store.engine import open_store
from ingest.schedule import Engine
from ingest.station_table import StationTable
from ingest.usgs_quakes import UsgsQuakes

home, url, host = sys.argv[1:4]
ingest.schedule.LOOK_S = 0.02
every = timedelta(seconds=0.05)

def at(source, key, path):
    return replace(source, spec=replace(source.spec, key=key, url=f"http://{host}{path}", every=every))

def engine():
    table = StationTable.configured({
        "source": "station_table", "station": "id", "time": "time",
        "values": {"river_stage": {"column": "stage", "unit": "m"}},
    })
    sources = (at(UsgsQuakes(), "quakes", "/quakes"), at(table, "gauges", "/gauges"))
    settings = Settings(
        home=Path(home), database_url=url, allow_hosts=(host,),
        sources=({"source": "usgs_quakes", "key": "quakes"}, {"source": "station_table", "key": "gauges"}),
    )
    rules = lambda now, epoch: None
    period = timedelta(seconds=0.2)
    Engine(settings, open_store(url), sources, rules, period=period, retry_lead_s=0.05).run_forever(threading.Event())

for _ in sys.stdin:
    number = os.fork()
    if number == 0:
        engine()
        os._exit(0)
    print(number, flush=True)
    os.waitpid(number, 0)
    print("dead", flush=True)
"""


class GrowingFeeds:
    """Two feeds that grow by a record or two each time they are asked."""

    def __init__(self, feeds: FeedServer) -> None:
        self.lock = threading.Lock()
        self.quakes = self.rows = 0
        feeds.routes["/quakes"] = self.send_quakes
        feeds.routes["/gauges"] = self.send_gauges

    def send_quakes(self, handler: Handler) -> None:
        with self.lock:
            self.quakes += 1
            count = self.quakes
        features = [
            {
                "type": "Feature",
                "id": f"q{number}",
                "properties": {"time": BEGIN_MS + number * 1000, "updated": BEGIN_MS + number * 1000, "mag": 3.0},
                "geometry": {"type": "Point", "coordinates": [1.0, 2.0, 3.0]},
            }
            for number in range(max(0, count - 150), count)
        ]
        handler.send(200, json.dumps({"type": "FeatureCollection", "features": features}).encode(), {})

    def send_gauges(self, handler: Handler) -> None:
        with self.lock:
            self.rows += 2
            count = self.rows
        lines = [
            f"g{number % 5},{datetime.fromtimestamp(1_700_000_000 + number, UTC).isoformat()},{number / 100}"
            for number in range(max(0, count - 200), count)
        ]
        handler.send(200, ("id,time,stage\n" + "\n".join(lines) + "\n").encode(), {})


class Engines:
    """Starts engines one after another, and kills them."""

    def __init__(self, home: Path, url: str, host: str) -> None:
        self.log = (home / "engine.log").open("ab")
        self.parent = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home), url, host],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, bufsize=1,
        )  # fmt: skip

    def start(self) -> int:
        assert self.parent.stdin and self.parent.stdout
        self.parent.stdin.write("go\n")
        return int(self.parent.stdout.readline())

    def kill(self, number: int) -> None:
        assert self.parent.stdout
        os.kill(number, signal.SIGKILL)
        assert self.parent.stdout.readline() == "dead\n"

    def close(self) -> None:
        assert self.parent.stdin and self.parent.stdout
        self.parent.stdin.close()
        self.parent.wait(10)
        self.parent.stdout.close()
        self.log.close()


def kill_again_and_again(home: Path, url: str, times: int, seed: int) -> None:
    luck = random.Random(seed)
    store = open_store(url)
    with run_feed_server() as feeds:
        GrowingFeeds(feeds)
        engines = Engines(home, url, feeds.host)
        acknowledged: dict[int, int] = {}  # run row -> its payload, as seen committed while the engine was alive
        for _ in range(times):
            before = runs(store)
            number = engines.start()
            try:
                worked = wait_until(lambda seen=before: runs(store) > seen, 20)
                time.sleep(luck.uniform(0.0, 0.15))
                acknowledged |= acknowledged_runs(store)
            finally:
                engines.kill(number)
            assert worked, (home / "engine.log").read_text()[-3000:]
        before = runs(store)
        number = engines.start()
        came_back = wait_until(lambda: runs(store) > before + 2, 20)
        engines.kill(number)
        engines.close()
    assert came_back, "the engine did not come back"
    check(store, home, acknowledged, times)
    store.close()


def runs(store: Store) -> int:
    with store.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(run)).scalar_one()


def acknowledged_runs(store: Store) -> dict[int, int]:
    with store.read() as connection:
        rows = connection.execute(
            sa.select(run.c.id, run.c.payload_id).where(run.c.outcome.in_(("stored", "unchanged")))
        )
        return {row.id: row.payload_id for row in rows if row.payload_id is not None}


def check(store: Store, home: Path, acknowledged: dict[int, int], times: int) -> None:
    archive = Archive(home / "payloads")
    now_kept = acknowledged_runs(store)
    assert acknowledged.items() <= now_kept.items(), "a committed run is gone"
    with store.read() as connection:
        payloads = {row.id: row for row in connection.execute(sa.select(payload))}
        quakes = set(connection.execute(sa.select(event.c.id)).scalars())
        revisions = connection.execute(sa.select(event_revision.c.id)).scalars().all()
        gauges = {
            (row.station, int(row.observed_at.timestamp())): row.value
            for row in connection.execute(sa.select(observation))
        }
        epoch = connection.execute(sa.select(leader.c.epoch)).scalar_one()
        if store.is_sqlite:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert len(now_kept) >= times and epoch >= times
    assert len({(row.source, row.sha256) for row in payloads.values()}) == len(payloads), "a payload is double"
    for payload_id in set(now_kept.values()):
        body = archive.get(payloads[payload_id].sha256)
        assert hashlib.sha256(body).hexdigest() == payloads[payload_id].sha256
        if payloads[payload_id].source == "quakes":
            assert {feature["id"] for feature in json.loads(body)["features"]} <= quakes
            continue
        for line in body.decode().splitlines()[1:]:
            name, at, value = line.split(",")
            assert gauges[(name, int(datetime.fromisoformat(at).timestamp()))] == float(value)
    assert sorted(revisions) == sorted(quakes), "an event has a double revision"


@pytest.mark.parametrize("times", [20, pytest.param(300, marks=pytest.mark.prove)])
def test_engine_killed_again_and_again_loses_nothing_on_sqlite(sqlite_url: str, home: Path, times: int) -> None:
    kill_again_and_again(home, sqlite_url, times, seed=times)
    assert list((home / "payloads").rglob("*.zst"))


@pytest.mark.parametrize("times", [8, pytest.param(100, marks=pytest.mark.prove)])
def test_engine_killed_again_and_again_loses_nothing_on_postgresql(postgres_url: str, home: Path, times: int) -> None:
    kill_again_and_again(home, postgres_url, times, seed=times)
    assert list((home / "payloads").rglob("*.zst"))
