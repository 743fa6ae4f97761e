"""How far the delivery of a warning has come, by channel, and when it will be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.tables import delivery

RECENT = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Rows of one channel by what came of them; `ready_at` is an estimate, None where nothing moves."""

    channel: str
    waiting: int = 0
    sent: int = 0
    failed: int = 0
    expired: int = 0
    superseded: int = 0
    acknowledged: int = 0
    retrying: int = 0  # of those that wait: tried at least once
    last_at: datetime | None = None
    ready_at: datetime | None = None

    @property
    def total(self) -> int:
        return self.waiting + self.sent + self.failed + self.expired + self.superseded


def progress(connection: Connection, warning_id: int, *, now: datetime) -> list[Progress]:
    """By channel, in order of their names."""
    column = delivery.c

    def number(which: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((which, 1), else_=0))

    waiting = column.state.in_(("pending", "leased"))
    query = (
        sa.select(
            column.channel,
            number(waiting).label("waiting"),
            number(sa.and_(waiting, column.attempts > 0)).label("retrying"),
            *(number(column.state == state).label(state) for state in ("sent", "failed", "expired", "superseded")),
            sa.func.count(column.acknowledged_at).label("acknowledged"),
            sa.func.max(column.sent_at, type_=column.sent_at.type).label("last_at"),
            number(column.sent_at > now - RECENT).label("recent"),
        )
        .where(column.warning_id == warning_id)
        .group_by(column.channel)
        .order_by(column.channel)
    )
    return [_of(row._asdict(), now) for row in connection.execute(query)]


def _of(row: dict[str, int | str | datetime | None], now: datetime) -> Progress:
    recent = int(str(row.pop("recent") or 0))
    found = Progress(**row)  # type: ignore[arg-type]
    if not found.waiting:
        return found
    ready = now + RECENT * (found.waiting / recent) if recent else None
    return Progress(**{**found.__dict__, "ready_at": ready})
