"""A planner's way through the page: choose, rank, draw, weigh, follow a link; over fields written by the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from data.clock import utc_now
from data.regions import RegionIndex
from data.store.engine import open_store
from data.store.migrate import migrate
from layers.region_history import bring_up_to_date
from tests import plan_scene
from tests.browser.conftest import Site, until
from tests.browser.opening import Open, opening, signed_in
from tests.running import Running

pytestmark = pytest.mark.browser

RAIN = "rain_grid~precipitation~3600~"
ROW = ".plan-ranking .ag-center-cols-container .ag-row"
READY = "document.querySelector('#plan-printed') !== null && Boolean(window.tocsinMap?.ready)"
RANKED = f"document.querySelectorAll('{ROW}').length > 3"
PRINTED = "document.querySelector('#plan-printed')?.dataset.step"
SIX_CORNERS = "-92,38\n-90,38\n-89,39\n-90,40\n-92,40\n-93,39"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, index: RegionIndex) -> Path:
    """A home with hours of rain, years of extremes and people, and their histories computed."""
    folder = tmp_path_factory.mktemp("plan") / "home"
    folder.mkdir()
    store = open_store(f"sqlite:///{folder / 'tocsin.db'}")
    migrate(store)
    now = utc_now()
    plan_scene.fill(store, folder, now)
    while bring_up_to_date(store, folder, index.base_dir, utc_now(), budget=50) >= 50:
        pass
    store.close()
    return folder


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Running]:
    system = Running(home, settings={"zone": "America/Chicago"}, words=("web",))
    try:
        system.wait_ready(probe="/healthz")
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="module")
def session(running: Running, chromium: Any) -> Any:
    return signed_in(running, chromium)


@pytest.fixture
def open_plan(running: Running, session: Any, chromium: Any, index: RegionIndex) -> Iterator[Open]:
    """The page for somebody who has signed in, once its table is filled."""
    with opening(running.url, chromium, index, storage_state=session) as opened:

        def plan(path: str = "/plan", *, ready: str = READY, **options: Any) -> tuple[Any, Site]:
            return opened(path, ready=ready, **options)

        yield plan


def query(page: Any) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def tab(page: Any, name: str) -> None:
    page.click(f"[role=tab]:has-text('{name}')")


def first_row(page: Any) -> str:
    return str(page.evaluate(f"document.querySelector('{ROW}[row-index=\"0\"]')?.innerText ?? ''"))


def test_series_is_ranked_a_row_goes_there_and_shows_its_history(open_plan: Any) -> None:
    page, _ = open_plan()
    until(page, RANKED)
    assert query(page)["series"].startswith(RAIN)
    assert re.match(r"1\s+\S.* County\s+(59|60)", first_row(page), re.DOTALL)
    assert "regions unknown" in page.inner_text("#plan-tally")
    until(page, f"{PRINTED} === String(tocsinMap.field.drawn?.slot.step.id)")
    page.click(f"{ROW}[row-index='0']")
    until(page, "document.querySelector('#plan-sentence').innerText.includes('rank 1 of')")
    until(page, "document.querySelectorAll('#plan-history-small .js-plotly-plot').length === 1")
    until(page, "Math.abs(tocsinMap.map.getCenter().lng + 91) < 1 && !tocsinMap.map.isMoving()")
    tab(page, "History")
    until(page, "document.querySelector('#plan-history').innerText.includes('From 14 yearly maxima, ')")
    assert "Once in" in page.inner_text("#plan-history")
    assert "region" in query(page)


def test_limit_filter_and_unknown_rows(open_plan: Any) -> None:
    page, _ = open_plan("/plan?statistic=share_above&above=30")
    until(page, f"document.querySelector('{ROW}[row-index=\"0\"]').innerText.includes('100%')")
    page.fill("#plan-filter", "St. Louis County")
    until(page, f"document.querySelectorAll('{ROW}').length === 1")
    page.fill("#plan-filter", "")
    until(page, f"document.querySelectorAll('{ROW}').length > 1")
    page.evaluate(f"document.querySelector('{ROW}').closest('.ag-body-viewport').scrollTo(0, 1e6)")
    until(page, "document.querySelectorAll('.plan-ranking .ag-cell.unknown').length > 0")
    assert page.inner_text(".plan-ranking .ag-cell.unknown >> nth=-1") == "Unknown"


def test_area_is_pasted_or_made_of_a_value_and_its_impact_appears(open_plan: Any) -> None:
    page, _ = open_plan("/plan?tab=impact")
    page.click("summary:has-text('Paste an outline')")
    page.fill("#plan-outline", "Paris")
    page.click("#plan-outline-use")
    until(page, "document.querySelector('#plan-impact').innerText.includes('neither GeoJSON nor')")
    page.fill("#plan-outline", SIX_CORNERS)
    page.click("#plan-outline-use")
    until(page, "document.querySelector('#plan-impact-numbers') !== null")
    text = page.inner_text("#plan-impact")
    assert re.search(r"People\s+1,\d\d\d,\d\d\d\s", text)  # a million in one cell, a thousand in the others
    assert "People of the test grid" in text
    assert "St. Louis" in text
    assert query(page)["area"].startswith("-92,38;-90,38")
    page.fill("#plan-reach-value", "45")
    page.keyboard.press("Tab")
    page.click("#plan-reach-regions")
    until(page, "document.querySelector('#plan-impact').innerText.includes('regions at or above 45 mm')")
    assert query(page)["reach"] == "regions:45"


def test_polygon_drawn_on_the_map_is_counted(open_plan: Any) -> None:
    page, _ = open_plan("/plan?tab=impact#map=5.00/39.0000/-91.0000")
    page.click("#plan-draw")
    until(page, "tocsinMap.element.dataset.drawing === 'true' && Boolean(tocsinMap.draw.tool)")
    box = page.locator("#plan-map canvas.maplibregl-canvas").bounding_box()
    x, y = box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.3
    for right, down in ((0, 0), (120, 0), (120, 90), (0, 90), (0, 0)):
        page.mouse.move(x + right, y + down)
        page.mouse.click(x + right, y + down)
        page.wait_for_timeout(250)
    until(page, "document.querySelector('#plan-impact-numbers') !== null")
    assert query(page)["area"].count(";") == 3


def test_weights_change_the_ranking_and_stand_in_the_address(open_plan: Any) -> None:
    page, _ = open_plan("/plan?tab=risk")
    cells = ".plan-risk-grid .ag-center-cols-container .ag-row"
    names = ".plan-risk-grid .ag-pinned-left-cols-container .ag-row[row-index='0']"
    until(page, f"document.querySelectorAll('{cells}').length > 3")
    before = page.inner_text(f"{cells}[row-index='0']")
    thumb = "[data-key^='field.'] [role=slider]"
    page.focus(thumb)
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    until(page, "new URL(location).searchParams.get('risk')?.includes('field.precipitation.mean*0*')")
    until(page, f"document.querySelector(\"{cells}[row-index='0']\").innerText !== {before!r}")
    assert page.inner_text(names) != ""
    assert "Hazard" in page.inner_text("#plan-risk-said")  # no input of it counts now, and that is said


def test_table_of_ones_own_is_read_and_its_bad_rows_are_listed(open_plan: Any, tmp_path: Path) -> None:
    page, _ = open_plan("/plan?tab=risk")
    table = tmp_path / "poverty.csv"
    table.write_text("code,value\n29510,8\n29189,2\nnowhere,1\n29187,high\n", encoding="utf-8")
    page.click("summary:has-text('Bring a table')")
    page.set_input_files("#plan-upload input[type=file]", str(table))
    until(page, "document.querySelector('#plan-upload-said').innerText.includes('2 regions read')")
    text = page.inner_text("#plan-upload-said")
    assert "no region has this code" in text
    assert "not a number" in text
    until(page, "document.querySelector('[data-key=\"upload.vulnerability\"]') !== null")
    until(page, "document.querySelector('#plan-risk-said').innerText.startsWith('2 of')")


def test_link_restores_series_step_region_and_weights(open_plan: Any, home: Path) -> None:
    page, _ = open_plan()
    until(page, RANKED)
    page.click("[data-tocsin-map] .map-time button >> nth=0")  # one step back: pinned
    until(page, "new URL(location).searchParams.get('step') !== null")
    step = query(page)["step"]
    until(page, f"{PRINTED} === '{step}'")
    top = first_row(page)
    link = urlsplit(page.url)
    again, _ = open_plan(
        f"{link.path}?{link.query}&statistic=max&risk=people*2**#{link.fragment}", ready=f"{PRINTED} === '{step}'"
    )
    until(again, f"({READY}) && ({RANKED})")
    assert query(again)["step"] == step
    assert query(again)["statistic"] == "max"
    assert first_row(again) != "" and top != ""
    tab(again, "Risk")
    until(again, "document.querySelector('[data-key=people] [role=slider]')?.getAttribute('aria-valuenow') === '2'")


def test_files_leave_with_what_the_page_shows(open_plan: Any, tmp_path: Path) -> None:
    page, _ = open_plan("/plan?tab=export")
    until(page, "document.querySelector('section[data-what=regions]') !== null")
    with page.expect_download() as download:
        page.click("section[data-what=regions] button:has-text('CSV')")
    download.value.save_as(tmp_path / "regions.csv")
    text = (tmp_path / "regions.csv").read_text(encoding="utf-8-sig")
    assert "County" in text and "precipitation" in text


def test_page_says_why_it_is_empty(tmp_path: Path, chromium: Any, index: RegionIndex) -> None:
    home = tmp_path / "home"
    home.mkdir()
    system = Running(home, words=("web",))
    try:
        system.wait_ready(probe="/healthz")
        given = {"viewport": {"width": 390, "height": 844}, "storage_state": signed_in(system, chromium)}
        with opening(system.url, chromium, index, **given) as opened:
            page, _ = opened("/plan")
            page.click("#plan-show-results")
            said = "document.querySelector('#plan-facts')?.innerText.includes('No gridded data has been received')"
            until(page, said)
    finally:
        system.stop()
