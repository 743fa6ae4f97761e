"""Slowing of wrong sign-ins, by account and by address.

The count is read from the audit chain, so all workers share it and a restart does not forget it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access.people import Account
from data.store.tables import audit


@dataclass(frozen=True)
class Guesses:
    """A kind of wrong proof, as the audit chain names it, and how many of them are heard in a time."""

    action: str
    limit: int
    window: timedelta
    newest: int  # entries looked at; more than this in the time is a flood that the address limit has stopped


PASSWORDS = Guesses("login.failed", 20, timedelta(minutes=5), 2_000)
# Of a million codes three are right at a time: 480 tries a day find one with a chance of 0.15 %.
CODES = Guesses("factor.failed", 5, timedelta(minutes=15), 20_000)


def name_of(account: Account | None, typed: str) -> str:
    """How an attempt is written down: what belongs to no account may be a mistyped password, so it is hashed."""
    if account is not None:
        return account.email
    return "unknown:" + hashlib.sha256(typed.encode("utf-8", "replace")).hexdigest()[:16]


def wait_s(connection: Connection, guesses: Guesses, *, name: str, address: str, now: datetime) -> int:
    """Seconds until another attempt by this account or from this address is heard; 0 when it is now."""
    newest = sa.select(sa.func.max(audit.c.seq)).scalar_subquery()
    query = (
        sa.select(audit.c.at, audit.c.object, audit.c.detail)
        .where(audit.c.seq > newest - guesses.newest, audit.c.action == guesses.action)
        .where(audit.c.at > now - guesses.window)
        .order_by(audit.c.seq.desc())
    )
    rows = connection.execute(query).all()
    by_name = [row.at for row in rows if row.object == name]
    by_address = [row.at for row in rows if address and row.detail.get("address") == address]
    late = guesses.limit - 1
    frees = [times[late] + guesses.window for times in (by_name, by_address) if len(times) > late]
    return max((int((free - now).total_seconds()) + 1 for free in frees), default=0)
