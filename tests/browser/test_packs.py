"""The page of packs: every rule listed, a hazard chosen, a site's number beside the pack's, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from alerts.pack import load_rules
from data.regions import RegionIndex
from tests.browser.conftest import until
from tests.browser.opening import opening, picture, signed_in
from tests.running import Running

pytestmark = pytest.mark.browser

SITE = """overrides:
  cma.rainstorm.observed:
    note: Plan of the city
    levels: {blue: {trigger: 40, clear: 35}}
"""
ARTICLES = "document.querySelectorAll('#packs-list article').length"
LISTED = "document.querySelectorAll('#packs-list .contents tbody tr').length"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("packs")
    (folder / "home").mkdir()
    path = folder / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    system = Running(folder / "home", settings={"rule_paths": [str(path)]}, words=("web",))
    try:
        system.wait_ready(probe="/healthz")
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="module")
def session(running: Running, chromium: Any) -> Any:
    return signed_in(running, chromium)


@pytest.fixture
def open_packs(running: Running, session: Any, chromium: Any, index: RegionIndex) -> Iterator[Callable[..., Any]]:
    given = {"viewport": {"width": 1280, "height": 900}, "storage_state": session}
    with opening(running.url, chromium, index, **given) as opened:

        def packs(path: str = "/packs", *, language: str = "en", **options: Any) -> Any:
            ready = f"{ARTICLES} > 0 || {LISTED} > 0"
            return opened(path, language=language, ready=ready, **options)[0]

        yield packs


def test_every_rule_is_listed_and_a_hazard_can_be_chosen(open_packs: Any) -> None:
    page = open_packs()
    until(page, f"{LISTED} === {len(load_rules())}")
    words = page.inner_text("#packs-list")
    assert "Signals without a rule" in words and "Lightning" in words
    picture(page, "packs")
    page.click("#packs-hazard")
    page.click("[role=option]:has-text('Fog')")
    until(page, f"{ARTICLES} === 2")
    assert "≤ 499.9 m" in page.inner_text("[id='pack-cma.fog.observed']")
    picture(page, "fog")


def test_a_rule_shows_what_the_site_has_overridden(open_packs: Any) -> None:
    page = open_packs("/packs?rule=cma.rainstorm.observed")
    words = page.inner_text("#packs-list article")
    assert "2007.1+site" in words
    assert "≥ 40 mm" in words and "≥ 50 mm" in words
    assert "levels.blue.trigger" in words and "site.yaml" in words
    struck = page.evaluate("getComputedStyle(document.querySelector('.base .number')).textDecorationLine")
    assert struck == "line-through"
    picture(page, "rule")
    page.emulate_media(media="print")
    assert not page.is_visible("#packs-hazard")


def test_chinese_page_says_all_of_it_in_chinese(open_packs: Any) -> None:
    page = open_packs("/packs?hazard=haze", language="zh")
    until(page, f"{ARTICLES} === 2")
    words = page.inner_text("[id='pack-cma.haze.observed']")
    assert "满足其一" in words and "同时满足" in words and "能见度" in words and "启动条件" in words
    picture(page, "haze_zh")


def test_page_fits_a_phone(open_packs: Any) -> None:
    page = open_packs("/packs?rule=cma.cold_wave.observed", viewport={"width": 390, "height": 844})
    assert page.evaluate(
        "document.querySelector('.packs').scrollWidth <= document.querySelector('.packs').clientWidth"
    )
    picture(page, "phone")
