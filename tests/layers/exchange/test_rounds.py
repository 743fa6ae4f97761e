"""Peers are visited in their rhythm, by one at a time, and what a visit came to is kept."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from data.errors import Unreachable
from data.peers import Peer, read_exchange
from layers.survey.exchange import rounds
from layers.survey.exchange.office import Desk
from tests.layers.exchange.offices import COUNTY, NOW, PROVINCE, Offices, arrived, body_of, deliver, later

EVERY = timedelta(minutes=30)


@pytest.fixture
def desk(offices: Offices) -> Desk:
    """The county's, which visits the province every half hour."""
    return visiting(offices.county, PROVINCE)


def visiting(desk: Desk, name: str) -> Desk:
    peers = {name: desk.exchange.peers[name].model_copy(update={"every": EVERY})}
    return Desk(desk.store, desk.home, desk.exchange.model_copy(update={"peers": peers}), desk.audit)


def visit(offices: Offices, desk: Desk, name: str = PROVINCE, asker: str = COUNTY) -> bool:
    return rounds.visit(desk, name, offices.line(asker)._ask, offices.clock, lambda _seconds: None)


def row_of(desk: Desk, name: str = PROVINCE) -> Any:
    with desk.store.read() as connection:
        return rounds.visited(connection).get(name)


def test_a_visit_is_due_at_once_then_in_its_rhythm_and_once_at_a_time(offices: Offices, desk: Desk) -> None:
    assert not rounds.claim(offices.county, PROVINCE, NOW)  # without a rhythm only commands visit
    assert rounds.claim(desk, PROVINCE, NOW) and not rounds.claim(desk, PROVINCE, NOW)
    assert not rounds.claim(desk, PROVINCE, NOW + timedelta(minutes=4))
    visit(offices, desk)
    assert not rounds.claim(desk, PROVINCE, NOW + EVERY - timedelta(seconds=1))
    assert rounds.claim(desk, PROVINCE, NOW + EVERY)
    assert not rounds.claim(desk, PROVINCE, NOW + EVERY + rounds.DEAD - timedelta(seconds=1))
    assert rounds.claim(desk, PROVINCE, NOW + EVERY + rounds.DEAD)  # whoever visited has died
    visit(offices, desk)
    assert rounds.claim(desk, PROVINCE, NOW - timedelta(days=900))  # a clock had been far ahead


def test_a_visit_brings_what_may_cross_and_says_so(offices: Offices, desk: Desk) -> None:
    deliver(offices.county, body_of(1, 300_000))
    assert rounds.claim(desk, PROVINCE, NOW) and visit(offices, desk)
    assert len(arrived(offices.province)) == 1
    row = row_of(desk)
    assert (row.arrived, row.missing, row.reason, row.whole_at, row.ended_at) == (1, 0, "", NOW, NOW)
    later(offices, minutes=30)
    offices.asked.clear()
    assert rounds.claim(desk, PROVINCE, offices.now) and visit(offices, desk)
    assert [path.split("/")[2] for _, path in offices.asked] == ["verdict"]


def test_who_takes_fetches_in_its_rhythm(offices: Offices) -> None:
    deliver(offices.county, body_of(1, 300_000))
    desk = visiting(offices.province, COUNTY)
    assert rounds.claim(desk, COUNTY, NOW) and visit(offices, desk, COUNTY, PROVINCE)
    assert len(arrived(offices.province)) == 1 and row_of(desk, COUNTY).arrived == 1


def test_a_line_that_is_dead_is_told_and_the_next_visit_goes_on(offices: Offices, desk: Desk) -> None:
    deliver(offices.county, body_of(1))
    count = iter(range(1_000))
    offices.stop = lambda _method, _path, _body: next(count) >= 4
    assert rounds.claim(desk, PROVINCE, NOW) and not visit(offices, desk)
    row = row_of(desk)
    assert (row.arrived, row.missing, row.whole_at) == (0, 1, None) and row.ended_at is not None
    offices.stop = None
    later(offices, minutes=30)
    before = sum(path.split("/")[2] == "piece" for _, path in offices.asked)
    assert rounds.claim(desk, PROVINCE, offices.now) and visit(offices, desk)
    assert row_of(desk).whole_at == offices.now and before >= 2


def test_an_office_that_cannot_be_reached_is_told_with_its_reason(offices: Offices, desk: Desk) -> None:
    def dead(*_: Any) -> tuple[int, bytes]:
        raise Unreachable(PROVINCE, "nobody answers")

    pulling = desk.exchange.peers[PROVINCE].model_copy(update={"receive": {"plans": "plans"}})
    asking = Desk(desk.store, desk.home, desk.exchange.model_copy(update={"peers": {PROVINCE: pulling}}), desk.audit)
    assert rounds.claim(asking, PROVINCE, NOW)
    assert not rounds.visit(asking, PROVINCE, dead, offices.clock, lambda _seconds: None)
    assert "nobody answers" in row_of(asking).reason


def test_what_was_refused_is_not_offered_again_the_same_day(offices: Offices, desk: Desk) -> None:
    deliver(offices.county, body_of(1, 200_000))
    taken = offices.province.exchange.peers[COUNTY]
    small = offices.province.exchange.model_copy(
        update={"peers": {COUNTY: taken.model_copy(update={"largest_gb": 1e-6})}}
    )
    offices.province = Desk(offices.province.store, offices.province.home, small, offices.province.audit)
    assert rounds.claim(desk, PROVINCE, NOW) and not visit(offices, desk)
    assert row_of(desk).missing == 1
    offices.asked.clear()
    later(offices, minutes=30)
    assert visit(offices, desk) is False and offices.asked == [] and row_of(desk).missing == 1
    later(offices, days=1)
    visit(offices, desk)
    assert [path for _, path in offices.asked] == ["/exchange/offer"]


def test_nothing_is_visited_while_deliveries_are_held(offices: Offices, desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(rounds, "LOOK_S", 0.0)
    stop, held = threading.Event(), iter([True, True, False])
    visited = []

    def ask(*given: Any) -> Any:
        visited.append(given[1])
        return offices.line()._ask(*given)

    def still_held() -> bool:
        found = next(held, None)
        if found is None:
            stop.set()
        return found is not False

    deliver(offices.county, body_of(1, 100_000))
    rounds.keep_forever(desk, PROVINCE, ask, stop, offices.clock, still_held)
    assert visited and len(arrived(offices.province)) == 1


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"every": "30 min"}, "a peer without url"),
        ({"every": "5 s", "url": "https://x.example"}, "greater than or equal to 1 minute"),
        ({"every": "often", "url": "https://x.example"}, "write a number and s, min, h or d"),
    ],
)
def test_a_rhythm_that_cannot_be_kept_is_a_fault_of_the_settings(written: dict[str, Any], said: str) -> None:
    faults: list[str] = []
    read_exchange({"peers": {"province": {"key": "A" * 44, **written}}}, faults)
    assert len(faults) == 1 and said in faults[0]


def test_a_rhythm_is_written_with_its_unit() -> None:
    assert Peer(key="A" * 44, url="https://x.example", every="2 h").every == timedelta(hours=2)  # type: ignore[arg-type]
    assert isinstance(NOW, datetime)
