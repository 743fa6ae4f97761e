"""Rules over events, gauges with stages of their own, and gridded fields, from the store to the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from alerts.evaluate import Report, evaluate_all
from alerts.field_inputs import read_steps
from alerts.pack import PackRule, load_rules
from alerts.rule import Rule, RuleInput
from alerts.why import explain
from data.errors import RuleError
from data.model import FieldStep, Level
from data.store.engine import Store
from data.store.fields import FieldSink
from data.store.sink import PutContext
from data.store.tables import event, field_step, proposal, source_state, transition

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def rule_of(key: str) -> PackRule:
    return next(item for item in load_rules() if item.rule.key == key)


@pytest.fixture
def run(store: Store, home: Path, base_dir: Path) -> Callable[..., Report]:
    def evaluate(now: datetime, item: PackRule) -> Report:
        return evaluate_all(store, home, base_dir, [item], now)

    return evaluate


@pytest.fixture
def quake(store: Store) -> Callable[..., None]:
    def add(
        key: str, at: datetime, magnitude: float | None, lon: float = 100.5, lat: float = 21.0, status: str = "active"
    ) -> None:
        same = sa.and_(event.c.source == "usgs_quakes", event.c.id == key)
        with store.write() as connection:
            connection.execute(event.delete().where(same))
            connection.execute(
                event.insert().values(
                    source="usgs_quakes", id=key, kind="earthquake", status=status, revision=1, lon=lon, lat=lat,
                    depth_km=10.0, magnitude=magnitude, occurred_at=at, updated_at=at, title=f"M {magnitude}",
                    aliases=[], attributes={}, received_at=at,
                )
            )  # fmt: skip

    return add


@pytest.fixture
def heard(store: Store) -> Callable[[datetime], None]:
    def at(when: datetime) -> None:
        with store.write() as connection:
            connection.execute(source_state.delete())
            connection.execute(
                source_state.insert().values(source="usgs_quakes", enabled=True, last_success_at=when, validators={})
            )

    return at


def level_and_phase(store: Store, base_dir: Path, code: str, now: datetime) -> tuple[Level, bool, str]:
    why = explain(store, base_dir, code, now)
    return why.level, why.unknown, why.rules[0].phase if why.rules else ""


def test_earthquake_colours_by_magnitude_and_distance(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], quake: Callable[..., None],
    heard: Callable[[datetime], None],
) -> None:  # fmt: skip
    heard(now)
    quake("one", now - MINUTE, 6.0)
    run(now, rule_of("generic.earthquake"))
    assert level_and_phase(store, base_dir, "CN-110101", now) == (Level.RED, False, "firing")
    assert level_and_phase(store, base_dir, "CN-110102", now) == (Level.ORANGE, False, "firing")  # 52 km
    assert level_and_phase(store, base_dir, "CN-110201", now) == (Level.YELLOW, False, "firing")  # 156 km
    why = explain(store, base_dir, "CN-110101", now).rules[0]
    behind = {reading.behind.id for reading in why.readings if reading.behind}
    assert behind == {"one"}


def test_earthquake_feed_that_falls_silent_turns_unknown_and_keeps_the_level(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], quake: Callable[..., None],
    heard: Callable[[datetime], None],
) -> None:  # fmt: skip
    heard(now)
    quake("one", now - MINUTE, 6.0)
    run(now, rule_of("generic.earthquake"))
    later = now + timedelta(days=3)
    report = run(later, rule_of("generic.earthquake"))
    assert report.outcomes[0].unknown == 4
    assert level_and_phase(store, base_dir, "CN-110101", later) == (Level.RED, True, "unknown")
    heard(later)
    run(later + MINUTE, rule_of("generic.earthquake"))
    run(later + 2 * MINUTE, rule_of("generic.earthquake"))
    assert level_and_phase(store, base_dir, "CN-110101", later + 2 * MINUTE) == (Level.NONE, False, "normal")


def test_earthquake_quiet_earth_with_a_live_feed_is_known(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], heard: Callable[[datetime], None]
) -> None:
    heard(now)
    report = run(now, rule_of("generic.earthquake"))
    assert (report.outcomes[0].outcome, report.outcomes[0].watched) == ("quiet", 4)
    assert level_and_phase(store, base_dir, "CN-110101", now) == (Level.NONE, False, "normal")


def test_earthquake_feed_never_switched_on_watches_nothing(run: Callable[..., Report], now: datetime) -> None:
    report = run(now, rule_of("generic.earthquake"))
    assert (report.outcomes[0].watched, report.counts["not_watched"]) == (0, 4)


@pytest.mark.parametrize(
    ("magnitude", "status", "reason"),
    [(6.0, "deleted", "withdrawn"), (5.0, "active", "correction"), (7.5, "active", "correction")],
    ids=["deleted", "smaller", "larger"],
)
def test_earthquake_revisions_have_their_own_reasons(
    store: Store, now: datetime, run: Callable[..., Report], quake: Callable[..., None],
    heard: Callable[[datetime], None], magnitude: float, status: str, reason: str,
) -> None:  # fmt: skip
    heard(now)
    quake("one", now - MINUTE, 6.0)
    run(now, rule_of("generic.earthquake"))
    quake("one", now - MINUTE, magnitude, status=status)
    run(now + MINUTE, rule_of("generic.earthquake"))
    with store.read() as connection:
        rows = connection.execute(sa.select(proposal).order_by(proposal.c.id)).all()
    assert {row.reason for row in rows[:3]} == {"first"}
    assert reason in {row.reason for row in rows[3:]}
    assert all(row.state == "superseded" for row in rows if row.reason == "first" and status == "deleted")


def test_earthquake_events_in_any_order_end_alike(
    store: Store, now: datetime, run: Callable[..., Report], quake: Callable[..., None],
    heard: Callable[[datetime], None], base_dir: Path,
) -> None:  # fmt: skip
    heard(now)
    for key, magnitude in (("b", 4.5), ("a", 6.0), ("c", 5.0)):
        quake(key, now - MINUTE, magnitude)
        run(now, rule_of("generic.earthquake"))
    quake("a", now - MINUTE, 6.0)
    before = explain(store, base_dir, "CN-110102", now)
    run(now, rule_of("generic.earthquake"))
    assert explain(store, base_dir, "CN-110102", now).level == before.level == Level.ORANGE


def test_earthquake_without_a_magnitude_is_unknown_for_an_hour(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], quake: Callable[..., None],
    heard: Callable[[datetime], None],
) -> None:  # fmt: skip
    heard(now)
    quake("one", now - MINUTE, None)
    run(now, rule_of("generic.earthquake"))
    assert level_and_phase(store, base_dir, "CN-110101", now)[:2] == (Level.NONE, True)


@pytest.fixture
def gauges() -> PackRule:
    """The river rule over the made-up country, which is not in the United States."""
    return rule_of("nws.river_stage")


def test_river_stage_compares_each_gauge_with_its_own_stages(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], gauges: PackRule,
    add_station: Callable[..., None], add_reading: Callable[..., None],
) -> None:  # fmt: skip
    add_station("high", 100.5, stages_m={"action": 3.0, "minor": 4.0, "moderate": 5.0, "major": 6.0})
    add_station("low", 101.5, stages_m={"action": 3.0, "minor": 4.0})
    add_station("bare", 102.5)
    for key, value in (("high", 5.0), ("low", 3.2), ("bare", 99.0)):
        add_reading(key, "river_stage", now, value, unit="m")
    run(now, gauges)
    assert level_and_phase(store, base_dir, "CN-110101", now) == (Level.ORANGE, False, "firing")
    assert level_and_phase(store, base_dir, "CN-110102", now) == (Level.BLUE, False, "firing")
    assert not explain(store, base_dir, "CN-110201", now).watched
    add_reading("high", "river_stage", now + HOUR, 4.95, unit="m")
    run(now + HOUR, gauges)
    assert level_and_phase(store, base_dir, "CN-110101", now + HOUR)[0] == Level.ORANGE


def test_river_stage_in_feet_is_converted(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], gauges: PackRule,
    add_station: Callable[..., None], add_reading: Callable[..., None],
) -> None:  # fmt: skip
    add_station("one", 100.5, stages_m={"action": 3.048})
    add_reading("one", "river_stage", now, 10.0, unit="ft")
    run(now, gauges)
    assert level_and_phase(store, base_dir, "CN-110101", now)[0] == Level.BLUE


LON, LAT = np.arange(98.25, 106.0, 0.5), np.arange(23.75, 18.0, -0.5)


@pytest.fixture
def put_field(store: Store, home: Path) -> Callable[..., None]:
    def put(
        amount: float, valid_at: datetime, run_at: datetime, hours: float, *, forecast: bool = True,
        at_lon: float = 100.75,
    ) -> None:  # fmt: skip
        values = np.zeros((len(LAT), len(LON)), dtype=np.float32)
        values[:, np.abs(LON - at_lon) < 0.1] = amount
        record = FieldStep(
            quantity="precipitation", unit="mm", valid_at=valid_at, run_at=run_at, lon=LON, lat=LAT, values=values,
            forecast=forecast, accumulation_s=int(hours * 3600),
        )  # fmt: skip
        context = PutContext(source="grid_files", payload_id=1, received_at=run_at, home=home)
        sink = FieldSink()
        prepared = sink.prepare(context, [record])
        with store.write() as connection:
            sink.put(connection, context, prepared)

    return put


def reason_of(store: Store, base_dir: Path, code: str, now: datetime) -> dict[str, float | None]:
    return {one.input: one.value for one in explain(store, base_dir, code, now).rules[0].readings}


def test_field_rain_is_added_over_steps(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], put_field: Callable[..., None]
) -> None:
    for hour in range(3, 15, 3):
        put_field(20.0, now + hour * HOUR, now, 3)
    run(now, rule_of("cma.rainstorm.forecast"))
    assert reason_of(store, base_dir, "CN-110101", now) == {"rain_12h": 80.0, "rain_6h": 40.0, "rain_3h": 20.0}
    assert level_and_phase(store, base_dir, "CN-110101", now) == (Level.BLUE, False, "firing")
    assert level_and_phase(store, base_dir, "CN-110202", now) == (Level.NONE, False, "normal")


def test_field_rain_since_the_start_of_a_run_is_cut_to_the_window(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], put_field: Callable[..., None]
) -> None:
    begin = now - 6 * HOUR
    for hour in range(3, 21, 3):
        put_field(10.0 * hour, begin + hour * HOUR, begin, hour)
    run(now, rule_of("cma.rainstorm.forecast"))
    assert reason_of(store, base_dir, "CN-110101", now) == {"rain_12h": 120.0, "rain_6h": 60.0, "rain_3h": 30.0}


def test_field_steps_longer_than_the_window_deny_but_do_not_confirm(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], put_field: Callable[..., None]
) -> None:
    put_field(70.0, now + 12 * HOUR, now, 12)
    run(now, rule_of("cma.rainstorm.forecast"))
    assert level_and_phase(store, base_dir, "CN-110101", now)[:2] == (Level.BLUE, True)
    assert level_and_phase(store, base_dir, "CN-110202", now)[:2] == (Level.NONE, False)


def test_field_of_an_old_run_is_unknown(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], put_field: Callable[..., None]
) -> None:
    for hour in range(3, 60, 3):
        put_field(1.0, now + hour * HOUR, now, 3)
    run(now, rule_of("cma.rainstorm.forecast"))
    assert level_and_phase(store, base_dir, "CN-110101", now)[:2] == (Level.NONE, False)
    later = now + 20 * HOUR
    run(later, rule_of("cma.rainstorm.forecast"))
    assert level_and_phase(store, base_dir, "CN-110101", later)[:2] == (Level.NONE, True)


def test_field_gone_from_the_archive_is_unknown(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report], put_field: Callable[..., None]
) -> None:
    for hour in range(12):
        put_field(6.0, now - hour * HOUR, now - hour * HOUR, 1, forecast=False)
    run(now, rule_of("cma.rainstorm.analysis"))
    assert level_and_phase(store, base_dir, "CN-110101", now)[:2] == (Level.BLUE, False)
    later = now + timedelta(days=5)
    run(later, rule_of("cma.rainstorm.analysis"))
    assert level_and_phase(store, base_dir, "CN-110101", later)[:2] == (Level.BLUE, True)


@pytest.fixture
def put_rows(store: Store) -> Callable[..., None]:
    """Rows of steps whose files nobody opens."""

    def put(times: Sequence[datetime], *, source: str = "grid_files", **changes: Any) -> None:
        given = {
            "source": source, "quantity": "precipitation", "forecast": False, "accumulation_s": 3600, "unit": "mm",
            "grid": "g", "store": "none", "index": 0, "digest": "", "west": 98.0, "south": 18.0, "east": 106.0,
            "north": 24.0, "missing_share": 0.0, "attributes": {}, "received_at": times[0], "run_at": times[0],
            **changes,
        }  # fmt: skip
        with store.write() as connection:
            first = (connection.execute(sa.select(sa.func.max(field_step.c.id))).scalar() or 0) + 1
            rows = [{**given, "id": first + place, "valid_at": at} for place, at in enumerate(times)]
            connection.execute(
                field_step.insert(), [{**row, "run_at": row["run_at"] or row["valid_at"]} for row in rows]
            )

    return put


def rain_of(hours: int) -> RuleInput:
    return RuleInput(source="field", quantity="precipitation", unit="mm", accumulate="sum", window=f"{hours} h")


def test_sums_made_here_do_not_crowd_out_what_the_provider_gave(
    store: Store, now: datetime, put_rows: Callable[..., None]
) -> None:
    hourly = [now - hour * HOUR for hour in range(24)]
    put_rows(hourly, run_at=None)
    for place in range(300):
        put_rows(hourly, source="derived:grid_files", grid=f"g{place}", accumulation_s=10_800, run_at=None)
    with store.read() as connection:
        rows = read_steps(connection, rain_of(24), "observed", now)
    assert [(row.source, row.valid_at) for row in rows] == [("grid_files", at) for at in hourly]


def test_a_grid_that_fell_silent_is_watched_whatever_is_forecast_for_it(
    store: Store, now: datetime, put_rows: Callable[..., None]
) -> None:
    put_rows([now - timedelta(days=4)], run_at=None)
    for run in range(5):
        begin = now - timedelta(days=3) - run * HOUR
        put_rows([begin + hour * HOUR for hour in range(72)], run_at=begin, forecast=True)
    with store.read() as connection:
        rows = read_steps(connection, rain_of(12), "observed", now)
    assert [row.valid_at for row in rows] == [now - timedelta(days=4)]


def test_why_names_station_reading_rule_threshold_and_what_is_missing(
    store: Store, base_dir: Path, now: datetime, run: Callable[..., Report],
    add_station: Callable[..., None], add_reading: Callable[..., None],
) -> None:  # fmt: skip
    add_station("s1", 100.5)
    for hour in range(12):
        add_reading("s1", "precipitation", now - hour * HOUR, 10.0)
    run(now, rule_of("cma.rainstorm.observed"))
    later = now + 4 * HOUR
    run(later, rule_of("cma.rainstorm.observed"))
    why = explain(store, base_dir, "CN-110101", later + MINUTE)
    rule: Rule = rule_of("cma.rainstorm.observed").rule
    (one,) = why.rules
    assert (one.rule, one.digest, one.phase, one.was, one.level) == (
        rule.key, rule.digest, "unknown", "firing", Level.YELLOW,
    )  # fmt: skip
    reading = next(item for item in one.readings if item.input == "rain_6h")
    assert (reading.value, reading.observed_at, reading.age_s) == (60.0, now, 4 * 3600.0 + 60.0)
    assert reading.behind is not None and (reading.behind.source, reading.behind.id) == ("table", "s1")
    assert "too old" in one.missing
    assert [item.level for item in one.thresholds] == [Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED]
    told = why.as_json
    assert told["rules"][0]["level"] == "yellow" and told["unknown"] is True
    parent = explain(store, base_dir, "CN-11", later)
    assert [child.code for child in parent.children] == ["CN-1101"]


def test_why_of_a_region_that_no_rule_watches(store: Store, base_dir: Path, now: datetime) -> None:
    why = explain(store, base_dir, "CN-110202", now)
    assert (why.rules, why.watched) == ((), False)
    with pytest.raises(RuleError):
        explain(store, base_dir, "XX", now)


def test_transitions_keep_their_reading(
    store: Store, now: datetime, run: Callable[..., Report], quake: Callable[..., None],
    heard: Callable[[datetime], None],
) -> None:  # fmt: skip
    heard(now)
    quake("one", now - MINUTE, 6.0)
    run(now, rule_of("generic.earthquake"))
    with store.read() as connection:
        rows = connection.execute(sa.select(transition)).all()
    assert {(row.region, row.to_level) for row in rows} == {
        ("CN-110101", 4), ("CN-110102", 3), ("CN-110201", 2), ("CN-110202", 2),
    }  # fmt: skip
    assert all(row.value_at == now and row.proposal_id is not None for row in rows)
