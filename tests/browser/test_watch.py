"""The whole path in a real browser: a feed changes and the page shows it; the feed dies and levels turn unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from data.clock import utc_now
from data.regions import RegionIndex
from tests import scene
from tests.browser.conftest import until
from tests.browser.opening import Open, opening, signed_in
from tests.running import FeedServer, Running

pytestmark = pytest.mark.browser

# An own rule that loses patience quickly, so that a test can see what a dead feed does.
IMPATIENT = """
rules:
  - key: test.shaken
    version: "1"
    authority: {en: Test office, zh: 测试}
    citation: {title: a rule of the test, read_on: 2026-01-01, house: true}
    valid_from: 2020-01-01
    hazard: earthquake
    branch: observed
    title: {en: "Shaken, for the test", zh: "测试规则"}
    text: {en: "{region} {value}", zh: "{region} {value}"}
    regions: {kinds: [leaf], within: [CHN]}
    inputs:
      near: {source: events, quantity: earthquake, unit: "1", within_km: 30, window: 24h, feeds: [usgs_quakes]}
    levels:
      red: {input: near, trigger: 6.5, clear: 6.5}
    max_age: 8s
    duration: {default: 1h, hard_limit: 2h}
"""
COUNTY = "CN-540223"  # Dingri
NEW_QUAKE = {"id": "us7000tst9", "mag": 6.9, "lon": 87.1, "lat": 28.6, "place": "Dingri, for the test"}
VIEW = "[tocsinMap.map.getCenter().lng, tocsinMap.map.getCenter().lat, tocsinMap.map.getZoom()]"


@pytest.fixture(scope="module")
def feeds() -> Iterator[FeedServer]:
    server = FeedServer()
    scene.stage(server, utc_now())
    yield server
    server.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, feeds: FeedServer, index: RegionIndex) -> Iterator[Running]:
    """One system for all tests; the one whose feed dies stands last."""
    home = tmp_path_factory.mktemp("watch") / "home"
    home.mkdir()
    rules = home.parent / "rules.yaml"
    rules.write_text(IMPATIENT, encoding="utf-8")
    sources = [{**source, "every": "5 s"} for source in scene.sources(feeds)]
    system = Running(home, sources, settings={"allow_hosts": [f"127.0.0.1:{feeds.port}"], "rule_paths": [str(rules)]})
    try:
        system.wait_ready()
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="module")
def session(running: Running, chromium: Any) -> Any:
    return signed_in(running, chromium)


@pytest.fixture
def opened(running: Running, session: Any, chromium: Any, index: RegionIndex) -> Iterator[Open]:
    with opening(running.url, chromium, index, storage_state=session) as pages:
        yield pages


def state_of(page: Any, index: RegionIndex, code: str) -> dict[str, Any]:
    """What the map holds of one region."""
    rid = index.by_code(code)
    found: dict[str, Any] = page.evaluate(f"tocsinMap.map.getFeatureState(tocsinMap.regions.feature({rid}))")
    return found


def test_list_opens_the_why_and_the_map_goes_there(opened: Open) -> None:
    page, _ = opened("/")
    until(page, "Boolean(window.tocsinMap?.ready)")
    until(page, "[...document.querySelectorAll('.side .row')].some(row => row.innerText.includes('Erqi'))")
    page.click(".side .row:has-text('Erqi')")
    until(page, "document.querySelector('.why')?.innerText.includes('Rainstorm, observed')")
    text = page.inner_text(".why")
    assert "185 mm" in text or "172 mm" in text or "123 mm" in text
    assert "China Meteorological Administration" in text
    until(page, "Math.abs(tocsinMap.map.getCenter().lng - 113.6) < 0.5 && !tocsinMap.map.isMoving()")
    assert page.locator("[data-title='Share chart...'], .modebar-btn[data-title*='loud']").count() == 0
    page.keyboard.press("Escape")
    until(page, "document.querySelector('.why').innerText.trim() === ''")


def test_address_opens_the_why_and_it_stays_open(running: Running, opened: Open) -> None:
    page, _ = opened("/")
    until(page, "[...document.querySelectorAll('.side .row')].some(row => row.innerText.includes('Erqi'))")
    page.goto(f"{running.url}/?region=CN-410103")
    until(page, "document.querySelector('.why .chart .js-plotly-plot') !== null")
    page.wait_for_timeout(12_000)  # longer than the panel's own rhythm
    assert "Rainstorm, observed" in page.inner_text(".why")
    assert page.url.split("#")[0].endswith("?region=CN-410103")
    page.click("#why-close")
    until(page, "document.querySelector('.why').innerText.trim() === ''")
    assert "region=" not in page.url


def test_feeds_page_pauses_a_feed_and_says_who_did(running: Running, opened: Open) -> None:
    page, _ = opened("/feeds", viewport={"width": 390, "height": 844})
    until(page, "document.querySelectorAll('.cards .row').length > 4")
    page.click(".cards .row:has-text('Rain gauges')")
    until(page, "document.querySelector('.detail h2')?.innerText.includes('Rain gauges')")
    page.click(".detail .act:has-text('Pause')")
    until(page, "document.querySelector('.detail .act.primary')?.innerText.includes('Resume')")
    assert "feed.pause" in str(audit_actions(running))
    page.click(".detail .act.primary:has-text('Resume')")
    page.wait_for_selector(".detail .act:text-is('Pause')")
    assert "feed.resume" in str(audit_actions(running))


def test_feed_change_reaches_the_open_page_and_a_dead_feed_turns_unknown(
    opened: Open, feeds: FeedServer, index: RegionIndex
) -> None:
    page, site = opened("/")
    until(page, "Boolean(window.tocsinMap?.ready && tocsinMap.versions.levels && tocsinMap.versions.events)")
    until(page, "document.querySelectorAll('.side .mark-orange').length > 0")  # the scene has levels
    page.evaluate("tocsinMap.map.jumpTo({center: [87, 29], zoom: 6.2})")
    page.evaluate("window.sameDocument = true")
    rid = index.by_code(COUNTY)
    feature = f"tocsinMap.map.getFeatureState(tocsinMap.regions.feature({rid}))"
    until(page, f"{feature}.level === 4 || {feature}.level === 3")
    before = page.evaluate(VIEW)

    quake = {**NEW_QUAKE, "at_ms": int(utc_now().timestamp() * 1000)}
    feeds.bodies["/quakes"] = scene.quakes(utc_now(), quake)
    until(page, f"{feature}.level === 4")
    until(page, "document.querySelector('.side').innerText.includes('Dingri, for the test')")
    assert page.evaluate(VIEW) == pytest.approx(before)
    assert page.evaluate("window.sameDocument") is True

    feeds.bodies["/quakes"] = 503
    until(page, f"Boolean({feature}.unknown)")
    assert state_of(page, index, COUNTY)["level"] == 4  # what was last known stays under the hatch
    until(page, "document.querySelector('.light-failing') !== null")
    until(page, "document.querySelector('.side').innerText.includes('Shaken, for the test')")
    assert page.evaluate(VIEW) == pytest.approx(before)

    site.complaints[:] = [line for line in site.complaints if "503" not in line]


def audit_actions(running: Running) -> list[str]:
    """Actions in the audit log, as the database holds them."""
    import sqlite3

    with sqlite3.connect(running.home / "tocsin.db") as connection:
        return [row[0] for row in connection.execute("SELECT action FROM audit ORDER BY seq")]
