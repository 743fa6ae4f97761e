"""Closed UTC days of a series turned the other way round, so that the history of a point is a few reads.

    history/<quantity>/<grid>/<series>/<day>_<digest>/   a Zarr array (time, lat, lon) with the ids of its steps

A block is a copy: what it holds is known by the ids of its steps, so a corrected step, which has a new id, is simply
not in it and is read from its own group until the block is made again. Blocks appear by a rename and go by a rename.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import StoreError
from data.store.engine import Store, check_epoch
from data.store.field_files import compressor, open_values, publish, remove_folder, safe_name, sync_file
from data.store.field_series import SeriesKey, best_ids, best_steps, list_series

FOLDER = "history"
CHUNK = 32  # cells a side that are read together
SHARD = 512  # cells a side of a file
LENGTH = 64  # steps of a file: with SHARD it bounds the memory of a build to 67 MB
FEWEST = 6  # steps of a day; with fewer there is nothing to win
CLOSED_AFTER = timedelta(hours=6)  # late steps have come by then, as a rule
MOST = 500_000_000  # cells that one call turns, some seconds of work: the rest waits for the next


def consolidate(store: Store, home: Path, now: datetime, *, epoch: int | None = None, most: int = MOST) -> int:
    """Make the blocks that are missing or lack steps, newest days first, and remove those of no use.

    Parameters
    ----------
    epoch : int, optional
        Leadership under which to work.
    most : int
        Cells to turn in this call, at the least one block.

    Returns
    -------
    int
        Blocks made.

    Raises
    ------
    StaleLeader
        If another leader has taken over; what was made stays and is whole.
    """
    made = turned = 0
    with store.read() as connection:
        keys = [series.key for series in list_series(connection)]
    _remove_strangers(home, keys, now)
    for key in keys:
        for day in _open_days(store, home, key, now):
            if turned >= most:
                return made
            with store.read() as connection:
                if epoch is not None:
                    check_epoch(connection, epoch)
                begin = datetime.combine(day, time(), UTC)
                rows = best_steps(connection, key, since=begin - timedelta(microseconds=1), until=_end(day))
            turned += _make(home, key, day, [row for row in rows if row.valid_at < _end(day)])
            made += 1
    return made


def series_folder(home: Path, key: SeriesKey) -> Path:
    digest = hashlib.sha256(str(key).encode()).hexdigest()[:12]
    return home / FOLDER / safe_name(key.quantity) / key.grid / digest


def blocks_of(home: Path, key: SeriesKey) -> dict[date, list[Path]]:
    """The blocks of a series by day; two where one is about to go."""
    found: dict[date, list[Path]] = {}
    folder = series_folder(home, key)
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.name.startswith("."):
            day = datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=UTC).date()
            found.setdefault(day, []).append(path)
    return found


def open_block(path: Path) -> Any:
    """The Zarr array of a block, its steps in `attrs["ids"]`; FileNotFoundError where it has gone."""
    import zarr

    return zarr.open_array(path, mode="r", zarr_format=3)


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _open_days(store: Store, home: Path, key: SeriesKey, now: datetime) -> Iterator[date]:
    """Closed days whose block is missing or lacks steps; blocks of days that are gone are removed on the way."""
    days: dict[date, list[int]] = {}
    with store.read() as connection:
        for number, valid_at in best_ids(connection, key, until=now):
            days.setdefault(valid_at.date(), []).append(number)
    blocks = blocks_of(home, key)
    for day in blocks.keys() - days.keys():
        for path in blocks[day]:
            remove_folder(path)
    for day in sorted(days, reverse=True):
        closed = now >= _end(day) + CLOSED_AFTER and len(days[day]) >= FEWEST
        if closed and not any(_holds(path, days[day]) for path in blocks.get(day, [])):
            yield day


def _holds(path: Path, ids: Sequence[int]) -> bool:
    """Whether a block has all of these steps; it may have more, since retention takes steps away one by one."""
    if path.name.endswith(_digest(ids)):
        return True
    try:
        return set(ids) <= set(open_block(path).attrs["ids"])
    except FileNotFoundError:
        return False


def _digest(ids: Iterable[int]) -> str:
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:12]


def _make(home: Path, key: SeriesKey, day: date, rows: Sequence[Any]) -> int:
    """Write the block of a day and remove the ones before it. Returns the cells turned."""
    folder = series_folder(home, key)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{day:%Y%m%d}_{_digest(row.id for row in rows)}"
    partial = Path(tempfile.mkdtemp(dir=folder, prefix=".partial-"))
    try:
        turned = _write(home, partial, rows)
        for path in partial.rglob("*"):
            if path.is_file():
                sync_file(path)
        publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for path in blocks_of(home, key)[day]:
        if path != target:
            remove_folder(path)
    return turned


def _write(home: Path, partial: Path, rows: Sequence[Any]) -> int:
    """Write the array of a block, file by file; a step that has gone is missing in it."""
    steps = [_values(home, row) for row in rows]
    height, width = next((step.shape for step in steps if step is not None), (1, 1))
    turned, sides = _create(partial, rows, height, width)
    for first in range(0, len(steps), LENGTH):
        some = steps[first : first + LENGTH]
        for top in range(0, height, sides[0]):
            for left in range(0, width, sides[1]):
                bottom, right = min(top + sides[0], height), min(left + sides[1], width)
                block = np.full((len(some), bottom - top, right - left), np.nan, np.float32)
                for place, step in enumerate(some):
                    if step is not None:
                        block[place] = step[top:bottom, left:right]
                turned[first : first + len(some), top:bottom, left:right] = block
    return len(steps) * int(height) * int(width)


def _create(partial: Path, rows: Sequence[Any], height: int, width: int) -> tuple[Any, tuple[int, int]]:
    """The empty array of a block, and the sides of its files [cells]."""
    import zarr

    length, chunk = min(len(rows), LENGTH), (min(CHUNK, height), min(CHUNK, width))
    sides = (-(-min(SHARD, height) // chunk[0]) * chunk[0], -(-min(SHARD, width) // chunk[1]) * chunk[1])
    array = zarr.create_array(
        partial, shape=(len(rows), height, width), dtype="float32", chunks=(length, *chunk), shards=(length, *sides),
        fill_value=np.nan, compressors=compressor(), dimension_names=("time", "lat", "lon"), zarr_format=3,
        attributes={"ids": [row.id for row in rows], "valid_at": [row.valid_at.isoformat() for row in rows]},
        overwrite=True,
    )  # fmt: skip
    return array, sides


def _values(home: Path, row: Any) -> Any:
    """The array of a step; None where retention was faster."""
    try:
        return open_values(home, row)
    except StoreError:
        return None


def _remove_strangers(home: Path, keys: Sequence[SeriesKey], now: datetime) -> None:
    """Remove the blocks of series that have no steps any more, and what a kill left half."""
    kept, limit = {series_folder(home, key) for key in keys}, (now - timedelta(hours=1)).timestamp()
    for folder in (home / FOLDER).glob("*/*/*"):
        if folder not in kept:
            remove_folder(folder)
            continue
        for partial in folder.glob(".*"):
            if partial.stat().st_mtime < limit:
                shutil.rmtree(partial, ignore_errors=True)
