"""The page of verification in Chromium: a table brought, the file taken out; wide, narrow, dark, Chinese."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data.clock import utc_now
from data.regions import RegionIndex
from data.store.engine import open_store
from data.store.tables import rule_version, transition
from tests.browser.conftest import until
from tests.browser.opening import opening, picture, signed_in
from tests.running import Running

pytestmark = pytest.mark.browser

SHOWN = "document.querySelectorAll('#verification-shown section').length"
MONTH = (utc_now().replace(day=1) - timedelta(days=10)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
OFFICES = {"a": {"en": "County office", "zh": "县应急管理局"}, "b": {"en": "State", "zh": "国家局"}}


def fill(home: Path) -> None:
    """A month in which two offices warned of rain, and one of gales."""
    store = open_store(f"sqlite:///{home / 'tocsin.db'}")
    rules = [("a.rain", "a", "rainstorm"), ("b.rain", "b", "rainstorm"), ("a.gale", "a", "gale")]
    with store.write() as connection:
        for rule, office, hazard in rules:
            body = {"hazard": hazard, "authority": OFFICES[office]}
            connection.execute(
                rule_version.insert().values(rule=rule, digest="d", version="1", pack="p", body=body, first_at=MONTH)
            )
            for day in range(14 if office == "a" else 3):
                at = MONTH + timedelta(days=day, hours=3)
                for when, before, after in ((at, 0, 3), (at + timedelta(hours=6), 3, 0)):
                    connection.execute(
                        transition.insert().values(
                            rule=rule, digest="d", region="CN-410102", at=when, from_phase="normal",
                            to_phase="firing", from_level=before, to_level=after, reason="",
                        )
                    )  # fmt: skip
    store.close()


def truth(folder: Path) -> Path:
    def row(day: int) -> str:
        start = MONTH + timedelta(days=day, hours=4)
        return f"rainstorm,CN-410102,{start.isoformat()},{(start + timedelta(hours=3)).isoformat()},gauge"

    path = folder / "truth.csv"
    rows = [row(day) for day in range(0, 24, 2)]
    path.write_text("\n".join(["hazard,region,start,end,source", *rows, "rainstorm,XX,soon,,"]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("verification")
    (folder / "home").mkdir()
    system = Running(folder / "home", words=("web",))
    try:
        system.wait_ready(probe="/healthz")
        fill(folder / "home")
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="module")
def session(running: Running, chromium: Any) -> Any:
    return signed_in(running, chromium)


@pytest.fixture
def open_page(running: Running, session: Any, chromium: Any, index: RegionIndex) -> Iterator[Callable[..., Any]]:
    given = {"viewport": {"width": 1280, "height": 900}, "storage_state": session}
    with opening(running.url, chromium, index, **given) as opened:

        def month(*, language: str = "en", **options: Any) -> Any:
            path = f"/verification?month={MONTH:%Y-%m}"
            return opened(path, language=language, ready=f"{SHOWN} > 0", **options)[0]

        yield month


def test_month_is_scored_once_people_told_what_happened(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    assert "nobody can tell yet" in page.inner_text("#verification-shown")
    picture(page, "verification-before")
    page.set_input_files("#verification-upload input", str(truth(tmp_path)))
    until(page, "document.querySelector('#verification-said').innerText.includes('12 events read')")
    assert "Row 14" in page.inner_text("#verification-said")
    until(page, "document.querySelector('#verification-shown').innerText.includes('7 of 12')")
    words = page.inner_text("[data-hazard=rainstorm]")
    assert "7 of 12 events were warned of" in words and "County office" in words and "State" in words
    with page.expect_download() as waiting:
        page.click("#verification-csv")
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text(encoding="utf-8"))))
    rain = {row["office"]: row for row in rows if row["hazard"] == "rainstorm"}
    assert (rain["County office"]["hits"], rain["all"]["events"]) == ("7", "12")
    assert datetime.fromisoformat(rain["all"]["from"]) <= MONTH + timedelta(days=1)
    picture(page, "verification")


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [pytest.param("zh", "dark", 390, id="zh dark narrow"), pytest.param("en", "light", 390, id="en light narrow"),
     pytest.param("zh", "light", 1280, id="zh light wide")],
)  # fmt: skip
def test_page_fits_narrow_dark_and_chinese(open_page: Any, language: str, scheme: str, width: int) -> None:
    page = open_page(language=language, viewport={"width": width, "height": 844}, color_scheme=scheme)
    picture(page, f"verification-{language}-{scheme}-{width}")
    box = "document.querySelector('.verification')"
    assert page.evaluate(f"{box}.scrollWidth <= {box}.clientWidth")
    said = page.inner_text("h1")
    assert said == ("预警检验" if language == "zh" else "Verification of warnings")
