"""Proving once more who one is, before something that counts: signing a warning, changing keys or people.

The page is for going there and back; the JSON face lets a page that holds unsaved work ask without leaving it:
`POST /reauth.json` with `{"password", "code"}` or `{"credential", "password"}`, after `POST /reauth/options.json`
for a security key. A wrong proof is 403, never 401: the session stands.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from access import accounts, factors, proofs, security_keys, sessions
from access.answers import UNTIL_LATER, form_page, later, page_values, safe_next
from access.labels import needs
from access.people import Account, access, current, provider_name
from data.actor import PROOF_HOLDS, Reauthentication
from data.clock import iso

WRONG = "The present password or the code is not right."
KEY_REFUSED = "The security key was not accepted."
PASSWORD_TOO = "This key did not ask who you are: give your password too."  # noqa: S105 - a sentence

blueprint = Blueprint("reauth", __name__)
Outcome = tuple[Reauthentication | None, int, str]  # the proof; or seconds to wait; or what was wrong


@blueprint.get("/reauth")
@needs("account.self")
def reauth_page() -> Response:
    """The form that asks who one is."""
    return _page(200)


@blueprint.post("/reauth")
@needs("account.self", form=True)
def reauth_form() -> AnyResponse:
    """Check the proof and go back to where it was needed."""
    proved, wait, fault = prove_again(request.form.get("password", ""), request.form.get("code", ""), None)
    if wait:
        return later(lambda words: _page(429, words), wait)
    if proved is None:
        return _page(403, fault)
    sessions.step_up(proved)
    return redirect(safe_next(request.form.get("next", "")), 303)


@blueprint.post("/reauth/options.json")
@needs("account.self")
def reauth_options() -> AnyResponse:
    """By what this person can prove who it is, and what the browser asks a security key, where there is one."""
    account, kinds = _me()
    options = security_keys.ask_to_use(account, access().clock())
    ways = {"password": account.password is not None, "totp": "totp" in kinds, "key": options}
    return jsonify(ways | {"oidc": account.password is None and provider_name() != ""})


@blueprint.post("/reauth.json")
@needs("account.self")
def reauth_json() -> AnyResponse:
    """The same for a page that stays open; what it holds is not touched."""
    body = request.get_json(silent=True)
    asked: dict[str, Any] = body if isinstance(body, dict) else {}
    password, code = (str(asked.get(name, ""))[:1000] for name in ("password", "code"))
    proved, wait, fault = prove_again(password, code, asked.get("credential"))
    if wait:
        answer = jsonify(ok=False, error="later", message=_said(UNTIL_LATER))
        answer.status_code, answer.headers["Retry-After"] = 429, str(wait)
        return answer
    if proved is None:
        answer = jsonify(ok=False, error="not_proved", message=_said(fault))
        answer.status_code = 403
        return answer
    sessions.step_up(proved)
    return jsonify(
        ok=True, method=proved.method, second_factor=proved.second_factor, until=iso(proved.at + PROOF_HOLDS),
        next=safe_next(str(asked.get("next", ""))),
    )  # fmt: skip


def prove_again(password: str, code: str, answer: Any) -> Outcome:
    """Check a password with a code, or what a security key has signed, against the present person."""
    now, (account, kinds) = access().clock(), _me()
    if answer is not None:
        return _by_key(account, password, answer, now)
    proved, wait = proofs.prove_password(account.email, password, now, action="password.proved")
    if proved is None:
        return None, wait, WRONG
    if "totp" not in kinds:
        return Reauthentication(now, "password", False), 0, ""
    kind, wait = proofs.prove_code(account, code, now, recovery=False)
    return (Reauthentication(now, "totp", True), 0, "") if kind else (None, wait, WRONG)


def _by_key(account: Account, password: str, answer: Any, now: datetime) -> Outcome:
    answered = security_keys.check_used(account, answer, now)
    if not proofs.note_key(account, answered, now) or answered is None:
        return None, 0, KEY_REFUSED
    if answered.knows_person:
        return Reauthentication(now, "webauthn", True), 0, ""
    if not password:
        return None, 0, PASSWORD_TOO
    proved, wait = proofs.prove_password(account.email, password, now, action="password.proved")
    return (Reauthentication(now, "webauthn", True), 0, "") if proved else (None, wait, WRONG)


def _said(words: str) -> str:
    return str(page_values()["t"](words))


def _page(status: int, *faults: str) -> Response:
    account, kinds = _me()
    return form_page(
        "reauth.html", status, *faults, kinds=kinds, has_password=account.password is not None,
        provider=provider_name(),
    )  # fmt: skip


def _me() -> tuple[Account, set[str]]:
    with access().store.read() as connection:
        account = accounts.find(connection, id=current().id)
        assert account is not None  # the guard has found the session's account just now
        return account, {factor.kind for factor in factors.of(connection, account.id)}
