"""STAC: what the specification asks of catalogue, collections and items, and that nothing closed is in them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from flask import Flask, g

from access.people import Person
from data.store.catalogue import Dataset, Delivery, add_delivery, advance, put_dataset
from data.store.engine import Store
from tests.api.test_fields import Keep, keep, rain  # noqa: F401 the fixture
from tests.api.test_ogc import HOUR

PLANNER = Person(id=1, email="planner@eoc.example", roles=frozenset({"planner"}))


@pytest.fixture(autouse=True)
def asked_by(server: Flask) -> dict[str, Person]:
    """Whoever asks; the guard has its own tests."""
    who = {"person": PLANNER}
    server.before_request(lambda: setattr(g, "person", who["person"]))
    return who


@pytest.fixture
def filled(store: Store, keep: Keep, now: datetime) -> None:  # noqa: F811
    """A field of three hours, and datasets of each class with a delivery."""
    keep(*(rain(now - hours * HOUR) for hours in (3, 2, 1)))
    with store.write() as connection:
        for word in ("public", "shared", "secret"):
            dataset = Dataset(name=word, title={"en": word}, level="county", sector="x", kind="y",
                              data_class=word, licence="CC-BY-4.0")  # type: ignore[arg-type]  # fmt: skip
            put_dataset(connection, dataset, at=now, by="test")
            delivery = Delivery(dataset=word, mode="replace", folder="x", digest=word, rows=7, refused=1, sources=())
            number = add_delivery(connection, delivery, at=now, by="test")
            advance(connection, number, "served", {}, at=now, by="test")


def body(client: Any, path: str) -> Any:
    answer = client.get(path.replace("http://localhost", ""))
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)


def links(answer: Any, rel: str) -> list[str]:
    return [one["href"] for one in answer["links"] if one["rel"] == rel]


def test_every_link_of_the_catalogue_leads_to_what_it_says(client: Any, filled: None) -> None:
    root = body(client, "/stac")
    assert (root["type"], root["stac_version"], root["id"]) == ("Catalog", "1.0.0", "tocsin")
    assert "https://api.stacspec.org/v1.0.0/core" in body(client, links(root, "conformance")[0])["conformsTo"]
    listed = {one["id"] for one in body(client, links(root, "data")[0])["collections"]}
    found = set()
    for child in links(root, "child"):
        collection = body(client, child)
        found.add(collection["id"])
        assert collection["type"] == "Collection" and collection["stac_version"] == "1.0.0"
        assert {"description", "license", "extent", "links"} <= set(collection)
        assert links(collection, "self") == [child] and links(collection, "root")
        for item in body(client, links(collection, "items")[0])["features"]:
            assert body(client, links(item, "self")[0]) == item
            assert item["type"] == "Feature" and item["collection"] == collection["id"]
            assert "datetime" in item["properties"] and ("bbox" in item) is (item["geometry"] is not None)
            assert links(item, "collection") == [child]
    assert found == listed and {"survey-public", "survey-shared"} < found and "survey-secret" not in found


def test_steps_of_a_field_come_newest_first_and_their_assets_open(client: Any, filled: None) -> None:
    (name,) = (one["id"] for one in body(client, "/stac/collections")["collections"] if one["id"].startswith("field"))
    first = body(client, f"/stac/collections/{name}/items?limit=2")
    times = [one["properties"]["datetime"] for one in first["features"]]
    assert times == ["2026-03-01T11:00:00Z", "2026-03-01T10:00:00Z"] and first["numberMatched"] == 3
    (after,) = links(first, "next")
    assert body(client, after)["features"][0]["properties"]["datetime"] == "2026-03-01T09:00:00Z"
    for asset in first["features"][0]["assets"].values():
        answer = client.get(asset["href"].replace("http://localhost", ""))
        assert answer.status_code == 200 and answer.content_type == asset["type"]


def test_a_delivery_tells_no_number_that_is_not_open(client: Any, filled: None) -> None:
    (public,) = body(client, "/stac/collections/survey-public/items")["features"]
    assert public["properties"]["rows"] == 7 and "export.parquet" in public["assets"]["copy"]["href"]
    (shared,) = body(client, "/stac/collections/survey-shared/items")["features"]
    assert "rows" not in shared["properties"] and shared["assets"] == {}


def test_who_only_watches_sees_fields_alone(client: Any, filled: None, asked_by: dict[str, Person]) -> None:
    asked_by["person"] = Person(id=2, email="viewer@eoc.example", roles=frozenset({"viewer"}))
    names = [one["id"] for one in body(client, "/stac/collections")["collections"]]
    assert len(names) == 1 and names[0].startswith("field-")
    assert client.get("/stac/collections/survey-public/items").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [("/stac/collections/none", 404), ("/stac/collections/none/items", 404), ("/stac/nothing", 404),
     ("/stac/collections/survey-secret", 404), ("/stac/collections/survey-public/items/none", 404),
     ("/stac/collections/survey-public/items?limit=0", 400), ("/stac/collections/survey-public/items?limit=x", 400),
     ("/stac/collections/survey-public/items?offset=-1", 400), ("/stac/collections/survey-public/items?x=1", 400)],
)  # fmt: skip
def test_what_is_asked_wrongly(client: Any, filled: None, path: str, status: int) -> None:
    assert client.get(path).status_code == status
