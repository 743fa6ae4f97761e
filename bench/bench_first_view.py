"""First view of Watch with a cold browser cache: seconds until it can be used, and bytes over the wire.

Beside it, as the peer, the smallest page a user would have otherwise: the same Dash server with one Plotly map graph
(plotly.js is what any Dash map page loads). Run: python -m bench.bench_first_view
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from data.clock import utc_now
from tests import scene
from tests.browser.conftest import ARGUMENTS
from tests.running import EMAIL, PASSWORD, FeedServer, Running

ROUNDS = 5
USABLE = "Boolean(window.tocsinMap?.ready && tocsinMap.versions.levels && document.querySelector('.list section'))"


def view(browser: Any, system: Running, path: str, usable: str) -> tuple[float, int, int]:
    """Seconds until `usable`, bytes received compressed, and requests, in a browser context of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    received, requests = [0], [0]
    session.on(
        "Network.loadingFinished", lambda event: received.__setitem__(0, received[0] + event["encodedDataLength"])
    )
    session.on("Network.requestWillBeSent", lambda _event: requests.__setitem__(0, requests[0] + 1))
    page.goto(f"{system.url}/login")
    page.fill("input[name=email]", EMAIL)
    page.fill("input[name=password]", PASSWORD)
    received[0] = requests[0] = 0
    began = time.perf_counter()
    page.click("button[type=submit]", no_wait_after=True)
    page.wait_for_url(f"{system.url}{path}", wait_until="commit")
    while not page.evaluate(usable):
        page.wait_for_timeout(20)
    seconds = time.perf_counter() - began
    page.wait_for_timeout(1500)  # what still arrives belongs to the first view's bytes
    context.close()
    return seconds, received[0], requests[0]


def plotly_bytes() -> int:
    """Bytes of plotly.js alone, gzip: what a Plotly map page adds before any data."""
    import gzip

    import plotly

    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return len(gzip.compress(script.read_bytes(), 6))


def main() -> None:
    from playwright.sync_api import sync_playwright

    server = FeedServer()
    scene.stage(server, utc_now())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        system = Running(Path(folder), scene.sources(server), settings={"allow_hosts": [f"127.0.0.1:{server.port}"]})
        try:
            system.wait_ready()
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
            rounds = [view(browser, system, "/", USABLE) for _ in range(ROUNDS)]
            browser.close()
        finally:
            system.stop()
            server.close()
    seconds = sorted(item[0] for item in rounds)
    size = statistics.median(item[1] for item in rounds)
    peer = plotly_bytes()
    print(
        f"first view, cold cache, sign-in included: p50 {statistics.median(seconds):.2f} s, worst {seconds[-1]:.2f} s"
    )
    print(f"bytes over the wire: {size / 1e6:.2f} MB in {rounds[0][2]} requests")
    print(f"peer: plotly.js alone, gzip: {peer / 1e6:.2f} MB; ratio ours / peer {size / peer:.2f}")


if __name__ == "__main__":
    main()
