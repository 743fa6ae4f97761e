"""Proofs of who somebody is: a password, then a code. Both outcomes are in the audit chain, which slows guessing."""

from __future__ import annotations

from datetime import datetime
from threading import BoundedSemaphore
from typing import Literal

from flask import request

from access import accounts, audit, factors, passwords, throttle
from access.people import Account, access
from access.security_keys import Answered

# Proofs at once in one process. The count of wrong ones is read inside, so a burst cannot run past the limit.
PROOFS = BoundedSemaphore(2)
CODE_DIGITS = 6


def prove_password(email: str, password: str, now: datetime, action: str = "login.ok") -> tuple[Account | None, int]:
    """The account that an address and password belong to, or the seconds to wait."""
    parts, address = access(), request.remote_addr or ""
    typed = accounts.normal_email(email)[:255]
    with PROOFS:
        with parts.store.read() as connection:
            account = accounts.find(connection, email=typed)
            name = throttle.name_of(account, typed)
            wait = throttle.wait_s(connection, throttle.PASSWORDS, name=name, address=address, now=now)
        if wait:
            return None, wait
        stored = account.password if account is not None else None
        right = passwords.verify_password(password[: passwords.LONGEST + 1], stored, parts.keys.password_salt)
        good = account if right and account is not None and account.active else None
        with parts.store.write() as connection:
            outcome = action if good is not None else throttle.PASSWORDS.action
            detail = {"address": address}
            audit.append(connection, at=now, actor=name, action=outcome, object=name, detail=detail)
    return good, 0


def prove_code(
    account: Account, code: str, now: datetime, *, recovery: bool
) -> tuple[Literal["totp", "recovery"] | None, int]:
    """What kind of code of this account it is, or None, and the seconds to wait; a right one is used up."""
    parts, address = access(), request.remote_addr or ""
    with PROOFS, parts.store.write() as connection:
        wait = throttle.wait_s(connection, throttle.CODES, name=account.email, address="", now=now)
        if wait:
            return None, wait
        kind: Literal["totp", "recovery"] | None = None
        short = "".join(code.split())[:64]
        if len(short) == CODE_DIGITS:
            kind = "totp" if factors.use_totp(connection, account.id, short, keys=parts.keys, at=now) else None
        elif recovery and factors.use_recovery_code(connection, account.id, short, keys=parts.keys, at=now):
            kind = "recovery"
        outcome = f"factor.{kind}" if kind else throttle.CODES.action
        audit.append(
            connection, at=now, actor=account.email, action=outcome, object=account.email, detail={"address": address}
        )
    return kind, 0


def note_key(account: Account, answered: Answered | None, now: datetime) -> bool:
    """Whether the answer of a security key counts; it counts once. Both outcomes are audited."""
    with access().store.write() as connection:
        good = answered is not None and factors.use_key(
            connection, answered.key, counter=answered.counter, asked_at=answered.asked_at, at=now
        )
        action = "factor.webauthn" if good else throttle.CODES.action
        detail = {"address": request.remote_addr or ""}
        audit.append(connection, at=now, actor=account.email, action=action, object=account.email, detail=detail)
    return good


def note_wrong_code(email: str, now: datetime) -> None:
    """Count a code that was wrong."""
    detail = {"address": request.remote_addr or ""}
    with access().store.write() as connection:
        audit.append(connection, at=now, actor=email, action=throttle.CODES.action, object=email, detail=detail)
