"""Accounts in the store: found, made, changed. Every change that takes rights away ends the open sessions."""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access import session_rows
from access.matrix import ROLES, SCREENS
from access.people import Account
from data.errors import ConfigError
from data.store.tables import role, user, user_role, user_scope

_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f\"'(),:;<>\[\\\]]+@[^\s@\x00-\x1f\x7f\"'(),:;<>\[\\\]]+")
_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,80}")


def normal_email(text: str) -> str:
    """An e-mail address as it is compared: without blanks around, in lower case."""
    return text.strip().casefold()


def find(connection: Connection, **criterion: Any) -> Account | None:
    """The account for which a unique column has this value."""
    ((column, value),) = criterion.items()
    found = _select(connection, user.c[column] == value)
    return found[0] if found else None


def everyone(connection: Connection) -> list[Account]:
    """Every account, by e-mail address."""
    return _select(connection, sa.true())


def exists_any(connection: Connection) -> bool:
    """Whether there is an account at all."""
    return connection.execute(sa.select(user.c.id).limit(1)).first() is not None


def create(
    connection: Connection, *, email: str, name: str, password_hash: str | None, roles: Iterable[str], at: datetime
) -> Account:
    """A new active account; without a password nobody signs in to it until its invitation is used.

    Raises
    ------
    ConfigError
        For an address that is none or is taken, or a role that is none.
    """
    address = normal_email(email)
    if len(address) > 255 or not _EMAIL.fullmatch(address):
        raise ConfigError([f"not an e-mail address: {email!r}"])
    if find(connection, email=address) is not None:
        raise ConfigError([f"there is an account already: {address}"])
    statement = user.insert().values(
        email=address, name=_one_line(name)[:200], password=password_hash, active=True,
        handle=secrets.token_hex(32), created_at=at, locale="",
    )  # fmt: skip
    identity = connection.execute(statement).inserted_primary_key
    assert identity is not None
    _grant(connection, identity[0], _checked(roles))
    created = find(connection, id=identity[0])
    assert created is not None
    return created


def set_roles(connection: Connection, account: Account, roles: Iterable[str]) -> None:
    """Give an account these roles and no others. Rights are read anew at each request, so the sessions may stay."""
    wanted = _checked(roles)
    connection.execute(user_role.delete().where(user_role.c.user_id == account.id))
    _grant(connection, account.id, wanted)


def set_scope(
    connection: Connection,
    account: Account,
    *,
    regions: Iterable[str],
    hazards: Iterable[str],
    levels: Iterable[str] | None = None,
    sectors: Iterable[str] | None = None,
) -> None:
    """Limit the roles of an account to regions, with all below them, and hazards; none is everywhere, or all.

    `levels` and `sectors` limit which surveys it sees; None leaves them as they are.

    Raises
    ------
    ConfigError
        For what cannot be a region's code or a hazard. Whether a region is known is asked where regions are known.
    """
    asked = {"region": regions, "hazard": hazards, "level": levels, "sector": sectors}
    wanted = {kind: sorted(set(values)) for kind, values in asked.items() if values is not None}
    odd = [value for values in wanted.values() for value in values if not _SCOPE.fullmatch(value)]
    if odd:
        raise ConfigError([f"not the code of a region, hazard, level or sector: {value!r}" for value in odd])
    mine = (user_scope.c.user_id == account.id, user_scope.c.kind.in_(wanted))
    connection.execute(user_scope.delete().where(*mine))
    rows = [
        {"user_id": account.id, "kind": kind, "value": value} for kind, values in wanted.items() for value in values
    ]
    if rows:
        connection.execute(user_scope.insert(), rows)


def set_active(connection: Connection, account: Account, active: bool, *, at: datetime, by: str) -> None:
    """Switch an account on or off; either way its sessions end."""
    _update(connection, account, active=active)
    session_rows.end_all(connection, account.id, at=at, by=by)


def set_password(connection: Connection, account: Account, password_hash: str, *, at: datetime, by: str) -> None:
    """Store a new password; the sessions that the old one opened end."""
    _update(connection, account, password=password_hash)
    session_rows.end_all(connection, account.id, at=at, by=by)


def set_name(connection: Connection, account: Account, name: str) -> None:
    """How a person is called."""
    _update(connection, account, name=_one_line(name)[:200])


def note_login(connection: Connection, account: Account, at: datetime) -> None:
    """Keep the time of the last successful sign-in."""
    _update(connection, account, last_login_at=at)


def _update(connection: Connection, account: Account, **values: Any) -> None:
    connection.execute(user.update().where(user.c.id == account.id).values(**values))


def _checked(roles: Iterable[str]) -> list[str]:
    wanted = sorted(set(roles))
    unknown = [name for name in wanted if name not in ROLES]
    if unknown or not wanted:
        raise ConfigError([f"roles are {', '.join(ROLES)}; not {', '.join(unknown) or 'none'}"])
    if SCREENS & set(wanted) and len(wanted) > 1:
        raise ConfigError(["a wall display has the role wall and no other: it stays signed in for weeks"])
    return wanted


def _grant(connection: Connection, identity: int, roles: Iterable[str]) -> None:
    for name in roles:
        known = connection.execute(sa.select(role.c.id).where(role.c.name == name)).scalar()
        if known is None:
            inserted = connection.execute(role.insert().values(name=name)).inserted_primary_key
            assert inserted is not None
            known = inserted[0]
        connection.execute(user_role.insert().values(user_id=identity, role_id=known))


def _select(connection: Connection, condition: sa.ColumnElement[bool]) -> list[Account]:
    rows = connection.execute(sa.select(user).where(condition).order_by(user.c.email)).all()
    chosen = user.c.id.in_(sa.select(user.c.id).where(condition))
    granted = user_role.join(role, role.c.id == user_role.c.role_id).join(user, user.c.id == user_role.c.user_id)
    roles: dict[int, set[str]] = defaultdict(set)
    for held in connection.execute(sa.select(user_role.c.user_id, role.c.name).select_from(granted).where(chosen)):
        roles[held.user_id].add(held.name)
    scopes: dict[tuple[int, str], list[str]] = defaultdict(list)
    limited = user_scope.join(user, user.c.id == user_scope.c.user_id)
    query = sa.select(user_scope).select_from(limited).where(chosen).order_by(user_scope.c.value)
    for limit in connection.execute(query):
        scopes[limit.user_id, limit.kind].append(limit.value)
    return [
        replace(
            _account(row), roles=frozenset(roles[row.id]), regions=tuple(scopes[row.id, "region"]),
            hazards=tuple(scopes[row.id, "hazard"]), levels=tuple(scopes[row.id, "level"]),
            sectors=tuple(scopes[row.id, "sector"]),
        )
        for row in rows
    ]  # fmt: skip


def _account(row: Any) -> Account:
    return Account(
        id=row.id, email=row.email, name=row.name, password=row.password, active=row.active, handle=row.handle,
        locale=row.locale, created_at=row.created_at, last_login_at=row.last_login_at,
    )  # fmt: skip


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
