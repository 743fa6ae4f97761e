"""The survey store beside its peers, over records made here whose truth is known.

    python -m bench.bench_survey [--records 1e7] [--folder FOLDER] [--out FOLDER] [--peers] [--workers 2]

Makes records (towns and scattered; 0.2 % twice, 0.05 % outside the map), builds a store, and asks it for tiles with
and without a choice, with everything in the disk's cache and with nothing of the store in it, for exact counts in
polygons, and for points; with --peers then what `survey_peers.py` says. Prints a table, and writes it with pictures
to the folder given by --out. What stands in --folder from an earlier run is used again: a billion records take half
an hour and 60 GB.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import itertools
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import shapely
from PIL import Image

from bench.survey_peers import peers
from bench.survey_records import COUNTIES, EAST, FILTER, NORTH, SCHEMA, SOUTH, WEST, make, processor_s, timed
from layers.survey.build import build
from layers.survey.choice import Choice, choose
from layers.survey.polygon import tally_polygon
from layers.survey.store import Store
from layers.survey.tiles import density, points
from layers.tiles import SIZE

BYTES = 62  # of a record: the delivery, and what a build puts aside for a while
CHINA = (range(11, 14), range(5, 8))  # tiles of zoom 4


def spread(times: list[float]) -> dict[str, float]:
    """Milliseconds in the middle, at the 95th percentile and at worst."""
    ms = np.array(times) * 1e3
    return {"p50_ms": round(float(np.percentile(ms, 50)), 2), "p95_ms": round(float(np.percentile(ms, 95)), 2),
            "max_ms": round(float(ms.max()), 2)}  # fmt: skip


def views(files: Sequence[Path], count: int) -> list[tuple[int, int, int]]:
    """Random tiles from zoom 0 to 16: half of them on records, half anywhere."""
    draw = np.random.default_rng(5)
    table = pq.ParquetFile(files[0]).read_row_group(0, columns=["lon", "lat"])
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
        for tile in tiles:  # what is larger than memory would be read from the disk now and then
            store.grid(*tile, choice)
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


def cold(folder: Path, tiles: Sequence[tuple[int, int, int]]) -> dict[str, Any]:
    """Tiles with nothing of the store in the system's cache but what opening it reads."""
    found = {}
    for name, chosen in (("all", None), ("filtered", choose(SCHEMA, FILTER))):
        times = []
        for tile in tiles:
            _forget(folder)
            times.append(_opened(folder, tile, chosen))
            gc.collect()  # files that are mapped are not forgotten
        found[f"tile_{name}"] = spread(times)
    return found


def _opened(folder: Path, tile: tuple[int, int, int], choice: Choice | None) -> float:
    store = Store(folder)
    return timed(lambda: density(store.grid(*tile, choice)))[0]


def _forget(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def pictures(store: Store, files: Sequence[Path], out: Path) -> None:
    """The whole, a choice of it, and a town."""
    out.mkdir(parents=True, exist_ok=True)
    _, x, y = next(tile for tile in views(files, 40) if tile[0] == 9)
    town = range(x - 1, x + 2), range(y - 1, y + 2)
    for name, zoom, tiles, choice in (
        ("whole", 4, CHINA, None), ("chosen", 4, CHINA, choose(SCHEMA, FILTER)), ("town", 9, town, None),
    ):  # fmt: skip
        sheet = Image.new("RGB", (SIZE * len(tiles[0]), SIZE * len(tiles[1])), "white")
        for column, row in itertools.product(range(len(tiles[0])), range(len(tiles[1]))):
            tile = Image.open(io.BytesIO(density(store.grid(zoom, tiles[0][column], tiles[1][row], choice))))
            sheet.paste(tile.convert("RGB"), (column * SIZE, row * SIZE), tile.convert("RGBA"))
        sheet.save(out / f"{name}.png")


def built(files: Sequence[Path], folder: Path, workers: int) -> dict[str, Any]:
    """The store, and what it took to build it; an earlier one's figures where it stands there."""
    kept = folder / "build.json"
    if kept.is_file():
        figures: dict[str, Any] = json.loads(kept.read_text())
        return figures
    before = processor_s()
    seconds, entry = timed(lambda: build(files, folder / "store", SCHEMA, workers=workers))
    figures = {
        "seconds": round(seconds, 2), "processor_s": round(processor_s() - before, 2),
        "records_per_second": round(entry["rows"] / seconds),
        **{name: entry[name] for name in ("refused", "at_the_place_of_another", "peak_worker_mb", "peak_main_mb")},
    }  # fmt: skip
    kept.write_text(json.dumps(figures))
    return figures


def rows_of(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and values, those within others by their whole path."""
    for name, value in facts.items():
        path = f"{above}{name.replace('_', ' ')}"
        if isinstance(value, Mapping) and any(isinstance(one, Mapping) for one in value.values()):
            yield from rows_of(value, f"{path}, ")
        elif isinstance(value, Mapping):
            yield path, ", ".join(f"{key.replace('_', ' ')} {one:,}" if not isinstance(one, str) else one
                                  for key, one in value.items())  # fmt: skip
        else:
            yield path, f"{value:,}" if isinstance(value, int | float) else str(value)


def measure(folder: Path, given: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """All figures of a run, each as soon as it is there."""
    records = int(given.records)
    _room(folder, records)
    yield "records", records
    yield "machine", _machine()
    yield "load_before", round(os.getloadavg()[0], 1)
    make_s, files = timed(lambda: make(folder, records, given.workers))
    yield "make_s", round(make_s, 1)
    building = built(files, folder, given.workers)
    yield "build", building
    store = Store(folder / "store")
    yield (
        "bytes_a_record",
        {
            part: round(sum(path.stat().st_size for path in (folder / "store").rglob(f"{part}/*")) / store.rows, 1)
            for part in ("points", "hot", "pyramid")
        },
    )
    yield "counted_tiles_to_zoom", max(store.segments[0].counted, default=None)
    tiles = views(files, 340)
    yield from ours(store, tiles).items()
    if given.out:
        pictures(store, files, given.out)
    if given.peers:
        yield from peers(files, store, building["seconds"], folder)
    del store
    gc.collect()
    yield "nothing_in_the_cache", cold(folder / "store", tiles[:51])


def _room(folder: Path, records: int) -> None:
    """Say before an hour's work that the disk is too small."""
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    needed, free = records * BYTES - there, shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(f"{folder}: {needed / 1e9:.0f} GB are needed, {free / 1e9:.0f} GB are free")


def _machine() -> str:
    told = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    model = next((line.split(":")[1].strip() for line in told if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Python {platform.python_version()}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=float, default=1e7)
    options.add_argument("--folder", type=Path, help="where the records and the store stay; taken away without it")
    options.add_argument("--out", type=Path, help="where the figures and pictures go")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--peers", action="store_true")
    given = options.parse_args()
    facts: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in measure(folder, given):
            facts[name] = value
            for path, told in rows_of({name: value}):
                print(f"{path:44} {told}", flush=True)
    if given.out:
        (given.out / "figures.json").write_text(json.dumps(facts, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
