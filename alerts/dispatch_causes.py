"""What of the queue an operator must hear of: what did not arrive, what is held, not signed, or not proved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.channels.webpush import GONE
from alerts.hold import holds, waits
from alerts.recipients import shown_address
from alerts.vouch import TAMPERED, UNAPPROVED
from data.clock import iso
from data.store.engine import Store
from data.store.tables import delivery, notice, warning

TOLD_FOR = timedelta(hours=24)  # so long an end without arrival stays something to hear of
SHOWN = 5
HEARTBEAT = "heartbeat"  # the cause of the daily message
PROVED_WITHIN = timedelta(minutes=15)
QUIET = "quiet hours%"
Causes = dict[str, dict[str, Any]]


def dispatch_causes(store: Store, *, now: datetime) -> Causes:
    """One entry a cause, as the watchdog has them."""
    with store.read() as connection:
        return {
            **_tampered(connection, now),
            **_undelivered(connection, now),
            **_held(connection),
            **_unsigned(connection),
            **_unproved(connection, now),
        }


def _tampered(connection: Connection, now: datetime) -> Causes:
    column = delivery.c
    query = sa.select(column.id, column.warning_id).where(
        column.state == "failed", column.error.in_((TAMPERED, UNAPPROVED)), _recent(now)
    )
    rows = connection.execute(query.order_by(column.id)).all()
    if not rows:
        return {}
    what = "messages that are not what was approved: none of them was sent"
    warnings = sorted({row.warning_id for row in rows if row.warning_id is not None})
    return {"tampered": {"what": what, "deliveries": len(rows), "warnings": warnings[:SHOWN]}}


def _undelivered(connection: Connection, now: datetime) -> Causes:
    """Ended without arriving, by channel. A browser that is gone is no failure, nor is what quiet hours outlasted."""
    column = delivery.c
    query = sa.select(column.channel, column.recipient, column.state, column.error, column.warning_id).where(
        column.state.in_(("failed", "expired")), column.error.not_in((TAMPERED, UNAPPROVED)),
        column.error.not_like(f"%{GONE}"), column.error.not_like(QUIET), _recent(now),
    )  # fmt: skip
    channels: dict[str, dict[str, Any]] = {}
    for row in connection.execute(query.order_by(column.id)):
        found = channels.setdefault(row.channel, {"failed": 0, "expired": 0, "examples": []})
        found[row.state] += 1
        if len(found["examples"]) < SHOWN:
            found["examples"].append(
                {"recipient": shown_address(row.recipient), "reason": row.error, "warning": row.warning_id}
            )
    return {"deliveries": {"what": "deliveries that did not arrive", "channels": channels}} if channels else {}


def _recent(now: datetime) -> sa.ColumnElement[bool]:
    return delivery.c.created_at > now - TOLD_FOR


def _held(connection: Connection) -> Causes:
    standing = holds(connection)
    if not standing:
        return {}
    waiting = sa.and_(delivery.c.state == "pending", sa.not_(sa.and_(*waits(connection))))
    number = connection.execute(sa.select(sa.func.count()).select_from(delivery).where(waiting)).scalar_one()
    why = [{"since": iso(row.at), "why": row.why} for row in standing]
    return {"held": {"what": "deliveries are held until a person resumes", "waiting": int(number), "holds": why}}


def _unsigned(connection: Connection) -> Causes:
    query = sa.select(warning.c.id, warning.c.unsigned_reason).where(
        warning.c.state == "approved", warning.c.unsigned_reason != ""
    )
    rows = connection.execute(query.order_by(warning.c.id)).all()
    if not rows:
        return {}
    reasons: Mapping[str, str] = {str(row.id): row.unsigned_reason for row in rows[:SHOWN]}
    return {"unsigned": {"what": "approved warnings that could not be signed", "warnings": reasons}}


def _unproved(connection: Connection, now: datetime) -> Causes:
    """Paths whose newest daily message has not left in time."""
    query = sa.select(notice.c.id).where(notice.c.cause == HEARTBEAT, notice.c.opened_at <= now - PROVED_WITHIN)
    newest = connection.execute(query.order_by(notice.c.id.desc()).limit(1)).scalar()
    column = delivery.c
    rows = connection.execute(
        sa.select(column.channel, column.error).where(column.notice_id == newest, column.state != "sent")
    ).all()
    if not rows:
        return {}
    return {"paths": {"what": "the daily message did not leave", "paths": {row.channel: row.error for row in rows}}}
