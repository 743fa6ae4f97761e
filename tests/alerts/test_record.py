"""A live day played again gives the transitions of that day exactly."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from alerts.evaluate import evaluate_all
from alerts.pack import PackRule
from alerts.record import Span, record
from alerts.replay_result import transitions_of
from alerts.rule import Rule
from alerts.scenario_file import read_scenario
from data.errors import ConfigError
from data.model import Level
from data.settings import Settings
from data.store.engine import Store, open_store
from data.store.snapshot import evaluation_picture
from data.store.tables import evaluation_round, observation, run, transition
from ingest import build_sources
from ingest.schedule import Engine
from pages.past import rehearsal
from tests.alerts.replaying import BEGIN
from tests.ingest.feedserver import Handler, run_feed_server


class Weather:
    """A feed whose three stations rise and fall within seconds, which fails at times and at times stands still."""

    def __init__(self) -> None:
        self.asked = 0
        self.began = time.monotonic()

    def send(self, handler: Handler) -> None:
        self.asked += 1
        if self.asked % 11 == 0:
            handler.send(503, b"away", {})
            return
        passed = time.monotonic() - self.began if self.asked % 5 else 0.0
        at = datetime.now(UTC).isoformat()
        lines = [f"s{k},{100.5 + k},21.0,{at},{50 + 48 * math.sin(passed * (0.5 + 0.2 * k)):.2f}" for k in range(3)]
        handler.send(200, ("id,lon,lat,time,rain\n" + "\n".join(lines) + "\n").encode(), {})


@pytest.fixture
def rules(make_rule: Callable[..., Rule]) -> list[PackRule]:
    levels = {
        "yellow": {"input": "x", "trigger": 60, "clear": 50, "hold": "1s"},
        "red": {"input": "x", "trigger": 80, "clear": 70, "for": "1s", "hold": "1s"},
    }
    inputs = {"x": {"source": "stations", "quantity": "precipitation", "unit": "mm", "spatial": "max"}}
    rule = make_rule(levels, inputs=inputs, regions={"kinds": ["cn-county"]}, max_age="2s")
    return [PackRule(rule=rule, path=Path("test.yaml"))]


def live_settings(home: Path, base_dir: Path, host: str, name: str) -> Settings:
    feed = {
        "source": "station_table", "key": "rain", "url": f"http://{host}/rain?key={name}", "station": "id",
        "lon": "lon", "lat": "lat", "time": "time", "every": "5 s",
        "values": {"precipitation": {"column": "rain", "unit": "mm"}},
    }  # fmt: skip
    return Settings(home=home, base_dir=base_dir, sources=(feed,), allow_hosts=(host,))


def run_live(settings: Settings, store: Store, rules: list[PackRule], enough: Callable[[], bool]) -> None:
    """The real engine over real time, asked for a run again and again."""
    from data.store.runs import set_state

    def evaluate(now: datetime, epoch: int) -> None:
        with evaluation_picture(store, now, epoch=epoch) as picture:
            evaluate_all(picture, settings.home, settings.base_dir, rules, now, epoch=epoch)

    engine = Engine(settings, store, build_sources(settings), evaluate, period=timedelta(seconds=0.4))
    stop = threading.Event()
    thread = threading.Thread(target=engine.run_forever, args=(stop,))
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not enough() and time.monotonic() < deadline:
            with store.write() as connection:
                set_state(connection, "rain", run_requested_at=datetime.now(UTC))
            time.sleep(0.3)
    finally:
        stop.set()
        thread.join(30)
    assert enough()


def moved_enough(store: Store) -> bool:
    with store.read() as connection:
        found = connection.execute(sa.select(transition.c.to_level, transition.c.to_phase)).all()
    back = any(row.to_level == Level.NONE and row.to_phase == "normal" for row in found[3:])
    return back and any(row.to_level == Level.RED for row in found) and len(found) >= 15


def count(store: Store, table: sa.Table) -> int:
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_recorded_day_gives_its_transitions_again(
    tmp_path: Path,
    home: Path,
    base_dir: Path,
    sqlite_url: str,
    rules: list[PackRule],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = open_store(sqlite_url)
    weather = Weather()
    with run_feed_server() as feeds:
        feeds.routes["/rain"] = weather.send
        settings = live_settings(home, base_dir, feeds.host, "secret")
        began = datetime.now(UTC)
        run_live(settings, store, rules, lambda: moved_enough(store))
    ended = datetime.now(UTC)
    out = tmp_path / "day.zip"
    facts = record(store, settings, Span(warm_from=began, begin=began, end=ended), "day", out)
    with store.read() as connection:
        lived = transitions_of(connection, began)
        readings = connection.execute(sa.select(observation.c.station, observation.c.value)).all()
    assert facts["looks"] == count(store, evaluation_round) and facts["runs"] == count(store, run)
    store.close()
    assert b"secret" not in out.read_bytes() and "secret" not in (read_scenario(out).text("feeds.yaml") or "")
    assert {item["to_level"] for item in lived} >= {"none", "yellow", "red"}

    monkeypatch.setattr(rehearsal, "rules_of", lambda *_: tuple(rules))
    again = tmp_path / "again"
    status = rehearsal.run_replay(
        Settings(home=home, base_dir=base_dir), str(out), home=again, speed=0, until=None, resume=False, as_json=True
    )
    assert status == 0
    replayed = open_store(f"sqlite:///{again / 'tocsin.db'}")
    with replayed.read() as connection:
        assert transitions_of(connection, began) == lived
        kept = connection.execute(sa.select(observation.c.station, observation.c.value)).all()
    replayed.close()
    assert sorted(kept) == sorted(readings)


def test_span_in_which_nothing_came_is_no_scenario(home: Path, store: Store, tmp_path: Path) -> None:
    span = Span(warm_from=BEGIN, begin=BEGIN, end=BEGIN + timedelta(hours=1))
    with pytest.raises(ConfigError, match="no payload was received"):
        record(store, Settings(home=home), span, "nothing", tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
