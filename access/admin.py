"""What administrators do to accounts. Each change stands in one transaction with its audit entry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access import accounts, audit, factors, invitations, keys, session_rows
from access.matrix import may
from access.people import Account, Person
from data.errors import ConfigError
from data.store.engine import Store
from data.store.tables import audit as audit_table
from data.store.tables import user_factor

PROVE_FIRST = "Prove first who you are."
NOT_ALLOWED = "This account may not do that."
LAST_ADMIN = "This is the last administrator who can sign in."


class Line(NamedTuple):
    """An account as the list shows it."""

    account: Account
    sessions: list[Any]  # rows that stand
    factors: list[factors.Factor]
    recovery_codes: int


class KeyFile(NamedTuple):
    """A key of this office, without its value."""

    name: str
    purpose: str
    written_at: float  # seconds since 1970
    ids: tuple[str, ...]


def lines(store: Store, now: datetime, wall: timedelta) -> list[Line]:
    """Every account with what stands open and what protects it."""
    with store.read() as connection:
        return [
            Line(
                account, session_rows.open_of(connection, account.id, now, wall),
                factors.of(connection, account.id), factors.recovery_codes_left(connection, account.id),
            )
            for account in accounts.everyone(connection)
        ]  # fmt: skip


def invite(store: Store, by: Person, *, email: str, name: str, roles: Iterable[str], now: datetime) -> str:
    """Make an account and the link by which its person takes it over: the link's token."""
    check(by)
    with store.write() as connection:
        account = accounts.create(
            connection, email=email, name=name, password_hash=None, roles=roles, at=now
        )  # fmt: skip
        _note(connection, by.email, "user.add", account, now, roles=sorted(account.roles))
        return invitations.make(connection, account, by=by.email, now=now)


def invite_again(store: Store, by: Person, user_id: int, now: datetime) -> str:
    """A new link for an account, also when its password is forgotten."""
    check(by)
    with store.write() as connection:
        return invitations.make(connection, _found(connection, user_id), by=by.email, now=now)


def set_rights(
    store: Store, by: Person, user_id: int, *, roles: Iterable[str], regions: Iterable[str], hazards: Iterable[str],
    now: datetime,
) -> None:  # fmt: skip
    """Roles and their limits, together."""
    check(by)
    wanted = {"roles": sorted(set(roles)), "regions": sorted(set(regions)), "hazards": sorted(set(hazards))}
    with store.write() as connection:
        account = _found(connection, user_id)
        accounts.set_roles(connection, account, wanted["roles"])
        accounts.set_scope(connection, account, regions=wanted["regions"], hazards=wanted["hazards"])
        _keep_an_administrator(connection)
        _note(connection, by.email, "user.role", account, now, **wanted)


def set_active(store: Store, by: Person, user_id: int, active: bool, now: datetime) -> None:
    """Switch an account on or off; its sessions end."""
    check(by)
    with store.write() as connection:
        account = _found(connection, user_id)
        accounts.set_active(connection, account, active, at=now, by=by.email)
        _keep_an_administrator(connection)
        _note(connection, by.email, "user.enable" if active else "user.disable", account, now)


def end_sessions(store: Store, by: Person, user_id: int, now: datetime) -> None:
    """End every session of an account."""
    check(by)
    with store.write() as connection:
        account = _found(connection, user_id)
        count = session_rows.end_all(connection, user_id, at=now, by=by.email)
        _note(connection, by.email, "session.end", account, now, sessions=count)


def reset_second_factor(store: Store, by: Person, user_id: int, now: datetime) -> None:
    """Take away what a person has lost; nobody does that to oneself here."""
    check(by)
    if by.id == user_id:
        raise ConfigError(["Somebody else takes your second factors away."])
    with store.write() as connection:
        account = _found(connection, user_id)
        count = reset_factors(connection, account, at=now, by=by.email)
        _note(connection, by.email, "user.reset-factors", account, now, factors=count)


def reset_factors(connection: Connection, account: Account, *, at: datetime, by: str) -> int:
    """Take every second factor away and end the sessions that rested on them; how many factors."""
    session_rows.end_all(connection, account.id, at=at, by=by)
    return factors.remove_all(connection, account.id)


def check(by: Person) -> None:
    """The second lock: the action, and a fresh proof of who it is, with a second factor.

    Raises
    ------
    ConfigError
        With the reason, for people.
    """
    if not may(by.roles, "admin.users"):
        raise ConfigError([NOT_ALLOWED])
    if by.proved is None or not by.second_factor:
        raise ConfigError([PROVE_FIRST])


def key_files(home: Path) -> list[KeyFile]:
    """The keys in `home/secrets`: what each is for, and when it was written. Values are never shown."""
    folder = home / "secrets"
    own = keys.PURPOSES
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [
        KeyFile(str(path.relative_to(folder)), own.get(path.name, ""), path.stat().st_mtime, keys.ids_of(path))
        for path in found
    ]


def newest_entries(store: Store, count: int) -> list[Any]:
    """The end of the audit chain, the newest first, as rows."""
    with store.read() as connection:
        return list(connection.execute(sa.select(audit_table).order_by(audit_table.c.seq.desc()).limit(count)).all())


def factor_keys_in_use(store: Store) -> dict[str, int]:
    """How many kept secrets each key of `factor_key` opens, by the key's id."""
    with store.read() as connection:
        kept = connection.execute(sa.select(user_factor.c.secret).where(user_factor.c.kind == "totp")).scalars().all()
    tally: dict[str, int] = {}
    for secret in kept:
        name = str(secret).partition(":")[0]
        tally[name] = tally.get(name, 0) + 1
    return tally


def _found(connection: Connection, user_id: int) -> Account:
    account = accounts.find(connection, id=user_id)
    if account is None:
        raise ConfigError(["There is no such account."])
    return account


def _keep_an_administrator(connection: Connection) -> None:
    if not any(account.active and "admin" in account.roles for account in accounts.everyone(connection)):
        raise ConfigError([LAST_ADMIN])


def _note(connection: Connection, by: str, action: str, account: Account, now: datetime, **detail: Any) -> None:
    audit.append(connection, at=now, actor=by, action=action, object=account.email, detail=detail)
