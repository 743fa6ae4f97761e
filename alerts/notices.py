"""What the operator must hear of: notices as messages of the queue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.ledger import Queued, put
from data.clock import iso
from data.store.tables import notice

PRIORITY = 25  # between a yellow and an orange warning


def tell(
    connection: Connection, row: sa.Row[Any], recipients: Sequence[tuple[str, str]], *, state: str, now: datetime
) -> int:
    """Queue a notice for each (channel, address) in the caller's transaction; one told before stays as it is."""
    body = json.dumps(body_of(row, state=state), ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    rows = [
        Queued(
            key=hashlib.sha256(f"{row.id}|{state}|{channel}|{address}".encode()).hexdigest(), channel=channel,
            recipient=address, body=body, form="notice", next_at=now, notice_id=row.id, priority=PRIORITY,
        )
        for channel, address in recipients
    ]  # fmt: skip
    return put(connection, rows, now=now)


def body_of(row: sa.Row[Any], *, state: str) -> Mapping[str, Any]:
    """The message about a notice, as receivers get it."""
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
