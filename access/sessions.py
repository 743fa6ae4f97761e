"""Sessions: an opaque token in a signed cookie, a row in the store, an end after idling, and an end in any case.

The cookie holds the token and the CSRF token; everything that counts stands in the row (`access.session_rows`), so
that a session ends for good wherever it is ended from. Any request of an open page is use: a duty room's Watch page
stays signed in up to the absolute limit.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from flask import Flask, g, request, session
from werkzeug.middleware.proxy_fix import ProxyFix

from access import accounts, session_rows
from access.headers import Sessions
from access.keys import Keys
from access.people import NOBODY, Account, Person, access, current
from data.actor import PROOF_HOLDS, Reauthentication
from data.settings import Settings

AHEAD = timedelta(seconds=5)  # a proof from after now was given while the clock was wrong
LARGEST_REQUEST = 1 << 20
LARGEST_UPLOAD = 8 << 20  # by staff, through a page: two files of 2 MB as base64, and the text beside them

log = logging.getLogger("tocsin.access")


def configure(server: Flask, settings: Settings, keys: Keys) -> None:
    """Sessions and the trusted proxies of a server."""
    server.config.update(
        SECRET_KEY=keys.session,
        SESSION_COOKIE_NAME="__Host-session" if settings.behind_tls else f"tocsin_session_{settings.port}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=settings.behind_tls,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
    )
    if server.config.get("MAX_CONTENT_LENGTH") is None:
        server.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    server.session_interface = Sessions()
    if settings.proxy_hops:
        hops = settings.proxy_hops
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def begin(account: Account, proved: Reauthentication, *, second_factor: bool) -> None:
    """A new session for an account that has proved itself; nothing of the old one is kept."""
    parts, before = access(), current()
    with parts.store.write() as connection:
        if before.session_id:
            session_rows.end(connection, before.id, before.session_id, at=proved.at, by="a new sign-in")
        token = session_rows.begin(
            connection, account.id, proved=proved, second_factor=second_factor, where_from=_where_from()
        )  # fmt: skip
    session.clear()
    session.update(token=token, csrf=secrets.token_urlsafe(32))
    g.person = load()


def step_up(proved: Reauthentication) -> None:
    """The same person has proved again who it is: a new token, and roles that were asleep may wake."""
    parts, person, now = access(), current(), proved.at
    with parts.store.write() as connection:
        found = session_rows.find(connection, str(session.get("token", "")), now)
        assert found is not None  # the guard has just let this request through by it
        session_rows.end(connection, person.id, found.id, at=now, by=session_rows.RENEWED)
        session["token"] = session_rows.begin(
            connection, person.id, proved=proved, second_factor=found.second_factor or proved.second_factor,
            began_at=found.began_at, where_from=_where_from(),
        )  # fmt: skip
    g.person = load()


def load() -> Person:
    """Whoever the cookie of this request belongs to. What came too late is ended, so no clock brings it back."""
    token = session.get("token")
    if not isinstance(token, str):
        return NOBODY
    parts, now = access(), access().clock()
    with parts.store.read() as connection:
        found = session_rows.find(connection, token, now)
        if found is None:
            return NOBODY
        account = accounts.find(connection, id=found.user_id)
        in_time = session_rows.in_time(connection, found, now, parts.settings.wall_session)
    if account is None or not in_time:
        with parts.store.write() as connection:
            session_rows.end(connection, found.user_id, found.id, at=now, by="its time was over")
        return NOBODY
    fresh = found.proved if -AHEAD <= now - found.proved.at < PROOF_HOLDS else None
    if now - found.seen_at >= session_rows.TOUCH_EVERY:
        _touch(found.id)
    twice = found.second_factor or parts.exercise
    return account.person(second_factor=twice, proved=fresh, session_id=found.id)


def matches_csrf(token: str) -> bool:
    """Whether a token is the session's."""
    known = str(session.get("csrf", ""))
    return bool(known) and hmac.compare_digest(known.encode(), token.encode("utf-8", "replace"))


def watch() -> Callable[[], bool]:
    """For an answer that stays open: a function that says whether the session that asked for it still stands."""
    parts, asked_by = access(), current().session_id

    def stands() -> bool:
        with parts.store.read() as connection:
            return session_rows.stands(connection, asked_by, parts.clock(), parts.settings.wall_session)

    return stands


def _touch(session_id: int) -> None:
    """A store that cannot be written (a full disk) still shows what is in it; the session then ends as if unused."""
    try:
        with access().store.write() as connection:
            session_rows.touch(connection, session_id, access().clock())
    except sa.exc.OperationalError as error:
        log.warning("the use of a session is not noted: %s", error.orig)


def _where_from() -> tuple[str, str]:
    return request.remote_addr or "", request.headers.get("User-Agent", "")
