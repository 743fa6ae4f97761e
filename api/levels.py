"""Levels of regions: one byte each for the map, and a list of those at a level or unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa
from flask import Blueprint, Response
from numpy.typing import NDArray

from access.guard import needs
from api.answers import compact, versioned
from api.context import api
from data.clock import iso
from data.regions import FINEST_FIRST, RegionIndex
from data.store.tables import level_snapshot
from layers.regions import RegionLevels, from_bytes

MOST_LISTED = 100  # with names, for lists
MOST_MARKED = 2_000  # as points, for shapes on the map

blueprint = Blueprint("levels", __name__)


@blueprint.get("/api/levels.bin")
@needs("watch.view")
def levels() -> Response:
    """One byte a region in the order of row numbers; empty before the first evaluation."""
    with api().store.read() as connection:
        packed = connection.execute(sa.select(level_snapshot.c.levels).limit(1)).scalar_one_or_none()
    return versioned(packed or b"", "application/octet-stream")


@blueprint.get("/api/regions.json")
@needs("watch.view")
def listed() -> Response:
    """Regions at a level or unknown, the worst first."""
    with api().store.read() as connection:
        row = connection.execute(sa.select(level_snapshot).limit(1)).one_or_none()
    if row is None:
        return versioned(compact({"at": None, "counts": {}, "regions": [], "more": 0, "marks": [], "own": []}))
    body = api().memo.get(
        ("regions", row.at), lambda: compact(list_regions(row.levels, api().regions(), iso(row.at), row.counts))
    )
    return versioned(body)


def list_regions(packed: bytes, index: RegionIndex, at: str, counts: dict[str, Any]) -> dict[str, Any]:
    """What is at a level or unknown: by level, then the finest kind first; cut with the number left out.

    `marks` are rid, lon, lat, level, unknown and muted of where levels come from; `own` are regions with others below
    them, none of which explains what they show.
    """
    found = from_bytes(packed[: len(index)])
    size = len(found.level)
    muted = np.zeros(size, dtype=np.bool_) if found.muted is None else found.muted
    chosen = np.flatnonzero(found.watched & ((found.level > 0) | found.unknown))
    finest = np.array([FINEST_FIRST.index(kind) for kind in index.kind[:size][chosen].tolist()], dtype=np.int64)
    chosen = chosen[np.lexsort((chosen, finest, -found.level[chosen].astype(np.int64)))]
    deepest = _unexplained(found, index)
    regions = [
        {
            "rid": rid,
            "code": str(index.code[rid]),
            "kind": str(index.kind[rid]),
            "name": str(index.name[rid]),
            "name_zh": str(index.name_zh[rid]),
            "lon": round(float(index.lon[rid]), 4),
            "lat": round(float(index.lat[rid]), 4),
            "level": int(found.level[rid]),
            "unknown": bool(found.unknown[rid]),
            "muted": bool(muted[rid]),
        }
        for rid in chosen[:MOST_LISTED].tolist()
    ]
    leaves = np.bincount(index.parent_rid[index.parent_rid >= 0], minlength=len(index))[:size] == 0
    by_level = {"unwatched": int((leaves & ~found.watched).sum())} | dict(counts.get("by_level", {}))
    marked = chosen[deepest[chosen] & (found.level[chosen] > 0)][:MOST_MARKED]
    return {
        "at": at,
        "counts": {**counts, "by_level": by_level},
        "regions": regions,
        "more": max(0, len(chosen) - MOST_LISTED),
        "marks": [
            [rid, round(float(index.lon[rid]), 2), round(float(index.lat[rid]), 2), int(found.level[rid]),
             int(found.unknown[rid]), int(muted[rid])] for rid in marked.tolist()
        ],
        "own": chosen[deepest[chosen] & ~leaves[chosen]].tolist(),
    }  # fmt: skip


def _unexplained(found: RegionLevels, index: RegionIndex) -> NDArray[np.bool_]:
    """Regions whose level, or doubt, no watched region right below them shows too: where it comes from."""
    parents = index.parent_rid[: len(found.level)]
    below = np.flatnonzero((parents >= 0) & found.watched)
    worst = np.zeros(len(found.level), dtype=np.int64)
    np.maximum.at(worst, parents[below], found.level[below].astype(np.int64))
    doubt = np.zeros(len(found.level), dtype=np.bool_)
    doubt[parents[below[found.unknown[below]]]] = True
    unexplained: NDArray[np.bool_] = (found.level > worst) | (found.unknown & ~doubt)
    return unexplained
