"""A year of hourly steps of 1,000 x 1,000 cells: the rolling 24 h maximum and sum of each region, and what it takes.

    python bench/bench_year.py [--days 4] [--distinct 2] [--size 1000] [--workers 2]

Steps are written to a field archive in a temporary folder. With fewer `--distinct` days than `--days` they are read
again in turn, so that a year needs little disk: the number of reads is that of a year, but more of them come from the
page cache than in life. The work is done in this process, then by a Dask LocalCluster through the same code; both
tables must be equal. Prints seconds, what a year would take at that rate, and the peak memory of this process and of
its largest child. `--days 365` is the whole year.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.bench_zonal import regions
from data.model import FieldStep
from data.store.archive import write_durable
from data.store.fields import FieldSink
from data.store.sink import PutContext
from layers.rolling import rolling_maxima, slots_of
from layers.zonal import build_weights, weights_to_bytes

HOUR, START = timedelta(hours=1), datetime(2025, 1, 1, tzinfo=UTC)
YEAR_STEPS, MOST_BYTES = 365 * 24, 2 << 30
BOX = (-126.0, 24.0, -66.0, 50.0)


def write_steps(home: Path, size: int, count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Groups of hourly rain with moving patches over two thirds of dry land."""
    west, south, east, north = BOX
    lon = west + (np.arange(size) + 0.5) * (east - west) / size
    lat = north - (np.arange(size) + 0.5) * (north - south) / size
    rng, sink = np.random.default_rng(0), FieldSink()
    context = PutContext(source="bench", payload_id=0, received_at=START, home=home)
    noise = rng.gamma(0.8, 4.0, (size, size)).astype(np.float32)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) * (2 * np.pi / size)
    names = []
    for hour in range(count):
        wet = np.sin(3 * x + hour / 5) + np.cos(4 * y - hour / 7) > 0.6
        values = np.where(wet, np.round(np.roll(noise, 7 * hour, axis=1), 1), np.float32(0))
        step = FieldStep(
            quantity="precipitation", unit="mm", valid_at=START + hour * HOUR, run_at=START + hour * HOUR, lon=lon,
            lat=lat, values=values, accumulation_s=3600,
        )  # fmt: skip
        names.append(sink.prepare(context, [step])[0]["store"])
    return names, lon, lat


def peak_mb(who: int) -> int:
    return resource.getrusage(who).ru_maxrss // 1024


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=int, default=4)
    options.add_argument("--distinct", type=int, default=2)
    options.add_argument("--size", type=int, default=1000)
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()

    from dask.distributed import Client, LocalCluster

    home = Path(tempfile.mkdtemp(prefix="tocsin-year-"))
    try:
        begun = time.perf_counter()
        distinct = min(given.distinct, given.days) * 24
        names, lon, lat = write_steps(home, given.size, distinct)
        write_s = time.perf_counter() - begun
        name, rids, shapes = regions()
        weights_file = home / "weights.npz"
        write_durable(weights_file, weights_to_bytes(build_weights(lon, lat, rids, shapes)))
        count = given.days * 24
        rows = [SimpleNamespace(valid_at=START + h * HOUR, store=names[h % distinct]) for h in range(count)]
        slots = slots_of(rows, HOUR)
        rolling_maxima(home, slots[:30], weights_file, 24, "sum")  # compiles
        result: dict[str, object] = {
            "regions": name, "region_count": len(rids), "cells": given.size**2, "steps": count,
            "distinct_steps": distinct, "write_ms_a_step": round(write_s / distinct * 1e3, 1),
        }  # fmt: skip
        tables = {}
        for how in ("max", "sum"):
            begun = time.perf_counter()
            tables[how] = rolling_maxima(home, slots, weights_file, 24, how)  # type: ignore[arg-type]
            took = time.perf_counter() - begun
            result[f"{how}_s"], result[f"{how}_year_s"] = round(took, 2), round(took / count * YEAR_STEPS, 1)
        result["peak_mb"] = peak_mb(resource.RUSAGE_SELF)
        with (
            LocalCluster(n_workers=given.workers, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
            client.get_executor(pure=False) as pool,
        ):
            list(pool.map(_warm, [(home, slots[:30], weights_file)] * given.workers))
            for how in ("max", "sum"):
                begun = time.perf_counter()
                piece = min(240, max(24, count // given.workers))
                table = rolling_maxima(home, slots, weights_file, 24, how, run=pool.map, piece=piece)  # type: ignore[arg-type]
                took = time.perf_counter() - begun
                result[f"dask_{how}_s"] = round(took, 2)
                result[f"dask_{how}_year_s"] = round(took / count * YEAR_STEPS, 1)
                result[f"{how}_relative_difference"] = float(
                    np.nanmax(np.abs(table - tables[how]) / np.maximum(np.abs(tables[how]), 1.0))
                )
        result["peak_child_mb"] = peak_mb(resource.RUSAGE_CHILDREN)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(result, indent=1))
    same = max(float(str(result[f"{how}_relative_difference"])) for how in ("max", "sum")) <= 1e-6
    most = max(int(str(result["peak_mb"])), int(str(result["peak_child_mb"]))) << 20
    return 0 if same and most < MOST_BYTES else 1


def _warm(given: tuple[Path, list[object], Path]) -> None:
    home, slots, weights_file = given
    rolling_maxima(home, slots, weights_file, 24, "sum")  # type: ignore[arg-type]


if __name__ == "__main__":
    raise SystemExit(main())
