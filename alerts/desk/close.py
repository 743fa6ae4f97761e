"""A proposal that leads to no warning: a person says why, and it waits no longer."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.desk.desk import CLOSERS, Desk, need_role, need_scope, one_at_a_time, reason
from alerts.desk.proposed import proposed
from alerts.desk.read import several
from alerts.desk.refusal import Refusal
from alerts.offer import NAMED
from data.actor import Actor
from data.store.changes import note_change
from data.store.tables import proposal, warning


def close(connection: Connection, desk: Desk, id: int, *, why: str, actor: Actor, now: datetime) -> None:
    """Close an open proposal without a warning.

    What the rule finds later, a higher level or more land, is proposed anew.

    Raises
    ------
    Refusal
        Without a reason or the right to do so, where it is not open, or where somebody is writing its warning.
    """
    told = reason(why)
    one_at_a_time(connection)
    need_role(actor, CLOSERS)
    row = connection.execute(sa.select(proposal).where(proposal.c.id == id).with_for_update()).first()
    if row is None:
        raise Refusal("There is no proposal {id}.", id=id)
    if row.state != "open":
        raise Refusal("This proposal is not open any more.")
    need_scope(actor, desk, row.hazard, row.regions)
    taken = several(connection, warning.c.proposal_id == id, warning.c.state.in_(("draft", "submitted", "approved")))
    if taken:
        raise Refusal("{author} is writing a warning about it: that is thrown away first.", author=taken[0].author)
    detail = {**row.detail, "closed": {"by": actor.email, "at": now.isoformat(), "why": told}}
    connection.execute(
        proposal.update().where(proposal.c.id == id).values(state="closed", updated_at=now, detail=detail)
    )
    desk.audit(
        connection, at=now, actor=actor.email, action="proposal.closed", object=str(id),
        detail={"rule": row.rule, "level": row.level, "why": told},
    )  # fmt: skip
    rule = proposed(connection, id, desk.index).rule
    note_change(
        connection, "proposals", at=now, kind="closed", subject=row.rule, level=row.level,
        detail={
            "proposal": id, "by": actor.email, "why": told, "title": {} if rule is None else rule.title.model_dump(),
            "regions": row.regions[:NAMED], "count": len(row.regions),
        },
    )  # fmt: skip
