"""Inspections over HTTP: the report and its print, faults, places, the list of a sample, and who may see them."""

from __future__ import annotations

import csv
import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g

from access import audit
from access.matrix import may
from access.people import Person
from data.regions import default_base_dir
from data.settings import Settings
from data.store.catalogue import Dataset, Delivery, add_delivery, put_dataset
from data.store.engine import Store
from layers.survey.build import build
from layers.survey.inspect import desk
from layers.survey.inspect.answers import only
from layers.survey.inspect.sample import Design
from layers.survey.schema import Schema
from tests.layers.inspect.planted import buildings, deliver

PLANNER = Person(id=1, email="planner@eoc.example", roles=frozenset({"planner"}))


@pytest.fixture
def base_dir() -> Path:
    """The real regions: units are looked up among them."""
    return default_base_dir()


@pytest.fixture
def who(server: Flask) -> dict[str, Person]:
    """Whoever asks; the guard itself has its own tests."""
    asking = {"person": PLANNER}
    server.before_request(lambda: setattr(g, "person", asking["person"]))
    return asking


def dataset(data_class: str) -> Dataset:
    return Dataset(
        name="houses", title={"en": "Houses", "zh": "房屋"}, level="county", sector="housing", kind="urban_dwelling",
        data_class=data_class, record_schema={"region": "county"},  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def office(store: Store, settings: Settings) -> desk.Office:
    return desk.Office(store, settings.home, settings.base_dir, audit.append, may)


@pytest.fixture
def number(office: desk.Office, now: datetime) -> int:
    """A delivery of 1,500 buildings, one with a hostile identity, inspected."""
    table = buildings(1_500, each=3)[0]
    names = ["=cmd()|<script>alert(1)</script>" if one == "b1499" else one for one in table["id"].to_pylist()]
    counties = [
        "440106" if one.startswith("=") else two for one, two in zip(names, table["county"].to_pylist(), strict=True)
    ]
    table = table.set_column(0, "id", [names]).set_column(table.column_names.index("county"), "county", [counties])
    deliver(table, office.home / "deliveries" / "houses" / "1")
    delivery = Delivery(
        dataset="houses", mode="replace", folder="deliveries/houses/1", digest="d" * 64, rows=1500, refused=0,
        sources=[],
    )  # fmt: skip
    with office.store.write() as connection:
        put_dataset(connection, dataset("public"), at=now, by="x")
        found = add_delivery(connection, delivery, at=now, by="county@x")
    desk.inspect(office, found, PLANNER.actor(), now)
    return found


def test_the_report_and_its_print(client: Any, who: Any, number: int) -> None:
    told = client.get(f"/api/surveys/deliveries/{number}/inspection.json").json
    assert told["records"] == 1500
    page = client.get(f"/api/surveys/deliveries/{number}/inspection.html?locale=zh").get_data(as_text=True)
    assert '<html lang="zh-Hans">' in page
    assert "海淀区 (110108)" in page
    assert "坐标不在所填行政区划内" in page
    assert "data:image/png;base64," in page


def test_the_picture_is_a_png(client: Any, who: Any, number: int) -> None:
    answer = client.get(f"/api/surveys/deliveries/{number}/inspection.png")
    assert answer.content_type == "image/png"
    assert answer.data.startswith(b"\x89PNG")


def test_the_list_of_faults_runs_nothing_in_a_spreadsheet(client: Any, who: Any, number: int) -> None:
    answer = client.get(f"/api/surveys/deliveries/{number}/faults.csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert {row["Rule"] for row in rows} > {"unit.elsewhere", "building.near"}
    assert not any(value[:1] in "=+@" for row in rows for value in row.values() if value)
    hostile = next(row for row in rows if "script" in row["Identity"])
    assert hostile["Identity"].startswith("'=cmd()")
    only = client.get(f"/api/surveys/deliveries/{number}/faults.csv?rule=unit.swapped").get_data(as_text=True)
    assert len(only.splitlines()) == 4


def test_places_of_findings_are_limited_and_in_a_box(client: Any, who: Any, number: int, monkeypatch: Any) -> None:
    address = f"/api/surveys/deliveries/{number}/findings.geojson"
    every = client.get(address).json
    assert not every["more"]
    inside = client.get(f"{address}?bbox=117,38,119,40").json["features"]
    assert 0 < len(inside) < len(every["features"])
    assert all(117 <= one["geometry"]["coordinates"][0] <= 119 for one in inside)
    assert client.get(f"{address}?bbox=1,2").status_code == 400
    monkeypatch.setattr("layers.survey.inspect.answers.MOST", 4)
    cut = client.get(address).json
    assert (len(cut["features"]), cut["more"]) == (4, True)


def test_the_list_of_a_sample_has_room_for_what_is_found(
    client: Any, who: Any, number: int, office: desk.Office, now: datetime
) -> None:
    id = desk.draw_sample(
        office, number, Design(seed=3, share=1.0, most=2000, facts=("floors",)), PLANNER.actor(), now
    )
    page = client.get(f"/api/surveys/samples/{id}/list.html").get_data(as_text=True)
    assert page.count('<section class="unit">') == 6
    assert "<script" not in page and "&lt;script&gt;" in page
    one = client.get(f"/api/surveys/samples/{id}/list.html?unit=999999").get_data(as_text=True)
    assert one.count('<section class="unit">') == 1


def test_the_list_of_a_sample_to_fill_in(
    client: Any, who: Any, number: int, office: desk.Office, now: datetime
) -> None:
    id = desk.draw_sample(office, number, Design(seed=3, share=1.0, most=2000), PLANNER.actor(), now)
    answer = client.get(f"/api/surveys/samples/{id}/list.csv?locale=zh")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(rows) == 1500 and rows[0]["样本"] == str(id) and rows[0]["序号"] == "1"
    assert not any(value[:1] in "=+@" for row in rows for value in row.values() if value)
    one = client.get(f"/api/surveys/samples/{id}/list.csv?unit=999999").get_data(as_text=True)
    assert len(one.splitlines()) == 4


def test_who_may_not_see_single_records_sees_no_faults(
    client: Any, who: Any, number: int, office: desk.Office, store: Store, now: datetime
) -> None:
    id = desk.draw_sample(office, number, Design(seed=3, share=0.01), PLANNER.actor(), now)
    with store.write() as connection:
        put_dataset(connection, dataset("restricted"), at=now, by="x")
    base = f"/api/surveys/deliveries/{number}"
    words = ("inspection.json", "inspection.html", "inspection.png", "faults.csv", "findings.geojson")
    for address in (
        *(f"{base}/{word}" for word in words),
        *(f"/api/surveys/samples/{id}/list.{form}" for form in ("html", "csv")),
    ):
        assert client.get(address).status_code == 403, address


def test_a_report_is_cut_to_the_units_that_may_be_seen(client: Any, who: Any, number: int) -> None:
    whole = client.get(f"/api/surveys/deliveries/{number}/inspection.json").json
    mine = only(whole, lambda unit: unit == "110108")
    assert [one["unit"] for one in mine["units"]] == ["110108"]
    assert mine["records"] == mine["units"][0]["records"]
    assert all(set(rule["by_unit"]) <= {"110108"} for rule in mine["rules"])


def test_what_is_not_there(client: Any, who: Any, number: int) -> None:
    assert client.get("/api/surveys/deliveries/99/inspection.json").status_code == 404
    assert client.get("/api/surveys/samples/99/list.html").status_code == 404


def test_impact_says_how_much_of_a_survey_was_inspected(
    client: Any, who: Any, number: int, store: Store, settings: Settings, now: datetime
) -> None:
    facts = {"lon": "lon", "lat": "lat", "geometry": "", "facets": [], "columns": [], "regions": [], "region": ""}
    (part,) = sorted((settings.home / "deliveries" / "houses" / "1").glob("part-*0.parquet"))
    with ThreadPoolExecutor(1) as executor:
        build(
            [part], settings.home / "records" / "houses", Schema.from_json(facts), executor=executor, delivery=number
        )
    (found,) = client.get("/api/impact.json?code=CN-110108").json["surveyed"]
    assert found["dataset"] == "Houses"
    assert found["count"] > 100
    assert (found["inspected_share"], found["passed_share"]) == (1.0, 0.0)
    with store.write() as connection:
        put_dataset(connection, dataset("restricted"), at=now, by="x")
    (closed,) = client.get("/api/impact.json?code=CN-110108").json["surveyed"]
    assert closed["count"] is None  # a drawn area is not counted for who may not see single records
    shutil.copytree(settings.home / "records" / "houses", settings.home / "records" / "found")
    surveyed = client.get("/api/impact.json?code=CN-110108").json["surveyed"]
    uncatalogued = next(one for one in surveyed if one["dataset"] == "found")
    assert (uncatalogued["inspected_share"], uncatalogued["passed_share"]) == (None, None)  # there, and unknown
