"""Warnings of others in the store: each once, replaced by what replaces it, whatever the order of arrival."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.model import IncomingWarning, Level
from data.store.changes import read_changes, read_versions
from data.store.engine import Store
from data.store.incoming import WarningSink, in_force, key_of, read_live
from data.store.sink import Counts, PutContext
from data.store.tables import incoming_warning

SENT = datetime(2026, 3, 1, 9, tzinfo=UTC)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SINK = WarningSink()
DESK = "desk@met.example"


def message(
    identifier: str, *, minutes: int = 0, refers: Sequence[tuple[str, int]] = (), **fields: Any
) -> IncomingWarning:
    sender = fields.get("sender", "desk@met.example")
    values: dict[str, Any] = {
        "id": identifier, "sender": sender, "sent_at": SENT + timedelta(minutes=minutes), "status": "Actual",
        "message_type": "Update" if refers else "Alert", "scope": "Public", "level": Level.ORANGE, "event": "gale",
        "expires_at": NOW + timedelta(hours=6),
        "references": tuple(
            (fields.pop("of", sender), name, (SENT + timedelta(minutes=at)).isoformat()) for name, at in refers
        ),
    }  # fmt: skip
    return IncomingWarning(**values | fields)


def put(store: Store, *records: IncomingWarning, source: str = "feed", at: datetime = NOW) -> Counts:
    context = PutContext(source=source, payload_id=1, received_at=at, home=Path("unused"))
    with store.write() as connection:
        return SINK.put(connection, context, SINK.prepare(context, records))


def rows(store: Store) -> dict[str, Any]:
    with store.read() as connection:
        return {row.id: row for row in connection.execute(sa.select(incoming_warning))}


def replaced(store: Store) -> dict[str, str | None]:
    found = rows(store)
    names = {row.key: name for name, row in found.items()}
    return {name: names.get(row.replaced_by) for name, row in found.items()}


def live(store: Store, now: datetime = NOW) -> list[str]:
    with store.read() as connection:
        return [one.row.id for one in in_force(read_live(connection, now), now)]


def test_second_run_stores_nothing_and_leaves_no_trace(store: Store) -> None:
    records = message("a"), message("b", minutes=5, refers=[("a", 0)])
    assert put(store, *records) == Counts(stored=2)
    with store.read() as connection:
        before = read_versions(connection), len(read_changes(connection, SENT))
    assert put(store, *records, source="other feed") == Counts(unchanged=2)
    with store.read() as connection:
        assert (read_versions(connection), len(read_changes(connection, SENT))) == before
    assert rows(store)["a"].source == "feed"


def test_full_text_takes_the_place_of_an_empty_one(store: Store) -> None:
    empty, full = message("a", event=""), message("a", infos=({"event": "gale", "areas": []},))
    update = message("b", minutes=5, refers=[("a", 0)])
    put(store, empty, update)
    assert put(store, full) == Counts(stored=1)
    assert put(store, full, empty) == Counts(unchanged=2)
    assert rows(store)["a"].event == "gale" and replaced(store)["a"] == "b"


def test_record_is_kept_whole(store: Store) -> None:
    record = message(
        "a", geometry={"type": "Point", "coordinates": [1.0, 2.0]}, geocodes=(("SAME", "006037"),), area="here",
        infos=({"event": "大风", "areas": []},), attributes={"notes": ["closed"]}, level=Level.UNKNOWN,
        headline="大风",
    )  # fmt: skip
    put(store, record)
    row = rows(store)["a"]
    assert row.geometry == record.geometry and row.geocodes == [["SAME", "006037"]]
    assert row.infos == [{"event": "大风", "areas": []}] and row.attributes == {"notes": ["closed"]}
    assert (row.level, row.area, row.sent_at, row.headline) == (-1, "here", SENT, "大风")


CHAIN = (
    message("a"),
    message("b", minutes=5, refers=[("a", 0)]),
    message("c", minutes=10, refers=[("a", 0), ("b", 5)]),
    message("d", minutes=15, refers=[("c", 10)], message_type="Cancel"),
)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(range(4))), ids=lambda order: "".join("abcd"[n] for n in order)
)
def test_order_of_arrival_makes_no_difference(sqlite_url: str, order: tuple[int, ...]) -> None:
    from data.store.engine import open_store

    store = open_store(sqlite_url)
    for number in order:
        put(store, CHAIN[number])
    assert replaced(store) == {"a": "c", "b": "c", "c": "d", "d": None}
    assert live(store) == []
    store.close()


def test_chain_in_one_payload_is_resolved(store: Store) -> None:
    put(store, *reversed(CHAIN))
    assert replaced(store) == {"a": "c", "b": "c", "c": "d", "d": None}


@pytest.mark.parametrize(
    ("later", "source", "ends_it"),
    [
        (message("b", minutes=5, refers=[("a", 0)]), "feed", True),
        (message("b", minutes=5, refers=[("a", 0)]), "other feed", True),
        (message("b", minutes=5, refers=[("a", 0)], message_type="Cancel"), "feed", True),
        (message("b", minutes=5, refers=[("a", 0)], message_type="Ack"), "feed", False),
        (message("b", minutes=5, refers=[("a", 0)], message_type="Error"), "feed", False),
        (message("b", minutes=5, refers=[("a", 0)], status="Exercise"), "feed", False),
        (message("b", minutes=5, refers=[("a", 0)], status="Test", message_type="Cancel"), "feed", False),
        (message("b", minutes=-5, refers=[("a", 0)]), "feed", False),
        (message("b", minutes=5, refers=[("a", 1)]), "feed", False),
        (message("b", minutes=5, refers=[("a", 0)], sender="evil@x.example", of=DESK), "other feed", False),
        (message("b", minutes=5, refers=[("a", 0)], sender="deputy@met.example", of=DESK), "feed", True),
    ],
    ids=[
        "update", "update_other_feed", "cancel", "ack", "error", "exercise", "test_cancel", "older", "other_time",
        "stranger", "deputy",
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", ["a", "b"])
def test_only_a_later_message_of_the_same_kind_replaces(
    store: Store, later: IncomingWarning, source: str, ends_it: bool, first: str
) -> None:
    steps = [(message("a"), "feed"), (later, source)]
    for record, feed in steps if first == "a" else reversed(steps):
        put(store, record, source=feed)
    assert replaced(store)["a"] == ("b" if ends_it else None)


@pytest.mark.parametrize(
    "sent", ["2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00Z", "2026-03-01T09:00:00-00:00", "2026-03-01T09:00:00"]
)
def test_reference_meets_its_message_however_the_time_is_written(store: Store, sent: str) -> None:
    later = message("b", minutes=5, message_type="Update", references=(("desk@met.example", "a", sent),))
    put(store, message("a"), later)
    assert replaced(store)["a"] == "b"
    assert key_of("s", "i", sent) == key_of("s", "i", SENT)


@pytest.mark.parametrize("sent", ["", "yesterday"])
def test_reference_without_a_time_means_every_message_of_that_name(store: Store, sent: str) -> None:
    later = message("b", minutes=5, message_type="Update", references=(("desk@met.example", "a", sent),))
    put(store, later)
    put(store, message("a"))
    assert replaced(store)["a"] == "b"


def test_message_does_not_replace_itself(store: Store) -> None:
    put(store, message("a", refers=[("a", 0)]))
    assert replaced(store)["a"] is None


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, True),
        ({"status": "Exercise"}, False),
        ({"status": "Test"}, False),
        ({"status": "System"}, False),
        ({"status": "Draft"}, False),
        ({"scope": "Private"}, False),
        ({"scope": "Restricted"}, False),
        ({"message_type": "Cancel"}, False),
        ({"message_type": "Ack"}, False),
        ({"expires_at": NOW}, False),
        ({"expires_at": NOW + timedelta(seconds=1)}, True),
        ({"expires_at": None}, True),
        ({"expires_at": None, "sent_at": NOW - timedelta(hours=24)}, False),
        ({"expires_at": SENT - timedelta(days=3650)}, False),
        ({"sent_at": NOW + timedelta(days=2), "expires_at": NOW + timedelta(days=1)}, False),
        ({"onset_at": NOW + timedelta(hours=1)}, True),
    ],
)  # fmt: skip
def test_in_force_means_real_public_live_and_not_over(store: Store, fields: dict[str, Any], shown: bool) -> None:
    put(store, message("a", **fields))
    assert live(store) == (["a"] if shown else [])


def test_in_force_tells_what_was_assumed(store: Store) -> None:
    put(store, message("open", expires_at=None), message("later", onset_at=NOW + timedelta(hours=1), level=Level.RED))
    with store.read() as connection:
        red, orange = in_force(read_live(connection, NOW), NOW)
    assert red.begins_later and not red.no_end_given
    assert orange.no_end_given and orange.ends_at == SENT + timedelta(hours=24)


def test_changes_tell_of_real_and_current_messages_only(store: Store) -> None:
    put(
        store, message("a"), message("b", minutes=1, refers=[("a", 0)]), message("x", status="Test"),
        message("c", minutes=2, refers=[("b", 1)], message_type="Cancel"), message("old", expires_at=SENT),
        message("p", scope="Private"),
    )  # fmt: skip
    with store.read() as connection:
        changes = read_changes(connection, SENT)
        assert sorted(row.kind for row in changes) == ["cancel", "new", "update"]
        assert {row.topic for row in changes} == {"warnings"} and {row.level for row in changes} == {
            int(Level.ORANGE)
        }
    put(store, message("test only", status="Test"))
    with store.read() as connection:
        assert len(read_changes(connection, SENT)) == 3
        assert read_versions(connection)["warnings"] == 5


@pytest.mark.recorded
def test_recorded_messages_are_stored_once(store: Store, recorded: Path) -> None:
    from data.model import Payload
    from ingest.cap_feed import CapFeed

    feed = CapFeed()
    names = ("cap/bushfire_valid.edxlde", "cap/dwd_2023_large.MUL.xml", "cap/burkina_faso_signed.xml",
             "cap/smhi.se.alerts.cap", "cap/no_info_tag.cap", "nws_alerts/alerts_active_zone.json")  # fmt: skip
    total = 0
    for turn in (1, 2):
        for name in names:
            payload = Payload(source="cap_feed", body=(recorded / name).read_bytes(), received_at=NOW)
            records = feed.parse(payload).records
            counts = put(store, *records)  # type: ignore[arg-type]
            assert counts == (Counts(stored=len(records)) if turn == 1 else Counts(unchanged=len(records)))
            total += counts.stored
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(incoming_warning)).scalar() == total == 80
