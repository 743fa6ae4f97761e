"""The desk in Chromium, with two people: from a proposal to a signed message, its deliveries, and its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from access import totp
from alerts.desk.read import in_force, several
from data.clock import utc_now
from data.regions import RegionIndex
from data.store.engine import Store, open_store
from data.store.tables import delivery, warning
from tests import desk_scene
from tests.browser.conftest import PATIENCE_S, Site, until
from tests.desk_scene import APPROVER, AUTHOR
from tests.running import PASSWORD, Running

pytestmark = pytest.mark.browser

KEPT = "document.querySelector('#warn-saved').textContent.includes('Kept')"
FAULTS = "document.querySelectorAll('.warn-fault').length"
PIECES = "document.querySelectorAll('#warn-pieces .warn-chip').length"
OPEN = "location.search.startsWith('?id=') && Boolean(document.querySelector('#warn-form textarea'))"


class Codes:
    """The authenticator of the approver: each code is used once, as the server wants it."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.last = totp.step_of(utc_now()) - 2

    def next(self, page: Any) -> str:
        self.last = max(self.last + 1, totp.step_of(utc_now()))  # the next step is taken as well
        while self.last > totp.step_of(utc_now()) + 1:
            page.wait_for_timeout(200)
        return totp.code_at(self.secret, self.last)


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
    """A page of a person who has signed in; no complaint of the browser is let pass."""
    system, store, codes = desk
    contexts = []
    site = Site(url=system.url, store=store, index=index, now=utc_now())

    def opened(email: str, path: str, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = site.watch(context)
        page.goto(f"{system.url}/login")
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        if email == APPROVER:
            page.fill("input[name=code]", codes.next(page))
            page.click("button[type=submit]")
        page.wait_for_url(f"{system.url}/")
        page.goto(f"{system.url}{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert site.foreign == []
    assert site.complaints == []


def picture(page: Any, name: str) -> None:
    """Keep what the page looks like where PICTURES names a folder."""
    if os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(os.environ["PICTURES"]) / f"{name}.png"))


def field(place: str) -> str:
    return f"""[id='{{"place":"{place}","type":"warn-field"}}']"""


def submit(page: Any) -> None:
    until(page, "document.querySelector('#warn-decide .act.primary')?.disabled === false")
    page.click("text=Submit for a signature")
    until(page, "document.querySelector('#warn-decide').textContent.includes('somebody else signs it')")


def sign(page: Any, codes: Codes, *, level: str = "Orange") -> str:
    """Look, type, prove, sign. Returns why it was refused."""
    until(page, "document.querySelector('.warn-sign')?.disabled === false")
    page.click(".warn-sign")
    until(page, "document.querySelector('#warn-sign-what')?.textContent.includes('This is real')")
    page.fill("#warn-typed-level", level)
    asked = page.evaluate("document.querySelector('label[for=warn-typed-area]').textContent")
    page.fill("#warn-typed-area", asked.partition(": ")[2].partition(" / ")[0])
    page.fill("#warn-password", PASSWORD)
    page.fill("#warn-code", codes.next(page))
    page.click("#warn-sign")
    until(page, "!document.querySelector('.warn-sign') || document.querySelector('#warn-sign-fault').textContent")
    return str(page.inner_text("#warn-sign-fault"))


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
