"""The field on the map and its time slider, in a real Chromium: what is printed is what is drawn."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.model import FieldStep
from data.store.fields import FieldSink
from data.store.sink import PutContext
from tests.browser.conftest import Site, until

pytestmark = pytest.mark.browser

HOUR = timedelta(hours=1)
COMMAND = "dash_clientside.set_props('map-command', {data: %s})"
PLACE = "#map=5/34/122"  # open sea: nothing but the field changes a pixel there
SETTLED = "Boolean(tocsinMap.field.settled && tocsinMap.field.rendered === tocsinMap.field.drawn)"
DRAWN = "tocsinMap.field.rendered?.slot.step?.id ?? null"
PRINTED = "document.querySelector('.map-time-drawn strong').textContent"
STATE = "document.querySelector('.map-time-state').textContent"
# The colour in the middle of the canvas, read within the very frame that is drawn.
PIXEL = """new Promise((done) => {
  const {map} = tocsinMap;
  map.once('render', () => {
    const gl = map.painter.context.gl;
    const pixel = new Uint8Array(4);
    gl.readPixels(gl.drawingBufferWidth / 2, gl.drawingBufferHeight / 2, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    done([...pixel]);
  });
  map.triggerRepaint();
})"""


def step(at: datetime, value: float, **changes: Any) -> FieldStep:
    """One value over eastern China, with a hole of missing cells in its south-west."""
    lon, lat = np.arange(100.25, 125.0, 0.5), np.arange(44.75, 24.0, -0.5)
    values = np.full((lat.size, lon.size), value, np.float32)
    values[-10:, :10] = np.nan
    facts = {
        "quantity": "precipitation", "unit": "mm", "valid_at": at, "run_at": at, "accumulation_s": 3600,
        "lon": lon, "lat": lat, "values": values, "forecast": False,
    }  # fmt: skip
    return FieldStep(**{**facts, **changes})


def keep(site: Site, *steps: FieldStep, source: str) -> list[int]:
    sink = FieldSink()
    received_at = datetime.now(UTC).replace(microsecond=0)
    context = PutContext(source=source, payload_id=None, received_at=received_at, home=home_of(site))
    prepared = sink.prepare(context, list(steps))
    with site.store.write() as connection:
        sink.put(connection, context, prepared)
    return [row["id"] for row in prepared]


def home_of(site: Site) -> Path:
    database = site.store.engine.url.database
    assert database is not None
    return Path(database).parent


def choose(page: Any, source: str) -> str:
    """Show the series of a source, and wait until it is drawn."""
    found = f"tocsinMap.field.all.find(({{source}}) => source === '{source}')"
    until(page, f"Boolean({found})")
    key: str = page.evaluate(f"{found}.key")
    page.evaluate(COMMAND % f"{{type: 'field', series: '{key}'}}")
    until(page, f"tocsinMap.field.key === '{key}' && {SETTLED}")
    return key


def whole_hour(site: Site) -> datetime:
    return site.now.replace(minute=0, second=0)


def printed(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} +00:00"


def test_newest_step_is_drawn_and_its_time_printed(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    ids = keep(site, *(step(at - n * HOUR, 60.0) for n in (2, 1)), source="first")
    page = open_map(PLACE)
    choose(page, "first")
    assert page.evaluate(DRAWN) == ids[-1]
    assert page.evaluate(PRINTED) == printed(at - HOUR)
    assert "Following the latest" in page.evaluate(STATE)
    red, _, blue, _ = page.evaluate(PIXEL)
    assert blue > red + 50  # 60 mm is a deep blue at 70 % over the sea
    assert page.evaluate("tocsinMap.field.frames.gaps") == 0
    assert site.complaints == []


def test_seventy_two_steps_play_without_a_blank_frame(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site) - 72 * HOUR
    values = [2.0 if n % 2 else 60.0 for n in range(72)]
    ids = keep(site, *(step(at + n * HOUR, value) for n, value in enumerate(values)), source="play")
    page = open_map(PLACE, viewport={"width": 560, "height": 420})  # a software frame costs by its pixels
    choose(page, "play")
    page.evaluate(
        "window.seen = []; tocsinMap.map.on('render', () => {"
        " const {field} = tocsinMap; const gl = tocsinMap.map.painter.context.gl; const pixel = new Uint8Array(4);"
        " gl.readPixels(gl.drawingBufferWidth / 2, gl.drawingBufferHeight / 2, 1, 1,"
        " gl.RGBA, gl.UNSIGNED_BYTE, pixel);"
        " queueMicrotask(() => seen.push([field.rendered?.slot.step?.id ?? null, field.frames.gaps, pixel[0],"
        f" {PRINTED}])); }}); document.querySelector('.map-time-speed').value = '8';"
    )
    page.click(".map-time-play")
    until(page, "new Set(seen.map(([id]) => id)).size >= 72", 120)
    page.click(".map-time-play")
    seen = page.evaluate("seen")
    times = {number: printed(at + n * HOUR) for n, number in enumerate(ids)}
    wet = {number: values[n] == 60.0 for n, number in enumerate(ids)}
    assert {number for number, *_ in seen} == set(ids)
    for number, gaps, red, words in seen:
        assert gaps == 0
        assert words == times[number]
        assert (red < 120) == wet[number], (number, red)
    assert page.evaluate("tocsinMap.field.playing") is False
    assert "Pinned to this time" in page.evaluate(STATE)
    assert site.complaints == []


def test_late_step_appears_without_reload(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    first = keep(site, *(step(at - n * HOUR, 5.0) for n in (4, 3, 2)), source="late")
    page = open_map(PLACE)
    choose(page, "late")
    assert page.evaluate(DRAWN) == first[-1]
    (newer,) = keep(site, step(at - HOUR, 60.0), source="late")
    until(page, f"({DRAWN}) === {newer}")
    assert page.evaluate(PRINTED) == printed(at - HOUR)
    page.click(".map-time-back")
    until(page, f"({DRAWN}) === {first[-1]}")
    (newest,) = keep(site, step(at, 60.0), source="late")
    until(page, f"({STATE}).includes('A newer step is here')")
    assert page.evaluate(DRAWN) == first[-1]
    page.keyboard.press(".")
    until(page, f"({DRAWN}) === {newest}")
    assert "A newer step" not in page.evaluate(STATE)


def test_old_newest_step_is_said_to_be_late(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    keep(site, *(step(at - n * HOUR, 5.0) for n in (30, 29, 28)), source="stale")
    page = open_map(PLACE)
    choose(page, "stale")
    assert "Late: the newest step is from 28 h" in page.evaluate(STATE)
    assert "The present is unknown" in page.evaluate(STATE)


def test_gap_is_a_place_of_its_own_and_hatched(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    ids = keep(site, *(step(at - n * HOUR, 60.0) for n in (5, 4, 2, 1)), source="gap")
    page = open_map(PLACE)
    choose(page, "gap")
    assert page.evaluate("tocsinMap.field.slots.length") == 5
    page.focus(".map-time-slider")
    page.keyboard.press("ArrowLeft")
    until(page, f"({DRAWN}) === {ids[2]}")
    page.keyboard.press("ArrowLeft")
    until(page, f"({PRINTED}) === '{printed(at - 3 * HOUR)}'")
    assert page.evaluate(DRAWN) is None
    assert "Missing: no step for this time" in page.inner_text(".map-time-drawn")
    assert "Missing" in page.get_attribute(".map-time-slider", "aria-valuetext")
    red, _, blue, _ = page.evaluate(PIXEL)
    assert blue < red + 50  # no colour of rain
    page.keyboard.press("ArrowLeft")
    until(page, f"({DRAWN}) === {ids[1]}")


def test_forecast_prints_its_run(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    keep(site, step(at - 2 * HOUR, 5.0), step(at - HOUR, 5.0), source="ahead")
    ahead = keep(
        site, *(step(at + n * HOUR, 60.0, run_at=at - HOUR, forecast=True) for n in (1, 2, 3)), source="ahead"
    )
    page = open_map(PLACE)
    choose(page, "ahead")
    assert "analysis" in page.inner_text(".map-time-drawn")
    page.focus(".map-time-slider")
    page.keyboard.press("End")
    until(page, f"({DRAWN}) === {ahead[-1]}")
    text = page.inner_text(".map-time-drawn")
    assert f"forecast, run of {printed(at - HOUR)}" in text
    assert "in 2 h" in text or "in 3 h" in text
    assert page.locator(".map-time-mark-forecast").count() == 3


def test_theme_keeps_the_field(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    (number,) = keep(site, step(at, 60.0), source="theme")
    page = open_map(PLACE)
    choose(page, "theme")
    layers = page.evaluate("tocsinMap.map.getLayersOrder()")
    assert "field" in layers
    page.evaluate(COMMAND % "{type: 'theme', value: 'dark'}")
    until(page, "tocsinMap.theme === 'dark'")
    assert page.evaluate("tocsinMap.map.getLayersOrder()") == layers
    red, _, blue, _ = page.evaluate(PIXEL)
    assert blue > red + 50
    assert page.evaluate(DRAWN) == number


def test_link_restores_series_step_and_latest(open_map: Callable[..., Any], site: Site) -> None:
    at = whole_hour(site)
    ids = keep(site, *(step(at - n * HOUR, 5.0) for n in (3, 2, 1)), source="link")
    page = open_map(PLACE)
    choose(page, "link")
    until(page, "location.hash.includes('time=latest')")
    page.click(".map-time-back")
    until(page, f"({DRAWN}) === {ids[1]}")
    until(page, f"location.hash.includes('time={at - 2 * HOUR:%Y%m%dT%H%MZ}')")
    again = open_map(page.evaluate("location.hash"))
    until(again, f"({DRAWN}) === {ids[1]}")
    assert "Pinned" in again.evaluate(STATE)
    assert again.evaluate("tocsinMap.map.getZoom()") == 5


def test_missing_cells_are_hatched_and_said(open_map: Callable[..., Any], site: Site) -> None:
    keep(site, step(whole_hour(site), 0.0), source="holes")
    page = open_map("#map=6.5/27/102.5")
    choose(page, "holes")
    page.evaluate("new Promise((done) => { tocsinMap.map.once('idle', done); tocsinMap.map.triggerRepaint(); })")
    page.mouse.move(450, 250)
    until(page, "document.querySelector('.map-tip').textContent.includes('Precipitation: missing')")
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L")).astype(int)
    assert picture[200:300, 420:480].std() > 4  # a hatch, where dry cells are plain
    dry = page.evaluate("tocsinMap.field.reading({lng: 115, lat: 40})")
    assert dry is None or dry["value"] == 0


def test_threshold_fades_what_is_below(open_map: Callable[..., Any], site: Site) -> None:
    keep(site, step(whole_hour(site), 60.0), source="mark")
    page = open_map(PLACE)
    choose(page, "mark")
    full = page.evaluate(PIXEL)
    page.fill(".map-mark-number", "60")
    assert page.evaluate("tocsinMap.field.mark") == 60
    marked = page.evaluate(PIXEL)
    page.fill(".map-mark-number", "60.5")
    faded = page.evaluate(PIXEL)
    assert marked[0] <= full[0]
    assert faded[0] > full[0] + 40
    page.click(".map-mark-off")
    assert page.evaluate(PIXEL) == full


def test_click_on_a_field_tells_point_and_region(open_map: Callable[..., Any], site: Site) -> None:
    (number,) = keep(site, step(whole_hour(site), 60.0), source="click")
    page = open_map("#map=9/33.9/115.6")
    choose(page, "click")
    page.evaluate("new Promise((done) => { tocsinMap.map.once('idle', done); tocsinMap.map.triggerRepaint(); })")
    with page.expect_request(lambda request: '"type":"point"' in (request.post_data or "")) as caught:
        page.mouse.click(450, 250)
    sent = caught.value.post_data
    assert f'"step":{number}' in sent
    assert '"code":"CN-' in sent
