"""The table twin beside a working map, and the map in Chinese."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Site, until

pytestmark = pytest.mark.browser


def test_table_beside_the_map_opens_regions(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map()
    page.evaluate("dash_clientside.set_props('map-command', {data: {type: 'table', value: true}})")
    until(page, "!document.querySelector('.map-table').hidden")
    assert not page.is_visible(".map-legend")
    heads = [head.inner_text() for head in page.query_selector_all(".map-table table:first-of-type thead th")]
    assert heads == ["Region", "Level", "Code"]
    with page.expect_request(lambda request: '"type":"region"' in (request.post_data or "")):
        page.click(".map-table-open >> nth=0")
    page.evaluate("tocsinMap.showTable(false)")
    assert page.is_visible(".map-legend")
    assert site.complaints == []


def test_feed_text_never_becomes_markup(open_map: Callable[..., Any], site: Site) -> None:
    page = open_map()
    hostile = "<img src=x onerror=alert(1)>"
    page.evaluate(
        "(text) => { tocsinMap.events.data.features[0].properties.title = text; tocsinMap.showTable(true); }", hostile
    )
    assert hostile in page.inner_text(".map-table")
    assert page.query_selector(".map-table img") is None


def test_closed_tab_frees_its_stream_and_the_other_takes_over(chromium: Any, site: Site) -> None:
    context = chromium.new_context(viewport={"width": 500, "height": 400})
    first, second = site.watch(context), context.new_page()
    ready = "Boolean(window.tocsinMap?.ready && tocsinMap.versions.levels)"
    first.goto(site.url)
    until(first, ready)
    second.goto(site.url)
    until(second, ready)
    assert first.evaluate("tocsinMap.live.leading") is True
    assert second.evaluate("tocsinMap.live.leading") is False  # one stream a browser
    first.close()
    until(second, "tocsinMap.live.leading && tocsinMap.live.source?.readyState === 1")
    context.close()


def test_chinese_map_draws_letters_from_its_own_files(chromium: Any, site: Site) -> None:
    context = chromium.new_context(viewport={"width": 500, "height": 400})
    page = site.watch(context)
    site.complaints.clear()
    slices: list[str] = []
    page.on("response", lambda response: slices.append(response.url) if ".woff2" in response.url else None)
    page.add_init_script(
        "new MutationObserver(() => { const map = document.querySelector('[data-tocsin-map]');"
        " if (map && !map.dataset.changed) { map.dataset.changed = 1;"
        ' map.dataset.tocsinMap = map.dataset.tocsinMap.replace(\'"locale":"en"\', \'"locale":"zh"\'); } })'
        ".observe(document, {childList: true, subtree: true});"
    )
    page.goto(f"{site.url}/#map=6/34/113")
    until(page, "Boolean(window.tocsinMap?.ready && tocsinMap.config.locale === 'zh')")
    until(
        page, "tocsinMap.map.areTilesLoaded() && tocsinMap.map.getStyle()['font-faces']['Noto Sans SC'].length > 50"
    )
    page.wait_for_timeout(500)
    assert [url for url in slices if "noto-sans-sc" in url]
    assert site.foreign == []
    assert site.complaints == []
    context.close()
