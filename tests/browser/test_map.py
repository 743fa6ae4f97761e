"""The map in a real Chromium, offline, under the house's own security policy."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser import harness
from tests.browser.conftest import ROOT, Site, until
from tests.conftest import free_port

pytestmark = pytest.mark.browser

ZHENGZHOU = "#map=8.5/34.60/113.55"
IDLE = "new Promise((done) => { tocsinMap.map.once('idle', () => done(true)); tocsinMap.map.triggerRepaint(); })"
LAYERS = "tocsinMap.map.getStyle().layers.map(({id}) => id)"
VIEW = "[tocsinMap.map.getCenter().lng, tocsinMap.map.getCenter().lat, tocsinMap.map.getZoom()]"


def state_of(page: Any, rid: int) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(f"tocsinMap.map.getFeatureState(tocsinMap.regions.feature({rid}))")
    return found


def pixels_near(page: Any, colour: tuple[int, int, int], tolerance: int = 14) -> int:
    """How many pixels of the picture have about this colour."""
    page.evaluate(IDLE)
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    return int((np.abs(picture - np.array(colour)).max(axis=2) <= tolerance).sum())


def rid_of(site: Site, code: str) -> int:
    rid = site.index.by_code(code)
    assert rid is not None
    return rid


def test_map_loads_offline_without_complaint(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map()
    page.evaluate(IDLE)
    countries = page.evaluate("tocsinMap.map.queryRenderedFeatures({layers: ['region-country']}).length")
    assert countries > 50
    assert site.foreign == []
    assert site.complaints == []
    assert page.evaluate("tocsinMap.timings.errors ?? []") == []


def test_levels_colour_regions(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map(ZHENGZHOU)
    red, doubtful = rid_of(site, "CN-410105"), rid_of(site, "CN-410181")
    assert state_of(page, red)["level"] == 4
    assert state_of(page, red)["unknown"] is False
    assert (state_of(page, doubtful)["level"], state_of(page, doubtful)["unknown"]) == (3, True)
    assert pixels_near(page, (209, 77, 76)) > 500  # red at 78 % over the land


def test_quiet_and_unwatched_regions_stay_neutral(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map("#map=6/47/2")  # France: no rule watches it
    rid = rid_of(site, "FRA")
    assert state_of(page, rid).get("level", -2) == -2
    page.evaluate(IDLE)
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    greener = (picture[:, :, 1] > picture[:, :, 0] + 30) & (picture[:, :, 1] > picture[:, :, 2] + 30)
    assert int(greener.sum()) == 0


def test_update_arrives_without_moving_the_view(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map(ZHENGZHOU)
    page.evaluate(f"tocsinMap.regions.select({rid_of(site, 'CN-410122')})")
    before, changing = page.evaluate(VIEW), rid_of(site, "US-12086")
    assert state_of(page, changing)["level"] == 1
    own = harness.levels_of(site.index, {"US-12086": (4, False), "CN-410105": (4, False)}, ("cn-county", "us-county"))
    harness.put_levels(site.store, site.index, own, site.now + timedelta(minutes=1))
    until(page, f"tocsinMap.map.getFeatureState(tocsinMap.regions.feature({changing})).level === 4")
    assert page.evaluate(VIEW) == before
    assert state_of(page, rid_of(site, "CN-410122"))["selected"] is True
    assert 0 < page.evaluate("tocsinMap.timings.levels.changed") < 1000  # only what is another
    until(page, "document.querySelector('.map-announcer').textContent.includes('Miami-Dade')")
    assert page.evaluate("tocsinMap.timings.levels.bytes") == len(site.index)


def test_dark_and_back_keeps_every_layer(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map(ZHENGZHOU)
    layers, red = page.evaluate(LAYERS), rid_of(site, "CN-410105")
    sea = "tocsinMap.map.getPaintProperty('sea', 'background-color')"
    assert page.evaluate(sea) == "#d5dce2"
    page.evaluate("dash_clientside.set_props('map-command', {data: {type: 'theme', value: 'dark'}})")
    until(page, f"{sea} === '#0e1216'")
    assert page.evaluate(LAYERS) == layers
    assert state_of(page, red)["level"] == 4
    assert pixels_near(page, (194, 75, 76)) > 300  # the dark red at 78 % over dark land
    page.evaluate("dash_clientside.set_props('map-command', {data: {type: 'theme', value: 'light'}})")
    until(page, f"{sea} === '#d5dce2'")
    assert page.evaluate(LAYERS) == layers
    assert site.complaints == []


def test_commands_switch_layers_and_move(open_map: Callable[..., Any]) -> None:
    page = open_map()
    command = "dash_clientside.set_props('map-command', {data: %s})"
    page.evaluate(command % "{type: 'layers', visible: {events: false}, opacity: {levels: 0.5}}")
    until(page, "tocsinMap.map.getLayoutProperty('event', 'visibility') === 'none'")
    assert "Earthquakes" not in page.inner_text(".map-legend")
    page.evaluate(command % "{type: 'fly', bbox: [110, 31, 117, 37]}")
    until(page, "Math.abs(tocsinMap.map.getCenter().lng - 113.5) < 0.1 && !tocsinMap.map.isMoving()")
    until(page, "location.hash.includes('113.5')")


def test_click_tells_the_page_which_region(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map("#map=9/33.9/115.6")
    page.evaluate(IDLE)
    with page.expect_request(lambda request: '"type":"region"' in (request.post_data or "")) as caught:
        page.mouse.click(450, 300)
    assert '"code":"CN-' in caught.value.post_data
    assert page.evaluate("tocsinMap.regions.selected") >= 0


def test_enter_opens_what_is_at_the_centre(open_map: Callable[..., Any]) -> None:
    page = open_map("#map=9/33.9/115.6")
    page.evaluate(IDLE)
    page.focus(".maplibregl-canvas")
    with page.expect_request(lambda request: '"type":"region"' in (request.post_data or "")):
        page.keyboard.press("Enter")
    assert page.is_visible(".map-cross")


def test_hover_names_the_region_and_says_what_is_unknown(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map("#map=9/47/2")
    page.evaluate(IDLE)
    page.mouse.move(450, 300)
    until(page, "!document.querySelector('.map-tip').hidden")
    assert "No rule watches this region" in page.inner_text(".map-tip")


def test_muted_level_is_marked_and_its_tip_says_so(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map(ZHENGZHOU)
    rid = rid_of(site, "CN-410105")
    own = harness.levels_of(site.index, {"CN-410105": (4, False)}, ("cn-county", "us-county"))
    muted = np.zeros(len(site.index), dtype=np.bool_)
    muted[rid] = True
    harness.put_levels(site.store, site.index, replace(own, muted=muted), site.now + timedelta(minutes=2))
    until(page, "tocsinMap.map.queryRenderedFeatures({layers: ['mark-muted']}).length === 1")
    assert state_of(page, rid)["level"] == 4
    tip = page.evaluate(f"tocsinMap.regions.tip({{id: {rid}, properties: {{name: 'Jinshui'}}}})")
    assert tip["lines"] == ["Red, extreme", "Muted: proposals are held back"]


def test_legend_names_times_and_ages(open_map: Callable[..., Any]) -> None:
    page = open_map()
    text = page.inner_text(".map-legend")
    for words in ("Red, extreme", "Unknown", "No rule watches", "Data", "Received", "ago", "+00:00", "2 unknown"):
        assert words in text, words
    assert "1 without an area" in text


def test_without_webgl_the_tables_say_the_same(chromium: Any, site: Site) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    context.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        " return String(kind).startsWith('webgl') ? null : get.call(this, kind, ...more); };"
    )
    page = site.watch(context)
    page.goto(site.url)
    until(page, "Boolean(window.tocsinMap?.ready && window.tocsinMap.versions.levels && tocsinMap.versions.events)")
    text = page.inner_text(".map-table")
    assert "WebGL 2 is missing" in text
    assert "Red, extreme" in text
    assert "M 7.1 - test 0" in text
    assert "Gale yellow, no area" in text
    context.close()


def test_removed_element_ends_the_stream(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map()
    page.evaluate("document.querySelector('[data-tocsin-map]').remove()")
    until(page, "tocsinMap.removed && tocsinMap.live.closed && tocsinMap.map === null")
    assert site.complaints == []


def test_silent_engine_makes_every_watched_region_unknown(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map(ZHENGZHOU)
    page.evaluate("tocsinMap.receive({...tocsinMap.message, engine: {state: 'late', at: '2026-03-01T00:00:00Z'}})")
    until(page, "document.querySelector('[data-tocsin-map]').dataset.blind === 'true'")
    assert "Rules have not been evaluated since" in page.inner_text(".map-notice")
    assert page.evaluate("tocsinMap.map.getPaintProperty('hatch-cn-county', 'fill-opacity')[1][0]") == ">="
    assert page.evaluate("tocsinMap.map.getLayoutProperty('station', 'icon-image')[2][1]") == -1


def test_lost_server_is_said_and_its_return_heals(chromium: Any, site: Site, tmp_path: Any) -> None:
    home = tmp_path / "home"
    home.mkdir()
    port = free_port()
    command = [sys.executable, str(ROOT / "tests" / "browser" / "harness.py"), f"sqlite:///{home / 't.db'}"]
    command += [str(home), str(port), "--fill", "--hasty"]

    def serve() -> subprocess.Popen[bytes]:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert server.stdout is not None
        assert server.stdout.readline().strip() == b"ready"
        return server

    def end(server: subprocess.Popen[bytes]) -> None:
        server.kill()
        server.wait(10)
        assert server.stdout is not None
        server.stdout.close()

    server = serve()
    context = chromium.new_context(viewport={"width": 600, "height": 400})
    try:
        page = site.watch(context)
        page.goto(f"http://127.0.0.1:{port}")
        until(page, "Boolean(window.tocsinMap?.ready && window.tocsinMap.versions.levels)")
        blind = "document.querySelector('[data-tocsin-map]').dataset.blind"
        assert page.evaluate(blind) == "false"
        end(server)
        until(page, f"{blind} === 'true'")
        assert "Connection lost" in page.inner_text(".map-notice")
        server = serve()
        until(page, f"{blind} === 'false'")
        assert page.inner_text(".map-notice") == ""
    finally:
        context.close()
        end(server)
