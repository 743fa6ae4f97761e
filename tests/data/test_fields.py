"""The field archive: complete steps or none, corrections, retention, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import StoreError
from data.grid import fractional_column, fractional_row, grid_digest, is_global, normalise, segments
from data.model import FieldStep
from data.store.changes import read_changes, read_versions
from data.store.engine import Store, open_store
from data.store.fields import (
    FOLDER,
    FieldSink,
    clean,
    extremes,
    find_step,
    find_steps,
    kept_for,
    open_step,
    overviews,
    roll,
    trim,
    values_digest,
)
from data.store.sink import Counts, PutContext

ROOT = Path(__file__).resolve().parents[2]
VALID_AT = datetime(2026, 3, 1, 11, tzinfo=UTC)


def step(valid_at: datetime = VALID_AT, *, seed: int = 0, size: int = 600, **changes: Any) -> FieldStep:
    values = np.random.default_rng(seed).gamma(2.0, 5.0, (size, size)).astype(np.float32)
    values[:5] = np.nan
    lon, lat = 100 + np.arange(size) * 0.02, 40 - np.arange(size) * 0.02
    made = FieldStep(
        quantity="precipitation", unit="mm", valid_at=valid_at, run_at=valid_at, lon=lon, lat=lat, values=values,
        accumulation_s=3600, attributes={"title": "rain"},
    )  # fmt: skip
    return replace(made, **changes)


def keep(store: Store, home: Path, *steps: FieldStep, now: datetime = VALID_AT, source: str = "grid_files") -> Counts:
    context = PutContext(source=source, payload_id=1, received_at=now, home=home)
    sink = FieldSink()
    prepared = sink.prepare(replace(context, payload_id=0), steps)  # the payload has no row yet
    with store.write() as connection:
        return sink.put(connection, context, prepared)


def groups(home: Path) -> list[Path]:
    return sorted((home / FOLDER).glob("*/*/*"))


def test_step_comes_back_as_it_went_in(store: Store, home: Path, now: datetime) -> None:
    made = step()
    assert keep(store, home, made, now=now) == Counts(stored=1)
    with store.read() as connection:
        (row,) = find_steps(connection, quantity="precipitation")
        assert find_step(connection, row.id) == row
        assert find_step(connection, row.id + 1) is None
        assert [change.subject for change in read_changes(connection, VALID_AT)] == ["precipitation"]
    opened = open_step(home, row)
    np.testing.assert_array_equal(opened.values, made.values)
    np.testing.assert_array_equal(opened.lon, made.lon)
    np.testing.assert_array_equal(opened.lat, made.lat)
    assert [array.shape for array in opened.levels] == [(600, 600), (300, 300), (150, 150)]
    assert row.missing_share == pytest.approx(5 / 600)
    assert (row.west, row.north) == pytest.approx((99.99, 40.01))
    assert (row.unit, row.accumulation_s, row.received_at, row.payload_id) == ("mm", 3600, now, 1)
    spread = {"low": np.nanmin(made.values), "high": np.nanmax(made.values)}
    assert row.attributes == {"title": "rain", **spread}


def test_second_identical_run_changes_nothing(store: Store, home: Path, now: datetime) -> None:
    keep(store, home, step(), now=now)
    with store.read() as connection:
        before = read_versions(connection)
    assert keep(store, home, step(), now=now + timedelta(hours=1)) == Counts(unchanged=1)
    with store.read() as connection:
        assert read_versions(connection) == before
    assert len(groups(home)) == 1


def test_corrected_step_gets_a_new_id(store: Store, home: Path) -> None:
    keep(store, home, step(seed=1))
    with store.read() as connection:
        (old,) = find_steps(connection)
    assert keep(store, home, step(seed=2)) == Counts(stored=1)
    with store.read() as connection:
        (new,) = find_steps(connection)
    assert new.id != old.id
    np.testing.assert_array_equal(open_step(home, new).values, step(seed=2).values)


def test_equal_values_at_other_times_are_other_steps(store: Store, home: Path) -> None:
    assert keep(store, home, step(), step(VALID_AT + timedelta(hours=1))) == Counts(stored=2)
    with store.read() as connection:
        rows = find_steps(connection)
    assert [row.valid_at for row in rows] == [VALID_AT + timedelta(hours=1), VALID_AT]


def test_step_without_any_value_has_no_extremes(store: Store, home: Path) -> None:
    keep(store, home, step(size=16, values=np.full((16, 16), np.nan, np.float32)))
    with store.read() as connection:
        (row,) = find_steps(connection)
    assert (row.missing_share, row.attributes["low"], row.attributes["high"]) == (1.0, None, None)


def test_extremes_are_finite() -> None:
    values = np.array([[np.nan, -np.inf], [3, 7]], np.float32)
    assert extremes(values) == {"low": 3.0, "high": 7.0}
    assert extremes(np.full((2, 2), np.inf, np.float32)) == {"low": None, "high": None}


def test_find_steps_by_time_and_source(store: Store, home: Path) -> None:
    hours = [VALID_AT + timedelta(hours=hour) for hour in range(4)]
    keep(store, home, *(step(hour, size=16) for hour in hours))
    keep(store, home, step(hours[0], size=16), source="other")
    with store.read() as connection:
        found = find_steps(connection, source="grid_files", since=hours[0], until=hours[2])
        everything = find_steps(connection, limit=3)
    assert [row.valid_at for row in found] == [hours[2], hours[1]]
    assert len(everything) == 3


def test_kill_between_prepare_and_put_leaves_only_a_group_that_is_cleaned(store: Store, home: Path) -> None:
    context = PutContext(source="grid_files", payload_id=1, received_at=VALID_AT, home=home)
    FieldSink().prepare(context, [step(seed=1)])
    keep(store, home, step(seed=2))
    partial = groups(home)[0].parent / ".partial-killed"
    partial.mkdir()
    later = datetime.now(UTC) + timedelta(hours=2)
    assert clean(store, home, later - timedelta(hours=2)) == 0  # still young: somebody may be about to put it
    assert clean(store, home, later) == 2
    with store.read() as connection:
        (row,) = find_steps(connection)
    assert [path.relative_to(home / FOLDER).as_posix() for path in groups(home)] == [row.store]
    assert open_step(home, row).values.shape == (600, 600)


def test_prepared_group_that_exists_is_touched(store: Store, home: Path) -> None:
    context = PutContext(source="grid_files", payload_id=1, received_at=VALID_AT, home=home)
    FieldSink().prepare(context, [step()])
    (group,) = groups(home)
    os.utime(group, (1, 1))
    FieldSink().prepare(context, [step()])
    assert group.stat().st_mtime > 1e9


def test_failed_write_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _body: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data.store.field_files.write_file", full)
    context = PutContext(source="grid_files", payload_id=1, received_at=VALID_AT, home=home)
    with pytest.raises(OSError, match="No space"):
        FieldSink().prepare(context, [step()])
    assert groups(home) == []


def test_trim_drops_rows_and_files_of_old_steps(store: Store, home: Path) -> None:
    days = [VALID_AT - timedelta(days=day) for day in range(4)]
    keep(store, home, *(step(day, size=16, seed=number) for number, day in enumerate(days)))
    assert trim(store, home, "precipitation", timedelta(days=1, hours=1), VALID_AT) == 2
    assert trim(store, home, "precipitation", timedelta(days=1, hours=1), VALID_AT) == 0
    with store.read() as connection:
        assert [row.valid_at for row in find_steps(connection)] == days[:2]
    assert len(groups(home)) == 2


def test_roll_trims_every_quantity(store: Store, home: Path) -> None:
    old = VALID_AT - timedelta(days=9)
    keep(store, home, step(size=16), step(old, size=16, seed=1), step(old, size=16, seed=2, quantity="wind_gust"))
    assert roll(store, home, VALID_AT, keep=timedelta(days=7)) == 2
    with store.read() as connection:
        assert [row.valid_at for row in find_steps(connection)] == [VALID_AT]


def test_roll_keeps_climatologies_and_what_the_office_says(store: Store, home: Path) -> None:
    names = ["precipitation", "snow_depth", "population", "precipitation_annual_max"]
    old = VALID_AT - timedelta(days=9)
    keep(store, home, *(step(old, size=16, seed=number, quantity=name) for number, name in enumerate(names)))
    assert roll(store, home, VALID_AT, keep=timedelta(days=7), keep_for={"snow_*": None}) == 1
    with store.read() as connection:
        assert {row.quantity for row in find_steps(connection)} == set(names[1:])


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("quantity", "keep_for", "kept"),
    [
        ("rain", {}, 2 * DAY),
        ("rain", {"rain": 9 * DAY}, 9 * DAY),
        ("rain", {"r*": None, "rain": DAY}, DAY),
        ("population", {"*": DAY}, None),
        ("population", {"population": DAY}, DAY),
        ("rain_normal", {}, None),
        ("fwi_dmc", {}, 3 * DAY),
        ("fwi_dmc", {"fwi_*": 30 * DAY}, 30 * DAY),
        ("fwi_dmc", {"fwi_*": None}, None),
    ],
)
def test_time_that_a_quantity_is_kept_for(
    quantity: str, keep_for: dict[str, timedelta | None], kept: timedelta | None
) -> None:
    assert kept_for(quantity, 2 * DAY, keep_for) == kept


def test_trimmed_step_is_gone_for_who_reads_it_and_never_half(store: Store, home: Path) -> None:
    keep(store, home, step())
    with store.read() as connection:
        (row,) = find_steps(connection)
    opened = open_step(home, row)
    assert opened.levels[0].shape == (600, 600)
    assert trim(store, home, "precipitation", DAY, VALID_AT + 2 * DAY) == 1
    with pytest.raises(StoreError, match="not in the archive"):
        opened.values  # noqa: B018
    assert list((home / FOLDER).glob("*/*/*")) == []


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
import numpy as np
from data.model import FieldStep
from data.store.engine import open_store
from data.store.fields import FieldSink
from data.store.sink import PutContext

home, store, sink = Path(sys.argv[1]), open_store(sys.argv[2]), FieldSink()
start = datetime(2026, 3, 1, tzinfo=UTC)
for number in range(10_000):
    values = np.random.default_rng(number).random((700, 700), dtype=np.float32)
    at = start + timedelta(minutes=number)
    axis = np.arange(700) * 0.01
    step = FieldStep(quantity="rain", unit="mm", valid_at=at, run_at=at, lon=axis, lat=50 - axis, values=values)
    context = PutContext(source="s", payload_id=1, received_at=at, home=home)
    prepared = sink.prepare(context, [step])
    with store.write() as connection:
        sink.put(connection, context, prepared)
    print(number, flush=True)
"""


def test_every_acknowledged_step_is_whole_after_kill(sqlite_url: str, home: Path) -> None:
    delay = np.random.default_rng(3)
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(home), sqlite_url], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        assert writer.stdout is not None
        for _line in range(int(delay.integers(3, 8))):  # new ones, or unchanged ones of the last life
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
        writer.stdout.close()
        writer.wait()
        last = max([last, *map(int, rest)])
        opened = open_store(sqlite_url)
        with opened.read() as connection:
            rows = find_steps(connection)
        assert len(rows) >= last + 1
        for row in rows:
            assert values_digest(open_step(home, row).values) == row.digest
        opened.close()
    opened = open_store(sqlite_url)
    clean(opened, home, datetime.now(UTC) + timedelta(hours=2))
    assert len(groups(home)) == len(rows)
    opened.close()


READER = """
import sys
from pathlib import Path
import numpy as np
from data.errors import StoreError
from data.store.engine import open_store
from data.store.fields import find_steps, open_step, values_digest

home, store, seen = Path(sys.argv[1]), open_store(sys.argv[2]), 0
print("ready", flush=True)
while True:
    with store.read() as connection:
        rows = find_steps(connection, limit=3)
    for row in rows:
        step = open_step(home, row)
        assert values_digest(step.values) == row.digest
        assert [array.shape for array in step.levels] == [(700, 700), (350, 350), (175, 175)]
        assert np.isfinite(step.levels[2][:]).all() and step.lon.size == 700
        seen += 1
    if seen:
        print(seen, flush=True)
"""


def test_reader_in_another_process_never_sees_half_a_step(sqlite_url: str, home: Path) -> None:
    def start(program: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, str(home), sqlite_url]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True)

    reader, checked = start(READER), 0
    assert reader.stdout is not None
    assert reader.stderr is not None
    assert reader.stdout.readline() == "ready\n"
    for written in (2, 5, 9):  # each life goes on where the one before was ended
        writer = start(WRITER)
        assert writer.stdout is not None
        while int(writer.stdout.readline()) < written:
            pass
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        line = reader.stdout.readline()
        assert line, reader.stderr.read()
        checked = int(line)
    reader.kill()
    reader.communicate()
    assert checked > 0


def test_missing_group_is_a_store_error(store: Store, home: Path) -> None:
    import shutil

    keep(store, home, step(size=16))
    shutil.rmtree(home / FOLDER)
    with store.read() as connection:
        (row,) = find_steps(connection)
    with pytest.raises(StoreError, match="not in the archive"):
        open_step(home, row)


def test_quantity_cannot_leave_the_archive(store: Store, home: Path) -> None:
    keep(store, home, step(size=16, quantity="../../etc/rain"))
    assert all(home / FOLDER in path.parents for path in home.rglob("zarr.json"))
    assert not (home.parent / "etc").exists()


def test_overview_is_a_mean_of_what_is_there() -> None:
    values = np.arange(300 * 301, dtype=np.float32).reshape(300, 301)
    values[:2, :2] = [[np.nan, 1], [np.nan, 4]]
    values[2:4, 2:4] = np.nan
    half = overviews(values, categorical=False)[1]
    assert half.shape == (150, 151)
    assert half[0, 0] == 2.5
    assert np.isnan(half[1, 1])
    assert half[0, 150] == values[:2, 300].mean()


def test_overview_of_classes_keeps_classes() -> None:
    values = np.random.default_rng(0).choice(np.array([0, 3, 96], np.float32), (512, 512))
    half = overviews(values, categorical=True)[1]
    np.testing.assert_array_equal(half, values[::2, ::2])


@pytest.mark.parametrize(
    ("lon", "first", "count"),
    [
        (np.arange(0, 360, 1.0), -180.0, 360),
        (np.arange(0, 361, 1.0), -180.0, 360),
        (np.arange(180, 540, 1.0), -180.0, 360),
        (np.arange(359.5, -0.5, -1.0), -179.5, 360),
        (np.arange(230.005, 300.0, 0.01), -129.995, 7000),
        (np.arange(170.0, 190.0, 1.0), -180.0, 20),
    ],
    ids=["from 0", "0 and 360 both", "from 180", "westward", "conus in 0-360", "across the antimeridian"],
)
def test_normalised_longitudes(lon: np.ndarray, first: float, count: int) -> None:
    lat = np.array([-1.0, 0.0, 1.0])
    values = np.broadcast_to(lon % 360, (3, lon.size)) + lat[:, None] * 1000
    east, north, turned = normalise(lon, lat, values)
    assert east[0] == pytest.approx(first)
    assert east.size == count
    assert (np.diff(east) > 0).all()
    assert (np.diff(north) < 0).all()
    np.testing.assert_allclose(turned, np.round(east % 360, 6) + north[:, None] * 1000, atol=1e-4)


@pytest.mark.parametrize(
    ("lon", "lat"),
    [([0, 1], [0]), ([0, np.nan], [0, 1]), ([0, 1], [0, 95]), ([0, 360], [0, 1]), ([0, 1, 2], [0, 5, 3])],
    ids=["one row", "not finite", "past the pole", "one column twice", "rows in disorder"],
)
def test_impossible_grid_is_refused(lon: list[float], lat: list[float]) -> None:
    with pytest.raises(ValueError, match=r"grid|coordinates|longitudes|latitudes"):
        normalise(np.array(lon, float), np.array(lat, float), np.zeros((len(lat), len(lon))))


def test_grid_digest_ignores_rounding_and_nothing_else() -> None:
    lon, lat = np.arange(5.0), -np.arange(4.0)
    assert grid_digest(lon, lat) == grid_digest(lon + 1e-9, lat)
    others = [(lon + 0.01, lat), (lat, lon), (lon[:4], lat)]
    assert len({grid_digest(*axes) for axes in [(lon, lat), *others]}) == 4


def test_columns_and_rows_of_points() -> None:
    lon = np.array([-180.0, -179.0, -178.0, 177.0, 178.0, 179.0])
    assert len(segments(lon)) == 2
    assert not is_global(lon)
    found = fractional_column(lon, np.array([-179.5, 176.4, 179.6, 0.0, 178.25, -177.4]))
    np.testing.assert_allclose(found, [0.5, np.nan, -0.4, np.nan, 4.25, np.nan])
    np.testing.assert_allclose(
        fractional_row(np.array([10.0, 8.0, 7.0]), np.array([11.1, 11.0, 9.0, 7.5, 6.5, 6.4])),
        [np.nan, -0.5, 0.5, 1.5, 2.5, np.nan],
    )
