"""Our own small pages, which work without scripts: sign in, sign out, first run, invitation, change of password."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, redirect, request, send_from_directory, session
from werkzeug.wrappers import Response as AnyResponse

from access import accounts, audit, first_run, invitations, passwords, second_step, session_rows, sessions
from access.answers import TOO_OLD, deny, form_page, later, safe_next
from access.labels import needs
from access.people import access, current, provider_name
from access.proofs import prove_password
from access.sessions import matches_csrf
from data.actor import Reauthentication
from data.errors import ConfigError

blueprint = Blueprint("access", __name__, template_folder="templates", static_folder=None)


@blueprint.get("/login.css")
def style() -> Response:
    """The stylesheet of these pages."""
    response = send_from_directory(Path(__file__).with_name("static"), "login.css")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


@blueprint.get("/access.js")
def script() -> Response:
    """The script of these pages, which only security keys need."""
    response = send_from_directory(Path(__file__).with_name("static"), "keys.js")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


@blueprint.get("/login")
def login_page() -> AnyResponse:
    """The sign-in form."""
    if current().signed_in:
        return redirect(safe_next(request.args.get("next", "")))
    return _login_form(200)


@blueprint.post("/login")
def login() -> AnyResponse:
    """Check address and password; one answer for an unknown address, a wrong password and a switched-off account."""
    if not matches_csrf(request.form.get("csrf_token", "")):
        return _login_form(400, TOO_OLD)
    now = access().clock()
    account, wait = prove_password(request.form.get("email", ""), request.form.get("password", ""), now)
    if wait:
        return later(lambda fault: _login_form(429, fault), wait)
    if account is None:
        return _login_form(401, "This e-mail address and password do not belong together.")
    return second_step.go_on(account, now, safe_next(request.form.get("next", "")))


@blueprint.get("/logout")
@needs("account.leave")
def logout_page() -> Response:
    """Ask before signing out, since opening an address must change nothing."""
    return form_page("logout.html", 200)


@blueprint.post("/logout")
@needs("account.leave", form=True)
def logout() -> AnyResponse:
    """End this session; those on other screens are ended on the account's own page."""
    parts, person = access(), current()
    with parts.store.write() as connection:
        session_rows.end(connection, person.id, person.session_id, at=parts.clock(), by="signed out")
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
    faults = _password_faults(password, email=email, name=name)
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
    return second_step.go_on(account, now, "/")


@blueprint.get("/invitation/<token>")
def invitation_page(token: str) -> AnyResponse:
    """The form by which an invited person takes the account over, behind the link from the administrator."""
    with access().store.read() as connection:
        account = invitations.find(connection, token, access().clock())
    return form_page("invitation.html", 200, account=account) if account else _invitation_is_void()


@blueprint.post("/invitation/<token>")
def invitation_form(token: str) -> AnyResponse:
    """Choose name and password, once, and sign in."""
    parts, now = access(), access().clock()
    name, password = request.form.get("name", ""), request.form.get("password", "")
    with parts.store.read() as connection:
        account = invitations.find(connection, token, now)
    if account is None:
        return _invitation_is_void()
    if not matches_csrf(request.form.get("csrf_token", "")):
        return form_page("invitation.html", 400, TOO_OLD, account=account)
    faults = _password_faults(password, email=account.email, name=name)
    if faults:
        return form_page("invitation.html", 400, *faults, account=account)
    hashed = passwords.hash_password(password, parts.keys.password_salt)
    with parts.store.write() as connection:
        taken = invitations.use(connection, token, name=name, password_hash=hashed, now=now)
    return second_step.go_on(taken, now, "/") if taken is not None else _invitation_is_void()


@blueprint.get("/account")
@needs("account.self")
def account_page() -> Response:
    """Who one is here, the sessions, and the form to change the password."""
    return _account_page(200)


@blueprint.post("/account/sessions")
@needs("account.self", form=True)
def end_session() -> AnyResponse:
    """End one of one's own sessions, or all but this one."""
    parts, now, person = access(), access().clock(), current()
    which = request.form.get("session", "")
    with parts.store.write() as connection:
        if which == "others":
            session_rows.end_all(connection, person.id, at=now, by=person.email, but=person.session_id)
        elif which.isdecimal() and len(which) < 19:
            session_rows.end(connection, person.id, int(which), at=now, by=person.email)
        audit.append(connection, at=now, actor=person.email, action="session.end", object=person.email)
    return redirect("/account", 303)


@blueprint.post("/account")
@needs("account.self", form=True)
def change_password() -> AnyResponse:
    """Change one's own password; every other session of the account ends."""
    parts, now, person = access(), access().clock(), current()
    fresh = request.form.get("password", "")
    account, wait = prove_password(person.email, request.form.get("old", ""), now, action="password.proved")
    if wait:
        return later(lambda fault: _account_page(429, fault), wait)
    if account is None:
        return _account_page(400, "The present password is not right.")
    faults = _password_faults(fresh, email=person.email, name=person.name)
    if faults:
        return _account_page(400, *faults)
    hashed = passwords.hash_password(fresh, parts.keys.password_salt)
    with parts.store.write() as connection:
        accounts.set_password(connection, account, hashed, at=now, by=person.email)
        audit.append(connection, at=now, actor=person.email, action="user.password", object=person.email)
    sessions.begin(account, Reauthentication(now, "password", False), second_factor=person.second_factor)
    return _account_page(200, done="Your password is changed. Other sessions have ended.")


def _password_faults(password: str, *, email: str, name: str) -> list[str]:
    faults = passwords.faults(password, email=email, name=name)
    return faults if password == request.form.get("again", "") else [*faults, "The two passwords differ."]


def _account_page(status: int, *faults: str, done: str = "") -> Response:
    parts, person = access(), current()
    with parts.store.read() as connection:
        rows = session_rows.open_of(connection, person.id, parts.clock(), parts.settings.wall_session)
        account = accounts.find(connection, id=person.id)
    has_password = account is not None and account.password is not None
    return form_page(
        "account.html",
        status,
        *faults,
        done=done,
        sessions=rows,
        has_password=has_password,
        program_of=session_rows.program_of,
    )


def _login_form(status: int, *faults: str) -> Response:
    with access().store.read() as connection:
        anybody = accounts.exists_any(connection)
    return form_page("login.html", status, *faults, anybody=anybody, provider=provider_name())


def _link_is_void() -> Response:
    return deny(404, "This link is not valid, or no longer. It is printed when Tocsin starts without an account.")


def _invitation_is_void() -> Response:
    return deny(404, "This link is not valid, or no longer. Ask the administrator for a new one.")
