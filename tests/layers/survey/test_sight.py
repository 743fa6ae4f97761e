"""What may not be seen one by one is not given away by numbers, sums, tiles or areas either."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
import shapely

from data.errors import LayerError, NotPermitted
from data.permit import Permit
from layers.survey.choice import choose
from layers.survey.sight import COARSEST, Sight, tell
from layers.survey.store import Store

OPEN = Permit(dataset="sites", reader="r", data_class="public", counts=True, records=True, export=True)
COUNTS = Permit(dataset="sites", reader="r", data_class="shared", counts=True, least=5)


def above(code: str) -> Collection[str]:
    return {"110101": ("110101", "11"), "110102": ("110102", "11"), "120101": ("120101", "12")}.get(code, ())


def of_region(limit: str, **changes: object) -> Permit:
    return Permit(**{"dataset": "sites", "reader": "r", "data_class": "shared", "counts": True, "records": True,
                     "limits": (frozenset({limit}),), **changes})  # type: ignore[arg-type]  # fmt: skip


def test_without_a_permit_a_store_does_not_open(store: Store) -> None:
    nothing = Permit(dataset="sites", reader="r", data_class="secret", why="It is secret.")
    with pytest.raises(NotPermitted, match="It is secret"):
        Sight(store, nothing, above)


def test_the_whole_is_the_whole(store: Store) -> None:
    sight = Sight(store, OPEN, above)
    assert sight.tally().total == store.rows and sight.bounds == store.bounds
    assert np.array_equal(sight.grid(4, 13, 6), store.grid(4, 13, 6))
    assert sum(part.num_rows for part in sight.every_row()) == store.rows


def test_regions_and_facets_of_a_permit_hold_whatever_is_asked(store: Store, delivered: pa.Table) -> None:
    sight = Sight(store, of_region("11", facets={"grade": ("1", "2")}), above)
    county, grade = np.array(delivered["county"].to_pylist()[3:]), np.array(delivered["grade"].to_pylist()[3:])
    mine = np.isin(county, ("110101", "110102")) & np.isin(grade, ("1", "2"))
    assert sight.tally().total == int(mine.sum())
    greedy = choose(store.schema, {"grade": ["1", "2", "3", ""]}, ["120101", "110101", ""])
    assert sight.tally(greedy).total == int((mine & (county == "110101")).sum())
    assert sight.grid(0, 0, 0, greedy).sum() == sight.tally(greedy).total
    rows = sight.rows(None, greedy, limit=500)
    assert set(rows["region"].to_pylist()) == {"110101"} and set(rows["grade"].to_pylist()) == {"1", "2"}
    first = rows.slice(0, 1).to_pylist()[0]
    around = shapely.Point(first["lon"], first["lat"]).buffer(0.001)
    key = (first["segment"], first["source"], first["source_row"])
    assert sight.record(around, *key).num_rows == 1  # type: ignore[union-attr]
    assert Sight(store, of_region("12"), above).record(around, *key) is None
    assert sight.bounds is None


def test_a_region_that_nobody_knows_opens_nothing(store: Store) -> None:
    assert Sight(store, of_region("99"), above).tally().total == 0
    own = Sight(store, of_region("99", unit="99"), above)  # the whole database is this region's own
    assert own.tally().total == store.rows


def test_a_grant_for_a_facet_that_is_not_there_opens_nothing(store: Store) -> None:
    for facets in ({"colour": ("red",)}, {"grade": ("9",)}):
        with pytest.raises(NotPermitted, match="grant"):
            Sight(store, of_region("11", facets=facets), above)


def test_who_may_count_gets_no_record_no_copy_no_point_and_no_area(store: Store) -> None:
    sight = Sight(store, COUNTS, above)
    with pytest.raises(NotPermitted):
        sight.rows()
    with pytest.raises(NotPermitted):
        next(sight.every_row())
    with pytest.raises(NotPermitted):
        sight.record(shapely.box(116, 39, 117, 40), "x", 0, 0)
    with pytest.raises(NotPermitted, match="drawn area"):
        sight.tally(area=shapely.box(116, 39, 117, 40))
    assert sight.points(0, 0, 0) == b""


@pytest.mark.parametrize("least", [2, 3, 5, 10])
def test_a_number_is_itself_few_or_rounded(least: int) -> None:
    for count in range(200):
        told = tell(count, least)
        if count == 0:
            assert told == 0
        elif count < least:
            assert told is None
        else:
            assert told is not None and told % least == 0 and 0 <= count - told < least
    assert [tell(count, 1) for count in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("told_cells", "left"), [(1, 4), (2, 3)])
def test_a_sum_less_its_told_parts_does_not_give_the_hidden_one_away(told_cells: int, left: int) -> None:
    """Over all tables of a hidden number and told ones: how many values it can have for who knows every rule."""
    least = 5
    possible: dict[tuple[int | None, ...], set[int]] = defaultdict(set)
    for hidden, *others in product(range(1, least), *[range(least, 4 * least)] * told_cells):
        seen = (tell(hidden + sum(others), least), *(tell(count, least) for count in others))
        possible[seen].add(hidden)
    assert min(map(len, possible.values())) == left


def test_tiles_of_who_may_count_are_coarse_and_rounded(store: Store) -> None:
    sight = Sight(store, COUNTS, above)
    exact, told = store.grid(6, 52, 24), sight.grid(6, 52, 24)
    assert told.shape == exact.shape and exact.any()
    assert np.array_equal(told == 1, (exact > 0) & (exact < 5)) and set(np.unique(told[told > 1] % 5)) <= {0}
    deep = store.grid(12, 3369, 1552)
    blocks = sight.grid(12, 3369, 1552)
    assert blocks.shape == (8, 8)  # 2**15 cells around the world, however far one goes in
    sums = deep.reshape(8, 32, 8, 32).sum(axis=(1, 3))
    assert np.array_equal(blocks == 0, sums == 0) and np.array_equal(blocks == 1, (sums > 0) & (sums < 5))
    assert np.array_equal(sight.grid(18, 3369 << 6, 1552 << 6), blocks[:1, :1])
    assert sight.picture(18, 3369 << 6, 1552 << 6) in (b"", sight.picture(COARSEST, 3369 << 3, 1552 << 3))


def test_told_counts_say_that_they_are_rounded(store: Store) -> None:
    sight = Sight(store, COUNTS, above)
    told = sight.tally(choose(store.schema, {"sector": ["school"]}, ["110101"]))
    assert told.as_json()["few"] == 5 and told.total is not None and told.total % 5 == 0
    assert sight.describe()["few"] == 5 and sight.describe()["records"] is False
    assert "few" not in Sight(store, OPEN, above).tally().as_json()


def test_what_is_asked_wrongly_is_a_fault_for_everybody(store: Store) -> None:
    for permit in (OPEN, COUNTS):
        sight = Sight(store, permit, above)
        with pytest.raises(LayerError):
            sight.choose('{"colour": ["red"]}')
        with pytest.raises(LayerError):
            sight.grid(99, 0, 0)
