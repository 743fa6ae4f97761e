"""What the desk holds: messages, their chains and decisions, and what is in force, computed when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.cap.model import Alert
from alerts.cap.parse import parse
from alerts.desk.content import Content
from alerts.desk.issued import Issued, Kind, Status
from alerts.desk.refusal import Refusal
from data.model import Level
from data.store.tables import approval, proposal, warning, warning_decision, warning_edition

State = Literal["draft", "submitted", "approved", "issued", "discarded"]


@dataclass(frozen=True, kw_only=True)
class DeskWarning:
    """One message of the desk as it stands."""

    id: int
    chain: int
    kind: Kind
    status: Status
    state: State
    hazard: str
    level: Level
    proposal_id: int | None
    rule: str
    digest: str
    content: Content
    content_sha256: str
    edition: int
    author: str
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    approval_id: int | None
    identifier: str | None
    sender: str
    sent_at: datetime | None
    onset_at: datetime | None
    expires_at: datetime | None
    body: bytes | None
    body_sha256: str
    signed: bytes | None
    signed_sha256: str
    certificate_sha256: str
    issued_at: datetime | None
    replaced_by: int | None
    unsigned_reason: str
    lock_by: str
    lock_until: datetime | None
    frozen: dict[str, Any]

    @property
    def open(self) -> bool:
        """Whether it can still be worked on."""
        return self.state in ("draft", "submitted", "approved")

    def locked_by(self, now: datetime) -> str:
        """Who edits it now; "" where nobody does."""
        return self.lock_by if self.lock_until is not None and self.lock_until > now else ""

    def in_force(self, now: datetime) -> bool:
        """Whether it holds now: issued, not replaced, not over."""
        over = self.expires_at is None or self.expires_at <= now
        return self.state == "issued" and self.kind != "cancel" and self.replaced_by is None and not over


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that somebody did with a warning."""

    id: int
    warning_id: int
    edition: int
    decision: str
    by: str
    at: datetime
    why: str


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One text that was saved."""

    warning_id: int
    number: int
    content: Content
    content_sha256: str
    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """What waits for somebody: proposals as rows, the worst first, and the desk's own messages."""

    proposals: tuple[sa.Row[Any], ...]
    drafts: tuple[DeskWarning, ...]
    submitted: tuple[DeskWarning, ...]
    unsigned: tuple[DeskWarning, ...]  # approved, and not signed yet
    in_force: tuple[DeskWarning, ...]  # what ends first stands first; exercises and tests too


def one(connection: Connection, id: int, *, lock: bool = False) -> DeskWarning:
    """A message by its id; Refusal where there is none. `lock` holds its row until the transaction ends."""
    query = sa.select(warning).where(warning.c.id == id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise Refusal("There is no warning {id}.", id=id)
    return _of(row)


def several(connection: Connection, *which: sa.ColumnElement[bool]) -> list[DeskWarning]:
    """Messages in the order in which they were begun."""
    return [_of(row) for row in connection.execute(sa.select(warning).where(*which).order_by(warning.c.id))]


def inbox(connection: Connection, now: datetime) -> Inbox:
    """Everything that waits; a proposal that somebody has taken up is shown as its draft."""
    held = several(connection, warning.c.state.in_(("draft", "submitted", "approved")))
    taken = {item.proposal_id for item in held}
    table = proposal.c
    rows = connection.execute(
        sa.select(proposal).where(table.state == "open").order_by(table.level.desc(), table.created_at, table.id)
    )
    current = standing(connection, now)
    return Inbox(
        proposals=tuple(row for row in rows if row.id not in taken),
        drafts=tuple(item for item in held if item.state == "draft"),
        submitted=tuple(item for item in held if item.state == "submitted"),
        unsigned=tuple(item for item in held if item.state == "approved"),
        in_force=tuple(sorted(current, key=lambda item: (item.expires_at or now, item.id))),
    )


def in_force(connection: Connection, now: datetime, *, status: Status = "Actual") -> list[Issued]:
    """Messages that hold now, the worst first."""
    found = [issued_of(connection, item) for item in standing(connection, now) if item.status == status]
    return sorted(found, key=lambda item: (-item.level, item.sent_at, item.id))


def standing(connection: Connection, now: datetime) -> list[DeskWarning]:
    """Messages that hold now, whatever their status."""
    column = warning.c
    return several(
        connection, column.state == "issued", column.kind != "cancel", column.replaced_by.is_(None),
        column.expires_at > now,
    )  # fmt: skip


def chain_of(connection: Connection, chain: int) -> list[DeskWarning]:
    """Every message about one thing, in order, drafts too."""
    return several(connection, warning.c.chain == chain)


def sent_in(connection: Connection, chain: int) -> list[DeskWarning]:
    """What was issued about one thing, in order."""
    return several(connection, warning.c.chain == chain, warning.c.state == "issued")


def history(connection: Connection, *, since: datetime, until: datetime, limit: int = 500) -> list[DeskWarning]:
    """What was issued in a time, newest first."""
    column = warning.c
    query = sa.select(warning).where(column.state == "issued", column.sent_at >= since, column.sent_at < until)
    return [
        _of(row) for row in connection.execute(query.order_by(column.sent_at.desc(), column.id.desc()).limit(limit))
    ]


def steps(connection: Connection, id: int) -> list[Step]:
    """What people did with a message, in order."""
    column = warning_decision.c
    rows = connection.execute(sa.select(warning_decision).where(column.warning_id == id).order_by(column.id))
    return [Step(**row._mapping) for row in rows]


def editions(connection: Connection, id: int) -> list[Edition]:
    """Every text of a message, in order."""
    column = warning_edition.c
    rows = connection.execute(sa.select(warning_edition).where(column.warning_id == id).order_by(column.number))
    return [Edition(**{**row._mapping, "content": Content.model_validate(row.content)}) for row in rows]


def approval_of(connection: Connection, item: DeskWarning) -> sa.Row[Any] | None:
    """The signature of the second person, where it stands."""
    return connection.execute(sa.select(approval).where(approval.c.id == item.approval_id)).first()


def issued_of(connection: Connection, item: DeskWarning, alert: Alert | None = None) -> Issued:
    """An issued message as channels and pages get it; `alert` where its bytes were read already."""
    if item.state != "issued" or item.signed is None or item.sent_at is None or item.expires_at is None:
        raise Refusal("Warning {id} was not issued.", id=item.id)
    assert item.approval_id is not None
    column = warning.c
    before = sa.select(column.id).where(column.chain == item.chain, column.state == "issued", column.id != item.id)
    earlier = connection.scalars(before.where(column.sent_at < item.sent_at).order_by(column.id)).all()
    return Issued(
        id=item.id, chain=item.chain, approval_id=item.approval_id, kind=item.kind, status=item.status,
        hazard=item.hazard, level=item.level, regions=(*item.content.regions, *item.content.touched),
        alert=alert or message(item.signed), signed=item.signed, signed_sha256=item.signed_sha256,
        sent_at=item.sent_at, onset_at=item.onset_at, expires_at=item.expires_at, earlier=tuple(earlier),
    )  # fmt: skip


@lru_cache(maxsize=512)
def message(body: bytes) -> Alert:
    """The message in exact bytes of our own."""
    return parse(body)


def alerts_of(items: Sequence[DeskWarning]) -> list[Alert]:
    """The messages that were issued."""
    return [message(item.signed) for item in items if item.signed is not None]


def _of(row: sa.Row[Any]) -> DeskWarning:
    values = {field.name: row._mapping[field.name] for field in fields(DeskWarning)}
    values["content"] = Content.model_validate(row.content)
    values["level"] = Level(row.level)
    values["chain"] = row.id if row.chain is None else row.chain
    return DeskWarning(**values)
