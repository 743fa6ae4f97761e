"""Amendments: which records of a store a delivery replaces or deletes, by the identity that the provider gave them.

What is replaced is not rebuilt: it is written as a segment of its own that is taken off from the counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.errors import LayerError
from layers.kernels.survey import NOWHERE
from layers.survey.schema import Schema
from layers.survey.source import ROW_BITS, Reader, Task, read_group, tasks_of

IDENTITY = "id"
DELETED = "deleted"
ABSENT = "absent.npy"  # in a segment: rows of its files that it was told to leave out
MOST = 20_000_000  # identities that are held in memory
NAMED = 5
Array = NDArray[Any]
Entry = Mapping[str, Any]  # what the manifest says of a segment


@dataclass(frozen=True)
class Part:
    """What becomes one segment.

    `absent` are the rows of its files that it leaves out; `of` is the segment whose records it takes off.
    """

    files: tuple[Entry, ...]
    paths: tuple[str, ...]
    tasks: tuple[Task, ...]
    absent: Array = field(default_factory=lambda: np.empty(0, np.uint64))
    of: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def amendment(
    part: Part, schema: Schema, store: Path, segments: Sequence[Entry], executor: Executor, workers: int
) -> list[Part]:
    """A delivery of amendments, without its deletions, and the records that it takes the place of.

    A record whose `deleted` is true takes its forerunner away; one that cannot be used changes nothing; one without
    an identity is added.

    Raises
    ------
    LayerError
        If an identity stands in it twice, or the files of an earlier delivery are not there any more.
    """
    paths = [Path(path) for path in part.paths]
    _with_identity(paths)
    amended, deleted, absent = _identities(part, schema)
    named = pc.unique(pa.concat_arrays([amended, deleted]))
    if len(named) < len(amended) + len(deleted):
        counts = pc.value_counts(pa.concat_arrays([amended, deleted]))
        twice = pc.filter(counts.field("values"), pc.greater(counts.field("counts"), 1)).slice(0, NAMED)
        raise LayerError(f"an identity stands in the amendment twice: {', '.join(twice.to_pylist())}")
    if len(named) > MOST:
        raise LayerError(f"more than {MOST:,} amendments: deliver the whole in place of what there is")
    taken, found = [], pa.array([], pa.string())
    for entry in positive(segments):
        one, ids = _taken_off(entry, schema, store, segments, named, executor, workers)
        found = pc.unique(pa.concat_arrays([found, ids]))
        if any(task.only is not None and len(task.only) for task in one.tasks):
            taken.append(one)
    replaced, gone = (int(pc.sum(pc.is_in(ids, found)).as_py() or 0) for ids in (amended, deleted))
    facts = {"replaced": replaced, "new": len(amended) - replaced, "deleted": gone,
             "deleted_but_not_there": len(deleted) - gone}  # fmt: skip
    own = replace(part, tasks=without(part.tasks, absent), absent=absent, facts={"amended": facts})
    return [own, *taken]


def positive(segments: Sequence[Entry]) -> list[Entry]:
    """The segments that hold records, not what is taken off them."""
    return [entry for entry in segments if not entry.get("of")]


def together(store: Path, schema: Schema, segments: Sequence[Entry]) -> Part:
    """All records that are served, as one part: from the files that were delivered, without what was taken off."""
    files = [one for entry in positive(segments) for one in entry["files"]]
    absent, before = [np.empty(0, np.uint64)], 0
    for entry in positive(segments):
        absent.append(_gone(entry, store, segments) + np.uint64(before << ROW_BITS))
        before += len(entry["files"])
    paths = _delivered(files, store)
    every = np.sort(np.concatenate(absent))
    return Part(tuple(files), tuple(map(str, paths)), without(tasks_of(paths, schema), every), every)


def without(tasks: Sequence[Task], absent: Array) -> tuple[Task, ...]:
    """The same tasks without some rows; `absent` in order."""
    found = []
    for task in tasks:
        low, high = np.searchsorted(absent, np.array([task.number, task.number + task.rows], np.uint64))
        gone = (absent[low:high] - np.uint64(task.number)).astype(np.int64)
        found.append(replace(task, only=np.delete(np.arange(task.rows), gone)) if len(gone) else task)
    return tuple(found)


def _identities(part: Part, schema: Schema) -> tuple[pa.Array, pa.Array, Array]:
    """Identities of records that come in place of others, of deleted ones, and the rows of these."""
    reader = Reader(part.paths, schema)
    amended, deleted, absent = [], [], [np.empty(0, np.uint64)]
    for task in part.tasks:
        path = part.paths[task.file]
        names = [name for name in (IDENTITY, DELETED) if name in pq.read_schema(path).names]
        table = read_group(path, task.group, names)
        ids = _texts(table[IDENTITY])
        gone = np.zeros(task.rows, np.bool_)
        if DELETED in names:
            gone = np.asarray(pc.fill_null(pc.cast(table[DELETED], pa.bool_()), False).to_numpy())
        known = ids.is_valid().to_numpy(False)
        usable = reader.keys(task) != NOWHERE
        amended.append(ids.filter(pa.array(known & usable & ~gone)))
        deleted.append(ids.filter(pa.array(known & gone)))
        absent.append(np.flatnonzero(gone).astype(np.uint64) + np.uint64(task.number))
    texts = [pa.array([], pa.string())]
    return pa.concat_arrays(texts + amended), pa.concat_arrays(texts + deleted), np.concatenate(absent)


def _taken_off(
    entry: Entry,
    schema: Schema,
    store: Path,
    segments: Sequence[Entry],
    ids: pa.Array,
    executor: Executor,
    workers: int,
) -> tuple[Part, pa.Array]:
    """The records of a segment that have one of the identities and are still served; and the identities found."""
    paths = _delivered(entry["files"], store)
    _with_identity(paths)
    tasks = tasks_of(paths, schema)
    gone, names = _gone(entry, store, segments), tuple(map(str, paths))
    looks = [_Look(names, tuple(tasks[worker::workers]), schema, ids, gone) for worker in range(workers)]
    found = [one for part in executor.map(_look, looks) for one in part]
    hit = sorted((task for task, _ in found), key=lambda task: task.number)
    texts = pa.concat_arrays([pa.array([], pa.string()), *(one for _, one in found)])
    return Part(tuple(entry["files"]), names, tuple(hit), of=entry["name"]), texts


@dataclass(frozen=True)
class _Look:
    """Where to look for identities, and the rows that are not looked at."""

    paths: tuple[str, ...]
    tasks: tuple[Task, ...]
    schema: Schema
    ids: pa.Array
    gone: Array


def _look(look: _Look) -> list[tuple[Task, pa.Array]]:
    """The row groups with records of these identities that can be used, and the identities."""
    reader, found = Reader(look.paths, look.schema), []
    for task in look.tasks:
        ids = _texts(read_group(look.paths[task.file], task.group, [IDENTITY])[IDENTITY])
        rows = np.flatnonzero(pc.is_in(ids, value_set=look.ids, skip_nulls=True).to_numpy(False))
        if len(rows):
            rows = rows[~np.isin(rows.astype(np.uint64) + np.uint64(task.number), look.gone)]
            rows = rows[reader.keys(task)[rows] != NOWHERE]
        if len(rows):
            found.append((replace(task, only=rows), ids.take(pa.array(rows))))
    return found


def _gone(entry: Entry, store: Path, segments: Sequence[Entry]) -> Array:
    """The rows of a segment's files that are not served: left out by it, or taken off since."""
    folder = store / "segments"
    kept = folder / entry["name"] / ABSENT
    rows = [np.load(kept)] if kept.exists() else [np.empty(0, np.uint64)]
    for other in segments:
        if other.get("of") == entry["name"]:
            rows += [
                pq.read_table(path, columns=["row"])["row"].to_numpy()
                for path in sorted((folder / other["name"] / "points").glob("*.parquet"))
            ]
    found: Array = np.sort(np.concatenate(rows))
    return found


def _delivered(files: Sequence[Entry], store: Path) -> list[Path]:
    """The files of earlier deliveries; LayerError where one is not what it was."""
    paths = [store / one["path"] for one in files]
    faults = []
    for path, one in zip(paths, files, strict=True):
        try:
            if pq.read_metadata(path).num_rows != one["rows"]:
                faults.append(f"{path.name} is not the file that the store was built from")
        except (OSError, pa.ArrowInvalid) as error:
            faults.append(f"{path.name}, which the store was built from: {error}")
    if faults:
        raise LayerError("; ".join(faults))
    return paths


def _with_identity(paths: Sequence[Path]) -> None:
    faults = [f"{path.name}: no column {IDENTITY}" for path in paths if IDENTITY not in pq.read_schema(path).names]
    if faults:
        raise LayerError("amendments need identities: " + "; ".join(faults))


def _texts(column: pa.ChunkedArray) -> pa.Array:
    found = pc.cast(column, pa.string()).combine_chunks()
    return found if isinstance(found, pa.Array) else pa.concat_arrays(found.chunks)
