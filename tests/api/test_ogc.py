"""The OGC interface, after the abstract tests of the standards, and as QGIS asks it.

OGC 17-069r4 (Features, annex A), 19-086r6 (EDR), 20-057 (Tiles), 20-004 (Records), 19-087 (Coverages).
"""

from __future__ import annotations

import gzip
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pytest
import shapely
import xarray
from flask import Flask, g

from access.keys import read_keys
from access.people import Person
from api.ogc.names import field_id
from data.store.catalogue import Dataset, put_dataset
from data.store.engine import Store
from data.store.field_series import list_series
from layers.survey.build import build
from layers.survey.marks.book import Book
from layers.survey.marks.mark import Mark
from layers.survey.marks.trace import trace
from layers.survey.schema import Facet, Schema
from tests.api.test_features import shake
from tests.api.test_fields import Keep, keep, rain  # noqa: F401 the fixture
from tests.browser import harness
from tests.conftest import ROOT
from tests.layers.survey.records import SCHEMA, make, write

PLANNER = Person(id=1, email="planner@eoc.example", roles=frozenset({"planner"}))
RECORDS = "/ogc/collections/records-sites"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def asked_by(server: Flask) -> dict[str, Person]:
    """Whoever asks; the guard has its own tests."""
    who = {"person": PLANNER}
    server.before_request(lambda: setattr(g, "person", who["person"]))
    return who


@pytest.fixture
def sites(home: Path, tmp_path: Path, store: Store, now: datetime) -> Any:
    """Two thousand records of a public dataset."""
    table = make(2_000)
    with ThreadPoolExecutor(2) as executor:
        build([write(table, tmp_path / "a.parquet")], home / "records" / "sites", SCHEMA, executor=executor)
    dataset = Dataset(
        name="sites", title={"en": "Sites", "zh": "点位"}, level="county", sector="x", kind="y", data_class="public"
    )
    with store.write() as connection:
        put_dataset(connection, dataset, at=now, by="test")
    return table


@pytest.fixture
def field(store: Store, keep: Keep, now: datetime) -> str:  # noqa: F811
    """The collection of three hours of rain."""
    keep(*(rain(now - hours * HOUR, value=float(hours)) for hours in (3, 2, 1)))
    with store.read() as connection:
        (series,) = list_series(connection)
    return f"/ogc/collections/{field_id(str(series.key))}"


def links(answer: Any) -> dict[str, str]:
    return {one["rel"]: one["href"] for one in answer["links"]}


def body(client: Any, path: str, status: int = 200, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    return json.loads(answer.data)


def walk(value: Any) -> Any:
    """Every link of an answer."""
    if isinstance(value, dict):
        yield from value.get("links", [])
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from walk(one)


def test_the_landing_page_leads_to_what_the_standard_asks_for(client: Any) -> None:
    found = links(body(client, "/ogc/"))
    assert {"self", "service-desc", "conformance", "data"} <= set(found)
    assert body(client, "/ogc")["title"] == "Tocsin"
    for rel in ("conformance", "data", "service-desc"):
        assert client.get(found[rel].replace("http://localhost", "")).status_code == 200


def test_conformance_names_the_classes(client: Any) -> None:
    classes = body(client, "/ogc/conformance")["conformsTo"]
    for part in (
        "features-1/1.0/conf/core",
        "features-1/1.0/conf/geojson",
        "edr-1/1.0/conf/core",
        "tiles-1/1.0/conf/core",
    ):
        assert any(part in one for one in classes)


def test_the_definition_has_every_collection(client: Any, sites: Any) -> None:
    answer = client.get("/ogc/openapi")
    assert answer.content_type == "application/vnd.oai.openapi+json;version=3.0"
    paths = json.loads(answer.data)["paths"]
    assert {"/collections/events/items", "/collections/records-sites/items"} <= set(paths)


def test_every_collection_is_described_alike_in_the_list_and_alone(client: Any, sites: Any, field: str) -> None:
    listed = body(client, "/ogc/collections")["collections"]
    names = {one["id"] for one in listed}
    assert {
        "events",
        "observations",
        "warnings",
        "regions",
        "catalogue",
        "records-sites",
        field.split("/")[-1],
    } == names
    for one in listed:
        alone = body(client, f"/ogc/collections/{one['id']}")
        assert (
            alone["title"] == one["title"] and alone["extent"]["spatial"]["bbox"] == one["extent"]["spatial"]["bbox"]
        )
        assert one["extent"]["spatial"]["bbox"][0][0] >= -180
        if one["id"] in ("events", "observations", "warnings", "regions", "records-sites"):
            assert one["crs"] == ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"] and "items" in links(one)
    assert body(client, "/ogc/collections?lang=zh")["collections"][0]["title"] == "灾害事件"


def test_no_link_leads_outside_or_to_html(client: Any, sites: Any, field: str) -> None:
    paths = (
        "/ogc/",
        "/ogc/collections",
        RECORDS,
        f"{RECORDS}/items",
        f"{RECORDS}/tiles",
        field,
        "/ogc/TileMatrixSets",
    )
    for path in paths:
        for link in walk(body(client, path)):
            assert link["href"].startswith("http://localhost/ogc") and link.get("type") != "text/html", link


@pytest.mark.parametrize(
    "path",
    ["/ogc/collections/none", "/ogc/collections/none/items", f"{RECORDS}/items/none",
     "/ogc/collections/events/items/x", f"{RECORDS}/items/1.1.x.0.0", f"{RECORDS}/tiles/WebMercatorQuad/99/0/0",
     f"{RECORDS}/tiles/Other/0/0/0"],
)  # fmt: skip
def test_what_is_not_there_is_404(client: Any, sites: Any, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=x", "offset=-1", "offset=x", "bbox=1,2,3", "bbox=a,b,c,d", "bbox=0,50,10,40",
     "bbox=0,0,400,10", "none=1", "crs=http://www.opengis.net/def/crs/EPSG/0/4490", "bbox-crs=x&bbox=0,0,1,1",
     "f=html", "f=xml", "properties=none", "sector=castle", "sortby=none", "filter=sector"],
)  # fmt: skip
def test_a_wrong_parameter_is_400(client: Any, sites: Any, query: str) -> None:
    answer = client.get(f"{RECORDS}/items?{query}")
    assert answer.status_code == 400 and answer.json, answer.text


@pytest.mark.parametrize("query", ["datetime=yesterday", "datetime=2026-03-02/2026-03-01", "datetime=2026-13-01"])
def test_a_wrong_time_is_400(client: Any, query: str) -> None:
    assert client.get(f"/ogc/collections/events/items?{query}").status_code == 400


def test_pages_hold_every_record_once_and_follow_each_other(client: Any, sites: Any) -> None:
    path, seen, pages = f"{RECORDS}/items?limit=700", [], 0
    while path:
        page = body(client, path)
        assert page["type"] == "FeatureCollection" and page["numberMatched"] == 1_997
        assert page["numberReturned"] == len(page["features"]) <= 700 and page["timeStamp"].endswith("Z")
        seen += [feature["id"] for feature in page["features"]]
        path, pages = links(page).get("next", "").replace("http://localhost", ""), pages + 1
    assert pages == 3 and len(seen) == len(set(seen)) == 1_997
    assert body(client, f"{RECORDS}/items?limit=99999")["numberReturned"] == 1_000


def test_a_box_holds_what_lies_in_it(client: Any, sites: Any) -> None:
    page = body(client, f"{RECORDS}/items?bbox=116,39.5,116.5,40&limit=1000")
    lon, lat = sites["lon"].to_numpy(), sites["lat"].to_numpy()
    inside = (lon >= 116) & (lon <= 116.5) & (lat >= 39.5) & (lat <= 40)
    assert page["numberMatched"] == page["numberReturned"] == int(inside.sum()) > 100
    for feature in page["features"]:
        lon_, lat_ = feature["geometry"]["coordinates"]
        assert 116 <= lon_ <= 116.5 and 39.5 <= lat_ <= 40
    across = body(client, f"{RECORDS}/items?bbox=120,-90,-170,90")["numberMatched"]
    assert across == int(((lon >= 120) & (lon <= 180) & (lat < 85)).sum())
    assert body(client, f"{RECORDS}/items?bbox=0,86,10,89")["numberMatched"] == 0


def test_values_of_properties_choose(client: Any, sites: Any) -> None:
    asked = body(client, f"{RECORDS}/queryables")["properties"]
    assert {"sector", "grade", "region"} <= set(asked)
    page = body(client, f"{RECORDS}/items?sector=school&grade=2&limit=1000")
    expected = sum(a == "school" and b == "2" for a, b in zip(
        sites["sector"].to_pylist()[3:], sites["grade"].to_pylist()[3:], strict=True))  # fmt: skip
    assert page["numberMatched"] == expected
    assert {(one["properties"]["sector"], one["properties"]["grade"]) for one in page["features"]} == {
        ("school", "2")
    }
    few = body(client, f"{RECORDS}/items?properties=sector&skipGeometry=true")["features"][0]
    assert set(few["properties"]) == {"sector"} and few["geometry"] is None
    hits = body(client, f"{RECORDS}/items?resulttype=hits")
    assert hits["features"] == [] and hits["numberMatched"] == 1_997


def test_an_item_is_the_same_alone(client: Any, sites: Any) -> None:
    for feature in body(client, f"{RECORDS}/items?limit=5&offset=600")["features"]:
        alone = client.get(f"{RECORDS}/items/{feature['id']}")
        assert alone.json["properties"] == feature["properties"] and alone.json["geometry"] == feature["geometry"]
        assert alone.headers["Content-Crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
        assert {"self", "collection"} <= set(links(alone.json))


def test_tiles_have_the_records_and_their_sets_are_described(client: Any, sites: Any) -> None:
    answer = client.get(f"{RECORDS}/tiles/WebMercatorQuad/0/0/0?f=mvt")
    assert answer.content_type == "application/vnd.mapbox-vector-tile"
    assert len(mapbox_vector_tile.decode(answer.data)["records"]["features"]) == 1_997
    assert client.get(f"{RECORDS}/tiles/WebMercatorQuad/3/0/0").status_code == 204
    (tileset,) = body(client, f"{RECORDS}/tiles")["tilesets"]
    assert tileset["tileMatrixSetURI"].endswith("WebMercatorQuad") and tileset["dataType"] == "vector"
    assert body(client, f"{RECORDS}/tiles/WebMercatorQuad")["layers"][0]["id"] == "records"
    sets = {one["id"] for one in body(client, "/ogc/TileMatrixSets")["tileMatrixSets"]}
    assert "WebMercatorQuad" in sets and body(client, "/ogc/TileMatrixSets/WebMercatorQuad")["tileMatrices"]


def test_events_are_chosen_by_time_and_box(client: Any, store: Store, now: datetime) -> None:
    harness.put_events(store, [shake("new", now - HOUR), shake("older", now - 5 * HOUR, lon=20.0)])
    path = "/ogc/collections/events/items"
    assert body(client, path)["numberMatched"] == 2

    def found(query: str) -> list[str]:
        return [one["properties"]["id"] for one in body(client, f"{path}?{query}")["features"]]

    assert found("datetime=2026-03-01T10:00:00Z/..") == ["new"] and found("datetime=../2026-03-01T10:00:00Z") == [
        "older"
    ]
    assert found("datetime=2026-03-01") == ["new", "older"] and found("datetime=2026-03-01T11:00:00Z") == ["new"]
    assert (
        found("datetime=/2026-02-01") == []
        and found("bbox=99,29,101,31") == ["new"]
        and found("id=older") == ["older"]
    )
    one = body(client, f"{path}/usgs_quakes/new")
    assert one["properties"]["magnitude"] == 5.0


def test_regions_come_by_code_and_box(client: Any) -> None:
    page = body(client, "/ogc/collections/regions/items?kind=cn-county&skipGeometry=true")
    assert [one["id"] for one in page["features"]] == ["CN-410105", "CN-410122"]
    near = body(client, "/ogc/collections/regions/items?bbox=29.5,49.5,30.5,50.5&skipGeometry=true")
    assert [one["id"] for one in near["features"]] == ["BBB"]


def test_the_catalogue_says_what_is_open(client: Any, sites: Any, store: Store, now: datetime) -> None:
    for word in ("restricted", "secret"):
        dataset = Dataset(name=word, title={"en": f"Bridges {word}"}, level="county", sector="x", kind="y",
                          data_class=word)  # type: ignore[arg-type]  # fmt: skip
        with store.write() as connection:
            put_dataset(connection, dataset, at=now, by="test")
    page = body(client, "/ogc/collections/catalogue/items")
    opened = {one["id"]: one["properties"]["open_to_you"] for one in page["features"]}
    assert set(opened) == {"sites", "restricted"}  # of a secret one not even the name
    assert opened["restricted"] == {"counts": True, "records": False, "export": False}
    (found,) = body(client, "/ogc/collections/catalogue/items?q=bridges")["features"]
    assert found["id"] == "restricted"


def test_a_position_gives_the_series_of_a_point(client: Any, field: str, now: datetime) -> None:
    answer = body(client, f"{field}/position?coords=POINT(105.3 35.2)&datetime=2026-03-01")
    assert answer["domain"]["domainType"] == "PointSeries"
    assert answer["domain"]["axes"]["t"]["values"] == [f"2026-03-01T{hour:02d}:00:00Z" for hour in (9, 10, 11)]
    assert answer["ranges"]["precipitation"]["values"] == [3.0, 2.0, 1.0]
    assert answer["parameters"]["precipitation"]["unit"]["symbol"]["value"] == "mm"
    newest = body(client, f"{field}/position?coords=POINT(105.3 35.2)")
    assert newest["ranges"]["precipitation"]["values"] == [1.0]
    missing = body(client, f"{field}/position?coords=POINT(100.3 39.7)")
    assert missing["ranges"]["precipitation"]["values"] == [None]
    assert client.get(f"{field}/position?coords=POINT(0 0)").status_code == 204


def test_an_area_and_a_cube_give_cells(client: Any, field: str) -> None:
    outline = "POLYGON((101 36,103 36,103 38,101 36))"
    answer = body(client, f"{field}/area?coords={outline}")
    shape, values = answer["ranges"]["precipitation"]["shape"], answer["ranges"]["precipitation"]["values"]
    axes = answer["domain"]["axes"]
    expected = [
        1.0 if shapely.intersects_xy(shapely.from_wkt(outline), x, y) else None
        for y in axes["y"]["values"] for x in axes["x"]["values"]
    ]  # fmt: skip
    assert values == expected and shape == [1, 4, 4] and None in values
    cube = body(client, f"{field}/cube?bbox=100,39,101,40")
    assert cube["ranges"]["precipitation"]["values"] == [None, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "query",
    ["position", "position?coords=POINT(x)", "position?coords=LINESTRING(0 0,1 1)", "area?coords=POINT(1 1)", "cube",
     "position?coords=POINT(105 35)&parameter-name=snow", "position?coords=POINT(105 35)&none=1",
     "position?coords=POINT(999 35)", "area?coords=POLYGON((0 0,1 1,1 0,0 1,0 0))", "coverage?bbox=1,2",
     "coverage?subset=z(1:2)", "coverage?properties=snow"],
)  # fmt: skip
def test_a_wrong_query_of_a_field_is_400(client: Any, field: str, query: str) -> None:
    assert client.get(f"{field}/{query}").status_code == 400


def test_a_coverage_comes_as_json_and_as_netcdf(client: Any, field: str) -> None:
    whole = client.get(f"{field}/coverage")
    assert whole.content_type == "application/prs.coverage+json"
    assert json.loads(whole.data)["ranges"]["precipitation"]["shape"] == [1, 20, 20]
    part = client.get(f"{field}/coverage?bbox=100,30,102,32&f=netcdf&datetime=2026-03-01T10:00:00Z")
    assert part.status_code == 200, part.text
    assert part.content_type == "application/x-netcdf" and "precipitation.nc" in part.headers["Content-Disposition"]
    with xarray.open_dataset(io.BytesIO(part.data), engine="scipy") as found:
        assert found["precipitation"].shape == (4, 4) and np.all(found["precipitation"] == 2.0)
        assert found["precipitation"].attrs == {"units": "mm", "valid_at": "2026-03-01T10:00:00Z"}
    subset = body(client, f"{field}/coverage?subset=x(100:102)")
    assert subset["ranges"]["precipitation"]["shape"] == [1, 20, 4]


def test_a_field_that_is_too_large_is_413(client: Any, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.ogc.gridded.MOST_CELLS", 10)
    assert client.get(f"{field}/coverage").status_code == 413


def test_what_qgis_and_gdal_asked_is_answered_as_it_was(client: Any, sites: Any) -> None:
    """Requests of QGIS 3.22.16 and GDAL 3.12.4 as they came from the wire, and what was answered then."""
    recorded = json.loads((ROOT / "tests" / "fixtures" / "ogc_programs.json").read_text(encoding="utf-8"))
    assert {one["program"] for one in recorded} == {"QGIS 3.22.16", "GDAL 3.12.4"}
    for one in recorded:
        headers = {name: value for name, value in one["headers"].items() if name != "authorization"}
        answer = client.get(one["path"], headers=headers)
        assert (answer.status_code, answer.content_type) == (one["status"], one["type"]), one
        if "matched" in one:
            page = json.loads(gzip.decompress(answer.data))
            told = (page["numberMatched"], page["numberReturned"], "next" in links(page))
            assert told == (one["matched"], one["returned"], one["next"]) and len(page["features"]) == told[1], one


def test_a_browser_gets_json_as_well(client: Any) -> None:
    answer = client.get("/ogc/collections", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == 200 and answer.content_type.startswith("application/json")


def test_who_only_watches_has_no_surveys(client: Any, sites: Any, asked_by: dict[str, Person]) -> None:
    asked_by["person"] = Person(id=2, email="viewer@eoc.example", roles=frozenset({"viewer"}))
    names = {one["id"] for one in body(client, "/ogc/collections")["collections"]}
    assert names == {"events", "observations", "warnings", "regions"}
    assert client.get(f"{RECORDS}/items").status_code == 404


def test_polygons_come_as_polygons_and_classified_ones_with_the_mark_of_their_reader(
    client: Any, home: Path, tmp_path: Path, store: Store
) -> None:
    cells = [shapely.box(116 + i / 97, 39, 116 + (i + 1) / 97, 39.01) for i in range(40)]
    table = pa.table({"geometry": shapely.to_wkb(cells), "sector": ["school"] * 40})
    schema = Schema(
        facets=(Facet(name="sector", values=("school",)),), geometry="geometry", lon="", lat="", shapes=True
    )
    with ThreadPoolExecutor(2) as executor:
        build([write(table, tmp_path / "a.parquet")], home / "records" / "plots", schema, executor=executor)
    first = body(client, "/ogc/collections/records-plots/items?limit=25")
    rest = body(client, "/ogc/collections/records-plots/items?limit=25&offset=25")
    found = [*first["features"], *rest["features"]]
    assert first["numberMatched"] == len({one["id"] for one in found}) == len(found) == 40
    shapes = shapely.from_geojson([json.dumps(one["geometry"]) for one in found])
    assert {one.geom_type for one in shapes} == {"Polygon"}
    corners = shapely.get_coordinates(shapes)
    given = list(Book(store, read_keys(home).mark.encode()).given("plots"))
    assert len(given) == 1 and given[0][1].form == "read"  # one mark, however many pages
    (traced,) = trace(corners[:, 0], corners[:, 1], [given[0][0], Mark(b"another", 2, 5)])
    assert traced.copy == given[0][1].id and traced.hits == traced.tried
    assert given[0][1].reader == "planner@eoc.example"
    near = body(client, "/ogc/collections/records-plots/items?bbox=116,39,116.005,39.005")
    assert near["numberMatched"] == near["numberReturned"] == 1
