"""A memory over many looks gives what the store would give at each of them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.memory import Memory
from alerts.replay import held
from alerts.station_inputs import Network, read_network
from data.errors import RuleError
from data.model import Observation, Payload, Quality, Station
from data.store.archive import record_payload
from data.store.engine import Store, open_store
from data.store.migrate import migrate
from data.store.runs import RunRow, write_run
from data.store.sink import PutContext
from data.store.stations import ObservationSink, StationSink
from tests.conftest import tries

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
REACH = timedelta(hours=2)

READING = st.tuples(
    st.sampled_from(["a", "b"]),  # source
    st.sampled_from(["s1", "s2", "s3"]),
    st.integers(-40, 40),  # steps of ten minutes around the look: late ones, and ones from the future
    st.sampled_from([0.0, 1.5, 7.0, None]),
    st.sampled_from(["mm", "mm", "mm", "cm"]),
    st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.BAD, Quality.SUSPECT]),
)
LOOKS = st.lists(st.tuples(st.integers(0, 30), st.lists(READING, max_size=6)), min_size=1, max_size=12)


def deliver(
    store: Store, home: Path, at: datetime, rows: list[tuple[str, str, int, float | None, str, Quality]]
) -> None:
    for source in sorted({row[0] for row in rows}):
        mine = [row for row in rows if row[0] == source]
        stations = [Station(id=name, lon=100.5 + int(name[1]), lat=21.0) for name in sorted({row[1] for row in mine})]
        readings = [
            Observation(
                station=name, quantity="precipitation", observed_at=at + timedelta(minutes=10 * step),
                value=value, unit=unit, quality=quality,
            )
            for _, name, step, value, unit, quality in mine
        ]  # fmt: skip
        with store.write() as connection:
            payload = Payload(source=source, body=repr(mine).encode(), received_at=at)
            number = record_payload(connection, payload, hashlib.sha256(payload.body).hexdigest())
            context = PutContext(source=source, payload_id=number, received_at=at, home=home)
            outcome = RunRow(
                source=source, started_at=at, finished_at=at, outcome="stored", payload_id=context.payload_id
            )
            write_run(connection, outcome)
            for sink, records in ((StationSink(), stations), (ObservationSink(), readings)):
                sink.put(connection, context, sink.prepare(context, records))  # type: ignore[attr-defined]


def same(one: Network, other: Network) -> None:
    assert one.names == other.names
    assert one.leaf.tolist() == other.leaf.tolist()
    assert one.attributes == other.attributes
    for name in ("station", "at", "value"):
        np.testing.assert_array_equal(getattr(one.readings, name), getattr(other.readings, name))
    assert one.readings.stations == other.readings.stations


@settings(max_examples=tries(12, 4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=LOOKS)
def test_networks_are_those_of_the_store(
    looks: list[tuple[int, list[tuple[str, str, int, float | None, str, Quality]]]],
    tmp_path_factory: pytest.TempPathFactory,
    base_dir: Path,
) -> None:
    home = tmp_path_factory.mktemp("memory")
    store = held(open_store(f"sqlite:///{home / 'tocsin.db'}"))
    migrate(store)
    memory, now = Memory(), BEGIN
    for ahead, rows in looks:
        now += timedelta(minutes=10 * ahead)
        deliver(store, home, now, rows)
        for at in (now, now + timedelta(seconds=70)):
            found = memory.network(store, base_dir, "precipitation", "mm", now=at, reach=REACH)
            assert found is not None
            with store.read() as connection:
                same(found, read_network(connection, base_dir, "precipitation", "mm", now=at, reach=REACH))
    store.close()


def test_nothing_new_is_not_read_again_and_a_unit_that_cannot_be_is_a_fault(
    store: Store, home: Path, base_dir: Path
) -> None:
    memory = Memory()
    deliver(store, home, BEGIN, [("a", "s1", 0, 1.0, "mm", Quality.GOOD)])

    def look(at: datetime) -> Network | None:
        return memory.network(store, base_dir, "precipitation", "mm", now=at, reach=REACH)

    first = look(BEGIN)
    if not store.is_sqlite:
        assert first is None, "there runs are not seen in the order of their numbers: the store has to be asked"
        return
    assert first is not None
    assert look(BEGIN + timedelta(seconds=10)) is first
    assert look(BEGIN - timedelta(hours=1)) is None, "earlier than what is kept: the store has to be asked"
    deliver(store, home, BEGIN, [("a", "s2", 0, 1.0, "K", Quality.GOOD)])
    with pytest.raises(RuleError, match="'K'"):
        look(BEGIN + timedelta(seconds=20))
