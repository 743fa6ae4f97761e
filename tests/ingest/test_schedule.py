from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.clock import utc_now
from data.settings import Settings
from data.store.engine import Store, open_store
from data.store.leader import try_lead
from data.store.runs import RunRow, read_state, set_state, write_run
from data.store.tables import leader, run, source_state
from ingest import ConfiguredFeed, configured_feeds
from ingest.http import Http
from ingest.runner import RunReport
from ingest.schedule import Engine, due_keys, next_due, prepare_states
from ingest.usgs_quakes import UsgsQuakes
from tests.ingest.feedserver import FeedServer, run_feed_server, wait_until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def feed(key: str, url: str, every_s: float = 60.0) -> UsgsQuakes:
    return UsgsQuakes(replace(UsgsQuakes().spec, key=key, url=url, every=timedelta(seconds=every_s)))


def quakes(*natives: str) -> bytes:
    features = [
        {"type": "Feature", "id": native, "properties": {"time": 0, "mag": 1}, "geometry": {"coordinates": [1, 2, 3]}}
        for native in natives
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


@dataclass
class Rules:
    """What stands for the rules: it notes when it is called."""

    times: list[float] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def __call__(self, now: datetime, epoch: int) -> None:
        self.times.append(time.monotonic())
        self.during()


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with run_feed_server() as server:
        yield server


@contextmanager
def running(engine: Engine) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=engine.run_forever, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def engine_of(store: Store, home: Path, feeds: FeedServer, rules: Rules, *sources: UsgsQuakes, **more: Any) -> Engine:
    configured = tuple({"source": "usgs_quakes", "key": source.spec.key} for source in sources)
    http = Http(allow_hosts=(feeds.host,), attempts=1, attempt_s=8)
    given: dict[str, Any] = {"period": timedelta(seconds=30), "http": http, **more}
    return Engine(Settings(home=home, sources=configured), store, sources, rules, **given)


def runs(store: Store, key: str) -> int:
    with store.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(run).where(run.c.source == key)).scalar_one()


@pytest.mark.parametrize(
    ("values", "due"),
    [
        ({"enabled": True, "next_run_at": NOW}, True),
        ({"enabled": True, "next_run_at": NOW + timedelta(seconds=1)}, False),
        ({"enabled": True, "next_run_at": NOW, "paused_by": "ada"}, False),
        ({"enabled": False, "next_run_at": NOW}, False),
        ({"enabled": True, "next_run_at": NOW + timedelta(hours=1), "run_requested_at": NOW}, True),
        ({"enabled": False, "next_run_at": NOW, "run_requested_at": NOW}, True),
        ({"enabled": True, "next_run_at": NOW, "paused_by": "ada", "run_requested_at": NOW}, True),
    ],
    ids=["due", "not-yet", "paused", "off", "asked-early", "asked-off", "asked-paused"],
)
def test_due_keys(store: Store, values: dict[str, Any], due: bool) -> None:
    with store.write() as connection:
        set_state(connection, "feed", **values)
        assert due_keys(connection, NOW) == (["feed"] if due else [])


def test_next_due_is_jittered_waits_for_the_provider_and_never_catches_up() -> None:
    source = feed("feed", "")
    early, late = (next_due(source, None, NOW, NOW, luck) for luck in (0.0, 1.0))
    assert (early - NOW, late - NOW) == (timedelta(seconds=57), timedelta(seconds=63))
    told = RunReport(source="feed", outcome="refused", retry_after_s=600)
    assert next_due(source, told, NOW, NOW, 0.5) == NOW + timedelta(minutes=10)
    slow = NOW + timedelta(minutes=5)
    assert next_due(source, None, NOW, slow, 0.5) == slow + timedelta(milliseconds=100)


def feed_on(digest: str = "d1") -> ConfiguredFeed:
    return ConfiguredFeed(switched_on=True, digest=digest)


def test_prepare_states_switches_on_only_what_is_configured(store: Store, home: Path) -> None:
    held = try_lead(store, home, now=NOW)
    assert held is not None
    with store.write() as connection:
        set_state(connection, "b", enabled=True, running_since=NOW, paused_by="ada")
    prepare_states(store, [feed("a", ""), feed("b", ""), feed("c", "")], {"a": feed_on()}, held.epoch, NOW)
    with store.read() as connection:
        rows = {row.source: row for row in connection.execute(sa.select(source_state))}
    held.release()
    assert {key: (row.enabled, row.running_since) for key, row in rows.items()} == {
        "a": (True, None), "b": (True, None), "c": (False, None),
    }  # fmt: skip
    assert rows["b"].paused_by == "ada"


@pytest.mark.parametrize(
    ("before", "switched", "after", "runs_now"),
    [
        (feed_on(), False, feed_on(), False),
        (feed_on(), False, feed_on("d2"), True),
        (feed_on(), None, feed_on(), True),
        (ConfiguredFeed(switched_on=False, digest="d1"), True, ConfiguredFeed(switched_on=False, digest="d1"), True),
        (feed_on(), None, ConfiguredFeed(switched_on=False, digest="d2"), False),
        (feed_on(), None, None, False),
        (None, True, None, True),
        (None, False, feed_on(), True),
    ],
    ids=[
        "switched-off",
        "text-changed",
        "as-it-was",
        "switched-on",
        "off-in-the-text",
        "text-gone",
        "by-hand",
        "new",
    ],
)
def test_prepare_states_keeps_a_persons_choice_until_the_configuration_changes(
    store: Store,
    home: Path,
    before: ConfiguredFeed | None,
    switched: bool | None,
    after: ConfiguredFeed | None,
    runs_now: bool,
) -> None:
    held = try_lead(store, home, now=NOW)
    assert held is not None
    prepare_states(store, [feed("a", "")], {"a": before} if before else {}, held.epoch, NOW)
    if switched is not None:
        with store.write() as connection:
            set_state(connection, "a", enabled=switched)
    for _ in range(2):
        prepare_states(store, [feed("a", "")], {"a": after} if after else {}, held.epoch, NOW)
    held.release()
    with store.read() as connection:
        state = read_state(connection, "a")
    assert state is not None and state.enabled is runs_now


def test_prepare_states_switches_on_a_configured_feed_that_was_only_read_by_hand(store: Store, home: Path) -> None:
    held = try_lead(store, home, now=NOW)
    assert held is not None
    with store.write() as connection:
        set_state(connection, "a", last_data_at=NOW)
    prepare_states(store, [feed("a", "")], {"a": feed_on()}, held.epoch, NOW)
    held.release()
    with store.read() as connection:
        assert due_keys(connection, NOW) == ["a"]


def test_configured_feeds_have_a_digest_of_all_they_say(home: Path) -> None:
    def digest(**more: Any) -> str:
        settings = Settings(home=home, sources=({"source": "usgs_quakes", **more},))
        return configured_feeds(settings)["usgs_quakes"].digest

    assert digest(every="30 s") == digest(every="30 s")
    assert len({digest(), digest(every="30 s"), digest(every="60 s"), digest(enabled=False)}) == 4


def test_engine_runs_what_is_due_and_evaluates_promptly(store: Store, home: Path, feeds: FeedServer) -> None:
    url = feeds.serve("/feed", quakes("us1"))
    rules = Rules()
    with running(engine_of(store, home, feeds, rules, feed("one", url, 3600))):
        assert wait_until(lambda: runs(store, "one") == 1 and len(rules.times) >= 2)
        feeds.serve("/feed", quakes("us1", "us2"))
        with store.write() as connection:
            set_state(connection, "one", run_requested_at=utc_now())
        assert wait_until(lambda: runs(store, "one") == 2)
        stored = time.monotonic()
        assert wait_until(lambda: len(rules.times) >= 3, 2)
    assert rules.times[-1] - stored < 0.2
    with store.read() as connection:
        state = read_state(connection, "one")
    assert state is not None and state.run_requested_at is None and state.running_since is None


def test_engine_hung_feeds_do_not_hold_up_rules_or_others(sqlite_url: str, home: Path, feeds: FeedServer) -> None:
    hung = threading.Event()
    feeds.routes["/hung"] = lambda handler: hung.wait(20) and None
    url = feeds.serve("/feed", quakes("us1"))
    sources = [feed("good", url, 5), *(feed(f"hung{number}", feeds.url("/hung"), 5) for number in range(7))]
    store, rules = open_store(sqlite_url), Rules()
    try:
        with running(engine_of(store, home, feeds, rules, *sources, period=timedelta(seconds=0.3))):
            assert wait_until(lambda: feeds.count("/hung") == 7)
            count = len(rules.times)
            assert wait_until(lambda: len(rules.times) >= count + 4, 3)
            assert runs(store, "good") == 1
            assert feeds.count("/hung") == 7, "a feed that hangs was started again"
            hung.set()
    finally:
        store.close()


def test_engine_rule_that_fails_does_not_end_it(sqlite_url: str, home: Path, feeds: FeedServer, caplog: Any) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a rule")

    store, rules = open_store(sqlite_url), Rules(during=fail)
    with running(engine_of(store, home, feeds, rules, period=timedelta(seconds=0.1))):
        assert wait_until(lambda: len(rules.times) > 3)
    store.close()
    assert "evaluation failed" in caplog.text


def test_engine_evaluations_never_overlap(sqlite_url: str, home: Path, feeds: FeedServer) -> None:
    inside, most = [0], [0]

    def count() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.05)
        inside[0] -= 1

    store, rules = open_store(sqlite_url), Rules(during=count)
    with running(engine_of(store, home, feeds, rules, period=timedelta(seconds=0.02))):
        assert wait_until(lambda: len(rules.times) > 8)
    store.close()
    assert most[0] == 1


def test_engine_stops_leading_when_another_takes_over(store: Store, home: Path, feeds: FeedServer) -> None:
    rules = Rules()
    epochs: list[int] = []
    engine = engine_of(store, home, feeds, rules, period=timedelta(seconds=0.1))
    engine.evaluate = lambda now, epoch: epochs.append(epoch)
    with running(engine):
        assert wait_until(lambda: len(epochs) > 0)
        with store.write() as connection:  # as if another machine had been granted the lock
            connection.execute(leader.update().values(epoch=leader.c.epoch + 1))
        assert wait_until(lambda: epochs[-1] > epochs[0], 12)
    assert sorted(epochs) == epochs


def test_engine_keeps_house_when_it_begins_to_lead(store: Store, home: Path, feeds: FeedServer) -> None:
    old = utc_now() - timedelta(days=40)
    with store.write() as connection:
        for _ in range(3):
            write_run(connection, RunRow(source="one", started_at=old, finished_at=old, outcome="unchanged"))
    with running(engine_of(store, home, feeds, Rules())):
        assert wait_until(lambda: runs(store, "one") == 1)


def test_second_engine_waits_and_takes_over(sqlite_url: str, home: Path, feeds: FeedServer) -> None:
    first_store, second_store = open_store(sqlite_url), open_store(sqlite_url)
    first, second = Rules(), Rules()
    options = {"period": timedelta(seconds=0.1), "retry_lead_s": 0.05}
    with running(engine_of(first_store, home, feeds, first, **options)):
        assert wait_until(lambda: len(first.times) > 0)
        follower = engine_of(second_store, home, feeds, second, **options)
        stop = threading.Event()
        thread = threading.Thread(target=follower.run_forever, args=(stop,))
        thread.start()
        assert not wait_until(lambda: len(second.times) > 0, 0.5)
    assert wait_until(lambda: len(second.times) > 0)
    stop.set()
    thread.join(10)
    first_store.close()
    second_store.close()


def test_field_work_goes_on_until_nothing_is_left_and_its_failure_stops_nothing(
    store: Store, home: Path, feeds: FeedServer
) -> None:
    rules, left = Rules(), [3, 0, 2, 0]  # of each call: how much was done
    done: list[int] = []

    def work(now: datetime, epoch: int) -> int:
        done.append(epoch)
        return left.pop(0) if left else 0

    def broken(now: datetime, epoch: int) -> int:
        raise RuntimeError("by design")

    engine = engine_of(
        store, home, feeds, rules, period=timedelta(seconds=0.2), field_work={"broken": broken, "sums": work}
    )
    with running(engine):
        assert wait_until(lambda: len(done) > 4, 20)
        assert wait_until(lambda: len(rules.times) > 2, 20)
    with store.read() as connection:
        assert set(done) == {connection.execute(sa.select(leader.c.epoch)).scalar_one()}


def test_field_work_stops_with_its_term(store: Store, home: Path, feeds: FeedServer) -> None:
    done: list[float] = []

    def endless(now: datetime, epoch: int) -> int:
        done.append(time.monotonic())
        return 1

    with running(engine_of(store, home, feeds, Rules(), field_work={"endless": endless})):
        assert wait_until(lambda: len(done) > 3, 20)
    count = len(done)
    time.sleep(0.1)
    assert len(done) == count
