"""Sessions in the store: a row each, found by the hash of a random token, ended one by one or all at once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access.matrix import SCREENS
from data.actor import Reauthentication
from data.store.tables import role, user, user_role, user_session

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
KEPT = timedelta(days=90)  # after its last use a row goes when its owner signs in again
TOUCH_EVERY = timedelta(seconds=60)  # a busy page writes this often, not with each request
# What a page had asked when its session got a new token still arrives with the old one; it gains nothing by it.
IN_FLIGHT = timedelta(seconds=10)
CLOCK_SET_BACK = timedelta(minutes=5)  # more than this is no correction of a good clock
RENEWED = "renewed by the same person"


# Signs in the line by which browsers name themselves; several carry the signs of those further down.
PROGRAMS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """A session that stands, of an active account."""

    id: int
    user_id: int
    began_at: datetime
    seen_at: datetime
    second_factor: bool
    proved: Reauthentication


def begin(
    connection: Connection,
    user_id: int,
    *,
    proved: Reauthentication,
    second_factor: bool,
    where_from: tuple[str, str],
    began_at: datetime | None = None,
) -> str:
    """A new session, and the token that opens it; a renewed one keeps the time when it began.

    Parameters
    ----------
    where_from
        Address and program of the browser, by which its owner knows it again.
    """
    token = secrets.token_urlsafe(32)
    forgotten = (user_session.c.user_id == user_id, user_session.c.seen_at < proved.at - KEPT)
    connection.execute(user_session.delete().where(*forgotten))
    values = {
        "token_sha256": digest(token), "user_id": user_id, "began_at": began_at or proved.at, "seen_at": proved.at,
        "second_factor": second_factor, "proved_at": proved.at, "proved_by": proved.method,
        "proved_twice": proved.second_factor, "address": where_from[0][:64],
        "agent": _printable(where_from[1])[:300],
    }  # fmt: skip
    connection.execute(user_session.insert().values(**values))
    return token


def find(connection: Connection, token: str, now: datetime) -> Standing | None:
    """The session that a token opens, if nobody has ended it and its account is active; see `in_time`."""
    return _standing(connection, user_session.c.token_sha256 == digest(token), now)


def stands(connection: Connection, session_id: int, now: datetime, wall: timedelta) -> bool:
    """Whether a session found before still stands: asked often by what stays open, which is use."""
    found = _standing(connection, user_session.c.id == session_id, now)
    return found is not None and in_time(connection, replace(found, seen_at=now), now, wall)


def in_time(connection: Connection, found: Standing, now: datetime, wall: timedelta) -> bool:
    """Whether a session is neither idle for too long nor too old; a display on the wall may be both.

    One that began well after now was opened while the clock was wrong, and would last too long.
    """
    held, idle = now - found.began_at, now - found.seen_at
    if min(held, idle) < -CLOCK_SET_BACK:
        return False
    if held < ABSOLUTE and idle < IDLE:
        return True
    return held < wall and idle < wall and _is_screen(connection, found.user_id)


def touch(connection: Connection, session_id: int, now: datetime) -> None:
    """Note that a session is in use."""
    connection.execute(user_session.update().where(user_session.c.id == session_id).values(seen_at=now))


def open_of(connection: Connection, user_id: int, now: datetime, wall: timedelta) -> list[Any]:
    """The sessions of an account that stand, the newest first, as rows."""
    query = sa.select(user_session).where(user_session.c.user_id == user_id, user_session.c.ended_at.is_(None))
    rows = connection.execute(query.order_by(user_session.c.began_at.desc(), user_session.c.id.desc())).all()
    return [row for row in rows if in_time(connection, _as_standing(row), now, wall)]


def end(connection: Connection, user_id: int, session_id: int, *, at: datetime, by: str) -> bool:
    """End one session of an account; False when there is none."""
    mine = (user_session.c.id == session_id, user_session.c.user_id == user_id)
    return _end(connection, *mine, at=at, by=by) > 0


def end_all(connection: Connection, user_id: int, *, at: datetime, by: str, but: int = 0) -> int:
    """End every session of an account, save one; how many."""
    return _end(connection, user_session.c.user_id == user_id, user_session.c.id != but, at=at, by=by)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def program_of(agent: str) -> str:
    """What a person calls the browser that sends this line, as in `Firefox, Windows`; else the line itself."""
    program = next((word for sign, word in PROGRAMS if sign in agent), "")
    system = next((word for sign, word in SYSTEMS if sign in agent), "")
    return ", ".join(part for part in (program, system) if part) or agent[:80]


def _end(connection: Connection, *which: sa.ColumnElement[bool], at: datetime, by: str) -> int:
    """End what stands, and at once what only waits for requests in flight."""
    still = sa.or_(user_session.c.ended_at.is_(None), user_session.c.ended_by == RENEWED)
    statement = user_session.update().where(*which, still).values(ended_at=at, ended_by=by[:255])
    return connection.execute(statement).rowcount


def _standing(connection: Connection, which: sa.ColumnElement[bool], now: datetime) -> Standing | None:
    in_flight = (user_session.c.ended_at > now - IN_FLIGHT, user_session.c.ended_at <= now)
    renewed = sa.and_(user_session.c.ended_by == RENEWED, *in_flight)
    joined = user_session.join(user, user.c.id == user_session.c.user_id)
    query = (
        sa.select(user_session)
        .select_from(joined)
        .where(which, user.c.active, sa.or_(user_session.c.ended_at.is_(None), renewed))
    )
    row = connection.execute(query).first()
    return None if row is None else _as_standing(row)


def _as_standing(row: Any) -> Standing:
    proved = Reauthentication(row.proved_at, row.proved_by, row.proved_twice)
    return Standing(row.id, row.user_id, row.began_at, row.seen_at, row.second_factor, proved)


def _is_screen(connection: Connection, user_id: int) -> bool:
    held = user_role.join(role, role.c.id == user_role.c.role_id)
    query = sa.select(role.c.name).select_from(held).where(user_role.c.user_id == user_id)
    roles = set(connection.execute(query).scalars())
    return bool(roles) and roles <= SCREENS


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
