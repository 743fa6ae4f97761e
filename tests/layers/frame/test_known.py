"""What is known of a place: each kind found where and when it was, and what is not known said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely

from data.errors import LayerError
from data.permit import Permit
from data.regions import load_regions
from data.store.engine import Store
from layers.frame.item import Found
from layers.frame.key import cell_of, span_of
from layers.frame.known import KINDS, what_is_known
from layers.frame.place import Place, box_place, cell_place, polygon_place, region_place
from layers.survey.shelf import shelf_of
from layers.survey.sight import Sight
from tests.layers.frame.conftest import CLOSE, EAST, NORTH, QUAKE, SOUTH, WEST

COUNTY = box_place((WEST, SOUTH, EAST, NORTH))
EMPTY = box_place((-40.0, -40.0, -39.0, -39.0))
DAY = timedelta(days=1)


@pytest.fixture
def ask(world: Store, home: Path, base_dir: Path, now: datetime) -> Any:
    """One kind at a place over the last day and the next."""

    def asked(kind: str, place: Place = COUNTY, *, start: datetime | None = None, **more: Any) -> Found:
        end = more.pop("end", now + DAY)
        known = what_is_known(world, home, base_dir, place, start or now - DAY, end, now=now, kinds=[kind], **more)
        return known.kinds[kind]

    return asked


def ids(found: Found) -> list[str]:
    return [item.id.rpartition("/")[2] for item in found.items]


def said(found: Found) -> str:
    return " ".join(str(one) for one in found.missing)


def test_events_inside_and_of_the_time(ask: Any, now: datetime) -> None:
    found = ask("events")
    (item,) = found.items
    assert (ids(found), item.value, item.unit, item.place, item.at) == (["near"], 4.2, "mb", QUAKE, now - DAY / 24)
    assert ids(ask("events", start=now - 60 * DAY)) == ["near", "old"]
    assert ask("events", EMPTY).total == 0


def test_the_end_is_not_included_and_the_beginning_is(ask: Any, now: datetime) -> None:
    at = now - DAY / 24
    assert ask("events", start=at, end=at + DAY).total == 1
    assert ask("events", start=at - DAY, end=at).total == 0


def test_an_answer_says_since_when_it_is_true_or_that_nothing_was_ever_heard(
    ask: Any, store: Store, home: Path, base_dir: Path, now: datetime
) -> None:
    assert ask("events", EMPTY).as_of == now
    assert said(ask("observations", EMPTY)) == "No station stands in this place."
    assert said(ask("fields", EMPTY)) == "No gridded data reaches this place."


def test_in_an_empty_home_nothing_is_said_to_be_nothing(
    store: Store, home: Path, base_dir: Path, now: datetime
) -> None:
    known = what_is_known(store, home, base_dir, COUNTY, now - DAY, now, now=now)
    silent = {kind: bool(found.missing) for kind, found in known.kinds.items()}
    assert silent == {kind: kind != "own" for kind in KINDS}  # what this office issued it knows


def test_observations_by_quantity_newest_first_with_what_is_missing(ask: Any, now: datetime) -> None:
    found = ask("observations")
    assert found.total == 6
    assert [(item.value, item.quality) for item in found.items] == [
        (None, "missing"),
        *((float(n), "good") for n in range(1, 6)),
    ]
    page = ask("observations", offset=2, limit=2)
    assert ([item.value for item in page.items], page.total) == ([2.0, 3.0], 6)
    silent = ask("observations", start=now + DAY / 2)
    assert "1 stations stand here, and none of them" in said(silent)


def test_fields_at_the_middle_of_a_place_and_as_the_mean_of_a_region(ask: Any, base_dir: Path, now: datetime) -> None:
    found = ask("fields")
    assert [item.value for item in found.items] == [7.5, 8.5, 9.5]
    assert [item.at for item in found.items] == [now - n * DAY / 24 for n in range(3)]
    region = ask("fields", region_place(load_regions(base_dir), "CN-110101"))
    assert (region.total, region.items[0].facts["statistic"]) == (3, "mean of the region")
    assert "missing" in said(region)  # its statistics have not been computed: unknown, and said so
    assert "Nothing of these times: Rain" in said(ask("fields", start=now + DAY / 2))


def test_warnings_by_shape_by_code_and_those_of_no_place(ask: Any, base_dir: Path) -> None:
    found = ask("incoming")
    assert sorted(item.title for item in found.items) == ["Flood", "Storm"]
    assert said(found) == "1 warnings of these times name no place that could be joined to the map."
    assert {item.value for item in found.items} == {"red"}
    assert [item.title for item in ask("incoming", box_place((115.0, 39.0, 115.2, 39.2))).items] == ["Flood"]
    province = ask("incoming", region_place(load_regions(base_dir), "CN-11"))
    assert province.total == 2


@pytest.mark.usefixtures("own_warning")
def test_own_warnings_that_were_issued_and_reach_the_place(ask: Any) -> None:
    (item,) = ask("own").items
    assert (item.title, item.value, item.quality) == ("Leave the valley", "orange", "Actual")
    assert ask("own", box_place((117.5, 40.5, 117.9, 40.9))).total == 0
    assert ask("own", cell_place(cell_of(*CLOSE, 20))).total == 1


def sight(home: Path, **allowed: Any) -> Sequence[Sight]:
    permit = Permit(dataset="sites", reader="li", data_class="public", counts=True, **allowed)
    return [Sight(shelf_of(home).open("sites"), permit, lambda code: frozenset({code}))]


@pytest.mark.usefixtures("surveyed")
def test_records_as_far_as_they_may_be_seen(ask: Any, home: Path) -> None:
    seen = sight(home, records=True)
    found = ask("records", sights=seen, limit=10)
    assert found.total is not None and found.total > 1_000
    assert len(found.items) == 10
    behind = ask("records", sights=seen, offset=found.total - 3, limit=10)
    assert len(behind.items) == 3
    for item in found.items:
        lon, lat = item.place
        assert WEST <= lon <= EAST and SOUTH <= lat <= NORTH
    counted = ask("records", sights=sight(home))
    assert (list(counted.items), counted.total) == ([], 0)
    assert f"sites: {found.total:,} records, not shown one by one" in said(counted)
    few = ask("records", sights=sight(home, least=10))
    assert few.total is None
    assert said(few).startswith("sites:")
    assert "no survey" in said(ask("records"))


def test_a_key_asks_the_same_as_its_box(ask: Any, now: datetime) -> None:
    cell = cell_of(*QUAKE, 9)
    start, end = span_of(f"{now:%Y-%m-%d}")
    assert ids(ask("events", cell_place(cell), start=start, end=end)) == ["near"]


def test_every_item_carries_the_key_of_its_place_and_time(
    world: Store, home: Path, base_dir: Path, now: datetime
) -> None:
    known = what_is_known(world, home, base_dir, COUNTY, now - DAY, now + DAY, now=now).as_json()
    quake = known["kinds"]["events"]["items"][0]
    assert quake["cell"] == cell_of(*QUAKE, 20)
    assert quake["bin"] == f"{now - DAY / 24:%Y-%m-%dT%H}"
    for found in known["kinds"].values():
        for item in found["items"]:
            assert item["cell"].startswith(known["place"]["cell"]) or not item["cell"]


def test_a_polygon_leaves_out_what_is_only_in_its_box(ask: Any) -> None:
    triangle = shapely.Polygon([(WEST, SOUTH), (EAST, SOUTH), (WEST, NORTH)])
    corner = shapely.Polygon([(EAST, NORTH), (EAST, SOUTH), (WEST, NORTH)])
    found = [ask("events", polygon_place(shapely.to_geojson(one))).total for one in (triangle, corner)]
    assert sorted(found) == [0, 1]


@pytest.mark.parametrize(
    "bad",
    [
        {"kinds": ["dragons"]}, {"limit": 0}, {"limit": 10_000}, {"offset": -1},
    ],
)  # fmt: skip
def test_questions_that_there_are_not(world: Store, home: Path, base_dir: Path, now: datetime, bad: Any) -> None:
    with pytest.raises(LayerError):
        what_is_known(world, home, base_dir, COUNTY, now - DAY, now, now=now, **bad)
    with pytest.raises(LayerError, match="wrong way round"):
        what_is_known(world, home, base_dir, COUNTY, now, now, now=now)


@pytest.mark.parametrize(
    "bad",
    [
        '{"type": "Point", "coordinates": [1, 2]}', "{", "[]", '{"type": "Polygon", "coordinates": []}',
        '{"type": "Polygon", "coordinates": [[[0,0],[1,1],[1,0],[0,1],[0,0]]]}',
        '{"type": "Polygon", "coordinates": [[[0,0],[999,0],[999,9],[0,0]]]}',
    ],
)  # fmt: skip
def test_no_polygon(bad: str) -> None:
    with pytest.raises(LayerError):
        polygon_place(bad)
