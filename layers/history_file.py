"""Files of region statistics: a record of fixed size for each step of a series, read without reading the rest.

    region_history/<regions>/<series>-<number of regions>.bin

A file is blocks of `SLOTS` steps; in a block the steps of one region and statistic lie together, so that a year of a
region is a few hundred short reads. Which step a slot holds stands in the block, and in a row that is committed after
the file is on the disk. A reader believes a slot only if both agree after its values were read: a slot that is being
given to another step reads as missing, never as that other step's value.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store.durable import to_disk

STATISTICS = ("mean", "area_mean", "max", "min", "p90", "valid_share")
SLOTS = 32
FOLDER = "region_history"


def history_path(home: Path, regions: str, series: str, count: int) -> Path:
    """Where the statistics of a series over `count` regions are kept."""
    return home / FOLDER / regions / f"{series}-{count}.bin"


def _block(count: int) -> np.dtype[Any]:
    return np.dtype([("step", "<i8", (SLOTS,)), ("table", "<f4", (count, len(STATISTICS), SLOTS))])


def write_slots(path: Path, count: int, tables: Mapping[int, tuple[int, NDArray[np.float32]]]) -> None:
    """Write slot -> (step, its table of regions x statistics); all are on the disk on return."""
    kind = _block(count)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        needed = (max(tables) // SLOTS + 1) * kind.itemsize
        if os.fstat(handle).st_size < needed:
            os.ftruncate(handle, needed)
        with os.fdopen(os.dup(handle), "r+b") as file:
            blocks = np.memmap(file, kind, mode="r+", shape=(needed // kind.itemsize,))
        for slot, (step, table) in tables.items():
            block = blocks[slot // SLOTS]
            block["step"][slot % SLOTS] = 0
            block["table"][:, :, slot % SLOTS] = table
            block["step"][slot % SLOTS] = step
        blocks.flush()
        to_disk(handle)
    finally:
        os.close(handle)
    _sync_folder(path.parent)


def read_slots(
    path: Path, count: int, region: int, statistics: Sequence[str], slots: NDArray[np.int64], steps: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Statistics of one region.

    Returns
    -------
    ndarray, shape (len(slots), len(statistics))
        NaN where the file does not hold that step in that slot.
    """
    found = np.full((len(slots), len(statistics)), np.nan, np.float32)
    blocks = _open(path, count)
    inside = np.flatnonzero(slots // SLOTS < len(blocks))
    if not inside.size:
        return found
    block, place = slots[inside] // SLOTS, slots[inside] % SLOTS
    for number, name in enumerate(statistics):
        found[inside, number] = blocks["table"][block, region, STATISTICS.index(name), place]
    held = np.array(blocks["step"][block, place])  # after the values: a slot given away meanwhile shows here
    found[inside[held != steps[inside]]] = np.nan
    return found


def held_steps(path: Path, count: int) -> NDArray[np.int64]:
    """The step of each slot of a file, 0 for none; empty where there is no file."""
    return np.array(_open(path, count)["step"]).ravel()


def _open(path: Path, count: int) -> NDArray[Any]:
    kind = _block(count)
    if not path.exists() or path.stat().st_size < kind.itemsize:
        return np.empty(0, kind)
    return np.memmap(path, kind, mode="r", shape=(path.stat().st_size // kind.itemsize,))


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        to_disk(handle)
    finally:
        os.close(handle)
