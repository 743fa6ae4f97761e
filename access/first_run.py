"""The first account: made by whoever can read the console, once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access import accounts, audit
from access.people import Account
from data.store.engine import Store
from data.store.tables import first_run

VALID_FOR = timedelta(hours=24)
# An administrator also looks and stands duty, so that a new office can work; drafting and approving warnings are
# given on purpose, to two other people.
FIRST_ROLES = ("admin", "duty", "viewer")


def ensure_first_run(store: Store, now: datetime) -> str | None:
    """A one-time token while there is no account, None afterwards. A new one replaces those before."""
    with store.write() as connection:
        if accounts.exists_any(connection):
            return None
        token = secrets.token_urlsafe(32)
        connection.execute(first_run.delete().where(first_run.c.used_at.is_(None)))
        connection.execute(first_run.insert().values(token_sha256=_hash(token), created_at=now))
        return token


def is_valid(connection: Connection, token: str, now: datetime) -> bool:
    """Whether a token is the one that was printed, unused, young enough, and there is no account yet."""
    query = sa.select(first_run.c.id).where(*_usable(token, now))
    return connection.execute(query).first() is not None and not accounts.exists_any(connection)


def use(
    connection: Connection, token: str, *, email: str, name: str, password_hash: str, now: datetime
) -> Account | None:
    """Make the administrator and spend the token in one transaction; None when the token is no longer good."""
    spent = connection.execute(first_run.update().where(*_usable(token, now)).values(used_at=now)).rowcount
    if not spent or accounts.exists_any(connection):
        return None
    account = accounts.create(
        connection, email=email, name=name, password_hash=password_hash, roles=FIRST_ROLES, at=now
    )
    detail = {"roles": list(FIRST_ROLES), "by": "first-run link"}
    audit.append(connection, at=now, actor=account.email, action="user.add", object=account.email, detail=detail)
    return account


def _usable(token: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        first_run.c.token_sha256 == _hash(token),
        first_run.c.used_at.is_(None),
        first_run.c.created_at > now - VALID_FOR,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
