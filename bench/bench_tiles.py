"""Raster tiles of a stored field of 24 million cells: time of one tile from Zarr to PNG, by zoom.

    python bench/bench_tiles.py [--rows 3500] [--columns 7000] [--tiles 60]

Also the time and memory to store the step. The peer (rio-tiler's xarray reader) is not a dependency; its times on a
field of this size were 52 to 119 ms a tile from Zarr.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from data.model import FieldStep
from data.store.fields import FieldSink
from data.store.sink import PutContext
from layers.fields import OpenSteps


def a_step(rows: int, columns: int) -> FieldStep:
    """Rain over the United States, a tenth of it wet, a corner missing."""
    rng = np.random.default_rng(0)
    wet = rng.random((rows, columns), dtype=np.float32) < 0.1
    values = np.where(wet, rng.gamma(1.0, 8.0, (rows, columns)), 0.0).round(1).astype(np.float32)
    values[:, : columns // 10] = np.nan
    at = datetime(2026, 3, 1, tzinfo=UTC)
    lon = -130 + (np.arange(columns) + 0.5) * 70 / columns
    lat = 55 - (np.arange(rows) + 0.5) * 35 / rows
    return FieldStep(
        quantity="precipitation_rate", unit="mm/h", valid_at=at, run_at=at, lon=lon, lat=lat, values=values
    )


def tiles_at(zoom: int, count: int) -> list[tuple[int, int]]:
    """Random tiles over the field."""
    rng = np.random.default_rng(zoom)
    lon, lat = rng.uniform(-120, -62, count), rng.uniform(22, 53, count)
    x = ((lon + 180) / 360 * 2**zoom).astype(int)
    y = ((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**zoom).astype(int)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=3500)
    options.add_argument("--columns", type=int, default=7000)
    options.add_argument("--tiles", type=int, default=60)
    given = options.parse_args()
    step = a_step(given.rows, given.columns)
    result: dict[str, object] = {"cells": step.values.size}
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        context = PutContext(source="bench", payload_id=0, received_at=step.valid_at, home=home)
        begun = time.perf_counter()
        (row,) = FieldSink().prepare(context, [step])
        result["store_s"] = round(time.perf_counter() - begun, 2)
        result["stored_mb"] = round(sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) / 1e6, 1)
        steps, found = OpenSteps(home), SimpleNamespace(**row)
        steps.tile(found, 4, 3, 6)
        everything: list[float] = []
        for zoom in (3, 4, 5, 6, 8, 10):
            times, sizes = [], []
            for x, y in tiles_at(zoom, given.tiles):
                begun = time.perf_counter()
                sizes.append(len(steps.tile(found, zoom, x, y)))
                times.append((time.perf_counter() - begun) * 1e3)
            everything += times
            p50, p95 = np.percentile(times, (50, 95))
            result[f"z{zoom}"] = {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "bytes": int(np.median(sizes))}
        p50, p95 = np.percentile(everything, (50, 95))
        result["all"] = {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1)}
    result["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
