"""From a change in a local feed to a coloured region on an open page, with the whole system running.

The poll is taken out by asking for a run at the moment of the change ("run now"), as the target does. Beside it, as
the peer, the same change on a page that polls every five seconds, which is what a dashboard without a live stream does.
Run: python -m bench.bench_change
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data.clock import utc_now
from data.regions import load_regions
from data.store.engine import open_store
from data.store.tables import source_state
from tests import scene
from tests.browser.conftest import ARGUMENTS
from tests.running import FeedServer, Running

ROUNDS = 30
POLL_S = 5.0


def change(page: Any, server: FeedServer, store: Any, quakes: list[dict[str, Any]], rid: int) -> float:
    """Milliseconds from one more earthquake in the feed to the red county on the map."""
    index = load_regions()
    feature = f"tocsinMap.map.getFeatureState(tocsinMap.regions.feature({rid}))"
    now = utc_now()
    at_ms = int(now.timestamp() * 1000)
    quakes.append({"id": f"us7000b{len(quakes):03d}", "mag": 5.6, "lon": float(index.lon[rid]),
                   "lat": float(index.lat[rid]), "place": "bench", "at_ms": at_ms - 60_000})  # fmt: skip
    server.bodies["/quakes"] = scene.quake_feed(*quakes, generated_ms=at_ms)
    began = time.perf_counter()
    with store.write() as connection:
        connection.execute(
            sa.update(source_state).where(source_state.c.source == "usgs_quakes").values(run_requested_at=now)
        )
    while page.evaluate(f"{feature}.level") != 4:
        if time.perf_counter() - began > 30:
            raise SystemExit(f"{index.code[rid]}: the page did not change in 30 s")
    return (time.perf_counter() - began) * 1000


def main() -> None:
    from playwright.sync_api import sync_playwright

    server = FeedServer()
    scene.stage(server, utc_now())
    server.bodies["/quakes"] = scene.quake_feed(generated_ms=int(utc_now().timestamp() * 1000))
    sources = [{**source, "every": "1 h"} for source in scene.sources(server)[:1]]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        system = Running(home, sources, settings={"allow_hosts": [f"127.0.0.1:{server.port}"]})
        store = open_store(f"sqlite:///{home / 'tocsin.db'}")
        try:
            system.wait_ready()
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            system.sign_in(page)
            while not page.evaluate("Boolean(window.tocsinMap?.ready && tocsinMap.versions.levels)"):
                page.wait_for_timeout(50)
            page.evaluate("tocsinMap.map.jumpTo({center: [-96, 38], zoom: 5})")
            counties = load_regions().of_kind("us-county")
            chosen = counties[:: len(counties) // ROUNDS][:ROUNDS].tolist()
            quakes: list[dict[str, Any]] = []
            took = [change(page, server, store, quakes, rid) for rid in chosen]
            browser.close()
        finally:
            store.close()
            system.stop()
            server.close()
    took.sort()
    p50, p95 = statistics.median(took), took[int(len(took) * 0.95)]
    poll = POLL_S * 1000 / 2 + p50
    print(f"feed change to region on the open page, {ROUNDS} changes: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    print(f"peer: the same path on a page polling every {POLL_S:g} s, mean {poll:.0f} ms; ratio {poll / p50:.1f}")


if __name__ == "__main__":
    main()
