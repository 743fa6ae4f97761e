"""Events at a place: earthquakes, cyclones, fires, whatever has a point and a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa

from data.store.tables import event, source_state
from layers.frame.item import Found, Item, Question, page
from layers.frame.notes import NO_EVENTS_FEED, note
from layers.frame.skip import values_of


def events(asked: Question) -> Found:
    """Events inside the place that occurred within the times, the newest first."""
    table = event.c
    west, south, east, north = asked.place.bounds
    query = sa.select(event).where(
        table.kind.in_(values_of(asked.connection, table.kind)),  # the index begins with the kind
        table.occurred_at >= asked.start, table.occurred_at < asked.end, table.status != "deleted",
        table.same_as.is_(None), table.lon.between(west, east), table.lat.between(south, north),
    )  # fmt: skip
    rows = list(asked.connection.execute(query.order_by(table.occurred_at.desc(), table.source, table.id)))
    inside = asked.place.holds(np.array([row.lon for row in rows]), np.array([row.lat for row in rows]))
    found = [_item(row) for row, holds in zip(rows, inside, strict=True) if holds]
    sources = values_of(asked.connection, table.source)
    heard = sa.select(sa.func.max(source_state.c.last_success_at)).where(source_state.c.source.in_(sources))
    as_of = asked.connection.execute(heard).scalar()
    if as_of is None and sources:
        as_of = asked.connection.execute(sa.select(sa.func.max(table.received_at))).scalar()
    return Found(
        items=page(found, asked), total=len(found), missing=() if as_of else (note(NO_EVENTS_FEED),), as_of=as_of
    )


def _item(row: Any) -> Item:
    facts = {"kind": row.kind, "status": row.status, "depth_km": row.depth_km, "revision": row.revision}
    return Item(
        kind="events", id=f"{row.source}/{row.id}", title=row.title or row.kind, source=row.source,
        at=row.occurred_at, place=(row.lon, row.lat), value=row.magnitude, unit=row.magnitude_type,
        quality=row.status, known_at=row.received_at, facts=facts,
        link=f"/#map=8/{row.lat:.4f}/{row.lon:.4f}",
    )  # fmt: skip
