"""From the editor to the why in Chromium: a rule is changed, tried, enabled by two, and fires in a drill."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.offer import shares_of
from data.regions import RegionIndex
from data.store.engine import open_store
from data.store.tables import proposal
from tests.browser.conftest import PATIENCE_S, until
from tests.browser.opening import opening, picture
from tests.browser.test_exercise import Drill
from tests.browser.test_rules import FORMED, TEXT, past, tab

pytestmark = pytest.mark.browser

RAIN = "cma.rainstorm.observed"
PLANNER, SECOND, READER = "planner@example.org", "second@example.org", "reader@example.org"
PEOPLE = {PLANNER: ("planner",), SECOND: ("approver",), READER: ("viewer", "duty", "admin")}
BEGIN = "2021-07-20T12:00:00+08:00"  # three hours before the levels of the office's own rule turn red
FIRES_S = 900.0  # on a machine that does much else


@pytest.fixture(scope="module")
def drill(index: RegionIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    made = Drill(tmp_path_factory.mktemp("walk"), PEOPLE, BEGIN, speed=1)
    yield made
    made.stop()


@pytest.fixture
def open_as(drill: Drill, chromium: Any, index: RegionIndex) -> Iterator[Callable[..., Any]]:
    """A page of the drill, of a person who has signed in."""
    with opening(drill.url, chromium, index, locale="en-GB") as opened:

        def page_of(email: str, path: str) -> Any:
            answers(drill)
            return opened(path, email=email)[0]

        yield page_of


def answers(drill: Drill) -> None:
    """Wait for the pages of the drill."""
    deadline = time.monotonic() + 3 * PATIENCE_S
    while True:
        try:
            urllib.request.urlopen(f"{drill.url}/healthz", timeout=2).close()
            return
        except OSError:
            assert time.monotonic() < deadline and drill.process.poll() is None
            time.sleep(0.2)


def fired(home: Path, digest: str) -> Any:
    """The red proposal that a version has made, when there is one."""
    store = open_store(f"sqlite:///{home / 'tocsin.db'}")
    deadline = time.monotonic() + FIRES_S
    try:
        while time.monotonic() < deadline:
            with store.read() as connection:
                query = sa.select(proposal).where(proposal.c.level == 4, proposal.c.state == "open")
                for row in connection.execute(query):
                    if digest in {share["digest"] for share in shares_of(row)}:
                        return row
            time.sleep(0.5)
    finally:
        store.close()
    raise AssertionError(f"{digest} has not fired")


def test_rule_is_changed_proved_enabled_and_fires_in_a_drill(drill: Drill, open_as: Any, tmp_path: Path) -> None:
    past(tmp_path)
    planner = open_as(PLANNER, f"/rules?rule={RAIN}")
    until(planner, f"{FORMED} === 4")
    text = planner.evaluate(TEXT)
    lower = text.replace("trigger: 100, clear: 90", "trigger: 60, clear: 55")
    assert lower != text
    planner.fill(".rules-text textarea", lower)
    until(planner, "document.querySelector('.rules-good') !== null")
    tab(planner, "Preview")
    planner.click("#rules-preview-now")
    until(planner, "document.querySelector('#rules-preview-said p') !== null")
    tab(planner, "Proof")
    planner.click("#rules-history")
    planner.click("[role=option]:has-text('A table')")
    planner.set_input_files("#rules-table input[type=file]", str(tmp_path / "rain.csv"))
    planner.set_input_files("#rules-truth input[type=file]", str(tmp_path / "truth.csv"))
    until(planner, "document.querySelector('#rules-truth-name').innerText === 'truth.csv'")
    planner.click("#rules-try")
    until(planner, "document.querySelector('#rules-report h2') !== null", 180)
    tab(planner, "Text")
    planner.fill("#rules-why", "Red comes too late in the valley")
    planner.click("#rules-save")
    planner.wait_for_url("**version=1**")
    planner.wait_for_selector("#rules-report h2", state="attached")
    tab(planner, "Versions")
    planner.fill("#rules-decide-why", "Two villages were cut off before the level was red")
    planner.click("text=Propose version 1 for enabling")
    planner.wait_for_selector(".rules-waiting")

    second = open_as(SECOND, "/rules")
    second.click("a.waiting")
    second.wait_for_selector("#rules-report h2")
    tab(second, "Versions")
    second.fill("#rules-decide-why", "Read and agreed")
    second.click("text=Enable version 1")
    second.wait_for_selector(".rules-standing:has-text('version 1 of this office')")
    digest = second.get_attribute(".rules-version code", "title")

    reader = open_as(READER, "/")
    reader.select_option("#exercise-speed", "300")
    red = fired(drill.home, digest)
    reader.click("#exercise-pause")
    row = reader.locator(f"[id*='proposal-{red.id}']")
    row.wait_for()
    picture(reader, "walk_watch")
    row.click()
    until(reader, f"document.querySelector('.why')?.innerText.includes('{digest[:8]}')")
    why = reader.inner_text(".why")
    assert "Rainstorm, observed" in why and "60" in why
    assert reader.locator("#exercise").is_visible()
    picture(reader, "walk_why")
