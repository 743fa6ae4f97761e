"""Survey records under a filter, in an order: exact, and in bounded memory.

What a filter says of one facet, of the region, or of an area is answered by the tables and the index of the store.
The rest is tried on each record that is left, and these may be so many and no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pygeoapi.provider.base import ProviderInvalidQueryError

from api.ogc.asked import on_map
from api.ogc.cql import GEOMETRY, Condition, true_rows
from layers.survey.choice import GIVEN, Choice, choose
from layers.survey.sight import Sight

MOST_LOOKED_AT = 1_000_000  # records that a filter or an order looks at one by one
REGION = "region"
EDGE_DEG = 0.02  # edges of a shape are cut to pieces, for the store's own are straight on the Mercator map
MOST_PIECES = 2_000

Order = Sequence[Mapping[str, str]]  # property and order, + or -, as pygeoapi has them


class Table:
    """Records as a filter looks at them."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def column(self, name: str) -> Any:
        """Values of a property."""
        return self.table[name]

    def meets(self, area: shapely.Geometry) -> Any:
        """Whether each record's place or shape meets an area."""
        if GEOMETRY not in self.table.column_names:
            return pa.array(shapely.intersects_xy(area, self.table["lon"].to_numpy(), self.table["lat"].to_numpy()))
        shapes = shapely.from_wkt(np.asarray(self.table[GEOMETRY].to_pylist(), dtype=object))
        return pa.array(shapely.intersects(area, shapes))


@dataclass(frozen=True)
class Search:
    """What is asked for: a choice and an area that the store answers, and what must be tried; None for nothing."""

    choice: Choice
    area: shapely.Geometry | None
    rest: tuple[Condition, ...]

    def holds(self, table: pa.Table) -> pa.Table:
        """The records of which the rest is true."""
        for one in self.rest:
            table = table.filter(true_rows(one.holds(Table(table))))
        return table


def plan(seen: Sight, choice: Choice, area: shapely.Geometry | None, wanted: Sequence[Condition]) -> Search | None:
    """How records are found; None where there can be none."""
    words = {one.name: (GIVEN, *one.values) for one in seen.schema.facets} | {REGION: (GIVEN, *seen.schema.regions)}
    kept: dict[str, set[str]] = {}
    rest: list[Condition] = []
    for one in wanted:
        name = next(iter(one.names)) if len(one.names) == 1 else ""
        if not one.names:  # TRUE or FALSE
            if not one.holds(Table(pa.table({}))).as_py():
                return None
        elif name in words:
            kept[name] = kept.get(name, set(words[name])) & _words(one, name, words[name])
        elif one.area is not None and shapely.get_dimensions(one.area) == 2:
            area = _within(one.area, area)
            if area is None:
                return None
        else:
            rest.append(one)
    regions = kept.pop(REGION, None)
    more = choose(seen.schema, kept, regions)
    both = Choice(
        choice.combinations & more.combinations, choice.regions & more.regions, choice.everything and more.everything
    )
    return Search(both, area, tuple(rest))


def find(
    seen: Sight, search: Search, order: Order, *, offset: int, limit: int
) -> tuple[int, pa.Table | None]:  # fmt: skip
    """How many records there are, and a page of them; None for an empty one.

    Raises
    ------
    ProviderInvalidQueryError
        If too many records would have to be looked at one by one.
    """
    total = seen.tally(search.choice, search.area).total or 0
    if not search.rest and not (order and limit):
        page = seen.shaped(search.area, search.choice, offset=offset, limit=limit) if limit else None
        return total, page
    if total > MOST_LOOKED_AT:
        raise ProviderInvalidQueryError(
            user_msg=f"{total:,} records would be looked at one by one, and at most {MOST_LOOKED_AT:,} are: "
            "choose fewer by an area, a facet or the region"
        )
    if order and limit:
        return _in_order(seen, search, order, offset, limit)
    return _as_stored(_found(seen, search), offset, limit)


def _found(seen: Sight, search: Search) -> Iterator[pa.Table]:
    return (search.holds(part) for part in seen.parts(search.area, search.choice))


def _as_stored(parts: Iterable[pa.Table], offset: int, limit: int) -> tuple[int, pa.Table | None]:
    pages, total = [], 0
    for part in parts:
        start = max(offset - total, 0)
        after = min(offset + limit - total, part.num_rows)
        if start < after:
            pages.append(part.slice(start, after - start))
        total += part.num_rows
    return total, pa.concat_tables(pages) if pages else None


def _in_order(seen: Sight, search: Search, order: Order, offset: int, limit: int) -> tuple[int, pa.Table | None]:
    """Only what is sorted by is kept of all records; the page itself is picked in a second pass."""
    names = [one["property"] for one in order]
    kept = [part.select(list(dict.fromkeys(names))) for part in _found(seen, search)]
    keys = pa.concat_tables(kept) if kept else None
    if keys is None or offset >= keys.num_rows:
        return (0 if keys is None else keys.num_rows), None
    places = sorted_places(keys, order)[offset : offset + limit]
    return keys.num_rows, _picked(_found(seen, search), places)


def sorted_places(keys: pa.Table, order: Order) -> Any:
    """The places of rows in an order; equal ones stay as they are, and what has no value comes last."""
    by = [(one["property"], "descending" if one["order"] == "-" else "ascending", "at_end") for one in order]
    return pc.sort_indices(keys, sort_keys=by).to_numpy()


def _picked(parts: Iterable[pa.Table], places: Any) -> pa.Table:
    """Rows by their places among all parts, in the order of the places."""
    rising = np.sort(places)
    pages, before = [], 0
    for part in parts:
        low, high = np.searchsorted(rising, [before, before + part.num_rows])
        if low < high:
            pages.append(part.take(pa.array(rising[low:high] - before)))
        before += part.num_rows
    return pa.concat_tables(pages).take(pa.array(np.searchsorted(rising, places)))


def _words(condition: Condition, name: str, words: tuple[str, ...]) -> set[str]:
    """The values of a facet, or regions, of which a condition is true."""
    column = pa.array([word or None for word in words], pa.string())
    found = true_rows(condition.holds(Table(pa.table({name: column})))).to_pylist()
    return {word for word, holds in zip(words, found, strict=True) if holds}


def _within(shape: shapely.Geometry, area: shapely.Geometry | None) -> shapely.Geometry | None:
    """The area of a shape, within another where there is one; None for none."""
    fine = shapely.segmentize(shape, max(EDGE_DEG, shapely.length(shape) / MOST_PIECES))
    part = on_map(fine if area is None else shapely.intersection(fine, area))
    return None if part is None else shapely.union_all(
        [one for one in shapely.get_parts(part) if one.geom_type == "Polygon"]
    )  # fmt: skip


def by_value(pairs: Iterable[tuple[str, str]]) -> str:
    """Values of facets and the region as a choice is written."""
    return json.dumps({name: [value] for name, value in pairs})
