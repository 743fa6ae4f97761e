"""The audit chain: appended from many sides, tampered with, verified; on both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from access import audit
from data.store.engine import Store
from data.store.tables import audit as table


def _fill(store: Store, now: datetime, count: int) -> None:
    with store.write() as connection:
        for number in range(count):
            audit.append(
                connection, at=now + timedelta(microseconds=number), actor="a@eoc.example", action="feeds.pause",
                object=f"source {number}", detail={"number": number, "share": 0.1, "名": "北京", "none": None},
            )  # fmt: skip


def _unlock(store: Store) -> None:
    """What an attacker with the database in hand does first."""
    with store.write() as connection:
        if store.is_sqlite:
            for verb in ("UPDATE", "DELETE"):
                connection.execute(sa.text(f"DROP TRIGGER audit_no_{verb}"))
        else:
            connection.execute(sa.text("DROP TRIGGER audit_no_change ON audit"))


def test_chain_is_whole(store: Store, now: datetime) -> None:
    _fill(store, now, 25)
    with store.read() as connection:
        assert audit.verify(connection) is None
        number, digest = audit.head(connection)
        rows = connection.execute(sa.select(table).order_by(table.c.seq)).all()
    assert (number, digest) == (25, rows[-1].hash)
    assert rows[0].previous == audit.GENESIS
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]]


def test_chain_empty(store: Store) -> None:
    with store.read() as connection:
        assert audit.verify(connection) is None
        assert audit.head(connection) == (0, audit.GENESIS)


def test_digest_is_of_the_written_form(now: datetime) -> None:
    entry = {
        "seq": 1,
        "at": now,
        "actor": "a",
        "action": "b",
        "object": "c",
        "detail": {"d": 1},
        "previous": "0" * 64,
    }
    text = (
        '{"action":"b","actor":"a","at":"2026-03-01T12:00:00.000000+00:00","detail":{"d":1},"object":"c","previous":"'
        + "0" * 64
        + '","seq":1}'
    )
    import hashlib

    assert audit.digest(entry) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE audit SET actor = 'b@eoc.example' WHERE seq = 4", 4),
        ("UPDATE audit SET detail = '{}' WHERE seq = 1", 1),
        ("UPDATE audit SET at = '2020-01-01 00:00:00.000000' WHERE seq = 9", 9),
        ("DELETE FROM audit WHERE seq = 5", 5),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("UPDATE audit SET seq = 40 WHERE seq = 6", 6),
        ("UPDATE audit SET seq = 0 WHERE seq = 1", 0),
    ],
)
def test_tampering_is_found_at_its_place(store: Store, now: datetime, change: str, broken: int) -> None:
    _fill(store, now, 10)
    _unlock(store)
    with store.write() as connection:
        connection.execute(sa.text(change))
    with store.read() as connection:
        assert audit.verify(connection) == broken


def test_rewritten_or_cut_chain_is_found_with_an_anchor(store: Store, now: datetime) -> None:
    _fill(store, now, 10)
    with store.read() as connection:
        anchor = audit.head(connection)
        assert audit.verify(connection, [anchor]) is None
    _unlock(store)
    with store.write() as connection:
        connection.execute(sa.text("DELETE FROM audit WHERE seq > 7"))
    with store.read() as connection:
        assert audit.verify(connection) is None
        assert audit.verify(connection, [anchor]) == 8
    _fill(store, now + timedelta(hours=1), 3)
    with store.read() as connection:
        assert audit.verify(connection) is None
        assert audit.verify(connection, [anchor]) == 10


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_database_refuses_to_change_the_log(store: Store, now: datetime, statement: str) -> None:
    _fill(store, now, 3)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), store.write() as connection:
        connection.execute(sa.text(statement))
    with store.read() as connection:
        assert audit.verify(connection) is None


def test_many_writers_make_one_chain(store: Store, now: datetime) -> None:
    def write(worker: int) -> None:
        for number in range(10):
            with store.write() as connection:
                audit.append(connection, at=now, actor=f"w{worker}", action="test", object=str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with store.read() as connection:
        assert audit.verify(connection) is None
        assert audit.head(connection)[0] == 80


def test_aborted_transaction_leaves_no_gap(store: Store, now: datetime) -> None:
    _fill(store, now, 2)
    with pytest.raises(RuntimeError), store.write() as connection:
        audit.append(connection, at=now, actor="a", action="b", object="c")
        raise RuntimeError
    _fill(store, now, 2)
    with store.read() as connection:
        assert audit.verify(connection) is None
        assert audit.head(connection)[0] == 4


def test_hostile_text_cannot_forge_a_line_or_break_the_log(store: Store, now: datetime) -> None:
    nasty = "a\r\nlogin.ok admin\x00\ud800\u202e\x1b[2J"
    with store.write() as connection:
        audit.append(
            connection, at=now, actor=nasty, action=nasty, object=nasty * 1000, detail={nasty: [nasty, {nasty}]}
        )
    with store.read() as connection:
        row = connection.execute(sa.select(table)).one()
        assert audit.verify(connection) is None
    assert all(character.isprintable() for character in row.actor + row.action + row.object)
    assert len(row.object) == 2000


@pytest.mark.parametrize("detail", [{"x": float("nan")}, {"x": float("inf")}])
def test_detail_must_be_json(store: Store, now: datetime, detail: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="JSON"), store.write() as connection:
        audit.append(connection, at=now, actor="a", action="b", object="c", detail=detail)


def test_time_must_have_a_zone(store: Store, now: datetime) -> None:
    with pytest.raises(ValueError, match="zone"), store.write() as connection:
        audit.append(connection, at=now.replace(tzinfo=None), actor="a", action="b", object="c")
