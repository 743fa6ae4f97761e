"""A store as somebody may see it: pages and interfaces ask this, never the store itself.

Where single records may not be seen, small numbers are not told. Every number, sums included, is given as *few* below
the least and else rounded down to its multiple, each by itself: a sum less its parts then leaves a small number
anywhere between 1 and the least. Cells of the map are no finer than 1 km, and a drawn area, which could be moved by
a step to take one record in, is not counted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from data.actor import Above
from data.errors import LayerError, NotPermitted
from data.permit import NO_AREA, NO_EXPORT, NO_RECORDS, Permit
from layers.survey.choice import Choice, choose
from layers.survey.marks.copy import moved
from layers.survey.marks.mark import Mark
from layers.survey.marks.on_tiles import unit_digits
from layers.survey.polygon import tally_polygon
from layers.survey.rows import every_row, find_rows
from layers.survey.shelf import read_choice
from layers.survey.store import Store, Tally, tile_number
from layers.survey.tiles import density, points

COARSEST = 15  # 2**15 cells around the world: 1.2 km at the equator
CELLS = 8  # a tile has 2**8 cells each way
WORLD = shapely.box(-180, -85, 180, 85)
KEPT = 64

Counts = Mapping[str, int | None]  # None stands for few
_choices: OrderedDict[tuple[str, str, str], Choice] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Told:
    """Counts as they may be told: exact where `least` is 1; None is fewer than `least`, and not none at all."""

    total: int | None
    facets: Mapping[str, Counts]
    regions: Counts
    least: int

    def as_json(self) -> dict[str, Any]:
        rounded = {} if self.least == 1 else {"few": self.least}
        return {"records": self.total, "facets": self.facets, "regions": self.regions, **rounded}


class Sight:
    """A store and the permit to see it.

    Parameters
    ----------
    mark : callable, optional
        Gives the mark of this reader when the first classified record is told; without it records are exact.

    Raises
    ------
    NotPermitted
        If nothing of it may be seen.
    """

    def __init__(
        self, store: Store, permit: Permit, above: Above, mark: Callable[[], Mark] | None = None
    ) -> None:  # fmt: skip
        if not permit.counts:
            raise NotPermitted(permit.why or NO_RECORDS)
        self._store, self.permit, self.schema, self.stamp = store, permit, store.schema, store.stamp
        self.allowed = _allowed(store, permit, above)
        self._mark = mark if permit.classified else None

    @property
    def key(self) -> str:
        """Changes with what is in the store and with what may be seen of it."""
        return f"{self.stamp}-{self.permit.key}"

    @property
    def bounds(self) -> list[float] | None:
        """Of the whole store [degrees]; of a part, only where it may be seen record by record it is told."""
        return self._store.bounds if self.allowed.everything else None

    def describe(self) -> dict[str, Any]:
        """What it holds, for whoever may see this much."""
        facets = {facet.name: list(facet.values) for facet in self.schema.facets}
        regions = int(self.allowed.regions[1 : len(self.schema.regions) + 1].sum())
        return {
            "name": self.permit.dataset, "stamp": self.key, "rows": self.tally().total, "facets": facets,
            "regions": regions, "bounds": self.bounds, "class": self.permit.data_class,
            "records": self.permit.records, "few": self.permit.least if self.permit.least > 1 else None,
        }  # fmt: skip

    def choose(self, written: str) -> Choice:
        """A choice as addresses carry it, within what may be seen; LayerError for another."""
        return self.within(read_choice(self.schema, written))

    def within(self, choice: Choice) -> Choice:
        """What of a choice may be seen."""
        if self.allowed.everything:
            return choice
        combinations = choice.combinations & self.allowed.combinations
        return Choice(combinations, choice.regions & self.allowed.regions, False)

    def tally(self, choice: Choice | None = None, area: BaseGeometry | None = None) -> Told:
        """Counts of a choice, inside an area where one is given."""
        if area is not None and self.permit.least > 1:
            raise NotPermitted(NO_AREA)
        chosen = self.within(choice or self._store.everything)
        tally = self._store.tally(chosen) if area is None else tally_polygon(self._store, area, chosen)
        return self.told(tally)

    def told(self, tally: Tally) -> Told:
        """Counts as they may be told."""
        least = self.permit.least
        facets = {one.name: _told(tally.by_facet(one.name), least) for one in self.schema.facets}
        return Told(tell(tally.total, least), facets, _told(tally.by_region(), least), least)

    def picture(self, zoom: int, x: int, y: int, choice: Choice | None = None) -> bytes:
        """How many records there are, as PNG; nothing where there is none."""
        grid = self.grid(zoom, x, y, choice)
        return density(grid) if grid.any() else b""

    def grid(self, zoom: int, x: int, y: int, choice: Choice | None = None) -> NDArray[np.uint32]:
        """Records in the cells of a tile; few are 1."""
        chosen, least = self.within(choice or self._store.everything), self.permit.least
        tile_number(zoom, x, y)
        if least == 1:
            return self._store.grid(zoom, x, y, chosen)
        deeper = max(zoom - COARSEST, 0)
        exact = self._store.grid(zoom - deeper, x >> deeper, y >> deeper, chosen)
        side = min(len(exact), 1 << min(CELLS, COARSEST - zoom + deeper))
        exact = exact.reshape(side, len(exact) // side, side, -1).sum(axis=(1, 3), dtype=np.int64)
        return np.where((exact > 0) & (exact < least), 1, _down(exact, least)).astype(np.uint32)

    def points(self, zoom: int, x: int, y: int, choice: Choice | None = None) -> bytes:
        """Single records as a vector tile; nothing for who may not see them, or where they are too many."""
        if not self.permit.records:
            return b""
        place = None if self._mark is None else self._mark().coarser(unit_digits(zoom)).place
        return points(self._store, zoom, x, y, self.within(choice or self._store.everything), place) or b""

    def told_records(self, found: pa.Table) -> pa.Table:
        """Single records as this reader is told them: the one place where what is read gets its mark."""
        return found if self._mark is None or not found.num_rows else moved(found, self._mark())

    def rows(
        self, area: BaseGeometry | None = None, choice: Choice | None = None, *, offset: int = 0, limit: int = 100
    ) -> pa.Table:
        """A page of single records, as they are told."""
        return self.told_records(self._page(area, choice, offset, limit))

    def _page(self, area: BaseGeometry | None, choice: Choice | None, offset: int, limit: int) -> pa.Table:
        if not self.permit.records:
            raise NotPermitted(NO_RECORDS)
        chosen = self.within(choice or self._store.everything)
        return find_rows(self._store, WORLD if area is None else area, chosen, offset=offset, limit=limit)

    def shaped(
        self, area: BaseGeometry | None = None, choice: Choice | None = None, *, offset: int = 0, limit: int = 100
    ) -> pa.Table:
        """A page of single records, exact, with the shapes of lines and polygons as text (WKT); see `parts`."""
        if not self.schema.shapes:
            return self._page(area, choice, offset, limit)
        pages, left = [], limit
        for part in self.parts(area, choice):
            page = part.slice(offset, left)
            offset, left = max(0, offset - part.num_rows), left - page.num_rows
            pages.append(page)
            if not left:
                break
        return pa.concat_tables(pages) if pages else self._page(area, choice, 0, limit)

    def parts(self, area: BaseGeometry | None = None, choice: Choice | None = None) -> Iterator[pa.Table]:
        """All single records, part by part and exact, to be looked at here.

        What is told of them goes through `told_records`; a copy is `every_row`.
        """
        if not self.permit.records:
            raise NotPermitted(NO_RECORDS)
        chosen = self.within(choice or self._store.everything)
        return every_row(self._store, WORLD if area is None else area, chosen)

    def record(self, area: BaseGeometry, segment: str, source: int, source_row: int) -> pa.Table | None:
        """The record that was delivered at a place of a file, exact, looked for in an area; None where there is none.

        It goes through `told_records`, as `parts` does.
        """
        if not self.permit.records:
            raise NotPermitted(NO_RECORDS)
        for part in every_row(self._store, area, self.allowed):
            same = pc.and_(pc.equal(part["source"], source), pc.equal(part["source_row"], source_row))
            found = part.filter(pc.and_(same, pc.equal(part["segment"], segment)))
            if found.num_rows:
                return found
        return None

    def every_row(self, area: BaseGeometry | None = None, choice: Choice | None = None) -> Iterator[pa.Table]:
        """All records for a copy, part by part."""
        if not self.permit.export:
            raise NotPermitted(NO_EXPORT)
        chosen = self.within(choice or self._store.everything)
        return every_row(self._store, WORLD if area is None else area, chosen)


def tell(count: int, least: int) -> int | None:
    """A number as it may be told; None for few."""
    if least == 1 or count == 0:
        return count
    return None if count < least else int(_down(count, least))


def _told(counts: Mapping[str, int], least: int) -> Counts:
    return {word: tell(count, least) for word, count in counts.items()}


def _down(count: Any, least: int) -> Any:
    """The multiple below. To the nearest one, a number just above the least would tell more than others."""
    return count // least * least


def _allowed(store: Store, permit: Permit, above: Above) -> Choice:
    """The records that a permit opens, whatever is asked; remembered, for thousands of regions are looked up."""
    key = (str(store.folder), store.stamp, permit.key)
    with _lock:
        known = _choices.get(key)
    if known is not None:
        return known
    unknown = sorted(set(permit.facets) - {facet.name for facet in store.schema.facets})
    if unknown:
        raise NotPermitted(f"The grant names a facet that the store does not have: {', '.join(unknown)}")
    regions = None
    if permit.limits:  # "" are records of no region: only who is limited to none, or has the whole unit, sees them
        regions = [code for code in ("", *store.schema.regions) if permit.covers(code, above)]
    try:
        found = choose(store.schema, permit.facets or None, regions)
    except LayerError as error:
        raise NotPermitted(f"The grant does not fit the store: {error}") from error
    with _lock:
        _choices[key] = found
        while len(_choices) > KEPT:
            _choices.popitem(last=False)
    return found
