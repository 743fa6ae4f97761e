"""Event inputs of rules: what happened, how near, and whether the feeds that would tell are being heard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.engine import AHEAD_S
from alerts.rule import Rule, RuleInput
from data.model import EventStatus
from data.regions import RegionIndex, load_geometries
from data.store.tables import event, source_state
from layers.events import Happened, Near, strongest_near
from layers.geodesy import distance_to_areas_km, near_boxes
from layers.stations import RegionNumbers

KEPT_DISTANCES = 5000
NEVER = float("-inf")


class Neighbourhood:
    """Distances from epicentres to regions; areas are read when something first happens near any, and kept."""

    def __init__(self) -> None:
        self._areas: dict[tuple[Path, bytes], NDArray[np.object_]] = {}
        self._found: OrderedDict[tuple[Any, ...], Near] = OrderedDict()

    def near(self, index: RegionIndex, rids: NDArray[np.int32], lon: float, lat: float, within_km: float) -> Near:
        group = (index.base_dir, rids.tobytes())
        key = (*group, lon, lat, within_km)
        if key not in self._found:
            self._found[key] = self._measure(index, rids, lon, lat, within_km)
            if len(self._found) > KEPT_DISTANCES:
                self._found.popitem(last=False)
        return self._found[key]

    def _measure(self, index: RegionIndex, rids: NDArray[np.int32], lon: float, lat: float, within_km: float) -> Near:
        close = np.flatnonzero(near_boxes(lon, lat, index.bbox[rids], within_km))
        if not len(close):
            return Near(region=close, distance_km=np.empty(0))
        areas = self._areas_of(index, rids)[close]
        distance = distance_to_areas_km(lon, lat, areas, within_km)
        inside = np.isfinite(distance)
        return Near(region=close[inside], distance_km=distance[inside])

    def _areas_of(self, index: RegionIndex, rids: NDArray[np.int32]) -> NDArray[np.object_]:
        key = (index.base_dir, rids.tobytes())
        if key not in self._areas:
            found, areas = load_geometries(index.base_dir, np.unique(index.kind[rids]).tolist())
            self._areas[key] = areas[np.searchsorted(found, rids)]
        return self._areas[key]


NEIGHBOURHOOD = Neighbourhood()  # distances do not change; one per process


@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """What the feeds told for one kind of event."""

    rows: Sequence[Any]
    as_of: float  # seconds since 1970 UTC; NaN for never
    watched: bool


def read_events(connection: Connection, item: RuleInput, floor: float, now: datetime) -> Heard:
    """Events of an input's window at or above `floor`, and when its feeds were last heard.

    An old newest event is no fault, so age is judged by the last success, or by the time that the feed itself gives
    for what it last told, whichever is later. Of several feeds that are switched on the one longest unheard counts:
    another cannot speak for its part of the world. Feeds that were never on and never told anything watch nothing.
    """
    table = event.c
    query = sa.select(event).where(
        table.kind == item.quantity,
        table.status != EventStatus.DELETED.value,
        table.same_as.is_(None),
        table.occurred_at > now - timedelta(seconds=item.window),
        table.occurred_at <= now + timedelta(seconds=AHEAD_S),
        sa.or_(table.magnitude.is_(None), table.magnitude >= floor),
    )
    if item.max_depth_km is not None:
        query = query.where(sa.or_(table.depth_km.is_(None), table.depth_km <= item.max_depth_km))
    feeds = item.feeds or tuple(
        connection.execute(sa.select(table.source).where(table.kind == item.quantity).distinct()).scalars()
    )
    if item.feeds:
        query = query.where(table.source.in_(item.feeds))
    rows = connection.execute(query.order_by(table.occurred_at, table.source, table.id)).all()
    as_of, watched = last_heard(connection, feeds, now)
    return Heard(rows=rows, as_of=as_of, watched=watched)


def last_heard(connection: Connection, feeds: Sequence[str], now: datetime) -> tuple[float, bool]:
    """When some feeds were last heard [s since 1970 UTC; NaN for never], and whether they are listened to at all.

    Of several that are switched on the one longest unheard counts; of those that are off the one heard last.
    """
    states = connection.execute(sa.select(source_state).where(source_state.c.source.in_(feeds))).all()
    heard = {row.source: _heard_at(row, now) for row in states}
    on = [heard[row.source] for row in states if row.enabled]
    as_of = min(on) if on else max(heard.values(), default=NEVER)
    return float("nan") if as_of == NEVER else as_of, bool(on) or any(at != NEVER for at in heard.values())


def _heard_at(row: Any, now: datetime) -> float:
    """When a feed was last heard [s since 1970 UTC]; never later than now."""
    times = [min(at, now).timestamp() for at in (row.last_success_at, row.last_data_at) if at is not None]
    return max(times, default=NEVER)


def smallest_that_counts(rule: Rule, name: str) -> float:
    """The magnitude below which an event cannot matter to a rule's input."""
    numbers = [
        number
        for level in rule.levels.values()
        for leaf in level.leaves()
        if leaf.input == name
        for number in (leaf.trigger, leaf.clear)
        if number is not None
    ]
    return min(numbers) - 0.01


def event_numbers(
    heard: Heard, item: RuleInput, index: RegionIndex, rids: NDArray[np.int32], widest_km: float, at: float
) -> tuple[RegionNumbers, Sequence[str]]:
    """The numbers of a rule's regions, and the names that `behind` points into."""
    rows = heard.rows
    happened = Happened(
        magnitude=np.array([np.nan if row.magnitude is None else row.magnitude for row in rows], dtype=np.float64),
        occurred_at=np.array([row.occurred_at.timestamp() for row in rows], dtype=np.float64),
        near=[NEIGHBOURHOOD.near(index, rids, row.lon, row.lat, widest_km) for row in rows],
    )
    assert item.within_km is not None
    numbers = strongest_near(
        happened, len(rids), within_km=item.within_km, as_of=heard.as_of, watched=heard.watched, at=at
    )
    return numbers, [f"{row.source}/{row.id}" for row in rows]
