"""Second factors in the store: codes from a program, security keys, and recovery codes that each open once."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access import totp
from access.keys import Keys
from data.store.tables import recovery_code, user_factor

RECOVERY_CODES = 10
RECOVERY_BYTES = 15  # 120 bits, so a plain keyed hash keeps them (ASVS 6.5.2)
MOST = 10  # factors of one account


@dataclass(frozen=True)
class Factor:
    """A second factor as its owner sees it."""

    id: int
    kind: Literal["totp", "webauthn"]
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True)
class SecurityKey:
    """What is kept of a security key to check what it signs."""

    id: int
    credential: str
    public_key: str
    counter: int
    site: str


def of(connection: Connection, user_id: int) -> list[Factor]:
    """The second factors of an account, in the order in which they were added."""
    query = sa.select(user_factor).where(user_factor.c.user_id == user_id).order_by(user_factor.c.id)
    return [
        Factor(row.id, row.kind, row.name, row.created_at, row.used_at) for row in connection.execute(query).all()
    ]


def add_totp(
    connection: Connection, user_id: int, *, secret: str, name: str, step: int, keys: Keys, at: datetime
) -> None:
    """Keep a program that has shown the code of a time step, which then counts as used."""
    hidden = keys.encrypt(f"{user_id}:{secret}")  # with whose it is, so that a row moved to another account is none
    _add(connection, user_id=user_id, kind="totp", name=name, secret=hidden, counter=step, created_at=at, used_at=at)


def use_totp(connection: Connection, user_id: int, code: str, *, keys: Keys, at: datetime) -> bool:
    """Whether a code is right now and was not used before; it is used by this."""
    query = sa.select(user_factor).where(user_factor.c.user_id == user_id, user_factor.c.kind == "totp")
    for row in connection.execute(query).all():
        owner, _, secret = keys.decrypt(row.secret).partition(":")
        step = totp.matching_step(secret, code, at) if owner == str(user_id) else None
        if step is not None:
            newer = (user_factor.c.id == row.id, user_factor.c.counter < step)
            if connection.execute(user_factor.update().where(*newer).values(counter=step, used_at=at)).rowcount:
                return True
    return False


def add_key(
    connection: Connection, user_id: int, *, credential: str, public_key: str, counter: int, site: str, name: str,
    at: datetime,
) -> None:  # fmt: skip
    """Keep a security key."""
    _add(
        connection, user_id=user_id, kind="webauthn", name=name, credential=credential, public_key=public_key,
        counter=counter, site=site, created_at=at,
    )  # fmt: skip


def keys_of(connection: Connection, user_id: int, site: str) -> list[SecurityKey]:
    """The security keys of an account that were made for this host."""
    query = sa.select(user_factor).where(
        user_factor.c.user_id == user_id, user_factor.c.kind == "webauthn", user_factor.c.site == site
    )
    return [
        SecurityKey(row.id, str(row.credential), row.public_key, row.counter, row.site)
        for row in connection.execute(query.order_by(user_factor.c.id)).all()
    ]


def use_key(connection: Connection, key: SecurityKey, *, counter: int, asked_at: datetime, at: datetime) -> bool:
    """Note that a key has answered; False when it was used since the question was asked: each answer counts once."""
    unused = sa.or_(user_factor.c.used_at.is_(None), user_factor.c.used_at < asked_at)
    same = (user_factor.c.id == key.id, user_factor.c.counter == key.counter, unused)
    return connection.execute(user_factor.update().where(*same).values(counter=counter, used_at=at)).rowcount == 1


def remove(connection: Connection, user_id: int, factor_id: int) -> str | None:
    """Take a factor away; its name, or None where the account has no such one. The last takes the codes with it."""
    mine = (user_factor.c.id == factor_id, user_factor.c.user_id == user_id)
    name = connection.execute(sa.select(user_factor.c.name).where(*mine)).scalar()
    if name is None:
        return None
    connection.execute(user_factor.delete().where(*mine))
    if not of(connection, user_id):
        connection.execute(recovery_code.delete().where(recovery_code.c.user_id == user_id))
    return str(name)


def remove_all(connection: Connection, user_id: int) -> int:
    """Take every factor and recovery code of an account away; how many factors."""
    connection.execute(recovery_code.delete().where(recovery_code.c.user_id == user_id))
    return connection.execute(user_factor.delete().where(user_factor.c.user_id == user_id)).rowcount


def new_recovery_codes(connection: Connection, user_id: int, *, keys: Keys, at: datetime) -> list[str]:
    """Fresh recovery codes in place of all before them: shown once, kept as hashes."""
    connection.execute(recovery_code.delete().where(recovery_code.c.user_id == user_id))
    codes = [_grouped(base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode()) for _ in range(RECOVERY_CODES)]
    rows = [{"user_id": user_id, "code_hash": _hashed(code, keys), "created_at": at} for code in codes]
    connection.execute(recovery_code.insert(), rows)
    return codes


def use_recovery_code(connection: Connection, user_id: int, code: str, *, keys: Keys, at: datetime) -> bool:
    """Whether this is an unused recovery code; it is used by this."""
    unused = (
        recovery_code.c.user_id == user_id, recovery_code.c.used_at.is_(None),
        recovery_code.c.code_hash == _hashed(code, keys),
    )  # fmt: skip
    return connection.execute(recovery_code.update().where(*unused).values(used_at=at)).rowcount == 1


def recovery_codes_left(connection: Connection, user_id: int) -> int:
    """How many recovery codes still open."""
    unused = (recovery_code.c.user_id == user_id, recovery_code.c.used_at.is_(None))
    return int(connection.execute(sa.select(sa.func.count()).where(*unused)).scalar_one())


def _add(connection: Connection, **values: Any) -> None:
    values["name"] = " ".join(values["name"].split())[:100]
    connection.execute(user_factor.insert().values(**values))


def _grouped(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _hashed(code: str, keys: Keys) -> str:
    plain = "".join(character for character in code.upper() if character.isalnum())
    return hmac.new(
        keys.password_salt.encode(), b"recovery:" + plain.encode("utf-8", "replace"), "sha256"
    ).hexdigest()
