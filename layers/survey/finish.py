"""The second pass of a build: a bucket is sorted, written, and counted on every level of the pyramid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from layers.kernels.survey import MOST, add_singles, cells_of, degrees_east, degrees_north
from layers.survey.partition import peak_mb, read_spill, spill_path
from layers.survey.plan import CUBE_LEVELS, TOTAL_LEVELS, Plan
from layers.survey.schema import Schema, missing
from layers.survey.shapes.write import write_shapes

ROW_GROUP = 65_536
SHAPE = "shape as delivered"  # a column of WKB
LONG = 4  # bytes of a number that is written byte by byte; shorter ones have few values
LEVELS = {"cube": ("cell", "start", "word", "big_at", "big"), "total": ("cell", "number")}
PLACES = ("start", "big_at")  # columns that say where among the words
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
    columns, shapes = read_spill(spills, schema)
    order = np.argsort(columns["key"])
    for name, values in columns.items():
        columns[name] = values[order]
    key, code = columns["key"], columns["code"]
    sorted_shapes = None if shapes is None else shapes.take(pa.array(order))
    _write_points(folder / "points" / f"{job.bucket:05d}.parquet", columns, schema, sorted_shapes)
    if sorted_shapes is not None:
        write_shapes(folder / "shapes", job.bucket, sorted_shapes, columns["row"])
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


def _write_points(path: Path, records: Mapping[str, Array], schema: Schema, shapes: pa.Array | None) -> None:
    """Parquet in the order of the keys: keys by their differences, short numbers by dictionary, long ones by byte."""
    code = records["code"]
    region = (code >> np.uint32(schema.combination_bits)).astype(np.uint16)
    facets = schema.facet_codes(code & np.uint32((1 << schema.combination_bits) - 1))
    columns: dict[str, Any] = {"key": records["key"], "row": records["row"], "region": region, **facets}
    for column in schema.columns:
        values = records[column.name]
        absent = np.isnan(values) if column.kind.startswith("f") else values == missing(column.kind)
        columns[column.name] = pa.array(values, mask=absent if absent.any() else None)
    if shapes is not None:
        columns[SHAPE] = shapes
    long = [column.name for column in schema.columns if schema.record[column.name].itemsize >= LONG]
    split = dict.fromkeys(["row", *long], "BYTE_STREAM_SPLIT")
    pq.write_table(
        pa.table(columns), path, row_group_size=ROW_GROUP, write_statistics=["key", "region"],
        use_dictionary=[name for name in columns if name not in ("key", SHAPE) and name not in split],
        column_encoding={"key": "DELTA_BINARY_PACKED", **split},
        compression={**dict.fromkeys(columns, "none"), **dict.fromkeys([*long, SHAPE], "zstd"), "row": "lz4"},
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
        pieces = {"cube": _packed(*cube, bits), "total": {"cell": total[0], "number": total[1]}}
        for name, columns in pieces.items():
            for column, values in columns.items():
                np.save(folder / f"{name}-{zoom:02d}-{column}-{job.bucket:05d}.npy", values)


def _packed(keys: Array, numbers: Array, bits: Any) -> dict[str, Array]:
    """A level with facets: its cells, where the words of each begin, and words of a code and a count.

    A count of `MOST` and more stands in a list of large ones, beside the place of its word.
    """
    cell = keys >> bits
    first = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]])) if len(cell) else np.empty(0, np.int64)
    word = (keys & ((U(1) << bits) - U(1))).astype(np.uint32) << np.uint32(8) | np.minimum(numbers, np.uint32(MOST))
    large = np.flatnonzero(numbers >= MOST)
    return {"cell": cell[first], "start": first, "word": word, "big_at": large, "big": numbers[large]}


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
    """Put the pieces of each level together, a file for each column of it. Returns the cells of each level."""
    cells: dict[str, dict[int, int]] = {name: {} for name in LEVELS}
    for zoom in sorted(plan.counted):
        words = np.cumsum([0, *(len(one) for _, one in _pieces(folder, f"cube-{zoom:02d}-word"))])
        for name, columns in LEVELS.items():
            for column in columns:
                count = _join(folder, f"{name}-{zoom:02d}-{column}", words if column in PLACES else None)
                cells[name][zoom] = count if column == "cell" else cells[name][zoom]
    return cells


def _pieces(folder: Path, name: str) -> list[tuple[Path, Array]]:
    paths = sorted((folder / "pieces").glob(f"{name}-*.npy"))
    return [(path, np.load(path, mmap_mode="r")) for path in paths]


def _join(folder: Path, name: str, words: Array | None) -> int:
    """Write one column of a level and take its pieces away; places of words are moved by the words before."""
    pieces = _pieces(folder, name)
    parts = [one for _, one in pieces]
    if words is not None:
        last = [words[-1:]] if name.endswith("start") else []
        parts = [(part + before).astype(np.uint32) for part, before in zip(parts, words.tolist(), strict=False)]
        parts += [one.astype(np.uint32) for one in last]
    count = sum(len(part) for part in parts)
    with (folder / "pyramid" / f"{name}.npy").open("wb") as file:
        facts = {"descr": parts[0].dtype.str, "fortran_order": False, "shape": (count,)}
        np.lib.format.write_array_header_1_0(file, facts)  # type: ignore[no-untyped-call]
        for part in parts:
            file.write(part.data)
    for path, _ in pieces:
        path.unlink()
    return count
