"""Areas drawn by hand, outlines, and regions coloured by a number, in a real Chromium."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Site, until

pytestmark = pytest.mark.browser

IDLE = "new Promise((done) => { tocsinMap.map.once('idle', () => done(true)); tocsinMap.map.triggerRepaint(); })"
COMMAND = "dash_clientside.set_props('map-command', {data: %s})"
PLACE = "#map=6/34/113"


def pixels(page: Any, colour: tuple[int, int, int], tolerance: int = 12) -> int:
    page.evaluate(IDLE)
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    return int((np.abs(picture - np.array(colour)).max(axis=2) <= tolerance).sum())


def test_polygon_drawn_by_hand_reaches_the_page(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map(PLACE)
    page.evaluate(COMMAND % "{type: 'draw', mode: 'polygon'}")
    until(page, "Boolean(tocsinMap.draw.tool)")
    page.evaluate(IDLE)
    corners = [(350, 200), (550, 200), (550, 400), (350, 400)]
    with page.expect_request(lambda request: '"type":"polygon"' in (request.post_data or "")) as caught:
        for x, y in [*corners, corners[-1]]:
            page.mouse.move(x, y, steps=3)
            page.wait_for_timeout(200)
            page.mouse.click(x, y)
            page.wait_for_timeout(200)
    sent = next(item["value"] for item in json.loads(caught.value.post_data)["inputs"])
    expected = [page.evaluate(f"tocsinMap.map.unproject([{x}, {y}]).toArray()") for x, y in corners]
    ring = np.array(sent["geometry"]["coordinates"][0])
    assert (ring[0] == ring[-1]).all()
    for corner in expected:
        assert np.abs(ring - np.array(corner)).max(axis=1).min() < 0.01
    until(page, "!tocsinMap.draw.active && tocsinMap.draw.tool === null")
    assert page.evaluate("tocsinMap.footprint.data.features.length") == 1
    page.evaluate(COMMAND % "{type: 'footprint', geometry: null}")
    until(page, "tocsinMap.footprint.data.features.length === 0")
    assert site.complaints == []


def test_drawing_can_be_given_up_and_clicks_choose_again(open_map: Callable[..., Any]) -> None:
    page = open_map("#map=9/33.9/115.6")
    page.evaluate(COMMAND % "{type: 'draw', mode: 'polygon'}")
    until(page, "Boolean(tocsinMap.draw.tool)")
    page.mouse.click(450, 300)
    assert page.evaluate("tocsinMap.regions.selected") == -1
    page.evaluate(COMMAND % "{type: 'draw', mode: 'none'}")
    until(page, "tocsinMap.draw.tool === null")
    page.evaluate(IDLE)
    page.mouse.click(450, 300)
    until(page, "tocsinMap.regions.selected >= 0")


def test_regions_coloured_by_a_table(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map(PLACE)
    rids = site.index.of_kind("cn-province").tolist()
    henan = site.index.by_code("CN-410000")
    shandong = site.index.by_code("CN-370000")
    rows = [{"rid": rid, "value": None if rid == shandong else 25.0 if rid == henan else 5.0} for rid in rids]
    ramp = {"kind": "classes", "stops": [{"value": 10, "colour": "#112233"}, {"value": 20, "colour": "#ff00cc"}]}
    table = json.dumps({"rows": rows, "ramp": ramp, "unit": "mm", "title": "Mean rain"})
    page.route("**/api/test.json", lambda route: route.fulfill(body=table, content_type="application/json"))
    page.evaluate(COMMAND % "{type: 'layers', visible: {levels: false}}")
    page.evaluate(COMMAND % "{type: 'choropleth', kind: 'cn-province', url: '/api/test.json'}")
    until(page, "tocsinMap.choropleth.values.size > 20")
    state = "tocsinMap.map.getFeatureState({source: 'regions', sourceLayer: 'cn-province', id: %d})"
    assert page.evaluate(state % henan)["shade"] == 25
    assert page.evaluate(state % shandong)["known"] is False
    assert pixels(page, (253, 36, 209), 30) > 2000
    legend = page.inner_text(".map-legend")
    assert "Mean rain [mm]" in legend
    assert "1 unknown" in legend
    page.evaluate(COMMAND % "{type: 'theme', value: 'dark'}")
    until(page, "tocsinMap.theme === 'dark'")
    assert pixels(page, (222, 6, 178), 40) > 2000
    page.evaluate(COMMAND % "{type: 'choropleth', kind: 'cn-province', url: null}")
    until(page, "tocsinMap.choropleth.values.size === 0 && !tocsinMap.map.getLayer('choropleth-cn-province')")
    assert site.complaints == []
