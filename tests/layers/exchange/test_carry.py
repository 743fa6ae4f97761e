"""A delivery gets from one Tocsin to another, whole, whatever the line does, and only what is new travels."""

from __future__ import annotations

from data.store import catalogue
from layers.survey.exchange import transfers
from layers.survey.exchange.carry import ask_verdicts, pull, push
from tests.layers.exchange.offices import (
    COUNTY,
    PROVINCE,
    Offices,
    arrived,
    body_of,
    deliver,
    files_of,
    later,
    silent,
    steady,
)


def test_a_push_enters_the_same_content_under_the_units_name(offices: Offices) -> None:
    body = body_of(1)
    deliver(offices.county, body)
    (account,) = push(offices.line(), steady(), silent)
    (there,) = arrived(offices.province)
    (here,) = arrived(offices.county)
    assert account["state"] == "arrived"
    assert (there.dataset, there.unit, there.digest, there.rows) == ("county_bridges", "CN-410105", here.digest, 3)
    assert files_of(offices.province, there.folder) == files_of(offices.county, here.folder)
    assert there.received_by == "exchange:county"


def test_a_second_push_sends_nothing(offices: Offices) -> None:
    deliver(offices.county, body_of(1))
    push(offices.line(), steady(), silent)
    offices.asked.clear()
    (account,) = push(offices.line(), steady(), silent)
    assert (account["state"], account["sent"], offices.asked) == ("arrived", 0, [])


def test_only_what_changed_travels(offices: Offices) -> None:
    body = body_of(1)
    deliver(offices.county, body)
    push(offices.line(), steady(), silent)
    later(offices, days=1)
    changed = body[:2_000_000] + b"one bridge more" + body[2_000_000:]
    deliver(offices.county, changed, version=2)
    (account,) = push(offices.line(), steady(), silent)
    assert account["state"] == "arrived"
    assert 0 < account["sent"] <= 2 * (2 << 20)  # the pieces around the place, of 6 MB
    there = arrived(offices.province)[0]
    assert files_of(offices.province, there.folder)["part-00000.parquet"] == changed


def test_a_line_that_breaks_at_every_other_answer_still_delivers(offices: Offices) -> None:
    body = body_of(2)
    deliver(offices.county, body)
    count = iter(range(1_000_000))
    offices.stop = lambda method, path, sent: next(count) % 3 == 1 or len(sent) > 200_000
    (account,) = push(offices.line(), steady(), silent)
    assert account["state"] == "arrived"
    assert files_of(offices.province, arrived(offices.province)[0].folder)["part-00000.parquet"] == body


def test_a_pull_fetches_what_is_offered_and_leaves_a_receipt(offices: Offices) -> None:
    body = body_of(3)
    deliver(offices.county, body)
    count = iter(range(1_000_000))
    offices.stop = lambda method, path, sent: next(count) % 4 == 2
    (account,) = pull(offices.line(PROVINCE), steady(), silent)
    assert account["state"] == "arrived"
    assert files_of(offices.province, arrived(offices.province)[0].folder)["part-00000.parquet"] == body
    with offices.county.store.read() as connection:
        (row,) = transfers.list_transfers(connection)
    assert (row.direction, row.state, row.receipt["body"]["receiver"]) == (
        "out",
        "arrived",
        offices.province.key.public,
    )


def test_what_was_interrupted_goes_on_where_it_was(offices: Offices) -> None:
    deliver(offices.county, body_of(4))
    offices.stop = lambda method, path, sent: sum("/piece/" in one for _, one in offices.asked) > 4
    (first,) = push(offices.line(), steady(), silent)
    assert (first["state"], arrived(offices.province)) == ("moving", [])
    offices.stop = None
    (second,) = push(offices.line(), steady(), silent)
    assert second["state"] == "arrived"
    assert second["sent"] <= second["bytes"] + 12  # with what the first had sent before it broke


def test_the_verdict_of_the_receiver_comes_back_with_its_faults(offices: Offices) -> None:
    deliver(offices.county, body_of(5))
    push(offices.line(), steady(), silent)
    number = arrived(offices.province)[0].id
    with offices.province.store.write() as connection:
        for state in ("inspected", "returned"):
            detail = {"faults": ["7 bridges lie outside the county"]}
            catalogue.advance(connection, number, state, detail, at=offices.now, by="wang@example.org")
    later(offices, hours=1)
    assert ask_verdicts(offices.line(), steady()) == 1
    with offices.county.store.read() as connection:
        (row,) = transfers.list_transfers(connection)
    verdict = row.verdict["body"]
    assert verdict["state"] == "returned"
    assert verdict["trace"][-1]["detail"] == {"faults": ["7 bridges lie outside the county"]}


def test_the_answer_to_a_returned_delivery_names_it(offices: Offices) -> None:
    first = deliver(offices.county, body_of(6))
    push(offices.line(), steady(), silent)
    with offices.county.store.write() as connection:
        delivery = catalogue.Delivery(
            dataset="bridges", mode="replace", folder="deliveries/bridges/2", digest="d" * 64, rows=4, refused=0,
            sources=[], answers=first,
        )  # fmt: skip
        catalogue.add_delivery(connection, delivery, at=offices.now, by="li@example.org")
    folder = offices.county.home / "deliveries/bridges/2"
    folder.mkdir()
    (folder / "part-00000.parquet").write_bytes(b"mended")
    push(offices.line(), steady(), silent)
    newest, before = arrived(offices.province)
    assert newest.answers == before.id


def test_both_sides_write_it_into_their_audit_chains(offices: Offices) -> None:
    from data.store.tables import audit

    deliver(offices.county, body_of(7))
    push(offices.line(), steady(), silent)
    found = {}
    for desk in (offices.county, offices.province):
        with desk.store.read() as connection:
            found[desk.home.name] = [(row.actor, row.action) for row in connection.execute(audit.select())]
    assert found[COUNTY] == [("exchange:province", "exchange sent"), ("exchange:province", "exchange receipt")]
    assert found[PROVINCE] == [("exchange:county", "exchange received")]
