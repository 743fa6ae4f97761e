"""The public pages in a real browser, as the whole web process serves them: small, without scripts, offline, told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.model import Level
from data.store.engine import Store, open_store
from data.store.tables import push_subscription
from tests.browser.conftest import ROOT, until
from tests.issuing import Desk
from tests.running import Running

pytestmark = pytest.mark.browser

SIZES = [pytest.param((390, 844), id="phone"), pytest.param((320, 640), id="small"),
         pytest.param((1440, 900), id="desk")]  # fmt: skip
PATHS = ("/public", "/public/w/tocsin.1", "/public/history", "/public/check", "/public/follow",
         "/public/check?kind=earthquake&place=113.6,34.7")  # fmt: skip


class Public:
    """A web process with warnings in force."""

    def __init__(self, home: Path) -> None:
        if not (ROOT / "data" / "var" / "base" / "regions.parquet").is_file():
            pytest.skip("base data is not built: run `make setup`")
        settings = {"sender_name": "Example office", "push_services": ["push.example"], "zone": "Asia/Shanghai"}
        self.running = Running(home, settings=settings, words=["web"])
        self.running.wait_ready(probe="/healthz")
        self.store: Store = open_store(f"sqlite:///{home / 'tocsin.db'}")
        now = datetime.now(UTC).replace(microsecond=0)
        self.desk = Desk(self.store, now)
        self.desk.watch(now + timedelta(minutes=10))
        first = self.desk.issue(regions=["CN-410100"])
        self.desk.issue("tocsin.2", level=Level.ORANGE, regions=["CN-410200"], english={"area": "Kaifeng"})
        self.desk.issue("tocsin.3", kind="update", level=Level.RED, replaces=first, regions=["CN-410100"])

    def url(self, path: str, locale: str = "en") -> str:
        return f"{self.running.url}{path}{'&' if '?' in path else '?'}lang={locale}"

    def close(self) -> None:
        self.store.close()
        self.running.stop()


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    made = Public(tmp_path_factory.mktemp("public"))
    yield made
    made.close()


@pytest.fixture
def opened(chromium: Any) -> Iterator[Any]:
    """Open a page in a context of its own, and collect what the browser complains of."""
    contexts: list[Any] = []

    def make(**options: Any) -> tuple[Any, list[str]]:
        context = chromium.new_context(**options)
        contexts.append(context)
        page, complaints = context.new_page(), list[str]()
        page.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page, complaints

    yield make
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("locale", ["en", "zh"])
def test_pages_fit_every_screen_and_obey_their_own_policy(
    public: Public, opened: Any, size: tuple[int, int], locale: str
) -> None:
    page, complaints = opened(viewport={"width": size[0], "height": size[1]})
    for path in PATHS:
        page.goto(public.url(path, locale))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.evaluate("document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[locale]
        assert page.locator("h1").count() == 1
    assert complaints == []


def test_page_without_scripts_answers_the_four_questions_under_100_kb(public: Public, opened: Any) -> None:
    page, _ = opened(java_script_enabled=False, viewport={"width": 390, "height": 844})
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(public.url("/public"))
    card = page.locator(".card.level-red")
    assert "Zhengzhou" in card.inner_text() and "Stay inside." in card.inner_text() and "Until" in card.inner_text()
    assert 0 < sum(sizes) < 100_000
    assert page.locator("svg.map .area").count() == 2
    page.fill("#q", "Kaifeng")
    page.click("form.search button")
    if page.locator("ul.choice a").count():
        page.locator("ul.choice a").first.click()
    assert "Warnings for Kaifeng" in page.locator("h1").inner_text()
    assert page.locator(".card").count() == 1
    page.locator(".card a").first.click()
    assert "SHA-256" in page.locator("dl.facts").last.inner_text()


def test_levels_read_without_colour(public: Public, opened: Any) -> None:
    page, _ = opened()
    page.goto(public.url("/public"))
    shapes = {
        level: page.locator(f".card.level-{level} svg.shape path").first.get_attribute("d")
        for level in ("red", "orange")
    }
    assert shapes["red"] != shapes["orange"]
    assert page.locator(".card.level-red .title").inner_text().strip().startswith("Red warning")
    assert page.locator("svg.map path.mark").count() == 2


def test_open_page_learns_of_a_new_warning(public: Public, opened: Any) -> None:
    page, _ = opened()
    page.goto(public.url("/public"))
    assert page.locator("text=Flood").count() == 0
    row = public.desk.issue("tocsin.flood", level=Level.YELLOW, english={"event": "Flood"})
    until(page, "(dispatchEvent(new Event('online')), document.body.innerText.includes('Yellow warning: Flood'))")
    public.desk.issue("tocsin.end", kind="cancel", replaces=row, english={"event": "Flood"})


def test_device_is_told_where_its_person_wants_it(public: Public, opened: Any) -> None:
    """The browser's own push service is out of reach here, and stood in for by two functions."""
    page, complaints = opened()
    page.context.grant_permissions(["notifications"], origin=public.running.url)
    page.add_init_script("""
      let held = null;
      const b64 = (n) => btoa(String.fromCharCode(...new Array(n).fill(7).with(0, 4))).replaceAll("=", "");
      const made = {
        endpoint: "https://push.example/device", unsubscribe: async () => { held = null; return true; },
        toJSON: () => ({ endpoint: "https://push.example/device", expirationTime: null,
                         keys: { p256dh: b64(65), auth: b64(16) } }),
      };
      PushManager.prototype.getSubscription = async () => held;
      PushManager.prototype.subscribe = async (options) => {
        window.askedWith = options.applicationServerKey.length;
        return (held = made);
      };
      Notification.requestPermission = async () => "granted";
    """)
    page.goto(public.url("/public/follow?place=CN-410100"))
    until(page, "!document.getElementById('push-on').disabled")
    page.select_option("#least", "2")
    page.click("#push-on")
    until(page, "!document.getElementById('push-off').hidden")
    assert page.evaluate("window.askedWith") == 65
    with public.store.read() as connection:
        row = connection.execute(sa.select(push_subscription)).one()
    assert (row.endpoint, row.regions, row.least_level) == ("https://push.example/device", ["CN-410100"], 2)
    page.click("#push-off")
    until(page, "document.getElementById('push-status').textContent.includes('no more')")
    with public.store.read() as connection:
        assert connection.execute(sa.select(push_subscription)).all() == []
    assert complaints == []


def test_message_to_a_device_is_shown_and_says_when_it_came_too_late(public: Public, opened: Any) -> None:
    page, _ = opened()
    page.context.grant_permissions(["notifications"], origin=public.running.url)
    session, ids = page.context.new_cdp_session(page), list[str]()
    session.on("ServiceWorker.workerRegistrationUpdated", lambda told: ids.extend(
        one["registrationId"] for one in told["registrations"] if one["scopeURL"].startswith(public.running.url)
    ))  # fmt: skip
    session.send("ServiceWorker.enable")
    page.goto(public.url("/public"))
    until(page, "navigator.serviceWorker.ready.then(found => found.active.state === 'activated')")
    end = datetime.now(UTC)
    for tag, expires in (("now", end + timedelta(hours=1)), ("late", end - timedelta(hours=1))):
        told = {
            "title": "Red warning: Rainstorm", "body": "Zhengzhou", "lang": "en", "tag": tag,
            "identifier": "tocsin.3", "expires_at": expires.isoformat(),
        }  # fmt: skip
        data = {"origin": public.running.url, "registrationId": ids[-1], "data": json.dumps(told)}
        session.send("ServiceWorker.deliverPushMessage", data)
    shown = until(
        page,
        """navigator.serviceWorker.ready.then(one => one.getNotifications()).then(
        (all) => all.length === 2 && all.map(one => [one.tag, one.title, one.body, one.data.address]))""",
    )
    assert sorted(shown) == [
        ["late", "Red warning: Rainstorm", "Expired · Zhengzhou", "/public/w/tocsin.3"],
        ["now", "Red warning: Rainstorm", "Zhengzhou", "/public/w/tocsin.3"],
    ]


def test_page_is_an_app_that_can_be_installed(public: Public, opened: Any) -> None:
    page, _ = opened()
    page.goto(public.url("/public"))
    session = page.context.new_cdp_session(page)
    told = session.send("Page.getAppManifest")
    assert told["errors"] == [] and told["url"].endswith("/public/manifest.webmanifest?lang=en")
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [], [{"errorId": "in-incognito", "errorArguments": []}],
    )  # fmt: skip


def test_offline_device_shows_the_last_known_page_with_its_age_and_as_not_current(
    tmp_path: Path, opened: Any
) -> None:
    public = Public(tmp_path)
    try:
        page, _ = opened()
        page.goto(public.url("/public"))
        until(page, "navigator.serviceWorker.controller !== null")
        page.goto(public.url("/public"))
        until(page, "caches.open('tocsin-public-1').then(c => c.keys()).then(k => k.length > 0)")
        assert page.locator("#not-current").is_hidden()
    finally:
        public.close()
    page.goto(public.url("/public"))
    banner = page.locator("#not-current")
    assert banner.is_visible() and "Not current. You are offline: this was the state" in banner.inner_text()
    assert page.locator(".card.level-red").count() == 1
    page.goto(public.url("/public/w/tocsin.2"))
    assert "We cannot tell at present" in page.locator("h1").inner_text()
