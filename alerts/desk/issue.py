"""What an approval and an issue leave behind, each piece written once and all of it in the caller's transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from alerts.cap.model import Alert
from alerts.desk.desk import Desk
from alerts.desk.fit import Prepared
from alerts.desk.issued import Router
from alerts.desk.keep import decide, put
from alerts.desk.read import DeskWarning, issued_of, one
from alerts.desk.signing import Signed
from data.store.changes import bump, note_change
from data.store.tables import approval, proposal, warning


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Who signed, how they proved to be there, and the record that is printed and exported."""

    author: str
    approver: str
    method: str
    proved_at: datetime
    record: dict[str, Any]
    standing_order_id: int | None = None


def keep_approval(
    connection: Connection,
    desk: Desk,
    item: DeskWarning,
    ready: Prepared,
    approved: Approval,
    *,
    now: datetime,
    unsigned_reason: str,
) -> DeskWarning:
    """The approval with the exact bytes that it is of; the message is then approved and not yet issued."""
    hashes = {"content_sha256": item.content_sha256, "body_sha256": ready.sha256}
    inserted = connection.execute(
        approval.insert().values(
            warning_id=item.id, edition=item.edition, author=approved.author, approver=approved.approver, at=now,
            method=approved.method, proved_at=approved.proved_at, standing_order_id=approved.standing_order_id,
            record=approved.record, **hashes,
        )
    ).inserted_primary_key  # fmt: skip
    assert inserted is not None
    put(
        connection, item.id, state="approved", kind=ready.kind, approval_id=int(inserted[0]), updated_at=now,
        chain=item.id if ready.kind == "alert" else item.chain, identifier=ready.alert.identifier,
        sender=ready.alert.sender, sent_at=ready.alert.sent_at, expires_at=item.content.expires_at, body=ready.body,
        body_sha256=ready.sha256, unsigned_reason=unsigned_reason, lock_by="", lock_until=None,
    )  # fmt: skip
    decide(connection, item, "approved", by=approved.approver, now=now)
    detail = {
        **hashes, "edition": item.edition, "author": approved.author, "identifier": ready.alert.identifier,
        "method": approved.method, "proved_at": approved.proved_at.isoformat(),
        "standing_order": approved.standing_order_id, "unsigned": unsigned_reason,
    }  # fmt: skip
    desk.told(connection, approved.approver, "approved", item.id, now, **detail)
    return one(connection, item.id)


def keep_issued(
    connection: Connection,
    desk: Desk,
    item: DeskWarning,
    signed: Signed | None,
    router: Router,
    *,
    now: datetime,
    alert: Alert,
) -> tuple[DeskWarning, int]:
    """Issue an approved message; without a signature its own bytes go out. Returns it and its deliveries."""
    assert item.body is not None
    out = item.body if signed is None else signed.body
    put(
        connection, item.id, state="issued", signed=out, signed_sha256=hashlib.sha256(out).hexdigest(),
        certificate_sha256="" if signed is None else signed.certificate_sha256, issued_at=now, updated_at=now,
        **({} if signed is None else {"unsigned_reason": ""}),
    )  # fmt: skip
    column = warning.c
    before = (
        column.chain == item.chain,
        column.state == "issued",
        column.id != item.id,
        column.replaced_by.is_(None),
    )
    connection.execute(warning.update().where(*before).values(replaced_by=item.id))
    if item.proposal_id is not None:
        here = (proposal.c.id == item.proposal_id, proposal.c.state == "open")
        connection.execute(proposal.update().where(*here).values(state="closed", updated_at=now))
        bump(connection, "proposals")
    made = one(connection, item.id)
    issued = issued_of(connection, made, alert)
    count = router(connection, issued, now=now)
    detail = {"signed_sha256": made.signed_sha256, "certificate": made.certificate_sha256, "deliveries": count}
    desk.told(connection, "desk", "issued", item.id, now, identifier=made.identifier, **detail)
    headline = {language: words.headline for language, words in made.content.texts.items()}
    note_change(
        connection, "desk", at=now, kind=made.kind, subject=str(made.identifier), level=made.level,
        detail={"id": made.id, "status": made.status, "headline": headline},
    )  # fmt: skip
    return made, count
