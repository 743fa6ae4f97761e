"""What rules of one hazard find at one look in one stretch of land is put before people once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.evaluate import evaluate_all
from alerts.neighbours import Land
from alerts.offer import keep_proposals, shares_of
from alerts.pack import PackRule
from alerts.propose import Draft, draft_proposals, to_propose
from alerts.rule import Rule
from data.model import Level
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import change, proposal, transition
from tests.conftest import tries

ROW = ("CN-110101", "CN-110102", "CN-110201", "CN-110202")  # from west to east
PLACES = {"a": 100.5, "b": 101.5, "c": 102.5, "d": 103.5}
MINUTE = timedelta(minutes=1)


class Office:
    """Two rules of one hazard, on rain and on snow, over four counties in a row."""

    def __init__(
        self, store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule], add_station: Any, add: Any
    ) -> None:
        self.store, self.home, self.base_dir, self._add = store, home, base_dir, add
        item = {"source": "stations", "quantity": "rain", "unit": "mm"}
        levels = {
            "yellow": {"input": "x", "trigger": 50, "clear": 40},
            "red": {"input": "x", "trigger": 90, "clear": 80},
        }
        self.rules = {
            name: make_rule(levels, key=f"test.{name}", inputs={"x": {**item, "quantity": name}})
            for name in ("rain", "snow")
        }
        for key, lon in PLACES.items():
            add_station(key, lon)

    def look(self, at: datetime, rules: Sequence[str] = ("rain", "snow"), **told: dict[str, float]) -> list[Any]:
        for quantity, values in told.items():
            for key, value in values.items():
                self._add(key, quantity, at, value)
        items = [PackRule(rule=self.rules[name], path=self.home) for name in rules]
        evaluate_all(self.store, self.home, self.base_dir, items, at)
        return self.rows()

    def rows(self) -> list[Any]:
        with self.store.read() as connection:
            return list(connection.execute(sa.select(proposal).order_by(proposal.c.id)))


def behind(row: Any) -> dict[str, list[str]]:
    return {one["rule"]: one["regions"] for one in shares_of(row)}


@pytest.fixture
def office(
    store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule], add_station: Any, add_reading: Any
) -> Office:
    return Office(store, home, base_dir, make_rule, add_station, add_reading)


def test_two_rules_that_say_the_same_side_by_side_are_one_proposal(office: Office, now: datetime) -> None:
    (row,) = office.look(now, rain={"a": 60.0}, snow={"b": 60.0})
    assert (row.rule, row.hazard, row.level, row.reason) == ("test.rain", "rain", 2, "first")
    assert row.regions == [ROW[0], ROW[1]]
    assert behind(row) == {"test.rain": [ROW[0]], "test.snow": [ROW[1]]}
    assert [one["digest"] for one in shares_of(row)] == [office.rules[name].digest for name in ("rain", "snow")]
    with office.store.read() as connection:
        assert set(connection.execute(sa.select(transition.c.proposal_id)).scalars()) == {row.id}
        told = connection.execute(sa.select(change.c.subject).where(change.c.topic == "proposals")).scalars().all()
    assert told == ["test.rain", "test.snow"]


def test_regions_apart_are_proposals_of_their_own(office: Office, now: datetime) -> None:
    rows = office.look(now, rain={"a": 60.0, "b": 60.0, "d": 60.0}, snow={"d": 95.0})
    assert [(row.level, row.regions) for row in rows] == [(2, [ROW[0], ROW[1]]), (2, [ROW[3]]), (4, [ROW[3]])]
    assert [row.detail["group"] for row in rows] == [rows[0].id, rows[1].id, rows[1].id]


def test_rule_that_lies_between_joins_what_was_apart(office: Office, now: datetime) -> None:
    one, other = office.look(now, rain={"a": 60.0, "c": 60.0}, snow={"b": 60.0})
    assert one.regions == [ROW[0], ROW[1], ROW[2]]
    assert behind(one) == {"test.rain": [ROW[0], ROW[2]], "test.snow": [ROW[1]]}
    assert (other.state, other.superseded_by, other.regions) == ("superseded", one.id, [ROW[2]])


def test_rules_at_another_time_stay_apart_and_are_of_one_group(office: Office, now: datetime) -> None:
    office.look(now, rain={"a": 60.0})
    rows = office.look(now + MINUTE, rain={"b": 60.0}, snow={"b": 60.0})
    assert [(row.rule, row.regions, row.reason) for row in rows] == [
        ("test.rain", [ROW[0]], "first"), ("test.rain", [ROW[1]], "new area"), ("test.snow", [ROW[1]], "first"),
    ]  # fmt: skip
    assert {row.detail["group"] for row in rows} == {rows[0].id}


def test_what_is_observed_and_what_is_forecast_stay_apart(office: Office, now: datetime) -> None:
    land = Land(office.home, load_regions(office.base_dir))
    draft = Draft(level=Level.YELLOW, reason="first", regions=(ROW[0],), before=Level.NONE)
    with office.store.write() as connection:
        for branch, name in (("observed", "rain"), ("forecast", "snow")):
            rule = office.rules[name].model_copy(update={"branch": branch})
            keep_proposals(connection, rule, [[draft]], now, land)
    assert [row.detail["branch"] for row in office.rows()] == ["observed", "forecast"]


def test_share_that_moves_on_leaves_the_proposal_to_the_other_rule(office: Office, now: datetime) -> None:
    office.look(now, rain={"a": 60.0}, snow={"b": 60.0})
    first, higher = office.look(now + MINUTE, rain={"a": 95.0})
    assert (first.state, first.rule, first.regions) == ("open", "test.snow", [ROW[1]])
    assert behind(first) == {"test.rain": [], "test.snow": [ROW[1]]}
    first, higher, lower = office.look(now + 2 * MINUTE, snow={"b": 0.0})
    assert (first.state, first.superseded_by, lower.reason, lower.level) == ("superseded", lower.id, "all clear", 0)
    assert (higher.state, higher.rule, higher.level) == ("open", "test.rain", 4)


def test_look_that_is_done_again_after_a_crash_joins_as_in_one_go(office: Office, now: datetime) -> None:
    """The first rule's transaction was kept, the process ended, and the look is taken again at its time."""
    office.look(now, rules=("rain",), rain={"a": 60.0}, snow={"b": 60.0})
    (row,) = office.look(now)
    assert behind(row) == {"test.rain": [ROW[0]], "test.snow": [ROW[1]]}


LEVELS = st.lists(st.sampled_from([0, 0, 2, 3, 4]), min_size=4, max_size=4)
LOOKS = st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=6)


@pytest.mark.one_database
@settings(max_examples=tries(60, 20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=LOOKS)
def test_any_course_leaves_each_region_of_a_rule_in_one_open_proposal_at_most(
    office: Office, now: datetime, looks: list[tuple[list[int], list[int]]]
) -> None:
    """The one that tells the level it was last proposed at; and no change is lost."""
    land = Land(office.home, load_regions(office.base_dir))
    proposed = {name: np.zeros(4, dtype=np.int8) for name in office.rules}
    muted = np.zeros(4, dtype=np.int8)
    with office.store.write() as connection:
        connection.execute(proposal.delete())
        for number, levels in enumerate(looks):
            at = now + number * MINUTE
            for (name, rule), level in zip(office.rules.items(), levels, strict=True):
                had = proposed[name]
                moves, proposed[name] = to_propose(had, np.array(level, dtype=np.int8), muted)
                drafts = draft_proposals(moves, ROW, in_force_before=int((had > 0).sum()), land=land)
                where = keep_proposals(connection, rule, [drafts], at, land)
                assert set(where) == {ROW[move.index] for move in moves}
                for move in moves:
                    row = connection.execute(sa.select(proposal).where(proposal.c.id == where[ROW[move.index]])).one()
                    assert row.level == move.to_level and ROW[move.index] in behind(row)[rule.key]
            rows = connection.execute(sa.select(proposal).where(proposal.c.state == "open")).all()
            for row in rows:
                shares = behind(row)
                assert row.regions == sorted({code for codes in shares.values() for code in codes}) != []
                assert shares[row.rule]
            for name, rule in office.rules.items():
                open_levels = [
                    (code, row.level) for row in rows for code in behind(row).get(rule.key, ())
                ]  # fmt: skip
                ever = {code for code, _ in open_levels}
                assert len(open_levels) == len(ever)
                assert dict(open_levels) == {code: int(proposed[name][ROW.index(code)]) for code in ever}
                assert ever >= {code for code, level in zip(ROW, proposed[name], strict=True) if level > Level.NONE}
        assert not connection.execute(
            sa.select(proposal.c.id).where(proposal.c.state == "superseded", proposal.c.superseded_by.is_(None))
        ).all()
