"""A recipient says that they have read a warning, by the link in their message."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.changes import bump
from data.store.tables import delivery, warning

_SHOWN = (warning.c.content, warning.c.status, warning.c.level, warning.c.expires_at, warning.c.replaced_by)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the page behind a link shows."""

    delivery_id: int
    warning_id: int
    headline: dict[str, str]
    status: str
    level: int
    expires_at: datetime | None
    replaced: bool
    acknowledged_at: datetime | None


def find(connection: Connection, token: str) -> Told | None:
    """The delivery that a link belongs to; None for a link that is none."""
    query = (
        sa.select(delivery.c.id.label("delivery_id"), delivery.c.warning_id, delivery.c.acknowledged_at, *_SHOWN)
        .join(warning, warning.c.id == delivery.c.warning_id)
        .where(delivery.c.token_sha256 == hashlib.sha256(token.encode()).hexdigest())
    )
    row = connection.execute(query).first()
    return None if row is None else _told(row)


def acknowledge(connection: Connection, token: str, *, now: datetime) -> Told | None:
    """Note that it was read; the first time counts."""
    told = find(connection, token)
    if told is None or told.acknowledged_at is not None:
        return told
    first = sa.and_(delivery.c.id == told.delivery_id, delivery.c.acknowledged_at.is_(None))
    connection.execute(delivery.update().where(first).values(acknowledged_at=now))
    bump(connection, "deliveries")
    return find(connection, token)


def _told(row: Any) -> Told:
    texts = (row.content or {}).get("texts", {})
    return Told(
        delivery_id=row.delivery_id,
        warning_id=row.warning_id,
        headline={code: words.get("headline", "") for code, words in texts.items()},
        status=row.status,
        level=row.level,
        expires_at=row.expires_at,
        replaced=row.replaced_by is not None,
        acknowledged_at=row.acknowledged_at,
    )
