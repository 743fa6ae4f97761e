"""Filters (OGC 19-079r2, CQL2 of 21-065r2) and sorting, each held against what the delivered table says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from flask import Flask, g

import api
from api.context import EXTENSION
from api.ogc import search
from api.ogc.cql import read_filter
from api.ogc.cql_text import read_text
from api.ogc.names import CRS84
from data.settings import Settings
from data.store.catalogue import Dataset, put_dataset
from data.store.engine import Store, open_store
from layers.survey.build import build
from tests.api.test_features import shake
from tests.api.test_ogc import PLANNER, RECORDS, body, links
from tests.api.test_sharing_everywhere import base_data
from tests.browser import harness
from tests.layers.survey.records import SCHEMA, make, write

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SLANTED = "POLYGON((116.2 39.7, 116.7 39.8, 116.5 40.2, 116.2 39.7))"
Row = dict[str, Any]


@pytest.fixture
def client(server: Flask) -> Any:
    """Of the events and regions of a test."""
    server.before_request(lambda: setattr(g, "person", PLANNER))
    return server.test_client()


@dataclass(frozen=True)
class Sites:
    """Two thousand records of a public dataset, and the interface to them."""

    client: Any
    rows: list[Row]

    def matched(self, **query: str) -> Any:
        answer = self.client.get(f"{RECORDS}/items", query_string={"limit": "1000", **query})
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Sites]:
    """One for all tests: what filters do is no question of the database."""
    home = tmp_path_factory.mktemp("sites")
    shutil.copyfile(sqlite_template, home / "tocsin.db")
    settings = Settings(home=home, base_dir=base_data(home / "base"), database_url=f"sqlite:///{home}/tocsin.db")
    store, table = open_store(settings.url), make(2_000)
    with ThreadPoolExecutor(2) as executor:
        build([write(table, home / "a.parquet")], home / "records" / "sites", SCHEMA, executor=executor)
    dataset = Dataset(
        name="sites", title={"en": "Sites"}, level="county", sector="x", kind="y", data_class="public"
    )  # fmt: skip
    with store.write() as connection:
        put_dataset(connection, dataset, at=NOW, by="test")
    server = Flask("filters")
    server.before_request(lambda: setattr(g, "person", PLANNER))
    api.register(server, store, settings, clock=lambda: NOW)
    yield Sites(server.test_client(), rows_of(table))
    server.extensions[EXTENSION].hub.close()
    store.close()


def rows_of(table: Any) -> list[Row]:
    """What was delivered and can stand in a store; an unknown county is none."""
    known = {"110101", "110102", "120101"}
    found: list[Row] = table.slice(3).to_pylist()
    for row in found:
        row["region"] = row["county"] if row["county"] in known else None
        row["floors"] = row["floors"] if row["floors"] is None or row["floors"] < 1e6 else None
    return found


def inside(wkt: str) -> Callable[[Row], bool]:
    shape = shapely.from_wkt(wkt)
    return lambda row: bool(shapely.intersects_xy(shape, row["lon"], row["lat"]))


def many(row: Row) -> bool:
    """More than twenty floors."""
    return (row["floors"] or 0) > 20


CASES: dict[str, tuple[str, Callable[[Row], bool]]] = {
    "a facet": ("sector = 'school'", lambda row: row["sector"] == "school"),
    "a value before": ("10 < floors", lambda row: (row["floors"] or 0) > 10),
    "a value that no record has": ("sector = 'castle'", lambda row: False),
    "not a facet": ("NOT grade = '2'", lambda row: row["grade"] not in (None, "2")),
    "without one": ("grade IS NULL", lambda row: row["grade"] is None),
    "with one": ("grade IS NOT NULL AND region IS NOT NULL", lambda row: row["grade"] and row["region"]),
    "a number": ("floors >= 25", lambda row: (row["floors"] or 0) >= 25),
    "between": ("floors BETWEEN 5 AND 7", lambda row: row["floors"] in (5, 6, 7)),
    "not between": ("floors NOT BETWEEN 2 AND 28", lambda row: row["floors"] in (1, 29)),
    "in": ("sector IN ('school', 'bridge')", lambda row: row["sector"] in ("school", "bridge")),
    "numbers in": ("floors NOT IN (1, 2)", lambda row: row["floors"] not in (None, 1, 2)),
    "like": ("sector LIKE 'h%' AND sector NOT LIKE '_o_pital'", lambda row: row["sector"] == "housing"),
    "and binds tighter": ("sector = 'school' OR sector = 'bridge' AND floors > 20",
                          lambda row: row["sector"] == "school" or (row["sector"] == "bridge" and many(row))),
    "brackets": ("(sector = 'school' OR sector = 'bridge') AND floors > 20",
                 lambda row: row["sector"] in ("school", "bridge") and many(row)),
    "facets and regions joined": ("sector = 'school' OR region = '110101'",
                                  lambda row: row["sector"] == "school" or row["region"] == "110101"),
    "region": ("region <> '110101'", lambda row: row["region"] not in (None, "110101")),
    "a quoted name": ("\"area\" < 50.5", lambda row: row["area"] < 50.5),
    "a box": ("S_INTERSECTS(geometry, BBOX(116, 39.5, 116.5, 40))",
              inside("POLYGON((116 39.5, 116.5 39.5, 116.5 40, 116 40, 116 39.5))")),
    "a polygon": (f"S_INTERSECTS(geometry, {SLANTED})", inside(SLANTED)),
    "outside a polygon": (f"NOT S_INTERSECTS(geometry, {SLANTED}) AND floors = 3",
                          lambda row: row["floors"] == 3 and not inside(SLANTED)(row)),
    "a polygon or a facet": (f"s_intersects({SLANTED}, geometry) or sector = 'school'",
                             lambda row: row["sector"] == "school" or inside(SLANTED)(row)),
    "a line": ("S_INTERSECTS(geometry, LINESTRING(116 39, 117 40))", lambda row: False),
    "always": ("TRUE", lambda row: True),
    "never": ("sector = 'school' AND FALSE", lambda row: False),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_filter_chooses_what_it_says(sites: Sites, name: str) -> None:
    written, holds = CASES[name]
    expected = [row for row in sites.rows if -85 < row["lat"] < 85 and holds(row)]
    found = sites.matched(filter=written)
    assert found["numberMatched"] == len(expected)
    assert found["numberReturned"] == min(1_000, len(expected)) == len(found["features"])
    same = sites.matched(filter=json.dumps(read_text(written)), **{"filter-lang": "cql2-json"})
    assert [one["id"] for one in same["features"]] == [one["id"] for one in found["features"]]
    assert sites.matched(filter=written, resulttype="hits")["numberMatched"] == len(expected)


def test_filters_join_with_boxes_values_and_each_other_page_by_page(sites: Sites) -> None:
    wanted = [
        row for row in sites.rows
        if row["sector"] == "school" and (row["floors"] or 0) > 4 and inside(SLANTED)(row) and row["lon"] < 116.5
    ]  # fmt: skip
    query = {"filter": f"floors > 4 AND S_INTERSECTS(geometry, {SLANTED})", "filter-lang": "cql2-text",
             "filter-crs": CRS84, "sector": "school", "bbox": "116,39,116.5,41", "limit": "20",
             "sortby": "-floors,+area"}  # fmt: skip
    page = sites.matched(**query)
    floors, seen = [], 0
    while True:
        assert page["numberMatched"] == len(wanted) > 60
        floors += [one["properties"]["floors"] for one in page["features"]]
        seen += 1
        following = links(page).get("next")
        if following is None:
            break
        page = body(sites.client, following.replace("http://localhost", ""))
    assert seen == -(-len(wanted) // 20) and floors == sorted((row["floors"] for row in wanted), reverse=True)


def test_sorting_is_by_each_property_and_nothing_comes_last(sites: Sites) -> None:
    rows = [row for row in sites.rows if -85 < row["lat"] < 85]
    for sortby, key in (
        ("floors", lambda row: (row["floors"] is None, row["floors"])),
        ("-grade,area", lambda row: (row["grade"] is None, -int(row["grade"] or 0), row["area"])),
        ("+sector, -area", lambda row: (row["sector"], -row["area"])),
    ):
        wanted = [round(row["area"], 3) for row in sorted(rows, key=key)][700:720]
        found = sites.matched(sortby=sortby, offset="700", limit="20")
        got = [round(one["properties"]["area"], 3) for one in found["features"]]
        assert found["numberMatched"] == len(rows)
        assert got == wanted if sortby != "floors" else len(got) == 20
    by_floors = [one["properties"]["floors"] for one in sites.matched(sortby="-floors")["features"]]
    assert by_floors == sorted(by_floors, reverse=True)
    last = sites.matched(sortby="floors", offset=str(len(rows) - 5))["features"]
    assert [one["properties"]["floors"] for one in last] == [None] * 5


def test_numbers_are_asked_for_by_value_as_well(sites: Sites) -> None:
    expected = sum(row["floors"] == 7 and row["sector"] == "bridge" for row in sites.rows)
    assert sites.matched(floors="7", sector="bridge")["numberMatched"] == expected > 5
    assert sites.client.get(f"{RECORDS}/items?floors=many").status_code == 400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"filter": "owner = 'x'"}, "there is no property \"owner\""),
        ({"filter": "source_row = 1"}, "there is no property"),
        ({"filter": "lon > 116"}, "there is no property"),
        ({"filter": "floors = 'seven'"}, "floors is compared with a number"),
        ({"filter": "sector = 3"}, "sector is compared with a text"),
        ({"filter": "sector BETWEEN 'a' AND 'b'"}, "between is not for sector"),
        ({"filter": "floors LIKE '1%'"}, "like is not for floors"),
        ({"filter": "sector = "}, "where a property or a value belongs"),
        ({"filter": "sector"}, "where a comparison, LIKE"),
        ({"filter": "sector = 'school' floors = 3"}, "where AND, OR or the end belongs"),
        ({"filter": "sector = 'school"}, "cannot be read from character 10"),
        ({"filter": "sector = 'a'; DROP TABLE x"}, "cannot be read from character 13"),
        ({"filter": ""}, "where a property or a value belongs"),
        ({"filter": "(" * 5_000}, "deeper than 30"),
        ({"filter": "NOT " * 1_500 + "TRUE"}, "deeper than 30"),
        ({"filter": "sector = '" + "x" * 1_000_000 + "'"}, "at most 8,000 characters"),
        ({"filter": "floors = 1" + " OR floors = 1" * 600}, "at most 8,000 characters"),
        ({"filter": "sector = floors"}, "sector is compared with a text"),
        ({"filter": "upper(sector) = 'X'"}, "there is no function UPPER"),
        ({"filter": "S_WITHIN(geometry, POINT(1 1))"}, "there is no function S_WITHIN"),
        ({"filter": "S_INTERSECTS(sector, POINT(1 1))"}, "s_intersects is for the property geometry"),
        ({"filter": "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))"}, "the shape is not valid"),
        ({"filter": "S_INTERSECTS(geometry, POLYGON((0 0, 900 0, 900 1, 0 0)))"}, "beyond the world"),
        ({"filter": "S_INTERSECTS(geometry, POLYGON((0 0, 1 1)))"}, "the shape"),
        ({"filter": "S_INTERSECTS(geometry, BBOX(1, 2, 3))"}, "needs a box or a shape"),
        ({"filter": "geometry = 'x'"}, "there is no property"),
        ({"filter": "floors = 1e999"}, "floors is compared with a number"),
        ({"filter": "TRUE", "filter-lang": "cql-text"}, "filter-lang is cql2-text or cql2-json"),
        ({"filter": "TRUE", "filter-crs": "http://www.opengis.net/def/crs/EPSG/0/3857"}, "filter-crs is"),
        ({"filter": "{", "filter-lang": "cql2-json"}, "the filter is no JSON"),
        ({"filter": "[" * 7_000, "filter-lang": "cql2-json"}, "the filter is no JSON"),
        ({"filter": "[1]", "filter-lang": "cql2-json"}, "a filter is made of operators"),
        ({"filter": '{"op": "drop", "args": []}', "filter-lang": "cql2-json"}, "there is no operator"),
        ({"filter": '{"op": ["="], "args": []}', "filter-lang": "cql2-json"}, "there is no operator"),
        ({"filter": '{"op": "not", "args": []}', "filter-lang": "cql2-json"}, "not has 1 argument"),
        ({"filter": '{"op": "and", "args": [true]}', "filter-lang": "cql2-json"}, "two arguments or more"),
        ({"filter": '{"op": "in", "args": [{"property": "floors"}, []]}', "filter-lang": "cql2-json"}, "a list"),
        ({"filter": '{"op": "=", "args": [{"property": "floors"}, NaN]}', "filter-lang": "cql2-json"}, "no JSON"),
        ({"filter": '{"op": "=", "args": [{"property": "floors"}, null]}', "filter-lang": "cql2-json"}, "a number"),
        ({"filter": '{"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": ["a", 1, 2, 3]}]}',
          "filter-lang": "cql2-json"}, "needs a box or a shape"),
        ({"sortby": "owner"}, "bad sort property"),
        ({"sortby": "source_row"}, "bad sort property"),
        ({"sortby": ""}, "sortby is a list"),
        ({"sortby": "-"}, "sortby is a list"),
        ({"sortby": "floors,,area"}, "sortby is a list"),
    ],
)  # fmt: skip
def test_a_wrong_filter_is_400_with_a_sentence(
    sites: Sites,
    query: dict[str, str],
    said: str,
) -> None:
    answer = sites.client.get(f"{RECORDS}/items", query_string=query)
    assert answer.status_code == 400 and said in json.dumps(answer.json, ensure_ascii=False).replace('\\"', '"')


def test_a_body_is_not_read_as_a_filter(sites: Sites) -> None:
    answer = sites.client.get(f"{RECORDS}/items?limit=1", data=b'{"op": "=", "args": [{"property": "sector"}, "x"]}')
    assert answer.status_code == 200 and answer.json["numberMatched"] == 1_997


def test_more_records_than_may_be_looked_at_are_told_apart_by_the_index_or_refused(
    sites: Sites,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "MOST_LOOKED_AT", 100)
    for query in ({"filter": "floors > 3"}, {"sortby": "floors"}):
        answer = sites.client.get(f"{RECORDS}/items", query_string=query)
        assert answer.status_code == 400 and "1,997 records would be looked at" in answer.text
    small = "sector = 'school' AND grade = '1' AND S_INTERSECTS(geometry, BBOX(116.3, 39.8, 116.4, 39.9))"
    assert 0 < sites.matched(filter=small)["numberMatched"] <= 100
    assert sites.matched(filter=f"{small} AND floors > 3", sortby="floors")["numberMatched"] > 0
    assert sites.matched(filter="sector = 'school'")["numberMatched"] > 100


def test_what_is_declared_holds(sites: Sites) -> None:
    classes = body(sites.client, "/ogc/conformance")["conformsTo"]
    for name in ("ogcapi-features-3/1.0/conf/filter", "ogcapi-features-3/1.0/conf/features-filter",
                 "ogcapi-features-3/1.0/conf/queryables", "cql2/1.0/conf/basic-cql2", "cql2/1.0/conf/cql2-text",
                 "cql2/1.0/conf/cql2-json"):  # fmt: skip
        assert f"http://www.opengis.net/spec/{name}" in classes
    found = sites.client.get(f"{RECORDS}/queryables")
    assert found.content_type == "application/schema+json"
    asked = json.loads(found.data)
    assert asked["additionalProperties"] is False and asked["type"] == "object"
    assert asked["properties"]["sector"] == {
        "title": "sector", "type": "string", "enum": ["housing", "school", "hospital", "bridge"]
    }  # fmt: skip
    assert set(asked["properties"]) == {"geometry", "sector", "grade", "region", "floors", "area"}
    described = body(sites.client, RECORDS)
    assert any(one["rel"].endswith("/queryables") for one in described["links"])
    parameters = body(sites.client, "/ogc/openapi")["paths"]["/collections/records-sites/items"]["get"]["parameters"]
    assert {"filter", "filter-lang", "filter-crs", "sortby"} <= {one.get("name") for one in parameters}


def test_listed_items_are_filtered_by_time_text_number_and_place(client: Any, store: Store, now: datetime) -> None:
    earlier = now - timedelta(hours=30)
    harness.put_events(store, [shake("new", now - timedelta(hours=1)), shake("older", earlier, lon=20.0)])
    path = "/ogc/collections/events/items"

    def found(written: str, **more: str) -> list[str]:
        answer = client.get(path, query_string={"filter": written, **more})
        assert answer.status_code == 200, answer.text
        return [one["properties"]["id"] for one in answer.json["features"]]

    assert found("occurred_at > TIMESTAMP('2026-03-01T00:00:00Z')") == ["new"]
    assert found("occurred_at < DATE('2026-03-01')") == ["older"] and found("occurred_at = DATE('2026-03-01')") == [
        "new"
    ]
    assert found("magnitude = 5 AND S_INTERSECTS(geometry, POINT(20 30))") == ["older"]
    assert found("magnitude >= 5", sortby="occurred_at") == ["older", "new"]
    assert found("magnitude >= 5", sortby="-occurred_at") == ["new", "older"]
    assert client.get(path, query_string={"filter": "occurred_at > 'yesterday'"}).status_code == 400
    for value, number in (("5", 2), ("5.0", 2), ("4", 0)):
        assert client.get(path, query_string={"magnitude": value}).json["numberMatched"] == number
    assert client.get(path, query_string={"filter": "occurred_at > DATE('yesterday')"}).status_code == 400


def test_regions_meet_shapes_by_their_outline_and_not_their_box(client: Any) -> None:
    path = "/ogc/collections/regions/items"
    whole = client.get(path, query_string={"filter": "kind LIKE 'cn-%'", "skipGeometry": "true", "sortby": "-code"})
    codes = [one["id"] for one in whole.json["features"]]
    assert codes == sorted(codes, reverse=True) and {"CN-410105", "CN-410122"} <= set(codes)
    none = client.get(path, query_string={"filter": "S_INTERSECTS(geometry, POINT(-170 -60))"})
    assert none.json["numberMatched"] == 0


def test_text_with_quotes_and_names_of_other_scripts_are_read() -> None:
    assert read_text("name = 'O''Brien' AND 名称 LIKE '\\%桥%'") == {
        "op": "and", "args": [
            {"op": "=", "args": [{"property": "name"}, "O'Brien"]},
            {"op": "like", "args": [{"property": "名称"}, "\\%桥%"]},
        ],
    }  # fmt: skip
    shape = read_text("S_INTERSECTS(geometry, MULTIPOINT((1 2), (3 4)))")["args"][1]
    assert shape == {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}
    shape = read_text("S_INTERSECTS(geometry, MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5))))")["args"][
        1
    ]
    assert np.asarray(shape["coordinates"]).shape == (2, 1, 4, 2)


def test_conjuncts_come_apart_only_where_all_must_hold() -> None:
    fields = {"a": {"type": "number"}, "b": {"type": "number"}}
    assert len(read_filter("a = 1 AND (b = 2 AND a < 3)", "cql2-text", fields).conjuncts) == 3
    assert len(read_filter("NOT (a = 1 AND b = 2)", "cql2-text", fields).conjuncts) == 1
    assert len(read_filter("a = 1 OR b = 2 AND a = 3", "cql2-text", fields).conjuncts) == 1
