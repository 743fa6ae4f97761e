"""Inspection: the declared unit of points against their position, beside geopandas' `sjoin`, and a whole run.

Run: python -m bench.bench_inspect [RECORDS] [--whole]
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.regions import default_base_dir, load_regions
from layers.survey.inspect.rules import rules_for
from layers.survey.inspect.run import Run, inspect_files
from layers.survey.inspect.units import unit_grid

KIND = "cn-county"
WRONG = 0.008  # of the records, declared in another county
TIMES = 5


def points(count: int, seed: int = 1) -> tuple[Any, Any, Any]:
    """Points in counties, most of them in towns, and the number of the unit declared; a share is declared wrongly."""
    grid, draw = unit_grid(default_base_dir(), KIND), np.random.default_rng(seed)
    index = load_regions(default_base_dir())
    home = draw.integers(0, len(grid.rids), count * 2)
    lon = index.lon[grid.rids][home] + draw.normal(0, 0.12, count * 2)
    lat = index.lat[grid.rids][home] + draw.normal(0, 0.1, count * 2)
    true = grid.at(lon, lat)
    kept = np.flatnonzero(true >= 0)[:count]
    number = (np.searchsorted(grid.rids, true[kept]) + 1).astype(np.int32)
    wrong = draw.random(len(kept)) < WRONG
    number[wrong] = draw.integers(1, len(grid.rids) + 1, int(wrong.sum()))
    return lon[kept], lat[kept], number


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("records", type=float, nargs="?", default=1e6)
    asked.add_argument("--whole", action="store_true", help="also every rule for buildings over a delivery")
    options = asked.parse_args()
    begun = time.perf_counter()
    grid = unit_grid(default_base_dir(), KIND)
    built = time.perf_counter() - begun
    lon, lat, number = points(int(options.records))
    count = len(lon)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"look-up grid of {len(grid.rids):,} units: {built:.1f} s, "
          f"{(grid.blocks.nbytes + grid.cells.nbytes) / 1e6:.0f} MB")  # fmt: skip
    grid.elsewhere(lon[:10], lat[:10], number[:10])
    seconds = min(_processor(lambda: grid.elsewhere(lon, lat, number)) for _ in range(TIMES))
    ours = grid.elsewhere(lon, lat, number)
    print(
        f"declared unit, {count:,} points: {count / seconds / 1e6:.1f} M records/s a core, {ours.sum():,} elsewhere"
    )
    if count <= 2_000_000:
        begun = time.perf_counter()
        theirs = sjoin(grid, lon, lat, number)
        other = time.perf_counter() - begun
        print(f"geopandas sjoin: {count / other / 1e6:.2f} M records/s, {theirs.sum():,} elsewhere, "
              f"{int((ours != theirs).sum())} differ; ratio {other / seconds:.0f}")  # fmt: skip
    if options.whole:
        whole(grid, lon, lat, number)


def _processor(work: Any) -> float:
    """Seconds of this process's processor: others use the machine too."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def sjoin(grid: Any, lon: Any, lat: Any, number: Any) -> Any:
    """The same question as most people ask it."""
    at = geopandas.GeoDataFrame({"declared": number}, geometry=geopandas.points_from_xy(lon, lat), crs=4326)
    units = geopandas.GeoDataFrame({"unit": np.arange(len(grid.rids)) + 1}, geometry=grid.shapes, crs=4326)
    met = geopandas.sjoin(at, units, how="left", predicate="within")
    return (met["unit"] != met["declared"]).groupby(level=0).all().to_numpy()


def whole(grid: Any, lon: Any, lat: Any, number: Any) -> None:
    """Every rule for buildings over a delivery of these points."""
    draw, count = np.random.default_rng(2), len(lon)
    codes = np.array([code[3:] for code in load_regions(default_base_dir()).code[grid.rids]])
    floors = draw.integers(1, 30, count)
    table = pa.table({
        "id": pa.array(np.arange(count)).cast(pa.string()), "lon": lon, "lat": lat,
        "county": pa.array(codes[number - 1]).dictionary_encode(), "floors": floors,
        "area": floors * draw.uniform(20, 300, count), "year": draw.integers(1950, 2025, count),
        "repaired": pa.nulls(count, pa.int64()),
    })  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(table, Path(folder) / "part-00000.parquet", row_group_size=200_000)
        rules = rules_for("urban_dwelling", "bench")
        run = Run(folder=Path(folder), base_dir=default_base_dir(), rules=rules, region="county")
        begun = time.perf_counter()
        told = inspect_files(run, Path(folder) / "out")
        seconds = time.perf_counter() - begun
    ran = sum(not rule["reason"] for rule in told["rules"])
    print(f"{ran} rules, with neighbours: {count / seconds / 1e6:.2f} M records/s ({seconds:.1f} s)")


if __name__ == "__main__":
    main()
