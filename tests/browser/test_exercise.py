"""A drill in Chromium: marked on every page, by the scenario's clock, and without a trace in the real home."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.store.engine import open_store
from data.store.tables import exercise, observation
from tests.conftest import ROOT, free_port
from tests.running import EMAIL, PASSWORD, Started, environ_of, sign_in

pytestmark = pytest.mark.browser


class Drill(Started):
    """`app.py drill` over a live home with one account; `stop` ends exactly what was started."""

    def __init__(
        self, folder: Path, people: Mapping[str, Sequence[str]] | None = None,
        begin: str = "2021-07-20T09:30:00+08:00",  # one level is in force, others follow within the hour
        speed: int = 60,
    ) -> None:  # fmt: skip
        self.live, self.home, self.port = folder / "live", folder / "drill", free_port()
        self.live.mkdir()
        self.environ = environ_of(self.live, TOCSIN_ZONE="Asia/Shanghai")
        for email, roles in (people or {EMAIL: ("viewer", "duty", "admin")}).items():
            self.command("user", "add", email, *roles, "--password-stdin", stdin=PASSWORD + "\n")
        words = ("drill", "zhengzhou_2021", "--home", str(self.home), "--port", str(self.port))
        self.start(folder / "log.txt", *words, "--begin", begin, "--speed", str(speed))


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    if not (ROOT / "data" / "var" / "base" / "regions.pmtiles").is_file():
        pytest.skip("base data is not built: run `make setup`")
    made = Drill(tmp_path_factory.mktemp("drill"))
    yield made
    made.stop()


@pytest.fixture
def page(drill: Drill, chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    opened = context.new_page()
    opened.errors = []
    opened.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    deadline = time.monotonic() + 90
    while True:
        try:
            opened.goto(f"{drill.url}/login")
            break
        except Exception:
            assert time.monotonic() < deadline and drill.process.poll() is None
            time.sleep(0.5)
    opened.errors.clear()
    yield opened
    context.close()


def marked(page: Any) -> bool:
    frame = page.locator(".exercise-frame")
    colour = frame.evaluate("one => getComputedStyle(one).borderTopColor")
    return bool(page.locator("#exercise").is_visible()) and colour == "rgb(109, 40, 217)"


def shown_at(page: Any) -> str:
    return str(page.get_attribute("#exercise-time", "datetime"))


def until(page: Any, true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Ask again and again: the pages' policy forbids a browser test to wait by an expression."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, page.inner_text("#exercise")
        page.wait_for_timeout(100)


def test_drill_from_sign_in_to_debriefing(drill: Drill, page: Any) -> None:
    assert marked(page) and page.locator("#exercise-pause").count() == 0
    sign_in(page, drill.url)
    assert page.inner_text("#exercise-out") == "nothing goes out"
    for path in ("/", "/plan", "/packs", "/feeds", "/about", "/account"):
        page.goto(f"{drill.url}{path}")
        assert marked(page), path
    page.emulate_media(media="print")  # the frame on every sheet; nothing of the strip covers what is printed
    assert marked(page) and not page.locator("#exercise-pause").is_visible()
    assert page.eval_on_selector("#exercise", "one => getComputedStyle(one).position") == "static"
    page.emulate_media(media="screen")
    page.goto(f"{drill.url}/")
    until(page, lambda: page.inner_text("#exercise-state").startswith("running"))
    assert "2021-07-20T01:30" <= shown_at(page) < "2021-07-20T12"  # not by the real clock
    page.wait_for_selector(".side .row", timeout=60000)

    page.select_option("#exercise-speed", "300")
    page.click("#exercise-pause")
    until(page, lambda: page.inner_text("#exercise-state").startswith("paused"))
    page.wait_for_timeout(1500)
    stands = shown_at(page)
    page.wait_for_timeout(1500)
    assert shown_at(page) == stands
    page.click("#exercise-pause")
    until(page, lambda: shown_at(page) > stands)
    assert page.errors == []

    answer = page.request.get(f"{drill.url}/api/exercise/log.csv")
    rows = list(csv.DictReader(io.StringIO(answer.body().decode("utf-8-sig"))))
    acts = {(row["who"], row["what"]) for row in rows}
    mine = {what for who, what in acts if who == EMAIL}
    assert {"login.ok", "pause", "resume", "speed"} <= mine and ("zhengzhou_rain", "stored") in acts
    assert answer.headers["x-tocsin-exercise"] == "zhengzhou_2021"
    assert page.request.get(f"{drill.url}/api/exercise.json").json()["exercise"] == "EXERCISE 演练: zhengzhou_2021"
    told = drill.command("debrief", str(drill.home), "--json")
    assert len(told) > 100


def test_control_wants_sense_and_the_right_role(drill: Drill, page: Any) -> None:
    answer = page.request.post(f"{drill.url}/api/exercise.json", data={"pause": True})
    assert answer.status in (401, 403)


def test_real_home_keeps_no_trace_and_no_real_engine_runs_in_a_drill(drill: Drill) -> None:
    live = open_store(f"sqlite:///{drill.live / 'tocsin.db'}")
    with live.read() as connection:
        for table in (observation, exercise):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
    live.close()
    environ = environ_of(drill.home)
    for name in ("engine", "dispatch"):
        done = subprocess.run(
            [sys.executable, str(ROOT / "app.py"), name], env=environ, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 2 and "that of an exercise" in done.stderr
