"""Readings that come late: what they would have raised in time is proposed, and what was proposed stays."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from alerts.arrivals import runs_seen
from alerts.evaluate import Report, evaluate_all
from alerts.freeze import state_from_bytes
from alerts.late import missing_levels
from alerts.mute import Mute, add_mute
from alerts.pack import PackRule
from alerts.rule import Rule
from data.model import FieldStep, Observation, Payload
from data.regions import load_regions
from data.store.archive import record_payload
from data.store.engine import Store, open_store
from data.store.fields import FieldSink
from data.store.runs import RunRow, write_run
from data.store.sink import Counts, PutContext, Sink
from data.store.stations import ObservationSink
from data.store.tables import evaluation, observation, proposal, rule_checkpoint, rule_state, station, transition
from tests.conftest import tries

LOOK = timedelta(minutes=10)
HERE, BESIDE = "CN-110101", "CN-110102"
PLACES = {"a": 100.5, "b": 101.5}
LON, LAT = np.arange(100.25, 104.0, 0.5), np.arange(21.75, 20.0, -0.5)
LEVELS = {
    "yellow": {"input": "x", "trigger": 50, "clear": 45, "hold": "20min"},
    "red": {"input": "x", "trigger": 90, "clear": 80, "for": "10min", "hold": "10min"},
}
Told = tuple[str, int, float]  # station, look at which it was observed, value


class Office:
    """Two gauges, a rule that looks every ten minutes, and readings that come when they come."""

    def __init__(self, store: Store, home: Path, base_dir: Path, rule: Rule, begin: datetime) -> None:
        self.store, self.home, self.base_dir, self.rule, self.begin = store, home, base_dir, rule, begin
        with store.write() as connection:
            for key, lon in PLACES.items():
                connection.execute(station.insert().values(source="table", id=key, lon=lon, lat=21.0, attributes={}))

    def at(self, look: int) -> datetime:
        return self.begin + look * LOOK

    def deliver(self, look: int, told: Sequence[Told], unit: str = "mm") -> None:
        with self.store.write() as connection:
            self.write(connection, look, told, unit)

    def write(self, connection: Connection, look: int, told: Sequence[Told], unit: str = "mm") -> None:
        """As a run does: bytes that came before have the number that they got then."""
        records = [
            Observation(station=key, quantity="rain", unit=unit, observed_at=self.at(when), value=value)
            for key, when, value in told
        ]
        self.keep(connection, look, repr((told, unit)).encode(), ObservationSink(), records)

    def deliver_field(self, look: int, told: Sequence[Told]) -> None:
        """Grids of rain over one of the two counties, nothing elsewhere."""
        records = []
        for key, when, value in told:
            values = np.where(abs(LON - PLACES[key]) < 0.5, np.float32(value), np.float32(0))
            records.append(
                FieldStep(
                    quantity="rain", unit="mm", valid_at=self.at(when), run_at=self.at(when), lon=LON, lat=LAT,
                    values=np.tile(values, (len(LAT), 1)), forecast=False, accumulation_s=0,
                )
            )  # fmt: skip
        with self.store.write() as connection:
            self.keep(connection, look, repr(told).encode(), FieldSink(), records)

    def keep(self, connection: Connection, look: int, body: bytes, sink: Sink, records: Sequence[Any]) -> None:
        received = self.at(look)
        item = Payload(source="table", body=body, received_at=received)
        key = record_payload(connection, item, hashlib.sha256(body).hexdigest())
        context = PutContext(source="table", payload_id=key, received_at=received, home=self.home)
        counts = sink.put(connection, context, sink.prepare(context, records))
        row = RunRow(
            source="table", started_at=received, finished_at=received, outcome="stored", payload_id=key,
            stored=counts.stored, unchanged=counts.unchanged,
        )  # fmt: skip
        write_run(connection, row)

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


class Silent:
    """Corrects readings without the common counter, whose row would make every other writer wait."""

    def prepare(self, context: PutContext, records: Sequence[Told]) -> Sequence[Told]:
        return records

    def put(self, connection: Connection, context: PutContext, prepared: Sequence[Told]) -> Counts:
        begin = context.received_at - 3 * LOOK
        for key, when, value in prepared:
            same = (observation.c.station == key, observation.c.observed_at == begin + when * LOOK)
            connection.execute(observation.update().where(*same).values(value=value, payload_id=context.payload_id))
        return Counts(stored=len(prepared))


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


def test_bytes_that_come_again_after_others_are_seen(office: Office) -> None:
    """A, B, A: what is told the third time has the number of the first payload, which every look has seen."""
    steady(office, 3)
    peak = [("a", 1, 95.0), ("a", 2, 95.0)]
    office.deliver(3, peak)
    office.deliver(4, [("a", 1, 0.0), ("a", 2, 0.0), ("a", 4, 0.0), ("b", 4, 0.0)])
    office.look(4)
    assert office.proposed() == []
    office.deliver(5, peak)
    office.deliver(5, [("a", 5, 0.0), ("b", 5, 0.0)])
    office.look(5)
    assert ("late data", 4) in office.proposed() and office.proposed(BESIDE) == []


def test_run_that_commits_after_one_with_a_higher_number_is_seen(
    postgres_url: str, home: Path, base_dir: Path, make_rule: Callable[..., Rule], now: datetime
) -> None:
    store = open_store(postgres_url)
    item = {"source": "stations", "quantity": "rain", "unit": "mm"}
    office = Office(store, home, base_dir, make_rule(LEVELS, inputs={"x": item}, max_age="25min"), now)
    steady(office, 4)
    with store.write() as slow:
        office.keep(slow, 3, b"slow", Silent(), [("a", 2, 95.0), ("a", 3, 95.0)])
        office.deliver(4, [("a", 4, 0.0), ("b", 4, 0.0)])
        office.look(4)
        assert office.proposed() == []
    office.deliver(5, [("a", 5, 0.0), ("b", 5, 0.0)])
    office.look(5)
    assert office.proposed() == [("late data", 2), ("late data", 4), ("late data", 2)]
    office.look(6)
    assert office.proposed()[3:] == [("all clear", 0)]
    with store.read() as connection:
        assert runs_seen(connection, office.at(6)).missing == ()
    store.close()


def test_step_of_a_field_that_came_late_is_proposed_where_it_lies(
    store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule], now: datetime
) -> None:
    item = {"source": "field", "quantity": "rain", "unit": "mm", "spatial": "max"}
    office = Office(store, home, base_dir, make_rule(LEVELS, inputs={"x": item}, max_age="25min"), now)
    for look in range(3):
        office.deliver_field(look, [("a", look, 0.0)])
        office.look(look)
    for look in range(3, 9):  # the radar's line is down
        office.look(look)
    course = [60.0, 60.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    office.deliver_field(9, [("a", 3 + number, value) for number, value in enumerate(course)])
    office.look(9)
    assert office.proposed() == [("late data", 2), ("late data", 0)]
    assert office.proposed(BESIDE) == [] and office.level() == [0, 0]
    office.look(10)
    assert len(office.proposed()) == 2


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
    assert (during.watermark_at, during.seen_runs) == (before.watermark_at, before.seen_runs)
    assert during.evaluated_at == office.at(7)
    office.deliver(8, [("b", 3, 0.0), ("b", 8, 0.0), ("a", 8, 0.0)])  # the unit was mended
    office.look(8)
    assert office.proposed() == [("late data", 2), ("late data", 0)]
    with office.store.read() as connection:
        after = connection.execute(sa.select(rule_state)).one()
    assert after.watermark_at == office.at(8) and after.seen_runs["newest"] > before.seen_runs["newest"]
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
    max_examples=tries(15, 6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture],
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
