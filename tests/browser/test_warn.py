"""The desk in Chromium, with two people: from a proposal to a signed message, its deliveries, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.desk.read import in_force, several
from data.clock import utc_now
from data.regions import RegionIndex
from data.store.engine import Store, open_store
from data.store.tables import delivery, warning
from tests import desk_scene
from tests.browser.conftest import Site, until
from tests.browser.desk import FAULTS, KEPT, OPEN, PIECES, Codes, field, opener, picture, sign, submit
from tests.desk_scene import APPROVER, AUTHOR
from tests.running import Running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Store, Codes]]:
    """All processes, with a bad evening on the desk."""
    home = tmp_path_factory.mktemp("desk") / "home"
    home.mkdir()
    folder = {"folder": {"path": str(home / "out")}}
    system = Running(home, [], settings={**desk_scene.SETTINGS, "channels": folder})
    store = open_store(f"sqlite:///{home / 'tocsin.db'}")
    try:
        desk_scene.people(system)
        system.wait_ready(180, probe="/healthz")
        secret = desk_scene.second_factor(store, home, APPROVER, utc_now())
        desk_scene.fill(store, utc_now())
        desk_scene.group(store, "Archive", [("folder", "archive")], statuses=["Actual"])
        yield system, store, Codes(secret)
    finally:
        store.close()
        system.stop()


@pytest.fixture
def open_as(desk: Any, chromium: Any, index: RegionIndex) -> Iterator[Callable[..., Any]]:
    system, store, codes = desk
    site = Site(url=system.url, store=store, index=index, now=utc_now())
    with opener(system.url, chromium, site, codes) as opened:
        yield opened


def test_from_a_proposal_to_a_signed_message_and_its_end(desk: Any, open_as: Callable[..., Any]) -> None:
    _, store, codes = desk
    author = open_as(AUTHOR, "/warn")
    until(author, "document.querySelectorAll('.warn-left a.row').length === 2")
    author.keyboard.press("j")  # the keyboard walks the inbox: the worst and oldest stands first
    assert "Zhongyuan and 4 more" in author.evaluate("document.activeElement.textContent")
    author.keyboard.press("Enter")
    until(author, "document.querySelector('#warn-decide').textContent.includes('A new warning')")
    author.click("text=Write it")
    until(author, f"{OPEN} && {PIECES} === 5 && window.tocsinMap?.footprint?.data.features.length === 1")

    author.fill(field("texts/en/headline"), "Heavy rain: stay at home [[until when]]")
    until(author, f"{KEPT} && {FAULTS} === 1")
    until(author, "document.querySelectorAll('.warn-blank').length === 1")
    author.reload()
    until(author, f"{OPEN} && {FAULTS} === 1 && {PIECES} === 5")
    assert author.input_value(field("texts/en/headline")) == "Heavy rain: stay at home [[until when]]"
    author.click(".warn-fault")
    until(author, "document.activeElement.value?.includes('[[until when]]')")
    author.fill(field("texts/en/headline"), "Heavy rain: stay at home")
    author.fill("#warn-region-name", "Xingyang")
    author.press("#warn-region-name", "Enter")
    author.click("#warn-region-found button >> nth=0")
    until(author, f"{PIECES} === 6")
    until(author, f"document.querySelector(`{field('texts/en/area')}`).value.includes('Xingyang')")
    author.click("summary:has-text('Type or bring coordinates')")
    author.fill("#warn-outline", "113.2 34.4\n113.4 34.4\n113.4 34.6\n113.2 34.6")
    author.click("#warn-outline-use")
    until(author, f"{PIECES} === 7 && document.querySelector('#warn-area-fault').textContent === ''")
    until(author, f"{FAULTS} === 0")
    picture(author, "warn_draft")
    submit(author)
    address = author.evaluate("location.pathname + location.search")

    approver = open_as(APPROVER, address)
    until(approver, "document.querySelectorAll('.warn-diff tr').length > 3")
    assert "Sign and send: 2 channels, 4 recipients" in approver.inner_text(".warn-sign")
    picture(approver, "warn_sign")
    assert sign(approver, codes) == ""
    until(approver, "document.querySelector('#warn-deliveries').textContent.includes('Deliveries')")
    with store.read() as connection:
        (issued,) = in_force(connection, utc_now())
        assert connection.scalar(sa.select(sa.func.count()).select_from(delivery)) == 4
    assert issued.alert.info[0].headline == "Heavy rain: stay at home"
    assert len(issued.alert.info[0].area[0].polygons) >= 2
    until(approver, "document.querySelector('#warn-deliveries').textContent.includes('1 sent')")
    picture(approver, "warn_issued")

    until(author, "document.querySelector('#warn-list-force a.row') !== null")  # by itself, on the author's screen
    author.click("#warn-list-force >> text=End it")
    until(author, f"{OPEN} && document.querySelector('.warn-title + p').textContent.includes('Cancel')")
    submit(author)
    ending = author.evaluate("location.pathname + location.search")
    approver.goto(f"{desk[0].url}{ending}")
    assert sign(approver, codes) == ""
    until(approver, "document.querySelector('#warn-list-force').textContent.includes('No warning of ours')")
    with store.read() as connection:
        assert in_force(connection, utc_now()) == []
        assert [one.kind for one in several(connection, warning.c.state == "issued")] == ["alert", "cancel"]


def test_a_wrong_level_is_refused_and_a_rejection_comes_back(desk: Any, open_as: Callable[..., Any]) -> None:
    _, _, codes = desk
    author = open_as(AUTHOR, "/warn", viewport={"width": 390, "height": 844})
    until(author, "document.querySelectorAll('.warn-left a.row').length > 0")
    author.click("#warn-list-decide a.row >> nth=0")
    until(author, "document.querySelector('#warn').dataset.view === 'area'")
    author.click("#warn-show-decide")
    author.click("text=Write it")
    until(author, OPEN)
    author.click("#warn-show-texts")
    author.fill(field("texts/en/instruction"), "Stay away from the river.")
    until(author, KEPT)
    author.click("#warn-show-decide")
    picture(author, "warn_narrow")
    submit(author)
    address = author.evaluate("location.pathname + location.search")
    approver = open_as(APPROVER, address)
    assert "Type the level" in sign(approver, codes, level="Red")
    assert approver.input_value("#warn-password") == ""
    approver.click("#warn-sign-not")
    approver.fill(".warn-reject input", "the river is lower now")
    approver.click(".warn-reject button")
    until(author, "document.querySelector('#warn-rejected')?.textContent.includes('the river is lower now')")
