"""The browser bundle in a real browser, under the policy the pages are served with."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from data.regions import load_regions
from data.setup.paths import Places

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; font-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:"
)
PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/assets/vendor/maplibre.css">
<div id="map" style="width:600px;height:400px"></div><script type="module" src="/page.mjs"></script>"""
SCRIPT = """
import {maplibregl, PMTilesProtocol} from '/assets/vendor/map.mjs';
maplibregl.addProtocol('pmtiles', new PMTilesProtocol().tile);
const map = new maplibregl.Map({container: 'map', center: [113.65, 34.757], zoom: 6, style: {
  version: 8,
  sources: {regions: {type: 'vector', url: `pmtiles://${location.origin}/data/var/base/regions.pmtiles`}},
  layers: [{id: 'counties', type: 'fill', source: 'regions', 'source-layer': 'cn-county',
            paint: {'fill-color': ['case', ['==', ['feature-state', 'level'], 4], '#f00', '#ccc']}}]}});
const tell = (facts) => { document.body.dataset.told ??= JSON.stringify(facts); };
map.on('error', (event) => tell({fault: String(event.error && event.error.message)}));
map.on('idle', async () => {
  const [found] = map.queryRenderedFeatures(map.project([113.65, 34.757]), {layers: ['counties']});
  if (!found) return;
  map.setFeatureState({source: 'regions', sourceLayer: 'cn-county', id: found.id}, {level: 4});
  const draw = await import('/assets/vendor/draw.mjs');
  tell({id: found.id, code: found.properties.code, name_zh: found.properties.name_zh,
        draws: [typeof draw.terradraw.TerraDraw, typeof draw.TerraDrawMapLibreGLAdapter]});
});
"""


class Handler(SimpleHTTPRequestHandler):
    """Files of the repository, single byte ranges, and the two pages of this test."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        made = {"/": (PAGE, "text/html"), "/page.mjs": (SCRIPT, "text/javascript")}.get(path)
        if made:
            self._send(200, made[0].encode(), made[1])
            return
        file = Path(self.translate_path(path))
        if not file.is_file():
            self._send(404, b"", "text/plain")
            return
        content, kind = file.read_bytes(), "text/javascript" if file.suffix == ".mjs" else self.guess_type(file)
        asked = self.headers.get("Range")
        if not asked:
            self._send(200, content, kind)
            return
        first, last = (int(part) for part in asked.removeprefix("bytes=").split("-"))
        self._send(206, content[first : last + 1], kind, f"bytes {first}-{last}/{len(content)}")

    def _send(self, status: int, content: bytes, kind: str, part: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", POLICY)
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def bundle() -> Iterator[str]:
    if not (Places().vendor / "map.mjs").is_file() or not (Places().base / "regions.pmtiles").is_file():
        pytest.skip("the bundle and base data are not built: run `make setup`")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(Places().root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.browser
def test_map_draws_counties_without_blob_workers_or_outside_addresses(bundle: str, chromium: Any) -> None:
    complaints: list[str] = []
    outside: list[str] = []
    context = chromium.new_context()
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(bundle) else outside.append(request.url))
    page.goto(bundle)
    told = page.locator("body[data-told]")
    told.wait_for(state="attached", timeout=60_000)
    facts = json.loads(told.get_attribute("data-told") or "{}")
    context.close()
    rid = load_regions().by_code("CN-410103")
    assert facts == {"id": rid, "code": "CN-410103", "name_zh": "二七区", "draws": ["function", "function"]}
    assert [text for text in complaints if "404" not in text] == []
    assert [url for url in outside if not url.startswith("data:")] == []
