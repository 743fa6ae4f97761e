"""The delivery ledger is the queue: rows claimed by lease, marked only after the provider accepted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.channel import Channel, Outgoing
from data.clock import iso
from data.errors import DeliveryError
from data.store.engine import Store
from data.store.tables import delivery, notice, outgoing

LEASE = timedelta(seconds=60)
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0


def enqueue(
    connection: Connection,
    notice_id: int,
    body: Mapping[str, Any],
    recipients: Sequence[tuple[str, str]],
    *,
    now: datetime,
) -> int:
    """Insert one row per (channel, recipient) in the caller's transaction; a row already there stays."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    digest, added = hashlib.sha256(text).hexdigest(), 0
    if (
        recipients
        and connection.execute(sa.select(outgoing.c.sha256).where(outgoing.c.sha256 == digest)).first() is None
    ):
        connection.execute(outgoing.insert().values(sha256=digest, form="notice", body=text, created_at=now))
    for channel, recipient in recipients:
        key = hashlib.sha256(f"{notice_id}|{body['state']}|{channel}|{recipient}".encode()).hexdigest()
        if connection.execute(sa.select(delivery.c.id).where(delivery.c.key == key)).scalar() is not None:
            continue
        connection.execute(
            delivery.insert().values(
                key=key,
                notice_id=notice_id,
                channel=channel,
                recipient=recipient,
                payload_sha256=digest,
                state="pending",
                next_at=now,
                created_at=now,
            )
        )
        added += 1
    return added


def claim(store: Store, worker: str, limit: int, *, now: datetime) -> list[sa.Row[Any]]:
    """Lease rows that are due, and rows whose lease has run out because their worker died."""
    due = sa.or_(
        sa.and_(delivery.c.state == "pending", delivery.c.next_at <= now),
        sa.and_(delivery.c.state == "leased", delivery.c.lease_until <= now),
    )
    with store.write() as connection:
        query = sa.select(delivery, outgoing.c.body).join(outgoing, outgoing.c.sha256 == delivery.c.payload_sha256)
        query = query.where(due).order_by(delivery.c.next_at).limit(limit)
        if connection.dialect.name == "postgresql":
            query = query.with_for_update(skip_locked=True, of=delivery)
        rows = list(connection.execute(query))
        if rows:
            connection.execute(
                delivery.update()
                .where(delivery.c.id.in_([row.id for row in rows]))
                .values(state="leased", lease_by=worker, lease_until=now + LEASE, attempts=delivery.c.attempts + 1)
            )
    return rows


def work(store: Store, channels: Mapping[str, Channel], worker: str, *, now: datetime, limit: int = 25) -> int:
    """Claim and send what is due. Returns how many attempts were made."""
    rows = claim(store, worker, limit, now=now)
    for row in rows:
        body = row.body
        if hashlib.sha256(body).hexdigest() != row.payload_sha256:
            _finish(store, row, now, state="failed", error="the stored message is not what was queued")
            continue
        channel = channels.get(row.channel)
        if channel is None:
            _finish(store, row, now, state="failed", error=f"no such channel: {row.channel}")
            continue
        try:
            receipt = channel.send(Outgoing(key=row.key, recipient=row.recipient, body=body))
        except DeliveryError as error:
            if error.retry:
                wait = min(FIRST_WAIT_S * 2**row.attempts, LONGEST_WAIT_S)
                _finish(store, row, now, state="pending", next_at=now + timedelta(seconds=wait), error=str(error))
            else:
                _finish(store, row, now, state="failed", error=str(error))
        else:
            _finish(store, row, now, state="sent", sent_at=now, receipt=receipt, error="")
    return len(rows)


def _finish(store: Store, row: sa.Row[Any], now: datetime, **values: Any) -> None:
    with store.write() as connection:
        connection.execute(
            delivery.update().where(delivery.c.id == row.id).values(lease_by="", lease_until=None, **values)
        )


def notice_body(row: sa.Row[Any], *, state: str) -> dict[str, Any]:
    """The message about an operator notice, as receivers get it."""
    return {
        "system": "tocsin",
        "notice": row.id,
        "cause": row.cause,
        "state": state,
        "opened_at": iso(row.opened_at),
        "closed_at": iso(row.closed_at) if row.closed_at else None,
        "detail": row.detail,
    }


def open_notices(connection: Connection) -> list[sa.Row[Any]]:
    """Notices not yet closed, oldest first."""
    return list(
        connection.execute(sa.select(notice).where(notice.c.closed_at.is_(None)).order_by(notice.c.opened_at))
    )
