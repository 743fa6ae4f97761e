"""Our own small pages, which work without scripts: sign in, sign out, first run, change of password."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from threading import BoundedSemaphore

from flask import Blueprint, Response, redirect, request, send_from_directory, session
from werkzeug.wrappers import Response as AnyResponse

from access import accounts, audit, first_run, passwords, sessions, throttle
from access.answers import deny, form_page, safe_next
from access.labels import needs
from access.people import Account, access, current
from access.sessions import matches_csrf
from data.errors import ConfigError

# Proofs at once in one process. The count of wrong ones is read inside, so a burst cannot run past the limit.
PROOFS = BoundedSemaphore(2)
UNTIL_LATER = "Too many wrong attempts. Please wait a few minutes."
TOO_OLD = "The page was open for too long. Please try again."

blueprint = Blueprint("access", __name__, template_folder="templates", static_folder=None)


@blueprint.get("/login.css")
def style() -> Response:
    """The stylesheet of these pages."""
    response = send_from_directory(Path(__file__).with_name("static"), "login.css")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


@blueprint.get("/login")
def login_page() -> AnyResponse:
    """The sign-in form."""
    sessions.expire(access().clock())
    if current().signed_in:
        return redirect(safe_next(request.args.get("next", "")))
    return _login_form(200)


@blueprint.post("/login")
def login() -> AnyResponse:
    """Check address and password; one answer for an unknown address, a wrong password and a switched-off account."""
    if not matches_csrf(request.form.get("csrf_token", "")):
        return _login_form(400, TOO_OLD)
    now = access().clock()
    account, wait = prove(request.form.get("email", ""), request.form.get("password", ""), now)
    if wait:
        response = _login_form(429, UNTIL_LATER)
        response.headers["Retry-After"] = str(wait)
        return response
    if account is None:
        return _login_form(401, "This e-mail address and password do not belong together.")
    sessions.begin(account, now)
    return redirect(safe_next(request.form.get("next", "")), 303)


@blueprint.get("/logout")
@needs("account.self")
def logout_page() -> Response:
    """Ask before signing out, since opening an address must change nothing."""
    return form_page("logout.html", 200)


@blueprint.post("/logout")
@needs("account.self", form=True)
def logout() -> AnyResponse:
    """End every session of this account, on this and on other screens."""
    parts, person = access(), current()
    with parts.store.write() as connection:
        account = accounts.find(connection, id=person.id)
        if account is not None:
            accounts.end_sessions(connection, account)
        audit.append(connection, at=parts.clock(), actor=person.email, action="logout", object=person.email)
    session.clear()
    response = redirect("/login", 303)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@blueprint.get("/first-run/<token>")
def first_run_page(token: str) -> AnyResponse:
    """The form for the first administrator, behind the link printed on the console."""
    with access().store.read() as connection:
        usable = first_run.is_valid(connection, token, access().clock())
    return form_page("first_run.html", 200) if usable else _link_is_void()


@blueprint.post("/first-run/<token>")
def first_run_form(token: str) -> AnyResponse:
    """Make the first administrator and sign in."""
    parts, now = access(), access().clock()
    email, name, password = (request.form.get(key, "") for key in ("email", "name", "password"))
    with parts.store.read() as connection:
        if not first_run.is_valid(connection, token, now):
            return _link_is_void()
    if not matches_csrf(request.form.get("csrf_token", "")):
        return form_page("first_run.html", 400, TOO_OLD)
    faults = passwords.faults(password, email=email, name=name)
    if password != request.form.get("again", ""):
        faults.append("The two passwords differ.")
    if faults:
        return form_page("first_run.html", 400, *faults)
    hashed = passwords.hash_password(password, parts.keys.password_salt)
    try:
        with parts.store.write() as connection:
            account = first_run.use(connection, token, email=email, name=name, password_hash=hashed, now=now)
    except ConfigError:
        return form_page("first_run.html", 400, "This is not an e-mail address.")
    if account is None:
        return _link_is_void()
    sessions.begin(account, now)
    return redirect("/", 303)


@blueprint.get("/account")
@needs("account.self")
def account_page() -> Response:
    """Who one is here, and the form to change the password."""
    return form_page("account.html", 200)


@blueprint.post("/account")
@needs("account.self", form=True)
def change_password() -> AnyResponse:
    """Change one's own password; every other session of the account ends."""
    parts, now, person = access(), access().clock(), current()
    fresh = request.form.get("password", "")
    account, wait = prove(person.email, request.form.get("old", ""), now, action="password.proved")
    if wait:
        return form_page("account.html", 429, UNTIL_LATER)
    if account is None:
        return form_page("account.html", 400, "The present password is not right.")
    faults = passwords.faults(fresh, email=person.email, name=person.name)
    if fresh != request.form.get("again", ""):
        faults.append("The two passwords differ.")
    if faults:
        return form_page("account.html", 400, *faults)
    hashed = passwords.hash_password(fresh, parts.keys.password_salt)
    with parts.store.write() as connection:
        accounts.set_password(connection, account, hashed)
        audit.append(connection, at=now, actor=person.email, action="user.password", object=person.email)
        renewed = accounts.find(connection, id=account.id)
    assert renewed is not None
    sessions.begin(renewed, now)
    return form_page("account.html", 200, done="Your password is changed. Other sessions have ended.")


def prove(email: str, password: str, now: datetime, action: str = "login.ok") -> tuple[Account | None, int]:
    """The account that an address and password belong to, or the seconds to wait; both outcomes are audited."""
    parts, address = access(), request.remote_addr or ""
    typed = accounts.normal_email(email)[:255]
    with PROOFS:
        with parts.store.read() as connection:
            account = accounts.find(connection, email=typed)
            name = throttle.name_of(account, typed)
            wait = throttle.wait_s(connection, name=name, address=address, now=now)
        if wait:
            return None, wait
        stored = account.password if account is not None else None
        right = passwords.verify_password(password[: passwords.LONGEST + 1], stored, parts.keys.password_salt)
        good = account if right and account is not None and account.active else None
        with parts.store.write() as connection:
            if good is not None and action == "login.ok":
                accounts.note_login(connection, good, now)
            outcome = action if good is not None else "login.failed"
            detail = {"address": address}
            audit.append(connection, at=now, actor=name, action=outcome, object=name, detail=detail)
    return good, 0


def _login_form(status: int, *faults: str) -> Response:
    with access().store.read() as connection:
        anybody = accounts.exists_any(connection)
    return form_page("login.html", status, *faults, anybody=anybody)


def _link_is_void() -> Response:
    return deny(404, "This link is not valid, or no longer. It is printed when Tocsin starts without an account.")
