"""Two deliveries compared: what was added, changed and removed, each as a store of its own.

Records are matched by identity in parts that fit into memory. What is found answers as any store: tiles, counts by
facet and region, polygons and rows.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.errors import LayerError
from layers.kernels.fingerprint import ALONE, match
from layers.survey.amend import IDENTITY, Part
from layers.survey.build import make_store, working_on
from layers.survey.fingerprint import FINGERPRINT, Columns, common_columns, fingerprints
from layers.survey.schema import Schema
from layers.survey.shelf import KINDS
from layers.survey.source import Reader, Task
from layers.survey.store import Store

FACTS = "comparison.json"
PAIRS = "pairs.npy"
PART_ROWS = 4_000_000
Array = NDArray[Any]


@dataclass(frozen=True)
class Comparison:
    """What a comparison has left in its folder."""

    folder: Path

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Counts of records added, changed, removed and the same; columns that only one side has."""
        try:
            found: dict[str, Any] = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise LayerError("these deliveries have not been compared") from error
        return found

    @cached_property
    def stores(self) -> dict[str, Store]:
        """The records of each kind."""
        return {kind: Store(self.folder / kind) for kind in KINDS}

    @cached_property
    def pairs(self) -> Array:
        """Rows of changed records now and before, in the order of the first."""
        found: Array = np.load(self.folder / PAIRS, mmap_mode="r")
        return found


def compare(
    old: Part, new: Part, schema: Schema, folder: Path, *, workers: int = 2, executor: Executor | None = None
) -> Comparison:
    """Compare two states of a dataset.

    Parameters
    ----------
    old, new : Part
        As `part_of` or `amend.together` give them.
    folder : Path
        Where the comparison is put; one that is there is replaced.

    Raises
    ------
    LayerError
        If a file lacks identities.
    """
    columns = common_columns(old.paths, new.paths)
    partial = folder.with_name(f".{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "spill").mkdir(parents=True)
    with working_on(executor, workers) as at_work:
        parts = max(1, -(-sum(task.count for task in (*old.tasks, *new.tasks)) // PART_ROWS))
        for side, part in (("old", old), ("new", new)):
            shares = [_Share(part, part.tasks[worker::workers], schema, columns, str(partial), side, worker, parts)
                      for worker in range(workers)]  # fmt: skip
            list(at_work.map(_spill, shares))
        joined = list(at_work.map(_join, [str(partial)] * parts, range(parts)))
        (partial / "spill").rmdir()
        rows = {kind: np.sort(np.concatenate([one[kind] for one in joined])) for kind in KINDS}
        pairs = np.concatenate([one["pairs"] for one in joined])
        np.save(partial / PAIRS, pairs[np.argsort(pairs[:, 0])])
        for kind, whole in zip(KINDS, (new, new, old, old), strict=True):
            own = replace(whole, tasks=_only(whole.tasks, rows[kind]))
            make_store(partial / kind, own, schema, at_work, workers)
    facts = {kind: len(rows[kind]) for kind in KINDS[:3]} | {"same": sum(one["same"] for one in joined)}
    facts |= {"only_in_old": list(columns.only_old), "only_in_new": list(columns.only_new)}
    (partial / FACTS).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return Comparison(folder)


def changed_columns(
    comparison: Comparison, old: Part, new: Part, rows: Sequence[int]
) -> list[tuple[str | None, dict[str, tuple[Any, Any]]]]:
    """What changed of some changed records, by number: the identity, and column -> value before and now."""
    pairs = comparison.pairs
    places = np.searchsorted(pairs[:, 0], np.asarray(rows, np.uint64))
    if not len(rows):
        return []
    if (places >= len(pairs)).any() or (pairs[places, 0] != np.asarray(rows, np.uint64)).any():
        raise LayerError("this record has not changed")
    after, before = _delivered(new, pairs[places, 0]), _delivered(old, pairs[places, 1])
    return [
        (now[IDENTITY], {name: (was[name], now[name]) for name in was if name in now and was[name] != now[name]})
        for was, now in zip(before, after, strict=True)
    ]


def _delivered(part: Part, rows: Array) -> list[dict[str, Any]]:
    """Records as they were delivered, in the order asked for."""
    found: dict[int, dict[str, Any]] = {}
    for task in part.tasks:
        own = [int(row) for row in rows if task.number <= int(row) < task.number + task.rows]
        if own:
            with pq.ParquetFile(part.paths[task.file]) as file:
                table = file.read_row_group(task.group).take(pa.array([row - task.number for row in own]))
            found |= dict(zip(own, table.to_pylist(), strict=True))
    return [found[int(row)] for row in rows]


@dataclass(frozen=True)
class _Share:
    """What one worker reads of one side."""

    part: Part
    tasks: tuple[Task, ...]
    schema: Schema
    columns: Columns
    folder: str
    side: str
    worker: int
    parts: int


def _spill(share: _Share) -> None:
    """Fingerprints of records to the files of their parts."""
    paths = share.part.paths
    reader = Reader(paths, share.schema)
    for number in range(share.parts):
        _spilled(share.folder, share.side, number, share.worker).touch()
    for task in share.tasks:
        found = fingerprints(paths, task, share.schema, share.columns, reader)
        home = found["one"] % np.uint64(share.parts)
        order = np.argsort(home, kind="stable")
        ends = np.searchsorted(home[order], np.arange(share.parts + 1))
        for number, (start, end) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
            with _spilled(share.folder, share.side, number, share.worker).open("ab") as file:
                file.write(found[order[start:end]].tobytes())


def _spilled(folder: str, side: str, part: int, worker: int) -> Path:
    return Path(folder) / "spill" / f"{side}-{part:05d}.{worker}"


def _join(folder: str, number: int) -> dict[str, Any]:
    """Match the records of one part; its files are removed at the end."""
    paths = {side: sorted((Path(folder) / "spill").glob(f"{side}-{number:05d}.*")) for side in ("old", "new")}
    old, new = (_in_order(np.concatenate([np.fromfile(path, FINGERPRINT) for path in paths[side]])) for side in paths)
    old_partner, new_partner = np.empty(len(old), np.int64), np.empty(len(new), np.int64)
    identities = [np.column_stack([side["one"], side["two"]]) for side in (old, new)]
    contents = [np.ascontiguousarray(side["content"]) for side in (old, new)]
    match(identities[0], contents[0], identities[1], contents[1], old_partner, new_partner)
    for path in (*paths["old"], *paths["new"]):
        path.unlink()
    changed = new_partner >= 0
    before = old["row"][new_partner[changed]]
    return {
        "added": new["row"][new_partner == ALONE], "changed": new["row"][changed], "before": before,
        "removed": old["row"][old_partner == ALONE], "pairs": np.column_stack([new["row"][changed], before]),
        "same": len(new) - int(changed.sum()) - int((new_partner == ALONE).sum()),
    }  # fmt: skip


def _in_order(found: Array) -> Array:
    return found[np.lexsort((found["row"], found["content"], found["two"], found["one"]))]


def _only(tasks: Sequence[Task], rows: Array) -> tuple[Task, ...]:
    """The row groups that hold some of the records; `rows` in order."""
    found = []
    for task in tasks:
        low, high = np.searchsorted(rows, np.array([task.number, task.number + task.rows], np.uint64))
        if high > low:
            found.append(replace(task, only=(rows[low:high] - np.uint64(task.number)).astype(np.int64)))
    return tuple(found)
