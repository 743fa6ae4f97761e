"""What must not look better than it is: silence, stops, and rules that are edited, gone or over while they fire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.evaluate import Report, evaluate_all
from alerts.pack import PackRule
from alerts.rule import Rule
from alerts.why import LEFT, explain
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import event, level_snapshot, observation, proposal, rule_state, source_state, station
from layers.regions import from_bytes

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
HERE = "CN-110101"
STAGE = {"source": "stations", "quantity": "river_stage", "unit": "m", "spatial": "max"}
LEVELS = {"yellow": {"input": "x", "trigger": 5, "clear": 4, "hold": "30min"}}


class Office:
    """Gauges of one county, rules over them, and what the map shows."""

    def __init__(self, store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule]) -> None:
        self.store, self.home, self.base_dir, self._make = store, home, base_dir, make_rule
        self.known: set[str] = set()

    def rule(self, levels: dict[str, Any] = LEVELS, **changes: Any) -> PackRule:
        changes = {"inputs": {"x": STAGE}, "max_age": "1h", "min_valid_share": 0.5, **changes}
        return PackRule(rule=self._make(levels, **changes), path=self.home / "rules.yaml")

    def read(self, at: datetime, quality: str = "good", **stages: float | None) -> None:
        with self.store.write() as connection:
            for key in stages.keys() - self.known:
                connection.execute(
                    station.insert().values(source="table", id=key, lon=100.5, lat=21.0, attributes={})
                )
                self.known.add(key)
            for key, value in stages.items():
                connection.execute(
                    observation.insert().values(
                        source="table", quantity="river_stage", station=key, observed_at=at, value=value, unit="m",
                        quality=quality, received_at=at,
                    )
                )  # fmt: skip

    def evaluate(self, now: datetime, *rules: PackRule) -> Report:
        return evaluate_all(self.store, self.home, self.base_dir, rules, now)

    def shown(self, code: str = HERE) -> tuple[int, bool, bool]:
        """Level, unknown and watched, as the map gets them."""
        with self.store.read() as connection:
            packed = connection.execute(sa.select(level_snapshot.c.levels)).scalar_one()
        found, rid = from_bytes(packed), load_regions(self.base_dir).by_code(code)
        assert rid is not None
        return int(found.level[rid]), bool(found.unknown[rid]), bool(found.watched[rid])

    def reasons(self) -> Sequence[str]:
        with self.store.read() as connection:
            return connection.execute(sa.select(proposal.c.reason).order_by(proposal.c.id)).scalars().all()


@pytest.fixture
def office(store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule]) -> Office:
    return Office(store, home, base_dir, make_rule)


@pytest.mark.parametrize("quality", ["", "bad", "missing"], ids=["silent", "bad", "missing"])
def test_level_does_not_end_while_the_gauge_that_raised_it_is_silent(
    office: Office, now: datetime, quality: str
) -> None:
    rule = office.rule()
    office.read(now, a=6.0, b=1.0, c=1.0, d=1.0)
    office.evaluate(now, rule)
    assert office.shown() == (2, False, True)
    for step in range(1, 40):  # the flood takes the gauge; the others stay dry
        at = now + step * 10 * MINUTE
        office.read(at, b=1.0, c=1.0, d=1.0)
        if quality:
            office.read(at, quality=quality, a=None if quality == "missing" else 0.0)
        office.evaluate(at, rule)
    assert office.shown() == (2, True, True)
    assert office.reasons() == ["first"]
    at = now + 400 * MINUTE
    for step in range(5):
        office.read(at + step * 10 * MINUTE, a=1.0, b=1.0, c=1.0, d=1.0)
        office.evaluate(at + step * 10 * MINUTE, rule)
    assert office.shown() == (0, False, True)


def test_gauge_long_silent_does_not_blind_a_region_without_a_level(office: Office, now: datetime) -> None:
    rule = office.rule()
    office.read(now - 400 * HOUR, a=6.0)
    office.read(now, b=1.0, c=1.0, d=1.0)
    office.evaluate(now, rule)
    assert office.shown() == (0, False, True)


def test_level_does_not_end_by_readings_from_before_the_engine_stopped(office: Office, now: datetime) -> None:
    rule = office.rule()
    office.read(now, a=6.0)
    office.evaluate(now, rule)
    office.read(now + 5 * MINUTE, a=1.0)
    office.evaluate(now + 5 * MINUTE, rule)
    after = now + 6 * HOUR  # the engine was off; nobody knows what the river did
    office.read(after, a=1.0)
    office.evaluate(after, rule)
    assert office.shown() == (2, False, True)
    assert office.reasons() == ["first"]
    office.read(after + 31 * MINUTE, a=1.0)
    office.evaluate(after + 31 * MINUTE, rule)
    assert office.shown() == (0, False, True)


def test_pending_does_not_fire_by_time_that_nobody_watched(office: Office, now: datetime) -> None:
    rule = office.rule({"red": {"input": "x", "trigger": 5, "clear": 4, "for": "3h"}})
    office.read(now, a=6.0)
    office.evaluate(now, rule)
    office.read(now + 6 * HOUR, a=6.0)
    office.evaluate(now + 6 * HOUR, rule)
    assert office.shown() == (0, False, True)


@pytest.mark.parametrize("why", ["gone from the files", "no longer in force"])
def test_rule_that_ends_while_it_fires_leaves_its_regions_unknown(office: Office, now: datetime, why: str) -> None:
    quiet = office.rule(
        {"red": {"input": "x", "trigger": 90, "clear": 90}}, key="test.quiet"
    )  # another rule that looks at the same region and is content
    office.read(now, a=6.0)
    office.evaluate(now, office.rule(), quiet)
    assert office.shown() == (2, False, True)
    later = now + MINUTE
    if why == "no longer in force":
        office.evaluate(later, office.rule(valid_to=str((now - timedelta(days=2)).date())), quiet)
    else:
        office.evaluate(later, quiet)
    assert office.shown() == (2, True, True)
    with office.store.write() as connection:  # a person switches it off
        connection.execute(rule_state.update().where(rule_state.c.rule == "test.rule").values(enabled=False))
    office.evaluate(later + MINUTE, quiet)
    assert office.shown() == (0, False, True)


def test_level_left_behind_ends_with_the_hard_limit_of_its_rule(office: Office, now: datetime) -> None:
    office.read(now, a=6.0)
    office.evaluate(now, office.rule())
    office.evaluate(now + 119 * MINUTE)
    assert office.shown() == (2, True, True)
    office.evaluate(now + 121 * MINUTE)
    assert office.shown() == (0, False, False)


def test_damaged_state_is_unknown_and_not_unwatched(office: Office, now: datetime) -> None:
    office.read(now, a=1.0)
    office.evaluate(now, office.rule())
    with office.store.write() as connection:
        connection.execute(rule_state.update().values(state=b"TOCSIN-STATE-1\nrubbish"))
    report = office.evaluate(now + MINUTE, office.rule())
    assert report.outcomes[0].outcome == "error"
    assert office.shown() == (0, True, True)


def test_rule_switched_off_in_its_file_is_off(office: Office, now: datetime) -> None:
    office.read(now, a=1.0)
    office.evaluate(now, office.rule())
    report = office.evaluate(now + MINUTE, office.rule(enabled=False))
    assert report.outcomes == ()
    assert office.shown() == (0, False, False)


def test_rule_that_fails_at_its_first_evaluation_does_not_say_that_nobody_watches(
    office: Office, now: datetime
) -> None:
    office.read(now, a=1.0)
    report = office.evaluate(now, office.rule(inputs={"x": {**STAGE, "unit": "degC"}}))
    assert report.outcomes[0].outcome == "error"
    assert office.shown() == (0, True, True)


QUAKES = {"source": "events", "quantity": "earthquake", "unit": "1", "within_km": 30, "window": "24h"}


def test_one_silent_feed_of_two_is_not_covered_by_the_other(office: Office, now: datetime) -> None:
    rule = office.rule({"red": {"input": "x", "trigger": 5, "clear": 5}}, inputs={"x": QUAKES})
    with office.store.write() as connection:
        for source, heard in (("world", now - 3 * HOUR), ("alaska", now)):
            connection.execute(
                source_state.insert().values(
                    source=source, enabled=True, validators={}, last_success_at=heard, last_data_at=heard
                )
            )
            connection.execute(
                event.insert().values(
                    source=source, id="e", kind="earthquake", status="active", lon=0.0, lat=0.0, magnitude=1.0,
                    occurred_at=now - 4 * HOUR, updated_at=now, title="", revision=1, received_at=now, aliases=[],
                    attributes={},
                )
            )  # fmt: skip
    office.evaluate(now, rule)
    assert office.shown() == (0, True, True)


@pytest.mark.parametrize("why", ["gone from the files", "no longer in force", "off in its file"])
def test_rule_that_left_is_not_told_as_evaluated_now(office: Office, base_dir: Path, now: datetime, why: str) -> None:
    office.read(now, a=1.0)
    office.evaluate(now, office.rule(), office.rule(key="test.other"))
    changes: dict[str, Any] = {
        "no longer in force": {"valid_to": "2026-02-01"},
        "off in its file": {"enabled": False},
    }
    left = [] if why == "gone from the files" else [office.rule(**changes[why])]
    office.evaluate(now + MINUTE, office.rule(key="test.other"), *left)
    told = explain(office.store, base_dir, HERE, now + MINUTE)
    assert [(one.rule, one.phase) for one in told.rules] == [("test.other", "normal")]
    with office.store.read() as connection:
        row = connection.execute(sa.select(rule_state).where(rule_state.c.rule == "test.rule")).one()
    assert (row.loaded, row.enabled, row.state is not None) == (False, True, True)
    office.evaluate(now + 2 * MINUTE, office.rule(), office.rule(key="test.other"))
    told = explain(office.store, base_dir, HERE, now + 2 * MINUTE)
    assert {one.rule for one in told.rules} == {"test.rule", "test.other"}


def test_rule_that_left_with_a_level_says_so_until_its_hard_limit(
    office: Office, base_dir: Path, now: datetime
) -> None:
    office.read(now, a=6.0)
    office.evaluate(now, office.rule())
    office.evaluate(now + MINUTE)
    (one,) = explain(office.store, base_dir, HERE, now + MINUTE).rules
    assert (one.phase, int(one.level), one.evaluated_at, one.missing[0]) == ("unknown", 2, now, LEFT)
    assert explain(office.store, base_dir, HERE, now + 121 * MINUTE).rules == ()
