"""Invitations: a link by which a person takes over an account or chooses a new password, once."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access import accounts, audit
from access.people import Account
from access.session_rows import digest
from data.store.tables import invitation

VALID_FOR = timedelta(hours=72)


def make(connection: Connection, account: Account, *, by: str, now: datetime) -> str:
    """The token of a new link for an account; those before it open nothing any more."""
    token = secrets.token_urlsafe(32)
    connection.execute(invitation.delete().where(invitation.c.user_id == account.id, invitation.c.used_at.is_(None)))
    connection.execute(
        invitation.insert().values(token_sha256=digest(token), user_id=account.id, made_by=by, created_at=now)
    )
    audit.append(connection, at=now, actor=by, action="user.invite", object=account.email)
    return token


def find(connection: Connection, token: str, now: datetime) -> Account | None:
    """The account that a link is for, while it is unused, young enough, and the account is active."""
    user_id = connection.execute(sa.select(invitation.c.user_id).where(*_usable(token, now))).scalar()
    account = accounts.find(connection, id=user_id) if user_id is not None else None
    return account if account is not None and account.active else None


def use(connection: Connection, token: str, *, name: str, password_hash: str, now: datetime) -> Account | None:
    """Set name and password and spend the link in one transaction; None when it is no longer good."""
    account = find(connection, token, now)
    spent = connection.execute(invitation.update().where(*_usable(token, now)).values(used_at=now)).rowcount
    if account is None or not spent:
        return None
    accounts.set_password(connection, account, password_hash, at=now, by="an invitation")
    if name.strip():
        accounts.set_name(connection, account, name)
    detail = {"by": "invitation"}
    audit.append(connection, at=now, actor=account.email, action="user.password", object=account.email, detail=detail)
    return accounts.find(connection, id=account.id)


def _usable(token: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        invitation.c.token_sha256 == digest(token),
        invitation.c.used_at.is_(None),
        invitation.c.created_at > now - VALID_FOR,
    )
