"""Did it arrive? Progress, pace, failures and who has heard, from the rows of the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from alerts.hold import hold
from data.settings import Settings
from data.store.engine import Store
from data.store.tables import approval, delivery, outgoing, warning
from data.text import translator
from pages._context import Context
from pages.warn.deliveries import held_words, left, panel, read_lines
from tests.pages.test_shell import text_of as words_of

T = translator("en")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def context(store: Store, home: Any) -> Context:
    zone = ZoneInfo("Asia/Shanghai")
    settings = Settings(home=home, zone=zone, database_url=str(store.engine.url))
    return Context(store=store, settings=settings, sources=(), feed_health=None, clock=lambda: NOW)  # type: ignore


def issued(connection: sa.Connection) -> int:
    """The least that a delivery may hang on: a message and its approval."""
    made = connection.execute(
        warning.insert().values(
            kind="alert", status="Actual", state="submitted", hazard="rainstorm", level=3, content={}, author="a",
            content_sha256="c", edition=1, created_at=NOW, updated_at=NOW, expires_at=NOW + timedelta(hours=3),
        )
    ).inserted_primary_key  # fmt: skip
    assert made is not None
    connection.execute(
        approval.insert().values(
            id=1, warning_id=made[0], edition=1, content_sha256="c", body_sha256="b", author="a", approver="b",
            at=NOW, method="totp", proved_at=NOW, record={},
        )
    )  # fmt: skip
    connection.execute(outgoing.insert().values(sha256="x", form="cap", body=b"x", created_at=NOW))
    return int(made[0])


def put(connection: sa.Connection, about: int, number: int, **values: Any) -> None:
    base = {
        "key": f"key{number}", "warning_id": about, "approval_id": 1, "channel": "email",
        "recipient": f"r{number}@example.org", "payload_sha256": "x", "state": "pending", "next_at": NOW,
        "created_at": NOW,
    }  # fmt: skip
    connection.execute(delivery.insert().values(**{**base, **values}))


def fill(store: Store) -> int:
    with store.write() as connection:
        about = issued(connection)
        for number in range(4):
            put(connection, about, number, state="sent", sent_at=NOW - timedelta(seconds=40 - 10 * number),
                receipt="250 ok", acknowledged_at=NOW if number == 0 else None)  # fmt: skip
        put(connection, about, 4, state="failed", attempts=3, error="550 no such mailbox")
        put(connection, about, 5)
        put(connection, about, 6, channel="mqtt", state="leased")
    return about


def test_progress_counts_what_was_sent_and_names_what_was_not(store: Store, context: Context) -> None:
    about = fill(store)
    with store.read() as connection:
        item = type("Item", (), {"id": about})()
        told = words_of(panel(connection, item, context, T))
        email, mqtt = read_lines(connection, about)
    assert "4 of 7 sent" in told
    assert "1 failed" in told
    assert "550 no such mailbox" in told
    assert "heard 2026-03-01 20:00:00 +08:00" in told
    assert (email.counts, email.acknowledged) == ({"failed": 1, "pending": 1, "sent": 4}, 1)
    assert (mqtt.total, mqtt.waiting) == (1, 1)


def test_time_left_goes_by_the_pace_of_the_last_minute(store: Store) -> None:
    about = fill(store)
    with store.read() as connection:
        assert left(connection, about, 8, NOW) == timedelta(seconds=80)  # four in forty seconds
        assert left(connection, about, 0, NOW) is None
        assert left(connection, about, 8, NOW + timedelta(minutes=5)) is None


def test_nothing_to_deliver_says_so(store: Store, context: Context) -> None:
    with store.read() as connection:
        told = words_of(panel(connection, type("Item", (), {"id": 1})(), context, T))
    assert "Nobody was written to" in told


def test_i6_held_deliveries_are_said(store: Store, context: Context) -> None:
    assert held_words(context, T) == []
    with store.write() as connection:
        hold(connection, by="restore", why="a backup was put back", now=NOW)
    assert "a backup was put back" in words_of(held_words(context, T))
