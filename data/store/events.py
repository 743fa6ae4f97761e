"""Events and their revisions: every telling is kept, the newest one is shown, in whatever order they arrive."""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.clock import iso, parse_time
from data.model import Event, EventStatus
from data.store.changes import bump
from data.store.sink import Counts, PutContext
from data.store.tables import change, event, event_revision

CHUNK = 400  # ids in one query: SQLite allows 32,766 parameters, older builds 999
MANY = 50  # more new events at once are told of in one line
NEARBY = timedelta(days=2)  # reports of one event by several networks never differ by more
CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))
Body = Mapping[str, Any]
Revision = tuple[datetime, str, Body]  # updated, digest, body


def body_of(item: Event) -> dict[str, Any]:
    """An event as JSON; a position that the provider withdrew is null."""
    located = math.isfinite(item.lon) and math.isfinite(item.lat)
    return {
        "kind": item.kind,
        "status": item.status.value,
        "lon": item.lon if located else None,
        "lat": item.lat if located else None,
        "depth_km": item.depth_km,
        "magnitude": item.magnitude,
        "magnitude_type": item.magnitude_type,
        "occurred_at": iso(item.occurred_at),
        "updated_at": iso(item.updated_at),
        "title": item.title,
        "url": item.url,
        "aliases": list(item.aliases),
        "attributes": dict(item.attributes),
    }


def digest_of(body: Body) -> str:
    """The name of a revision: its first character orders a deletion after anything else of the same time."""
    text = CANONICAL.encode(body)
    deleted = "1" if body["status"] == EventStatus.DELETED else "0"
    return deleted + hashlib.sha256(text.encode()).hexdigest()[:63]


class EventSink:
    """Keeps `Event` records.

    The revision shown is the one with the newest `updated_at`, ties broken by content, so that any order of arrival
    ends in the same rows. An id that a newer telling of another event lists among its own is marked `same_as` it.
    """

    def prepare(self, context: PutContext, records: Sequence[Event]) -> dict[tuple[str, str], Body]:
        bodies = ((item.id, body_of(item)) for item in records)
        return {(native, digest_of(body)): body for native, body in bodies}

    def put(self, connection: Connection, context: PutContext, prepared: dict[tuple[str, str], Body]) -> Counts:
        known = _digests(connection, context.source, {native for native, _ in prepared})
        fresh = {key: body for key, body in prepared.items() if key not in known}
        if fresh:
            held = _revisions(connection, context.source, {native for native, _ in fresh})
            self._store(connection, context, held, fresh)
        return Counts(stored=len(fresh), unchanged=len(prepared) - len(fresh))

    def _store(
        self,
        connection: Connection,
        context: PutContext,
        known: dict[str, list[Revision]],
        fresh: Mapping[tuple[str, str], Body],
    ) -> None:
        shared = {"source": context.source, "received_at": context.received_at, "payload_id": context.payload_id}
        connection.execute(
            event_revision.insert(),
            [
                {**shared, "id": native, "digest": digest, "updated_at": parse_time(body["updated_at"]), "body": body}
                for (native, digest), body in fresh.items()
            ],
        )
        before = {row.id: row for row in _rows(connection, context.source, {native for native, _ in fresh})}
        for (native, digest), body in fresh.items():
            known[native].append((parse_time(body["updated_at"]), digest, body))
        touched = sorted({native for native, _ in fresh})
        rows = {native: row for native in touched if (row := _shown(known[native])) is not None}
        inserts, updates, lines = [], [], []
        for native, row in rows.items():
            old = before.get(native)
            if old is None:
                inserts.append({**shared, **row, "id": native})
                lines.append(_line(context, native, "event-new", row, None))
                continue
            newest = row["updated_at"] > old.updated_at or _differs(old, row)
            changed = {**row, **shared} if newest else row
            updates.append(
                {f"b_{name}": value for name, value in {**changed, "id": native}.items() if name != "source"}
            )
            if newest and (kind := _kind_of_change(old, row)):
                lines.append(_line(context, native, kind, row, old))
        _write(connection, context.source, inserts, updates)
        _merge(connection, context.source, rows)
        _tell(connection, context, lines)


def _chunks(items: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(items)
    return (ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK))


def _digests(connection: Connection, source: str, natives: Iterable[str]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    table = event_revision.c
    for some in _chunks(natives):
        query = sa.select(table.id, table.digest).where(table.source == source, table.id.in_(some))
        found.update((native, digest) for native, digest in connection.execute(query))
    return found


def _revisions(connection: Connection, source: str, natives: Iterable[str]) -> dict[str, list[Revision]]:
    found: dict[str, list[Revision]] = defaultdict(list)
    table = event_revision.c
    for some in _chunks(natives):
        query = sa.select(table.id, table.updated_at, table.digest, table.body).where(
            table.source == source, table.id.in_(some)
        )
        for native, updated_at, digest, body in connection.execute(query):
            found[native].append((updated_at, digest, body))
    return found


def _rows(connection: Connection, source: str, natives: Iterable[str]) -> Iterable[sa.Row[Any]]:
    for some in _chunks(natives):
        yield from connection.execute(sa.select(event).where(event.c.source == source, event.c.id.in_(some)))


def _shown(revisions: list[Revision]) -> dict[str, Any] | None:
    """The row to show of all revisions of one id; None while none of them has a position."""
    ordered = sorted(revisions, key=lambda revision: revision[:2])
    newest = ordered[-1][2]
    located = next((body for _, _, body in reversed(ordered) if body["lon"] is not None), None)
    if located is None:
        return None
    placed = newest if newest["lon"] is not None else located
    names = ("kind", "status", "title", "url", "aliases", "attributes", "magnitude", "magnitude_type", "depth_km")
    row = {name: newest[name] for name in names}
    if placed is not newest:  # a deletion without facts: those last known, so that people see what was deleted
        row |= {
            name: newest[name] or placed[name]
            for name in ("title", "url", "aliases", "attributes", "magnitude", "magnitude_type", "depth_km")
        }
    return row | {
        "lon": placed["lon"],
        "lat": placed["lat"],
        "occurred_at": parse_time(newest["occurred_at"]),
        "updated_at": parse_time(newest["updated_at"]),
        "revision": len(ordered),
    }


def _differs(old: sa.Row[Any], row: Mapping[str, Any]) -> bool:
    return any(getattr(old, name) != value for name, value in row.items() if name != "revision")


def _kind_of_change(old: sa.Row[Any], row: Mapping[str, Any]) -> str:
    if row["status"] == EventStatus.DELETED and old.status != EventStatus.DELETED:
        return "event-deleted"
    told = ("magnitude", "lon", "lat", "depth_km", "kind", "status")
    return "event-revised" if any(getattr(old, name) != row[name] for name in told) else ""


def _line(
    context: PutContext, native: str, kind: str, row: Mapping[str, Any], old: sa.Row[Any] | None
) -> dict[str, Any]:
    detail = {"title": row["title"], "kind": row["kind"], "magnitude": row["magnitude"], "source": context.source}
    if old is not None:
        detail["before"] = {"magnitude": old.magnitude, "depth_km": old.depth_km, "status": old.status}
    return {"subject": f"{context.source}/{native}"[:240], "kind": kind, "detail": detail}


def _write(connection: Connection, source: str, inserts: list[dict[str, Any]], updates: list[dict[str, Any]]) -> None:
    if inserts:
        connection.execute(event.insert(), inserts)
    if not updates:
        return
    by_names: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for values in updates:
        by_names[tuple(sorted(values))].append(values)
    for names, group in by_names.items():
        columns: dict[str, Any] = {name[2:]: sa.bindparam(name) for name in names if name != "b_id"}
        statement = event.update().where(event.c.source == source, event.c.id == sa.bindparam("b_id"))
        connection.execute(statement.values(columns), group)


def _merge(connection: Connection, source: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Mark what a newer telling counts as its own event, and unmark what no longer is.

    Only a newer telling can claim an older one, so claims have no circle; the newest claim wins, and a chain is
    followed to its end.
    """
    if not rows:
        return
    times = [row["occurred_at"] for row in rows.values()]
    first, last = min(times) - NEARBY, max(times) + NEARBY
    table = event.c
    columns = (table.id, table.updated_at, table.occurred_at, table.aliases, table.same_as)
    query = sa.select(*columns).where(  # twice as far: who is marked needs all who could claim it
        table.source == source, table.occurred_at.between(first - NEARBY, last + NEARBY)
    )
    around = {row.id: row for row in connection.execute(query)}
    claims: dict[str, str] = {}
    for native, row in sorted(around.items(), key=lambda pair: (pair[1].updated_at, pair[0])):
        for alias in row.aliases:
            other = around.get(alias)
            if other is not None and (other.updated_at, alias) < (row.updated_at, native):
                claims[alias] = native
    marks = []
    for native, row in around.items():
        if not first <= row.occurred_at <= last:
            continue
        target = claims.get(native)
        while target in claims:
            target = claims[target]
        if target != row.same_as:
            marks.append({"b_id": native, "b_same_as": target})
    if marks:
        statement = event.update().where(table.source == source, table.id == sa.bindparam("b_id"))
        connection.execute(statement.values(same_as=sa.bindparam("b_same_as")), marks)


def _tell(connection: Connection, context: PutContext, lines: list[dict[str, Any]]) -> None:
    """Bump the topic once for all, and leave a line each, or one for many new events."""
    version = bump(connection, "events")
    new = [line for line in lines if line["kind"] == "event-new"]
    if len(new) > MANY:
        lines = [line for line in lines if line["kind"] != "event-new"]
        lines.append({"subject": context.source, "kind": "events-new", "detail": {"count": len(new)}})
    common = {"version": version, "at": context.received_at, "topic": "events", "level": 0}
    if lines:
        connection.execute(change.insert(), [{**common, **line} for line in lines])
