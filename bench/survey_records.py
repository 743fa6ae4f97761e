"""Records of a survey made here, whose truth is known: towns and scattered, some twice, some outside the map."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from layers.survey.schema import Column, Facet, Schema

WEST, SOUTH, EAST, NORTH = 73.0, 18.0, 135.0, 54.0
SECTORS = ("housing", "school", "hospital", "road", "bridge", "dam", "mine", "power", "chemical", "heritage", "water")
HAZARDS = ("earthquake", "landslide", "flood", "typhoon", "drought", "fire", "snow")
GRADES = ("1", "2", "3", "4", "5")
COUNTIES = tuple(str(110_000 + number) for number in range(2_882))
CHUNK = 1_000_000
FILE = 50_000_000
SPLIT = ("lon", "lat", "value", "area")
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


def make(folder: Path, records: int, workers: int) -> list[Path]:
    """Write the delivery as files of 50 million records at most, a million a row group; those there are stay.

    Coordinates are split by bytes and packed: a billion records take 21 GB.
    """
    most = min(FILE, -(-records // workers // CHUNK) * CHUNK)
    tasks = [
        (folder / f"delivery-{number:03d}.parquet", first, min(most, records - first))
        for number, first in enumerate(range(0, records, most))
    ]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_write_file, tasks))
    return [path for path, _, _ in tasks]


def _write_file(task: tuple[Path, int, int]) -> None:
    path, first, count = task
    if path.is_file() and pq.read_metadata(path).num_rows == count:
        return
    partial, writer = path.with_suffix(".part"), None
    for start in range(first, first + count, CHUNK):
        table = chunk((start // CHUNK, min(CHUNK, first + count - start)))
        writer = writer or pq.ParquetWriter(
            partial, table.schema, compression="zstd", compression_level=1,
            use_dictionary=["county", "sector", "hazard", "grade", "year", "floors"],
            column_encoding={"id": "DELTA_BINARY_PACKED"} | dict.fromkeys(SPLIT, "BYTE_STREAM_SPLIT"),
        )  # fmt: skip
        writer.write_table(table, row_group_size=CHUNK)
    assert writer is not None
    writer.close()
    partial.rename(path)


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, and what it gives."""
    begun = time.perf_counter()
    result = function()
    return time.perf_counter() - begun, result


def processor_s() -> float:
    """Seconds of processor time that this process and its finished children have taken."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
