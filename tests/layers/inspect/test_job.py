"""Inspections that were asked for: one of a delivery at a time, ended by a word, kept with their end in one step."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from access import audit
from access.matrix import may
from data.errors import LayerError
from data.regions import default_base_dir
from data.store.engine import Store
from layers.survey.inspect import book, desk, job
from tests.conftest import NOW
from tests.layers.inspect.small import small
from tests.layers.inspect.test_desk import INSPECTOR


@pytest.fixture
def number(store: Store, home: Path) -> int:
    return small(store, home)


def ask(store: Store, number: int) -> int:
    with store.write() as connection:
        return job.ask(connection, number, INSPECTOR, NOW)


def found(store: Store, wish: int) -> job.Job:
    with store.read() as connection:
        kept = job.find(connection, wish)
    assert kept is not None
    return kept


def test_a_delivery_is_inspected_once_at_a_time_and_a_lost_one_does_not_block(store: Store, number: int) -> None:
    first = ask(store, number)
    with pytest.raises(LayerError, match="already"):
        ask(store, number)
    with store.write() as connection:
        assert job.beat(connection, first, "records", 5, 10, NOW - timedelta(minutes=3))
    assert found(store, first).lost(NOW) and not found(store, first).is_open(NOW)
    second = ask(store, number)
    with store.read() as connection:
        newest = job.newest(connection, number)
    assert newest is not None and newest.id == second and newest.asked_by == INSPECTOR


def test_only_so_many_run_at_once(store: Store, home: Path, number: int) -> None:
    others = [small(store, home, one) for one in (2, 3)]
    for one in (number, others[0]):
        ask(store, one)
    with pytest.raises(LayerError, match="wait for one to end"):
        ask(store, others[1])


def test_a_cancelled_one_keeps_nothing_of_what_it_found(store: Store, home: Path, number: int) -> None:
    office = desk.Office(store, home, default_base_dir(), audit.append, may)
    wish = ask(store, number)
    with store.write() as connection:
        job.cancel(connection, wish, by="li@x", now=NOW)
        assert not job.beat(connection, wish, "records", 1, 2, NOW)
        assert not job.fail(connection, wish, "its process ended", NOW)
        with pytest.raises(LayerError, match="ended already"):
            job.cancel(connection, wish, by="li@x", now=NOW)
    with pytest.raises(LayerError, match="ended already"):
        desk.inspect(office, number, INSPECTOR, NOW, settle=lambda connection: job.finish(connection, wish, NOW))
    with store.read() as connection:
        assert book.last_inspection(connection, number) is None and audit.head(connection)[0] == 0
    assert not list((home / "inspections" / str(number)).iterdir())
    assert (found(store, wish).state, found(store, wish).reason) == ("cancelled", "li@x")


def test_a_run_and_the_end_of_its_job_are_kept_together(store: Store, home: Path, number: int) -> None:
    office = desk.Office(store, home, default_base_dir(), audit.append, may)
    wish = ask(store, number)
    desk.inspect(office, number, INSPECTOR, NOW, settle=lambda connection: job.finish(connection, wish, NOW))
    with store.read() as connection:
        assert book.last_inspection(connection, number) is not None
    assert found(store, wish).state == "done" and not found(store, wish).is_open(NOW)
