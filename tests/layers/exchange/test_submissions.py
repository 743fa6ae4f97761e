"""What the page of submissions says of each unit, from settings, transfers and catalogue."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from data.peers import Exchange
from data.store import catalogue
from data.store.tables import exchange_transfer
from layers.survey.exchange import inbox, outbox, verdict
from layers.survey.exchange.carry import ask_verdicts, push
from layers.survey.exchange.refusal import Refusal
from layers.survey.exchange.submissions import Submission, sent, submissions
from tests.layers.exchange.offices import COUNTY, PROVINCE, Offices, arrived, body_of, deliver, later, silent, steady

ZONE = ZoneInfo("Asia/Shanghai")


def coming(offices: Offices, **expects: date) -> list[Submission]:
    peer = offices.province.exchange.peers[COUNTY].model_copy(update={"expects": expects})
    with offices.province.store.read() as connection:
        return submissions(connection, Exchange(peers={COUNTY: peer}), offices.now, ZONE)


@pytest.mark.parametrize(
    ("expects", "status"),
    [
        ({}, "undated"),
        ({"county_bridges": date(2026, 11, 1)}, "expected"),
        ({"county_bridges": date(2026, 10, 31)}, "overdue"),
    ],
)
def test_nothing_has_come(offices: Offices, expects: dict[str, date], status: str) -> None:
    (one,) = coming(offices, **expects)
    assert (one.status, one.unit, one.version) == (status, "CN-410105", None)
    assert one.waits == (status == "overdue")


def test_on_its_way_then_here_then_returned(offices: Offices) -> None:
    number = deliver(offices.county, body_of(1))
    manifest = outbox.manifest_for(offices.county, PROVINCE, number, offices.now)
    sealed = outbox.seal(offices.county, PROVINCE, manifest, number, offices.now)
    inbox.offered(offices.province, COUNTY, sealed, offices.now)
    (one,) = coming(offices)
    assert (one.status, one.share) == ("moving", 0.0)
    push(offices.line(), steady(), silent)
    (one,) = coming(offices)
    assert (one.status, one.version, one.rows) == ("loaded", 1, 3)
    with offices.province.store.write() as connection:
        for state in ("inspected", "returned"):
            catalogue.advance(connection, arrived(offices.province)[0].id, state, {}, at=offices.now, by="wang")
    (one,) = coming(offices)
    assert (one.status, one.waits) == ("returned", True)
    later(offices, hours=1)
    ask_verdicts(offices.line(), steady())
    with offices.county.store.read() as connection:
        (gone,) = sent(connection, offices.county.exchange)
    assert (gone.status, gone.peer) == ("returned", PROVINCE)


def test_a_delivery_that_was_loaded_by_hand_stands_under_its_unit(offices: Offices) -> None:
    deliver(offices.province, body_of(1, 1000))
    with offices.province.store.write() as connection:
        delivery = catalogue.Delivery(
            dataset="bridges",
            mode="append",
            folder="x",
            digest="e" * 64,
            rows=9,
            refused=0,
            sources=[],
            unit="CN-410106",
        )
        catalogue.add_delivery(connection, delivery, at=offices.now, by="li@example.org")
    found = {one.unit: one for one in coming(offices)}
    assert (found["CN-410106"].status, found["CN-410106"].rows, found["CN-410106"].peer) == ("loaded", 9, "")


def test_a_verdict_that_cannot_be_read_is_not_kept(offices: Offices) -> None:
    deliver(offices.county, body_of(1, 1000))
    push(offices.line(), steady(), silent)
    with offices.county.store.read() as connection:
        (row,) = connection.execute(exchange_transfer.select())
    for body in (
        {"content": row.content},
        {"content": row.content, "at": "", "state": "best", "trace": [], "report": None},
    ):
        with pytest.raises(Refusal, match="cannot be read"):
            verdict.keep(
                offices.county, PROVINCE, row.content, offices.province.key.seal("verdict", body), offices.now
            )
