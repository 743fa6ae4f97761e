"""Who edits a message: one person at a time, for a short while that saving renews, and openly taken over."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from alerts.desk.desk import AUTHORS, Desk, need_role, need_scope, reach, same_person
from alerts.desk.keep import decide, put
from alerts.desk.read import DeskWarning, one
from alerts.desk.refusal import Refusal
from data.actor import Actor

HOLDS = timedelta(minutes=2)


def lock(connection: Connection, desk: Desk, id: int, *, actor: Actor, now: datetime) -> DeskWarning:
    """Take or renew the lock; Refusal while somebody else has it."""
    item = _may_edit(connection, desk, id, actor)
    refuse_locked(item, actor, now)
    put(connection, id, lock_by=actor.email, lock_until=now + HOLDS)
    return one(connection, id)


def take_over(connection: Connection, desk: Desk, id: int, *, actor: Actor, now: datetime) -> DeskWarning:
    """Take the lock from whoever has it; what they saved stays, and the record says who took it."""
    item = _may_edit(connection, desk, id, actor)
    holder = item.locked_by(now)
    if holder and not same_person(holder, actor.email):
        decide(connection, item, "taken-over", by=actor.email, now=now, why=holder)
        desk.told(connection, actor.email, "taken over", id, now, holder=holder)
    put(connection, id, lock_by=actor.email, lock_until=now + HOLDS)
    return one(connection, id)


def unlock(connection: Connection, id: int, *, actor: Actor, now: datetime) -> None:
    """Give the lock back; somebody else's stays."""
    holder = one(connection, id, lock=True).locked_by(now)
    if holder and same_person(holder, actor.email):
        put(connection, id, lock_by="", lock_until=None)


def refuse_locked(item: DeskWarning, actor: Actor, now: datetime) -> None:
    """Refusal while somebody else edits it."""
    holder = item.locked_by(now)
    if holder and not same_person(holder, actor.email):
        raise Refusal("{holder} is editing this warning.", holder=holder)


def _may_edit(connection: Connection, desk: Desk, id: int, actor: Actor) -> DeskWarning:
    need_role(actor, AUTHORS)
    item = one(connection, id, lock=True)
    if not item.open:
        raise Refusal("This warning is {state} now: this cannot be done with it.", state=item.state)
    need_scope(actor, desk, item.hazard, reach(item.content))
    return item
