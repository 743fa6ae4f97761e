"""A store of survey records from Parquet files: two passes in bounded memory, put in place in one step.

A store is a folder with `manifest.json` and segments. A build writes a new segment beside those that are served and
names it in the manifest at its very end; whatever ends it before that (a kill, a full disk) leaves the store as it
was. The same code runs over processes of this machine and over a Dask cluster that shares the folder.
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow.parquet as pq

from data.errors import LayerError
from data.store.durable import to_disk
from layers.survey.amend import ABSENT, Part, amendment, together
from layers.survey.finish import Finished, Job, finish_bucket, join_pieces
from layers.survey.partition import Read, partition, peak_mb, shares
from layers.survey.plan import Plan, make_plan, rows_of_a_bucket, scan_limit
from layers.survey.schema import Schema
from layers.survey.source import shape_bytes, tasks_of

MANIFEST = "manifest.json"
UNFINISHED = ".building"
Report = Callable[[str, int, int], None]  # phase, done, of how many
_T = TypeVar("_T")


def build(
    sources: Sequence[Path],
    store: Path,
    schema: Schema,
    *,
    mode: Literal["replace", "append", "amend"] = "replace",
    delivery: int | None = None,
    workers: int = 2,
    executor: Executor | None = None,
    limit: int | None = None,
    bucket_rows: int | None = None,
    report: Report = lambda phase, done, total: None,
) -> dict[str, Any]:
    """Build a segment and put it into the store.

    Parameters
    ----------
    sources : sequence of Path
        Parquet files.
    store : Path
        A folder, made where it is missing.
    schema : Schema
        With "append" and "amend" it must be that of the store.
    mode : "replace", "append" or "amend"
        In the place of what the store held before, beside it, or each record in the place of the one with the same
        identity (see `layers.survey.amend`).
    delivery : int, optional
        The number of the delivery in the catalogue.
    workers : int
        Into how many shares the work is dealt.
    executor : concurrent.futures.Executor, optional
        Where they are worked on; processes of this machine without one.
    limit : int, optional
        Tiles with more records are counted beforehand; by the number of records where it is not given.

    Returns
    -------
    dict
        What the manifest says of the new segment: rows, refused records by reason, values that did not fit, memory.

    Raises
    ------
    LayerError
        If the files are not what the schema says, the store has another schema, or another build is at work.
    """
    own = part_of(sources, store, schema, delivery)
    with _alone(store), working_on(executor, workers) as at_work:
        before = read_manifest(store)
        kept = before["segments"] if before and mode != "replace" else []
        if kept and before and Schema.from_json(before["schema"]) != schema:
            raise LayerError("the store has another schema: build it anew")
        parts = amendment(own, schema, store, kept, at_work, workers) if mode == "amend" else [own]
        make = _Make(store, schema, at_work, workers, limit, bucket_rows, report)
        entries = make.segments(parts, before["next"] if before else 1)
        write_manifest(store, schema, [*kept, *entries], following=int(entries[-1]["name"]) + 1)
    return entries[0]


def compact(
    store: Path, *, schema: Schema | None = None, workers: int = 2, executor: Executor | None = None,
    limit: int | None = None, bucket_rows: int | None = None,
    report: Report = lambda phase, done, total: None,
) -> dict[str, Any]:  # fmt: skip
    """Make one segment of all that a store serves, from the files that were delivered.

    `schema` is another one of the same records, as when a facet has more values than before.

    Raises
    ------
    LayerError
        If there is no store, or the files are not there any more.
    """
    with _alone(store), working_on(executor, workers) as at_work:
        before = read_manifest(store)
        if before is None:
            raise LayerError(f"{store}: no store of survey records")
        schema = schema or Schema.from_json(before["schema"])
        make = _Make(store, schema, at_work, workers, limit, bucket_rows, report)
        entry = make.segments([together(store, schema, before["segments"])], before["next"])[0]
        write_manifest(store, schema, [entry], following=before["next"] + 1)
    return entry


def part_of(sources: Sequence[Path], store: Path, schema: Schema, delivery: int | None = None) -> Part:
    """Delivered files as a part of a store; LayerError, with all faults, if they are not what the schema says."""
    tasks = tasks_of(sources, schema)
    files = [_file(path, store, delivery) for path in sources]
    return Part(tuple(files), tuple(str(path.resolve()) for path in sources), tuple(tasks))


def make_store(store: Path, part: Part, schema: Schema, executor: Executor, workers: int) -> None:
    """A new store of one part."""
    make = _Make(store, schema, executor, workers, None, None, lambda phase, done, total: None)
    write_manifest(store, schema, make.segments([part], 1), following=2)


@dataclass(frozen=True)
class _Make:
    """How segments are made."""

    store: Path
    schema: Schema
    executor: Executor
    workers: int
    limit: int | None
    bucket_rows: int | None
    report: Report

    def segments(self, parts: Sequence[Part], following: int) -> list[dict[str, Any]]:
        """A segment of each part, in its place on the disk but not yet named by the manifest."""
        return [self._segment(part, f"{following + index:06d}") for index, part in enumerate(parts)]

    def _segment(self, part: Part, name: str) -> dict[str, Any]:
        store, schema, folder = self.store, self.schema, self.store / f"{UNFINISHED}-{name}"
        for piece in (
            "spill",
            "refused",
            "points",
            "hot",
            "pieces",
            "pyramid",
            *(["shapes"] if schema.shapes else []),
        ):
            (folder / piece).mkdir(parents=True)
        rows = sum(task.count for task in part.tasks)
        limit = scan_limit(rows) if self.limit is None else self.limit
        size = self.bucket_rows or rows_of_a_bucket(rows, shape_bytes(part.paths, schema))
        plan = make_plan(part.paths, part.tasks, schema, limit=limit, bucket_rows=size)
        dealt = shares(part.paths, part.tasks, schema, plan, str(folder), self.workers)
        reads = list(_told(self.executor.map(partition, dealt), "partition", len(dealt), self.report))
        jobs = [Job(schema, plan, str(folder), bucket, self.workers) for bucket in range(plan.buckets)]
        finished = list(_told(self.executor.map(finish_bucket, jobs), "finish", len(jobs), self.report))
        entry = {"name": name, **_told_of(part), **_facts(reads, finished), **part.facts}
        entry["cells"] = join_pieces(folder, plan)
        _write_index(folder, plan, finished)
        if len(part.absent):
            np.save(folder / ABSENT, part.absent)
        for piece in ("spill", "pieces"):
            (folder / piece).rmdir()
        _sync((*folder.rglob("*"), folder))
        (store / "segments").mkdir(exist_ok=True)
        folder.rename(store / "segments" / name)
        return entry


def _file(path: Path, store: Path, delivery: int | None) -> dict[str, Any]:
    """A delivered file as the manifest names it, so that a later amendment finds it."""
    place = os.path.relpath(path.resolve(), store.resolve())
    return {"path": place, "delivery": delivery, "rows": pq.read_metadata(path).num_rows}


def _told_of(part: Part) -> dict[str, Any]:
    """Where the records of a segment came from."""
    numbers = {one["delivery"] for one in part.files}
    found = {"sources": [Path(one["path"]).name for one in part.files], "files": list(part.files),
             "delivery": numbers.pop() if len(numbers) == 1 else None}  # fmt: skip
    return {**found, "of": part.of} if part.of else found


def read_manifest(store: Path) -> dict[str, Any] | None:
    """What a store holds; None where there is none yet."""
    try:
        written: dict[str, Any] = json.loads((store / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return written


def write_manifest(store: Path, schema: Schema, segments: Sequence[Any], *, following: int) -> None:
    """Say what is served from now on; what is not named any more is taken away by the next build."""
    written = {"format": 1, "schema": schema.as_json(), "segments": list(segments), "next": following}
    partial = store / f".{MANIFEST}"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(written, file, ensure_ascii=False, indent=1)
        file.flush()
        to_disk(file.fileno())
    partial.replace(store / MANIFEST)
    _sync([store])


@contextmanager
def _alone(store: Path) -> Iterator[None]:
    """One build at a time; what an earlier one left unfinished, or nobody names any more, is taken away first."""
    store.mkdir(parents=True, exist_ok=True)
    with (store / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LayerError(f"{store}: another build is at work") from error
        manifest = read_manifest(store)
        named = {one["name"] for one in manifest["segments"]} if manifest else set()
        unnamed = [path for path in (store / "segments").glob("*") if path.name not in named]
        for path in (*store.glob(f"{UNFINISHED}-*"), *unnamed):
            shutil.rmtree(path)
        yield


@contextmanager
def working_on(given: Executor | None, workers: int) -> Iterator[Executor]:
    """The executor that was given, or processes of this machine."""
    if given is not None:
        yield given
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as own:
        yield own


def _told(results: Iterable[_T], phase: str, total: int, report: Report) -> Iterator[_T]:
    for done, result in enumerate(results, 1):
        report(phase, done, total)
        yield result


def _facts(reads: Sequence[Read], finished: Sequence[Finished]) -> dict[str, Any]:
    refused, outside = Counter[str](), Counter[str]()
    for one in reads:
        refused.update(one.left_out)
        outside.update(one.outside)
    boxes = np.array([one.bounds for one in finished if one.bounds is not None])
    bounds = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()] if len(boxes) else None
    return {
        "bounds": bounds,
        "rows": sum(one.rows for one in finished),
        "refused": dict(refused),
        "values_that_do_not_fit": dict(outside),
        "at_the_place_of_another": sum(one.twice for one in finished),
        "peak_worker_mb": round(max([one.peak_mb for one in reads] + [one.peak_mb for one in finished])),
        "peak_main_mb": round(peak_mb()),
    }


def _write_index(folder: Path, plan: Plan, finished: Sequence[Finished]) -> None:
    """Where each row group begins and ends, which tiles are counted, and the counts of regions by combination."""
    groups = []
    for one in finished:
        path = folder / "points" / f"{one.bucket:05d}.parquet"
        metadata = pq.read_metadata(path)
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            if not group.num_rows:
                continue
            statistics = group.column(0).statistics
            groups.append((statistics.min, statistics.max, one.bucket, index, group.num_rows))
    columns = list(zip(*groups, strict=True)) or [()] * 5
    at = np.concatenate([one.cross_at for one in finished])
    cross_at, place = np.unique(at, return_inverse=True)
    cross = np.bincount(place, weights=np.concatenate([one.cross for one in finished]), minlength=len(cross_at))
    arrays: dict[str, Any] = {f"counted_{zoom}": tiles for zoom, tiles in plan.counted.items()}
    np.savez(
        folder / "index.npz",
        first=np.array(columns[0], np.uint64), last=np.array(columns[1], np.uint64),
        bucket=np.array(columns[2], np.int32), group=np.array(columns[3], np.int32),
        rows=np.array(columns[4], np.int64), cross_at=cross_at, cross=cross.astype(np.int64),
        **arrays,
    )  # fmt: skip


def _sync(paths: Iterable[Path]) -> None:
    """Everything on the disk before it is named."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            to_disk(handle)
        finally:
            os.close(handle)
