"""What a person wants on the map is brought there by a process, once, and its failure is told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from access import audit
from access.matrix import may
from data.actor import Actor
from data.errors import LayerError, NotPermitted
from data.store import catalogue
from data.store.engine import Store
from data.store.tables import survey_serving
from layers.survey import serving
from layers.survey.inspect.desk import Office

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
AUTHOR = Actor(1, "author@eoc.example", "", frozenset({"author"}))
PLANNER = Actor(2, "planner@eoc.example", "", frozenset({"planner"}))


@pytest.fixture
def office(store: Store, tmp_path: Path) -> Office:
    """With one delivery that came from a county."""
    dataset = catalogue.Dataset(
        name="bridges",
        title={"en": "Bridges"},
        level="county",
        sector="transport",
        kind="bridge",
        data_class="shared",
    )
    delivery = catalogue.Delivery(
        dataset="bridges",
        mode="replace",
        folder="deliveries/bridges/1",
        digest="a" * 64,
        rows=3,
        refused=0,
        sources=[],
    )
    with store.write() as connection:
        catalogue.put_dataset(connection, dataset, at=NOW, by="exchange:county")
        catalogue.add_delivery(connection, delivery, at=NOW, by="exchange:county")
    return Office(store, tmp_path, tmp_path, audit.append, may)


def asked(office: Office) -> Any:
    with office.store.read() as connection:
        return serving.asked_for(connection)[1]


def work(office: Office, *words: str, now: datetime = NOW) -> list[tuple[int, str]]:
    """Until there is nothing left to do; a process of these words in place of the real one."""
    ran: list[tuple[int, str]] = []
    stop = Looks()

    def command(number: int, by: str) -> Sequence[str]:
        ran.append((number, by))
        return [sys.executable, "-c", *words]

    serving.keep_forever(office.store, command, stop, lambda: now)
    return ran


class Looks(threading.Event):
    """Told to stop at the third look that finds nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 3

    def wait(self, timeout: float | None = None) -> bool:
        if timeout == serving.LOOK_S:
            self.left -= 1
            return self.left < 0
        return super().wait(0.01)


def test_who_may_not_decide_asks_in_vain(office: Office) -> None:
    with pytest.raises(NotPermitted):
        serving.ask(office, 1, PLANNER, NOW)
    serving.ask(office, 1, AUTHOR, NOW)
    serving.ask(office, 1, AUTHOR, NOW)  # pressed twice
    assert asked(office).ended_at is None and asked(office).asked_by == "author@eoc.example"
    with office.store.read() as connection:
        assert connection.execute(survey_serving.select()).all() == [asked(office)]
        assert audit.head(connection)[0] == 1 and audit.verify(connection) is None


def test_what_is_no_longer_waiting_is_refused(office: Office) -> None:
    with office.store.write() as connection:
        catalogue.advance(connection, 1, "served", {"rows": 3}, at=NOW, by="test")
    with pytest.raises(LayerError, match="does not wait"):
        serving.ask(office, 1, AUTHOR, NOW)


def test_a_process_is_started_once_for_whom_has_asked(office: Office) -> None:
    serving.ask(office, 1, AUTHOR, NOW)
    assert work(office, "pass") == [(1, "author@eoc.example")]
    assert (asked(office).error, asked(office).ended_at) == ("", NOW)
    assert work(office, "pass") == []


def test_a_failure_is_told_with_the_last_that_was_said_and_may_be_asked_again(office: Office) -> None:
    serving.ask(office, 1, AUTHOR, NOW)
    work(office, "import sys; print('first', file=sys.stderr); sys.exit('the disk is full')")
    assert asked(office).error == "the disk is full"
    serving.ask(office, 1, AUTHOR, NOW)
    assert asked(office).ended_at is None
    work(office, "import os; os.kill(os.getpid(), 9)")
    assert asked(office).error == "ended with status -9"


def test_what_was_cut_off_is_taken_up_after_a_while(office: Office) -> None:
    serving.ask(office, 1, AUTHOR, NOW)
    assert serving._claim(office.store, NOW) is not None  # and then dies
    assert work(office, "pass", now=NOW + serving.DEAD - timedelta(seconds=1)) == []
    assert len(work(office, "pass", now=NOW + serving.DEAD)) == 1
