"""The page of submissions: every unit with its state, and nothing of a survey that the reader may not see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g

from access import audit
from access.matrix import may
from access.people import Person
from data.actor import Actor
from data.peers import Exchange, Peer
from data.settings import Settings
from data.store import catalogue
from data.store.engine import Store
from data.store.tables import exchange_visit, survey_serving
from data.text import translator
from layers.survey import serving
from layers.survey.inspect.desk import Office
from pages._context import Context
from pages.surveys import submissions

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
PEER = Peer(
    key="A" * 44, title="Zhengzhou Bureau", unit="CN-4101", receive={"a": "bridges", "b": "bunkers", "c": "dams"}
)


def fill(store: Store) -> None:
    """Bridges that everybody may see, bunkers that are secret, and no dams yet."""
    with store.write() as connection:
        for name, data_class in (("bridges", "public"), ("bunkers", "secret")):
            dataset = catalogue.Dataset(
                name=name,
                title={"en": name},
                level="county",
                sector="x",
                kind="y",
                data_class=data_class,  # type: ignore[arg-type]
            )
            delivery = catalogue.Delivery(
                dataset=name, mode="replace", folder=name, digest=name[0] * 64, rows=4321, refused=0, sources=[],
                unit="CN-4101",
            )  # fmt: skip
            catalogue.put_dataset(connection, dataset, at=NOW, by="test")
            catalogue.add_delivery(connection, delivery, at=NOW - timedelta(days=1), by="exchange:zhengzhou")


def page(store: Store, home: Path, role: str = "planner", peer: Peer = PEER) -> str:
    settings = replace(Settings(home=home), exchange=Exchange(peers={"zhengzhou": peer}))
    context: Any = Context(store=store, settings=settings, sources=(), feed_health=_nobody, clock=lambda: NOW)
    with Flask("pages").test_request_context("/surveys/submissions"):
        g.person = Person(id=1, email=f"{role}@eoc.example", roles=frozenset({role}))
        return str(submissions.layout(context, translator("en"), "en", {}).to_plotly_json())


def _nobody(*_: Any) -> Any:
    raise AssertionError("no feed is asked")


def test_each_unit_and_what_has_come(store: Store, home: Path) -> None:
    fill(store)
    text = page(store, home)
    assert "Zhengzhou Bureau" in text
    assert "4,321" in text
    assert "Nothing came, and no day was agreed" in text
    assert "1 of 2 have delivered nothing yet" in text


def test_a_secret_survey_is_not_even_named(store: Store, home: Path) -> None:
    fill(store)
    assert "bunkers" not in page(store, home)


def test_what_has_come_is_brought_onto_the_map_by_who_may_decide(store: Store, home: Path) -> None:
    fill(store)
    assert "Bring onto the map" not in page(store, home)
    assert page(store, home, "author").count("Bring onto the map") == 1  # the secret one is not there
    office = Office(store, home, home, audit.append, may)
    serving.ask(office, 1, Actor(1, "author@eoc.example", "", frozenset({"author"})), NOW)
    for role in ("author", "planner"):
        text = page(store, home, role)
        assert "is being brought onto the map" in text and "Bring onto the map" not in text
    with store.write() as connection:
        connection.execute(survey_serving.update().values(ended_at=NOW, error="the disk is full"))
    failed = page(store, home, "author")
    assert "Not done: the disk is full" in failed and "Bring onto the map" in failed
    with store.write() as connection:
        catalogue.advance(connection, 1, "served", {"rows": 4321}, at=NOW, by="author@eoc.example")
    assert "the disk is full" not in page(store, home, "author")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (None, "not visited yet"),
        ({}, "goes on"),
        ({"alive_at": NOW - timedelta(minutes=6)}, "cut off"),
        ({"ended_at": NOW, "missing": 2}, "2 deliveries have not arrived"),
        ({"ended_at": NOW, "reason": "zhengzhou: nobody answers"}, "nobody answers"),
        ({"ended_at": NOW}, "all that may cross is there"),
        ({"ended_at": NOW, "began_at": NOW - timedelta(hours=2)}, "no visit since, though one was due"),
    ],
)
def test_the_last_visit_of_each_office_is_told(
    store: Store, home: Path, row: dict[str, Any] | None, said: str
) -> None:
    values = {"peer": "zhengzhou", "began_at": NOW, "alive_at": NOW, "arrived": 1, "missing": 0, "reason": ""}
    if row is not None:
        with store.write() as connection:
            connection.execute(exchange_visit.insert().values(values | row))
    visiting = PEER.model_copy(update={"url": "https://zhengzhou.example", "every": timedelta(minutes=30)})
    text = page(store, home, peer=visiting)
    assert said in text and "every 30 min" in text
    if said != "all that may cross is there":
        assert "all that may cross is there" not in text
        assert row is None or "All was there last" in text
    assert "Visits to other offices" not in page(store, home)  # who has no address comes to us


def test_where_nobody_is_set_up_it_says_so(store: Store, home: Path) -> None:
    context: Any = Context(
        store=store, settings=Settings(home=home), sources=(), feed_health=_nobody, clock=lambda: NOW
    )  # fmt: skip
    with Flask("pages").test_request_context("/"):
        g.person = Person(id=1, email="planner@eoc.example", roles=frozenset({"planner"}))
        text = str(submissions.layout(context, translator("en"), "en", {}).to_plotly_json())
    assert "No unit is set up to deliver here" in text
    assert "Nothing was sent." in text
