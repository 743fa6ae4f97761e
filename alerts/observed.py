"""Truth that arrives by itself: what instruments saw happen in a month, and where they could have seen it.

An instrument is truth only of what it sees itself: a rain gauge of a rainstorm and not of a landslide. Of each rule
that is in use the numbers are taken from the store as it is now, with corrections and revisions. Where nothing was
heard it is not known whether something happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from alerts.observed_quakes import heard_spans, located, read_quakes, uncertain
from alerts.observed_stations import seen_by_stations
from alerts.rule import Condition, Rule
from alerts.spans import Floats, covers, share
from alerts.truth import TrueEvent, happenings
from data.errors import RuleError
from data.regions import RegionIndex
from data.store.tables import rule_state, rule_version, transition

# What an instrument sees itself: quantity -> first word of the hazards.
SEEN = {
    "earthquake": frozenset({"earthquake"}),
    "river_stage": frozenset({"flood", "hydrological_flood"}),
    "precipitation": frozenset({"rain", "rainstorm"}),
}
BEFORE = timedelta(days=7)  # what began earlier still counts for a level that was in force at the turn of the month
SAME_S = 120.0  # two who tell of one earthquake give times no further apart


@dataclass(frozen=True, kw_only=True, eq=False)
class Watch:
    """Where and when a hazard could have been seen."""

    hazard: str
    spans: Mapping[str, Floats]  # region -> stretches; of "" everywhere
    unsettled: tuple[TrueEvent, ...] = ()  # what may yet turn out to have happened

    def speaks_of(self, hazard: str) -> bool:
        return hazard == self.hazard or hazard.startswith(f"{self.hazard}.")

    def watched(self, index: RegionIndex, region: str) -> Floats | None:
        """The stretches of a region, or of the nearest one above it that is there."""
        rid = index.by_code(region)
        chain = () if rid is None else index.chain(rid)
        codes = [region, *(str(index.code[one]) for one in chain), ""]
        return next((self.spans[code] for code in codes if code in self.spans), None)

    def could_tell(self, index: RegionIndex, region: str, start: float, end: float) -> bool:
        """Whether all of a time was watched in a region [s since 1970 UTC]."""
        spans = self.watched(index, region)
        return spans is not None and covers(spans, start, end)

    def share(self, begin: float, end: float) -> float:
        """The watched share of a time, in the mean over the regions that are watched at all."""
        return float(np.mean([share(one, begin, end) for one in self.spans.values()])) if self.spans else 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What instruments saw, and what they could have seen."""

    events: tuple[TrueEvent, ...] = ()
    watches: tuple[Watch, ...] = ()

    def of(self, hazard: str) -> tuple[Watch, ...]:
        return tuple(one for one in self.watches if one.speaks_of(hazard))


def observed_truth(connection: Connection, index: RegionIndex, begin: datetime, stop: datetime) -> Seen:
    """What the store's own readings tell of a month, by the rules that are in use.

    Parameters
    ----------
    begin, stop : datetime
        Events of the week before are told as well.
    """
    events: dict[tuple[object, ...], TrueEvent] = {}
    watches: list[Watch] = []
    since = begin - BEFORE
    for rule in _rules(connection, since, stop):
        quantity = observable(rule)
        if quantity == "earthquake":
            rows = read_quakes(connection, since, stop)
            found: Sequence[TrueEvent] = located(rule, rows)
            feeds = {name for item in rule.inputs.values() for name in item.feeds} or {row.source for row in rows}
            heard = heard_spans(connection, sorted(feeds), since, stop, rule.max_age)
            watches.append(Watch(hazard=rule.hazard, spans={"": heard}, unsettled=tuple(uncertain(rule, rows))))
        elif quantity:
            try:
                found, spans = seen_by_stations(connection, index, rule, since, stop)
            except RuleError:  # a unit or a region that the rule cannot be evaluated with either: nobody watched
                found, spans = (), {}
            watches.append(Watch(hazard=rule.hazard, spans=spans))
        else:
            continue
        for event in found:
            _add(events, event)
    ordered = sorted(_merged(events.values()), key=lambda one: (one.start_at, one.key))
    return Seen(events=tuple(ordered), watches=tuple(watches))


def observable(rule: Rule) -> str:
    """The quantity by which an instrument sees a rule's hazard happen; empty where none does, or not one alone."""
    quantities = {item.quantity for item in rule.inputs.values()}
    quantity = next(iter(quantities)) if len(quantities) == 1 else ""
    if rule.branch != "observed" or rule.hazard.split(".")[0] not in SEEN.get(quantity, ()):
        return ""
    if any(leaf.direction != "above" for level in rule.levels.values() for leaf in level.leaves()):
        return ""
    if quantity == "earthquake":
        return quantity if all(item.source == "events" for item in rule.inputs.values()) else ""
    alone = not any(_needs_several(level) for level in rule.levels.values())
    fits = all(
        item.source == "stations" and item.spatial == "max" and item.over is None
        and item.accumulate in ("latest", "sum")
        for item in rule.inputs.values()
    )  # fmt: skip
    return quantity if alone and fits else ""


def _needs_several(condition: Condition) -> bool:
    children = (*(condition.all or ()), *(condition.any or ()))
    return condition.all is not None or any(_needs_several(child) for child in children)


def _rules(connection: Connection, since: datetime, stop: datetime) -> Iterable[Rule]:
    """The newest version before the end of the time, of each rule that is on or changed a level in it."""
    on = sa.select(rule_state.c.rule).where(rule_state.c.enabled, rule_state.c.loaded)
    moved = sa.select(transition.c.rule).where(transition.c.at >= since, transition.c.at < stop)
    table = rule_version.c
    query = (
        sa.select(table.rule, table.body)
        .where(table.first_at < stop, table.rule.in_(sa.union(on, moved)))
        .order_by(table.rule, table.first_at)
    )
    bodies = {row.rule: row.body for row in connection.execute(query)}
    for body in bodies.values():
        try:
            yield Rule.model_validate(body)
        except ValidationError:
            continue  # written by a house of another form: what it looked at is not known


def _add(events: dict[tuple[object, ...], TrueEvent], event: TrueEvent) -> None:
    """An earthquake that several rules of a hazard look at is one, with its widest reach and highest level."""
    key = (event.hazard, event.region, event.lon, event.lat, event.start_at, event.source)
    known = events.get(key)
    if known is not None:
        event = replace(
            event, radius_km=max(known.radius_km, event.radius_km), level=max(known.level, event.level),
            end_at=max(known.end_at, event.end_at),
        )  # fmt: skip
    events[key] = event


def _merged(events: Iterable[TrueEvent]) -> Iterable[TrueEvent]:
    """Overlapping times of one region and hazard, as several rules see them, are one event."""
    last: dict[tuple[str, str], TrueEvent] = {}
    for event in sorted(events, key=lambda one: one.start_at):
        key = (event.hazard, event.region)
        before = last.get(key)
        if not event.region:
            yield event
        elif before is not None and event.start_at <= before.end_at:
            last[key] = replace(
                before, end_at=max(before.end_at, event.end_at), level=max(before.level, event.level)
            )  # fmt: skip
        else:
            if before is not None:
                yield before
            last[key] = event
    yield from last.values()


def not_told_twice(
    seen: Sequence[TrueEvent], brought: Sequence[TrueEvent], index: RegionIndex, rids: NDArray[np.int32]
) -> list[TrueEvent]:
    """What instruments saw and people did not tell of: that of people stays.

    Something that is over at once is the same as the nearest of the same time; something that lasts is the same as
    all that overlap it in place and time.
    """
    areas = {event.key: place.areas for event, place in happenings([*seen, *brought], index, rids)}
    told: set[str] = set()
    for event in brought:
        alike = [
            one
            for one in seen
            if one.key not in told and (one.is_of(event.hazard) or event.is_of(one.hazard))
            and areas.get(one.key, frozenset()) & areas.get(event.key, frozenset()) and _apart(one, event) <= SAME_S
        ]  # fmt: skip
        if alike and all(one.start_at == one.end_at for one in alike):
            alike = [min(alike, key=lambda one: _apart(one, event))]
        told |= {one.key for one in alike}
    return [one for one in seen if one.key not in told]


def _apart(one: TrueEvent, other: TrueEvent) -> float:
    """How far two events are apart in time [s]; 0 where they overlap."""
    gap = max(one.start_at, other.start_at) - min(one.end_at, other.end_at)
    return max(gap.total_seconds(), 0.0)
