"""What people decide before a warning is signed: it is handed in, handed back with a reason, or given up."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from alerts.desk.desk import APPROVERS, AUTHORS, Desk, need_role, need_scope, one_at_a_time, reach, reason
from alerts.desk.draft import void
from alerts.desk.fit import refuse_unfit
from alerts.desk.frozen import recheck
from alerts.desk.keep import decide, held, put, rewrite
from alerts.desk.lock import refuse_locked
from alerts.desk.read import DeskWarning, one
from alerts.desk.refusal import Refusal
from data.actor import Actor


def submit(connection: Connection, desk: Desk, id: int, edition: int, *, actor: Actor, now: datetime) -> DeskWarning:
    """Hand a draft to the second person; Refusal with the first thing that keeps it from going out."""
    one_at_a_time(connection)
    need_role(actor, AUTHORS)
    item = held(connection, id, edition, "draft")
    need_scope(actor, desk, item.hazard, reach(item.content))
    refuse_locked(item, actor, now)
    found = recheck(connection, desk.index, item, now)
    if any(change.what == "nothing to end" for change in found.changes):
        raise Refusal("Nothing of this warning is in force: there is nothing to end.")
    refuse_unfit(connection, desk.office, item, now, kind=found.kind)
    put(
        connection, id, state="submitted", author=actor.email, submitted_at=now, updated_at=now, lock_by="",
        lock_until=None,
    )  # fmt: skip
    decide(connection, item, "submitted", by=actor.email, now=now)
    desk.told(connection, actor.email, "submitted", id, now, edition=edition, content=item.content_sha256)
    return one(connection, id)


def reject(
    connection: Connection, desk: Desk, id: int, edition: int, *, why: str, actor: Actor, now: datetime
) -> DeskWarning:
    """Hand a warning back to its author, with a reason."""
    told = reason(why)
    one_at_a_time(connection)
    need_role(actor, APPROVERS)
    item = held(connection, id, edition, "submitted")
    need_scope(actor, desk, item.hazard, reach(item.content))
    put(connection, id, state="draft", submitted_at=None, updated_at=now)
    decide(connection, item, "rejected", by=actor.email, now=now, why=told)
    desk.told(connection, actor.email, "rejected", id, now, edition=edition, why=told)
    return one(connection, id)


def discard(
    connection: Connection, desk: Desk, id: int, edition: int, *, why: str, actor: Actor, now: datetime
) -> DeskWarning:
    """Give a message up that was not issued; its proposal, where it has one, waits again."""
    told = reason(why)
    one_at_a_time(connection)
    need_role(actor, AUTHORS | APPROVERS)
    item = held(connection, id, edition, "draft", "submitted", "approved")
    need_scope(actor, desk, item.hazard, reach(item.content))
    void(connection, desk, item, actor.email, now)
    put(connection, id, state="discarded", updated_at=now, lock_by="", lock_until=None)
    decide(connection, item, "discarded", by=actor.email, now=now, why=told)
    desk.told(connection, actor.email, "discarded", id, now, edition=edition, why=told)
    return one(connection, id)


def reopen(
    connection: Connection, desk: Desk, id: int, edition: int, *, why: str, actor: Actor, now: datetime
) -> DeskWarning:
    """Take an approved message that could not be signed back to its author, to be submitted and approved anew."""
    told = reason(why)
    one_at_a_time(connection)
    need_role(actor, AUTHORS | APPROVERS)
    item = held(connection, id, edition, "approved")
    need_scope(actor, desk, item.hazard, reach(item.content))
    void(connection, desk, item, actor.email, now)
    made = rewrite(connection, item, item.content, by=item.author, now=now)
    desk.told(connection, actor.email, "reopened", id, now, edition=edition, why=told)
    return made
