"""Truth that arrives by itself: located earthquakes, gauges and rain; silence is not quiet, nothing counts twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.month import NO_TRUTH, Month, MonthRow, month_csv, truth_csv, verify_month
from alerts.observed import observable
from alerts.rule import Rule
from alerts.spans import at_least, both, covers, joined, later, share
from alerts.truth import TrueEvent, store_truth, truth_of
from data.model import Level
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import event, rule_state, rule_version, run, transition

HOUR = timedelta(hours=1)
BEGIN, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
WEEK = 7 * 24
EPICENTRE = (100.5, 21.0)  # in CN-110101
GAUGE = {"source": "stations", "quantity": "river_stage", "unit": "m"}
RAIN = {"source": "stations", "quantity": "precipitation", "unit": "mm", "accumulate": "sum", "interval": "1h"}
QUAKE = {"source": "events", "quantity": "earthquake", "unit": "1", "window": "24h", "feeds": ["quakes"]}


def level(name: str, trigger: float) -> dict[str, Any]:
    return {"input": name, "trigger": trigger, "clear": trigger}


@pytest.fixture
def in_use(store: Store) -> Callable[[Rule], None]:
    """A rule that the engine has evaluated since before the month."""

    def add(rule: Rule) -> None:
        with store.write() as connection:
            connection.execute(
                rule_version.insert().values(
                    rule=rule.key, digest=rule.digest, version="1", pack="p", body=rule.body, first_at=BEGIN - HOUR
                )
            )
            connection.execute(rule_state.insert().values(rule=rule.key, digest=rule.digest, enabled=True))

    return add


@pytest.fixture
def flood(make_rule: Callable[..., Rule], in_use: Callable[[Rule], None]) -> Rule:
    inputs = {name: {**GAUGE, "minus_site": f"stages_m.{name}"} for name in ("minor", "major")}
    levels = {"yellow": level("minor", 0), "red": level("major", 0)}
    rule = make_rule(levels, inputs=inputs, hazard="flood", key="test.flood", max_age="3h")
    in_use(rule)
    return rule


@pytest.fixture
def rainstorm(make_rule: Callable[..., Rule], in_use: Callable[[Rule], None]) -> Rule:
    rule = make_rule(
        {"blue": level("x", 50)}, inputs={"x": {**RAIN, "window": "12h"}}, hazard="rainstorm", key="test.rain",
        max_age="2h",
    )  # fmt: skip
    in_use(rule)
    return rule


@pytest.fixture
def earthquake(make_rule: Callable[..., Rule], in_use: Callable[[Rule], None]) -> Rule:
    inputs = {"near": {**QUAKE, "within_km": 20, "max_depth_km": 70}, "far": {**QUAKE, "within_km": 300}}
    levels = {"blue": {"any": [level("near", 4.0), level("far", 5.0)]}, "red": {"any": [level("near", 6.0)]}}
    rule = make_rule(levels, inputs=inputs, hazard="earthquake", key="test.quake", max_age="15min")
    in_use(rule)
    return rule


@pytest.fixture
def quake(store: Store) -> Callable[..., None]:
    def add(key: str, hours: float, magnitude: float, status: str = "reviewed", **changes: Any) -> None:
        at = BEGIN + hours * HOUR
        row = {
            "source": "quakes", "id": key, "kind": "earthquake", "status": status, "revision": 1, "lon": EPICENTRE[0],
            "lat": EPICENTRE[1], "depth_km": 10.0, "magnitude": magnitude, "occurred_at": at, "updated_at": at,
            "aliases": [], "attributes": {}, "received_at": at,
        }  # fmt: skip
        with store.write() as connection:
            connection.execute(event.insert().values({**row, **changes}))

    return add


@pytest.fixture
def looked(store: Store) -> Callable[..., None]:
    """Looks at the earthquake feed each hour from and to hours of the month."""

    def add(first: int, last: int, outcome: str = "stored", source: str = "quakes") -> None:
        rows = [
            {"source": source, "started_at": at, "finished_at": at, "outcome": outcome, "timings": {}}
            for at in (BEGIN + hour * HOUR for hour in range(first, last))
        ]
        with store.write() as connection:
            connection.execute(run.insert(), rows)

    return add


@pytest.fixture
def warned(store: Store) -> Callable[..., None]:
    def add(rule: Rule, region: str, start: float, end: float) -> None:
        with store.write() as connection:
            for hours, before, after in ((start, 0, 1), (end, 1, 0)):
                connection.execute(
                    transition.insert().values(
                        rule=rule.key, digest=rule.digest, region=region, at=BEGIN + hours * HOUR,
                        from_phase="normal", to_phase="firing", from_level=before, to_level=after, reason="",
                    )
                )  # fmt: skip

    return add


@pytest.fixture
def brought(store: Store) -> Callable[..., None]:
    def add(hazard: str, region: str, start: float, end: float) -> None:
        told = TrueEvent(
            hazard=hazard, region=region, start_at=BEGIN + start * HOUR, end_at=BEGIN + end * HOUR, source="report"
        )
        with store.write() as connection:
            store_truth(connection, [told], by="a@b", at=END)

    return add


@pytest.fixture
def verify(store: Store, base_dir: Path) -> Callable[..., Month]:
    def see(now: datetime = END + HOUR) -> Month:
        with store.read() as connection:
            return verify_month(connection, load_regions(base_dir), BEGIN, END, now)

    return see


def numbers(row: MonthRow) -> tuple[int | None, ...]:
    return tuple(row.counts[name] for name in ("events", "hits", "misses", "verified", "false_alarms", "not_known"))


def hours(one: TrueEvent) -> tuple[float, float]:
    return (one.start_at - BEGIN) / HOUR, (one.end_at - BEGIN) / HOUR


def test_earthquake_concerns_the_regions_in_reach_of_its_magnitude(
    earthquake: Rule, quake: Callable[..., None], looked: Callable[..., None], warned: Callable[..., None],
    verify: Callable[..., Month],
) -> None:  # fmt: skip
    looked(-WEEK, 31 * 24)
    quake("near", 10, 4.2)
    quake("large", 100, 6.1)
    quake("small", 200, 3.0)
    quake("deep", 250, 4.5, depth_km=100.0)
    quake("withdrawn", 300, 6.0, status="deleted")
    quake("second report", 100, 6.1, same_as="large", source="others")
    warned(earthquake, "CN-110101", 10.1, 34)
    warned(earthquake, "CN-110202", 10.1, 34)  # too far for 4.2
    warned(earthquake, "CN-110202", 100.1, 124)
    month = verify()
    assert [(hours(one)[0], one.radius_km, one.level) for one in month.truth] == [
        (10.0, 20.0, Level.BLUE), (100.0, 300.0, Level.RED)
    ]  # fmt: skip
    assert numbers(month.rows[0]) == (2, 2, 0, 2, 1, 0)
    assert month.rows[0].watched == pytest.approx(1.0)
    assert {one.origin for one in month.truth} == {"instruments"} and month.truth[0].source.startswith("quakes/near")


def test_small_earthquake_counts_once_it_is_reviewed(
    earthquake: Rule, quake: Callable[..., None], looked: Callable[..., None], warned: Callable[..., None],
    verify: Callable[..., Month],
) -> None:  # fmt: skip
    looked(-WEEK, 31 * 24)
    quake("automatic", 10, 4.2, status="active")
    quake("automatic and large", 100, 5.4, status="active")
    warned(earthquake, "CN-110101", 10.1, 34)
    month = verify()
    assert [hours(one)[0] for one in month.truth] == [100.0]
    assert numbers(month.rows[0]) == (1, 0, 1, 0, 0, 1)


def test_warning_while_the_feed_was_silent_is_not_known_to_be_false(
    earthquake: Rule, looked: Callable[..., None], warned: Callable[..., None], verify: Callable[..., Month]
) -> None:
    looked(-WEEK, 24)
    looked(24, 15 * 24, outcome="unreachable")
    looked(15 * 24, 31 * 24)
    warned(earthquake, "CN-110101", 30, 40)
    warned(earthquake, "CN-110101", 500, 510)
    row = verify().rows[0]
    assert numbers(row) == (0, 0, 0, 0, 1, 1)
    assert row.watched == pytest.approx((23 + 16 * 24) / (31 * 24), abs=0.001)
    assert row.scores["far"]["value"] == 1.0 and row.scores["pod"]["reason"] == "no event happened"


def test_feed_that_was_never_heard_tells_nothing(
    earthquake: Rule, warned: Callable[..., None], verify: Callable[..., Month]
) -> None:
    warned(earthquake, "CN-110101", 30, 40)
    row = verify().rows[0]
    assert (row.watched, row.counts["false_alarms"], row.scores["far"]["reason"]) == (0.0, None, NO_TRUTH)


def test_gauge_at_its_own_stages_is_one_event_of_its_region(
    flood: Rule, add_station: Callable[..., None], add_reading: Callable[..., None], warned: Callable[..., None],
    verify: Callable[..., Month],
) -> None:  # fmt: skip
    add_station("a", 100.5, stages_m={"minor": 2.0, "major": 4.0})
    add_station("b", 100.6, stages_m={"minor": 7.0})
    add_station("without stages", 102.5)
    for hour in range(-24, 31 * 24):
        add_reading(
            "a", "river_stage", BEGIN + hour * HOUR, 4.5 if hour == 52 else 3.0 if 50 <= hour < 60 else 1.0, "m"
        )
        add_reading("b", "river_stage", BEGIN + hour * HOUR, 7.0 if 58 <= hour < 63 else 1.0, "m")
        add_reading("without stages", "river_stage", BEGIN + hour * HOUR, 9.0, "m")
    warned(flood, "CN-110101", 50.1, 65)
    warned(flood, "CN-110101", 200, 210)
    warned(flood, "CN-110201", 50, 60)  # no gauge there could tell
    month = verify()
    assert [(one.region, hours(one), one.level) for one in month.truth] == [("CN-110101", (50.0, 63.0), Level.RED)]
    assert month.truth[0].source == "table/a, table/b"
    assert numbers(month.rows[0]) == (1, 1, 0, 1, 1, 1)


def test_silent_gauge_is_not_a_quiet_river(
    flood: Rule, add_station: Callable[..., None], add_reading: Callable[..., None], warned: Callable[..., None],
    verify: Callable[..., Month],
) -> None:  # fmt: skip
    add_station("a", 100.5, stages_m={"minor": 2.0})
    for hour in (*range(-24, 100), *range(300, 31 * 24)):
        add_reading("a", "river_stage", BEGIN + hour * HOUR, 1.0, "m")
    add_reading("a", "river_stage", BEGIN + 200 * HOUR, 3.0, "m", quality="suspect")
    warned(flood, "CN-110101", 195, 205)
    row = verify().rows[0]
    assert numbers(row) == (0, 0, 0, 0, 0, 1)
    assert row.watched == pytest.approx((31 * 24 - 300 + 102) / (31 * 24), abs=0.005)
    assert row.scores["far"]["value"] is None


def test_rain_is_summed_over_the_windows_of_the_rule(
    rainstorm: Rule, add_station: Callable[..., None], add_reading: Callable[..., None], verify: Callable[..., Month]
) -> None:
    add_station("a", 100.5)
    add_station("b", 102.5)
    for hour in range(-24, 31 * 24):
        add_reading("a", "precipitation", BEGIN + hour * HOUR, 10.0 if 100 <= hour < 105 else 0.0)
        add_reading("b", "precipitation", BEGIN + hour * HOUR, 9.9 if 100 <= hour < 105 else 0.0)
    month = verify()
    assert [(one.region, hours(one)) for one in month.truth] == [("CN-110101", (104.0, 112.0))]
    assert numbers(month.rows[0]) == (1, 0, 1, 0, 0, 0)


def test_what_people_told_is_not_counted_again(
    flood: Rule, add_station: Callable[..., None], add_reading: Callable[..., None], brought: Callable[..., None],
    verify: Callable[..., Month],
) -> None:  # fmt: skip
    add_station("a", 100.5, stages_m={"minor": 2.0})
    for hour in range(-24, 31 * 24):
        add_reading("a", "river_stage", BEGIN + hour * HOUR, 3.0 if hour in (50, 51, 300) else 1.0, "m")
    brought("flood", "CN-1101", 48, 60)  # the prefecture of that county
    month = verify()
    assert [(one.origin, hours(one)[0]) for one in month.truth] == [("people", 48.0), ("instruments", 300.0)]
    row = month.rows[0].counts
    assert (row["events"], row["of_people"], row["of_instruments"]) == (2, 1, 1)


def test_of_two_shocks_only_the_one_that_people_told_of_is_theirs(
    earthquake: Rule, quake: Callable[..., None], looked: Callable[..., None], brought: Callable[..., None],
    verify: Callable[..., Month],
) -> None:  # fmt: skip
    looked(-WEEK, 31 * 24)
    quake("main", 10, 6.0)
    quake("after", 10 + 1 / 60, 5.2)
    brought("earthquake", "CN-110101", 10, 10)
    assert [one.source.split(",")[0] for one in verify().truth] == ["report", "quakes/after"]


def test_shock_and_level_of_the_month_before_are_not_counted_again(
    earthquake: Rule, quake: Callable[..., None], looked: Callable[..., None], warned: Callable[..., None],
    verify: Callable[..., Month],
) -> None:  # fmt: skip
    looked(-WEEK, 31 * 24)
    quake("last of February", -2, 5.5)
    warned(earthquake, "CN-110101", -1.9, 22)
    month = verify()
    assert month.truth == () and numbers(month.rows[0]) == (0, 0, 0, 0, 0, 0)  # the warning is one of February


def test_files_tell_who_told_and_can_be_brought_again(
    earthquake: Rule, quake: Callable[..., None], looked: Callable[..., None], brought: Callable[..., None],
    verify: Callable[..., Month], base_dir: Path,
) -> None:  # fmt: skip
    looked(-WEEK, 31 * 24)
    quake("main", 10, 6.0)
    brought("earthquake", "CN-110101", 100, 100)
    text = truth_csv(verify())
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["told_by"], row["status"]) for row in rows] == [("instruments", "observed"), ("people", "observed")]
    again = truth_of(text.encode(), load_regions(base_dir))
    assert again.rejected == ()
    assert [one.key for one in again.events] == [one.key for one in verify().truth]
    scored = next(csv.DictReader(io.StringIO(month_csv(verify()))))
    assert (scored["of_people"], scored["of_instruments"], scored["watched_share"]) == ("1", "1", "1")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"hazard": "rainstorm"}, "precipitation", id="rain of a rainstorm"),
        pytest.param({"hazard": "rainstorm.flash"}, "precipitation", id="a kind of it"),
        pytest.param({"hazard": "landslide"}, "", id="rain is no landslide"),
        pytest.param({"levels": {"blue": {"all": [level("x", 50)]}}}, "", id="several at once"),
        pytest.param({"levels": {"blue": {**level("x", 5), "direction": "below"}}}, "", id="too little of it"),
        pytest.param({"inputs": {"x": {**RAIN, "window": "12h", "spatial": "mean"}}}, "", id="mean of a region"),
        pytest.param({"inputs": {"x": {**RAIN, "window": "12h", "source": "field"}}}, "", id="a field"),
    ],
)
def test_only_what_an_instrument_sees_itself_is_truth(
    make_rule: Callable[..., Rule], changes: dict[str, Any], expected: str
) -> None:
    said = {"levels": {"blue": level("x", 50)}, "inputs": {"x": {**RAIN, "window": "12h"}}, "hazard": "rainstorm"}
    said |= changes
    assert observable(make_rule(said.pop("levels"), **said)) == expected


def test_rule_that_was_not_in_use_makes_no_truth(
    store: Store, rainstorm: Rule, add_station: Callable[..., None], add_reading: Callable[..., None],
    verify: Callable[..., Month],
) -> None:  # fmt: skip
    add_station("a", 100.5)
    add_reading("a", "precipitation", BEGIN + HOUR, 80.0)
    assert len(verify().truth) == 1
    with store.write() as connection:
        connection.execute(rule_state.update().values(enabled=False))
    assert verify().rows == ()


PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


@given(PAIRS, PAIRS, st.integers(1, 3))
def test_stretches_hold_the_seconds_that_they_should(
    one: list[tuple[int, int]], other: list[tuple[int, int]], count: int
) -> None:
    def arrays(pairs: list[tuple[int, int]]) -> tuple[Any, Any]:
        found = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def inside(spans: Any, at: float) -> bool:
        return any(start <= at < end for start, end in spans.tolist())

    first, second, several = joined(*arrays(one)), joined(*arrays(other)), at_least(*arrays(one), count)
    for at in np.arange(0.5, 30).tolist():
        here = [start <= at < end for start, end in one]
        assert inside(first, at) == any(here)
        assert inside(several, at) == (sum(here) >= count)
        assert inside(both(first, second), at) == (inside(first, at) and inside(second, at))
        assert covers(first, at, at + 0.25) == inside(first, at)
    assert share(first, 0, 30) == pytest.approx(sum(inside(first, at) for at in np.arange(0.5, 30).tolist()) / 30)
    assert (np.diff(first.ravel()) > 0).all()
    assert len(later(first, 100.0)) == 0 and share(first, 5, 5) == 0.0
