"""The survey store beside its peers, over records made here whose truth is known.

    python bench/bench_survey.py [--records 1e7] [--folder FOLDER] [--peers] [--workers 2]

Makes records (towns and scattered; 0.2 % twice, 0.05 % outside the map), builds a store, and asks it for tiles with
and without a choice, for exact counts in polygons, and for points; then, with --peers, sorts the same file with
DuckDB and draws the same views with datashader and DuckDB. Counts are compared with DuckDB's: a difference ends the
bench with an error. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from layers.survey.build import build
from layers.survey.choice import choose
from layers.survey.polygon import tally_polygon
from layers.survey.schema import Column, Facet, Schema
from layers.survey.store import Store
from layers.survey.tiles import density, points

WEST, SOUTH, EAST, NORTH = 73.0, 18.0, 135.0, 54.0
SECTORS = ("housing", "school", "hospital", "road", "bridge", "dam", "mine", "power", "chemical", "heritage", "water")
HAZARDS = ("earthquake", "landslide", "flood", "typhoon", "drought", "fire", "snow")
GRADES = ("1", "2", "3", "4", "5")
COUNTIES = tuple(str(110_000 + number) for number in range(2_882))
CHUNK = 1_000_000
# Identities stay in the delivery: the store knows the file and row of each record.
COLUMNS = "lon, lat, county, sector, hazard, grade, year, floors, value, area"
SCHEMA = Schema(
    facets=(
        Facet(name="sector", values=SECTORS),
        Facet(name="hazard", values=HAZARDS),
        Facet(name="grade", values=GRADES),
    ),
    regions=COUNTIES, region="county",
    columns=(
        Column(name="year", kind="i2"), Column(name="floors", kind="u1"),
        Column(name="value", kind="f4"), Column(name="area", kind="f4"),
    ),
)  # fmt: skip
FILTER = {"sector": ["hospital"], "grade": ["3", "4", "5"]}
SQL = "sector = 'hospital' AND grade IN ('3', '4', '5')"
X = "((lon + 180) / 360)"
Y = "(0.5 - ln((1 + sin(radians(lat))) / (1 - sin(radians(lat)))) / (4 * pi()))"


def chunk(task: tuple[int, int]) -> pa.Table:
    """A million records; the same for the same number."""
    number, count = task
    draw, towns = np.random.default_rng(1_000 + number), np.random.default_rng(3)
    centre = np.column_stack([towns.uniform(WEST + 1, EAST - 1, 20_000), towns.uniform(SOUTH + 1, NORTH - 1, 20_000)])
    weight = 1 / np.arange(1, 20_001) ** 0.8
    town = draw.choice(20_000, count, p=weight / weight.sum())
    at = centre[town] + draw.standard_normal((count, 2)) * (0.01 + 0.2 * np.sqrt(weight[town]))[:, np.newaxis]
    scattered = draw.random(count) < 0.08
    at[scattered] = draw.uniform((WEST, SOUTH), (EAST, NORTH), (int(scattered.sum()), 2))
    at = np.clip(at, (WEST, SOUTH), (EAST - 1e-9, NORTH - 1e-9))
    county = (((at[:, 0] - WEST) / 62 * 53).astype(int) * 54 + ((at[:, 1] - SOUTH) / 36 * 54).astype(int)) % 2_882
    twice = draw.integers(0, count, count // 500)
    at[twice] = at[draw.integers(0, count, count // 500)]
    at[draw.integers(0, count, count // 2_000), 0] += 200

    def word(values: tuple[str, ...], places: Any) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int16)), pa.array(values))

    return pa.table(
        {
            "id": np.arange(number * CHUNK, number * CHUNK + count), "lon": at[:, 0], "lat": at[:, 1],
            "county": word(COUNTIES, county), "sector": word(SECTORS, draw.integers(0, len(SECTORS), count)),
            "hazard": word(HAZARDS, draw.integers(0, len(HAZARDS), count)),
            "grade": word(GRADES, draw.choice(5, count, p=[0.4, 0.25, 0.18, 0.12, 0.05])),
            "year": draw.integers(2005, 2025, count).astype(np.int16),
            "floors": draw.integers(1, 34, count).astype(np.uint8),
            "value": np.round(draw.lognormal(3, 1, count), 1).astype(np.float32),
            "area": np.round(draw.gamma(2, 60, count)).astype(np.float32),
        }
    )  # fmt: skip


def make(path: Path, records: int, workers: int) -> None:
    """Write the delivery, a million records a row group."""
    tasks = [(number, min(CHUNK, records - number * CHUNK)) for number in range(-(-records // CHUNK))]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        writer = None
        for table in pool.map(chunk, tasks):
            writer = writer or pq.ParquetWriter(path, table.schema, compression="snappy")
            writer.write_table(table, row_group_size=CHUNK)
        assert writer is not None
        writer.close()


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, and what it gives."""
    begun = time.perf_counter()
    result = function()
    return time.perf_counter() - begun, result


def processor_s() -> float:
    """Seconds of processor time that this process and its finished children have taken."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def spread(times: list[float]) -> dict[str, float]:
    """Milliseconds in the middle, at the 95th percentile and at worst."""
    ms = np.array(times) * 1e3
    return {"p50_ms": round(float(np.percentile(ms, 50)), 2), "p95_ms": round(float(np.percentile(ms, 95)), 2),
            "max_ms": round(float(ms.max()), 2)}  # fmt: skip


def views(path: Path, count: int) -> list[tuple[int, int, int]]:
    """Random tiles from zoom 0 to 16: half of them on records, half anywhere."""
    draw = np.random.default_rng(5)
    table = pq.ParquetFile(path).read_row_group(0, columns=["lon", "lat"])
    lon, lat = table["lon"].to_numpy(), table["lat"].to_numpy()
    found = []
    for index in range(count):
        zoom, record = index % 17, int(draw.integers(len(lon)))
        east, north = (
            (lon[record], lat[record]) if index % 2 else (draw.uniform(WEST, EAST), draw.uniform(SOUTH, NORTH))
        )
        sine = np.sin(np.radians(north))
        y = 0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)
        found.append((zoom, int((min(east, 134.9) + 180) / 360 * 2**zoom), int(y * 2**zoom)))
    return found


def ours(store: Store, tiles: list[tuple[int, int, int]]) -> dict[str, Any]:
    """Tiles, polygons and points."""
    chosen, found = choose(SCHEMA, FILTER), {}
    tally_polygon(store, shapely.box(WEST, SOUTH, EAST, NORTH).buffer(-1), chosen)  # compiled before it is timed
    for name, choice in (("all", None), ("filtered", chosen), ("county", choose(SCHEMA, None, COUNTIES[700:702]))):
        density(store.grid(*tiles[0], choice))
        found[f"tile_{name}"] = spread(
            [timed(lambda t=tile, c=choice: density(store.grid(*t, c)))[0] for tile in tiles]
        )
    draw, angle = np.random.default_rng(6), np.linspace(0, 2 * np.pi, 41)[:-1]
    for radius in (0.2, 1.0, 4.0, 10.0):
        times, inside = [], []
        for _ in range(15):
            reach = radius * draw.uniform(0.5, 1, 40)
            centre = draw.uniform((WEST + 10, SOUTH + 10), (EAST - 10, NORTH - 10))
            star = shapely.Polygon(centre + np.column_stack([reach * np.cos(angle), reach * np.sin(angle)]))
            seconds, tally = timed(lambda polygon=star: tally_polygon(store, polygon, chosen))
            times.append(seconds)
            inside.append(tally.total)
        found[f"polygon_{radius:g}_degrees"] = {**spread(times), "median_records": int(np.median(inside))}
    near = [tile for tile in tiles if tile[0] >= 12]
    found["points"] = spread([timed(lambda t=tile: points(store, *t))[0] for tile in near])
    return found


def peers(path: Path, store: Store, seconds: float, folder: Path) -> dict[str, Any]:
    """DuckDB's sort, and filtered views by DuckDB and datashader; the counts must be equal."""
    import duckdb

    base = duckdb.connect(config={"threads": 2, "memory_limit": "4GB", "temp_directory": str(folder / "duck")})
    usable = "lon >= -180 AND lon < 180 AND lat > -85.05 AND lat < 85.05"
    cell = f"CAST(floor({X} * 65536) AS UINTEGER), CAST(floor({Y} * 65536) AS UINTEGER)"
    wanted, ordered = f"SELECT {COLUMNS} FROM '{path}' WHERE {usable}", folder / "sorted.parquet"
    sort = f"COPY ({wanted} ORDER BY {cell}) TO '{ordered}' (FORMAT parquet)"
    level = (
        f"COPY (SELECT {cell}, sector, hazard, grade, count(*) FROM '{path}' WHERE {usable} GROUP BY ALL)"
        f" TO '{folder / 'level.parquet'}' (FORMAT parquet)"
    )
    before = processor_s()
    sort_s, _ = timed(lambda: base.execute(sort))
    level_s, _ = timed(lambda: base.execute(level))
    used_s = processor_s() - before
    found: dict[str, Any] = {"duckdb_build_s": round(sort_s + level_s, 2),
                             "duckdb_build_processor_s": round(used_s, 2),
                             "duckdb_build_ratio": round((sort_s + level_s) / seconds, 1)}  # fmt: skip
    frame = _frame(path) if store.rows <= 20_000_000 else None
    for zoom, x, y in ((0, 0, 0), (4, 13, 6), (6, 53, 25), (8, 210, 100), (10, 842, 402)):
        chosen = choose(SCHEMA, FILTER)
        own_s = min(timed(lambda: density(store.grid(zoom, x, y, chosen)))[0] for _ in range(3))  # noqa: B023
        box = f"floor({X} * {2**zoom}) = {x} AND floor({Y} * {2**zoom}) = {y}"
        query = f"SELECT count(*) FROM '{ordered}' WHERE {SQL} AND {box}"
        duck_s, rows = timed(lambda: base.execute(query).fetchall())  # noqa: B023
        own = int(store.grid(zoom, x, y, chosen).sum())
        if own != rows[0][0]:
            raise SystemExit(f"{zoom}/{x}/{y}: {own} records here, {rows[0][0]} in DuckDB")
        view = {"records": own, "ours_ms": round(own_s * 1e3, 2), "duckdb_ratio": round(duck_s / own_s, 1)}
        if frame is not None:
            view["datashader_ratio"] = round(_shade(frame, zoom, x, y) / own_s, 1)
        found[f"view_{zoom}"] = view
    return found


def _frame(path: Path) -> Any:
    import pandas

    table = pq.read_table(path, columns=["lon", "lat", "sector", "grade"]).to_pandas()
    sine = np.sin(np.radians(table["lat"]))
    columns = {"x": (table["lon"] + 180) / 360, "y": 0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)}
    return pandas.DataFrame({**columns, "sector": table["sector"], "grade": table["grade"]})


def _shade(frame: Any, zoom: int, x: int, y: int) -> float:
    """Seconds that datashader takes for a filtered view with its picture; the best of two."""
    import datashader
    import datashader.transfer_functions as shading

    size = 2.0**-zoom

    def draw() -> Any:
        chosen = frame[(frame["sector"] == "hospital") & frame["grade"].isin(["3", "4", "5"])]
        canvas = datashader.Canvas(256, 256, (x * size, (x + 1) * size), (y * size, (y + 1) * size))
        return shading.shade(canvas.points(chosen, "x", "y"), how="log").to_bytesio()

    draw()
    return min(timed(draw)[0] for _ in range(2))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=float, default=1e7)
    options.add_argument("--folder", type=Path)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--peers", action="store_true")
    given = options.parse_args()
    records = int(given.records)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        source = folder / "delivery.parquet"
        make_s, _ = timed(lambda: make(source, records, given.workers))
        before = processor_s()
        build_s, entry = timed(lambda: build([source], folder / "store", SCHEMA, workers=given.workers))
        build_cpu_s = processor_s() - before
        store = Store(folder / "store")
        size = {
            part: sum(path.stat().st_size for path in (folder / "store").rglob(f"{part}/*")) / store.rows
            for part in ("points", "hot", "pyramid")
        }
        facts = {
            "records": records, "cores": os.cpu_count(), "machine": platform.machine(), "load": os.getloadavg()[0],
            "make_s": round(make_s, 1), "build_s": round(build_s, 2), "build_processor_s": round(build_cpu_s, 2),
            "records_per_second": round(records / build_s),
            "refused": entry["refused"], "twice": entry["at_the_place_of_another"],
            "peak_worker_mb": entry["peak_worker_mb"], "peak_main_mb": entry["peak_main_mb"],
            "bytes_a_record": {part: round(value, 1) for part, value in size.items()},
            "counted_tiles_to_zoom": max(store.segments[0].counted, default=None),
            **ours(store, views(source, 340)),
        }  # fmt: skip
        if given.peers:
            facts |= peers(source, store, build_s, folder)
    print(json.dumps(facts, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
