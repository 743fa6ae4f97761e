"""Records put aside on disk in parts that fit in memory: strips of longitude, or shares of a hash.

A rule about neighbours needs those on the other side of a strip's edge: a record is put into every strip that its
reach touches, and belongs to the one in which it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from layers.geodesy import KM_PER_DEGREE
from layers.kernels.inspect import hash_numbers, hash_words
from layers.survey.inspect.delivery import Batch, Files

PART_ROWS = 1_000_000  # records of a part, about: with 16 neighbours of each below 0.5 GB
SAMPLED = 64  # row groups that are read to place the edges of strips
STEEPEST = 0.01  # the least cosine of a latitude that is reckoned with: 89.4 degrees

Array = NDArray[Any]


class Spill:
    """Fixed-size records in parts; `record` is their type."""

    def __init__(self, folder: Path, name: str, parts: int, record: np.dtype[Any]) -> None:
        self._paths = [folder / f"{name}-{number:04d}.scratch" for number in range(parts)]
        self._files = [path.open("wb") for path in self._paths]
        self._record = record

    def put(self, part: NDArray[np.int64], records: Array) -> None:
        """Add records to a part each."""
        order = np.argsort(part, kind="stable")
        starts = np.searchsorted(part[order], np.arange(len(self._files) + 1))
        for number in np.unique(part).tolist():
            records[order[starts[number] : starts[number + 1]]].tofile(self._files[number])

    def parts(self) -> Iterator[Array]:
        """Each part in turn; it is taken off the disk when the next one is asked for."""
        for file in self._files:
            file.close()
        for path in self._paths:
            yield np.fromfile(path, self._record)
            path.unlink()


def strip_edges(files: Files) -> Array:
    """Longitudes between strips, from a part of the positions; none where all fits into one."""
    parts = -(-files.rows // PART_ROWS)
    if parts < 2:
        return np.empty(0)
    groups = [(path, group) for path in files.paths for group in range(pq.read_metadata(path).num_row_groups)]
    chosen = groups[:: -(-len(groups) // SAMPLED)]
    lons = [_longitudes(path, group, files) for path, group in chosen]
    known = np.concatenate(lons)
    return np.unique(np.quantile(known[np.isfinite(known)], np.arange(1, parts) / parts))


def _longitudes(path: Path, group: int, files: Files) -> Array:
    with pq.ParquetFile(path) as file:
        table = file.read_row_group(group, columns=["id", *files.position])
    return Batch(0, table, "").positions[0]


def spread_over(edges: Array, lon: Array, lat: Array, reach_m: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which records go into which strips: places of records, and the strip of each."""
    if not len(edges):
        return np.arange(len(lon)), np.zeros(len(lon), np.int64)
    reach = reach_m / 1000 / KM_PER_DEGREE / np.maximum(np.cos(np.radians(lat)), STEEPEST)
    places, strips = [], []
    for turn in (-360.0, 0.0, 360.0):  # across the antimeridian
        west, east = lon + turn - reach, lon + turn + reach
        meets = np.flatnonzero((east >= -180) & (west <= 180)) if turn else np.arange(len(lon))
        low = np.searchsorted(edges, west[meets], side="right")
        count = np.searchsorted(edges, east[meets], side="right") - low + 1
        places.append(np.repeat(meets, count))
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        strips.append(np.repeat(low, count) + within)
    width = len(edges) + 1
    pairs = np.unique(np.concatenate(places) * width + np.concatenate(strips))
    return pairs // width, pairs % width


def strip_of(edges: Array, lon: Array) -> NDArray[np.int64]:
    """The strip in which longitudes lie."""
    return np.asarray(np.searchsorted(edges, lon, side="right"))


def hash_of(table: pa.Table, names: tuple[str, ...]) -> NDArray[np.uint64]:
    """A number of 64 bits for the values of each record in some columns: equal for equal ones.

    Two different values meet in one number by chance: among 1e9 records about once in 37 runs.
    """
    out = np.zeros(table.num_rows, np.uint64)
    for name in names:
        column = table[name]
        if pa.types.is_floating(column.type):
            hash_numbers(pc.cast(column, pa.float64()).fill_null(np.nan).to_numpy().view(np.uint64), out)
            continue
        words = pc.fill_null(pc.cast(column, pa.large_string()), "\0").combine_chunks()
        words = words.chunk(0) if isinstance(words, pa.ChunkedArray) else words
        _, offsets, data = words.buffers()
        places = np.frombuffer(offsets, np.int64)[words.offset : words.offset + len(words) + 1]
        hash_words(places, np.frombuffer(data or b"\0", np.uint8), out)
    return out
