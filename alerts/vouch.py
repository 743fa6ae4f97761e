"""What may leave: the bytes that were approved, and only to those who are to hear of such a message."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.tables import approval, outgoing, recipient_group, warning

PUBLIC = "public"  # the group of those who subscribed for themselves

TAMPERED = "the stored message is not what was queued"
UNAPPROVED = "the message is not what was approved"


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """What the rows of one claim rest on, read in the same transaction."""

    bodies: Mapping[str, tuple[bytes, str]]  # digest -> bytes and form
    warnings: Mapping[int, sa.Row[Any]]  # with `approved_sha256` and `approval_of`
    statuses: Mapping[str, Sequence[str]]  # group -> statuses it hears of


def read_vouched(connection: Connection, rows: Sequence[sa.Row[Any]]) -> Vouched:
    """Bodies, warnings with their approvals, and groups, each once."""
    digests = {row.payload_sha256 for row in rows}
    kept = connection.execute(sa.select(outgoing).where(outgoing.c.sha256.in_(digests))).all()
    ids = {row.warning_id for row in rows if row.warning_id is not None}
    query = sa.select(
        warning, approval.c.body_sha256.label("approved_sha256"), approval.c.id.label("approval_row")
    ).outerjoin(approval, sa.and_(approval.c.id == warning.c.approval_id, approval.c.warning_id == warning.c.id))
    found = connection.execute(query.where(warning.c.id.in_(ids))).all() if ids else []
    groups = connection.execute(sa.select(recipient_group.c.name, recipient_group.c.statuses)).all() if ids else []
    return Vouched(
        bodies={row.sha256: (row.body, row.form) for row in kept},
        warnings={row.id: row for row in found},
        statuses={row.name: row.statuses for row in groups},
    )


def refusal(row: sa.Row[Any], vouched: Vouched) -> str:
    """Why a claimed row must not be sent; "" where nothing stands against it."""
    body, form = vouched.bodies.get(row.payload_sha256, (b"", ""))
    if hashlib.sha256(body).hexdigest() != row.payload_sha256:
        return TAMPERED
    if row.warning_id is None:
        return "" if form == "notice" else TAMPERED
    about = vouched.warnings.get(row.warning_id)
    if about is None or not _is_approved(row, about) or (form == "cap" and row.payload_sha256 != about.signed_sha256):
        return UNAPPROVED
    if about.status == "Actual":
        return ""
    group = vouched.statuses.get(row.recipient_group, ())
    return (
        "" if about.status in group else f"{row.recipient_group or 'nobody'} is not told of {about.status} messages"
    )


def _is_approved(row: sa.Row[Any], about: sa.Row[Any]) -> bool:
    """The row, the warning and the approval name the same bytes, and those are the bytes that stand there."""
    return (
        about.state == "issued"
        and about.approval_row is not None
        and about.approval_row == row.approval_id
        and about.approved_sha256 == about.body_sha256 == hashlib.sha256(about.body or b"").hexdigest()
        and about.signed_sha256 == hashlib.sha256(about.signed or b"").hexdigest()
    )
