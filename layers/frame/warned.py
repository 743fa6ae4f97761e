"""Warnings that spoke of a place: those of other services as they came in, and those that this office issued."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import shapely
import sqlalchemy as sa
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from data.model import Level
from data.store.incoming import NO_END_GIVEN
from data.store.tables import incoming_warning, source_state, warning
from layers.frame.item import Found, Item, Question, page
from layers.frame.notes import NO_WARNINGS_FEED, WARNINGS_NOWHERE, note
from layers.frame.place import around, codes_of
from layers.warnings import join_codes


def incoming(asked: Question) -> Found:
    """Public warnings of other services that held within the times and reach the place, the newest first."""
    table = incoming_warning.c
    ends = sa.func.coalesce(table.expires_at, table.sent_at)
    query = sa.select(incoming_warning).where(
        table.sent_at < asked.end, table.scope == "Public",
        sa.or_(ends >= asked.start, sa.and_(table.expires_at.is_(None), table.sent_at > asked.start - NO_END_GIVEN)),
    )  # fmt: skip
    codes, found, nowhere = codes_of(asked.place, asked.index), [], 0
    for row in asked.connection.execute(query.order_by(table.sent_at.desc(), table.key)):
        named, _ = join_codes(row.geocodes, asked.index) if row.geometry is None else ([], [])
        if row.geometry is None and not named:
            nowhere += 1
        elif codes.intersection(named) or (row.geometry is not None and asked.place.meets(_shape(row.geometry))):
            found.append(_incoming(row))
    as_of = asked.connection.execute(sa.select(sa.func.max(table.received_at))).scalar()
    heard = sa.select(sa.func.max(source_state.c.last_success_at)).where(
        source_state.c.source.in_(sa.select(table.source).distinct())
    )
    missing = [] if as_of else [note(NO_WARNINGS_FEED)]
    if nowhere:
        missing.append(note(WARNINGS_NOWHERE, n=nowhere))
    as_of = asked.connection.execute(heard).scalar() or as_of
    return Found(items=page(found, asked), total=len(found), missing=missing, as_of=as_of)


def own(asked: Question) -> Found:
    """Messages that this office issued and that held within the times and reach the place, the newest first."""
    table = warning.c
    query = sa.select(warning).where(
        table.state == "issued", table.sent_at < asked.end,
        sa.or_(table.expires_at.is_(None), table.expires_at >= asked.start),
    )  # fmt: skip
    codes, found = codes_of(asked.place, asked.index), []
    for row in asked.connection.execute(query.order_by(table.sent_at.desc(), table.id.desc())):
        named = {*row.content["regions"], *row.content["touched"]}
        if codes & named or any(asked.place.meets(one) for one in _drawn(row.content)):
            found.append(_own(row))
    return Found(items=page(found, asked), total=len(found), as_of=asked.now)


def _drawn(content: Any) -> Iterable[BaseGeometry]:
    """Shapes of a message, in EPSG:4326."""
    for ring in (*content["polygons"], *content["outline"]):
        yield shapely.make_valid(shapely.Polygon(ring))
    for circle in content["circles"]:
        yield around(circle["centre"][0], circle["centre"][1], circle["radius_km"])


def _shape(geometry: Any) -> BaseGeometry:
    found: BaseGeometry = shape(geometry)
    return found if found.is_valid else shapely.make_valid(found)


def _incoming(row: Any) -> Item:
    facts = {
        "level": Level(row.level).key, "severity": row.severity, "urgency": row.urgency, "certainty": row.certainty,
        "area": row.area, "sender": row.sender, "replaced": row.replaced_by is not None,
    }  # fmt: skip
    return Item(
        kind="incoming", id=row.key, title=row.headline or row.event, source=row.source,
        at=row.onset_at or row.sent_at, until=row.expires_at, value=Level(row.level).key, known_at=row.received_at,
        quality=row.status, facts=facts, link="/",
    )  # fmt: skip


def _own(row: Any) -> Item:
    facts = {"level": Level(row.level).key, "hazard": row.hazard, "message": row.kind, "identifier": row.identifier}
    headline = next((words["headline"] for words in row.content["texts"].values() if words["headline"]), row.hazard)
    starts: datetime = row.onset_at or row.sent_at
    return Item(
        kind="own", id=str(row.identifier or row.id), title=headline, source=row.sender, at=starts,
        until=row.expires_at, value=Level(row.level).key, known_at=row.issued_at or row.sent_at, quality=row.status,
        facts=facts, link="/warn",
    )  # fmt: skip
