"""Slowing of wrong sign-ins, by account and by address.

The count is read from the audit chain, so all workers share it and a restart does not forget it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access.people import Account
from data.store.tables import audit

LIMIT = 20
WINDOW = timedelta(minutes=5)
NEWEST = 2000  # entries looked at; more than this in five minutes is a flood that the address limit has stopped


def name_of(account: Account | None, typed: str) -> str:
    """How an attempt is written down: what belongs to no account may be a mistyped password, so it is hashed."""
    if account is not None:
        return account.email
    return "unknown:" + hashlib.sha256(typed.encode("utf-8", "replace")).hexdigest()[:16]


def wait_s(connection: Connection, *, name: str, address: str, now: datetime) -> int:
    """Seconds until another attempt is heard; 0 when it is now."""
    newest = sa.select(sa.func.max(audit.c.seq)).scalar_subquery()
    query = (
        sa.select(audit.c.at, audit.c.object, audit.c.detail)
        .where(audit.c.seq > newest - NEWEST, audit.c.action == "login.failed", audit.c.at > now - WINDOW)
        .order_by(audit.c.seq.desc())
    )
    rows = connection.execute(query).all()
    by_name = [row.at for row in rows if row.object == name]
    by_address = [row.at for row in rows if row.detail.get("address") == address]
    frees = [times[LIMIT - 1] + WINDOW for times in (by_name, by_address) if len(times) >= LIMIT]
    return max((int((free - now).total_seconds()) + 1 for free in frees), default=0)
