"""Which regions lie beside each other, and what is in one stretch of land."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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


@dataclass(eq=False)
class Land:
    """Which lists of regions hang together."""

    home: Path
    index: RegionIndex
    _pairs: dict[str, Pairs] = field(default_factory=dict)

    def prepare(self, kinds: Iterable[str]) -> None:
        """Find out what lies beside what, so that it need not be done while the store is locked for writing."""
        for kind in kinds:
            if kind not in self._pairs:
                self._pairs[kind] = neighbours(self.home, self.index.base_dir, kind)

    def together(self, lists: Sequence[Sequence[str]]) -> list[int]:
        """For each list of codes, the place of the first list that it hangs together with.

        Two lists hang together when a region of the one is a region of the other, lies beside it, or lies in it; and
        so does whatever hangs together with both.
        """
        root = list(range(len(lists)))

        def find(place: int) -> int:
            while root[place] != place:
                place = root[place]
            return place

        def join(one: int, other: int) -> None:
            low, high = sorted((find(one), find(other)))
            root[high] = low

        named: dict[int, int] = {}
        for place, codes in enumerate(lists):
            for rid in (self.index.by_code(code) for code in codes):
                if rid is not None:
                    join(named.setdefault(rid, place), place)
        for one, other in self._touching(named):
            join(named[one], named[other])
        return [find(place) for place in range(len(lists))]

    def apart(self, codes: Sequence[str]) -> list[list[int]]:
        """The places of the codes, one list for each stretch of land, in order."""
        parts: dict[int, list[int]] = {}
        for place, first in enumerate(self.together([[code] for code in codes])):
            parts.setdefault(first, []).append(place)
        return list(parts.values())

    def _touching(self, named: Collection[int]) -> Iterator[tuple[int, int]]:
        """Pairs of these regions that lie beside each other or in each other."""
        rids = np.fromiter(named, dtype=np.intp, count=len(named))
        kinds = np.unique(self.index.kind[rids]).tolist()
        here = np.zeros(len(self.index), dtype=np.bool_)
        here[rids] = True
        self.prepare(kinds)
        for pairs in (self._pairs[kind] for kind in kinds):
            yield from pairs[here[pairs].all(axis=1)].tolist()
        for rid in named if len(kinds) > 1 else ():
            yield from ((above, rid) for above in self.index.ancestors(rid) if here[above])


def regroup(connection: Connection, land: Land) -> None:
    """Write into the details of every open proposal its `group`, in the caller's writing transaction.

    It is the lowest number among the open ones of the same hazard, whatever their rule and level, that it hangs
    together with.
    """
    of_hazard: dict[str, list[Any]] = {}
    for row in connection.execute(sa.select(proposal).where(proposal.c.state == "open").order_by(proposal.c.id)):
        of_hazard.setdefault(row.hazard, []).append(row)
    for rows in of_hazard.values():
        for row, first in zip(rows, land.together([row.regions for row in rows]), strict=True):
            if row.detail.get("group") != rows[first].id:
                detail: dict[str, Any] = {**row.detail, "group": rows[first].id}
                connection.execute(proposal.update().where(proposal.c.id == row.id).values(detail=detail))
