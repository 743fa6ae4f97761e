"""Derived steps: of the right steps, once, anew when an input is corrected, and nothing where an input is missing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from data.derived import is_made
from data.errors import StaleLeader
from data.store.engine import Store, open_store
from data.store.fields import FieldSink, open_step, trim
from data.store.tables import derivation, leader
from data.store.tables import field_step as table
from layers.amounts import Chains, amounts_of, difference, tile
from layers.derivation import Derivation
from layers.derivations import DERIVED, switched_on
from layers.derive import BATCH, Deriver
from layers.derived import heat, wind_force
from tests.conftest import ROOT
from tests.layers.archive_scene import SHAPE, field_step, put

HOUR = timedelta(hours=1)


def only(*names: str) -> tuple[Derivation, ...]:
    found = tuple(item for item in DERIVED if item.name in names)
    assert len(found) == len(names)
    return found


ROLLING = only(*(f"precipitation_{hours}h" for hours in (1, 3, 6, 12, 24, 48)))


def work_off(deriver: Deriver, now: datetime) -> int:
    total = 0
    while done := deriver.work(now):
        total += done
    return total


def derived(store: Store, home: Path, quantity: str, accumulation_s: int = 0) -> dict[datetime, Any]:
    """Valid time -> values of the derived steps of a quantity."""
    with store.read() as connection:
        query = sa.select(table).where(is_made(table.c.source), table.c.quantity == quantity)
        rows = connection.execute(query.where(table.c.accumulation_s == accumulation_s)).all()
    return {row.valid_at: SimpleNamespace(row=row, values=open_step(home, row).values) for row in rows}


@pytest.mark.one_database
def test_rolling_sums_of_analyses(store: Store, home: Path, now: datetime) -> None:
    rng = np.random.default_rng(1)
    hourly = {now - h * HOUR: rng.gamma(1.0, 3.0, SHAPE).astype(np.float32) for h in range(30)}
    put(store, home, *(field_step(values, at) for at, values in hourly.items()), received_at=now)
    work_off(Deriver(store, home, ROLLING), now)
    for hours in (3, 6, 12, 24):
        found = derived(store, home, "precipitation", hours * 3600)
        assert set(found) == {now - h * HOUR for h in range(30 - hours + 1)}
        for at, step in found.items():
            expected = sum(hourly[at - h * HOUR].astype(np.float64) for h in range(hours))
            np.testing.assert_allclose(step.values, expected, rtol=1e-6)
            assert not step.row.forecast and step.row.attributes["of"] == "radar"
    assert derived(store, home, "precipitation", 3600) == {}, "the source has amounts of one hour itself"
    assert derived(store, home, "precipitation", 48 * 3600) == {}, "30 hours do not fill 48"


def test_a_window_with_a_gap_is_missing_and_not_smaller(store: Store, home: Path, now: datetime) -> None:
    hole = np.full(SHAPE, 1.0)
    hole[0, 0] = np.nan
    steps = [field_step(hole if h == 1 else 1.0, now - h * HOUR) for h in range(8) if h != 5]
    put(store, home, *steps, received_at=now)
    work_off(Deriver(store, home, only("precipitation_3h")), now)
    found = derived(store, home, "precipitation", 3 * 3600)
    assert set(found) == {now, now - HOUR, now - 2 * HOUR}
    assert np.isnan(found[now].values[0, 0]) and np.isnan(found[now - HOUR].values[0, 0])
    assert (found[now].values[0, 1:] == 3.0).all() and (found[now - 2 * HOUR].values == 3.0).all()


def test_forecast_totals_are_taken_apart_within_their_run(store: Store, home: Path, now: datetime) -> None:
    run = now - 2 * HOUR
    totals = {h: 2.0 * h for h in range(1, 8)}
    steps = [
        field_step(total, run + h * HOUR, run_at=run, forecast=True, accumulation_s=h * 3600)
        for h, total in totals.items()
    ]
    older = [
        field_step(100.0 * h, run + (h - 6) * HOUR, run_at=run - 6 * HOUR, forecast=True, accumulation_s=h * 3600)
        for h in range(1, 13)
    ]
    put(store, home, *steps, *older, field_step(50.0, run), received_at=now, source="model")
    work_off(Deriver(store, home, only("precipitation_1h", "precipitation_3h")), now)
    with store.read() as connection:
        rows = connection.execute(sa.select(table).where(is_made(table.c.source), table.c.run_at == run)).all()
    by_lead = {(row.accumulation_s // 3600, (row.valid_at - run) // HOUR): row for row in rows}
    assert set(by_lead) == {(1, h) for h in range(2, 8)} | {(3, h) for h in range(4, 8)}
    assert all(row.forecast for row in rows)
    assert {float(open_step(home, row).values.max()) for (hours, _), row in by_lead.items() if hours == 3} == {6.0}
    assert {float(open_step(home, row).values.max()) for (hours, _), row in by_lead.items() if hours == 1} == {2.0}


def test_falling_totals_are_mended_or_missing(store: Store, home: Path, now: datetime) -> None:
    run = now
    later = np.full(SHAPE, 5.0)
    later[0, 0], later[0, 1] = 3.95, 3.0
    steps = [
        field_step(values, run + h * HOUR, run_at=run, forecast=True, accumulation_s=h * 3600)
        for h, values in ((1, np.full(SHAPE, 4.0)), (2, later))
    ]
    put(store, home, *steps, received_at=now)
    work_off(Deriver(store, home, only("precipitation_1h")), now)
    (step,) = derived(store, home, "precipitation", 3600).values()
    assert step.values[0, 0] == 0.0 and np.isnan(step.values[0, 1]) and (step.values[1:] == 1.0).all()
    assert step.row.attributes["notes"] == ["rain: falling totals by at most 0.1 mm set to 0 in 1 cells"]


def test_a_reset_total_gives_no_difference(store: Store, home: Path, now: datetime) -> None:
    attributes: dict[int, dict[str, Any]] = {3: {"accumulation_reset": True}}
    steps = [
        field_step(
            float(h % 3), now + h * HOUR, run_at=now, forecast=True, accumulation_s=h * 3600,
            attributes=attributes.get(h, {}),
        )
        for h in range(1, 6)
    ]  # fmt: skip
    put(store, home, *steps, received_at=now)
    work_off(Deriver(store, home, only("precipitation_1h")), now)
    assert set(derived(store, home, "precipitation", 3600)) == {now + h * HOUR for h in (2, 4, 5)}


def test_a_total_begun_anew_on_the_way_is_no_amount_of_the_whole_time(now: datetime) -> None:
    steps = [amount(now + h * HOUR, h, run_at=now, attributes={"accumulation_reset": h == 3}) for h in range(1, 7)]
    amounts = amounts_of(steps)
    filled, seconds = tile(amounts, now, now + 6 * HOUR)
    assert [item.seconds / 3600 for item in filled] == [2.0, 1.0, 1.0, 1.0], "what fell in the third hour is unknown"
    assert seconds == 5 * 3600.0
    assert Chains(amounts).find(now, now + 6 * HOUR) is None
    assert Chains(amounts).find(now + 3 * HOUR, now + 6 * HOUR) is not None


def weather(now: datetime, **changes: Any) -> list[Any]:
    given = {"air_temperature": (33.0, "degC"), "relative_humidity": (70.0, "%"), "eastward_wind": (3.0, "m/s"),
             "northward_wind": (-4.0, "m/s"), **changes}  # fmt: skip
    return [
        field_step(value, now, quantity=quantity, unit=unit, accumulation_s=0)
        for quantity, (value, unit) in given.items()
    ]


def test_formulas_get_their_units_and_what_was_derived_before(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *weather(now, air_temperature=(306.15, "K")), received_at=now, source="model")
    work_off(Deriver(store, home, DERIVED), now)
    (heat_index,) = derived(store, home, "heat_index").values()
    np.testing.assert_allclose(heat_index.values, heat.heat_index(33.0, 70.0), rtol=1e-5)
    (wind,) = derived(store, home, "wind_speed").values()
    assert (wind.values == 5.0).all()
    (force,) = derived(store, home, "wind_force").values()
    assert (force.values == wind_force.wind_force(5.0)).all()
    assert force.row.attributes["of"] == "model" and force.row.attributes["categorical"]
    assert force.row.attributes["inputs"] == {"wind": [wind.row.id]}
    assert heat_index.row.attributes["citation"].startswith("Rothfusz 1990")


def test_what_the_source_gives_itself_is_not_derived(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *weather(now, wind_speed=(9.0, "m/s")), received_at=now)
    work_off(Deriver(store, home, only("wind_speed", "wind_force")), now)
    assert derived(store, home, "wind_speed") == {}
    (force,) = derived(store, home, "wind_force").values()
    assert (force.values == wind_force.wind_force(9.0)).all()


def test_what_the_source_gives_at_some_times_is_derived_at_others(store: Store, home: Path, now: datetime) -> None:
    own = weather(now, wind_speed=(9.0, "m/s"))
    put(store, home, *own, *weather(now - HOUR), received_at=now)
    deriver = Deriver(store, home, only("wind_speed", "wind_force"))
    work_off(deriver, now)
    assert set(derived(store, home, "wind_speed")) == {now - HOUR}
    forces = derived(store, home, "wind_force")
    assert (forces[now].values == wind_force.wind_force(9.0)).all()
    assert (forces[now - HOUR].values == wind_force.wind_force(5.0)).all()


def test_work_is_done_once_and_bounded(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *(field_step(1.0, now - h * HOUR) for h in range(12)), received_at=now)
    deriver = Deriver(store, home, only("precipitation_3h"))
    assert deriver.work(now, budget=4) == 4
    assert set(derived(store, home, "precipitation", 10800)) == {now - h * HOUR for h in range(4)}, "newest first"
    assert work_off(deriver, now) == 6
    assert deriver.work(now) == 0
    assert Deriver(store, home, only("precipitation_3h")).work(now) == 0, "a new process has nothing to do either"


def test_steps_received_later_are_not_looked_at(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *(field_step(1.0, now - h * HOUR) for h in range(3)), received_at=now + HOUR)
    deriver = Deriver(store, home, only("precipitation_3h"))
    assert deriver.work(now) == 0


def test_a_corrected_input_is_computed_anew(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *(field_step(1.0, now - h * HOUR) for h in range(4)), received_at=now)
    deriver = Deriver(store, home, only("precipitation_3h"))
    assert work_off(deriver, now) == 2
    put(store, home, field_step(5.0, now), received_at=now + HOUR)
    assert work_off(deriver, now + HOUR) == 1
    found = derived(store, home, "precipitation", 10800)
    assert {at: float(step.values.max()) for at, step in found.items()} == {now: 7.0, now - HOUR: 3.0}


def test_a_correction_that_was_received_before_another_feed_is_seen(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *(field_step(1.0, now - h * HOUR) for h in range(3)), received_at=now)
    put(store, home, *weather(now), received_at=now + timedelta(minutes=2), source="quicker")
    deriver = Deriver(store, home, only("precipitation_3h"))
    work_off(deriver, now + timedelta(minutes=3))
    put(store, home, field_step(5.0, now), received_at=now + timedelta(minutes=1))
    work_off(deriver, now + timedelta(minutes=4))
    (found,) = derived(store, home, "precipitation", 10800).values()
    assert (found.values == 7.0).all()


def test_a_full_disk_loses_no_job(store: Store, home: Path, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, home, *(field_step(1.0, now - h * HOUR) for h in range(8)), received_at=now)
    deriver = Deriver(store, home, only("precipitation_3h"))
    with monkeypatch.context() as patch:
        patch.setattr(FieldSink, "prepare", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            deriver.work(now)
    work_off(deriver, now)
    assert len(derived(store, home, "precipitation", 10800)) == 6


def test_a_correction_that_changes_nothing_is_done_once_and_names_its_steps(
    store: Store, home: Path, now: datetime
) -> None:
    put(store, home, *weather(now, air_temperature=(3.0, "degC")), received_at=now)
    deriver = Deriver(store, home, only("heat_index"))
    work_off(deriver, now)
    (first,) = derived(store, home, "heat_index").values()
    put(store, home, *weather(now, air_temperature=(3.0, "degC"), relative_humidity=(60.0, "%")),
        received_at=now + HOUR)  # fmt: skip
    assert work_off(deriver, now + HOUR) == 1, "below 40 degF the index is the temperature, whatever the humidity"
    (second,) = derived(store, home, "heat_index").values()
    assert first.row.id == second.row.id
    assert first.row.attributes["inputs"] != second.row.attributes["inputs"]
    assert deriver.work(now + HOUR) == 0


def test_inputs_that_do_not_serve_give_no_step_and_a_note(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *weather(now, relative_humidity=(70.0, "Pa")), received_at=now)
    deriver = Deriver(store, home, only("heat_index", "wind_speed"))
    assert work_off(deriver, now) == 2
    assert derived(store, home, "heat_index") == {}
    assert len(derived(store, home, "wind_speed")) == 1, "one formula's trouble is not another's"
    with store.read() as connection:
        notes = dict(connection.execute(sa.select(derivation.c.name, derivation.c.note)).all())
    assert "comes in 'Pa'" in notes["heat_index"] and notes["wind_speed"] == ""
    assert deriver.work(now) == 0, "it is not tried again and again"


def test_a_correction_that_does_not_serve_takes_the_step_back(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *weather(now), received_at=now)
    deriver = Deriver(store, home, only("heat_index"))
    work_off(deriver, now)
    assert len(derived(store, home, "heat_index")) == 1
    put(store, home, *weather(now, relative_humidity=(np.nan, "%")), received_at=now + HOUR)
    work_off(deriver, now + HOUR)
    assert derived(store, home, "heat_index") == {}


def test_a_damaged_input_gives_no_step(store: Store, home: Path, now: datetime) -> None:
    first, *_ = put(store, home, *(field_step(1.0, now - h * HOUR) for h in range(3)), received_at=now)
    with store.read() as connection:
        name = connection.execute(sa.select(table.c.store).where(table.c.id == first)).scalar_one()
    for path in (home / "fields" / name).rglob("c/0/0"):
        path.write_bytes(b"not a shard")
    work_off(Deriver(store, home, only("precipitation_3h")), now)
    assert derived(store, home, "precipitation", 10800) == {}


def test_a_formula_that_fails_is_told_and_does_not_stop_the_others(
    store: Store, home: Path, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError("by design")

    put(store, home, *weather(now), received_at=now)
    broken = replace(only("heat_index")[0], compute=fail)
    deriver = Deriver(store, home, (broken, *only("wind_speed")))
    assert work_off(deriver, now) == 2
    assert len(derived(store, home, "wind_speed")) == 1
    with store.read() as connection:
        notes = dict(connection.execute(sa.select(derivation.c.name, derivation.c.note)).all())
    assert notes["heat_index"] == "the formula failed: ZeroDivisionError: by design"
    assert "heat_index at" in caplog.text


def test_two_sources_on_one_grid_have_series_of_their_own(store: Store, home: Path, now: datetime) -> None:
    for source, value in (("beta", 2.0), ("alpha", 1.0)):
        steps = (field_step(value, now - h * HOUR) for h in range(3))
        put(store, home, *steps, received_at=now, source=source)
    assert work_off(Deriver(store, home, only("precipitation_3h")), now) == 2
    with store.read() as connection:
        rows = connection.execute(sa.select(table).where(is_made(table.c.source)).order_by(table.c.source)).all()
    assert [row.source for row in rows] == ["derived:alpha", "derived:beta"]
    assert [float(open_step(home, row).values.max()) for row in rows] == [3.0, 6.0]


def test_what_is_known_of_steps_that_are_gone_is_forgotten(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *(field_step(1.0, now - h * HOUR) for h in range(6)), received_at=now)
    deriver = Deriver(store, home, only("precipitation_3h"))
    work_off(deriver, now)
    trim(store, home, "precipitation", HOUR * 2.5, now)
    deriver.work(now)
    with store.read() as connection:
        times = set(connection.execute(sa.select(derivation.c.valid_at)).scalars())
    assert times == {now, now - HOUR, now - 2 * HOUR}


def test_what_is_switched_off_is_not_derived() -> None:
    names = {item.name for item in switched_on(["heat_index"])}
    assert "heat_index" not in names and len(names) == len(DERIVED) - 1


def test_a_leader_that_was_replaced_stores_nothing(store: Store, home: Path, now: datetime) -> None:
    put(store, home, *weather(now), received_at=now)
    with store.write() as connection:
        connection.execute(leader.delete())
        connection.execute(leader.insert().values(name="engine", epoch=5, holder="other", heartbeat_at=now))
    with pytest.raises(StaleLeader):
        Deriver(store, home, DERIVED).work(now, epoch=4)
    with store.read() as connection:
        assert connection.execute(sa.select(table.c.id).where(is_made(table.c.source))).all() == []


def amount(end: datetime, hours: int, **changes: Any) -> Any:
    given = {"id": hash((end, hours)), "valid_at": end, "run_at": end, "accumulation_s": hours * 3600, **changes}
    return SimpleNamespace(**given)


def test_a_chain_fills_the_window_exactly_with_the_fewest_amounts(now: datetime) -> None:
    steps = [amount(now - h * HOUR, 1) for h in range(12)] + [amount(now - 3 * HOUR, 6), amount(now, 4)]
    chain = Chains(amounts_of(steps)).find(now - 9 * HOUR, now)
    assert chain is not None
    assert [item.seconds / 3600 for item in chain] == [6, 1, 1, 1]
    assert Chains(amounts_of(steps[1:])).find(now - 2 * HOUR, now) is None


def test_differences_keep_missing_missing() -> None:
    found, mended = difference(np.array([2.0, np.nan, 1.0, 0.95, 0.5]), np.array([1.0, 1.0, np.nan, 1.0, 1.0]), 0.1)
    np.testing.assert_array_equal(found, [1.0, np.nan, np.nan, 0.0, np.nan])
    assert mended == 1


PROGRAM = """
import sys
from datetime import datetime
from pathlib import Path
from data.store.engine import open_store
from layers.derivations import DERIVED
ROLLING = [item for item in DERIVED if item.accumulation and item.name.startswith("precipitation_")]
from layers.derive import Deriver
url, home, now = sys.argv[1:4]
deriver = Deriver(open_store(url), Path(home), ROLLING)
print("go", flush=True)
while deriver.work(datetime.fromisoformat(now), budget=2):
    print("step", flush=True)
"""


def test_killed_half_way_nothing_is_wrong_or_lost(sqlite_url: str, home: Path, now: datetime) -> None:
    store, luck = open_store(sqlite_url), random.Random(2)
    put(store, home, *(field_step(float(h), now - h * HOUR) for h in range(26)), received_at=now)
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, sqlite_url, str(home), now.isoformat()],
            cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == b"go\n"
        child.stdout.readline()
        time.sleep(luck.uniform(0.0, 0.2))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        check_sums(store, home, now)
    while Deriver(store, home, ROLLING).work(now) == BATCH:
        pass
    expected = sum(26 - hours + 1 for hours in (3, 6, 12, 24))
    assert check_sums(store, home, now) == expected
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(derivation)).scalar() == expected
    store.close()


def check_sums(store: Store, home: Path, now: datetime) -> int:
    """Every derived step is right; how many there are."""
    count = 0
    for hours in (3, 6, 12, 24):
        for at, step in derived(store, home, "precipitation", hours * 3600).items():
            newest = (now - at) // HOUR
            assert (step.values == sum(range(newest, newest + hours))).all()
            count += 1
    return count
