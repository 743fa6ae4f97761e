"""Warnings of other services in the store, and which of them are in force."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.clock import iso, parse_time
from data.model import IncomingWarning
from data.store.changes import bump, note_change
from data.store.runs import lock_source
from data.store.sink import Counts, PutContext
from data.store.tables import incoming_warning as table

NO_END_GIVEN = timedelta(hours=24)
REPLACING = ("Update", "Cancel")
KIND = {"Alert": "new", "Update": "update", "Cancel": "cancel"}
BATCH = 400  # keys in one IN list


@dataclass(frozen=True, kw_only=True)
class InForce:
    """One message that holds now."""

    row: Any  # of `incoming_warning`
    ends_at: datetime
    no_end_given: bool
    begins_later: bool  # its onset is still to come


def key_of(sender: str, identifier: str, sent: datetime | str) -> str:
    """The identity of a message; a time is compared as an instant, however it is written."""
    sent_at = _instant(sent) if isinstance(sent, str) else sent
    return hashlib.sha256("\n".join((sender, identifier, iso(sent_at))).encode()).hexdigest()


def _instant(written: str) -> datetime:
    try:
        return parse_time(written)
    except ValueError:
        return parse_time(f"{written.strip()}Z")  # without a zone: read as `sent` itself would be


class WarningSink:
    """Keeps each message once, whichever feeds it came through, and marks what a later one replaces.

    An Update or Cancel replaces what it refers to when the status is the same (an exercise ends no real warning),
    when it was not sent earlier, and when it comes from the same sender or through the same feed. Of two texts under
    one identity the first stays, unless it said nothing and the second does.
    """

    def prepare(self, context: PutContext, records: Sequence[IncomingWarning]) -> Sequence[IncomingWarning]:
        return records

    def put(self, connection: Connection, context: PutContext, prepared: Sequence[IncomingWarning]) -> Counts:
        lock_source(connection, "incoming warnings")  # one message may come through several feeds at once
        fresh = {key_of(record.sender, record.id, record.sent_at): record for record in prepared}
        for row in _by_keys(connection, list(fresh), table.c.key, table.c.event, table.c.area):
            if row.event or row.area or not fresh[row.key].infos:
                del fresh[row.key]
            else:
                connection.execute(table.delete().where(table.c.key == row.key))
        if not fresh:
            return Counts(unchanged=len(prepared))
        connection.execute(table.insert(), [_values(key, record, context) for key, record in fresh.items()])
        _replace(connection, set(fresh), context.source)
        for key, record in fresh.items():
            if _is_news(record, context.received_at):
                note_change(
                    connection, "warnings", at=context.received_at, kind=KIND[record.message_type], subject=key,
                    level=record.level,
                    detail={"event": record.event, "headline": record.headline, "sender": record.sender,
                            "area": record.area[:500], "source": context.source},
                )  # fmt: skip
        bump(connection, "warnings")
        return Counts(stored=len(fresh), unchanged=len(prepared) - len(fresh))


def read_live(connection: Connection, now: datetime) -> list[sa.Row[Any]]:
    """Every message that neither another replaced nor its own time ended, of any status and scope."""
    query = sa.select(table).where(
        table.c.replaced_by.is_(None),
        sa.or_(table.c.expires_at > now, sa.and_(table.c.expires_at.is_(None), table.c.sent_at > now - NO_END_GIVEN)),
    )
    return list(connection.execute(query.order_by(table.c.level.desc(), table.c.sent_at.desc(), table.c.key)))


def in_force(rows: Iterable[Any], now: datetime) -> list[InForce]:
    """The real, public warnings among rows that hold at `now`; worst first, then newest.

    A message without an end holds for 24 hours from sending and says so. Exercises, tests, drafts, system messages
    and what is restricted or private are never among them, nor are cancellations.
    """
    found = []
    for row in rows:
        ends_at = row.expires_at or row.sent_at + NO_END_GIVEN
        real = row.status == "Actual" and row.scope == "Public" and row.message_type in ("Alert", "Update")
        if real and row.replaced_by is None and ends_at > now and ends_at > row.sent_at:
            later = row.onset_at is not None and row.onset_at > now
            found.append(InForce(row=row, ends_at=ends_at, no_end_given=row.expires_at is None, begins_later=later))
    return sorted(found, key=lambda one: (-one.row.level, -one.row.sent_at.timestamp(), one.row.key))


def _values(key: str, record: IncomingWarning, context: PutContext) -> dict[str, Any]:
    return {
        "key": key,
        "source": context.source,
        "id": record.id,
        "sender": record.sender,
        "sent_at": record.sent_at,
        "status": record.status,
        "message_type": record.message_type,
        "scope": record.scope,
        "level": int(record.level),
        "event": record.event,
        "headline": record.headline,
        "severity": record.severity,
        "urgency": record.urgency,
        "certainty": record.certainty,
        "onset_at": record.onset_at,
        "expires_at": record.expires_at,
        "language": record.language,
        "references": [list(reference) for reference in record.references],
        "geometry": record.geometry if record.geometry is not None else sa.null(),
        "area": record.area,
        "geocodes": [list(pair) for pair in record.geocodes],
        "infos": list(record.infos),
        "attributes": dict(record.attributes),
        "replaced_by": None,
        "received_at": context.received_at,
        "payload_id": context.payload_id,
    }


def _is_news(record: IncomingWarning, now: datetime) -> bool:
    """Whether a line in the list of changes is due: real and public, and not over when it came."""
    ends_at = record.expires_at or record.sent_at + NO_END_GIVEN
    return record.status == "Actual" and record.scope == "Public" and record.message_type in KIND and ends_at > now


def _by_keys(connection: Connection, keys: Sequence[str], *columns: Any) -> list[sa.Row[Any]]:
    found: list[sa.Row[Any]] = []
    for start in range(0, len(keys), BATCH):
        found += connection.execute(sa.select(*columns).where(table.c.key.in_(keys[start : start + BATCH])))
    return found


def _replace(connection: Connection, fresh: set[str], source: str) -> None:
    """Set `replaced_by` on what the fresh messages replace, and on fresh ones that an earlier arrival replaces.

    The newest message that refers to another is the one named, so that the order of arrival makes no difference.
    """
    identity = (table.c.key, table.c.sender, table.c.id, table.c.sent_at, table.c.status, table.c.source)
    arrived = _by_keys(connection, sorted(fresh), *identity, table.c.message_type, table.c.references)
    senders = sorted({row.sender for row in arrived})
    replacing = list(
        connection.execute(
            sa.select(*identity, table.c.references).where(
                table.c.message_type.in_(REPLACING),
                table.c.sent_at >= min(row.sent_at for row in arrived),
                sa.or_(table.c.sender.in_(senders[:BATCH]), table.c.source == source),
            )
        )
    )
    targets = {row.key: row for row in arrived}
    wanted, loose = _referred(row for row in replacing if row.key in fresh)
    targets |= {row.key: row for row in _by_keys(connection, sorted(wanted - set(targets)), *identity)}
    for sender, identifier in sorted(loose):
        query = sa.select(*identity).where(table.c.sender == sender, table.c.id == identifier)
        targets |= {row.key: row for row in connection.execute(query)}
    by: dict[str, Any] = {}
    for row in replacing:
        keys, pairs = _referred([row])
        named = [targets[key] for key in keys if key in targets]
        named += [target for target in targets.values() if (target.sender, target.id) in pairs] if pairs else []
        for target in named:
            if _may_replace(row, target) and (target.key not in by or _order(row) > _order(by[target.key])):
                by[target.key] = row
    current = {row.key: row.replaced_by for row in _by_keys(connection, sorted(by), table.c.key, table.c.replaced_by)}
    orders = {
        row.key: _order(row)
        for row in _by_keys(
            connection, sorted({key for key in current.values() if key}), table.c.key, table.c.sent_at
        )
    }
    for key, row in by.items():
        if current[key] is None or _order(row) > orders[current[key]]:
            connection.execute(table.update().where(table.c.key == key).values(replaced_by=row.key))


def _order(row: Any) -> tuple[datetime, str]:
    return row.sent_at, row.key


def _referred(rows: Iterable[Any]) -> tuple[set[str], set[tuple[str, str]]]:
    """Keys that rows refer to; (sender, identifier) where the reference carries no readable time."""
    keys: set[str] = set()
    loose: set[tuple[str, str]] = set()
    for row in rows:
        for sender, identifier, sent in row.references:
            try:
                keys.add(key_of(sender, identifier, sent))
            except ValueError:
                loose.add((sender, identifier))
    return keys, loose


def _may_replace(row: Any, target: Any) -> bool:
    return bool(
        row.key != target.key
        and row.status == target.status
        and row.sent_at >= target.sent_at
        and (row.sender == target.sender or row.source == target.source)
    )
