"""The second pass of a build: a bucket is sorted, written, and counted on every level of the pyramid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from layers.kernels.survey import add_singles, cells_of, degrees_east, degrees_north
from layers.survey.partition import peak_mb, read_spill, spill_path
from layers.survey.plan import CUBE_LEVELS, TOTAL_LEVELS, Plan
from layers.survey.schema import Schema, missing

ROW_GROUP = 65_536
LONG = 4  # bytes of a number that is written byte by byte; shorter ones have few values
U = np.uint64
Array = NDArray[Any]


@dataclass(frozen=True)
class Job:
    """One bucket."""

    schema: Schema
    plan: Plan
    folder: str
    bucket: int
    workers: int


@dataclass(frozen=True)
class Finished:
    """What a bucket came to; the cross table is sparse."""

    bucket: int
    rows: int
    twice: int  # records at a place where another one is too
    bounds: tuple[float, float, float, float] | None  # west, south, east, north [degrees]
    cross_at: Array  # region * combinations + combination
    cross: Array
    peak_mb: float


def finish_bucket(job: Job) -> Finished:
    """Sort a bucket's records and write points, sidecar and pyramid pieces; its spill is removed at the end."""
    schema, folder = job.schema, Path(job.folder)
    spills = [spill_path(job.folder, job.bucket, worker) for worker in range(job.workers)]
    columns = read_spill(spills, schema)
    order = np.argsort(columns["key"])
    for name, values in columns.items():
        columns[name] = values[order]
    key, code = columns["key"], columns["code"]
    _write_points(folder / "points" / f"{job.bucket:05d}.parquet", columns, schema)
    del columns, order, values
    with (folder / "hot" / f"{job.bucket:05d}.raw").open("wb") as file:
        file.write(key.data)
        file.write(code.data)
    _write_pyramid(folder / "pieces", job, key, code)
    inner = (1 << schema.combination_bits) - 1
    flat = (code >> schema.combination_bits).astype(np.int64) * schema.combinations + (code & inner)
    at, count = np.unique(flat, return_counts=True)
    twice = int((key[1:] == key[:-1]).sum()) if len(key) else 0
    for path in spills:
        path.unlink()
    return Finished(job.bucket, len(key), twice, _bounds(key), at, count, peak_mb())


def _bounds(key: Array) -> tuple[float, float, float, float] | None:
    if not len(key):
        return None
    x, y = np.empty(len(key), U), np.empty(len(key), U)
    cells_of(key, x, y)
    west, east = degrees_east(np.array([x.min(), x.max()]))
    north, south = degrees_north(np.array([y.min(), y.max()]))
    return float(west), float(south), float(east), float(north)


def _write_points(path: Path, records: Mapping[str, Array], schema: Schema) -> None:
    """Parquet in the order of the keys: keys by their differences, short numbers by dictionary, long ones by byte."""
    code = records["code"]
    region = (code >> np.uint32(schema.combination_bits)).astype(np.uint16)
    facets = schema.facet_codes(code & np.uint32((1 << schema.combination_bits) - 1))
    columns: dict[str, Any] = {"key": records["key"], "row": records["row"], "region": region, **facets}
    for column in schema.columns:
        values = records[column.name]
        absent = np.isnan(values) if column.kind.startswith("f") else values == missing(column.kind)
        columns[column.name] = pa.array(values, mask=absent if absent.any() else None)
    long = [column.name for column in schema.columns if schema.record[column.name].itemsize >= LONG]
    split = dict.fromkeys(["row", *long], "BYTE_STREAM_SPLIT")
    pq.write_table(
        pa.table(columns), path, row_group_size=ROW_GROUP, write_statistics=["key", "region"],
        use_dictionary=[name for name in columns if name != "key" and name not in split],
        column_encoding={"key": "DELTA_BINARY_PACKED", **split},
        compression={**dict.fromkeys(columns, "none"), **dict.fromkeys(long, "zstd"), "row": "lz4"},
    )  # fmt: skip


def _write_pyramid(folder: Path, job: Job, key: Array, code: Array) -> None:
    """Counts of every counted tile that touches this bucket, on each level: with facets and without."""
    counted, bits = job.plan.counted, U(job.schema.code_bits)
    deepest = _deepest(key, counted)
    cube: tuple[Array, Array] = (np.empty(0, U), np.empty(0, np.uint32))
    total = cube
    for zoom in sorted(counted, reverse=True):
        own = deepest == zoom
        cell = key[own] >> U(64 - 2 * (zoom + CUBE_LEVELS))
        coarser = ((cube[0] >> (bits + U(2))) << bits) | (cube[0] & ((U(1) << bits) - U(1)))
        order = np.argsort(coarser)
        cube = _merged((coarser[order], cube[1][order]), np.sort((cell << bits) | code[own].astype(U)))
        total = _merged((total[0] >> U(2), total[1]), key[own] >> U(64 - 2 * (zoom + TOTAL_LEVELS)))
        for name, (keys, numbers) in (("cube", cube), ("total", total)):
            np.save(folder / f"{name}-{zoom:02d}-{job.bucket:05d}-key.npy", keys)
            np.save(folder / f"{name}-{zoom:02d}-{job.bucket:05d}-number.npy", numbers)


def _deepest(key: Array, counted: Mapping[int, Array]) -> Array:
    """The deepest zoom at which the tile of each key is counted; -1 where none is."""
    deepest = np.full(len(key), -1, np.int8)
    for zoom in sorted(counted):
        if zoom == 0:
            deepest[:] = 0
            continue
        shift = U(64 - 2 * zoom)
        first = counted[zoom] << shift
        low, high = np.searchsorted(key, first), np.searchsorted(key, first + ((U(1) << shift) - U(1)), "right")
        for start, end in zip(low.tolist(), high.tolist(), strict=True):
            deepest[start:end] = zoom
    return deepest


def _merged(counts: tuple[Array, Array], more: Array) -> tuple[Array, Array]:
    """Sorted cells with their counts, after sorted single ones were added."""
    cells, numbers = np.empty(len(counts[0]) + len(more), U), np.empty(len(counts[0]) + len(more), np.uint32)
    size = add_singles(*counts, more, cells, numbers)
    return cells[:size].copy(), numbers[:size].copy()


def join_pieces(folder: Path, plan: Plan) -> dict[str, dict[int, int]]:
    """Put the pieces of each level into one file: all keys, then all numbers. Returns the cells of each level."""
    cells: dict[str, dict[int, int]] = {"cube": {}, "total": {}}
    for name, zoom in _levels(plan):
        pieces = [folder / "pieces" / f"{name}-{zoom:02d}-{bucket:05d}" for bucket in range(plan.buckets)]
        rows = 0
        with (folder / "pyramid" / f"{name}-{zoom:02d}.raw").open("wb") as file:
            for column in ("key", "number"):
                for piece in pieces:
                    path = piece.with_name(f"{piece.name}-{column}.npy")
                    values = np.load(path)
                    rows += len(values) if column == "key" else 0
                    file.write(values.data)
                    path.unlink()
        cells[name][zoom] = rows
    return cells


def _levels(plan: Plan) -> Iterable[tuple[str, int]]:
    return ((name, zoom) for name in ("cube", "total") for zoom in sorted(plan.counted))
