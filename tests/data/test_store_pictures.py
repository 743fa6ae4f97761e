"""Many writings as one transaction, and one picture for many readings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.errors import StaleLeader
from data.store.engine import Store
from data.store.held import HeldStore
from data.store.leader import try_lead
from data.store.snapshot import evaluation_picture
from data.store.tables import evaluation_round, run, station
from tests.conftest import NOW


def add(store: Store, name: str, *, epoch: int | None = None) -> None:
    with store.write(epoch=epoch) as connection:
        connection.execute(station.insert().values(source="s", id=name, lon=0.0, lat=0.0, attributes={}))


def names(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(sa.select(station.c.id)).scalars())


def test_what_is_held_is_kept_whole_or_not_at_all(store: Store) -> None:
    held = HeldStore(store)
    with pytest.raises(RuntimeError), held.one():
        add(held, "a")
        assert names(held) == {"a"} and names(store) == set()
        raise RuntimeError("killed")
    assert names(store) == set()
    with held.one():
        add(held, "a")
        add(held, "b")
    assert names(store) == {"a", "b"}
    add(held, "c")  # outside it is the plain store
    assert names(store) == {"a", "b", "c"}


def test_part_that_fails_takes_back_only_itself(store: Store) -> None:
    held = HeldStore(store)
    with held.one():
        add(held, "a")
        with pytest.raises(sa.exc.IntegrityError):
            add(held, "a")
        add(held, "b")
    assert names(store) == {"a", "b"}


def test_older_leader_holds_nothing(store: Store, home: Path) -> None:
    leadership = try_lead(store, home, now=NOW)
    assert leadership is not None
    held = HeldStore(store)
    with held.one(epoch=leadership.epoch):
        add(held, "a", epoch=leadership.epoch)
        with pytest.raises(StaleLeader):
            add(held, "b", epoch=leadership.epoch - 1)
    with pytest.raises(StaleLeader), held.one(epoch=leadership.epoch - 1):
        add(held, "c")
    assert names(store) == {"a"}
    leadership.release()


def test_picture_stays_as_it_was_and_says_what_it_saw(store: Store) -> None:
    with store.write() as connection:
        for _ in range(3):
            connection.execute(
                run.insert().values(source="s", started_at=NOW, finished_at=NOW, outcome="stored", timings={})
            )
    add(store, "a")
    with evaluation_picture(store, NOW + timedelta(seconds=1)) as picture:
        add(store, "b")
        assert names(picture) == {"a"} and names(store) == {"a", "b"}
        with pytest.raises(sa.exc.SQLAlchemyError), picture.read() as connection:
            connection.execute(sa.text("SELECT nothing FROM nowhere"))
        assert names(picture) == {"a"}
        add(picture, "c")  # what is written goes to the present store
    assert names(store) == {"a", "b", "c"}
    with store.read() as connection:
        row = connection.execute(sa.select(evaluation_round)).one()
        newest = connection.execute(sa.select(sa.func.max(run.c.id))).scalar_one()
    assert (row.at, row.seen_run) == (NOW + timedelta(seconds=1), newest)
