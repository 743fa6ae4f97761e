"""Survey records over HTTP: tiles under a choice, counts in an area, and what is asked wrongly."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from flask import Flask, g
from PIL import Image

from access.keys import read_keys
from access.people import Person
from data.store.catalogue import Dataset, put_dataset
from data.store.engine import Store
from layers.survey.build import build
from layers.survey.marks.book import Book
from layers.survey.marks.mark import Mark
from layers.survey.marks.picture_trace import trace_picture
from layers.survey.shelf import shelf_of
from tests.layers.survey.records import SCHEMA, make, write

CHOSEN = json.dumps({"sector": ["school"], "grade": ["2", ""]})
NEAR = {"type": "Polygon", "coordinates": [[[116, 39], [117, 39], [117, 40.5], [116, 40.5], [116, 39]]]}


@pytest.fixture(autouse=True)
def planner(server: Flask) -> None:
    """Whoever asks is a planner of the whole country; the guard itself has its own tests."""
    person = Person(id=1, email="planner@eoc.example", roles=frozenset({"planner"}))
    server.before_request(lambda: setattr(g, "person", person))


@pytest.fixture
def public(store: Store, now: datetime) -> None:
    """The store is in the catalogue, open to everybody."""
    dataset = Dataset(name="sites", title={"en": "Sites"}, level="county", sector="x", kind="y", data_class="public")
    with store.write() as connection:
        put_dataset(connection, dataset, at=now, by="test")


@pytest.fixture
def stored(home: Path, tmp_path: Path) -> Any:
    """Five thousand records in this home."""
    table = make(5_000)
    rebuild(home, write(table, tmp_path / "a.parquet"))
    return table


def rebuild(home: Path, source: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        build([source], home / "records" / "sites", SCHEMA, executor=executor, limit=500)


def test_what_there_is(client: Any, stored: Any) -> None:
    (store,) = client.get("/api/records.json").json
    assert store["name"] == "sites" and store["rows"] == 4_997
    assert store["facets"]["grade"] == ["1", "2", "3"]


def test_a_public_tile_is_kept_for_ever_under_its_stamp_and_not_without(
    client: Any, stored: Any, public: None
) -> None:
    (store,) = client.get("/api/records.json").json
    path = f"/t/records/sites/4/13/6.png?where={quote(CHOSEN)}"
    named, plain = client.get(f"{path}&v={store['stamp']}"), client.get(path)
    assert named.status_code == plain.status_code == 200 and named.data == plain.data
    assert named.data.startswith(b"\x89PNG")
    assert "immutable" in named.headers["Cache-Control"] and "no-cache" in plain.headers["Cache-Control"]
    again = client.get(path, headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304 and again.data == b""
    assert client.get("/t/records/sites/4/0/0.png").status_code == 204


def test_a_rebuilt_store_is_served_at_once(client: Any, stored: Any, home: Path, tmp_path: Path) -> None:
    before = client.get("/api/records.json").json[0]
    tag = client.get("/t/records/sites/0/0/0.png").headers["ETag"]
    rebuild(home, write(make(1_000), tmp_path / "b.parquet"))
    after = client.get("/api/records.json").json[0]
    assert after["rows"] == 997 and after["stamp"] != before["stamp"]
    assert client.get("/t/records/sites/0/0/0.png", headers={"If-None-Match": tag}).status_code == 200


def test_points_and_counts_agree(client: Any, stored: Any) -> None:
    area = quote(json.dumps(NEAR))
    counted = client.get(f"/api/records/sites/counts.json?where={quote(CHOSEN)}&area={area}").json
    whole = client.get(f"/api/records/sites/counts.json?where={quote(CHOSEN)}").json
    assert 0 < counted["records"] < whole["records"]
    assert set(whole["facets"]["sector"]) == {"school"} and set(whole["facets"]["grade"]) == {"2", ""}
    body = client.get(f"/t/records/sites/0/0/0.mvt?where={quote(CHOSEN)}")
    features = mapbox_vector_tile.decode(body.data)["records"]["features"]
    assert len(features) == whole["records"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/t/records/none/0/0/0.png", 404), ("/t/records/..%2Fx/0/0/0.png", 404),
        ("/t/records/sites/99/0/0.png", 404),
        ("/t/records/sites/2/9/0.png", 404), ("/t/records/sites/0/0/0.png?where=x", 400),
        ("/t/records/sites/0/0/0.png?where=[]", 400), ("/t/records/sites/0/0/0.mvt?where={%22no%22:[]}", 400),
        ("/t/records/sites/0/0/0.png?where={%22grade%22:[9]}", 400), ("/api/records/none/counts.json", 404),
        ("/t/records/sites/0/0/0.png?where=" + "[" * 5000, 400),
        ("/api/records/sites/counts.json?area=x", 400),
        ("/api/records/sites/counts.json?area={%22type%22:%22Point%22,%22coordinates%22:[0,0]}", 400),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly(client: Any, stored: Any, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status and answer.json["message"]


def test_a_name_cannot_leave_the_folder(home: Path) -> None:
    from data.errors import LayerError

    for name in ("..", "../x", "a/b", "", "x" * 99):
        with pytest.raises(LayerError, match="no such store"):
            shelf_of(home).open(name)


def test_a_printed_map_is_a_copy_with_a_purpose_and_says_whose_it_is(
    client: Any, stored: Any, store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land, places = np.array([shapely.box(70, 15, 140, 55)]), np.array([[116.4, 39.9, "Beijing", "北京"]], object)
    world = {"countries": land, "national": np.empty(0, object), "places": places}
    monkeypatch.setattr("layers.export.records.world", lambda base_dir: world)
    monkeypatch.setattr("layers.export.picture_page.PAGE", (1_200, 850))  # half as large: quicker
    assert client.get("/api/records/sites/map.png").status_code == 400  # no purpose
    why = "shelter planning of the district"
    answer = client.get("/api/records/sites/map.png", query_string={"purpose": why, "where": CHOSEN})
    assert answer.status_code == 200, answer.text
    picture = Image.open(io.BytesIO(answer.data))
    said = picture.text  # type: ignore[attr-defined]
    assert said["Made_for"] == "planner@eoc.example" and said["Copy"].startswith("planner@eoc.example")
    assert why in said["Notes"] and picture.size == (1_200, 850)
    ((mark, row),) = Book(store, read_keys(home).mark.encode()).given("sites")
    assert (row.form, row.purpose) == ("png", why) and row.rows > 0
    grey = np.asarray(picture.convert("L"), np.float32)
    assert [one.copy for one in trace_picture(grey, [mark, Mark(mark.secret, mark.copy + 1, 5)])] == [mark.copy]
    assert client.get("/api/records/none/map.png", query_string={"purpose": why}).status_code == 404
    nowhere = {"purpose": why, "where": json.dumps({"sector": []})}
    assert client.get("/api/records/sites/map.pdf", query_string=nowhere).status_code == 400
