"""The catalogue of surveys on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from data.errors import LayerError
from data.store import catalogue
from data.store.catalogue import Dataset, Delivery
from data.store.engine import Store

AT = datetime(2026, 11, 1, 8, tzinfo=UTC)
BY = "li@example.org"
BRIDGES = Dataset(
    name="bridges", title={"en": "Bridges", "zh": "桥梁"}, level="county", sector="transport", kind="bridge",
    data_class="shared", unit="CN-410105",
)  # fmt: skip
FIRST = Delivery(
    dataset="bridges", mode="replace", folder="deliveries/bridges/1", digest="a" * 64, rows=3, refused=1,
    sources=[{"name": "bridges.csv", "size": 100, "sha256": "b" * 64}], unit="CN-410105",
)  # fmt: skip


def test_deliveries_are_numbered_and_the_same_content_is_the_same_delivery(store: Store) -> None:
    with store.write() as connection:
        catalogue.put_dataset(connection, BRIDGES, at=AT, by=BY)
        first = catalogue.add_delivery(connection, FIRST, at=AT, by=BY)
        again = catalogue.add_delivery(connection, FIRST, at=AT, by=BY)
        second = catalogue.add_delivery(connection, replace(FIRST, digest="c" * 64, mode="amend"), at=AT, by=BY)
    with store.read() as connection:
        rows = catalogue.list_deliveries(connection, "bridges")
    assert first == again
    assert [(row.id, row.version, row.mode) for row in rows] == [(second, 2, "amend"), (first, 1, "replace")]


def test_state_moves_along_its_steps_only_and_leaves_a_trace(store: Store) -> None:
    with store.write() as connection:
        catalogue.put_dataset(connection, BRIDGES, at=AT, by=BY)
        number = catalogue.add_delivery(connection, FIRST, at=AT, by=BY)
        catalogue.advance(connection, number, "inspected", {"findings": 2}, at=AT, by=BY)
        catalogue.advance(connection, number, "returned", {"why": "two faults"}, at=AT, by="wang@example.org")
        with pytest.raises(LayerError, match="bridges 1 is returned and cannot become served"):
            catalogue.advance(connection, number, "served", {}, at=AT, by=BY)
    with store.read() as connection:
        trace = [(row.state, row.by) for row in catalogue.read_trace(connection, number)]
    assert trace == [("loaded", BY), ("inspected", BY), ("returned", "wang@example.org")]


def test_dataset_is_changed_in_place_and_a_wrong_class_is_refused(store: Store) -> None:
    with store.write() as connection:
        catalogue.put_dataset(connection, BRIDGES, at=AT, by=BY)
        catalogue.put_dataset(connection, replace(BRIDGES, data_class="secret"), at=AT, by="wang@example.org")
        with pytest.raises(LayerError, match="no such level or class"):
            catalogue.put_dataset(connection, replace(BRIDGES, data_class="open"), at=AT, by=BY)  # type: ignore[arg-type]
    with store.read() as connection:
        (row,) = catalogue.list_datasets(connection)
    assert (row.data_class, row.created_by, row.title["zh"]) == ("secret", BY, "桥梁")


def test_what_is_not_there_is_said(store: Store) -> None:
    with store.write() as connection:
        with pytest.raises(LayerError, match="there is no dataset bridges"):
            catalogue.add_delivery(connection, FIRST, at=AT, by=BY)
        with pytest.raises(LayerError, match="there is no delivery 7"):
            catalogue.advance(connection, 7, "served", {}, at=AT, by=BY)


def test_what_waits_is_newer_than_what_is_served_and_has_passed_where_it_must(store: Store) -> None:
    strict = replace(BRIDGES, name="shelters", mapping={"inspect_first": True})
    with store.write() as connection:
        numbers = {}
        for dataset in (BRIDGES, strict):
            catalogue.put_dataset(connection, dataset, at=AT, by=BY)
            for letter in "abc":
                one = replace(FIRST, dataset=dataset.name, digest=letter * 64)
                numbers[dataset.name, letter] = catalogue.add_delivery(connection, one, at=AT, by=BY)
        catalogue.advance(connection, numbers["bridges", "b"], "served", {}, at=AT, by=BY)
        assert catalogue.waiting(connection) == [numbers["bridges", "c"]]
        for state in ("inspected", "passed"):
            catalogue.advance(connection, numbers["shelters", "b"], state, {}, at=AT, by=BY)
        assert catalogue.waiting(connection) == [numbers["bridges", "c"], numbers["shelters", "b"]]
