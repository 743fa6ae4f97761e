"""One segment of a store, opened for reading: nothing of it is in memory but its index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from layers.kernels.survey import count_cube, count_records, count_totals, tally_cube, tally_records
from layers.survey.choice import Choice
from layers.survey.finish import LEVELS, ROW_GROUP
from layers.survey.plan import CUBE_LEVELS, TOTAL_LEVELS
from layers.survey.schema import Schema
from layers.survey.shapes.read import Shapes

ROW_BYTES = 12  # a key and a code
U = np.uint64
Array = NDArray[Any]


class Segment:
    """Counts, keys and records of what one build has made.

    `withdrawn` are segments of records that are served no longer: whole records leave them out, counts and keys do
    not (see `Store.signed`).
    """

    def __init__(self, folder: Path, schema: Schema, withdrawn: Sequence[Segment] = ()) -> None:
        self.folder, self.schema, self.withdrawn = folder, schema, withdrawn
        with np.load(folder / "index.npz") as index:
            self._first, self._last = index["first"], index["last"]
            self._bucket, self._group = index["bucket"], index["group"]
            self.cross_at, self.cross = index["cross_at"], index["cross"]
            self.counted = {int(name[8:]): index[name] for name in index.files if name.startswith("counted_")}
        hot = [(int(path.stem), *_columns(path)) for path in sorted((folder / "hot").glob("*.raw"))]
        self._hot = [(keys, codes) for _, keys, codes in hot if len(keys)]
        held = [(bucket, codes) for bucket, _, codes in hot if len(codes) and schema.shapes]
        self.shapes = [Shapes(folder / "shapes", bucket, codes) for bucket, codes in held]
        _, begins = np.unique(self._bucket, return_index=True)
        self._hot_first = self._first[begins]  # as the sidecar says, whose files would have to be read for it

    @cached_property
    def _pyramid(self) -> dict[tuple[str, int], tuple[Array, ...]]:
        levels = [(name, zoom) for name in LEVELS for zoom in self.counted]
        folder = self.folder / "pyramid"
        return {
            (name, zoom): tuple(_column(folder / f"{name}-{zoom:02d}-{column}.npy") for column in LEVELS[name])
            for name, zoom in levels
        }

    def is_counted(self, zoom: int, tile: int) -> bool:
        """Whether a tile stands in the pyramid."""
        tiles = self.counted.get(zoom)
        if tiles is None:
            return False
        place = int(np.searchsorted(tiles, U(tile)))
        return place < len(tiles) and int(tiles[place]) == tile

    def add_tile(self, zoom: int, tile: int, choice: Choice, grid: Array) -> None:
        """Add the records of a tile to a grid: of `side(...)` cells each way."""
        if self.is_counted(zoom, tile):
            self._add_counted(zoom, tile, choice, grid)
            return
        low, high = tile_range(zoom, tile)
        shift = U(64 - 2 * zoom - 2 * (len(grid).bit_length() - 1))
        for keys, codes, start, end in self.records(low, high):
            count_records(
                keys, codes, start, end, U(low), shift, self.schema.combination_bits, choice.combinations,
                choice.regions, not choice.everything, grid,
            )  # fmt: skip

    def _add_counted(self, zoom: int, tile: int, choice: Choice, grid: Array) -> None:
        if choice.everything:
            keys, numbers = self._pyramid["total", zoom]
            first, after = tile << (2 * TOTAL_LEVELS), (tile + 1) << (2 * TOTAL_LEVELS)
            low, high = np.searchsorted(keys, np.array([first, after], U))
            count_totals(keys, numbers, low, high, U(first), grid)
            return
        first, after = tile << (2 * CUBE_LEVELS), (tile + 1) << (2 * CUBE_LEVELS)
        cells = self._pyramid["cube", zoom]
        low, high = np.searchsorted(cells[0], np.array([first, after], U))
        count_cube(
            *cells, low, high, U(first), self.schema.combination_bits, choice.combinations, choice.regions, grid
        )

    def tally_cells(self, zoom: int, first: int, after: int, choice: Choice, out: tuple[Array, Array]) -> None:
        """Add a range of cells of a counted level to counts by combination and by region."""
        cells, *words = self._pyramid["cube", zoom]
        low, high = np.searchsorted(cells, np.array([first, after], U))
        tally_cube(*words, low, high, self.schema.combination_bits, choice.combinations, choice.regions, *out)

    def tally_range(self, low: int, high: int, choice: Choice, out: tuple[Array, Array]) -> None:
        """Add the records of a range of keys to counts by combination and by region."""
        for _, codes, start, end in self.records(low, high):
            tally_records(codes, start, end, self.schema.combination_bits, choice.combinations, choice.regions, *out)

    def records(self, low: int, high: int) -> Iterator[tuple[Array, Array, int, int]]:
        """Keys, codes and the part of them that lies in a range of keys, both ends included."""
        first = max(0, int(np.searchsorted(self._hot_first, U(low), "right")) - 1)
        after = int(np.searchsorted(self._hot_first, U(high), "right"))
        for keys, codes in self._hot[first:after]:
            start, end = int(np.searchsorted(keys, U(low))), int(np.searchsorted(keys, U(high), "right"))
            if start < end:
                yield keys, codes, start, end

    def tables(self, low: int, high: int) -> Iterator[pa.Table]:
        """Whole records of a range of keys, row group by row group, in the order of the keys."""
        groups = np.flatnonzero((self._last >= U(low)) & (self._first <= U(high)))
        for group in groups.tolist():
            path = self.folder / "points" / f"{self._bucket[group]:05d}.parquet"
            table = pq.ParquetFile(path, memory_map=True).read_row_group(int(self._group[group]))
            keys = table["key"].to_numpy()
            start, end = np.searchsorted(keys, U(low)), np.searchsorted(keys, U(high), "right")
            if start < end:
                found = self._served(table.slice(start, end - start))
                if found.num_rows:
                    yield found

    def tables_of(self, shapes: Shapes, places: Array) -> Iterator[pa.Table]:
        """Whole records of shapes, by their places, row group by row group."""
        for group in np.unique(places // ROW_GROUP).tolist():
            own = places[places // ROW_GROUP == group] - group * ROW_GROUP
            path = self.folder / "points" / f"{shapes.bucket:05d}.parquet"
            yield pq.ParquetFile(path, memory_map=True).read_row_group(group).take(pa.array(own))

    def _served(self, table: pa.Table) -> pa.Table:
        if not self.withdrawn:
            return table
        low, high = int(table["key"][0].as_py()), int(table["key"][-1].as_py())
        gone = [one["row"].to_numpy() for other in self.withdrawn for one in other.tables(low, high)]
        kept = ~np.isin(table["row"].to_numpy(), np.concatenate(gone)) if gone else None
        return table if kept is None else table.filter(pa.array(kept))


def tile_range(zoom: int, tile: int) -> tuple[int, int]:
    """The first and last key of a tile."""
    low = tile << (64 - 2 * zoom)
    return low, low + (1 << (64 - 2 * zoom)) - 1


def _column(path: Path) -> Array:
    """An array as it lies in its file."""
    found: Array = np.asarray(np.load(path, mmap_mode="r"))
    return found


def _columns(path: Path) -> tuple[Array, Array]:
    """Keys, and codes behind them, as they lie in the file."""
    count = path.stat().st_size // ROW_BYTES
    if not count:
        return np.empty(0, U), np.empty(0, np.uint32)
    return np.memmap(path, U, "r", 0, (count,)), np.memmap(path, np.uint32, "r", 8 * count, (count,))
