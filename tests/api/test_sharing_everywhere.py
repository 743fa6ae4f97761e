"""Accounts of different scopes see what each may, and the same of it, by every way there is to survey records.

What each may see is said here from the delivered table and the accounts alone; page, tiles, counts, rows, copies, OGC
interface and the frame of a place are then walked, by session and by token, for every account and every dataset.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dash
import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pytest
import sqlalchemy as sa
from dash import _callback
from PIL import Image

from access import accounts, session_rows, tokens
from access.keys import read_keys
from access.labels import callbacks
from access.people import EXTENSION
from access.sharing import grants
from data.actor import Actor, Reauthentication
from data.regions import KINDS
from data.settings import Settings
from data.store.catalogue import Dataset, put_dataset
from data.store.tables import audit
from layers.survey.build import build
from layers.survey.marks.book import Book
from layers.survey.marks.trace import trace
from tests.layers.survey.records import SCHEMA, make, write

REGIONS = (
    ("CHN", "country", -1), ("CN-11", "cn-province", 0), ("CN-12", "cn-province", 0), ("CN-1101", "cn-prefecture", 1),
    ("CN-1201", "cn-prefecture", 2), ("CN-110101", "cn-county", 3), ("CN-110102", "cn-county", 3),
    ("CN-120101", "cn-county", 4),
)  # fmt: skip
NORTH, SOUTH = ("110101", "110102"), ("120101",)
CLASSES = ("public", "shared", "restricted", "secret", "unlisted")
WHY = "planning of shelters in the district"


@dataclass(frozen=True)
class Who:
    """An account: its role and limits, and the counties that these hold; None is every record."""

    role: str
    counties: tuple[str, ...] | None
    limits: dict[str, list[str]]
    granted: bool = False  # the secret dataset, as records of grade 1


PEOPLE = {
    "whole": Who("planner", None, {}),
    "north": Who("planner", NORTH, {"regions": ["CN-11"]}),
    "south": Who("planner", SOUTH, {"regions": ["CN-1201"]}, granted=True),
    "duty": Who("duty", None, {}),
    "bridges": Who("planner", None, {"sectors": ["bridges"]}),
    "viewer": Who("viewer", None, {}),
}


@dataclass(frozen=True)
class Truth:
    """What somebody may see of a dataset: how far, which records, and what numbers are rounded to."""

    step: str  # nothing counts records export
    rows: pa.Table
    least: int = 1

    @property
    def count(self) -> int | None:
        number = int(self.rows.num_rows)
        if self.least == 1 or not number:
            return number
        return None if number < self.least else number // self.least * self.least


def truth(name: str, who: Who, table: pa.Table) -> Truth:
    """From the table and the account alone."""
    county = np.array(table["county"].to_pylist())
    own = np.ones(len(county), bool) if who.counties is None else np.isin(county, who.counties)
    mine = table.filter(pa.array(own))
    planner, bound = who.role == "planner", "sectors" in who.limits
    if who.role == "viewer":
        return Truth("nothing", mine)
    match name:
        case "public":
            return Truth("export", table)
        case _ if bound:
            return Truth("nothing", mine)
        case "shared":
            return Truth("counts", mine, 5)
        case "restricted" if planner:
            return Truth("counts", mine, 10)
        case "unlisted" if planner:
            return Truth("records", mine)
        case "secret" if who.granted:
            return Truth("records", mine.filter(pa.array(np.array(mine["grade"].to_pylist()) == "1")))
    return Truth("nothing", mine)


@dataclass
class World:
    """The application, its accounts' browsers and tokens, and the delivered records that stand in each store."""

    server: Any
    dash_app: Any
    browsers: dict[str, Any]
    tokens: dict[str, str]
    table: pa.Table
    home: Path

    def get(self, who: str, path: str, **query: str) -> Any:
        return self.browsers[who].get(path, query_string=query, headers={"Accept": "application/json"}, buffered=True)

    def call(self, who: str, output: str, inputs: list[Any], state: list[Any]) -> Any:
        """What a page gets for a callback."""
        names = [part.split(".") for part in output.strip(".").split("...")]
        outputs: Any = [{"id": one, "property": what} for one, what in names]
        body = {"output": output, "outputs": outputs if output.startswith("..") else outputs[0], "inputs": inputs,
                "state": state, "changedPropIds": []}  # fmt: skip
        headers = {"X-CSRFToken": "c" * 43, "Accept": "application/json"}
        return self.browsers[who].post("/_dash-update-component", json=body, headers=headers)

    @property
    def outputs(self) -> list[str]:
        """Every registered output."""
        return list(callbacks(self.dash_app))

    def inputs(self, output: str) -> list[str]:
        """What a callback is asked with."""
        return [one["id"] for one in callbacks(self.dash_app)[output]["inputs"]]

    def decide(self, who: str, identity: str, number: int) -> Any:
        """A button of a request is pressed."""
        output = next(key for key in self.outputs if "sharing-said" in key and "sharing-do" in self.inputs(key)[0])
        pressed = [{"id": json.loads(identity), "property": "n_clicks", "value": 1}]
        names = [part.split(".") for part in output.strip(".").split("...")]
        body = {
            "output": output, "outputs": [{"id": one, "property": what} for one, what in names], "inputs": [pressed],
            "state": [[], []], "changedPropIds": [f"{identity}.n_clicks"],
        }  # fmt: skip
        headers = {"X-CSRFToken": "c" * 43, "Accept": "application/json"}
        return self.browsers[who].post("/_dash-update-component", json=body, headers=headers)


def base_data(folder: Path) -> Path:
    """Two provinces with their counties."""
    folder.mkdir()
    code, kind, parent = (np.array(column) for column in zip(*REGIONS, strict=True))
    assert list(kind) == sorted(kind, key=KINDS.index)
    count, nothing = len(code), np.zeros(len(code))
    np.savez(
        folder / "regions_index.npz", allow_pickle=False, code=code, kind=kind, pack=np.full(count, "world"),
        name=code, name_zh=code, parent_rid=parent.astype(np.int32), population=nothing, places_population=nothing,
        lon=nothing, lat=nothing, west=nothing, east=nothing + 1, south=nothing, north=nothing + 1,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The web process as it is, with six accounts, and the same records in five stores of different classes."""
    from app import build_web

    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, base_dir=base_data(home / "base"))
    pages, entries = dict(dash.page_registry), dict(_callback.GLOBAL_CALLBACK_MAP)
    listed = list(_callback.GLOBAL_CALLBACK_LIST)
    dash.page_registry.clear()
    _callback.GLOBAL_CALLBACK_MAP.clear()
    _callback.GLOBAL_CALLBACK_LIST.clear()
    dash_app, server = build_web(settings)
    table, now = make(3_000), datetime.now(UTC)
    with ThreadPoolExecutor(2) as executor:
        for name in CLASSES:
            build([write(table, home / "a.parquet")], home / "records" / name, SCHEMA, executor=executor)
    browsers, kept = _people(server, now)
    yield World(server, dash_app, browsers, kept, table.slice(3), home)  # the first three are refused
    dash.page_registry.clear()
    dash.page_registry.update(pages)
    _callback.GLOBAL_CALLBACK_MAP.update(entries)
    _callback.GLOBAL_CALLBACK_LIST.extend(listed)


def _people(server: Any, now: datetime) -> tuple[dict[str, Any], dict[str, str]]:
    """Catalogue, accounts, the grant, sessions and tokens."""
    store, browsers, kept = server.extensions[EXTENSION].store, {}, {}
    with store.write() as connection:
        for name in CLASSES[:-1]:
            dataset = Dataset(name=name, title={"en": name}, level="county", sector="housing", kind="site",
                              data_class=name)  # type: ignore[arg-type]  # fmt: skip
            put_dataset(connection, dataset, at=now, by="test")
        for name, who in PEOPLE.items():
            account = accounts.create(connection, email=f"{name}@eoc.example", name=name, password_hash="x",
                                      roles=[who.role], at=now)  # fmt: skip
            accounts.set_scope(connection, account, **{"regions": [], "hazards": [], **who.limits})
            session = session_rows.begin(
                connection, account.id, proved=Reauthentication(now, "totp", True), second_factor=True,
                where_from=("127.0.0.1", "test"),
            )  # fmt: skip
            browsers[name] = server.test_client()
            with browsers[name].session_transaction() as cookie:
                cookie.update(token=session, csrf="c" * 43)
            kept[name] = tokens.make(
                connection, account, name="QGIS", actions=["plan.view", "watch.view"], now=now,
                expires_at=now + timedelta(days=1),
            )  # fmt: skip
        asker = Actor(1, "south@eoc.example", "", frozenset({"planner"}))
        request = grants.Request(dataset="secret", purpose=WHY, allows="records", expires_at=now + timedelta(days=9),
                                 facets={"grade": ("1",)})  # fmt: skip
        chief = Actor(9, "chief@eoc.example", "", frozenset({"approver"}))
        grants.decide(connection, chief, grants.ask(connection, asker, request, now), True, "", now, lambda _: ())
    return browsers, kept


CASES = [(who, name) for who in PEOPLE for name in CLASSES]
each = pytest.mark.parametrize(("who", "name"), CASES, ids=["-".join(case) for case in CASES])


def expected(world: World, who: str, name: str) -> Truth:
    return truth(name, PEOPLE[who], world.table)


def told(counts: dict[str, int], least: int) -> dict[str, int | None]:
    """Numbers as they may be told."""
    return {
        word: number if least == 1 else (None if number < least else number // least * least)
        for word, number in counts.items()
    }


@each
def test_the_list_has_what_may_be_seen(world: World, who: str, name: str) -> None:
    wanted, answer = expected(world, who, name), world.get(who, "/api/records.json")
    assert answer.status_code == (403 if PEOPLE[who].role == "viewer" else 200)
    found = {one["name"]: one for one in answer.json} if answer.status_code == 200 else {}
    assert (name in found) is (wanted.step != "nothing")
    if name in found:
        assert found[name]["rows"] == wanted.count
        assert found[name]["records"] is (wanted.step in ("records", "export"))


@each
def test_counts_are_those_of_the_records_that_may_be_seen(world: World, who: str, name: str) -> None:
    wanted = expected(world, who, name)
    for where in ({}, {"sector": ["school"]}, {"grade": ["1"], "region": ["110101"]}):
        answer = world.get(who, f"/api/records/{name}/counts.json", where=json.dumps(where))
        if wanted.step == "nothing":
            assert answer.status_code == 403
            continue
        chosen = wanted.rows
        for column, values in where.items():
            held = chosen["county" if column == "region" else column].to_pylist()
            chosen = chosen.filter(pa.array(np.isin(np.array(held, dtype=object), values)))
        assert answer.json["records"] == Truth("", chosen, wanted.least).count
        counties: dict[str, int] = {}
        for county in chosen["county"].to_pylist():
            key = county if county in SCHEMA.regions else ""
            counties[key] = counties.get(key, 0) + 1
        assert answer.json["regions"] == told(counties, wanted.least)


@each
def test_a_drawn_area_is_counted_only_where_single_records_may_be_seen(world: World, who: str, name: str) -> None:
    wanted = expected(world, who, name)
    area = {"type": "Polygon", "coordinates": [[[116, 39], [117, 39], [117, 40.5], [116, 40.5], [116, 39]]]}
    answer = world.get(who, f"/api/records/{name}/counts.json", area=json.dumps(area))
    if wanted.step in ("nothing", "counts"):
        assert answer.status_code == 403
        return
    lon, lat = wanted.rows["lon"].to_numpy(), wanted.rows["lat"].to_numpy()
    assert answer.json["records"] == int(((lon > 116) & (lon < 117) & (lat > 39) & (lat < 40.5)).sum())


@each
@pytest.mark.parametrize("way", ["map", "ogc"])
def test_tiles_show_the_same(world: World, who: str, name: str, way: str) -> None:
    wanted = expected(world, who, name)
    tiles = f"/ogc/collections/records-{name}/tiles/WebMercatorQuad"
    path = f"/t/records/{name}/0/0/0" if way == "map" else f"{tiles}/0/0/0"
    single = wanted.step in ("records", "export")
    points = world.get(who, f"{path}.mvt") if way == "map" else world.get(who, path, f="mvt")
    if wanted.step == "nothing":
        assert points.status_code in (403, 404) and not points.data.startswith(b"\x1a")
        return
    if single:
        features = mapbox_vector_tile.decode(points.data)["records"]["features"]
        assert len(features) == wanted.rows.num_rows
        assert "immutable" not in points.headers["Cache-Control"]
    if way == "map":
        assert single or (points.status_code, points.data) == (204, b"")
        drawn = np.asarray(Image.open(io.BytesIO(world.get(who, f"{path}.png").data)).convert("RGBA"))[..., 3] > 0
        assert drawn.any()
    elif not single:
        assert points.data.startswith(b"\x89PNG")


@each
def test_the_page_counts_and_lists_the_same(world: World, who: str, name: str) -> None:
    wanted, where = expected(world, who, name), {"store": name, "where": ""}
    shown = world.call(
        who, "..plan-records.children...plan-records-table.children..",
        [{"id": "plan-records-where", "property": "data", "value": where},
         {"id": "plan-area", "property": "data", "value": None}], [],
    )  # fmt: skip
    rows = world.call(
        who, "plan-records-grid.getRowsResponse",
        [{"id": "plan-records-grid", "property": "getRowsRequest", "value": {"startRow": 0, "endRow": 100}}],
        [{"id": "plan-records-where", "property": "data", "value": where},
         {"id": "plan-area", "property": "data", "value": None}],
    )  # fmt: skip
    if PEOPLE[who].role == "viewer":
        assert shown.status_code == rows.status_code == 403
        return
    page = json.dumps(shown.json["response"]["plan-records"]["children"])
    listed = rows.json["response"]["plan-records-grid"]["getRowsResponse"]
    if wanted.step == "nothing":
        assert '"bad"' in page and listed == {"rowData": [], "rowCount": 0}
        return
    assert f'"{wanted.count:,}"' in page
    if wanted.step == "counts":
        assert listed == {"rowData": [], "rowCount": 0}
        return
    assert listed["rowCount"] == wanted.rows.num_rows
    allowed = set(wanted.rows["county"].to_pylist()) | {None}
    assert len(listed["rowData"]) == min(100, wanted.rows.num_rows)
    assert {row["region"] for row in listed["rowData"]} <= allowed


@each
def test_a_copy_has_the_same_records_or_there_is_none(world: World, who: str, name: str) -> None:
    wanted = expected(world, who, name)
    answer = world.get(who, f"/api/records/{name}/export.csv", purpose=WHY)
    if wanted.step != "export":
        assert answer.status_code == 403
        return
    assert f"{who}@eoc.example" in answer.text.splitlines()[0]
    copied = pc.read_csv(io.BytesIO(answer.data), pc.ReadOptions(skip_rows=1))
    assert copied.num_rows == wanted.rows.num_rows
    assert world.get(who, f"/api/records/{name}/export.csv", purpose="x").status_code == 400


@each
@pytest.mark.parametrize("by", ["session", "token"])
def test_the_ogc_interface_has_the_same_records(world: World, who: str, name: str, by: str) -> None:
    wanted, path = expected(world, who, name), f"/ogc/collections/records-{name}/items"
    if by == "token":
        headers = {"Authorization": f"Bearer {world.tokens[who]}", "Accept": "application/geo+json"}
        answer = world.server.test_client().get(path, query_string={"limit": "1000"}, headers=headers)
    else:
        answer = world.get(who, path, limit="1000")
    if wanted.step in ("nothing", "counts"):
        assert answer.status_code in (400, 403, 404) and b"features" not in answer.data
        return
    assert answer.json["numberMatched"] == wanted.rows.num_rows
    allowed = set(wanted.rows["county"].to_pylist()) | {None}
    assert {one["properties"]["region"] for one in answer.json["features"]} <= allowed


FILTERS = ("sector = 'school'", "floors > 20", "grade IS NULL OR region = '110101'",
           "S_INTERSECTS(geometry, BBOX(116, 39, 117, 41))")  # fmt: skip


@each
def test_filters_and_sorting_reach_no_other_records(world: World, who: str, name: str) -> None:
    wanted, path = expected(world, who, name), f"/ogc/collections/records-{name}/items"
    for filtered in FILTERS:
        answer = world.get(who, path, limit="200", filter=filtered, sortby="-floors")
        if wanted.step in ("nothing", "counts"):
            hits = world.get(who, path, resulttype="hits", filter=filtered)
            assert answer.status_code == hits.status_code in (400, 403, 404)
            assert b"number" not in answer.data and b"number" not in hits.data
            continue
        chosen = [row for row in wanted.rows.to_pylist() if _chosen(row, filtered)]
        assert answer.json["numberMatched"] == len(chosen)
        assert len(answer.json["features"]) == min(200, len(chosen))
        allowed = set(wanted.rows["county"].to_pylist()) | {None}
        assert {one["properties"]["region"] for one in answer.json["features"]} <= allowed


def _chosen(row: dict[str, Any], filtered: str) -> bool:
    """The filters of the test, as Python."""
    if filtered.startswith("sector"):
        return bool(row["sector"] == "school")
    if filtered.startswith("floors"):
        return row["floors"] is not None and 20 < row["floors"] < 1e6
    if filtered.startswith("grade"):
        return row["grade"] is None or row["county"] == "110101"
    return bool(116 <= row["lon"] <= 117 and 39 <= row["lat"] <= 41)


@each
def test_the_frame_of_a_place_has_the_same_records(world: World, who: str, name: str) -> None:
    wanted = expected(world, who, name)
    answer = world.get(who, "/api/frame.json", bbox="73,18,135,54", kinds="records", limit="1000",
                       **{"from": "2026-01-01T00:00:00Z", "to": "2026-12-31T00:00:00Z"})  # fmt: skip
    if PEOPLE[who].role == "viewer":
        assert answer.status_code == 403
        return
    found = [one for one in answer.json["kinds"]["records"]["items"] if one["source"] == name]
    if wanted.step in ("nothing", "counts"):
        assert found == []
    allowed = set(wanted.rows["county"].to_pylist()) | {None}
    assert {one["facts"]["region"] for one in found} <= allowed


def tiled(world: World, who: str, name: str, zoom: int, around: int) -> list[tuple[float, float]]:
    """Positions as somebody reads them from vector tiles around a town."""
    side = 2**zoom
    column = int((116.4 + 180) / 360 * side)
    row = int((0.5 - np.arctanh(np.sin(np.radians(39.9))) / (2 * np.pi)) * side)
    found = []
    for x in range(column - around, column + around + 1):
        for y in range(row - around, row + around + 1):
            body = world.get(who, f"/t/records/{name}/{zoom}/{x}/{y}.mvt").data
            layers = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True}) if body else {}
            for one in layers.get("records", {"features": []})["features"]:
                east, south = one["geometry"]["coordinates"]
                lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (y + south / 4_096) / side))))
                found.append(((x + east / 4_096) / side * 360 - 180, float(lat)))
    return found


def collected(world: World, who: str, name: str) -> dict[str, list[tuple[float, float]]]:
    """Positions of records as somebody reads them by each way."""
    items = world.get(who, f"/ogc/collections/records-{name}/items", limit="200").json["features"]
    first = items[0]["id"]
    single = [world.get(who, f"/ogc/collections/records-{name}/items/{one['id']}").json for one in items[:25]]
    assert single[0]["id"] == first
    rows = world.call(
        who, "plan-records-grid.getRowsResponse",
        [{"id": "plan-records-grid", "property": "getRowsRequest", "value": {"startRow": 0, "endRow": 100}}],
        [{"id": "plan-records-where", "property": "data", "value": {"store": name, "where": ""}},
         {"id": "plan-area", "property": "data", "value": None}],
    ).json["response"]["plan-records-grid"]["getRowsResponse"]["rowData"]  # fmt: skip
    frame = world.get(who, "/api/frame.json", bbox="116.4,39.9,116.46,39.96", kinds="records", limit="1000",
                      **{"from": "2026-01-01T00:00:00Z", "to": "2026-12-31T00:00:00Z"})  # fmt: skip
    told = [one for one in frame.json["kinds"]["records"]["items"] if one["source"] == name]
    return {
        "items": [tuple(one["geometry"]["coordinates"]) for one in items],
        "item": [tuple(one["geometry"]["coordinates"]) for one in single],
        "rows": [(one["lon"], one["lat"]) for one in rows], "frame": [(one["lon"], one["lat"]) for one in told],
        "tiles close": tiled(world, who, name, 14, 2), "tiles far": tiled(world, who, name, 10, 0),
    }  # fmt: skip


def test_what_is_collected_record_by_record_says_who_read_it_and_public_data_is_exact(world: World) -> None:
    ways = {who: collected(world, who, "unlisted") for who in ("whole", "north")}
    book = Book(world.server.extensions[EXTENSION].store, read_keys(world.home).mark.encode())
    marks, rows = book.marks("unlisted"), {row.id: row.reader for _, row in book.given("unlisted")}
    assert len(rows) == len(set(rows.values())) >= 2  # one mark each, whatever they read
    for who, found in ways.items():
        for way, places in found.items():
            assert places, (who, way)
            lon, lat = np.array(places).T
            traced = trace(lon, lat, marks)
            assert [rows[one.copy] for one in traced] == [f"{who}@eoc.example"], (who, way, len(places))
    delivered = np.column_stack([world.table["lon"].to_numpy(), world.table["lat"].to_numpy()])
    open_ways = collected(world, "whole", "public")
    for way in ("items", "item", "rows", "frame"):
        apart = np.abs(np.array(open_ways[way])[:, np.newaxis] - delivered).max(axis=2).min(axis=1)
        assert apart.max() < 2e-7  # degrees: 1 cm
    assert all(row.form != "read" for _, row in book.given("public"))  # files alone are marked


def test_what_was_read_of_classified_data_stands_in_the_chain(world: World) -> None:
    store = world.server.extensions[EXTENSION].store
    world.get("north", "/api/records/shared/counts.json")
    world.get("whole", "/api/records/public/counts.json")
    with store.read() as connection:
        rows = connection.execute(sa.select(audit).where(audit.c.action.like("survey.%"))).all()
    read = {(row.actor.partition("@")[0], row.object, row.action) for row in rows}
    assert ("north", "shared", "survey.counts") in read
    assert not any(name == "public" and action != "survey.ask" for _, name, action in read)
