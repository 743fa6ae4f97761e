"""Regions and their parents: one byte each for the map, rolled up so that what is unknown stays visible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.model import Level

LEVEL_BITS = 0b0111
UNKNOWN_BIT = 0b1000
NOT_WATCHED_BIT = 0b1_0000
MUTED_BIT = 0b10_0000
UNKNOWN_SHARE_LIMIT = 0.2  # of a parent's watched children, past which the parent is unknown too

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionLevels:
    """What the rules say of n regions: the worst known level, whether any cannot tell, whether any looks.

    `muted` is where a level is in force of which a person holds the proposals back; None is nowhere.
    """

    level: NDArray[np.int8]
    unknown: Bools
    watched: Bools
    muted: Bools | None = None

    def to_bytes(self) -> Bytes:
        """One byte a region; see `LEVEL_BITS` and the flags above."""
        packed: Bytes = self.level.astype(np.uint8) & np.uint8(LEVEL_BITS)
        packed |= np.where(self.unknown & self.watched, UNKNOWN_BIT, 0).astype(np.uint8)
        packed |= np.where(self.watched, 0, NOT_WATCHED_BIT).astype(np.uint8)
        if self.muted is not None:
            packed |= np.where(self.muted, MUTED_BIT, 0).astype(np.uint8)
        return packed


def from_bytes(packed: bytes) -> RegionLevels:
    """The levels behind the bytes of a snapshot."""
    values = np.frombuffer(packed, dtype=np.uint8)
    return RegionLevels(
        level=(values & LEVEL_BITS).astype(np.int8),
        unknown=(values & UNKNOWN_BIT) > 0,
        watched=(values & NOT_WATCHED_BIT) == 0,
        muted=(values & MUTED_BIT) > 0,
    )


def nothing_watched(regions: int) -> RegionLevels:
    return RegionLevels(
        level=np.zeros(regions, dtype=np.int8),
        unknown=np.zeros(regions, dtype=np.bool_),
        watched=np.zeros(regions, dtype=np.bool_),
    )


def depth_of(parent_rid: NDArray[np.int32]) -> NDArray[np.int32]:
    """(n,) steps from the top."""
    depth = np.zeros(len(parent_rid), dtype=np.int32)
    above = parent_rid.copy()
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, parent_rid[above], -1)
    return depth


def roll_up(own: RegionLevels, parent_rid: NDArray[np.int32], limit: float = UNKNOWN_SHARE_LIMIT) -> RegionLevels:
    """Levels of every region with what lies below it.

    A parent shows the worst known level of its children and of the rules that watch it itself. It is unknown when a
    rule of its own is, or when the share of unknown ones among its watched children is above `limit`. It is watched
    when anything below it is.

    Parameters
    ----------
    own : RegionLevels
        What rules say of each region itself.
    parent_rid : array of int32
        (n,) -1 at the top.
    limit : float
        0 to 1.
    """
    level, unknown, watched = own.level.copy(), own.unknown & own.watched, own.watched.copy()
    size = len(level)
    depth = depth_of(parent_rid)
    for step in range(int(depth.max(initial=0)), 0, -1):
        children = np.flatnonzero((depth == step) & watched)
        parents = parent_rid[children]
        np.maximum.at(level, parents, level[children])
        seen = np.bincount(parents, minlength=size)
        blind = np.bincount(parents, unknown[children], minlength=size)
        unknown |= blind > limit * seen
        watched |= seen > 0
    return RegionLevels(level=level, unknown=unknown, watched=watched, muted=own.muted)


def count_levels(own: RegionLevels, leaves: Bools, kinds: Sequence[str] | NDArray[np.str_]) -> dict[str, Any]:
    """How many leaf regions stand where, for the status bar."""
    watched = leaves & own.watched
    known = watched & ~own.unknown
    by_level = {Level.UNKNOWN.key: int((watched & own.unknown).sum())}
    by_level |= {level.key: int((known & (own.level == level)).sum()) for level in Level if level >= 0}
    names = np.asarray(kinds)
    by_kind = {
        str(kind): {
            "watched": int((watched & (names == kind)).sum()),
            "unknown": int((watched & own.unknown & (names == kind)).sum()),
        }
        for kind in np.unique(names[leaves])
    }
    return {
        "by_level": by_level,
        "watched": int(watched.sum()),
        "unknown": by_level[Level.UNKNOWN.key],
        "not_watched": int((leaves & ~own.watched).sum()),
        "by_kind": by_kind,
    }
