"""The history of a point: blocks of closed days and single steps say the same, and blocks follow the steps."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import StaleLeader
from data.model import FieldStep
from data.store import field_blocks, field_history
from data.store.engine import Store
from data.store.field_blocks import blocks_of, consolidate
from data.store.field_history import cell_at, point_history
from data.store.field_series import SeriesKey, best_steps, list_series
from data.store.fields import FOLDER, trim
from data.store.housekeeping import keep_house
from tests.data.test_fields import ROOT, keep

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
LATER = START + 10 * DAY
SHAPE = (40, 70)


def hourly(number: int, *, seed: int | None = None, **changes: Any) -> FieldStep:
    """An hourly step; a tenth of its cells is missing."""
    draw = np.random.default_rng(number if seed is None else seed)
    values = np.where(draw.random(SHAPE) < 0.1, np.nan, draw.gamma(2.0, 5.0, SHAPE)).astype(np.float32)
    at = START + number * HOUR
    facts = {
        "quantity": "precipitation", "unit": "mm", "valid_at": at, "run_at": at, "accumulation_s": 3600,
        "lon": 100 + np.arange(SHAPE[1]) * 0.1, "lat": 40 - np.arange(SHAPE[0]) * 0.1, "values": values,
    }  # fmt: skip
    return FieldStep(**{**facts, **changes})


def rows_of(store: Store) -> tuple[SeriesKey, list[Any]]:
    with store.read() as connection:
        (series,) = list_series(connection)
        return series.key, best_steps(connection, series.key)


def expected(made: list[FieldStep], row: int, column: int) -> np.ndarray:
    return np.array([step.values[row, column] for step in made])


def test_blocks_and_single_steps_give_the_same_history(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [hourly(number) for number in range(60)]  # two closed days and half of one
    keep(store, home, *made)
    key, rows = rows_of(store)
    points = [(100.0, 40.0, 0, 0), (103.21, 38.04, 20, 32), (106.9, 36.1, 39, 69), (463.2, 38.0, 20, 32)]
    single = [point_history(home, rows, lon, lat) for lon, lat, _, _ in points]
    assert consolidate(store, home, START + 60 * HOUR) == 2
    assert sorted(blocks_of(home, key)) == [date(2026, 3, 1), date(2026, 3, 2)]
    read: list[Any] = []
    alone = field_history._from_step
    monkeypatch.setattr(field_history, "_from_step", lambda *a: (read.append(a), alone(*a))[1])
    for (lon, lat, row, column), before in zip(points, single, strict=True):
        found = point_history(home, rows, lon, lat)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected(made, row, column))
        np.testing.assert_array_equal(found, before)
    assert len(read) == 4 * 12  # what is not in a block, and nothing else
    assert np.isnan(point_history(home, rows, 99.0, 40.0)).all()
    np.testing.assert_array_equal(point_history(home, rows[::-7], 103.2, 38.0), expected(made[::-7], 20, 32))
    assert point_history(home, [], 100.0, 40.0).shape == (0,)


def test_second_call_makes_nothing_new(store: Store, home: Path) -> None:
    keep(store, home, *(hourly(number) for number in range(24)))
    assert consolidate(store, home, LATER) == 1
    key, _ = rows_of(store)
    before = {path: path.stat().st_mtime_ns for path in (home / field_blocks.FOLDER).rglob("*")}
    assert consolidate(store, home, LATER + HOUR) == 0
    assert {path: path.stat().st_mtime_ns for path in (home / field_blocks.FOLDER).rglob("*")} == before
    assert len(blocks_of(home, key)) == 1


def test_day_is_closed_some_hours_after_its_end(store: Store, home: Path) -> None:
    keep(store, home, *(hourly(number) for number in range(24)))
    assert consolidate(store, home, START + DAY + 5 * HOUR) == 0
    assert consolidate(store, home, START + DAY + 6 * HOUR) == 1


def test_few_steps_of_a_day_stay_single(store: Store, home: Path) -> None:
    keep(store, home, *(hourly(number) for number in range(0, 24, 6)))
    assert consolidate(store, home, LATER) == 0


def test_corrected_step_is_read_from_its_group_until_its_block_is_made_again(store: Store, home: Path) -> None:
    made = [hourly(number) for number in range(24)]
    keep(store, home, *made)
    consolidate(store, home, LATER)
    made[7] = hourly(7, seed=99)
    keep(store, home, made[7])
    key, rows = rows_of(store)
    np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), expected(made, 20, 32))
    ((old,),) = blocks_of(home, key).values()
    assert consolidate(store, home, LATER) == 1
    ((new,),) = blocks_of(home, key).values()
    assert new != old
    np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), expected(made, 20, 32))


def test_late_step_joins_its_block(store: Store, home: Path) -> None:
    made = [hourly(number) for number in range(24)]
    keep(store, home, *made[:9], *made[10:])
    assert consolidate(store, home, LATER) == 1
    keep(store, home, made[9])
    assert consolidate(store, home, LATER) == 1
    key, rows = rows_of(store)
    ((block,),) = blocks_of(home, key).values()
    assert field_blocks.open_block(block).shape == (24, *SHAPE)
    np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), expected(made, 20, 32))


def test_retention_takes_blocks_with_the_last_step_of_their_day(store: Store, home: Path) -> None:
    made = [hourly(number) for number in range(48)]
    keep(store, home, *made)
    consolidate(store, home, LATER)
    key, _ = rows_of(store)
    trim(store, home, "precipitation", DAY, START + 30 * HOUR)  # six steps of the first day
    assert consolidate(store, home, LATER) == 0  # the block has all that is left, and more
    _, rows = rows_of(store)
    np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), expected(made[6:], 20, 32))
    trim(store, home, "precipitation", DAY, START + 48 * HOUR)
    consolidate(store, home, LATER)
    assert list(blocks_of(home, key)) == [date(2026, 3, 2)]
    trim(store, home, "precipitation", DAY, LATER)
    consolidate(store, home, LATER)
    assert list((home / field_blocks.FOLDER).glob("*/*/*")) == []


def test_block_that_has_gone_is_no_loss(store: Store, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [hourly(number) for number in range(24)]
    keep(store, home, *made)
    consolidate(store, home, LATER)
    _, rows = rows_of(store)

    def losing(path: Path) -> Any:
        opened = original(path)
        field_blocks.remove_folder(path)
        return opened

    original = field_blocks.open_block
    monkeypatch.setattr(field_history, "open_block", losing)
    np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), expected(made, 20, 32))


def test_step_that_has_gone_is_missing(store: Store, home: Path) -> None:
    made = [hourly(number) for number in range(12)]
    keep(store, home, *made)
    _, rows = rows_of(store)
    shutil.rmtree(home / FOLDER / rows[11].store)
    shutil.rmtree(home / FOLDER / rows[3].store)
    wanted = expected(made, 20, 32)
    wanted[[3, 11]] = np.nan
    np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), wanted)
    assert consolidate(store, home, LATER) == 1
    np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), wanted)
    assert consolidate(store, home, LATER) == 0


def test_best_steps_of_a_day_make_its_block(store: Store, home: Path) -> None:
    forecast = [hourly(number, seed=100 + number, run_at=START, forecast=True) for number in range(24)]
    analysis = [hourly(number) for number in range(0, 24, 3)]
    keep(store, home, *forecast, *(step for step in analysis if step.valid_at != START), analysis[0])
    consolidate(store, home, LATER)
    _, rows = rows_of(store)
    wanted = [analysis[number // 3] if number % 3 == 0 else forecast[number] for number in range(24)]
    np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), expected(wanted, 20, 32))


def test_long_days_and_large_grids_are_written_in_parts(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_blocks, "LENGTH", 10)
    monkeypatch.setattr(field_blocks, "SHARD", 33)
    monkeypatch.setattr(field_blocks, "CHUNK", 16)
    made = [hourly(number) for number in range(24)]
    keep(store, home, *made)
    consolidate(store, home, LATER)
    key, _ = rows_of(store)
    ((path,),) = blocks_of(home, key).values()
    block = field_blocks.open_block(path)
    assert (block.chunks, block.shards) == ((10, 16, 16), (10, 48, 48))
    np.testing.assert_array_equal(block[:], np.stack([step.values for step in made]))


def test_work_of_one_call_is_bounded_newest_first(store: Store, home: Path) -> None:
    keep(store, home, *(hourly(number) for number in range(72)))
    key, _ = rows_of(store)
    assert consolidate(store, home, LATER, most=1) == 1
    assert list(blocks_of(home, key)) == [date(2026, 3, 3)]
    assert consolidate(store, home, LATER, most=24 * SHAPE[0] * SHAPE[1] + 1) == 2


def test_stale_leader_stops(store: Store, home: Path) -> None:
    keep(store, home, *(hourly(number) for number in range(24)))
    with pytest.raises(StaleLeader):
        consolidate(store, home, LATER, epoch=7)


def test_housekeeping_turns_closed_days(store: Store, home: Path) -> None:
    keep(store, home, *(hourly(number) for number in range(24)))
    keep_house(store, home, START + 2 * DAY, keep_fields=7 * DAY, keep_runs=30 * DAY)
    key, _ = rows_of(store)
    assert list(blocks_of(home, key)) == [date(2026, 3, 1)]


def test_point_in_a_grid_with_a_seam() -> None:
    lon = np.array([-180.0, -179.0, 178.0, 179.0])
    lat = np.array([1.0, 0.0, -1.0])
    assert cell_at(lon, lat, 179.4, 0.2) == (1, 3)
    assert cell_at(lon, lat, 180.0, -1.4) == (2, 0)
    assert cell_at(lon, lat, -181.0, 0.0) == (1, 3)
    assert cell_at(lon, lat, 0.0, 0.0) is None
    assert cell_at(lon, lat, 179.0, 2.0) is None


TURNER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from data.store.engine import open_store
from data.store.field_blocks import consolidate

store = open_store(sys.argv[2])
print("ready", flush=True)
consolidate(store, Path(sys.argv[1]), datetime(2026, 3, 11, tzinfo=UTC))
"""


@pytest.mark.one_database
@pytest.mark.one_database
def test_kill_while_days_are_turned_leaves_whole_blocks_only(store: Store, database_url: str, home: Path) -> None:
    made = [hourly(number) for number in range(8 * 24)]
    keep(store, home, *made)
    key, rows = rows_of(store)
    for blocks in (1, 4):
        turner = subprocess.Popen(
            [sys.executable, "-c", TURNER, str(home), database_url], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        assert turner.stdout is not None
        assert turner.stdout.readline() == "ready\n"
        while len(blocks_of(home, key)) < blocks and turner.poll() is None:
            pass
        turner.send_signal(signal.SIGKILL)
        turner.communicate()
        np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), expected(made, 20, 32))
    for partial in (home / field_blocks.FOLDER).glob("*/*/*/.*"):
        os.utime(partial, (1, 1))
    consolidate(store, home, LATER)
    assert len(blocks_of(home, key)) == 8
    assert list((home / field_blocks.FOLDER).glob("*/*/*/.*")) == []
    np.testing.assert_array_equal(point_history(home, rows, 103.2, 38.0), expected(made, 20, 32))
