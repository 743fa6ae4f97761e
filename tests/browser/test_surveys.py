"""A survey in Chromium from the catalogue to a decision, and what another account sees of it all the while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from access import accounts, audit
from access.sharing import grants
from data.actor import Actor
from data.clock import utc_now
from data.regions import RegionIndex
from data.store.engine import Store, open_store
from tests import desk_scene, survey_scene
from tests.browser.conftest import Site, until
from tests.browser.desk import Codes, opener, picture
from tests.browser.test_inspection import pick
from tests.desk_scene import APPROVER
from tests.running import EMAIL, PASSWORD, Running

pytestmark = pytest.mark.browser

SOUTH = "south@example.org"  # a planner of another province
WHY = "Shelters are planned for the people of these houses."
SMALL = {"viewport": {"width": 1000, "height": 700}}
Open = Callable[..., Any]


@dataclass
class Office:
    """The pages over one dataset, and the approver's authenticator."""

    system: Running
    store: Store
    codes: Codes


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home = tmp_path_factory.mktemp("surveys")
    system = Running(home, settings=survey_scene.SETTINGS, roles=("viewer", "planner"), words=("web",))
    store, now = open_store(f"sqlite:///{home / 'tocsin.db'}"), utc_now()
    try:
        people(system, store, now)
        codes = Codes(desk_scene.second_factor(store, home, APPROVER, now))
        scene = survey_scene.Scene(store, home, now)
        about = scene.dataset("houses", "Houses of three districts", "三区房屋建筑", kind="urban_dwelling",
                              data_class="restricted", unit="CN-110000")  # fmt: skip
        chosen = {**survey_scene.HOUSES, "inspect_first": False}
        scene.serve(scene.load("houses", scene.houses(7, 900), chosen, days=2, new=about, unit="CN-110108"), 2)
        survey_scene.odd(scene)
        system.wait_ready(probe="/healthz")
        yield Office(system, store, codes)
    finally:
        store.close()
        system.stop()


def people(system: Running, store: Store, now: datetime) -> None:
    """An approver who was let in to the records, and a planner of another province."""
    system.command("user", "add", APPROVER, "viewer", "approver", "--password-stdin", stdin=PASSWORD + "\n")
    system.command("user", "add", SOUTH, "viewer", "planner", "--password-stdin", stdin=PASSWORD + "\n")
    with store.write() as connection:
        south = accounts.find(connection, email=SOUTH)
        assert south is not None
        accounts.set_scope(connection, south, regions=["CN-440000"], hazards=[])
        request = grants.Request(dataset="houses", purpose=WHY, allows="records", expires_at=now + timedelta(days=9))
        asked = grants.ask(connection, Actor(2, APPROVER, "", frozenset({"approver"})), request, now)
        office = Actor(9, "office@example.org", "", frozenset({"admin"}))
        grants.decide(connection, office, asked, True, "", now, lambda _: ())


@pytest.fixture
def open_as(office: Office, chromium: Any, index: RegionIndex) -> Iterator[Open]:
    site = Site(url=office.system.url, store=office.store, index=index, now=utc_now())
    with opener(office.system.url, chromium, site, office.codes) as opened:
        yield lambda email, path: opened(email, path, **SMALL)


def test_a_survey_from_the_catalogue_to_a_decision(office: Office, open_as: Open) -> None:
    planner = open_as(EMAIL, "/surveys")
    ask(planner)
    south = open_as(SOUTH, "/surveys/houses/sharing")
    south.get_by_text("This dataset is restricted: ask for it.").first.wait_for()
    assert WHY not in south.inner_text("main")  # whose request it is does not concern others
    chief = open_as(APPROVER, "/surveys/houses/sharing")
    chief.locator("tr", has_text=EMAIL).get_by_role("button", name="Grant").click()
    chief.get_by_text("Written down.", exact=True).wait_for()
    records_are_seen(planner, office.system.url)
    inspect(planner, office.system.url)
    decide(chief, office.system.url)
    planner.goto(f"{office.system.url}/surveys/submissions")
    planner.locator("tr", has_text="houses").get_by_text("Passed").wait_for()
    others_see_nothing(south, office.system.url)
    with office.store.read() as connection:
        assert audit.verify(connection) is None


def ask(planner: Any) -> None:
    """From the list to the dataset, which says why it is closed, to the request."""
    planner.get_by_role("link", name="Houses of three districts").click()
    planner.get_by_text("This dataset is restricted: ask for it.").wait_for()
    assert planner.get_by_text("Why records were refused").count() == 0
    planner.get_by_role("link", name="Sharing").click()
    planner.fill("#sharing-purpose", WHY)
    planner.click("#sharing-ask")
    planner.get_by_text("waits for somebody to decide").wait_for()
    assert planner.get_by_role("button", name="Grant", exact=True).count() == 0


def records_are_seen(planner: Any, url: str) -> None:
    """Why records were refused, and single records beside the map."""
    planner.goto(f"{url}/surveys/houses")
    planner.get_by_text("Why records were refused").wait_for()
    picture(planner, "surveys-dataset")
    planner.goto(f"{url}/plan?tab=records")
    pick(planner, "plan-store", "Houses of three districts")
    planner.get_by_text("in all that this account may see, exact").wait_for()
    planner.get_by_text("Single records").click()
    until(planner, "document.querySelectorAll('#plan-records-grid .ag-row').length > 5")
    planner.locator("input[placeholder='all']").first.click()
    planner.locator("[role=option]:visible").first.click()
    told = "document.querySelector('#plan-records b').textContent"
    until(planner, f"document.querySelector('#plan-records p').textContent.split(' of ')[1].split(' ')[0] !== {told}")
    until(planner, f"document.querySelector('.map-legend').textContent.includes({told} + ' shown')")


def inspect(planner: Any, url: str) -> None:
    """Rules, a sample, and a finding from the field; what is decided is not the planner's."""
    planner.goto(f"{url}/surveys/houses/inspection")
    planner.get_by_text("nothing is known of its quality").wait_for()
    planner.click("#inspection-run")
    planner.get_by_text("records have an error").wait_for()
    planner.get_by_text("Draw a sample").click()
    planner.fill("#inspection-share", "1")
    planner.click("#inspection-draw")
    planner.get_by_text("Sample 1 is drawn").wait_for()
    pick(planner, "inspection-record", "1 ·")
    planner.get_by_label("faulty", exact=True).check()
    planner.fill("#inspection-faults", "floors: 6")
    planner.click("#inspection-enter")
    planner.get_by_text("Entered: record 1.").wait_for()
    assert not planner.locator("#inspection-pass").is_visible()


def decide(chief: Any, url: str) -> None:
    """Who decides sees what was found, and passes it with a reason."""
    chief.goto(f"{url}/surveys/houses/inspection")
    chief.get_by_text("1 of ").first.wait_for()
    chief.fill("#inspection-why", "Few faults, none of them of position.")
    chief.click("#inspection-pass")
    chief.get_by_text("It has passed.").wait_for()


def others_see_nothing(south: Any, url: str) -> None:
    """Another province's planner: no number, no finding, no record."""
    south.goto(f"{url}/surveys/houses/inspection")
    south.get_by_text("This dataset is restricted: ask for it.").wait_for()
    assert "records have an error" not in south.inner_text("main")
    south.goto(f"{url}/surveys/submissions")
    south.locator("tr", has_text="houses").wait_for()
    assert not [one for one in south.locator("tr", has_text="houses").inner_text().split() if one in ("890", "900")]
    south.goto(f"{url}/surveys/houses")
    south.get_by_text("This dataset is restricted: ask for it.").wait_for()
    assert south.get_by_text("Why records were refused").count() == 0


def test_endless_and_hostile_names_fit_a_narrow_screen(open_as: Open) -> None:
    page = open_as(EMAIL, "/surveys")
    page.set_viewport_size({"width": 390, "height": 844})
    box = "document.querySelector('.surveys')"
    for path, sign in (("", "no_such_kind"), (f"/{survey_scene.ENDLESS}", "nothing is known of its quality")):
        page.goto(page.url.partition("/surveys")[0] + f"/surveys{path}")
        page.get_by_text(sign).first.wait_for()
        until(page, f"{box}.scrollWidth <= {box}.clientWidth")
        assert survey_scene.HOSTILE in page.inner_text("main")  # as text
