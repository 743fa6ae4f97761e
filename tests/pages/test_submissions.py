"""The page of submissions: every unit with its state, and nothing of a survey that the reader may not see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, g

from access.people import Person
from data.peers import Exchange, Peer
from data.settings import Settings
from data.store import catalogue
from data.store.engine import Store
from data.text import translator
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


def page(store: Store, home: Path) -> str:
    settings = replace(Settings(home=home), exchange=Exchange(peers={"zhengzhou": PEER}))
    context: Any = Context(store=store, settings=settings, sources=(), feed_health=_nobody, clock=lambda: NOW)
    with Flask("pages").test_request_context("/surveys/submissions"):
        g.person = Person(id=1, email="planner@eoc.example", roles=frozenset({"planner"}))
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


def test_where_nobody_is_set_up_it_says_so(store: Store, home: Path) -> None:
    context: Any = Context(
        store=store, settings=Settings(home=home), sources=(), feed_health=_nobody, clock=lambda: NOW
    )  # fmt: skip
    with Flask("pages").test_request_context("/"):
        g.person = Person(id=1, email="planner@eoc.example", roles=frozenset({"planner"}))
        text = str(submissions.layout(context, translator("en"), "en", {}).to_plotly_json())
    assert "No unit is set up to deliver here" in text
    assert "Nothing was sent." in text
