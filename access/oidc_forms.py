"""Out to the provider of identities and back: whose account it is, and the session that begins."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, redirect, request, session
from sqlalchemy.engine import Connection
from werkzeug.wrappers import Response as AnyResponse

from access import accounts, audit, oidc, second_step, sessions
from access.answers import deny, safe_next
from access.people import Account, access, current
from data.actor import Reauthentication
from data.errors import ConfigError
from data.store.tables import user_identity

WITHIN = timedelta(minutes=10)  # between leaving for the provider and coming back
FAILED = "The sign-in through the provider did not work. Please try again, or use your password."
NO_ROLE = "The provider gives this person no role here. Ask the administrator."
OTHER_ACCOUNT = "There is an account with a password for this address. Sign in with the password."

blueprint = Blueprint("oidc", __name__)
log = logging.getLogger("tocsin.access")


@blueprint.get("/oidc/start")
def start() -> AnyResponse:
    """Away to the provider; what the browser must come back with stays in its signed cookie."""
    parts = access()
    if parts.provider is None:
        return deny(404, "No provider of identities is set up here.")
    again = current().id if request.args.get("again") else 0
    scheme = "https" if parts.settings.behind_tls else request.scheme
    try:
        asked, address = oidc.question(
            parts.provider, f"{scheme}://{request.host}/oidc/callback", parts.clock(), again=bool(again)
        )
    except oidc.IdentityError as error:
        return _failed(error)
    kept = asdict(asked) | {"asked_at": asked.asked_at.isoformat()}
    session["oidc"] = {"asked": kept, "next": safe_next(request.args.get("next", "")), "again": again}
    return redirect(address)


@blueprint.get("/oidc/callback")
def callback() -> AnyResponse:
    """Back from the provider: each question is answered once."""
    parts, kept, now = access(), session.pop("oidc", None), access().clock()
    asked = _asked(kept, now)
    if parts.provider is None or asked is None:
        return deny(400, FAILED)
    try:
        found = oidc.answer(parts.provider, asked, request.args.to_dict(), now)
    except oidc.IdentityError as error:
        return _failed(error)
    if kept["again"]:
        return _prove_again(found, kept, now)
    try:
        with parts.store.write() as connection:
            account = _account_of(connection, found, now)
    except ConfigError as error:
        return deny(403, error.faults[0])
    proved = Reauthentication(now, "oidc", found.second_factor)
    if found.second_factor:
        sessions.begin(account, proved, second_factor=True)
        return redirect(str(kept["next"]), 303)
    return second_step.go_on(account, now, str(kept["next"]), proved)


def _prove_again(found: oidc.Identity, kept: dict[str, Any], now: datetime) -> AnyResponse:
    """The same person, who has just signed in at the provider and not some time ago."""
    person = current()
    with access().store.read() as connection:
        same = _identified(connection, found) == person.id == kept["again"]
    asked_at = datetime.fromisoformat(kept["asked"]["asked_at"]).timestamp()
    if not same or found.signed_in_at is None or found.signed_in_at < asked_at - oidc.LEEWAY_S:
        return deny(403, FAILED)
    _note("password.proved", person.email, now, {"by": found.issuer})
    sessions.step_up(Reauthentication(now, "oidc", found.second_factor))
    return redirect(str(kept["next"]), 303)


def _account_of(connection: Connection, found: oidc.Identity, now: datetime) -> Account:
    """The account of an identity, with the roles that the provider gives it now.

    Raises
    ------
    ConfigError
        For somebody without a role, one switched off, and an address that somebody else may hold.
    """
    if not found.roles:
        raise ConfigError([NO_ROLE])
    known = _identified(connection, found)
    account = accounts.find(connection, id=known) if known else _first_time(connection, found, now)
    if account is None or not account.active:
        raise ConfigError([NO_ROLE])
    if account.roles != set(found.roles):
        accounts.set_roles(connection, account, found.roles)
    accounts.note_login(connection, account, now)
    detail = {"address": request.remote_addr or "", "by": found.issuer, "roles": list(found.roles)}
    audit.append(connection, at=now, actor=account.email, action="login.ok", object=account.email, detail=detail)
    renewed = accounts.find(connection, id=account.id)
    assert renewed is not None
    return renewed


def _first_time(connection: Connection, found: oidc.Identity, now: datetime) -> Account:
    """An account for an address that the provider has verified; never one that a password opens."""
    if not found.email_verified:
        raise ConfigError([NO_ROLE])
    account = accounts.find(connection, email=accounts.normal_email(found.email))
    if account is not None and account.password is not None:
        raise ConfigError([OTHER_ACCOUNT])
    if account is None:
        account = accounts.create(
            connection, email=found.email, name=found.name, password_hash=None, roles=found.roles, at=now
        )  # fmt: skip
        detail = {"roles": list(found.roles), "by": found.issuer}
        audit.append(connection, at=now, actor=account.email, action="user.add", object=account.email, detail=detail)
    row = {"issuer": found.issuer, "subject": found.subject, "user_id": account.id}
    connection.execute(user_identity.insert().values(**row))
    return account


def _identified(connection: Connection, found: oidc.Identity) -> int | None:
    same = (user_identity.c.issuer == found.issuer, user_identity.c.subject == found.subject)
    return connection.execute(sa.select(user_identity.c.user_id).where(*same)).scalar()


def _asked(kept: Any, now: datetime) -> oidc.Question | None:
    if not isinstance(kept, dict):
        return None
    asked_at = datetime.fromisoformat(kept["asked"]["asked_at"])
    return oidc.Question(**(kept["asked"] | {"asked_at": asked_at})) if now - asked_at < WITHIN else None


def _failed(error: oidc.IdentityError) -> AnyResponse:
    log.warning("sign-in through the provider: %s", error)
    _note("login.failed", "provider of identities", access().clock(), {"reason": str(error)})
    return deny(403, FAILED)


def _note(action: str, who: str, now: datetime, detail: dict[str, str]) -> None:
    with access().store.write() as connection:
        detail |= {"address": request.remote_addr or ""}
        audit.append(connection, at=now, actor=who, action=action, object=who, detail=detail)
