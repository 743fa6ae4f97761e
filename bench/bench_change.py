"""From a change in a local feed to a coloured region on an open page, with the whole system running.

The poll is taken out by asking for a run at the moment of the change ("run now"), as the target does. Beside it, as
the peer, the same change on a page that polls every five seconds, as a dashboard without a live stream does.
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
Took = tuple[float, float]
POLL_S = 5.0


# On a page without a map: when the stream said that the levels are others, in milliseconds since 1970.
LISTEN = """() => {
  window.heard = [];
  let last = null;
  new EventSource('/api/live').onmessage = (message) => {
    const levels = JSON.parse(message.data).levels;
    if (last !== null && levels !== last) heard.push(Date.now());
    last = levels;
  };
}"""
SEEN = """new Promise((done) => {
  const watch = setInterval(() => { if (FEATURE.level === 4) { clearInterval(watch); done(true); } }, 10);
  setTimeout(() => { clearInterval(watch); done(false); }, 30000);
})"""


def change(page: Any, ear: Any, server: FeedServer, store: Any, quakes: list[dict[str, Any]], rid: int) -> Took:
    """Milliseconds from one more earthquake in the feed to the stream's message, and to the red county on the map."""
    index = load_regions()
    at_ms = int(utc_now().timestamp() * 1000)
    quakes.append({"id": f"us7000b{len(quakes):03d}", "mag": 6.0, "lon": float(index.lon[rid]),
                   "lat": float(index.lat[rid]), "place": "bench", "at_ms": at_ms - 60_000})  # fmt: skip
    ear.evaluate("heard.length = 0")
    server.bodies["/quakes"] = scene.quake_feed(*quakes, generated_ms=at_ms)
    began, began_ms = time.perf_counter(), time.time() * 1000
    with store.write() as connection:
        row = source_state.c.source == "usgs_quakes"
        connection.execute(sa.update(source_state).where(row).values(run_requested_at=utc_now()))
    feature = f"tocsinMap.map.getFeatureState(tocsinMap.regions.feature({rid}))"
    if not page.evaluate(SEEN.replace("FEATURE", feature)):
        raise SystemExit(f"{index.code[rid]}: the page did not change in 30 s")
    took = (time.perf_counter() - began) * 1000
    page.wait_for_timeout(1500)  # a frame takes half a second and more without a GPU: let it settle
    return ear.evaluate("heard[0]") - began_ms, took


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
            ear = browser.new_context().new_page()
            system.sign_in(ear)
            ear.goto(f"{system.url}/about")
            ear.evaluate(LISTEN)
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            system.sign_in(page)
            while not page.evaluate("Boolean(window.tocsinMap?.ready && tocsinMap.versions.levels)"):
                page.wait_for_timeout(50)
            page.evaluate("tocsinMap.map.jumpTo({center: [-96, 38], zoom: 5})")
            counties = load_regions().of_kind("us-county")
            chosen = counties[:: len(counties) // ROUNDS][:ROUNDS].tolist()
            quakes: list[dict[str, Any]] = []
            took = [change(page, ear, server, store, quakes, rid) for rid in chosen]
            browser.close()
        finally:
            store.close()
            system.stop()
            server.close()
    poll = POLL_S * 1000 / 2
    for name, place in (("the live stream's message", 0), ("the region on the open map", 1)):
        found = sorted(item[place] for item in took)
        p50, p95 = statistics.median(found), found[int(len(found) * 0.95)]
        print(f"feed change to {name}, {ROUNDS} changes: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
        print(
            f"  peer: the same, polled every {POLL_S:g} s, mean {poll + p50:.0f} ms; ratio {(poll + p50) / p50:.1f}"
        )


if __name__ == "__main__":
    main()
