"""Located earthquakes as truth: which of them are certain, which regions they concern, and when feeds were heard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.rule import Condition, Rule, RuleInput
from alerts.spans import NONE, Floats, both, joined
from alerts.truth import TrueEvent
from data.model import EventStatus, Level
from data.store.tables import event, run

# An automatic location counts from here on: so large an earthquake stands on many stations. A house rule; a smaller
# one counts once a person has reviewed it.
CERTAIN_FROM = 5.0
# Looks that found nothing new are not kept for long. The feeds tell of small earthquakes many times a day: a longer
# time without any of them is silence.
LONGEST_QUIET = timedelta(hours=6)
HEARD = ("stored", "unchanged")


def read_quakes(connection: Connection, since: datetime, until: datetime) -> Sequence[Any]:
    """The earthquakes of a time as they are known now: neither withdrawn ones nor second reports."""
    table = event.c
    query = (
        sa.select(event)
        .where(
            table.kind == "earthquake", table.same_as.is_(None), table.status != EventStatus.DELETED.value,
            table.occurred_at >= since, table.occurred_at < until, table.magnitude.is_not(None),
        )
        .order_by(table.occurred_at, table.source, table.id)
    )  # fmt: skip
    return connection.execute(query).all()


def located(rule: Rule, rows: Sequence[Any]) -> list[TrueEvent]:
    """The certain earthquakes that reach a level of a rule somewhere, each with how far it reaches one."""
    return [found for row in rows if _is_certain(row) and (found := _event(rule, row)) is not None]


def uncertain(rule: Rule, rows: Sequence[Any]) -> list[TrueEvent]:
    """Those that would, but that nobody has reviewed."""
    return [found for row in rows if not _is_certain(row) and (found := _event(rule, row)) is not None]


def _is_certain(row: Any) -> bool:
    return bool(row.status == EventStatus.REVIEWED.value or row.magnitude >= CERTAIN_FROM)


def _event(rule: Rule, row: Any) -> TrueEvent | None:
    reaches = {Level.of(key): _reach_km(level, rule.inputs, row) for key, level in rule.levels.items()}
    found = {level: reach for level, reach in reaches.items() if reach is not None}
    if not found:
        return None
    return TrueEvent(
        hazard=rule.hazard, start_at=row.occurred_at, end_at=row.occurred_at, lon=row.lon, lat=row.lat,
        radius_km=max(found.values()), level=max(found), origin="instruments",
        source=f"{row.source}/{row.id}, {row.magnitude_type or 'M'} {row.magnitude:g}",
    )  # fmt: skip


def _reach_km(condition: Condition, inputs: Any, row: Any) -> float | None:
    """How far from the epicentre one earthquake fulfils a condition by itself; None where nowhere."""
    if condition.input is not None:
        item: RuleInput = inputs[condition.input]
        too_deep = item.max_depth_km is not None and row.depth_km is not None and row.depth_km > item.max_depth_km
        return None if too_deep or row.magnitude < condition.trigger else item.within_km
    parts = [_reach_km(part, inputs, row) for part in (*(condition.all or ()), *(condition.any or ()))]
    known = [part for part in parts if part is not None]
    if not known or (condition.all is not None and len(known) < len(parts)):
        return None
    return min(known) if condition.all is not None else max(known)


def heard_spans(
    connection: Connection, feeds: Sequence[str], since: datetime, until: datetime, max_age_s: float
) -> Floats:
    """When all of some feeds were heard: between two looks that succeeded, unless too long passed.

    Parameters
    ----------
    max_age_s : float
        So long is short enough whatever was between; where no look failed, `LONGEST_QUIET` is. [s]

    Returns
    -------
    array
        (k, 2) [s since 1970 UTC]; empty where any of them was never heard, or there are none.
    """
    heard: Floats | None = None
    for feed in feeds:
        spans = _heard(connection, feed, since, until, max_age_s)
        heard = spans if heard is None else both(heard, spans)
    return NONE if heard is None else heard


def _heard(connection: Connection, feed: str, since: datetime, until: datetime, max_age_s: float) -> Floats:
    table = run.c
    query = (
        sa.select(table.finished_at, table.outcome)
        .where(table.source == feed, table.finished_at >= since, table.finished_at < until)
        .order_by(table.finished_at)
    )
    rows = connection.execute(query).all()
    heard = np.array([row.finished_at.timestamp() for row in rows if row.outcome in HEARD])
    failed = np.array([row.finished_at.timestamp() for row in rows if row.outcome not in HEARD])
    ends = np.append(heard[1:], until.timestamp())[: len(heard)]
    unbroken = np.searchsorted(failed, heard) == np.searchsorted(failed, ends)
    near = ends - heard <= np.where(unbroken, LONGEST_QUIET.total_seconds(), max_age_s)
    return joined(heard[near], ends[near])
