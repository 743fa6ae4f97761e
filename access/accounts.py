"""Accounts in the store: found, made, changed. Every change that takes rights away ends the open sessions."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_security.datastore import UserDatastore
from sqlalchemy.engine import Connection

from access.matrix import ROLES
from access.people import Account, Role
from data.errors import ConfigError
from data.store.engine import Store
from data.store.tables import role, user, user_role

_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f\"'(),:;<>\[\\\]]+@[^\s@\x00-\x1f\x7f\"'(),:;<>\[\\\]]+")


class Accounts(UserDatastore):  # type: ignore[misc]
    """The part of a datastore that Flask-Security needs to load a session's account."""

    def __init__(self, store: Store) -> None:
        super().__init__(Account, Role)
        self.store = store

    def find_user(self, case_insensitive: bool = False, **criteria: Any) -> Account | None:
        """The account whose column has a value; one criterion."""
        ((column, value),) = criteria.items()
        with self.store.read() as connection:
            column = "handle" if column == "fs_uniquifier" else column
            return find(connection, **{column: normal_email(value) if column == "email" else value})

    def find_role(self, name: str) -> Role | None:
        return Role(name) if name in ROLES else None


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
    connection: Connection, *, email: str, name: str, password_hash: str, roles: Iterable[str], at: datetime
) -> Account:
    """A new active account.

    Raises
    ------
    ConfigError
        For an address that is none or is taken, or a role that is none.
    """
    address = normal_email(email)
    if len(address) > 255 or not _EMAIL.fullmatch(address):
        raise ConfigError([f"not an e-mail address: {email!r}"])
    if find(connection, email=address) is not None:
        raise ConfigError([f"there is an account for {address}"])
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


def set_active(connection: Connection, account: Account, active: bool) -> None:
    """Switch an account on or off; either way its sessions end."""
    _update(connection, account, active=active, handle=secrets.token_hex(32))


def set_password(connection: Connection, account: Account, password_hash: str) -> None:
    """Store a new password; the sessions that the old one opened end."""
    _update(connection, account, password=password_hash, handle=secrets.token_hex(32))


def end_sessions(connection: Connection, account: Account) -> None:
    """Make every cookie of an account worthless, also a stolen one."""
    _update(connection, account, handle=secrets.token_hex(32))


def has_session(connection: Connection, uniquifier: str) -> bool:
    """Whether cookies with this key belong to an active account: asked often, so it is one small query."""
    same = sa.and_(user.c.handle == uniquifier, user.c.active)
    return connection.execute(sa.select(user.c.id).where(same)).first() is not None


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
    granted = user.outerjoin(user_role, user_role.c.user_id == user.c.id)
    joined = granted.outerjoin(role, role.c.id == user_role.c.role_id)
    query = sa.select(user, role.c.name.label("role")).select_from(joined).where(condition).order_by(user.c.email)
    accounts: dict[int, Account] = {}
    for row in connection.execute(query):
        account = accounts.get(row.id) or Account(
            id=row.id, email=row.email, name=row.name, password=row.password, active=row.active,
            fs_uniquifier=row.handle, locale=row.locale, last_login_at=row.last_login_at, roles=[],
        )  # fmt: skip
        accounts[row.id] = account
        if row.role is not None:
            account.roles.append(Role(row.role))
    return list(accounts.values())


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
