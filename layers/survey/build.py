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
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow.parquet as pq

from data.errors import LayerError
from data.store.durable import to_disk
from layers.survey.finish import Finished, Job, finish_bucket, join_pieces
from layers.survey.partition import Read, partition, peak_mb, shares
from layers.survey.plan import BUCKET_ROWS, Plan, make_plan, scan_limit
from layers.survey.schema import Schema
from layers.survey.source import tasks_of

MANIFEST = "manifest.json"
UNFINISHED = ".building"
Report = Callable[[str, int, int], None]  # phase, done, of how many
_T = TypeVar("_T")


def build(
    sources: Sequence[Path],
    store: Path,
    schema: Schema,
    *,
    mode: Literal["replace", "append"] = "replace",
    workers: int = 2,
    executor: Executor | None = None,
    limit: int | None = None,
    bucket_rows: int = BUCKET_ROWS,
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
        With "append" it must be that of the store.
    mode : "replace" or "append"
        Whether what the store held before is served any longer.
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
    tasks = tasks_of(sources, schema)
    with _alone(store):
        before = read_manifest(store)
        if mode == "append" and before is not None and Schema.from_json(before["schema"]) != schema:
            raise LayerError("the store has another schema: build it anew")
        name = f"{before['next'] if before else 1:06d}"
        folder = store / f"{UNFINISHED}-{name}"
        for part in ("spill", "refused", "points", "hot", "pieces", "pyramid"):
            (folder / part).mkdir(parents=True)
        paths = [str(path.resolve()) for path in sources]
        rows = sum(task.rows for task in tasks)
        plan = make_plan(
            paths, tasks, schema, limit=scan_limit(rows) if limit is None else limit, bucket_rows=bucket_rows
        )
        with _executor(executor, workers) as at_work:
            dealt = shares(paths, tasks, schema, plan, str(folder), workers)
            reads = list(_told(at_work.map(partition, dealt), "partition", len(dealt), report))
            jobs = [Job(schema, plan, str(folder), bucket, workers) for bucket in range(plan.buckets)]
            finished = list(_told(at_work.map(finish_bucket, jobs), "finish", len(jobs), report))
        entry = {"name": name, "sources": [path.name for path in sources], **_facts(reads, finished)}
        entry["cells"] = join_pieces(folder, plan)
        _write_index(folder, plan, finished, schema)
        for part in ("spill", "pieces"):
            (folder / part).rmdir()
        _sync((*folder.rglob("*"), folder))
        (store / "segments").mkdir(exist_ok=True)
        folder.rename(store / "segments" / name)
        kept = before["segments"] if mode == "append" and before else []
        write_manifest(store, schema, [*kept, entry], following=int(name) + 1)
    return entry


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
def _executor(given: Executor | None, workers: int) -> Iterator[Executor]:
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


def _write_index(folder: Path, plan: Plan, finished: Sequence[Finished], schema: Schema) -> None:
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
