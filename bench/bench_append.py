"""The field archive: appending an hourly step, and the history of a point, beside xarray on the same values.

    python bench/bench_append.py [--days 14] [--side 1000] [--folder /tmp] [--peer-days 14]

Appending: ours is prepare and put, with overviews, digests, metadata and every fsync of files and of the database;
the peer is `Dataset.to_zarr(append_dim="time")`, which syncs nothing and makes no overviews, once with chunks of one
step and once with chunks of 24 steps, as a point's history wants them. Processor time is printed beside wall time,
because it does not depend on what else the machine does.

History: ours is the SQL for the best steps and `point_history`, with blocks of closed days and without; the peers are
`xarray.open_mfdataset` over the same step groups and the two arrays that were appended. Every first reading is of a
point that nobody has asked for; the disk cache is warm for all. Ratios are by step, because peers may get fewer.
A year is --days 365 (about 15 GB); `history_year_of_links_ms` is one without the space.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from data.model import FieldStep
from data.store.engine import Store, open_store
from data.store.field_blocks import blocks_of, consolidate
from data.store.field_history import point_history
from data.store.field_series import best_steps, list_series
from data.store.fields import FOLDER, FieldSink, step_id
from data.store.migrate import migrate
from data.store.sink import PutContext
from data.store.tables import field_step

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rain(side: int) -> np.ndarray:
    """An hour of rain: areas of some hundred kilometres, most cells dry, tenths of a millimetre."""
    draw = np.random.default_rng(0)
    coarse = np.kron(draw.gamma(0.3, 6.0, (side // 20 + 1, side // 20 + 1)), np.ones((20, 20)))[:side, :side]
    field = np.where(coarse > 2, coarse * draw.gamma(4.0, 0.25, (side, side)), 0.0)
    return np.round(field, 1).astype(np.float32)


def step_of(base: np.ndarray, number: int) -> FieldStep:
    side, at = len(base), START + number * HOUR
    values = np.roll(base, (number % side, 7 * number % side), (0, 1))
    axis = np.arange(side) * 0.01
    return FieldStep(
        quantity="precipitation", unit="mm", valid_at=at, run_at=at, lon=100 + axis, lat=40 - axis, values=values,
        accumulation_s=3600,
    )  # fmt: skip


def append(store: Store, home: Path, step: FieldStep) -> None:
    sink, context = FieldSink(), PutContext(source="bench", payload_id=0, received_at=step.valid_at, home=home)
    prepared = sink.prepare(context, [step])
    with store.write() as connection:
        sink.put(connection, context, prepared)


def dataset(step: FieldStep) -> Any:
    import xarray

    time_axis = np.array([step.valid_at.replace(tzinfo=None)], "datetime64[ns]")
    axes = {"time": time_axis, "lat": step.lat, "lon": step.lon}
    return xarray.Dataset({"precipitation": (("time", "lat", "lon"), step.values[None])}, axes)


def append_peer(path: Path, step: FieldStep, chunks: tuple[int, int, int]) -> None:
    found = dataset(step)
    if path.exists():
        found.to_zarr(path, append_dim="time", consolidated=False, zarr_format=3)
        return
    encoding = {"precipitation": {"chunks": chunks}, "time": {"units": "hours since 2026-01-01", "dtype": "int64"}}
    found.to_zarr(path, consolidated=False, zarr_format=3, encoding=encoding)


def milliseconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor time [ms]."""
    begun, used = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - begun) * 1e3, (time.process_time() - used) * 1e3


def middle(times: list[float]) -> float:
    return round(float(np.median(times)), 1)


def size_mb(folder: Path) -> float:
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)


def ours(store: Store, home: Path) -> Callable[[float, float], np.ndarray]:
    def history(lon: float, lat: float) -> np.ndarray:
        with store.read() as connection:
            (series,) = list_series(connection)
            rows = best_steps(connection, series.key)
        return point_history(home, rows, lon, lat)

    return history


def many_files(store: Store, home: Path, count: int) -> Callable[[float, float], np.ndarray]:
    import xarray

    with store.read() as connection:
        (series,) = list_series(connection)
        rows = best_steps(connection, series.key)[:count]

    def history(lon: float, lat: float) -> np.ndarray:
        paths = [home / FOLDER / row.store for row in rows]
        options = {"engine": "zarr", "combine": "nested", "concat_dim": "time", "data_vars": ["precipitation"]}
        with xarray.open_mfdataset(paths, coords="minimal", compat="override", join="override", **options) as found:
            return found["precipitation"].sel(lon=lon, lat=lat, method="nearest").values

    return history


def one_array(path: Path) -> Callable[[float, float], np.ndarray]:
    import xarray

    def history(lon: float, lat: float) -> np.ndarray:
        with xarray.open_zarr(path, consolidated=False, chunks=None) as found:
            return found["precipitation"].sel(lon=lon, lat=lat, method="nearest").values

    return history


def year_of_links(store: Store, home: Path, work: Path) -> Callable[[float, float], np.ndarray]:
    """The history of 365 days whose blocks are hard links to the days that were written.

    As many files to open, chunks to unpack and rows to read as in a real year; the disk cache is warmer.
    """
    (work / "year").mkdir()
    (work / "year" / FOLDER).symlink_to(home / FOLDER)
    with store.read() as connection:
        (series,) = list_series(connection)
        rows = [dict(row._mapping) for row in best_steps(connection, series.key)]
    blocks = [path for day in blocks_of(home, series.key).values() for path in day]
    year = open_store(f"sqlite:///{work / 'year.db'}")
    migrate(year)
    for day in range(365):
        block, first = blocks[day % len(blocks)], START + timedelta(days=day)
        made = [{**row, "valid_at": first + hour * HOUR, "run_at": first + hour * HOUR}
                for hour, row in enumerate(rows[24 * (day % len(blocks)) :][:24])]  # fmt: skip
        made = [{**row, "id": step_id(row)} for row in made]
        target = work / "year" / block.parent.relative_to(home) / f"{first:%Y%m%d}_{day:012d}"
        shutil.copytree(block, target, copy_function=os.link)
        document = json.loads((target / "zarr.json").read_text())
        document["attributes"]["ids"] = [row["id"] for row in made]
        (target / "zarr.json").unlink()
        (target / "zarr.json").write_text(json.dumps(document))
        with year.write() as connection:
            connection.execute(field_step.insert(), made)
    return ours(year, work / "year")


def read(history: Callable[[float, float], np.ndarray], repeat: int) -> tuple[float, list[np.ndarray]]:
    """Median time of points all over the grid, and what they said."""
    found, times = [], []
    for lon, lat in np.random.default_rng(5).uniform((100.1, 39.1), (100.9, 39.9), (repeat, 2)):
        times.append(milliseconds(lambda lon=lon, lat=lat: found.append(history(lon, lat))))
    return middle(times), found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--days", type=int, default=14)
    options.add_argument("--peer-days", type=int, default=14)
    options.add_argument("--side", type=int, default=1000)
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--folder", default=tempfile.gettempdir())
    given = options.parse_args()
    work = Path(tempfile.mkdtemp(dir=given.folder, prefix="bench-append-"))
    try:
        result = run(work, given)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(result, indent=1))
    return 0 if result["history_equal"] and result["history_ratio_mfdataset"] > 1 else 1


def run(work: Path, given: argparse.Namespace) -> dict[str, Any]:
    home, base, steps = work / "home", rain(given.side), given.days * 24
    flat, deep = work / "flat.zarr", work / "deep.zarr"
    store = open_store(f"sqlite:///{work / 'tocsin.db'}")
    migrate(store)
    half = (1, (given.side + 1) // 2, (given.side + 1) // 2)
    times: dict[str, list[tuple[float, float]]] = {"ours": [], "flat": [], "deep": []}
    for number in range(steps):
        step = step_of(base, number)
        times["ours"].append(timed(lambda step=step: append(store, home, step)))
        if number < min(given.peer_days, given.days) * 24:
            times["flat"].append(timed(lambda step=step: append_peer(flat, step, half)))
            times["deep"].append(timed(lambda step=step: append_peer(deep, step, (24, 100, 100))))
    wall = {name: middle([pair[0] for pair in found]) for name, found in times.items()}
    cpu = {name: middle([pair[1] for pair in found]) for name, found in times.items()}
    fields_mb = size_mb(home / FOLDER)
    count = min(given.peer_days, given.days) * 24
    single_ms, single = read(ours(store, home), 2)
    turning = milliseconds(lambda: consolidate(store, home, START + (steps + 24) * HOUR, most=10**15))
    ours_ms, found = read(ours(store, home), given.repeat)
    files_ms, theirs = read(many_files(store, home, count), 2)
    flat_ms, _ = read(one_array(flat), 2)
    deep_ms, _ = read(one_array(deep), given.repeat)
    equal = [np.array_equal(a, b) for a, b in zip(single, found, strict=False)]
    equal += [np.array_equal(a[:count], b) for a, b in zip(found, theirs, strict=False)]
    year_ms, _ = read(year_of_links(store, home, work), given.repeat)
    store.close()
    return {
        "side": given.side, "steps": steps,
        **{f"append_{name}_ms": wall[name] for name in times},
        **{f"append_{name}_cpu_ms": cpu[name] for name in times},
        "append_ratio_flat": round(wall["flat"] / wall["ours"], 2),
        "append_ratio_deep": round(wall["deep"] / wall["ours"], 2),
        "step_mb": round(fields_mb / steps, 2), "blocks_mb": size_mb(home / "history"),
        "turn_day_ms": round(turning / given.days, 1), "history_ms": ours_ms, "history_single_steps_ms": single_ms,
        "history_year_of_links_ms": year_ms,
        "peer_steps": count, "history_mfdataset_ms": files_ms, "history_flat_ms": flat_ms,
        "history_deep_ms": deep_ms,
        "history_ratio_mfdataset": round(files_ms / count / (ours_ms / steps), 1),
        "history_ratio_flat": round(flat_ms / count / (ours_ms / steps), 1),
        "history_ratio_deep": round(deep_ms / count / (ours_ms / steps), 1), "history_equal": all(equal),
    }  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
