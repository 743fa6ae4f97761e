"""The first pass of a build: every record goes to the file of its bucket, a row group in memory at a time."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from layers.kernels.survey import buckets_of, order_by_bucket
from layers.survey.plan import Plan
from layers.survey.schema import SHAPE_BYTES, Schema
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
            rows += task.count - len(batch.left_out)
            outside.update({name: count for name, count in batch.outside.items() if count})
            if len(batch.left_out):
                refused.append(pa.table({"row": batch.left_out, "reason": batch.reasons}))
            ordered, ends, order = _by_bucket(batch.columns, share.plan)
            shapes = None if batch.shapes is None else batch.shapes.take(pa.array(order))
            start = 0
            for bucket, end in enumerate(ends.tolist()):
                if end > start:
                    columns = [np.array([end - start]), *(one[start:end] for one in ordered)]
                    _write_all(files[bucket], columns if shapes is None else [*columns, _bytes(shapes, start, end)])
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


def _bytes(shapes: pa.Array, start: int, end: int) -> Array:
    """The bytes of some shapes, one after the other."""
    _, offsets, content = shapes.buffers()
    at = np.frombuffer(offsets, np.int32)
    return np.frombuffer(content, np.uint8)[at[start] : at[end]]


def read_spill(paths: Iterable[Path], schema: Schema) -> tuple[dict[str, Array], pa.Array | None]:
    """The records of a bucket, column by column, as all workers have put them there; and their shapes."""
    kinds = schema.record
    spilled = [np.fromfile(path, np.uint8) for path in paths]
    content = [np.empty(0, np.uint8)]
    parts: dict[str, list[Array]] = {name: [np.empty(0, kind)] for name, kind in kinds.items()}
    for raw in spilled:
        at = 0
        while at < len(raw):
            count = int(raw[at : at + 8].view(np.int64)[0])
            at += 8
            for name, kind in kinds.items():
                parts[name].append(np.frombuffer(raw, kind, count, at))
                at += count * kind.itemsize
            if schema.shapes:
                size = int(parts[SHAPE_BYTES][-1].sum())
                content.append(raw[at : at + size])
                at += size
    columns = {name: np.concatenate(pieces) for name, pieces in parts.items()}
    if not schema.shapes:
        return columns, None
    offsets = np.cumsum([0, *columns.pop(SHAPE_BYTES)], dtype=np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.concatenate(content))]
    return columns, pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _by_bucket(columns: dict[str, Array], plan: Plan) -> tuple[list[Array], Array, Array]:
    key = columns["key"]
    bucket, count = np.empty(len(key), np.int32), np.zeros(plan.buckets, np.int64)
    buckets_of(key, plan.splitters, bucket, count)
    ends = np.cumsum(count)
    order = np.empty(count.sum(), np.int64)
    order_by_bucket(bucket, ends - count, order)
    return [values.take(order) for values in columns.values()], ends, order


def _write_all(file: FileIO, columns: Sequence[Array]) -> None:
    """Write whole columns one after the other: without a buffer a write may take less than it was given."""
    rest = memoryview(b"".join(one.data for one in columns))
    while rest:
        rest = rest[file.write(rest) :]


def shares(
    paths: Sequence[str], tasks: Sequence[Task], schema: Schema, plan: Plan, folder: str, workers: int
) -> list[Share]:
    """The row groups dealt out to workers in turn."""
    return [
        Share(tuple(paths), tuple(tasks[worker::workers]), schema, plan, folder, worker) for worker in range(workers)
    ]
