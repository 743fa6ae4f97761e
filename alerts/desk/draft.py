"""Drafts: begun from a proposal, from nothing, or from what is in force; saved version by version."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.desk.area import completed
from alerts.desk.content import Content
from alerts.desk.desk import AUTHORS, Desk, need_role, need_scope, one_at_a_time, reach
from alerts.desk.frozen import freeze
from alerts.desk.issued import Kind, Status
from alerts.desk.keep import begin, decide, held, put, rewrite
from alerts.desk.lock import refuse_locked
from alerts.desk.prefill import ending, proposed_content
from alerts.desk.proposed import proposed
from alerts.desk.read import DeskWarning, one, sent_in
from alerts.desk.refusal import Refusal
from alerts.desk.suggest import suggest
from data.actor import Actor
from data.store.tables import warning

LEAST_ENDING = timedelta(hours=1)  # how long the end of a warning is shown at least


def draft_new(connection: Connection, desk: Desk, content: Content, *, actor: Actor, now: datetime) -> DeskWarning:
    """A message that no rule has proposed."""
    whole = _checked(desk, content, actor)
    item = begin(
        connection, whole, kind="alert", by=actor.email, now=now, frozen=freeze(connection, desk.index, whole, now)
    )
    desk.told(connection, actor.email, "drafted", item.id, now, content=whole.digest)
    return item


def draft_from_proposal(
    connection: Connection, desk: Desk, proposal_id: int, *, actor: Actor, now: datetime
) -> DeskWarning:
    """Take a proposal up: the action that fits what is in force, filled in. Taken up already, it is opened again.

    Raises
    ------
    Refusal
        If the proposal is no longer open, or the person may not write about this area.
    """
    one_at_a_time(connection)
    need_role(actor, AUTHORS)
    column = warning.c
    taken = sa.select(column.id).where(
        column.proposal_id == proposal_id, column.state.in_(("draft", "submitted", "approved"))
    )
    if (id := connection.scalar(taken.order_by(column.id))) is not None:
        found = one(connection, id)
        need_scope(actor, desk, found.hazard, reach(found.content))
        return found
    item = proposed(connection, proposal_id, desk.index)
    if item.state != "open":
        raise Refusal("This proposal is no longer open: newer readings have replaced it.")
    status: Status = "Exercise" if desk.office.exercise else "Actual"
    action = suggest(connection, desk.index, item, now, status=status)
    content = proposed_content(item, action, desk, now, status=status)
    whole = _checked(desk, content, actor)
    frozen = freeze(connection, desk.index, whole, now, chain=action.chain, action=action.action, proposal=item)
    made = begin(
        connection, whole, kind=action.kind, by=actor.email, now=now, chain=action.chain, proposal_id=item.id,
        rule=item.rule_key, digest=item.digest, frozen=frozen,
    )  # fmt: skip
    detail = {"proposal": item.id, "kind": action.kind, "step": action.action, "content": whole.digest}
    desk.told(connection, actor.email, "drafted", made.id, now, **detail)
    return made


def draft_update(connection: Connection, desk: Desk, id: int, *, actor: Actor, now: datetime) -> DeskWarning:
    """The next message of a chain, with the text that is in force; Refusal where nothing of it is."""
    last = _in_force(connection, id, now)
    return _follow(connection, desk, last, last.content, "update", actor, now)


def draft_cancel(connection: Connection, desk: Desk, id: int, *, actor: Actor, now: datetime) -> DeskWarning:
    """The end of a chain, ready to be submitted; Refusal where nothing of it is in force."""
    last = _in_force(connection, id, now)
    ends = max(one.expires_at or now for one in sent_in(connection, last.chain))
    content = ending(last.content, desk, max(ends, now + LEAST_ENDING))
    return _follow(connection, desk, last, content, "cancel", actor, now)


def save(
    connection: Connection, desk: Desk, id: int, edition: int, content: Content, *, actor: Actor, now: datetime
) -> DeskWarning:
    """Keep a text as the next version; what was submitted or approved before is void and the message a draft again.

    Raises
    ------
    Stale
        If somebody saved another version meanwhile.
    Refusal
        If it is issued or discarded, somebody else edits it, or the person may not write about this area.
    """
    one_at_a_time(connection)
    item = held(connection, id, edition, "draft", "submitted", "approved")
    refuse_locked(item, actor, now)
    need_scope(actor, desk, item.hazard, reach(item.content))
    whole = _checked(desk, content, actor)
    if whole.digest == item.content_sha256:
        return item
    if item.kind != "alert" and whole.status != item.status:
        raise Refusal("An update or an end is of the same kind (actual, exercise or test) as what it changes.")
    void(connection, desk, item, actor.email, now)
    return rewrite(connection, item, whole, by=actor.email, now=now)


def void(connection: Connection, desk: Desk, item: DeskWarning, by: str, now: datetime) -> None:
    """Take back that a text was submitted or approved: it is about to be another."""
    if item.state == "draft":
        return
    decide(connection, item, "voided", by=by, now=now)
    cleared: dict[str, Any] = {"submitted_at": None, "state": "draft"}
    if item.approval_id is not None:
        cleared |= {
            "approval_id": None, "body": None, "body_sha256": "", "identifier": None, "sender": "", "sent_at": None,
            "unsigned_reason": "",
        }  # fmt: skip
    put(connection, item.id, **cleared)
    desk.told(connection, by, "voided", item.id, now, edition=item.edition, approval=item.approval_id)


def _checked(desk: Desk, content: Content, actor: Actor) -> Content:
    """The text with what the desk draws, which this person may write."""
    need_role(actor, AUTHORS)
    if desk.office.exercise and content.status == "Actual":
        raise Refusal("This is an exercise: nothing of it can be an actual warning.")
    whole = completed(content, desk.index)
    need_scope(actor, desk, whole.hazard, reach(whole))
    return whole


def _in_force(connection: Connection, id: int, now: datetime) -> DeskWarning:
    """The newest message of a chain, which must be in force."""
    newest = max(sent_in(connection, one(connection, id).chain), key=lambda item: item.id, default=None)
    if newest is None or not newest.in_force(now):
        raise Refusal("Nothing of this warning is in force: begin a new one.")
    return newest


def _follow(
    connection: Connection, desk: Desk, last: DeskWarning, content: Content, kind: Kind, actor: Actor, now: datetime
) -> DeskWarning:
    one_at_a_time(connection)
    whole = _checked(desk, content, actor)
    column = warning.c
    begun = sa.select(column.id).where(
        column.chain == last.chain, column.kind == kind, column.state.in_(("draft", "submitted", "approved"))
    )
    if (open_id := connection.scalar(begun.order_by(column.id))) is not None:
        return one(connection, open_id)  # a second click opens what the first has made
    item = begin(
        connection, whole, kind=kind, by=actor.email, now=now, chain=last.chain, proposal_id=None, rule=last.rule,
        digest=last.digest, frozen=freeze(connection, desk.index, whole, now, chain=last.chain),
    )  # fmt: skip
    desk.told(connection, actor.email, "drafted", item.id, now, kind=kind, chain=last.chain, content=whole.digest)
    return item
