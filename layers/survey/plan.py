"""Before a build: how records are divided among buckets, and which tiles are counted beforehand; from a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.kernels.survey import NOWHERE
from layers.survey.schema import Schema
from layers.survey.source import Reader, Task

DEEPEST = 14
SAMPLE = 2_000_000
GROUPS = 32
TOTAL_LEVELS = 8  # a tile without filter has 2**8 cells each way
CUBE_LEVELS = 7  # and with one 2**7
BUCKETS = 256  # as far as they do not become too small or too large
BUCKET_ROWS = (1_000_000, 4_000_000)  # the larger with its copies about 0.7 GB a worker
BUCKET_BYTES = 64_000_000  # of shapes
Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Plan:
    """`splitters` are first keys of buckets but the first; `counted` the tiles of each zoom with a pyramid."""

    rows: int
    splitters: Keys
    counted: dict[int, Keys]

    @property
    def buckets(self) -> int:
        return len(self.splitters) + 1


def scan_limit(rows: int) -> int:
    """How many records a tile may have that is counted when it is asked for: a fiftieth, within bounds.

    Of 4 million 48 MB are read: some 50 ms from a disk, 15 ms from memory.
    """
    return min(max(rows // 50, 1_000_000), 4_000_000)


def rows_of_a_bucket(rows: int, shape_bytes: float) -> int:
    """How many records are sorted at once: few enough for the processor's own memory, as long as buckets are few.

    `shape_bytes` is how long their shapes are on average: with long ones memory sets the bound.
    """
    most = BUCKET_ROWS[1] if not shape_bytes else max(1, int(BUCKET_BYTES / shape_bytes))
    return min(max(rows // BUCKETS, BUCKET_ROWS[0]), BUCKET_ROWS[1], most)


def make_plan(paths: Sequence[str], tasks: Sequence[Task], schema: Schema, *, limit: int, bucket_rows: int) -> Plan:
    """Look at a sample of all row groups.

    Parameters
    ----------
    limit : int
        Tiles with more records than this are counted beforehand. What is counted and what is scanned gives the same
        numbers; a sample that misleads costs time, nothing else.
    bucket_rows : int
        About how many records a bucket has; they are sorted in memory.
    """
    rows = sum(task.count for task in tasks)
    sample = _sample(paths, tasks, schema)
    share = rows / max(len(sample), 1)
    counted: dict[int, Keys] = {}
    for zoom in range(min(DEEPEST, (64 - schema.code_bits) // 2 - CUBE_LEVELS) + 1):
        tiles, count = np.unique(tile_of(sample, zoom), return_counts=True)
        tiles = tiles[count * share > limit]
        if not len(tiles):
            break
        counted[zoom] = tiles
    number = max(1, math.ceil(rows / bucket_rows))
    shift = np.uint64(64 - 2 * (max(counted, default=0) + TOTAL_LEVELS))  # no cell of the pyramid is cut in two
    places = np.arange(1, number) * len(sample) // number
    splitters = np.unique(sample[places] >> shift) << shift if number > 1 and len(sample) else np.empty(0, np.uint64)
    return Plan(rows, splitters[splitters > 0], counted)


def tile_of(key: Keys, zoom: int) -> Keys:
    """The tile of each key, as a Morton number of its zoom."""
    return key >> np.uint64(64 - 2 * zoom) if zoom else np.zeros(len(key), np.uint64)


def _sample(paths: Sequence[str], tasks: Sequence[Task], schema: Schema) -> Keys:
    if not tasks:
        return np.empty(0, np.uint64)
    chosen = np.unique(np.linspace(0, len(tasks) - 1, min(len(tasks), GROUPS)).astype(int)).tolist()
    looked_at = sum(tasks[index].count for index in chosen)
    step = max(1, looked_at // SAMPLE)
    reader = Reader(paths, schema)
    parts: list[Any] = [reader.keys(tasks[index], step) for index in chosen]
    sample = np.concatenate(parts)
    return np.sort(sample[sample != NOWHERE])
