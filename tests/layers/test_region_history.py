"""Histories of regions: the same numbers as the statistics themselves, whole after any kill, and unknown is None."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from data.errors import LayerError, StaleLeader
from data.store.engine import Store, open_store
from data.store.field_series import SeriesKey, best_steps, list_series
from data.store.fields import open_step, trim
from data.store.tables import leader, region_slot
from layers.fields import step_region_values
from layers.history_file import FOLDER, SLOTS
from layers.region_history import BATCH, bring_up_to_date, forget_broken, read_history
from layers.zonal import load_weights
from tests.conftest import ROOT
from tests.layers.archive_scene import LAT, LON, REGIONS, SHAPE, field_step, put, write_base

HOUR = timedelta(hours=1)


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base")


def values_of(seed: int) -> Any:
    values = np.random.default_rng(seed).gamma(2.0, 5.0, SHAPE).astype(np.float32)
    values[0, :2] = np.nan
    return values


def only_key(store: Store) -> SeriesKey:
    with store.read() as connection:
        (series,) = list_series(connection)
    return series.key


def work_off(store: Store, home: Path, base_dir: Path, now: datetime) -> int:
    done = total = BATCH
    total = 0
    while done == BATCH:
        done = bring_up_to_date(store, home, base_dir, now)
        total += done
    return total


def test_history_equals_the_statistics_of_each_step(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    steps = [field_step(values_of(hour), now - hour * HOUR) for hour in range(SLOTS + 3)]
    put(store, home, *steps, received_at=now)
    assert work_off(store, home, base_dir, now) == SLOTS + 3
    key = only_key(store)
    weights = load_weights(home, base_dir, ["country", "cn-province"], LON, LAT)
    options = {"p90": ("percentile", {"percentile": 90.0}), "area_mean": ("mean", {"by_area": True})}
    with store.read() as connection:
        rows = best_steps(connection, key)
    for statistic in ("mean", "area_mean", "max", "min", "p90"):
        name, more = options.get(statistic, (statistic, {}))
        expected = [step_region_values(open_step(home, row), weights, name, **more) for row in rows]
        for rid in range(len(REGIONS)):
            found = read_history(store, home, key, rid, statistic, base_dir=base_dir)
            assert [point.valid_at for point in found] == [row.valid_at for row in rows]
            value = [np.nan if point.value is None else point.value for point in found]
            np.testing.assert_allclose(value, [one.value[rid] for one in expected], rtol=1e-6)
            if statistic == "area_mean":
                continue  # its share is by ground area too
            share = [point.valid_share for point in found]
            np.testing.assert_allclose(np.array(share, float), [one.valid_share[rid] for one in expected], rtol=1e-6)
    outside = read_history(store, home, key, 3, "max", base_dir=base_dir)
    assert {(point.value, point.valid_share, point.pending) for point in outside} == {(None, 0.0, False)}


def test_work_is_bounded_newest_first_and_done_once(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    put(store, home, *(field_step(values_of(h), now - h * HOUR) for h in range(5)), received_at=now)
    assert bring_up_to_date(store, home, base_dir, now - HOUR) == 0, "what was not received yet waits"
    assert bring_up_to_date(store, home, base_dir, now, budget=2) == 2
    points = read_history(store, home, only_key(store), 0, "mean", base_dir=base_dir)
    assert [point.pending for point in points] == [True, True, True, False, False]
    assert all(point.value is None for point in points[:3])
    assert bring_up_to_date(store, home, base_dir, now) == 3
    assert bring_up_to_date(store, home, base_dir, now) == 0


def test_missing_is_none_and_never_zero(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    half = np.full(SHAPE, 3.0)
    half[:, SHAPE[1] // 2 :] = np.nan
    put(store, home, field_step(half, now), received_at=now)
    work_off(store, home, base_dir, now)
    key = only_key(store)
    (west,), (east,), (both,) = (read_history(store, home, key, rid, "max", base_dir=base_dir) for rid in (1, 2, 0))
    assert (west.value, west.valid_share) == (3.0, 1.0)
    assert (east.value, east.valid_share) == (None, 0.0)
    assert (both.value, both.valid_share) == (3.0, 0.5)


def test_a_corrected_step_is_computed_anew_and_its_slot_given_away(
    store: Store, home: Path, base_dir: Path, now: datetime
) -> None:
    put(store, home, field_step(1.0, now - HOUR), field_step(2.0, now), received_at=now)
    work_off(store, home, base_dir, now)
    put(store, home, field_step(7.0, now - HOUR), received_at=now)
    key = only_key(store)
    assert [p.value for p in read_history(store, home, key, 0, "mean", base_dir=base_dir)] == [None, 2.0]
    assert work_off(store, home, base_dir, now) == 1
    assert [p.value for p in read_history(store, home, key, 0, "mean", base_dir=base_dir)] == [7.0, 2.0]
    with store.read() as connection:
        assert sorted(connection.execute(sa.select(region_slot.c.slot)).scalars()) == [0, 1]


def test_a_trimmed_step_frees_its_slot(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    put(store, home, *(field_step(float(h), now - h * HOUR) for h in range(6)), received_at=now)
    work_off(store, home, base_dir, now)
    assert trim(store, home, "precipitation", 2.5 * HOUR, now) == 3
    put(store, home, *(field_step(10.0 + h, now + h * HOUR) for h in (1, 2, 3)), received_at=now)
    work_off(store, home, base_dir, now)
    points = read_history(store, home, only_key(store), 0, "mean", base_dir=base_dir)
    assert [point.value for point in points] == [2.0, 1.0, 0.0, 11.0, 12.0, 13.0]
    with store.read() as connection:
        assert sorted(connection.execute(sa.select(region_slot.c.slot)).scalars()) == list(range(6))


def test_a_slot_that_was_given_away_reads_as_unknown(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    first, second = put(store, home, field_step(1.0, now - HOUR), field_step(2.0, now), received_at=now)
    work_off(store, home, base_dir, now)
    with store.write() as connection:  # as a reader sees it that asked before the slots changed hands
        slots = dict(connection.execute(sa.select(region_slot.c.step_id, region_slot.c.slot)).all())
        connection.execute(region_slot.delete().where(region_slot.c.step_id == second))
        connection.execute(
            region_slot.update().where(region_slot.c.step_id == first).values(slot=slots[second])
        )  # fmt: skip
    points = read_history(store, home, only_key(store), 0, "mean", base_dir=base_dir)
    assert [(point.value, point.pending) for point in points] == [(None, True), (None, True)]
    assert forget_broken(store, home, base_dir) == 1
    assert work_off(store, home, base_dir, now) == 2
    points = read_history(store, home, only_key(store), 0, "mean", base_dir=base_dir)
    assert [point.value for point in points] == [1.0, 2.0]


def test_lost_files_are_made_again(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    put(store, home, field_step(1.0, now), received_at=now)
    work_off(store, home, base_dir, now)
    for path in (home / FOLDER).glob("*/*.bin"):
        path.unlink()
    (point,) = read_history(store, home, only_key(store), 0, "mean", base_dir=base_dir)
    assert point.pending
    assert forget_broken(store, home, base_dir) == 1
    work_off(store, home, base_dir, now)
    (point,) = read_history(store, home, only_key(store), 0, "mean", base_dir=base_dir)
    assert point.value == 1.0


def test_files_of_series_that_are_gone_are_removed(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    put(store, home, field_step(1.0, now - HOUR), received_at=now)
    work_off(store, home, base_dir, now)
    trim(store, home, "precipitation", HOUR / 2, now)
    assert forget_broken(store, home, base_dir) == 0
    assert list((home / FOLDER).glob("*/*.bin")) == []


def test_other_base_data_make_other_histories(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    put(store, home, field_step(np.arange(8.0)[None, :], now), received_at=now)
    work_off(store, home, base_dir, now)
    swapped = (REGIONS[0], ("CN-11", *REGIONS[2][1:]), ("CN-12", *REGIONS[1][1:]), REGIONS[3])
    other = write_base(base_dir.with_name("other"), swapped)
    key = only_key(store)
    assert read_history(store, home, key, 1, "max", base_dir=base_dir)[0].value == 3.0
    assert read_history(store, home, key, 1, "max", base_dir=other)[0].pending
    work_off(store, home, other, now)
    assert read_history(store, home, key, 1, "max", base_dir=other)[0].value == 7.0


def test_a_damaged_step_is_unknown_and_the_others_go_on(
    store: Store, home: Path, base_dir: Path, now: datetime
) -> None:
    put(store, home, field_step(1.0, now - HOUR), field_step(2.0, now), received_at=now)
    with store.read() as connection:
        newest = best_steps(connection, only_key(store))[-1]
    for path in (home / "fields" / newest.store).rglob("c/0/0"):
        path.write_bytes(b"not a shard")
    assert work_off(store, home, base_dir, now) == 2
    points = read_history(store, home, only_key(store), 0, "mean", base_dir=base_dir)
    assert [(point.value, point.valid_share) for point in points] == [(1.0, 1.0), (None, 0.0)]


def test_a_grid_that_cannot_be_laid_over_regions_is_unknown_and_the_others_go_on(
    store: Store, home: Path, base_dir: Path, now: datetime, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def refuse_odd(home: Path, base_dir: Path, kinds: Any, lon: Any, lat: Any) -> Any:
        if lon[0] != LON[0]:
            raise IndexError("by design")
        return load_weights(home, base_dir, kinds, lon, lat)

    monkeypatch.setattr("layers.region_history.load_weights", refuse_odd)
    put(store, home, field_step(1.0, now), received_at=now)
    put(store, home, field_step(1.0, now, lon=LON + 0.1), received_at=now + HOUR, source="odd")
    work_off(store, home, base_dir, now + HOUR)
    with store.read() as connection:
        odd, good = sorted((series.key for series in list_series(connection)), key=lambda key: key.source != "odd")
    (unknown,) = read_history(store, home, odd, 0, "mean", base_dir=base_dir)
    (known,) = read_history(store, home, good, 0, "mean", base_dir=base_dir)
    assert (unknown.value, unknown.valid_share, unknown.pending) == (None, 0.0, False)
    assert known.value == 1.0 and "by design" in caplog.text


def test_analysis_goes_before_forecast_and_a_new_run_before_an_old_one(
    store: Store, home: Path, base_dir: Path, now: datetime
) -> None:
    steps = [
        field_step(1.0, now, run_at=now - 6 * HOUR, forecast=True),
        field_step(2.0, now),
        field_step(3.0, now + HOUR, run_at=now - 6 * HOUR, forecast=True),
        field_step(4.0, now + HOUR, run_at=now, forecast=True),
    ]
    put(store, home, *steps, received_at=now)
    work_off(store, home, base_dir, now)
    points = read_history(store, home, only_key(store), 0, "mean", base_dir=base_dir)
    assert [(point.value, point.forecast) for point in points] == [(2.0, False), (4.0, True)]


def test_what_does_not_exist_is_refused(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    put(store, home, field_step(1.0, now), received_at=now)
    key = only_key(store)
    with pytest.raises(LayerError, match="is not one of mean"):
        read_history(store, home, key, 0, "median", base_dir=base_dir)
    with pytest.raises(LayerError, match="no region 4"):
        read_history(store, home, key, 4, "mean", base_dir=base_dir)


def test_a_leader_that_was_replaced_writes_nothing(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    put(store, home, field_step(1.0, now), received_at=now)
    with store.write() as connection:
        connection.execute(leader.delete())
        connection.execute(leader.insert().values(name="engine", epoch=5, holder="other", heartbeat_at=now))
    with pytest.raises(StaleLeader):
        bring_up_to_date(store, home, base_dir, now, epoch=4)
    (point,) = read_history(store, home, only_key(store), 0, "mean", base_dir=base_dir)
    assert point.pending


PROGRAM = """
import sys
from datetime import datetime
from pathlib import Path
from data.store.engine import open_store
from layers.region_history import bring_up_to_date
url, home, base, now = sys.argv[1:5]
store = open_store(url)
print("go", flush=True)
while bring_up_to_date(store, Path(home), Path(base), datetime.fromisoformat(now), budget=2):
    print("step", flush=True)
"""


def test_killed_half_way_nothing_is_wrong_or_lost(sqlite_url: str, home: Path, base_dir: Path, now: datetime) -> None:
    store = open_store(sqlite_url)
    count = 60
    put(store, home, *(field_step(float(h), now - h * HOUR) for h in range(count)), received_at=now)
    key, luck = only_key(store), random.Random(4)
    bring_up_to_date(store, home, base_dir, now, budget=1)  # compiles, and builds the weights
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, sqlite_url, str(home), str(base_dir), now.isoformat()],
            cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == b"go\n"
        child.stdout.readline()
        time.sleep(luck.uniform(0.0, 0.05))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        check_points(store, home, base_dir, key, now, count)
    work_off(store, home, base_dir, now)
    assert check_points(store, home, base_dir, key, now, count) == count
    assert forget_broken(store, home, base_dir) == 0
    store.close()


def check_points(store: Store, home: Path, base_dir: Path, key: SeriesKey, now: datetime, count: int) -> int:
    """Every point is right or not there yet; how many are there."""
    points = read_history(store, home, key, 1, "mean", base_dir=base_dir)
    assert len(points) == count
    known = [point for point in points if not point.pending]
    for point in known:
        assert point.value == (now - point.valid_at) / HOUR
    return len(known)
