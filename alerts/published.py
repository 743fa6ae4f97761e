"""What of the desk's messages the public may see, and how each of them stands now.

Real messages for everybody alone: neither exercises and tests nor what is restricted or private. Whether something is
in force is decided at the time of reading, so that nothing has to happen for a warning to end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.cap.model import Alert
from alerts.desk.issued import Issued
from alerts.desk.read import message
from data.model import Level
from data.store.tables import warning

Standing = Literal["in force", "expired", "cancelled", "replaced", "end"]

KEPT = timedelta(hours=24)  # in feeds, after it ended


@dataclass(frozen=True, kw_only=True)
class Published:
    """One issued message and what came after it."""

    issued: Issued
    certificate_sha256: str
    next_identifier: str = ""  # of the message that was issued in its place
    next_kind: str = ""
    next_at: datetime | None = None

    @property
    def alert(self) -> Alert:
        return self.issued.alert

    @property
    def identifier(self) -> str:
        return self.issued.alert.identifier

    @property
    def ends_at(self) -> datetime:
        """When it is over: at its own end, or when another message took its place."""
        return self.issued.expires_at if self.next_at is None else min(self.next_at, self.issued.expires_at)

    def standing(self, now: datetime) -> Standing:
        """How it stands at a time; a message that ends a warning is never in force itself."""
        if self.issued.kind == "cancel":
            return "end"
        if self.next_identifier:
            return "cancelled" if self.next_kind == "cancel" else "replaced"
        return "in force" if now < self.issued.expires_at else "expired"


@dataclass(frozen=True)
class Mark:
    """As much of a message as tells whether anything has changed."""

    id: int
    signed_sha256: str
    expires_at: datetime
    replaced_by: int | None


def read_marks(connection: Connection, since: datetime) -> tuple[Mark, ...]:
    """The messages that had not expired at `since`: small and quick, for asking again and again."""
    table = warning.c
    query = (
        sa.select(table.id, table.signed_sha256, table.expires_at, table.replaced_by)
        .where(*_issued(), table.expires_at > since)
        .order_by(table.id)
    )
    return tuple(Mark(*row) for row in connection.execute(query))


def read_published(connection: Connection, since: datetime) -> list[Published]:
    """The public messages that had not expired at `since`, the worst first, then what ends first."""
    found = _read(connection, (warning.c.expires_at > since,), None)
    return sorted(found, key=lambda one: (-one.issued.level, one.issued.expires_at, one.issued.id))


def in_force(published: Iterable[Published], now: datetime) -> list[Published]:
    """Those that hold now."""
    return [one for one in published if one.standing(now) == "in force"]


def recent(published: Iterable[Published], now: datetime) -> list[Published]:
    """Those that ended in the last `KEPT`, the newest end first."""
    ended = [one for one in published if one.standing(now) != "in force" and one.ends_at > now - KEPT]
    return sorted(ended, key=lambda one: (one.ends_at, one.issued.id), reverse=True)


def find(connection: Connection, identifier: str) -> Published | None:
    """The public message of a name, however old."""
    return next(iter(_read(connection, (warning.c.identifier == identifier,), 1)), None)


def chain_of(connection: Connection, chain: int) -> list[Published]:
    """All public messages about the same thing, in order of issue."""
    return _read(connection, (sa.or_(warning.c.chain == chain, warning.c.id == chain),), None)


def read_history(connection: Connection, *, before: int | None, limit: int) -> list[Published]:
    """The messages issued before the one with id `before`, the newest first."""
    older = () if before is None else (warning.c.id < before,)
    return _read(connection, older, limit, newest_first=True)


def is_published(connection: Connection, sha256: str) -> bool:
    """Whether a public message has exactly these bytes."""
    return bool(_read(connection, (warning.c.signed_sha256 == sha256,), 1))


def find_attachment(connection: Connection, sha256: str) -> Mapping[str, Any] | None:
    """The file of a digest as a public message names it: `name`, `media_type`, `sha256`, `size`."""
    table = warning.c
    query = sa.select(table.id, table.content).where(*_issued(), sa.cast(table.content, sa.Text).contains(sha256))
    for row in connection.execute(query):
        named = (one for one in row.content.get("attachments", ()) if one["sha256"] == sha256)
        found: Mapping[str, Any] | None = next(named, None)
        if found is not None and _read(connection, (table.id == row.id,), 1):
            return found
    return None


def issued_of(row: Any) -> Issued:
    """A row of an issued message as the value that leaves the desk."""
    content = row.content
    return Issued(
        id=row.id, chain=row.id if row.chain is None else row.chain, approval_id=row.approval_id, kind=row.kind,
        status=row.status, hazard=row.hazard, level=Level(row.level), alert=message(row.signed), signed=row.signed,
        signed_sha256=row.signed_sha256, sent_at=row.sent_at, onset_at=row.onset_at, expires_at=row.expires_at,
        regions=(*content.get("regions", ()), *content.get("touched", ())),
    )  # fmt: skip


def _issued() -> tuple[sa.ColumnElement[bool], ...]:
    table = warning.c
    return table.state == "issued", table.status == "Actual", table.signed.is_not(None)


def _read(
    connection: Connection,
    conditions: Iterable[sa.ColumnElement[bool]],
    limit: int | None,
    *,
    newest_first: bool = False,
) -> list[Published]:
    after = warning.alias("after")
    order = warning.c.id.desc() if newest_first else warning.c.id
    query = (
        sa.select(
            warning, after.c.identifier.label("next_identifier"), after.c.kind.label("next_kind"),
            after.c.issued_at.label("next_at"),
        )
        .select_from(warning.outerjoin(after, (after.c.id == warning.c.replaced_by) & (after.c.state == "issued")))
        .where(*_issued(), *conditions)
        .order_by(order)
        .limit(limit)
    )  # fmt: skip
    found = [
        Published(
            issued=issued_of(row), certificate_sha256=row.certificate_sha256, next_at=row.next_at,
            next_identifier=row.next_identifier or "", next_kind=row.next_kind or "",
        )
        for row in connection.execute(query)
    ]  # fmt: skip
    return [one for one in found if one.alert.scope == "Public"]
