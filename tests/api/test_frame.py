"""What is known of a place over HTTP, and on its page: by key, by shape, and asked wrongly."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from dash import html
from flask import Flask, g

from access.people import Person
from data.clock import iso
from data.settings import Settings
from data.store.engine import Store
from data.text import translator
from layers.frame.key import box_of, cell_of
from pages import place
from pages._context import Context
from tests.layers.frame.conftest import QUAKE, base_dir, own_warning, surveyed, world

__all__ = ["base_dir", "own_warning", "surveyed", "world"]  # fixtures


@pytest.fixture(autouse=True)
def planner(server: Flask, world: Store) -> None:
    """Whoever asks is a planner of the whole country; the guard itself has its own tests."""
    person = Person(id=1, email="planner@eoc.example", roles=frozenset({"planner"}))
    server.before_request(lambda: setattr(g, "person", person))


def test_a_cell_and_a_bin_are_an_address(client: Any, now: datetime) -> None:
    cell = cell_of(*QUAKE, 10)
    known = client.get(f"/api/frame/{cell}/{now:%Y-%m-%d}.json").json
    assert known["place"]["cell"] == cell
    assert known["place"]["bbox"] == pytest.approx(box_of(cell))
    (quake,) = known["kinds"]["events"]["items"]
    assert (quake["value"], quake["unit"], quake["source"], quake["age_s"]) == (4.2, "mb", "quakes", 0)
    again = client.get(f"/api/frame/{quake['cell']}/{quake['bin']}.json").json
    assert again["kinds"]["events"]["items"] == [quake]


@pytest.mark.parametrize(
    "query",
    [
        "region=CN-110101", "bbox=116,39.5,117,40.5", "lon=116.4&lat=39.9&digits=8",
        'area={"type":"Polygon","coordinates":[[[116,39],[117,39],[117,41],[116,41],[116,39]]]}',
    ],
)  # fmt: skip
def test_places_by_every_way_of_naming_them(client: Any, now: datetime, query: str) -> None:
    times = f"from={iso(now - timedelta(days=1))}&to={iso(now)}"
    known = client.get(f"/api/frame.json?{query}&{times}&kinds=events,incoming").json
    assert list(known["kinds"]) == ["events", "incoming"]
    assert known["kinds"]["events"]["total"] == 1


def test_pages_follow_one_another(client: Any, now: datetime) -> None:
    address = f"/api/frame.json?region=CN-110101&bin={now:%Y-%m-%d}&kinds=observations&limit=4"
    first = client.get(address).json["kinds"]["observations"]
    second = client.get(f"{address}&offset={first['next']}").json["kinds"]["observations"]
    assert (first["total"], first["next"], second["next"]) == (6, 4, None)
    assert len({item["id"] for item in (*first["items"], *second["items"])}) == 6


@pytest.mark.parametrize(
    "address",
    [
        "/api/frame/9/2026.json", "/api/frame/012/yesterday.json", "/api/frame.json", "/api/frame.json?cell=01",
        "/api/frame.json?region=XX&bin=2026", "/api/frame.json?bbox=1&bin=2026",
        "/api/frame.json?cell=01&from=2026-01-01&to=2026-02-01",
        "/api/frame.json?lon=x&lat=1&bin=2026", "/api/frame.json?lon=1&lat=89&bin=2026",
        "/api/frame.json?cell=01&bin=2026&kinds=dragons", "/api/frame.json?cell=01&bin=2026&limit=5000",
        "/api/frame.json?cell=01&bin=2026&offset=-1", "/api/frame.json?lon=1&lat=1&digits=99&bin=2026",
        "/api/frame.json?cell=01&from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "/api/frame.json?bbox=170,0,190,10&bin=2026", "/api/frame.json?lon=1&lat=1&digits=1e400&bin=2026",
        "/api/frame.json?cell=01&bin=2026&limit=nan",
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_told(client: Any, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 400
    assert answer.json["message"]


def shown(server: Flask, settings: Settings, store: Store, now: datetime, asked: dict[str, str]) -> str:
    """The page as text."""
    context = Context(store=store, settings=settings, sources=(), feed_health=lambda *_: None, clock=lambda: now)  # type: ignore[arg-type,return-value]
    with server.test_request_context("/place"):
        server.preprocess_request()
        page = place.layout(context, translator("en"), "en", asked)
    return words(page)


def words(part: Any) -> str:
    if isinstance(part, list | tuple):
        return " ".join(map(words, part))
    if isinstance(part, html.Section | html.Div) or hasattr(part, "children"):
        return words(getattr(part, "children", ""))
    return "" if part is None else str(part)


@pytest.mark.usefixtures("own_warning", "surveyed")
def test_the_page_shows_every_kind_and_what_is_not_known(
    server: Flask, settings: Settings, world: Store, now: datetime
) -> None:
    text = shown(server, settings, world, now, {"region": "CN-110101"})
    for said in ("CN-110101", "Leave the valley", "Storm", "M 4.2", "Gauge · river_stage", "Rain", "Last heard"):
        assert said in text
    assert "1 warnings of these times name no place" in text


@pytest.mark.parametrize(
    "asked", [{}, {"region": "XX"}, {"cell": "9"}, {"lon": "a", "lat": "b"}, {"region": "CN-11", "from": "x"}]
)
def test_the_page_says_what_is_wrong_with_an_address(
    server: Flask, settings: Settings, world: Store, now: datetime, asked: dict[str, str]
) -> None:
    assert "Choose a place on Watch or Plan" in shown(server, settings, world, now, asked)
