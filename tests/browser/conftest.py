"""A real Chromium that may reach nothing but loopback, and the map's page over a filled store."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from data.regions import RegionIndex, load_regions
from data.store.engine import Store, open_store
from data.store.migrate import migrate
from tests.browser import harness
from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = (
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # nothing but loopback is found
)  # fmt: skip
LOOPBACK = ("127.0.0.1", "localhost")
PATIENCE_S = 60.0  # how long a page may take on a busy machine; nothing is measured by it


@pytest.fixture(scope="session")
def index() -> RegionIndex:
    if not (ROOT / "data" / "var" / "base" / "regions.pmtiles").is_file():
        pytest.skip("base data is not built: run `make setup`")
    return load_regions()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests; each has a context of its own."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine: make test installs it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Site:
    """The page under test, what it runs on, and what the browser complained of."""

    url: str
    store: Store
    index: RegionIndex
    now: datetime
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def watch(self, context: Any) -> Any:
        """A page of a context that notes what it asks for elsewhere than on loopback, and collects complaints.

        Nothing is routed through here: that would cost a message each, and switch the browser's cache off.
        """
        page = context.new_page()
        page.on("request", lambda request: self._look_at(request.url))
        page.on("console", lambda message: self._note(message))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error.stack or error}"))
        return page

    def _look_at(self, address: str) -> None:
        if urlsplit(address).hostname not in (*LOOPBACK, None):  # None: data and blobs
            self.foreign.append(address)

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning") and "GPU stall due to ReadPixels" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")


@pytest.fixture(scope="module")
def site(index: RegionIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The harness in a process of its own, ended by its id."""
    home = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{home / 'tocsin.db'}"
    store = open_store(url)
    migrate(store)
    now = datetime.now(UTC).replace(microsecond=0)
    harness.fill(store, index, now)
    port = free_port()
    command = [sys.executable, str(ROOT / "tests" / "browser" / "harness.py"), url, str(home), str(port)]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen([*command, "--fill", "--hasty"], stdout=subprocess.PIPE, stderr=log)
        assert server.stdout is not None
        assert server.stdout.readline().strip() == b"ready", (home / "log").read_text()
        try:
            yield Site(f"http://127.0.0.1:{port}", store, index, now)
        finally:
            server.terminate()
            server.wait(10)
            server.stdout.close()
            store.close()


def until(page: Any, expression: str, patience_s: float = PATIENCE_S) -> Any:
    """Ask the page again until it says yes; the policy forbids the page's own way of doing so."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        value = page.evaluate(expression)
        if value:
            return value
        page.wait_for_timeout(50)
    raise AssertionError(f"not in {patience_s} s: {expression}")


@pytest.fixture(scope="module")
def shared_context(chromium: Any) -> Iterator[Any]:
    """A context whose cache holds scripts and tiles from one test to the next; the map keeps nothing else in it."""
    context = chromium.new_context(viewport={"width": 900, "height": 600})
    yield context
    context.close()


@pytest.fixture
def open_map(chromium: Any, shared_context: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """Open the page and wait until the map shows levels; a second one is that of another browser."""
    pages, contexts = [], []
    site.complaints.clear()
    site.foreign.clear()

    def opened(hash_: str = "", **options: Any) -> Any:
        context = shared_context
        if pages or options:
            context = chromium.new_context(**{"viewport": {"width": 900, "height": 600}, **options})
            contexts.append(context)
        page = site.watch(context)
        pages.append(page)
        page.goto(f"{site.url}/{hash_}")
        until(page, "Boolean(window.tocsinMap?.ready && window.tocsinMap.versions.events)")
        until(page, "Boolean(window.tocsinMap.regions.listed.at)")
        return page

    yield opened
    for opened_here in (*pages, *contexts):
        opened_here.close()
