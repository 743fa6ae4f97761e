"""Approved messages that could not be signed: tried again, and never sent once what they stand on has changed."""

from __future__ import annotations

import hashlib
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.cap.chain import live
from alerts.cap.check import check, rejected
from alerts.cap.message import Context
from alerts.desk.approve import Approved
from alerts.desk.desk import Desk, one_at_a_time
from alerts.desk.issue import keep_issued
from alerts.desk.issued import Router
from alerts.desk.keep import put
from alerts.desk.read import DeskWarning, alerts_of, approval_of, message, one, sent_in, several
from alerts.desk.signing import Signs, same_message
from data.errors import ConfigError, WarningError
from data.store.engine import Store
from data.store.tables import warning


def any_waits(store: Store) -> bool:
    """Whether something is approved and not signed."""
    with store.read() as connection:
        return connection.scalar(sa.select(warning.c.id).where(warning.c.state == "approved").limit(1)) is not None


def sign_waiting(store: Store, desk: Desk, *, signer: Signs, router: Router, now: datetime) -> list[Approved]:
    """Try again to sign what waits; each message is a transaction of its own."""
    with store.read() as connection:
        waiting = several(connection, warning.c.state == "approved")
    return [_one(store, desk, item, signer, router, now) for item in waiting]


def _one(store: Store, desk: Desk, item: DeskWarning, signer: Signs, router: Router, now: datetime) -> Approved:
    with store.read() as connection:
        why = unfit(connection, desk, item, now)
    signed = None
    if not why:
        assert item.body is not None
        try:
            signed = signer.sign(item.body, now)
            same_message(signed, message(item.body), now)
        except (WarningError, ConfigError, OSError) as error:
            signed, why = None, str(error)[:500] or type(error).__name__
    with store.write() as connection:
        one_at_a_time(connection)
        again = one(connection, item.id, lock=True)
        if again.state != "approved" or again.approval_id != item.approval_id:
            return Approved(item=again, deliveries=0)
        why = unfit(connection, desk, again, now) or why
        if why:
            if why != again.unsigned_reason:
                put(connection, item.id, unsigned_reason=why, updated_at=now)
            return Approved(item=one(connection, item.id), deliveries=0, unsigned_reason=why)
        assert again.body is not None
        meant = message(again.body)
        issued, count = keep_issued(connection, desk, again, signed, router, now=now, alert=meant)
    return Approved(item=issued, deliveries=count)


def unfit(connection: Connection, desk: Desk, item: DeskWarning, now: datetime) -> str:
    """Why an approved message may no longer be sent as it is; "" where it may."""
    kept = approval_of(connection, item)
    if kept is None or item.body is None or hashlib.sha256(item.body).hexdigest() != kept.body_sha256:
        return "the stored message is not the one that was approved"
    if item.expires_at is None or item.expires_at <= now:
        return "it has expired"
    sent = [] if item.kind == "alert" else alerts_of(sent_in(connection, item.chain))
    alert = message(item.body)
    if item.kind != "alert" and live(sent, alert.sent_at) != alert.references:
        return "what it refers to has changed: it has to be approved anew"
    context = Context(
        now=now, issuing=True, public=True, live=alert.references, jurisdiction=desk.office.jurisdiction,
        profiles=desk.office.profiles,
    )  # fmt: skip
    if rejected(found := check(item.body, context)):
        return next(f"{one.rule}: {one.sentence()}" for one in found if rejected([one]))
    return ""
