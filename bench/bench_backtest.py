"""A year of hourly fields of 1,000 x 1,000 cells through one rule: seconds, memory, and equal numbers through Dask.

    python bench/bench_backtest.py [--days 10] [--distinct 2] [--in-memory] [--curve] [--workers 2]

The rule looks at the highest 6 h sum in each county of the United States. Steps are written to a field archive in a
temporary folder; with fewer `--distinct` days than `--days` they are read again in turn. `--in-memory` leaves the
reading of the archive out: the fields are held in memory, as if they were made on the fly. Prints seconds, what a
year takes at that rate, and the peak memory of this process; through Dask the report must be the same.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alerts import past_fields
from alerts.backtest import run_proof
from alerts.history import History, archive_history, scratch
from alerts.rule import Rule
from bench.bench_year import START, write_steps
from data.grid import bounds_of, grid_digest
from data.regions import default_base_dir
from data.store.tables import field_step

HOUR, YEAR_STEPS = timedelta(hours=1), 365 * 24
WORDS = {"en": "Rain", "zh": "降雨"}


def rule() -> Rule:
    """Four levels over a window that slides."""
    heights = {"blue": 110, "yellow": 120, "orange": 130, "red": 150}
    return Rule.model_validate(
        {
            "key": "bench.rain", "version": "1", "authority": WORDS, "hazard": "rain", "branch": "observed",
            "citation": {"title": "bench", "read_on": "2026-01-01", "house": True}, "valid_from": "2000-01-01",
            "title": WORDS, "text": WORDS, "max_age": "3h", "regions": {"kinds": ["us-county"]},
            "inputs": {"rain_6h": {"source": "field", "quantity": "precipitation", "unit": "mm", "accumulate": "sum",
                                   "window": "6h", "spatial": "max"}},
            "levels": {key: {"input": "rain_6h", "trigger": at, "clear": at - 5} for key, at in heights.items()},
            "duration": {"default": "6h", "hard_limit": "24h"},
        }
    )  # fmt: skip


def rows(names: list[str], count: int, lon: np.ndarray, lat: np.ndarray) -> list[dict[str, Any]]:
    """Rows of steps over the groups that were written, in turn."""
    west, south, east, north = bounds_of(lon, lat)
    grid = grid_digest(lon, lat)
    return [
        {
            "id": hour + 1, "source": "bench", "quantity": "precipitation", "run_at": START + hour * HOUR,
            "valid_at": START + hour * HOUR, "forecast": False, "accumulation_s": 3600, "unit": "mm", "grid": grid,
            "digest": names[hour % len(names)][-64:], "store": names[hour % len(names)], "index": 0, "west": west,
            "south": south, "east": east, "north": north, "missing_share": 0.0, "attributes": {},
            "received_at": START + hour * HOUR,
        }
        for hour in range(count)
    ]  # fmt: skip


def timed(history: History, count: int, **options: Any) -> tuple[dict[str, Any], dict[str, float]]:
    begun, spent = time.perf_counter(), time.process_time()
    report = run_proof([rule()], history, None, **options)
    took, spent = time.perf_counter() - begun, time.process_time() - spent
    return report, {
        "s": round(took, 2), "year_s": round(took / count * YEAR_STEPS, 1),
        "processor_ms_a_step": round(spent / count * 1e3, 1),
    }  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=int, default=10)
    options.add_argument("--distinct", type=int, default=2)
    options.add_argument("--size", type=int, default=1000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--in-memory", action="store_true")
    options.add_argument("--curve", action="store_true", help="also with fifteen triggers")
    options.add_argument("--no-dask", action="store_true")
    given = options.parse_args()
    count = given.days * 24
    result: dict[str, Any] = {"steps": count, "cells": given.size**2, "in_memory": given.in_memory}
    with scratch() as (store, home):
        names, lon, lat = write_steps(home, given.size, min(given.distinct, given.days) * 24)
        with store.write() as connection:
            connection.execute(field_step.insert(), rows(names, count, lon, lat))
        history = archive_history(store, home, default_base_dir())
        if given.in_memory:
            held = {
                name: past_fields.read_values(home, past_fields.Step(store=name, at=0, received=0)) for name in names
            }
            past_fields.read_values = lambda _home, step: held[step.store]  # type: ignore[assignment]
        short = archive_history(store, home, default_base_dir(), until=START + 12 * HOUR)
        run_proof([rule()], short, None, curve=False)  # compiles, and builds the weights
        here, result["threads"] = timed(history, count, curve=False)
        block = here["rules"][0]
        result |= {"warnings": block["all"]["warnings"], "regions": block["unknown"]["regions_watched"]}
        if given.curve:
            _, result["threads_with_curve"] = timed(history, count, curve=True)
        result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        if not given.no_dask and not given.in_memory:
            result["dask"], result["dask_equal"] = dask(history, count, given.workers, here)
    print(json.dumps(result, indent=1))
    return 0 if result.get("dask_equal", True) and result["peak_mb"] < 2048 else 1


def dask(history: History, count: int, workers: int, here: dict[str, Any]) -> tuple[dict[str, float], bool]:
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        client.get_executor(pure=False) as pool,
    ):
        list(pool.map(_warm, range(workers)))
        there, took = timed(history, count, curve=False, pool=pool)
    return took, there == here


def _warm(_number: int) -> None:
    """Load what a worker needs before its first piece."""
    import alerts.past_kernel  # noqa: F401
    import layers.kernels.zonal  # noqa: F401


if __name__ == "__main__":
    raise SystemExit(main())
