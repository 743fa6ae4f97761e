"""Held deliveries: after a restored backup, or after dispatch was away for long, nothing old leaves by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.errors import ConfigError
from data.store.changes import bump
from data.store.tables import delivery, dispatch_hold


def hold(connection: Connection, *, by: str, why: str, now: datetime, before: datetime | None = None) -> int:
    """Let deliveries wait for a person. With `before` only those queued up to then; else all but later notices."""
    values = {"at": now, "by": by, "why": why, "before_at": before}
    made = connection.execute(dispatch_hold.insert().values(**values)).inserted_primary_key
    bump(connection, "deliveries")
    return int(made[0]) if made is not None else 0


def holds(connection: Connection) -> list[sa.Row[Any]]:
    """The holds that stand, oldest first."""
    query = sa.select(dispatch_hold).where(dispatch_hold.c.ended_at.is_(None)).order_by(dispatch_hold.c.id)
    return list(connection.execute(query))


def resume(connection: Connection, *, by: str, now: datetime, discard: bool = False) -> dict[str, int]:
    """End every hold; what waited goes out, or with `discard` never does.

    Raises
    ------
    ConfigError
        If nothing is held.
    """
    standing = holds(connection)
    if not standing:
        raise ConfigError(["nothing is held"])
    waiting = sa.and_(delivery.c.state.in_(("pending", "leased")), sa.not_(sa.and_(*waits(connection))))
    number = connection.execute(sa.select(sa.func.count()).select_from(delivery).where(waiting)).scalar_one()
    if discard:
        values = {"state": "superseded", "error": f"discarded by {by}", "lease_by": "", "lease_until": None}
        connection.execute(delivery.update().where(waiting).values(**values))
    ended = dispatch_hold.update().where(dispatch_hold.c.ended_at.is_(None))
    connection.execute(ended.values(ended_at=now, ended_by=by))
    bump(connection, "deliveries")
    return {"holds": len(standing), "discarded" if discard else "released": int(number)}


def waits(connection: Connection) -> list[sa.ColumnElement[bool]]:
    """What a row must fulfil to be sent while deliveries are held; nothing where they are not."""
    found: list[sa.ColumnElement[bool]] = []
    for row in holds(connection):
        if row.before_at is not None:
            found.append(delivery.c.created_at > row.before_at)
        else:
            found.append(sa.and_(delivery.c.notice_id.is_not(None), delivery.c.created_at >= row.at))
    return found
