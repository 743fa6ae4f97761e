"""Readings that come late: what they would have raised in time is proposed, and what was proposed stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alerts.evaluate import Report, evaluate_all
from alerts.freeze import state_from_bytes
from alerts.late import missing_levels
from alerts.mute import Mute, add_mute
from alerts.pack import PackRule
from alerts.rule import Rule
from data.model import Observation
from data.regions import load_regions
from data.store.engine import Store, open_store
from data.store.sink import PutContext
from data.store.stations import ObservationSink
from data.store.tables import evaluation, payload, proposal, rule_checkpoint, rule_state, station, transition

LOOK = timedelta(minutes=10)
HERE, BESIDE = "CN-110101", "CN-110102"
PLACES = {"a": 100.5, "b": 101.5}
LEVELS = {
    "yellow": {"input": "x", "trigger": 50, "clear": 45, "hold": "20min"},
    "red": {"input": "x", "trigger": 90, "clear": 80, "for": "10min", "hold": "10min"},
}
Told = tuple[str, int, float]  # station, look at which it was observed, value


class Office:
    """Two gauges, a rule that looks every ten minutes, and readings that come when they come."""

    def __init__(self, store: Store, home: Path, base_dir: Path, rule: Rule, begin: datetime) -> None:
        self.store, self.home, self.base_dir, self.rule, self.begin = store, home, base_dir, rule, begin
        self._payloads = 0
        with store.write() as connection:
            for key, lon in PLACES.items():
                connection.execute(station.insert().values(source="table", id=key, lon=lon, lat=21.0, attributes={}))

    def at(self, look: int) -> datetime:
        return self.begin + look * LOOK

    def deliver(self, look: int, told: Sequence[Told], unit: str = "mm") -> None:
        self._payloads += 1
        received, sink = self.at(look), ObservationSink()
        records = [
            Observation(station=key, quantity="rain", unit=unit, observed_at=self.at(when), value=value)
            for key, when, value in told
        ]
        with self.store.write() as connection:
            key = connection.execute(
                payload.insert().values(
                    source="table", sha256=str(self._payloads), size=1, received_at=received, headers={}
                )
            ).inserted_primary_key
            assert key is not None
            context = PutContext(source="table", payload_id=int(key[0]), received_at=received, home=self.home)
            sink.put(connection, context, sink.prepare(context, records))

    def look(self, look: int) -> Report:
        item = PackRule(rule=self.rule, path=self.home)
        return evaluate_all(self.store, self.home, self.base_dir, [item], self.at(look))

    def rows(self, table: sa.Table) -> Sequence[Any]:
        with self.store.read() as connection:
            return connection.execute(sa.select(table).order_by(table.c.id)).all()

    def proposed(self, code: str = HERE) -> list[tuple[str, int]]:
        return [(row.reason, row.level) for row in self.rows(proposal) if code in row.regions]

    def standing(self) -> list[tuple[int, list[str]]]:
        return [(row.level, row.regions) for row in self.rows(proposal) if row.state == "open"]

    def changes(self, code: str = HERE) -> list[int]:
        rows = self.rows(transition)
        return [row.to_level for row in rows if row.region == code and row.from_level != row.to_level]

    def level(self) -> list[int]:
        with self.store.read() as connection:
            blob = connection.execute(sa.select(rule_state.c.state)).scalar_one()
        state, _ = state_from_bytes(blob)
        assert (state.proposed == state.level).all()
        return [int(level) for level in state.level[:2]]


@pytest.fixture
def office(store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule], now: datetime) -> Office:
    item = {"source": "stations", "quantity": "rain", "unit": "mm"}
    return Office(store, home, base_dir, make_rule(LEVELS, inputs={"x": item}, max_age="25min"), now)


def steady(office: Office, looks: int) -> None:
    """Both gauges dry and on time."""
    for look in range(looks):
        office.deliver(look, [("a", look, 0.0), ("b", look, 0.0)])
        office.look(look)


def test_peak_that_came_late_is_proposed_with_its_end(office: Office) -> None:
    steady(office, 3)
    for look in range(3, 9):  # the line of gauge a is down
        office.deliver(look, [("b", look, 0.0)])
        office.look(look)
    assert office.proposed() == []
    course = [60.0, 60.0, 0.0, 0.0, 0.0, 0.0]
    office.deliver(9, [("a", 3 + number, value) for number, value in enumerate(course)] + [("b", 9, 0.0)])
    office.deliver(9, [("a", 9, 0.0)])
    office.look(9)
    assert office.proposed() == [("late data", 2), ("late data", 0)]
    assert office.changes() == [2, 0]
    assert office.standing() == [(0, [HERE])]
    assert office.proposed(BESIDE) == [] and office.level() == [0, 0]
    office.look(10)
    assert len(office.proposed()) == 2


def test_peak_between_readings_that_were_seen_is_proposed(office: Office) -> None:
    steady(office, 4)
    office.deliver(4, [("a", 4, 0.0), ("b", 4, 0.0)])
    office.deliver(4, [("a", 2, 95.0), ("a", 3, 95.0)])  # corrections of what was told as dry
    office.look(4)
    assert office.proposed() == [("late data", 2), ("late data", 4)]
    assert office.level() == [4, 0]


def test_late_reading_that_changes_nothing_proposes_nothing(office: Office) -> None:
    steady(office, 4)
    office.deliver(4, [("a", 2, 1.0), ("a", 4, 0.0), ("b", 4, 0.0)])
    office.look(4)
    assert office.rows(proposal) == [] and office.rows(transition) == []


def test_reading_on_time_is_proposed_as_ever(office: Office) -> None:
    steady(office, 3)
    office.deliver(3, [("a", 1, 1.0), ("a", 3, 60.0), ("b", 3, 60.0)])
    office.look(3)
    assert office.proposed() == [("first", 2)] and office.proposed(BESIDE) == [("first", 2)]


def test_what_was_proposed_stays_when_a_correction_says_otherwise(office: Office) -> None:
    steady(office, 2)
    office.deliver(2, [("a", 2, 60.0), ("b", 2, 0.0)])
    office.look(2)
    before = office.rows(proposal)[0], office.rows(transition)[0]
    for look in (3, 4, 5):
        office.deliver(look, [("a", look, 47.0), ("b", look, 0.0)])
        office.look(look)
    office.deliver(6, [("a", 2, 6.0), ("a", 6, 47.0), ("b", 6, 0.0)])  # it was a slip of the pen
    office.look(6)
    assert office.proposed() == [("first", 2), ("late data", 0)]
    kept = office.rows(proposal)[0]
    assert (kept.level, kept.reason, kept.regions, kept.created_at) == (
        before[0].level, before[0].reason, before[0].regions, before[0].created_at,
    )  # fmt: skip
    assert kept.state == "superseded"
    assert office.rows(transition)[0] == before[1]


def test_looks_that_failed_are_done_again_and_the_watermark_waits(office: Office) -> None:
    steady(office, 3)
    with office.store.read() as connection:
        before = connection.execute(sa.select(rule_state)).one()
    office.deliver(3, [("b", 3, 1.0)], unit="degC")
    for look, value in ((3, 60.0), (4, 60.0), (5, 0.0), (6, 0.0), (7, 0.0)):
        office.deliver(look, [("a", look, value)])
        assert office.look(look).outcomes[0].outcome == "error"
    with office.store.read() as connection:
        during = connection.execute(sa.select(rule_state)).one()
    assert (during.watermark_at, during.seen_payload) == (before.watermark_at, before.seen_payload)
    assert during.evaluated_at == office.at(7)
    office.deliver(8, [("b", 3, 0.0), ("b", 8, 0.0), ("a", 8, 0.0)])  # the unit was mended
    office.look(8)
    assert office.proposed() == [("late data", 2), ("late data", 0)]
    with office.store.read() as connection:
        after = connection.execute(sa.select(rule_state)).one()
    assert after.watermark_at == office.at(8) and after.seen_payload > before.seen_payload
    assert [row.outcome for row in office.rows(evaluation)] == ["quiet"] * 3 + ["error"] * 5 + ["quiet"]


def test_late_level_under_a_mute_waits_for_its_end(office: Office) -> None:
    steady(office, 4)
    with office.store.write() as connection:
        mute = Mute(region=HERE, starts_at=office.at(0), ends_at=office.at(6), owner="Li", reason="works")
        add_mute(connection, mute, rules=[office.rule], index=load_regions(office.base_dir), now=office.at(0))
    office.deliver(4, [("a", 2, 95.0), ("a", 3, 95.0), ("a", 4, 85.0), ("b", 4, 0.0)])
    office.look(4)
    assert office.proposed() == [] and office.changes() == [2, 4]
    for look in (5, 6):
        office.deliver(look, [("a", look, 85.0), ("b", look, 0.0)])
        office.look(look)
    assert office.proposed() == [("first", 4)]


def test_earlier_states_are_few_and_of_this_rule_only(office: Office) -> None:
    steady(office, 60)
    with office.store.read() as connection:
        times = connection.execute(sa.select(rule_checkpoint.c.at).order_by(rule_checkpoint.c.at)).scalars().all()
    assert 2 <= len(times) <= 4
    office.rule = Rule.model_validate({**office.rule.body, "version": "2"})
    office.deliver(60, [("a", 60, 0.0), ("b", 60, 0.0)])
    office.look(60)
    with office.store.read() as connection:
        digests = connection.execute(sa.select(rule_checkpoint.c.digest)).scalars().all()
    assert digests == [office.rule.digest]


def test_clock_that_was_set_back_is_unknown_once_and_ends_nothing(office: Office) -> None:
    steady(office, 5)
    office.deliver(5, [("a", 5, 60.0), ("b", 5, 0.0)])
    office.look(5)
    assert office.look(1).outcomes[0].outcome == "error"
    assert office.level() == [2, 0]
    assert "the clock stands before" in office.rows(evaluation)[-1].reason
    assert {row.to_phase for row in office.rows(transition)[-2:]} == {"unknown"}
    office.look(2)  # by readings from before the level rose
    assert office.level() == [2, 0]


VALUES = st.sampled_from([0.0, 0.0, 44.0, 47.0, 60.0, 85.0, 95.0])
COURSE = st.lists(VALUES, min_size=9, max_size=9)
DELAYS = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 5]), min_size=9, max_size=9)


@pytest.fixture
def fresh(
    tmp_path: Path, base_dir: Path, sqlite_template: Path, make_rule: Callable[..., Rule], now: datetime
) -> Iterator[Callable[[], Office]]:
    opened: list[Store] = []
    item = {"source": "stations", "quantity": "rain", "unit": "mm"}
    rule = make_rule(LEVELS, inputs={"x": item}, max_age="25min")

    def make() -> Office:
        home = tmp_path / str(len(opened))
        home.mkdir()
        shutil.copy(sqlite_template, home / "tocsin.db")
        opened.append(open_store(f"sqlite:///{home / 'tocsin.db'}"))
        return Office(opened[-1], home, base_dir, rule, now)

    yield make
    for store in opened:
        store.close()


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)  # fmt: skip
@given(course=COURSE, delays=DELAYS, twice=st.booleans(), backwards=st.booleans())
def test_whatever_comes_late_ends_as_if_it_had_come_in_time(
    fresh: Callable[[], Office], course: list[float], delays: list[int], twice: bool, backwards: bool
) -> None:
    """The same level at the end, and every level of the course in time was proposed, in order."""
    in_time, late = fresh(), fresh()
    for office, waits in ((in_time, [0] * 9), (late, delays)):
        steady(office, 3)
        for look in range(3, 17):
            told = [
                ("a", 3 + number, value)
                for number, (value, wait) in enumerate(zip(course, waits, strict=True))
                if 3 + number + wait == look
            ]
            told += [("b", look, 0.0)] + ([("a", look, 46.0)] if look >= 12 else [])
            told = told[::-1] if backwards and office is late else told
            office.deliver(look, told)
            if twice and office is late:
                office.deliver(look, told)
            office.look(look)
    assert late.level() == in_time.level()
    assert missing_levels(in_time.changes(), late.changes(), in_time.level()[0]) == []
    assert late.proposed(BESIDE) == []


@pytest.mark.parametrize(
    ("course", "recorded", "final", "expected"),
    [
        ([], [], 0, []), ([2], [], 2, [2]), ([2], [2], 2, []), ([2, 0], [], 0, [2, 0]), ([], [2], 0, [0]),
        ([2, 4, 2], [2], 2, [4, 2]), ([4], [2], 4, [4]), ([2, 3, 2, 0], [2, 0], 0, [3, 2, 0]),
        ([2, 4], [2, 0, 2, 4], 4, []),
    ],
)  # fmt: skip
def test_missing_levels(course: list[int], recorded: list[int], final: int, expected: list[int]) -> None:
    assert missing_levels(course, recorded, final) == expected
