"""Inspection in a browser: rules run, places on the map, a sample drawn, a finding entered, the delivery returned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data.clock import utc_now
from data.regions import RegionIndex
from data.store.catalogue import Dataset, Delivery, add_delivery, put_dataset, read_delivery
from data.store.engine import open_store
from tests.browser.conftest import until
from tests.browser.opening import opening, picture, signed_in
from tests.layers.inspect.planted import buildings, deliver
from tests.running import Running

pytestmark = pytest.mark.browser

ROLES = ("viewer", "planner", "author")


def catalogue(home: Path) -> int:
    """A delivery of 3,000 buildings with planted faults; its number."""
    deliver(buildings()[0], home / "deliveries" / "houses" / "1")
    dataset = Dataset(
        name="houses", title={"en": "Houses of three districts", "zh": "三区房屋"}, level="county", sector="housing",
        kind="urban_dwelling", data_class="public", unit="CN-110108", record_schema={"region": "county"},
    )  # fmt: skip
    delivery = Delivery(
        dataset="houses", mode="replace", folder="deliveries/houses/1", digest="d" * 64, rows=3000, refused=0,
        sources=[], unit="CN-110108",
    )  # fmt: skip
    store = open_store(f"sqlite:///{home / 'tocsin.db'}")
    with store.write() as connection:
        put_dataset(connection, dataset, at=utc_now(), by="county@example.org")
        number = add_delivery(connection, delivery, at=utc_now(), by="county@example.org")
    store.close()
    return number


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The web process over a home with one delivery."""
    home = tmp_path_factory.mktemp("inspection")
    system = Running(home, settings={"survey_pass_limit": 5}, roles=ROLES, words=("web",))
    try:
        system.wait_ready(probe="/healthz")
        catalogue(home)
        yield system
    finally:
        system.stop()


@pytest.fixture
def open_page(running: Running, chromium: Any, index: RegionIndex) -> Iterator[Callable[..., Any]]:
    session = signed_in(running, chromium)
    with opening(running.url, chromium, index, storage_state=session) as opened:
        yield lambda **options: opened("/surveys/houses/inspection", **options)[0]


def pick(page: Any, field: str, option: str) -> None:
    """Choose in one of the page's lists."""
    page.click(f"#{field}")
    page.locator("[role=option]:visible", has_text=option).first.click()


def test_a_delivery_is_inspected_sampled_and_returned(running: Running, open_page: Any) -> None:
    page = open_page(language="en")
    page.get_by_text("nothing is known of its quality").wait_for()
    page.click("#inspection-run")
    page.get_by_text("60 of 3,000 records have an error").wait_for(timeout=120_000)
    page.get_by_text("海淀").or_(page.get_by_text("Haidian")).first.wait_for()
    pick(page, "inspection-rule", "outside its administrative unit")
    until(page, "document.querySelector('#inspection-places').textContent === '5 places'")
    picture(page, "inspection-rules")
    page.get_by_text("Draw a sample").click()
    page.fill("#inspection-seed", "11")
    page.fill("#inspection-share", "1")
    page.click("#inspection-draw")
    page.get_by_text("Sample 1 is drawn, with the seed 11.").wait_for()
    pick(page, "inspection-record", "1 ·")
    page.get_by_label("faulty", exact=True).check()
    page.fill("#inspection-faults", "floors: 6")
    page.click("#inspection-enter")
    page.get_by_text("Entered: record 1.").wait_for()
    page.get_by_text("1 of 46 drawn records were looked at.").wait_for()
    picture(page, "inspection-field")
    page.fill("#inspection-why", "positions of one county")
    page.click("#inspection-return")
    page.get_by_text("It was returned; another delivery answers it.").wait_for()
    assert page.locator("q", has_text="positions of one county").count() == 1
    store = open_store(f"sqlite:///{running.home / 'tocsin.db'}")
    with store.read() as connection:
        assert read_delivery(connection, 1).state == "returned"
    store.close()


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [pytest.param("zh", "dark", 390, id="zh dark narrow"), pytest.param("en", "light", 390, id="en light narrow"),
     pytest.param("zh", "light", 1440, id="zh light wide")],
)  # fmt: skip
def test_page_fits_narrow_dark_and_chinese(open_page: Any, language: str, scheme: str, width: int) -> None:
    page = open_page(language=language, viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.wait_for_selector("#inspection-body h2")
    box = "document.querySelector('.inspection')"
    until(page, f"{box}.scrollWidth <= {box}.clientWidth")
    picture(page, f"inspection-{language}-{scheme}-{width}")
    assert ("质检" if language == "zh" else "Inspection") in page.inner_text("h1")
