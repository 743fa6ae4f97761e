"""Series of steps: what there is, the best step at each time, and runs that came half."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data.store.engine import Store
from data.store.field_series import SeriesKey, best_steps, find_series, holes, key_of, list_series, read_runs
from data.store.tables import field_step

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = SeriesKey("model", "precipitation", 3600, "g1")


def row(number: int, run: int, valid: int, **changes: Any) -> dict[str, Any]:
    """A row of `field_step`, its times in hours from the start."""
    return {
        "id": number, "source": "model", "quantity": "precipitation", "run_at": START + run * HOUR,
        "valid_at": START + valid * HOUR, "forecast": valid > run, "accumulation_s": 3600, "unit": "mm", "grid": "g1",
        "digest": "", "store": f"s{number}", "index": 0, "west": 1.0, "south": 2.0, "east": 3.0, "north": 4.0,
        "missing_share": 0.0, "attributes": {"title": f"Rain {number}"}, "received_at": START + run * HOUR,
        "payload_id": None, **changes,
    }  # fmt: skip


def put(store: Store, rows: Iterable[dict[str, Any]]) -> None:
    with store.write() as connection:
        connection.execute(field_step.insert(), list(rows))


def test_key_survives_its_text() -> None:
    assert str(KEY) == "model~precipitation~3600~g1"
    assert SeriesKey.of(str(KEY)) == KEY
    odd = SeriesKey("model", "a~b", 0, "g")
    assert SeriesKey.of(str(odd)) == odd


@pytest.mark.parametrize("text", ["", "a", "a~b~c~d", "a~b~-1~d", "a~b~1~", "~b~1~g", "a~b~²~g", "a~1~g"])
def test_key_from_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the key of a series"):
        SeriesKey.of(text)


def test_series_are_listed_with_their_facts(store: Store) -> None:
    other = row(4, 0, 0, quantity="air_temperature", unit="degC", accumulation_s=0, attributes={})
    put(store, [row(1, 0, 0), row(2, 0, 1), row(3, 1, 1), other])
    with store.read() as connection:
        temperature, rain = list_series(connection)
        assert list_series(connection, quantity="precipitation") == [rain]
        assert find_series(connection, KEY) == rain
        assert find_series(connection, SeriesKey("model", "none", 0, "g1")) is None
    assert rain.key == KEY
    assert (rain.unit, rain.title, rain.count, rain.forecast) == ("mm", "Rain 3", 2, True)
    assert (rain.first_at, rain.last_at, rain.newest_run_at) == (START, START + HOUR, START + HOUR)
    assert (rain.bounds, rain.received_at) == ((1.0, 2.0, 3.0, 4.0), START + HOUR)
    assert (temperature.title, temperature.forecast, temperature.count) == ("", False, 1)


def test_best_step_is_the_analysis_then_the_newest_run(store: Store) -> None:
    early = [row(number, 0, number) for number in range(4)]  # analysis at 0, forecasts for 1, 2, 3
    late = [row(10 + number, 1, number) for number in range(1, 4)]  # analysis at 1, forecasts for 2, 3
    elsewhere = row(99, 3, 3, grid="g2")
    put(store, [*early, *late, elsewhere])
    with store.read() as connection:
        found = best_steps(connection, KEY)
        assert [(step.id, step.forecast) for step in found] == [(0, False), (11, False), (12, True), (13, True)]
        assert {key_of(step) for step in found} == {KEY}
        assert [step.id for step in best_steps(connection, KEY, run_at=START)] == [0, 1, 2, 3]
        assert [step.id for step in best_steps(connection, KEY, forecast=False)] == [0, 11]
        assert [step.id for step in best_steps(connection, KEY, forecast=True)] == [11 - 10, 12, 13]
        assert [step.id for step in best_steps(connection, KEY, since=START, until=START + 2 * HOUR)] == [11, 12]
        assert [step.id for step in best_steps(connection, KEY, limit=2)] == [12, 13]


def test_analysis_goes_before_a_newer_run_that_forecasts_its_time(store: Store) -> None:
    put(store, [row(1, 0, 0), row(2, 5, 0, forecast=True)])
    with store.read() as connection:
        assert [step.id for step in best_steps(connection, KEY)] == [1]


def test_run_that_came_half_names_what_is_missing(store: Store) -> None:
    whole = [row(100 * day + lead, 24 * day, 24 * day + lead) for day in (0, 1) for lead in range(7)]
    half = [row(200 + lead, 48, 48 + lead) for lead in (0, 1, 2, 4)]  # 3 is a hole, 5 and 6 have not come
    put(store, [*whole, *half])
    with store.read() as connection:
        newest, *others = read_runs(connection, KEY)
        assert len(read_runs(connection, KEY, limit=1)) == 1
    assert (newest.run_at, newest.steps, newest.expected, newest.whole) == (START + 48 * HOUR, 4, 7, False)
    assert newest.missing == tuple(START + hour * HOUR for hour in (51, 53, 54))
    assert (newest.first_at, newest.last_at, newest.forecast) == (START + 48 * HOUR, START + 52 * HOUR, True)
    assert [(run.steps, run.whole) for run in others] == [(7, True), (7, True)]


def test_hole_is_named_without_other_runs(store: Store) -> None:
    put(store, [row(lead, 0, lead) for lead in (0, 3, 6, 12, 15)])
    with store.read() as connection:
        (run,) = read_runs(connection, KEY)
    assert run.missing == (START + 9 * HOUR,)


def test_steps_let_go_of_by_retention_are_not_missing(store: Store) -> None:
    rows = [row(100 * day + lead, 24 * day, 24 * day + lead) for day in (0, 1, 2) for lead in range(30)]
    put(store, [made for made in rows if made["valid_at"] >= START + 26 * HOUR])
    with store.read() as connection:
        assert [run.steps for run in read_runs(connection, KEY)] == [30, 28, 4]
        assert all(run.whole for run in read_runs(connection, KEY))


@pytest.mark.parametrize(
    ("hours", "missing"),
    [
        ([], []),
        ([0], []),
        ([0, 6], []),
        ([0, 1, 2, 3], []),
        ([0, 1, 2, 5, 8, 11], []),
        ([0, 1, 3, 5, 6, 7], [2, 4]),
        ([0, 1, 2, 3, 6], [4, 5]),
        ([0, 1, 2, 3, 4.5, 5.5], []),
        ([0, 1, 2, 3, 9, 12, 15], [6]),
    ],
    ids=["none", "one", "two", "even", "longer on the way", "two holes", "at the end", "odd", "hole at the change"],
)
def test_holes_in_times(hours: list[float], missing: list[float]) -> None:
    found = holes([START + timedelta(hours=hour) for hour in hours])
    assert found == tuple(START + timedelta(hours=hour) for hour in missing)
