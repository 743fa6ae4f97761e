"""Recolouring 3,233 regions on an open map: ours beside Plotly's own choropleth map, in the same browser and run.

    python bench/bench_recolour.py [REPEATS]

Both draw the US counties at 1280 x 900. Call: the script that applies the new values. Tasks: the browser's count of
busy time on the main thread until the map is idle again, drawing included. Pixels: until the frame is there, forced
with readPixels on both, since without a GPU a frame costs most of it. Bytes: what travels for one update, compressed.
"""

from __future__ import annotations

import gzip
import json
import shutil
import statistics
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from data.regions import RegionIndex, load_geometries, load_regions  # noqa: E402
from data.settings import Settings  # noqa: E402
from data.store.engine import open_store  # noqa: E402
from data.store.migrate import migrate  # noqa: E402
from tests.browser import harness  # noqa: E402
from tests.browser.conftest import ARGUMENTS, until  # noqa: E402

TOLERANCE_DEG = 0.02

OURS = """async (hex) => {
  const bytes = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  const {map, regions} = tocsinMap;
  const gl = map.getCanvas().getContext('webgl2');
  const start = performance.now();
  const changed = regions.apply(bytes);
  const call = performance.now() - start;
  await new Promise((done) => map.once('idle', done));
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  return {changed, call, pixels: performance.now() - start};
}"""

PLOTLY_PAGE = """<!doctype html><meta charset="utf-8"><div id="map" style="width:1280px;height:900px"></div>
<script src="/peer/plotly.js"></script>"""

PLOTLY_START = """async () => {
  const counties = await (await fetch('/peer/counties.json')).json();
  const locations = counties.features.map(({id}) => id);
  await Plotly.newPlot('map', [{type: 'choroplethmap', geojson: counties, locations, z: locations.map(() => 0),
    zmin: 0, zmax: 4, marker: {line: {width: 0.5}}, showscale: false}],
    {map: {style: {version: 8, sources: {}, layers: []}, center: {lon: -96, lat: 38}, zoom: 3.3},
     margin: {l: 0, r: 0, t: 0, b: 0}}, {showSendToCloud: false, plotlyServerURL: '', displaylogo: false});
  return locations.length;
}"""

PLOTLY = """async (z) => {
  const {map} = document.getElementById('map')._fullLayout.map._subplot;
  const gl = map.getCanvas().getContext('webgl2');
  const start = performance.now();
  const done = Plotly.restyle('map', {z: [z]});
  await done;
  const call = performance.now() - start;
  if (!map.loaded()) await new Promise((ready) => map.once('idle', ready));
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  return {call, pixels: performance.now() - start};
}"""

READ = "gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));"


def peer_routes(server: Any, index: RegionIndex) -> int:
    """Serve Plotly's script from its package and the same counties as GeoJSON; the GeoJSON's size."""
    import plotly
    import shapely
    from flask import Response, send_file

    rids, areas = load_geometries(index.base_dir, ["us-county"])
    features = [
        {"type": "Feature", "id": str(index.code[rid]), "properties": {},
         "geometry": json.loads(shapely.to_geojson(shapely.set_precision(area.simplify(TOLERANCE_DEG), 1e-4)))}
        for rid, area in zip(rids.tolist(), areas, strict=True)
    ]  # fmt: skip
    body = json.dumps({"type": "FeatureCollection", "features": features})
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    server.add_url_rule("/peer/plotly.js", "peer-plotly", lambda: send_file(script))
    server.add_url_rule("/peer/counties.json", "peer-json", lambda: Response(body, mimetype="application/json"))
    server.add_url_rule("/peer/", "peer", lambda: Response(PLOTLY_PAGE, mimetype="text/html"))
    return len(body)


def middle(rows: list[dict[str, float]], key: str) -> str:
    values = [row[key] for row in rows]
    return f"{statistics.median(values):7.0f} ({min(values):.0f}-{max(values):.0f})"


def both_ways(page: Any, script: str, first: Any, second: Any) -> dict[str, float]:
    """One update by the clock with its pixels read back, and another by the browser's count of busy time."""
    found: dict[str, float] = page.evaluate(script, first)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(item["value"] for item in metrics if item["name"] == "TaskDuration")

    before = spent()
    page.evaluate(script.replace(READ, ""), second)
    found["script"] = spent() - before
    session.detach()
    return found


def run(repeats: int, index: RegionIndex, port: int) -> tuple[list[dict[str, float]], list[dict[str, float]], int]:
    """Repeats of both, taken in turn."""
    from playwright.sync_api import sync_playwright

    counties = index.of_kind("us-county")
    random = np.random.default_rng(1)
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        view = {"width": 1280, "height": 900}
        ours = browser.new_context(viewport=view).new_page()
        ours.goto(f"http://127.0.0.1:{port}/#map=5.51/38/-96")
        until(ours, "Boolean(window.tocsinMap?.ready && tocsinMap.regions.listed.at)")
        idle = "new Promise((done) => { tocsinMap.map.once('idle', () => done(1)); tocsinMap.map.triggerRepaint(); })"
        ours.evaluate("tocsinMap.map.jumpTo({center: [-96, 38], zoom: 5.51})")
        ours.evaluate(idle)
        peer = browser.new_context(viewport=view, bypass_csp=True).new_page()
        peer.goto(f"http://127.0.0.1:{port}/peer/")
        shapes = peer.evaluate(PLOTLY_START)
        results: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
        for _ in range(repeats + 1):
            values = random.integers(0, 5, len(counties))
            packed = np.full(len(index), 16, dtype=np.uint8)
            packed[counties] = values
            ours.evaluate(idle)
            results[0].append(both_ways(ours, OURS, packed.tobytes().hex(), np.roll(packed, 1).tobytes().hex()))
            results[1].append(both_ways(peer, PLOTLY, values.tolist(), np.roll(values, 1).tolist()))
        browser.close()
    return results[0][1:], results[1][1:], shapes  # the first of each warms up


def main() -> None:
    from werkzeug.serving import make_server

    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    index = load_regions()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        store = open_store(settings.url)
        migrate(store)
        harness.put_levels(store, index, harness.levels_of(index, {}, ("us-county",)), datetime.now(UTC))
        harness.beat(store, datetime.now(UTC))
        dash_app = harness.build(store, settings)
        size = peer_routes(dash_app.server, index)
        server = make_server("127.0.0.1", 0, dash_app.server, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ours, peer, shapes = run(repeats, index, server.port)
        server.shutdown()
        store.close()
    counties = index.of_kind("us-county")
    values = np.random.default_rng(1).integers(0, 5, len(counties))
    packed = np.full(len(index), 16, dtype=np.uint8)
    packed[counties] = values
    listed = json.dumps(values.tolist()).replace(" ", "").encode()
    print(f"\n{'':34}{'ours':>22}{'Plotly choroplethmap':>24}   ratio")
    for title, key in (
        ("call [ms]", "call"),
        ("all tasks on the main thread [ms]", "script"),
        ("until the pixels are there [ms]", "pixels"),
    ):
        ratio = statistics.median(row[key] for row in peer) / statistics.median(row[key] for row in ours)
        print(f"{title:34}{middle(ours, key):>22}{middle(peer, key):>24}   {ratio:.1f}")
    small, large = len(gzip.compress(packed.tobytes())), len(gzip.compress(listed))
    print(f"{'bytes of one update, gzip':34}{small:>22}{large:>24}   {large / small:.1f}")
    print(
        f"{'regions changed of those shown':34}{statistics.median(row['changed'] for row in ours):>22.0f}{shapes:>24}"
    )
    print(f"Ours sends all {len(index)} regions ({packed.nbytes} bytes raw); random levels are its worst case.")
    print(f"Plotly was given its GeoJSON ({size / 1e6:.1f} MB) once, before the clock.")


if __name__ == "__main__":
    main()
