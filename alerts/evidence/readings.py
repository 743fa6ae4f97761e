"""What the rules behind a proposal had before them: readings, events, fields, messages, surveys, and their payloads.

Everything is cut at the moment of the signature: what came later was not known then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from alerts.evidence.plain import plain_row
from alerts.rule import Rule, RuleInput
from data.store.tables import dataset, event_revision, field_step, incoming_warning, observation, station

MOST = 5_000  # rows of one input
BEFORE = timedelta(hours=24)  # an input without a window is looked at so far back
NEAR_DEG = 0.2  # stations just outside a region can speak for it


@dataclass(frozen=True)
class Span:
    """Which time and which land."""

    since: datetime
    until: datetime  # of the data
    known_at: datetime  # received by then
    land: Any  # shapely; None is everywhere


@dataclass(frozen=True)
class Reading:
    """Rows behind one input of one rule."""

    rule: str
    input: str
    source: str
    quantity: str
    rows: tuple[Mapping[str, Any], ...]
    payloads: tuple[int, ...]
    more: bool  # there are more rows than are kept here


def readings_of(connection: Connection, rule: Rule, span: Span) -> Iterator[Reading]:
    """The rows behind each input of a rule as it was stored."""
    for name, item in sorted(rule.inputs.items()):
        back = timedelta(seconds=item.window) + timedelta(seconds=item.interval) if item.window else BEFORE
        wide = Span(span.since - back, span.until, span.known_at, span.land)
        rows = FIND[item.source](connection, item, wide)
        kept = rows[:MOST]
        payloads = sorted({int(row["payload_id"]) for row in kept if row["payload_id"] is not None})
        yield Reading(
            rule.key, name, item.source, item.quantity, tuple(plain_row(row) for row in kept), tuple(payloads),
            len(rows) > MOST,
        )  # fmt: skip


def land_of(codes: Sequence[str], base_dir: Path) -> Any:
    """The regions of a proposal as one shape; None where the base data knows none of them."""
    import shapely

    from data.regions import load_geometries, load_regions

    index = load_regions(base_dir)
    rids = sorted({rid for code in codes if (rid := index.by_code(code)) is not None})
    if not rids:
        return None
    found, shapes = load_geometries(base_dir, sorted({str(index.kind[rid]) for rid in rids}))
    return shapely.union_all(shapes[np.isin(found, rids)])


def _stations(connection: Connection, item: RuleInput, span: Span) -> Sequence[RowMapping]:
    table = observation.c
    query = (
        sa.select(observation, station.c.lon, station.c.lat, station.c.name)
        .join(station, sa.and_(station.c.source == table.source, station.c.id == table.station))
        .where(table.quantity == item.quantity, table.observed_at > span.since, table.observed_at <= span.until)
        .where(table.received_at <= span.known_at)
        .order_by(table.source, table.station, table.observed_at)
    )
    query = _fed(query, table.source, item)
    if span.land is not None:
        west, south, east, north = span.land.bounds
        query = query.where(
            station.c.lon.between(west - NEAR_DEG, east + NEAR_DEG),
            station.c.lat.between(south - NEAR_DEG, north + NEAR_DEG),
        )
    return connection.execute(query.limit(MOST + 1)).mappings().all()


def _events(connection: Connection, item: RuleInput, span: Span) -> Sequence[RowMapping]:
    table = event_revision.c
    query = (
        sa.select(event_revision)
        .where(table.received_at > span.since, table.received_at <= span.known_at)
        .order_by(table.source, table.id, table.received_at, table.digest)
    )
    rows = connection.execute(_fed(query, table.source, item).limit(MOST + 1)).mappings().all()
    return [row for row in rows if (row["body"] or {}).get("kind", item.quantity) == item.quantity]


def _fields(connection: Connection, item: RuleInput, span: Span) -> Sequence[RowMapping]:
    table = field_step.c
    ahead = timedelta(seconds=item.window if item.ahead is None else item.ahead)
    query = (
        sa.select(field_step)
        .where(table.quantity == item.quantity, table.valid_at > span.since, table.valid_at <= span.until + ahead)
        .where(table.received_at <= span.known_at)
        .order_by(table.id)
    )
    return connection.execute(_fed(query, table.source, item).limit(MOST + 1)).mappings().all()


def _told(connection: Connection, item: RuleInput, span: Span) -> Sequence[RowMapping]:
    table = incoming_warning.c
    query = (
        sa.select(incoming_warning)
        .where(table.received_at <= span.known_at)
        .where(sa.or_(table.expires_at.is_(None), table.expires_at > span.since))
        .where(table.sent_at > span.since - timedelta(days=3))
        .order_by(table.sent_at, table.key)
    )
    return connection.execute(_fed(query, table.source, item).limit(MOST + 1)).mappings().all()


def _surveys(connection: Connection, item: RuleInput, span: Span) -> Sequence[RowMapping]:
    source, _, key = item.quantity.partition("/")
    table = dataset.c
    query = sa.select(dataset).where(table.source == source, table.key == key, table.received_at <= span.known_at)
    return connection.execute(query.order_by(table.received_at.desc()).limit(1)).mappings().all()


def _fed(query: Any, source: sa.ColumnElement[str], item: RuleInput) -> Any:
    """Only of the feeds that the rule names, where it names any."""
    return query.where(source.in_(item.feeds)) if item.feeds else query


Find = Callable[[Connection, RuleInput, Span], Sequence[RowMapping]]
FIND: Mapping[str, Find] = {
    "stations": _stations, "events": _events, "field": _fields, "warnings": _told, "survey": _surveys,
}  # fmt: skip
