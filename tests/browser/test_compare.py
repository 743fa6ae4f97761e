"""Two times or quantities side by side, and wind symbols, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from data.model import FieldStep
from tests.browser.conftest import Site, until
from tests.browser.test_time import COMMAND, HOUR, choose, keep, printed, step, whole_hour

pytestmark = pytest.mark.browser

PLACE = "#map=5/34/119"
SECOND = "tocsinMap.compare.pane?.field"
BOTH = f"Boolean({SECOND}?.settled && {SECOND}.rendered === {SECOND}.drawn && {SECOND}.rendered)"
SHOWN = f"{SECOND}?.rendered?.slot.step?.id ?? null"
WORDS = "document.querySelector('.map-stage-second .map-compare-words')?.innerText ?? ''"
# The colour in the middle of each map, read within the frame that is drawn.
PIXELS = """Promise.all([tocsinMap.map, tocsinMap.compare.pane.map].map((map) => new Promise((done) => {
  map.once('render', () => {
    const gl = map.painter.context.gl;
    const pixel = new Uint8Array(4);
    gl.readPixels(gl.drawingBufferWidth / 2, gl.drawingBufferHeight / 2, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    done([...pixel]);
  });
  map.triggerRepaint();
})))"""
STILL = "[tocsinMap.map, tocsinMap.compare.pane.map].every((map) => !map.isMoving())"
CAMERAS = """[tocsinMap.map, tocsinMap.compare.pane.map].map((map) => {
  const {lng, lat} = map.getCenter();
  return [lng, lat, map.getZoom()];
})"""


def compare(page: Any, **wish: Any) -> None:
    words = ", ".join(f"{name}: {value!r}" for name, value in wish.items())
    page.evaluate(COMMAND % f"{{type: 'compare', {words}}}")
    until(page, BOTH)


def wind(at: datetime, *, source_hole: bool = True) -> tuple[FieldStep, FieldStep]:
    """Ten metres a second from the west over eastern China, missing south of 30 N."""
    components = []
    for quantity, value in (("eastward_wind", 10.0), ("northward_wind", 0.0)):
        one = step(at, value, quantity=quantity, unit="m/s", accumulation_s=0)
        values = np.full_like(one.values, value)
        if source_hole:
            values[np.asarray(one.lat) < 30] = np.nan
        components.append(step(at, value, quantity=quantity, unit="m/s", accumulation_s=0, values=values))
    return components[0], components[1]


def test_each_map_draws_the_time_it_prints(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    ids = keep(site, step(at - 3 * HOUR, 60.0), step(at - 2 * HOUR, 2.0), step(at - HOUR, 2.0), source="two")
    page = open_map(PLACE)
    choose(page, "two")
    compare(page, offset_h=-2)
    assert page.evaluate(SHOWN) == ids[0]
    assert printed(at - 3 * HOUR) in page.evaluate(WORDS)
    assert f"analysis, run of {printed(at - 3 * HOUR)}" in page.evaluate(WORDS)
    assert printed(at - HOUR) in page.inner_text(".map-compare-caption >> nth=0")
    (dry, _, _, _), (wet, _, blue, _) = page.evaluate(PIXELS)
    assert blue > wet + 50 and dry > wet + 50
    page.click(".map-time-back")  # four hours ago there was no step
    until(page, f"({WORDS}).includes('{printed(at - 4 * HOUR)}')")
    assert "Missing: no step for this time" in page.evaluate(WORDS)
    assert page.evaluate(SHOWN) is None
    assert site.complaints == []


def test_cameras_stay_together(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    keep(site, step(at - 2 * HOUR, 5.0), step(at - HOUR, 5.0), source="cameras")
    page = open_map(PLACE)
    choose(page, "cameras")
    compare(page, offset_h=-1)
    page.mouse.move(200, 250)
    page.mouse.wheel(0, -400)
    until(page, f"{STILL} && tocsinMap.map.getZoom() > 5.2")
    first, second = page.evaluate(CAMERAS)
    assert first[2] > 5.2
    assert first == pytest.approx(second, abs=1e-6)
    page.mouse.move(700, 250)
    page.mouse.down()
    page.mouse.move(620, 300, steps=5)
    page.mouse.up()
    until(page, f"{STILL} && Math.abs(tocsinMap.map.getCenter().lng - {first[0]}) > 0.3")
    moved, along = page.evaluate(CAMERAS)
    assert abs(moved[0] - first[0]) > 0.3
    assert moved == pytest.approx(along, abs=1e-6)
    page.focus(".map-stage-second canvas")
    page.keyboard.press("ArrowRight")
    until(page, f"{STILL} && tocsinMap.map.getCenter().lng > {moved[0]}")
    keyed, beside = page.evaluate(CAMERAS)
    assert keyed[0] > moved[0]
    assert keyed == pytest.approx(beside, abs=1e-6)


def test_hover_tells_both_values_and_the_difference(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    keep(site, step(at - 2 * HOUR, 12.5), step(at - HOUR, 5.0), source="hover")
    page = open_map("#map=6.5/27/102.5")
    choose(page, "hover")
    compare(page, offset_h=-1)
    known, gap = "{lng: 115, lat: 40}", "{lng: 102, lat: 26}"
    page.evaluate("tocsinMap.map.jumpTo({center: [115, 40], zoom: 5})")
    until(page, BOTH)
    page.wait_for_timeout(300)
    lines = page.evaluate(f"tocsinMap.compare.lines({known})")
    assert lines[0] == f"A  5 mm · {printed(at - HOUR)}"
    assert lines[1] == f"B  12.5 mm · {printed(at - 2 * HOUR)}"
    assert lines[2] == "Difference A − B: -7.5 mm"
    page.mouse.move(680, 240)
    until(page, "document.querySelector('.map-stage-second .map-tip').innerText.includes('-7.5 mm')")
    assert page.locator(".map-stage:not(.map-stage-second) .map-compare-cross").is_visible()
    page.mouse.move(200, 240)
    until(page, "document.querySelector('.map-stage:not(.map-stage-second) .map-tip').innerText.includes('-7.5 mm')")
    page.evaluate("tocsinMap.map.jumpTo({center: [102, 26], zoom: 6})")
    until(page, BOTH)
    until(page, f"tocsinMap.compare.lines({gap}).at(-1) === 'Difference A − B: missing'")


def test_other_quantity_has_its_own_ramp(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    keep(site, step(at - HOUR, 5.0), source="rain")
    (warm,) = keep(
        site, step(at - HOUR, 25.0, quantity="air_temperature", unit="degC", accumulation_s=0), source="warm"
    )
    page = open_map(PLACE)
    choose(page, "rain")
    key = page.evaluate("tocsinMap.field.all.find(({source}) => source === 'warm').key")
    compare(page, series=key, offset_h=0)
    assert page.evaluate(SHOWN) == warm
    assert "Air temperature" in page.evaluate(WORDS)
    until(page, "document.querySelectorAll('.map-legend-compare .map-legend-ramp').length === 1")
    assert len(page.evaluate("tocsinMap.compare.lines({lng: 115, lat: 40})")) == 2
    compare(page, offset_h=0)
    until(page, "(document.querySelector('.map-legend-compare')?.textContent ?? '').includes('Same colours as A')")
    assert page.locator(".map-legend-compare .map-legend-ramp").count() == 0


def test_leaving_frees_the_second_map(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    keep(site, step(at - 2 * HOUR, 5.0), step(at - HOUR, 60.0), source="leave")
    page = open_map(PLACE)
    choose(page, "leave")
    wide = page.evaluate("tocsinMap.map.getCanvas().clientWidth")
    compare(page, offset_h=-1)
    assert page.locator("canvas.maplibregl-canvas").count() == 2
    until(page, f"Math.abs(tocsinMap.map.getCanvas().clientWidth * 2 - {wide}) < 6")
    until(page, "location.hash.includes('compare=same') && location.hash.includes('against=-1h')")
    page.focus(".map-compare-leave")
    page.keyboard.press("Enter")
    until(page, f"tocsinMap.map.getCanvas().clientWidth === {wide}")
    assert page.locator("canvas.maplibregl-canvas").count() == 1
    assert page.locator(".map-compare-caption").count() == 0
    assert page.evaluate("tocsinMap.compare.pane === null && tocsinMap.field.tiles.wishes.size === 1")
    assert page.evaluate("tocsinMap.field.tiles.listeners.size === 1")
    assert "compare=" not in page.evaluate("location.hash")
    assert page.evaluate("document.activeElement === tocsinMap.map.getCanvas()")


def test_link_opens_the_comparison_in_both_themes(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    ids = keep(site, step(at - 2 * HOUR, 60.0), step(at - HOUR, 60.0), source="linked")
    page = open_map(PLACE)
    choose(page, "linked")
    compare(page, step=ids[0], series=page.evaluate("tocsinMap.field.key"))
    until(page, f"location.hash.includes('against={at - 2 * HOUR:%Y%m%dT%H%MZ}')")
    again = open_map(page.evaluate("location.hash"))
    until(again, BOTH)
    assert again.evaluate(SHOWN) == ids[0]
    light = again.evaluate(PIXELS)
    again.evaluate(COMMAND % "{type: 'theme', value: 'dark'}")
    until(again, "tocsinMap.compare.pane.theme === 'dark'")
    assert again.evaluate(SHOWN) == ids[0]
    assert light[0] == pytest.approx(light[1], abs=12)
    until(again, f"{PIXELS}.then((both) => both.every(([red]) => red < {light[0][0] - 12}))")
    dark = again.evaluate(PIXELS)
    assert dark[0] == pytest.approx(dark[1], abs=12)
    assert "field" in again.evaluate("tocsinMap.compare.pane.map.getLayersOrder()")
    assert site.complaints == []


def test_tiles_of_both_maps_are_fetched_once(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    keep(site, step(at - 2 * HOUR, 5.0), step(at - HOUR, 5.0), source="once")
    page = open_map(PLACE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/t/value/" in request.url else None)
    choose(page, "once")
    compare(page, offset_h=-1)
    page.wait_for_timeout(500)
    assert len(asked) == len(set(asked)) > 0


def test_wind_is_drawn_where_it_is_and_nowhere_else(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    keep(site, step(at - 2 * HOUR, 5.0), step(at - HOUR, 5.0), *wind(at - HOUR), source="windy")
    page = open_map("#map=5/32/112")
    key = "tocsinMap.field.all.find(({source, quantity}) => source === 'windy' && quantity === 'precipitation')"
    until(page, f"Boolean({key})")
    page.evaluate(COMMAND % f"{{type: 'field', series: {key}.key}}")
    until(page, "tocsinMap.wind.possible")
    page.evaluate(COMMAND % "{type: 'wind', kind: 'barbs'}")
    until(page, "tocsinMap.wind.shown.length > 20 && !tocsinMap.wind.waiting")
    marks = page.evaluate("tocsinMap.wind.shown")
    south = [mark for mark in marks if mark["y"] > (1 - np.arcsinh(np.tan(np.radians(29.7))) / np.pi) / 2]
    assert south == []
    turns = {round(mark["turn"], 3) for mark in marks}
    assert turns == {round(-np.pi / 2, 3)}  # the shaft points west
    assert {mark["picture"] for mark in marks} == {1 + 4}  # 19.4 kt: two full feathers
    assert {mark["side"] for mark in marks} == {1}
    assert "10 kt" in (page.text_content(".map-legend-wind") or "")
    assert "wind=barbs" in page.evaluate("location.hash")
    page.click(".map-time-back")
    until(page, "tocsinMap.wind.shown.length === 0 && tocsinMap.field.rendered?.slot.at < Date.now() - 3600e3")
    until(page, "document.querySelector('.map-legend-wind').textContent.includes('No wind for')")
    assert site.complaints == []


def test_wind_symbols_follow_hemisphere_and_speed(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map()
    found = page.evaluate(
        "import('/assets/map/wind_symbols.mjs').then(({pictureOf, turnOf, countOf, KNOT_MS}) => ["
        "[0, 0.9, 2, 5, 14, 47.6, 290].map((knots) => pictureOf('barbs', knots * KNOT_MS)), countOf('barbs'),"
        "[0, 0.3, 5.4, 33, 149].map((speed) => pictureOf('arrows', speed)), countOf('arrows'),"
        "[turnOf('barbs', 0, -5), turnOf('arrows', 5, 0), turnOf('barbs', -5, 0)]])"
    )
    assert found[0] == [0, 0, 1, 2, 4, 11, 59]
    assert found[1] == 60
    assert found[2] == [0, 1, 2, 9, 9]
    assert found[3] == 10
    assert found[4] == pytest.approx([0, np.pi / 2, np.pi / 2])  # from the north, to the east, from the east


def test_wind_of_the_south_has_its_feathers_on_the_other_side(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    lat = np.arange(20.25, -20.5, -0.5)[:80]
    values = np.full((lat.size, 50), 10.0, np.float32)
    south = {"unit": "m/s", "accumulation_s": 0, "lat": lat, "values": values}
    keep(
        site, step(at - HOUR, 0, quantity="eastward_wind", **south),
        step(at - HOUR, 0, quantity="northward_wind", **south), source="tropics",
    )  # fmt: skip
    page = open_map("#map=4/0/112")
    choose(page, "tropics")
    page.evaluate(COMMAND % "{type: 'wind', kind: 'arrows'}")
    until(page, "tocsinMap.wind.shown.length > 20 && !tocsinMap.wind.waiting")
    for mark in page.evaluate("tocsinMap.wind.shown"):
        assert mark["side"] == (1 if mark["y"] <= 0.5 else -1)


def test_second_map_has_the_wind_of_its_own_time(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    keep(site, *(one for n in (2, 1) for one in wind(at - n * timedelta(hours=1))), source="winds")
    page = open_map("#map=5/36/112&wind=arrows")
    choose(page, "winds")
    compare(page, offset_h=-1)
    until(page, "tocsinMap.compare.pane.wind.shown.length > 10")
    times = page.evaluate(
        "[tocsinMap.wind, tocsinMap.compare.pane.wind].map(({rendered}) => Date.parse(rendered.pair.u.valid_at))"
    )
    assert times[0] - times[1] == 3_600_000
