"""Sessions: a signed cookie with the account's present key, an end after idling, and an end in any case.

The cookie holds `_user_id` (the account's `fs_uniquifier`, renewed at sign-out, switch-off and password change, which
makes every older cookie worthless), the CSRF token, and when the session began and was last used. Any request of an
open page counts as use: a duty room's Watch page stays signed in up to the absolute limit.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask, session
from flask_login import login_user as flask_login_user
from flask_security import Security
from werkzeug.middleware.proxy_fix import ProxyFix

from access import accounts
from access.headers import Sessions
from access.keys import Keys
from access.people import Account, access
from data.settings import Settings
from data.store.engine import Store

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
TOUCH_EVERY_S = 60  # a busy page gets a new cookie this often, not with each answer
LARGEST_REQUEST = 1 << 20
LARGEST_UPLOAD = 8 << 20  # by staff, through a page: two files of 2 MB as base64, and the text beside them


def configure(server: Flask, store: Store, settings: Settings, keys: Keys) -> None:
    """Sessions, accounts and the trusted proxies of a server."""
    server.config.update(
        SECRET_KEY=keys.session,
        SESSION_COOKIE_NAME="__Host-session" if settings.behind_tls else f"tocsin_session_{settings.port}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=settings.behind_tls,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        SESSION_PROTECTION=None,
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - the name of the scheme
        SECURITY_PASSWORD_SALT=keys.password_salt,
        SECURITY_CLI_USERS_NAME=None,
        SECURITY_CLI_ROLES_NAME=None,
    )
    if server.config.get("MAX_CONTENT_LENGTH") is None:
        server.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    server.session_interface = Sessions()
    security = Security(server, accounts.Accounts(store), register_blueprint=False)
    security.login_manager.request_loader(lambda _request: None)  # no tokens in headers, addresses or bodies
    server.before_request_funcs[None].remove(security.principal._on_before_request)  # the guard decides, once
    if settings.proxy_hops:
        hops = settings.proxy_hops
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def begin(account: Account, now: datetime) -> None:
    """A new session for an account that has proved itself; nothing of the old one is kept."""
    session.clear()
    flask_login_user(account, remember=False, force=True)
    session.update(csrf=secrets.token_urlsafe(32), began=int(now.timestamp()), seen=int(now.timestamp()))


def expire(now: datetime) -> None:
    """Forget a session that idled too long, or lasts too long."""
    if "_user_id" in session and not _in_time(now):
        session.clear()


def touch(now: datetime) -> None:
    """Note that the session is in use."""
    if now.timestamp() - session["seen"] >= TOUCH_EVERY_S:
        session["seen"] = int(now.timestamp())


def matches_csrf(token: str) -> bool:
    """Whether a token is the session's."""
    known = str(session.get("csrf", ""))
    return bool(known) and hmac.compare_digest(known.encode(), token.encode("utf-8", "replace"))


def watch() -> Callable[[], bool]:
    """For an answer that stays open: a function that says whether the session that asked for it still stands."""
    parts, key, began = access(), str(session.get("_user_id", "")), session.get("began", 0)

    def stands() -> bool:
        if parts.clock().timestamp() - began >= ABSOLUTE.total_seconds():
            return False
        with parts.store.read() as connection:
            return accounts.has_session(connection, key)

    return stands


def _in_time(now: datetime) -> bool:
    began, seen = session.get("began"), session.get("seen")
    if not isinstance(began, int) or not isinstance(seen, int):
        return False
    at = now.timestamp()
    return at - began < ABSOLUTE.total_seconds() and at - seen < IDLE.total_seconds()
