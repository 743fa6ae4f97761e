"""How much of what a store holds was inspected and passed, and that impact carries it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.store.catalogue import Delivery, add_delivery, advance, put_dataset
from data.store.engine import Store
from layers.survey.inspect import book
from layers.survey.inspect.exposure import UNKNOWN, Quality, quality_of, quality_of_deliveries
from tests.conftest import NOW
from tests.layers.inspect.test_desk import DATASET

TOLD = {"records": 10, "rules": [], "rules_digest": "x", "units": []}


@pytest.fixture
def numbers(store: Store) -> list[int]:
    """Deliveries of 300 and of 100 records."""
    with store.write() as connection:
        put_dataset(connection, DATASET, at=NOW, by="x")
        given = {"dataset": "houses", "mode": "append", "folder": "f", "refused": 0, "sources": []}
        made = [Delivery(digest=str(rows), rows=rows, **given) for rows in (300, 100)]  # type: ignore[arg-type]
        return [add_delivery(connection, one, at=NOW, by="x") for one in made]


def quality(store: Store, numbers: list[int]) -> Quality:
    with store.read() as connection:
        return quality_of_deliveries(connection, numbers)


def step(store: Store, number: int, *states: str) -> None:
    with store.write() as connection:
        for state in states:
            if state == "inspected":
                book.put_inspection(connection, number, TOLD, "f", at=NOW, by="x")
            advance(connection, number, state, {}, at=NOW, by="x")  # type: ignore[arg-type]


def test_shares_are_by_records_and_the_last_decision_counts(store: Store, numbers: list[int]) -> None:
    assert quality(store, numbers) == Quality(inspected=0.0, passed=0.0)
    step(store, numbers[0], "inspected", "passed")
    assert quality(store, numbers) == Quality(inspected=0.75, passed=0.75)
    step(store, numbers[1], "inspected", "returned")
    step(store, numbers[0], "inspected", "returned")
    assert quality(store, numbers) == Quality(inspected=1.0, passed=0.0)


def test_what_is_not_in_the_catalogue_is_unknown(store: Store, numbers: list[int], home: Path) -> None:
    assert quality(store, [*numbers, 99]) == UNKNOWN
    with store.read() as connection:
        assert quality_of(connection, home, "houses") == UNKNOWN


def test_the_store_says_which_deliveries_it_holds(
    store: Store, numbers: list[int], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step(store, numbers[1], "inspected")
    held: list[dict[str, Any]] = [{"name": "a", "rows": 100, "delivery": numbers[1]}]
    monkeypatch.setattr("layers.survey.inspect.exposure.read_manifest", lambda _folder: {"segments": held})
    with store.read() as connection:
        assert quality_of(connection, home, "houses") == Quality(inspected=1.0, passed=0.0)
        held.append({"name": "b", "rows": 5, "delivery": None})  # built from a file that nobody catalogued
        assert quality_of(connection, home, "houses") == UNKNOWN
