"""The second step of signing in: a code, a security key or a recovery code, after the password was right."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, redirect, request, session
from werkzeug.wrappers import Response as AnyResponse

from access import accounts, factors, proofs, security_keys, sessions
from access.answers import TOO_OLD, deny, form_page, later, safe_next
from access.people import Account, access
from access.sessions import matches_csrf
from data.actor import Reauthentication

WITHIN = timedelta(minutes=5)  # between the password and the second step
WRONG = "This code is not right, or was used already."

blueprint = Blueprint("second_step", __name__)


def go_on(account: Account, now: datetime, target: str, proved: Reauthentication | None = None) -> AnyResponse:
    """After a first proof: to the second step where there is one, to setting one up where a role needs it."""
    parts = access()
    with parts.store.write() as connection:
        has_factors = bool(factors.of(connection, account.id))
        if not has_factors:
            accounts.note_login(connection, account, now)
    if has_factors:
        session.clear()
        session.update(
            pending=[account.id, now.isoformat(), _mark(account)], csrf=secrets.token_urlsafe(32)
        )  # fmt: skip
        return redirect(f"/login/second?next={quote(target, safe='/')}", 303)
    sessions.begin(account, proved or Reauthentication(now, "password", False), second_factor=False)
    if account.must_prove_twice and not parts.exercise:
        return redirect(f"/account/factors?next={quote(target, safe='/')}", 303)
    return redirect(target, 303)


@blueprint.get("/login/second")
def second_page() -> AnyResponse:
    """The form for the code, and the button for the security key."""
    account = _pending()
    return redirect("/login", 303) if account is None else _page(account, 200)


@blueprint.post("/login/second")
def second_form() -> AnyResponse:
    """Check a code of the program, or a recovery code, and sign in."""
    account, now = _pending(), access().clock()
    if account is None:
        return redirect("/login", 303)
    if not matches_csrf(request.form.get("csrf_token", "")):
        return _page(account, 400, TOO_OLD)
    kind, wait = proofs.prove_code(account, request.form.get("code", ""), now, recovery=True)
    if wait:
        return later(lambda fault: _page(account, 429, fault), wait)
    if kind is None:
        return _page(account, 401, WRONG)
    if kind == "recovery":  # it opens the pages, but signs nothing: that takes a code or a key
        return _sign_in(account, Reauthentication(now, "password", False))
    return _sign_in(account, Reauthentication(now, "totp", True))


@blueprint.post("/login/second/options.json")
def second_options() -> AnyResponse:
    """What the browser asks a security key."""
    account = _pending()
    if account is None or not matches_csrf(request.headers.get("X-CSRFToken", "")):
        return deny(401, "Sign in first.")
    options = security_keys.ask_to_use(account, access().clock())
    return jsonify(options) if options is not None else deny(404, "There is no security key for this address.")


@blueprint.post("/login/second/key.json")
def second_key() -> AnyResponse:
    """Check what a security key has signed, and sign in."""
    account, now = _pending(), access().clock()
    if account is None or not matches_csrf(request.headers.get("X-CSRFToken", "")):
        return deny(401, "Sign in first.")
    target = safe_next(request.args.get("next", ""))
    answered = security_keys.check_used(account, request.get_json(silent=True), now)
    if not proofs.note_key(account, answered, now):
        return deny(401, "The security key was not accepted.")
    _sign_in(account, Reauthentication(now, "webauthn", True))
    return jsonify(ok=True, next=target)


def _sign_in(account: Account, proved: Reauthentication) -> AnyResponse:
    target = safe_next(request.form.get("next", ""))
    with access().store.write() as connection:
        accounts.note_login(connection, account, proved.at)
    sessions.begin(account, proved, second_factor=True)
    return redirect(target, 303)


def _page(account: Account, status: int, *faults: str) -> Response:
    with access().store.read() as connection:
        kinds = {factor.kind for factor in factors.of(connection, account.id)}
    return form_page("second.html", status, *faults, kinds=kinds)


def _pending() -> Account | None:
    """Whose password was right a moment ago in this browser, if it is still that password."""
    kept = session.get("pending")
    if not isinstance(kept, list) or access().clock() - datetime.fromisoformat(kept[1]) >= WITHIN:
        return None
    with access().store.read() as connection:
        account = accounts.find(connection, id=kept[0])
    return account if account is not None and account.active and _mark(account) == kept[2] else None


def _mark(account: Account) -> str:
    return hashlib.sha256((account.password or "").encode()).hexdigest()[:16]
