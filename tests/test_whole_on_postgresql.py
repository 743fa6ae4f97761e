"""The whole system on PostgreSQL: feeds come in, rules run, a second engine waits and takes over at a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.clock import utc_now
from data.regions import default_base_dir
from data.store.engine import open_store
from data.store.tables import evaluation, event, leader, level_snapshot, observation
from tests import scene
from tests.conftest import ROOT
from tests.running import FeedServer, Running

PATIENCE_S = 60.0


def wait_for(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_feeds_rules_and_leadership_work_on_postgresql(postgres_url: str, home: Path) -> None:
    if not (default_base_dir() / "regions.parquet").is_file():
        pytest.skip("base data is not built: run `make setup`")
    feeds = FeedServer()
    scene.stage(feeds, utc_now())
    settings = {"database_url": postgres_url, "allow_hosts": [f"127.0.0.1:{feeds.port}"]}
    system = Running(home, scene.sources(feeds), settings=settings)
    store = open_store(postgres_url)
    waiting = subprocess.Popen([sys.executable, str(ROOT / "app.py"), "engine"], env=system.environ, cwd=ROOT)
    try:
        system.wait_ready()

        def red() -> bool:
            with store.read() as connection:
                counts = connection.execute(sa.select(level_snapshot.c.counts)).scalar() or {}
            return counts.get("by_level", {}).get("red", 0) >= 2

        wait_for(red)
        with store.read() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(event)).scalar_one() == 4
            assert connection.execute(sa.select(sa.func.count()).select_from(observation)).scalar_one() > 100
            row = connection.execute(sa.select(leader).where(leader.c.name == "engine")).one()
        os.kill(int(row.holder.rpartition(":")[2]), signal.SIGKILL)  # one of the two engines started here
        killed_at = utc_now()

        def followed() -> bool:
            with store.read() as connection:
                epoch = connection.execute(sa.select(leader.c.epoch).where(leader.c.name == "engine")).scalar_one()
                newest = connection.execute(sa.select(sa.func.max(evaluation.c.at))).scalar_one()
            return bool(epoch > row.epoch and newest > killed_at)

        wait_for(followed)
    finally:
        waiting.kill()
        waiting.wait()
        system.stop()
        store.close()
        feeds.close()
