"""From readings in the store to levels, transitions, proposals and the map's bytes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from alerts.evaluate import Report, evaluate_all
from alerts.pack import PackRule, load_rules
from data.errors import StaleLeader
from data.regions import load_regions
from data.store.changes import read_versions
from data.store.engine import Store
from data.store.tables import change, evaluation, level_snapshot, proposal, rule_state, transition
from layers.regions import from_bytes

HOUR = timedelta(hours=1)


def rules(*keys: str) -> list[PackRule]:
    return [item for item in load_rules() if item.rule.key in keys]


@pytest.fixture
def run(store: Store, home: Path, base_dir: Path) -> Callable[..., Report]:
    def evaluate(now: datetime, *keys: str) -> Report:
        return evaluate_all(store, home, base_dir, rules(*(keys or ("cma.rainstorm.observed",))), now)

    return evaluate


@pytest.fixture
def levels(store: Store, base_dir: Path) -> Callable[[str], tuple[int, bool, bool]]:
    """Level, unknown, watched of a region as the map gets them."""

    def of(code: str) -> tuple[int, bool, bool]:
        with store.read() as connection:
            packed = connection.execute(sa.select(level_snapshot.c.levels)).scalar_one()
        found, rid = from_bytes(packed), load_regions(base_dir).by_code(code)
        assert rid is not None
        return int(found.level[rid]), bool(found.unknown[rid]), bool(found.watched[rid])

    return of


@pytest.fixture
def rain(add_station: Callable[..., None], add_reading: Callable[..., None]) -> Callable[..., None]:
    """Hourly rain at one station of the first county, newest last."""
    known = set()

    def add(now: datetime, *amounts: float, key: str = "s1", lon: float = 100.5) -> None:
        if key not in known:
            add_station(key, lon)
            known.add(key)
        for hours, amount in enumerate(reversed(amounts)):
            add_reading(key, "precipitation", now - hours * HOUR, amount)

    return add


def test_evaluate_writes_level_transition_proposal_and_bytes(
    store: Store, now: datetime, rain: Callable[..., None], run: Callable[..., Report],
    levels: Callable[[str], tuple[int, bool, bool]],
) -> None:  # fmt: skip
    rain(now, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 20, 20)
    report = run(now)
    assert [(item.outcome, item.firing, item.watched) for item in report.outcomes] == [("fired", 1, 1)]
    assert levels("CN-110101") == (3, False, True)
    assert levels("CN-110102") == (0, False, False)
    assert levels("CHN") == (3, False, True)
    with store.read() as connection:
        offered = connection.execute(sa.select(proposal)).one()
        moved = connection.execute(sa.select(transition)).one()
        told = {row.topic for row in connection.execute(sa.select(change))}
    assert (offered.level, offered.reason, offered.regions, offered.state) == (3, "first", ["CN-110101"], "open")
    assert (moved.to_phase, moved.to_level, moved.value, moved.proposal_id) == ("firing", 3, 50.0, offered.id)
    assert told == {"levels", "proposals"}


def test_evaluate_again_without_change_proposes_nothing(
    store: Store, now: datetime, rain: Callable[..., None], run: Callable[..., Report]
) -> None:
    rain(now, *[5] * 12)
    run(now)
    with store.read() as connection:
        before = read_versions(connection)
    report = run(now + timedelta(minutes=1))
    with store.read() as connection:
        assert read_versions(connection) == before
        assert connection.execute(sa.select(sa.func.count()).select_from(evaluation)).scalar() == 2
        assert connection.execute(sa.select(sa.func.count()).select_from(proposal)).scalar() == 1
    assert not report.levels_changed


def test_evaluate_silent_station_turns_unknown_and_stays_in_force(
    store: Store, now: datetime, rain: Callable[..., None], run: Callable[..., Report],
    levels: Callable[[str], tuple[int, bool, bool]],
) -> None:  # fmt: skip
    rain(now, *[10] * 12)
    run(now)
    assert levels("CN-110101") == (2, False, True)
    report = run(now + 3 * HOUR)
    assert report.outcomes[0].unknown == 1
    assert levels("CN-110101") == (2, True, True)
    with store.read() as connection:
        last = connection.execute(sa.select(transition).order_by(transition.c.id.desc())).first()
    assert last is not None and (last.to_phase, last.reason) == ("unknown", "too old")


def test_evaluate_bad_values_are_unknown_and_not_clear(
    now: datetime, add_station: Callable[..., None], add_reading: Callable[..., None],
    run: Callable[..., Report], levels: Callable[[str], tuple[int, bool, bool]],
) -> None:  # fmt: skip
    add_station("s1", 100.5)
    for hours in range(12):
        add_reading("s1", "precipitation", now - hours * HOUR, 1.0, quality="bad")
    run(now)
    assert levels("CN-110101") == (0, True, True)


def test_evaluate_units_that_do_not_fit_are_an_error_and_unknown(
    store: Store, now: datetime, rain: Callable[..., None], add_reading: Callable[..., None],
    run: Callable[..., Report], levels: Callable[[str], tuple[int, bool, bool]],
) -> None:  # fmt: skip
    rain(now, *[10] * 12)
    run(now)
    add_reading("s1", "precipitation", now + HOUR, 1.0, unit="degC")
    report = run(now + HOUR)
    assert report.outcomes[0].outcome == "error"
    assert "degC" in report.outcomes[0].reason
    assert levels("CN-110101") == (2, True, True)


def test_evaluate_one_failing_rule_leaves_the_others(
    store: Store, home: Path, base_dir: Path, now: datetime, rain: Callable[..., None]
) -> None:
    rain(now, *[10] * 12)
    good = rules("cma.rainstorm.observed")[0]
    lost = good.rule.model_copy(
        update={"key": "test.lost", "regions": good.rule.regions.model_copy(update={"kinds": ("moon",)})}
    )
    report = evaluate_all(store, home, base_dir, [PackRule(rule=lost, path=good.path), good], now)
    assert [(item.rule, item.outcome) for item in report.outcomes] == [
        ("test.lost", "error"),
        ("cma.rainstorm.observed", "fired"),
    ]
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(evaluation)).scalar() == 2


def test_evaluate_with_an_old_epoch_writes_nothing(
    store: Store, home: Path, base_dir: Path, now: datetime, rain: Callable[..., None]
) -> None:
    rain(now, *[10] * 12)
    with pytest.raises(StaleLeader):
        evaluate_all(store, home, base_dir, rules("cma.rainstorm.observed"), now, epoch=7)
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(rule_state)).scalar() == 0


@pytest.mark.one_database
def test_evaluate_course_of_a_storm_names_its_reasons(
    store: Store, now: datetime, rain: Callable[..., None], run: Callable[..., Report]
) -> None:
    rain(now, 0, 0, 0, 0, 0, 0, 10, 10, 10, 10, 5, 5)  # yellow: 50 mm in 6 h
    run(now)
    rain(now + HOUR, 45)  # orange: 55 mm in 3 h
    run(now + HOUR)
    rain(now + HOUR, *[20] * 12, key="s2", lon=101.5)
    run(now + HOUR + timedelta(minutes=10))
    for hours in range(2, 20):
        rain(now + hours * HOUR, 0)
        rain(now + hours * HOUR, 0, key="s2", lon=101.5)
        run(now + hours * HOUR)
    with store.read() as connection:
        rows = connection.execute(sa.select(proposal).order_by(proposal.c.id)).all()
    mine = [(row.reason, row.level) for row in rows if "CN-110101" in row.regions]
    assert mine[0] == ("first", 2)
    assert ("higher", 3) in mine and mine[-1] == ("all clear", 0)
    assert [row.level for row in rows if row.reason == "new area"] == [3]
    assert [row.state for row in rows if row.reason == "first"] == ["superseded"]
