"""The page of one's own second factors: a program that makes codes, security keys, recovery codes."""

from __future__ import annotations

import segno
from flask import Blueprint, Response, jsonify, redirect, request, session
from sqlalchemy.engine import Connection
from werkzeug.wrappers import Response as AnyResponse

from access import accounts, audit, factors, proofs, security_keys, sessions, throttle, totp
from access.answers import deny, form_page, later, safe_next
from access.labels import needs
from access.people import Account, access, current
from data.actor import Reauthentication

WRONG = "This code is not right. Is the time of your telephone right?"
LAST = "This is the last one, and a role of yours needs one: add another first."
TOO_MANY = "This account has as many second factors as it may have."

blueprint = Blueprint("factors", __name__)


@blueprint.get("/account/factors")
@needs("account.self")
def factors_page() -> AnyResponse:
    """What there is, and ways to add."""
    return _page(200)


@blueprint.post("/account/factors/totp")
@needs("account.self", form=True)
def start_totp() -> AnyResponse:
    """Show a new secret as QR code and as text; it is kept, hidden, in this browser until a code proves it."""
    if not may_change():
        return _prove_first()
    person, parts = current(), access()
    session["enrol"] = parts.keys.encrypt(f"{person.id}:{totp.new_secret()}")
    return _totp_page(200)


@blueprint.post("/account/factors/totp/code")
@needs("account.self", form=True)
def finish_totp() -> AnyResponse:
    """Keep the program that has shown the right code."""
    if not may_change():
        return _prove_first()
    parts, person, now = access(), current(), access().clock()
    secret = _enrolling()
    if secret is None:
        return redirect("/account/factors", 303)
    with parts.store.read() as connection:
        wait = throttle.wait_s(connection, throttle.CODES, name=person.email, address="", now=now)
    if wait:
        return later(lambda fault: _totp_page(429, fault), wait)
    step = totp.matching_step(secret, request.form.get("code", ""), now)
    if step is None:
        proofs.note_wrong_code(person.email, now)
        return _totp_page(400, WRONG)
    name = request.form.get("name", "").strip() or "Authenticator"
    session.pop("enrol")
    with parts.store.write() as connection:
        if len(factors.of(connection, person.id)) >= factors.MOST:
            return _page(400, TOO_MANY)
        factors.add_totp(connection, person.id, secret=secret, name=name, step=step, keys=parts.keys, at=now)
        codes = _added(connection, "totp", name)
    sessions.step_up(Reauthentication(now, "totp", True))
    return _page(200, done="The second factor is set up.", codes=codes)


@blueprint.post("/account/factors/key/options.json")
@needs("account.self")
def key_options() -> AnyResponse:
    """What the browser needs to make a security key for this account."""
    if not may_change():
        return deny(403, "Prove first who you are.")
    account = _account()
    return jsonify(security_keys.ask_to_add(account, access().clock()))


@blueprint.post("/account/factors/key.json")
@needs("account.self")
def add_key() -> AnyResponse:
    """Keep a new security key; its first recovery codes are shown by the page that comes next."""
    if not may_change():
        return deny(403, "Prove first who you are.")
    parts, person, now = access(), current(), access().clock()
    body = request.get_json(silent=True)
    asked = body if isinstance(body, dict) else {}
    made = security_keys.check_added(asked.get("credential"), now)
    if made is None:
        return deny(400, "The security key was not accepted.")
    name = str(asked.get("name", "")).strip() or "Security key"
    with parts.store.write() as connection:
        if len(factors.of(connection, person.id)) >= factors.MOST:
            return deny(400, TOO_MANY)
        factors.add_key(connection, person.id, name=name, at=now, **made)
        _note(connection, "factor.add", {"kind": "webauthn", "name": name})
    sessions.step_up(Reauthentication(now, "webauthn", True))
    return jsonify(ok=True, next="/account/factors")


@blueprint.post("/account/factors/remove")
@needs("account.self", form=True)
def remove_factor() -> AnyResponse:
    """Take one away; where a role needs one, never the last."""
    if not may_change():
        return _prove_first()
    parts, person, which = access(), current(), request.form.get("factor", "")
    if not which.isdecimal() or len(which) > 18:
        return redirect("/account/factors", 303)
    account = _account()
    with parts.store.write() as connection:
        if account.must_prove_twice and len(factors.of(connection, person.id)) < 2:
            return _page(400, LAST)
        name = factors.remove(connection, person.id, int(which))
        if name is not None:
            _note(connection, "factor.remove", {"name": name})
    return redirect("/account/factors", 303)


@blueprint.post("/account/factors/recovery")
@needs("account.self", form=True)
def renew_recovery() -> AnyResponse:
    """New recovery codes in place of the old ones."""
    if not may_change():
        return _prove_first()
    parts, person, now = access(), current(), access().clock()
    with parts.store.write() as connection:
        if not factors.of(connection, person.id):
            return redirect("/account/factors", 303)
        codes = factors.new_recovery_codes(connection, person.id, keys=parts.keys, at=now)
        _note(connection, "factor.recovery", {})
    return _page(200, codes=codes)


def may_change() -> bool:
    """Whether the present person has just proved who it is: with a second factor, if it has one."""
    person = current()
    with access().store.read() as connection:
        has_any = bool(factors.of(connection, person.id))
    return person.proved is not None and (person.second_factor or not has_any)


def _prove_first() -> AnyResponse:
    return redirect("/reauth?next=/account/factors", 303)


def _added(connection: Connection, kind: str, name: str) -> list[str]:
    """Note it; the first recovery codes of the account come with the first program."""
    _note(connection, "factor.add", {"kind": kind, "name": name})
    if factors.recovery_codes_left(connection, current().id):
        return []
    return factors.new_recovery_codes(connection, current().id, keys=access().keys, at=access().clock())


def _note(connection: Connection, action: str, detail: dict[str, str]) -> None:
    email = current().email
    audit.append(connection, at=access().clock(), actor=email, action=action, object=email, detail=detail)


def _enrolling() -> str | None:
    """The secret that this browser is setting up, if it is this person's."""
    kept = session.get("enrol")
    owner, _, secret = access().keys.decrypt(kept).partition(":") if isinstance(kept, str) else ("", "", "")
    return secret if owner == str(current().id) else None


def _totp_page(status: int, *faults: str) -> AnyResponse:
    secret = _enrolling()
    if secret is None:
        return redirect("/account/factors", 303)
    code = segno.make(totp.address(secret, account=current().email, issuer="Tocsin"), error="m", micro=False)
    picture = code.svg_data_uri(scale=4, border=3, dark="#000", light="#fff")
    grouped = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return form_page("totp.html", status, *faults, picture=picture, secret=grouped)


def _page(status: int, *faults: str, done: str = "", codes: list[str] | None = None) -> Response:
    with access().store.read() as connection:
        found = factors.of(connection, current().id)
        left = factors.recovery_codes_left(connection, current().id)
    return form_page(
        "factors.html", status, *faults, done=done, found=found, left=left, codes=codes or [],
        unlocked=may_change(), ways_on=safe_next(request.values.get("next", "")),
    )  # fmt: skip


def _account() -> Account:
    with access().store.read() as connection:
        account = accounts.find(connection, id=current().id)
    assert account is not None  # the guard has found the session's account just now
    return account
