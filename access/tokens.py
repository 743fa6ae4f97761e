"""Tokens for programs: instead of a session, to read as the account that made them, for a time.

A token is shown once; what is kept is its hash. It signs nothing, changes nothing and never wakes a role that needs a
second factor.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access import accounts, audit
from access.matrix import PROGRAM_ACTIONS, SCREENS
from access.people import NOBODY, Account, Person
from access.session_rows import TOUCH_EVERY, digest
from data.errors import ConfigError
from data.store.engine import Store
from data.store.tables import api_token

LONGEST = timedelta(days=366)
PREFIX = "tocsin_"


def make(
    connection: Connection, account: Account, *, name: str, actions: list[str], expires_at: datetime, now: datetime
) -> str:
    """A new token of an account, to be shown once.

    Raises
    ------
    ConfigError
        If it has no name, no end within a year, or is for what a program may not do.
    """
    faults = [] if name.strip() else ["a token needs a name, by which it is known again"]
    faults += [] if now < expires_at <= now + LONGEST else ["a token lasts from now to a year from now"]
    faults += [f"not for programs: {action}" for action in actions if action not in PROGRAM_ACTIONS]
    faults += [] if actions else [f"a token is for something: {', '.join(PROGRAM_ACTIONS)}"]
    faults += ["a wall display has no tokens"] if account.roles & SCREENS else []
    if faults:
        raise ConfigError(faults)
    token = PREFIX + secrets.token_urlsafe(32)
    values = {
        "token_sha256": digest(token), "user_id": account.id, "name": audit.clean(name.strip(), 100),
        "actions": sorted(set(actions)), "created_at": now, "expires_at": expires_at,
    }  # fmt: skip
    connection.execute(api_token.insert().values(**values))
    detail = {"name": values["name"], "actions": values["actions"], "until": expires_at.isoformat()}
    audit.append(connection, at=now, actor=account.email, action="token.make", object=account.email, detail=detail)
    return token


def revoke(connection: Connection, user_id: int, number: int, *, by: str, now: datetime) -> bool:
    """End a token of an account; False when there is none that stands."""
    live = (api_token.c.id == number, api_token.c.user_id == user_id, api_token.c.revoked_at.is_(None))
    if connection.execute(api_token.update().where(*live).values(revoked_at=now, revoked_by=by[:255])).rowcount == 0:
        return False
    audit.append(connection, at=now, actor=by, action="token.revoke", object=f"token {number}")
    return True


def of(connection: Connection, user_id: int) -> list[sa.Row[Any]]:
    """The tokens of an account, the newest first."""
    query = sa.select(api_token).where(api_token.c.user_id == user_id).order_by(api_token.c.id.desc())
    return list(connection.execute(query))


def shown(authorization: str) -> str:
    """The token that a program shows: as a bearer, or as the password of HTTP Basic beside any name; "" for none."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def load(store: Store, token: str, now: datetime) -> Person:
    """Whoever a token reads for; nobody for one that is unknown, over, revoked, or of an account switched off."""
    with store.read() as connection:
        standing = (api_token.c.revoked_at.is_(None), api_token.c.expires_at > now, api_token.c.created_at <= now)
        row = connection.execute(
            sa.select(api_token).where(api_token.c.token_sha256 == digest(token), *standing)
        ).first()
        account = accounts.find(connection, id=row.user_id) if row is not None else None
    if row is None or account is None or not account.active:
        return NOBODY
    if row.used_at is None or now - row.used_at >= TOUCH_EVERY:
        with store.write() as connection:
            connection.execute(api_token.update().where(api_token.c.id == row.id).values(used_at=now))
    person = account.person(second_factor=False)
    return person if "plan.view" in row.actions else replace(person, roles=frozenset({"viewer"}))
