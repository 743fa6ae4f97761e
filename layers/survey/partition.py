"""The first pass of a build: every record goes to the file of its bucket, a row group in memory at a time."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from layers.kernels.survey import buckets_of, scatter
from layers.survey.plan import Plan
from layers.survey.schema import Schema
from layers.survey.source import REASONS, Reader, Task

Array = NDArray[Any]


@dataclass(frozen=True)
class Share:
    """What one worker reads, and where it writes."""

    paths: tuple[str, ...]
    tasks: tuple[Task, ...]
    schema: Schema
    plan: Plan
    folder: str
    worker: int


@dataclass(frozen=True)
class Read:
    """What a worker has read."""

    rows: int
    left_out: Counter[str] = field(default_factory=Counter)  # by reason
    outside: Counter[str] = field(default_factory=Counter)  # by column
    peak_mb: float = 0.0


def spill_path(folder: str, bucket: int, worker: int) -> Path:
    """Where a worker puts the records of a bucket."""
    return Path(folder) / "spill" / f"{bucket:05d}.{worker}"


def partition(share: Share) -> Read:
    """Put the records of row groups into the files of their buckets, and refused ones into a table of their own."""
    left_out: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    rows, refused = 0, []
    with ExitStack() as stack:
        files = [
            stack.enter_context(spill_path(share.folder, bucket, share.worker).open("wb", buffering=0))
            for bucket in range(share.plan.buckets)
        ]
        reader = Reader(share.paths, share.schema)
        for task in share.tasks:
            batch = reader.records(task)
            rows += len(batch.records)
            outside.update({name: count for name, count in batch.outside.items() if count})
            if len(batch.left_out):
                refused.append(pa.table({"row": batch.left_out, "reason": batch.reasons}))
            ordered, ends = _by_bucket(batch.records, share.plan)
            start = 0
            for bucket, end in enumerate(ends.tolist()):
                if end > start:
                    _write_all(files[bucket], ordered[start:end])
                start = end
    if refused:
        table = pa.concat_tables(refused)
        pq.write_table(table, Path(share.folder) / "refused" / f"{share.worker}.parquet")
        counts = np.bincount(table["reason"].to_numpy(), minlength=len(REASONS))
        left_out.update({name: int(count) for name, count in zip(REASONS, counts, strict=True) if count})
    return Read(rows, left_out, outside, peak_mb())


def peak_mb() -> float:
    """The most memory that this process has held [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def as_words(records: Array) -> Array:
    """Records as rows of four-byte words."""
    return records.view(np.uint32).reshape(len(records), records.dtype.itemsize // 4)


def _by_bucket(records: Array, plan: Plan) -> tuple[Array, Array]:
    key = np.ascontiguousarray(records["key"])
    bucket, count = np.empty(len(key), np.int32), np.zeros(plan.buckets, np.int64)
    buckets_of(key, plan.splitters, bucket, count)
    ends = np.cumsum(count)
    words = as_words(records)
    ordered = np.empty_like(words)
    scatter(words, bucket, ends - count, ordered)
    return ordered, ends


def _write_all(file: FileIO, words: Array) -> None:
    """Write the whole array: without a buffer a write may take less than it was given."""
    rest = words.data.cast("B")
    while rest:
        rest = rest[file.write(rest) :]


def shares(
    paths: Sequence[str], tasks: Sequence[Task], schema: Schema, plan: Plan, folder: str, workers: int
) -> list[Share]:
    """The row groups dealt out to workers in turn."""
    return [
        Share(tuple(paths), tuple(tasks[worker::workers]), schema, plan, folder, worker) for worker in range(workers)
    ]
