"""The handover of a shift: what there is, what ends soon, what is held back, late, unknown or failing, and notes.

The officer who leaves signs what is shown; another one takes it over. The picture is kept as it was signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.desk.read import DeskWarning, inbox
from alerts.mute import read_mutes
from data.actor import Actor
from data.clock import iso
from data.errors import WarningError
from data.model import Level
from data.store.tables import delivery, handover, level_snapshot, notice, proposal, source_state, warning

ENDS_SOON = timedelta(hours=3)
FIRST_LOOK = timedelta(hours=24)  # what changed, where nobody has handed over before
MOST_NOTES = 4_000  # characters
Audit = Callable[..., int]
Content = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Handover:
    """One handover; `incoming` is empty until somebody has taken it over."""

    number: int
    since: datetime | None
    at: datetime
    outgoing: str
    incoming: str
    accepted_at: datetime | None
    notes: str
    content: Mapping[str, Any]
    content_sha256: str


def situation(connection: Connection, now: datetime, since: datetime | None) -> Content:
    """Everything that the next officer has to know, as plain data.

    Parameters
    ----------
    connection : Connection
    now : datetime
    since : datetime or None
        Of the handover before; what changed is counted from there.
    """
    began = since or now - FIRST_LOOK
    waiting = inbox(connection, now)
    return {
        "at": iso(now),
        "since": iso(began),
        "in_force": [_warning(item, now) for item in waiting.in_force],
        "waiting": [_waiting(item) for item in (*waiting.submitted, *waiting.unsigned, *waiting.drafts)],
        "proposals": [_proposal(row) for row in waiting.proposals],
        "changed": _changed(connection, began, now),
        "mutes": _mutes(connection, now),
        "feeds": _feeds(connection),
        "notices": _notices(connection),
        "deliveries": _deliveries(connection, began),
        "levels": _levels(connection),
    }


def last(connection: Connection) -> Handover | None:
    """The newest handover."""
    row = connection.execute(sa.select(handover).order_by(handover.c.number.desc()).limit(1)).mappings().first()
    return None if row is None else Handover(**{**row, "incoming": row["incoming"] or ""})


def sign_over(connection: Connection, actor: Actor, notes: str, *, now: datetime, audit: Audit) -> Handover:
    """Write and sign a handover, in the caller's writing transaction.

    Raises
    ------
    WarningError
        If one still waits to be taken over, the notes are too long, or the account may not.
    """
    _may(actor)
    before = last(connection)
    if before is not None and before.accepted_at is None:
        raise WarningError("The handover before has not been taken over yet.")
    if len(notes) > MOST_NOTES:
        raise WarningError("The notes are too long.")
    content = situation(connection, now, before.accepted_at if before else None)
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    row = {
        "number": before.number + 1 if before else 1, "since": before.accepted_at if before else None, "at": now,
        "outgoing": actor.email, "notes": notes.strip(), "content": content,
        "content_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }  # fmt: skip
    try:
        connection.execute(handover.insert().values(row))
    except sa.exc.IntegrityError as error:  # another officer signed at the same moment
        raise WarningError("The handover before has not been taken over yet.") from error
    detail = {"sha256": row["content_sha256"]}
    audit(connection, at=now, actor=actor.email, action="handover.signed", object=str(row["number"]), detail=detail)
    found = last(connection)
    assert found is not None
    return found


def take_over(connection: Connection, actor: Actor, number: int, *, now: datetime, audit: Audit) -> Handover:
    """The second signature, of another account; once.

    Raises
    ------
    WarningError
        If it is not the newest one, is taken over already, or the account is the same or may not.
    """
    _may(actor)
    waiting = last(connection)
    if waiting is None or waiting.number != number:
        raise WarningError("There is no such handover to take over.")
    if waiting.accepted_at is not None:
        raise WarningError("This handover has been taken over already.")
    if waiting.outgoing == actor.email:
        raise WarningError("Another officer takes over: not the account that hands over.")
    done = (
        handover.update()
        .where(handover.c.number == number, handover.c.accepted_at.is_(None))
        .values(incoming=actor.email, accepted_at=now)
    )
    if connection.execute(done).rowcount != 1:
        raise WarningError("This handover has been taken over already.")
    detail = {"sha256": waiting.content_sha256, "from": waiting.outgoing}
    audit(connection, at=now, actor=actor.email, action="handover.taken", object=str(number), detail=detail)
    found = last(connection)
    assert found is not None
    return found


def _may(actor: Actor) -> None:
    if "duty" not in actor.roles:
        raise WarningError("Only a duty officer hands over or takes over a shift.")


def _warning(item: DeskWarning, now: datetime) -> Content:
    ends = item.expires_at
    return {
        "id": item.id, "hazard": item.hazard, "level": item.level.key, "status": item.status,
        "regions": list(item.content.regions), "expires_at": iso(ends) if ends else None,
        "soon": ends is not None and ends - now <= ENDS_SOON,
    }  # fmt: skip


def _waiting(item: DeskWarning) -> Content:
    return {
        "id": item.id, "state": item.state, "hazard": item.hazard, "level": item.level.key, "by": item.author,
        "unsigned": item.unsigned_reason,
    }  # fmt: skip


def _proposal(row: Any) -> Content:
    return {
        "id": row.id, "hazard": row.hazard, "level": Level(row.level).key, "regions": list(row.regions),
        "since": iso(row.created_at),
    }  # fmt: skip


def _changed(connection: Connection, since: datetime, now: datetime) -> Content:
    """How much happened since: messages by kind, proposals, notices that opened and closed."""
    kinds = sa.select(warning.c.kind, sa.func.count()).where(warning.c.issued_at > since, warning.c.issued_at <= now)
    issued = {str(kind): int(count) for kind, count in connection.execute(kinds.group_by(warning.c.kind))}
    counts = {
        "proposals": (proposal, proposal.c.created_at),
        "notices_opened": (notice, notice.c.opened_at),
        "notices_closed": (notice, notice.c.closed_at),
    }
    found = {
        name: int(connection.execute(sa.select(sa.func.count()).select_from(table).where(at > since)).scalar_one())
        for name, (table, at) in counts.items()
    }
    return {"issued": issued, **found}


def _mutes(connection: Connection, now: datetime) -> list[Content]:
    return [
        {
            "id": one.id, "rule": one.rule, "hazard": one.hazard, "region": one.region, "up_to": one.up_to.key,
            "ends_at": iso(one.ends_at), "owner": one.owner, "reason": one.reason,
        }
        for one in read_mutes(connection, now)
        if one.holds(now)
    ]  # fmt: skip


def _feeds(connection: Connection) -> list[Content]:
    """Feeds that are on and fail, or were paused by somebody."""
    table = source_state.c
    odd = sa.or_(sa.and_(table.enabled, table.failing_since.is_not(None)), table.paused_by != "")
    return [
        {
            "source": row.source, "failing_since": iso(row.failing_since) if row.failing_since else None,
            "reason": row.reason, "paused_by": row.paused_by,
        }
        for row in connection.execute(sa.select(source_state).where(odd).order_by(table.source))
    ]  # fmt: skip


def _notices(connection: Connection) -> list[Content]:
    query = sa.select(notice).where(notice.c.closed_at.is_(None)).order_by(notice.c.opened_at, notice.c.id)
    return [
        {"cause": row.cause, "what": str((row.detail or {}).get("what", row.cause)), "since": iso(row.opened_at)}
        for row in connection.execute(query)
    ]


def _deliveries(connection: Connection, since: datetime) -> dict[str, int]:
    """Messages of warnings by what became of them."""
    query = sa.select(delivery.c.state, sa.func.count()).where(delivery.c.warning_id.is_not(None))
    query = query.where(sa.or_(delivery.c.created_at > since, delivery.c.state.in_(("pending", "leased"))))
    return {str(state): int(count) for state, count in connection.execute(query.group_by(delivery.c.state))}


def _levels(connection: Connection) -> Content | None:
    """How many regions have which level, unknown ones among them; None where nothing was evaluated yet."""
    row = connection.execute(sa.select(level_snapshot).order_by(level_snapshot.c.id.desc()).limit(1)).first()
    return None if row is None else {"at": iso(row.at), "counts": row.counts}
