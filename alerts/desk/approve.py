"""The second signature: somebody else than the author, over exact bytes, with everything that follows from it.

The message is built and signed from what a reading transaction shows, and built again under the lock of the writing
one: unless both are the same bytes nothing happens. Approval, decision, audit, signed bytes and deliveries commit
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from alerts.desk.confirm import Confirmation, check_typed
from alerts.desk.desk import APPROVERS, Desk, need_role, need_scope, one_at_a_time, reach, same_person
from alerts.desk.fit import Prepared, refuse_unfit
from alerts.desk.frozen import recheck
from alerts.desk.issue import Approval, keep_approval, keep_issued
from alerts.desk.issued import Router
from alerts.desk.keep import held
from alerts.desk.read import DeskWarning, editions, one
from alerts.desk.refusal import Refusal, Stale
from alerts.desk.signing import Signed, Signs, same_message
from data.actor import PROOF_HOLDS, Actor
from data.errors import ConfigError, WarningError
from data.store.engine import Store

AHEAD = timedelta(seconds=5)  # clocks of two processes may differ by so much


@dataclass(frozen=True, kw_only=True)
class Approved:
    """What came of an approval: the message, how many deliveries wait, and why it could not be signed."""

    item: DeskWarning
    deliveries: int
    unsigned_reason: str = ""


def approve(
    store: Store,
    desk: Desk,
    id: int,
    edition: int,
    *,
    actor: Actor,
    confirm: Confirmation,
    now: datetime,
    signer: Signs,
    router: Router,
) -> Approved:
    """Sign a submitted warning and hand it to the queue.

    Parameters
    ----------
    edition : int
        The version that this person has read.
    actor : Actor
        Neither its author nor its writer; with a fresh proof of a second factor for an actual warning.
    confirm : Confirmation
        What they typed, and which changes since the editor was opened they have seen.

    Raises
    ------
    Stale
        If the text or what it stands on is not what this person has seen.
    Refusal
        If this person may not sign it, or it may not go out.
    """
    with store.read() as connection:
        ready = _ready(connection, desk, id, edition, actor, confirm, now)
    signed, why = try_to_sign(signer, ready, now)
    with store.write() as connection:
        one_at_a_time(connection)
        again = _ready(connection, desk, id, edition, actor, confirm, now)
        if again.body != ready.body:
            raise Stale("What this warning stands on has just changed: look again before you sign.")
        item = one(connection, id)
        approved = _approval(item, ready, actor, confirm, now)
        return put_out(connection, desk, item, ready, approved, signed, why, router, now)


def put_out(
    connection: Connection,
    desk: Desk,
    item: DeskWarning,
    ready: Prepared,
    approved: Approval,
    signed: Signed | None,
    why: str,
    router: Router,
    now: datetime,
) -> Approved:
    """Keep an approval and issue what could be signed, or what the office sends unsigned."""
    kept = keep_approval(connection, desk, item, ready, approved, now=now, unsigned_reason=why)
    if signed is None and not desk.office.sends_unsigned:
        return Approved(item=kept, deliveries=0, unsigned_reason=why)
    issued, count = keep_issued(connection, desk, kept, signed, router, now=now, alert=ready.alert)
    return Approved(item=issued, deliveries=count, unsigned_reason=why)


def try_to_sign(signer: Signs, ready: Prepared, now: datetime) -> tuple[Signed | None, str]:
    """The signed bytes, or why there are none: the approval is kept in any case."""
    try:
        signed = signer.sign(ready.body, now)
        same_message(signed, ready.alert, now)
    except (WarningError, ConfigError, OSError) as error:
        return None, str(error)[:500] or type(error).__name__
    return signed, ""


def _ready(
    connection: Connection, desk: Desk, id: int, edition: int, actor: Actor, confirm: Confirmation, now: datetime
) -> Prepared:
    """The message that would leave now, where this person may sign it."""
    need_role(actor, APPROVERS)
    item = held(connection, id, edition, "submitted")
    need_scope(actor, desk, item.hazard, reach(item.content))
    writer = next(one.by for one in editions(connection, id) if one.number == edition)
    if same_person(actor.email, item.author) or same_person(actor.email, writer):
        raise Refusal("Somebody else signs it: you wrote or submitted this warning.")
    if item.status == "Actual":
        _need_proof(actor, now)
    check_typed(item.content, confirm)
    found = recheck(connection, desk.index, item, now)
    if any(change.what == "nothing to end" for change in found.changes):
        raise Refusal("Nothing of this warning is in force: there is nothing to end.")
    if found.digest != confirm.seen:
        raise Stale("What this warning stands on has changed since it was written: look again before you sign.")
    return refuse_unfit(connection, desk.office, item, now, kind=found.kind)


def _need_proof(actor: Actor, now: datetime) -> None:
    """Refusal unless the person has just proved who they are, by two different things."""
    proof = actor.proved
    if proof is None or not proof.second_factor or not -AHEAD <= now - proof.at <= PROOF_HOLDS:
        raise Refusal("Prove who you are with your second factor before you sign an actual warning.")


def _approval(item: DeskWarning, ready: Prepared, actor: Actor, confirm: Confirmation, now: datetime) -> Approval:
    proof = actor.proved
    record: dict[str, Any] = {
        "warning": item.id, "edition": item.edition, "identifier": ready.alert.identifier, "author": item.author,
        "approver": actor.email, "name": actor.name, "at": now.isoformat(),
        "method": proof.method if proof else "session", "second_factor": bool(proof and proof.second_factor),
        "proved_at": (proof.at if proof else now).isoformat(), "content_sha256": item.content_sha256,
        "body_sha256": ready.sha256, "typed": {"level": confirm.level, "area": confirm.area}, "seen": confirm.seen,
    }  # fmt: skip
    return Approval(
        author=item.author, approver=actor.email, method=record["method"], proved_at=proof.at if proof else now,
        record=record,
    )  # fmt: skip
