"""A rule's whole way in Chromium: edited, previewed, tried on the past, enabled by two, run by the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.clock import utc_now
from data.regions import RegionIndex
from data.store.engine import open_store
from data.store.tables import evaluation, rule_state
from pages._feed_actions import act
from tests import scene
from tests.browser.conftest import until
from tests.browser.opening import opening, picture
from tests.running import PASSWORD, FeedServer, Running

pytestmark = pytest.mark.browser

RAIN = "cma.rainstorm.observed"
SECOND, READER = "second@example.org", "reader@example.org"
TEXT = "document.querySelector('.rules-text textarea').value"
FORMED = "document.querySelectorAll('#rules-form .rules-level').length"
ENGINE_S = 60.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """All processes over the rain of the scene, and three people: an author, an approver, and a reader."""
    home = tmp_path_factory.mktemp("rules") / "home"
    home.mkdir()
    server = FeedServer()
    scene.stage(server, utc_now())
    feeds = [one for one in scene.sources(server) if one.get("key") == "rain_gauges"]
    allowed = {"zone": "Asia/Shanghai", "allow_hosts": [f"127.0.0.1:{server.port}"]}
    system = Running(home, feeds, settings=allowed, roles=("viewer", "planner"))
    try:
        for email, roles in ((SECOND, ("viewer", "author")), (READER, ("viewer", "duty"))):
            system.command("user", "add", email, *roles, "--password-stdin", stdin=PASSWORD + "\n")
        system.wait_ready(180)
        store = open_store(f"sqlite:///{home / 'tocsin.db'}")
        act(store, "rain_gauges", "on", person="test", now=utc_now())
        store.close()
        yield system
    finally:
        system.stop()
        server.close()


@pytest.fixture
def open_as(running: Running, chromium: Any, index: RegionIndex) -> Iterator[Callable[..., Any]]:
    """A page of a person who has signed in."""
    with opening(running.url, chromium, index) as opened:

        def page_of(email: str, path: str, *, language: str = "en", **options: Any) -> Any:
            return opened(path, email=email, language=language, **options)[0]

        yield page_of


def past(folder: Path) -> None:
    """Ten days of hourly rain at Zhengzhou with one downpour, and the flood that came of it."""
    start = datetime(2026, 2, 1, tzinfo=UTC)
    rows = ["station,lon,lat,quantity,unit,observed_at,value,received_at"]
    for hour in range(240):
        at = start + timedelta(hours=hour)
        came = at + timedelta(minutes=5)
        amount = 45 if 50 <= hour < 54 else 0
        rows.append(f"z,113.66,34.71,precipitation,mm,{at.isoformat()},{amount},{came.isoformat()}")
    (folder / "rain.csv").write_text("\n".join(rows), encoding="utf-8")
    event = f"{(start + timedelta(hours=53)).isoformat()},{(start + timedelta(hours=58)).isoformat()}"
    truth = f"hazard,lon,lat,start,end\nrainstorm,113.66,34.71,{event}\n"
    (folder / "truth.csv").write_text(truth, encoding="utf-8")


def tab(page: Any, words: str) -> None:
    page.click(f"[role=tab]:has-text('{words}')")


def digest_of_engine(home: Path, digest: str) -> Any:
    """The engine's last evaluation of a digest, when there is one."""
    store = open_store(f"sqlite:///{home / 'tocsin.db'}")
    deadline = time.monotonic() + ENGINE_S
    try:
        while time.monotonic() < deadline:
            with store.read() as connection:
                query = sa.select(evaluation).where(evaluation.c.rule == RAIN, evaluation.c.digest == digest)
                found = connection.execute(query.order_by(evaluation.c.id.desc())).first()
                now = connection.execute(sa.select(rule_state.c.digest).where(rule_state.c.rule == RAIN)).scalar()
            if found is not None:
                assert now == digest
                return found
            time.sleep(0.5)
    finally:
        store.close()
    raise AssertionError(f"the engine has not evaluated {digest}")


def test_a_rule_is_edited_previewed_tried_enabled_and_run(running: Running, open_as: Any, tmp_path: Path) -> None:
    past(tmp_path)
    author = open_as("duty@example.org", f"/rules?rule={RAIN}")
    until(author, f"{FORMED} === 4")
    red = author.locator(".rules-level >> nth=0").locator("input").nth(0)
    assert red.input_value() == "100"
    red.fill("120")
    red.press("Tab")
    until(author, f"{TEXT}.includes('red: {{input: rain_3h, trigger: 120,')")
    until(author, "document.activeElement.closest('#rules-form') !== null")  # the keyboard stays in the form
    text = author.evaluate(TEXT)
    author.fill(".rules-text textarea", text.replace("clear: 90", "clear: 190").replace("version: ", "version:  "))
    until(author, "document.querySelectorAll('.rules-fault').length === 1")
    assert "line 28" in author.inner_text("#rules-faults")
    picture(author, "rules_fault")
    author.reload()
    author.wait_for_selector("#rules-form .rules-level")
    until(author, f"{FORMED} === 4 && {TEXT}.includes('clear: 190')")
    author.fill(".rules-text textarea", text)
    until(author, "document.querySelector('.rules-good') !== null")

    tab(author, "Preview")
    author.click("#rules-preview-now")
    until(author, "document.querySelector('#rules-preview-said p') !== null")
    words = author.inner_text("#rules-preview-said")
    assert "of 5 watched regions. Red, extreme: 1" in words, words
    assert "Regions of which nobody can tell: 1." in words  # the gauge that fell silent
    assert "Unknown" in author.inner_text("#rules-preview-table")
    until(author, "Boolean(window.tocsinMap?.ready && window.tocsinMap.choropleth?.table)")
    painted = author.evaluate("[...window.tocsinMap.choropleth.values.values()]")
    assert 4 in painted and None in painted
    until(author, "window.tocsinMap.map.queryRenderedFeatures({layers: ['choropleth-cn-county']}).length > 0")
    picture(author, "rules_preview")

    tab(author, "Proof")
    until(author, "document.querySelector('#rules-proof-state').innerText.includes('not tried')")
    author.click("#rules-history")
    author.click("[role=option]:has-text('A table')")
    author.set_input_files("#rules-table input[type=file]", str(tmp_path / "rain.csv"))
    author.set_input_files("#rules-truth input[type=file]", str(tmp_path / "truth.csv"))
    until(author, "document.querySelector('#rules-truth-name').innerText === 'truth.csv'")
    author.click("#rules-try")
    until(author, "document.querySelector('#rules-report h2') !== null")
    assert "Of 1 events 1 were warned of" in author.inner_text(".rules-lead")
    until(author, "document.querySelectorAll('.rules-charts .js-plotly-plot').length === 4")
    picture(author, "rules_proof")

    tab(author, "Text")
    author.fill("#rules-why", "Fewer alarms at night")
    author.click("#rules-save")
    author.wait_for_url("**version=1**")
    author.wait_for_selector("#rules-report h2")  # the same digest, tried before
    tab(author, "Versions")
    author.fill("#rules-decide-why", "Agreed with the river office")
    author.click("text=Propose version 1 for enabling")
    author.wait_for_selector(".rules-waiting")
    assert not author.locator("text=Enable version 1").count()

    second = open_as(SECOND, "/rules")
    second.click("a.waiting")
    second.wait_for_selector("#rules-report h2")
    tab(second, "Versions")
    second.fill("#rules-decide-why", "Read and agreed")
    second.click("text=Enable version 1")
    second.wait_for_selector(".rules-standing:has-text('version 1 of this office')")
    standing = second.inner_text(".rules-standing")
    assert "duty@example.org and second@example.org" in standing and "Read and agreed" in standing
    digest = second.get_attribute(".rules-version code", "title")
    picture(second, "rules_enabled")
    found = digest_of_engine(running.home, digest)
    assert found.outcome == "fired" and found.firing >= 1 and found.unknown == 1


def test_what_was_typed_last_is_what_is_saved_and_kept(open_as: Any) -> None:
    page = open_as("duty@example.org", "/rules?rule=cma.gale.observed")
    until(page, f"{FORMED} > 1")
    page.fill("#rules-why", "quickly")
    text = page.evaluate(TEXT)
    page.fill(".rules-text textarea", text.replace("max_age: 2h", "max_age: 77min"))
    page.click("#rules-save")
    page.wait_for_url("**version=1**")
    page.wait_for_selector(".rules-text textarea", state="attached")
    assert "max_age: 77min" in page.evaluate(TEXT)
    page.click("text=Go to your text")
    page.wait_for_selector("#rules-form .rules-level")
    assert page.evaluate(TEXT) == text  # the version does not run yet
    page.fill(".rules-text textarea", text + "# to be continued")
    until(page, "document.querySelector('#rules-draft').innerText.includes('is kept')")
    page.reload()
    page.wait_for_selector("#rules-form .rules-level")
    assert page.evaluate(TEXT).endswith("# to be continued")
    with page.expect_navigation():
        page.click("#rules-discard")
    page.wait_for_selector(".rules-good")
    assert page.evaluate(TEXT) == text


def test_who_only_reads_is_told_why_and_changes_nothing(open_as: Any) -> None:
    page = open_as(READER, f"/rules?rule={RAIN}")
    until(page, f"{FORMED} === 4")
    assert "planner or author" in page.inner_text(".rules-note")
    assert page.locator(".rules-text textarea").get_attribute("readonly") is not None
    assert page.locator("#rules-save, #rules-try, #rules-discard").count() == 0
    tab(page, "Versions")
    assert "author or approver" in page.inner_text(".rules-versions")
    assert page.locator(".rules-versions button").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone_in_chinese(open_as: Any, scheme: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    page = open_as("duty@example.org", "/rules", language="zh", **phone)
    until(page, "document.querySelector('.rules-list') !== null")
    assert "规则" in page.inner_text("h1")
    fits = "document.querySelector('.rules').scrollWidth <= document.querySelector('.rules').clientWidth"
    assert page.evaluate(fits)
    picture(page, f"rules_phone_list_{scheme}")
    page.goto(page.url.split("/rules")[0] + "/rules?rule=cma.fog.observed")
    until(page, f"{FORMED} > 1")
    assert page.evaluate(fits)
    picture(page, f"rules_phone_{scheme}")
    for name in ("预览", "检验", "版本"):
        tab(page, name)
        page.wait_for_timeout(200)
        assert page.evaluate(fits), name
        picture(page, f"rules_phone_{scheme}_{name}")


def test_a_new_rule_begins_under_a_key_of_its_own(open_as: Any) -> None:
    page = open_as("duty@example.org", "/rules")
    page.fill("#rules-new-key", RAIN)
    page.click("#rules-new")
    until(page, "document.querySelector('#rules-new-said').innerText.includes('already: open that one')")
    page.fill("#rules-new-key", "county.cloudburst")
    picture(page, "rules_new_list")
    page.click("#rules-new")
    page.wait_for_url("**rule=county.cloudburst")
    until(page, "document.querySelector('.rules-good') !== null")
    assert "key: county.cloudburst" in page.evaluate(TEXT)
    picture(page, "rules_new")
