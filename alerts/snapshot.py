"""The map's picture: what all rules together say of each region, one byte each, written where it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from alerts.engine import State
from data.model import Level
from data.regions import RegionIndex
from data.store.changes import note_change
from data.store.engine import Store
from data.store.tables import level_snapshot
from layers.regions import RegionLevels, count_levels, nothing_watched, roll_up

SNAPSHOT = 1  # the one row of level_snapshot
NAMED = 50  # regions listed in a change line; the count says how many there are


def combine(layers: Sequence[tuple[NDArray[np.int32], State]], regions: int) -> RegionLevels:
    """What all rules together say of each region itself."""
    own = nothing_watched(regions)
    for rids, state in layers:
        watched = state.watches
        own.level[rids] = np.maximum(own.level[rids], state.level)
        own.unknown[rids] |= state.unknown & watched
        own.watched[rids] |= watched
    return own


def write_snapshot(
    store: Store, index: RegionIndex, own: RegionLevels, muted: NDArray[np.int32], now: datetime, epoch: int | None
) -> tuple[bool, dict[str, Any]]:
    """Keep the map's picture where it is another than before. Returns whether it is, and the counts.

    `muted` are the regions with a level in force that a mute holds back; they are marked, counted and named, not
    hidden.
    """
    held = np.zeros(len(index), dtype=np.bool_)
    held[muted] = True
    rolled = roll_up(replace(own, muted=held), index.parent_rid)
    packed = rolled.to_bytes()
    leaves = np.ones(len(index), dtype=np.bool_)
    leaves[index.parent_rid[index.parent_rid >= 0]] = False
    counts = count_levels(own, leaves, index.kind)
    if len(muted):
        counts["muted"] = {"count": len(muted), "regions": index.code[muted[:NAMED]].tolist()}
    with store.write(epoch=epoch) as connection:
        row = connection.execute(sa.select(level_snapshot).where(level_snapshot.c.id == SNAPSHOT)).first()
        before = np.frombuffer(row.levels, dtype=np.uint8) if row is not None else None
        if before is not None and np.array_equal(before, packed) and row is not None and row.counts == counts:
            return False, counts
        values = {"at": now, "levels": packed.tobytes(), "counts": counts}
        if row is None:
            connection.execute(level_snapshot.insert().values(id=SNAPSHOT, **values))
        else:
            connection.execute(level_snapshot.update().where(level_snapshot.c.id == SNAPSHOT).values(**values))
        level, detail = _difference(index, leaves, before, packed)
        note_change(
            connection, "levels", at=now, kind=str(detail["kind"]), subject="levels", level=level, detail=detail
        )
    return True, counts


def _difference(
    index: RegionIndex, leaves: NDArray[np.bool_], before: NDArray[np.uint8] | None, packed: NDArray[np.uint8]
) -> tuple[Level, dict[str, Any]]:
    """What a person is told of a changed picture: which leaf regions rose, fell, or became unknown."""
    old = packed if before is None or len(before) != len(packed) else before
    rose = np.flatnonzero(leaves & ((packed & 7) > (old & 7)))
    fell = np.flatnonzero(leaves & ((packed & 7) < (old & 7)))
    lost = np.flatnonzero(leaves & ((packed & 8) > (old & 8)))
    found = np.flatnonzero(leaves & ((packed & 8) < (old & 8)))
    groups = {"raised": rose, "lowered": fell, "unknown": lost, "known": found}
    kind = next((name for name, rids in groups.items() if len(rids)), "watched")
    worst = packed[rose] & 7 if len(rose) else old[fell] & 7
    detail: dict[str, Any] = {"kind": kind}
    for name, rids in groups.items():
        if len(rids):
            detail[name] = {"count": len(rids), "regions": index.code[rids[:NAMED]].tolist()}
    return Level(int(worst.max(initial=0))), detail
