"""Another step and another ramp on an open map: value tiles coloured in the browser beside pictures from the server.

    python bench/bench_field_swap.py [REPEATS]

Both show the same steps at 900 x 600 in one browser and run. Swap: from the wish to the finished frame (readPixels),
cold with tiles to fetch and again with all of them fetched before. Ramp: from new colours to the finished frame; with
pictures the same as a cold swap, because each ramp is another picture.
"""

from __future__ import annotations

import json
import logging
import shutil
import statistics
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from data.model import FieldStep
from data.settings import Settings
from data.store.engine import open_store
from data.store.fields import FieldSink
from data.store.migrate import migrate
from data.store.sink import PutContext
from tests.browser import harness
from tests.browser.conftest import ARGUMENTS, until

FINISH = """void (window.finish = (gl, start) => {
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  return performance.now() - start;
})"""
OURS = """async (place) => {
  const {map, field} = tocsinMap;
  const gl = map.getCanvas().getContext('webgl2');
  const start = performance.now();
  field.pin(place);
  while (!(field.settled && field.rendered === field.drawn)) await new Promise((done) => map.once('render', done));
  return finish(gl, start);
}"""
RAMP = """async (colour) => {
  const {map, field} = tocsinMap;
  const gl = map.getCanvas().getContext('webgl2');
  const start = performance.now();
  field.series.ramp = {...field.series.ramp, stops: field.series.ramp.stops.map(({value}) => ({value, colour}))};
  const drawn = new Promise((done) => map.once('render', done));
  map.triggerRepaint();
  await drawn;
  return finish(gl, start);
}"""
PICTURES = """async (id) => {
  const {map} = tocsinMap;
  const gl = map.getCanvas().getContext('webgl2');
  const tiles = [`${location.origin}/t/field/${id}/{z}/{x}/{y}.png`];
  const start = performance.now();
  if (map.getSource('pictures')) map.getSource('pictures').setTiles(tiles);
  else {
    map.addSource('pictures', {type: 'raster', tiles, tileSize: 256, maxzoom: 10});
    map.addLayer({id: 'pictures', type: 'raster', source: 'pictures', paint: {'raster-fade-duration': 0}});
  }
  await new Promise((done) => map.once('idle', done));
  return finish(gl, start);
}"""


def steps(count: int, now: datetime) -> list[FieldStep]:
    """Hours of drifting rain over eastern Asia, a tenth of a degree."""
    rng = np.random.default_rng(0)
    lon, lat = np.arange(95.05, 130, 0.1), np.arange(45.95, 18, -0.1)
    rain = (rng.gamma(0.4, 8.0, (lat.size, lon.size)) * (rng.random((lat.size, lon.size)) < 0.4)).round(1)
    return [
        FieldStep(
            quantity="precipitation", unit="mm", valid_at=now - hour * timedelta(hours=1),
            run_at=now - hour * timedelta(hours=1), accumulation_s=3600, lon=lon, lat=lat,
            values=np.roll(rain, 7 * hour, axis=1).astype(np.float32),
        )
        for hour in range(count)
    ]  # fmt: skip


def measure(page: Any, ids: list[int], repeats: int) -> dict[str, Any]:
    page.evaluate(FINISH)
    key = page.evaluate("tocsinMap.field.all[0].key")
    page.evaluate(f"tocsinMap.field.show('{key}')")
    until(page, "Boolean(tocsinMap.field.settled && tocsinMap.field.rendered)", 120)
    far = [4 * turn for turn in range(repeats)]  # beyond what is fetched ahead
    found: dict[str, list[float]] = {"values_cold": [page.evaluate(OURS, place) for place in far]}
    found["values_fetched"] = [page.evaluate(OURS, place) for place in far]
    found["values_ramp"] = [page.evaluate(RAMP, colour) for colour in ("#114477", "#884411") * (repeats // 2)]
    fetched = page.evaluate("tocsinMap.field.tiles.stats")
    page.evaluate("tocsinMap.field.show(null)")
    found["pictures_cold"] = [page.evaluate(PICTURES, ids[place]) for place in far]
    found["pictures_fetched"] = [page.evaluate(PICTURES, ids[place]) for place in far]
    medians = {name: round(statistics.median(times), 1) for name, times in found.items()}
    return {"median_ms": medians, "value_tiles": fetched}


def main() -> int:
    from playwright.sync_api import sync_playwright
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:  # streams may still read
        home, url = Path(name), f"sqlite:///{name}/tocsin.db"
        store = open_store(url)
        migrate(store)
        context = PutContext(source="bench", payload_id=None, received_at=now, home=home)
        prepared = FieldSink().prepare(context, steps(4 * repeats, now)[::-1])
        with store.write() as connection:
            FieldSink().put(connection, context, prepared)
        application = harness.build(store, Settings(home=home, database_url=url, web_threads=32))
        server = make_server("127.0.0.1", 0, application.server, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
            page = browser.new_page(viewport={"width": 900, "height": 600})
            page.goto(f"http://127.0.0.1:{server.server_port}/#map=5/33/112")
            until(page, "Boolean(window.tocsinMap?.ready && tocsinMap.field.all.length)", 240)
            result = measure(page, [row["id"] for row in prepared], repeats)
            browser.close()
        server.shutdown()
        store.close()
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
