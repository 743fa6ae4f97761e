"""Which regions lie beside each other, and which proposals are about one thing: one hazard in one stretch of land."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from data.regions import RegionIndex, load_geometries
from data.store.archive import write_durable
from data.store.tables import proposal
from layers.zonal import weights_name

FOLDER = "neighbours"
BESIDE_DEG = 0.002  # about 200 m: borders drawn apart by so little are one border

Pairs = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Offered:
    """An open proposal: what it is about, and where."""

    id: int
    hazard: str
    regions: tuple[str, ...]


def neighbours(home: Path, base_dir: Path, kind: str) -> Pairs:
    """Pairs of regions of one kind that share a border, each once with the lower row number first.

    Parameters
    ----------
    home : Path
        Where the answer is kept, under a name that changes with the base data.
    base_dir : Path
        The base data.
    kind : str

    Returns
    -------
    array of int32
        (p, 2) rids, sorted.
    """
    return _neighbours(home / FOLDER / f"{weights_name(base_dir, [kind])}.npy", base_dir, kind)


@lru_cache(maxsize=16)
def _neighbours(path: Path, base_dir: Path, kind: str) -> Pairs:
    if path.is_file():
        kept: Pairs = np.load(path, allow_pickle=False)
        return kept
    pairs = touching(base_dir, kind)
    buffer = io.BytesIO()
    np.save(buffer, pairs, allow_pickle=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durable(path, buffer.getvalue())
    return pairs


def touching(base_dir: Path, kind: str) -> Pairs:
    """The pairs of `neighbours`, found from the areas."""
    import shapely

    rids, areas = load_geometries(base_dir, [kind])
    if not len(rids):
        return np.empty((0, 2), dtype=np.int32)
    one, other = shapely.STRtree(areas).query(areas, predicate="dwithin", distance=BESIDE_DEG)
    pairs = np.column_stack([rids[one[one < other]], rids[other[one < other]]]).astype(np.int32)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def group(offered: Sequence[Offered], index: RegionIndex, beside: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """The group of each proposal: the lowest number among those that are about the same thing.

    Two proposals belong together when they are of one hazard, whatever their rule and level, and a region of the one
    is a region of the other, lies beside it, or lies in it.

    Parameters
    ----------
    offered : sequence of Offered
    index : RegionIndex
    beside : mapping
        rid -> the rids beside it.
    """
    root = {one.id: one.id for one in offered}

    def find(key: int) -> int:
        while root[key] != key:
            key = root[key]
        return key

    def join(one: int, other: int) -> None:
        low, high = sorted((find(one), find(other)))
        root[high] = low

    named: dict[tuple[str, int], int] = {}
    places = {one.id: [rid for code in one.regions if (rid := index.by_code(code)) is not None] for one in offered}
    for one in offered:
        for rid in places[one.id]:
            join(named.setdefault((one.hazard, rid), one.id), one.id)
    for one in offered:
        for rid in places[one.id]:
            for near in (*beside.get(rid, ()), *index.ancestors(rid)):
                if (one.hazard, near) in named:
                    join(named[(one.hazard, near)], one.id)
    return {one.id: find(one.id) for one in offered}


def regroup(connection: Connection, home: Path, index: RegionIndex) -> None:
    """Write the group of every open proposal into its details, in the caller's writing transaction."""
    rows = connection.execute(sa.select(proposal).where(proposal.c.state == "open").order_by(proposal.c.id)).all()
    offered = [Offered(id=row.id, hazard=row.hazard, regions=tuple(row.regions)) for row in rows]
    groups = group(offered, index, _beside(offered, home, index))
    for row in rows:
        if row.detail.get("group") != groups[row.id]:
            detail: dict[str, Any] = {**row.detail, "group": groups[row.id]}
            connection.execute(proposal.update().where(proposal.c.id == row.id).values(detail=detail))


def _beside(offered: Sequence[Offered], home: Path, index: RegionIndex) -> dict[int, list[int]]:
    """The neighbours of every region that a proposal names."""
    rids = {rid for one in offered for code in one.regions if (rid := index.by_code(code)) is not None}
    found: dict[int, list[int]] = {}
    for kind in sorted({str(index.kind[rid]) for rid in rids}):
        for one, other in neighbours(home, index.base_dir, kind).tolist():
            if one in rids or other in rids:
                found.setdefault(one, []).append(other)
                found.setdefault(other, []).append(one)
    return found
