"""What sources did: run rows, rejects, and the one row a source that says how it is and when it is due."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.model import Reject
from data.store.changes import note_change
from data.store.tables import reject, run, source_state

GOOD = ("stored", "unchanged")
TOPIC = "feeds"
NATIVE_CHARACTERS, REASON_CHARACTERS = 200, 400  # what a PostgreSQL index takes at four bytes each


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run over one payload, or over none."""

    source: str
    started_at: datetime
    finished_at: datetime
    outcome: str
    payload_id: int | None = None
    parsed: int = 0
    stored: int = 0
    unchanged: int = 0
    rejected: int = 0
    data_at: datetime | None = None
    reason: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)


def lock_source(connection: Connection, source: str) -> None:
    """Let one transaction at a time write for a source; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x746F63, zlib.crc32(source.encode()) >> 1)))


def read_state(connection: Connection, source: str) -> sa.Row[Any] | None:
    """The state of a source, or None before its first run."""
    return connection.execute(sa.select(source_state).where(source_state.c.source == source)).one_or_none()


def set_state(connection: Connection, source: str, **values: Any) -> None:
    """Write some columns of a source's state; the row is made where there is none."""
    updated = connection.execute(source_state.update().where(source_state.c.source == source).values(**values))
    if not updated.rowcount:
        connection.execute(source_state.insert().values(**{"source": source, "validators": {}, **values}))


def write_run(connection: Connection, row: RunRow) -> int:
    """Keep a run row; its presence after a commit means that everything of the run is kept."""
    inserted = connection.execute(
        run.insert().values(
            source=row.source,
            started_at=row.started_at,
            finished_at=row.finished_at,
            outcome=row.outcome,
            payload_id=row.payload_id,
            parsed=row.parsed,
            stored=row.stored,
            unchanged=row.unchanged,
            rejected=row.rejected,
            data_at=row.data_at,
            reason=row.reason[:2000],
            timings={name: round(seconds, 4) for name, seconds in row.timings.items()},
        )
    )
    key = inserted.inserted_primary_key
    assert key is not None
    return int(key[0])


def write_rejects(
    connection: Connection, source: str, payload_id: int | None, rejects: Sequence[Reject], at: datetime
) -> int:
    """Keep rejects; one met before is counted. Returns how many are new."""
    wanted = {(item.id[:NATIVE_CHARACTERS], item.reason[:REASON_CHARACTERS]) for item in rejects}
    if not wanted:
        return 0
    table = reject.c
    same = sa.and_(
        table.source == source, table.payload_id.is_(None) if payload_id is None else table.payload_id == payload_id
    )
    query = sa.select(table.id, table.native_id, table.reason).where(same)
    held = {(row.native_id, row.reason): row.id for row in connection.execute(query)}
    again = [{"b_id": held[key]} for key in wanted if key in held]
    if again:
        statement = reject.update().where(table.id == sa.bindparam("b_id"))
        connection.execute(statement.values(last_at=at, times=table.times + 1), again)
    new = [
        {
            "source": source,
            "payload_id": payload_id,
            "native_id": native,
            "reason": reason,
            "first_at": at,
            "last_at": at,
            "times": 1,
        }
        for native, reason in sorted(wanted - held.keys())
    ]
    if new:
        connection.execute(reject.insert(), new)
    return len(new)


def mark_success(
    connection: Connection, source: str, *, at: datetime, data_at: datetime | None, validators: Mapping[str, Any]
) -> None:
    """A run could be used: note a recovery once, and never move the newest observation time back."""
    state = read_state(connection, source)
    if state is not None and state.failing_since is not None:
        detail = {"since": state.failing_since.isoformat(), "failures": state.failures}
        note_change(connection, TOPIC, at=at, kind="feed-recovered", subject=source, detail=detail)
    set_state(
        connection,
        source,
        last_success_at=at if state is None or state.last_success_at is None else max(at, state.last_success_at),
        failing_since=None,
        failures=0,
        reason="",
        validators=dict(validators),
    )
    mark_data(connection, source, data_at)


def mark_data(connection: Connection, source: str, data_at: datetime | None) -> None:
    """Raise the newest observation time held; it never goes back."""
    state = read_state(connection, source)
    if state is None or (data_at is not None and (state.last_data_at is None or data_at > state.last_data_at)):
        set_state(connection, source, last_data_at=data_at)


def mark_failure(connection: Connection, source: str, *, at: datetime, outcome: str, reason: str) -> None:
    """A run could not be used: note the first failure of a row of them, count the others."""
    state = read_state(connection, source)
    first = state is None or state.failing_since is None
    if first:
        detail = {"outcome": outcome, "reason": reason[:500]}
        note_change(connection, TOPIC, at=at, kind="feed-failing", subject=source, detail=detail)
    set_state(
        connection,
        source,
        failing_since=at if state is None or first else state.failing_since,
        failures=(state.failures if state else 0) + 1,
        reason=reason[:2000],
    )
