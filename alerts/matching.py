"""Warnings beside what happened: which events were warned of, and which warnings came true.

An event is warned of where a warning of the same area is in force during it; a warning is verified by any event that
it meets. Intervals are half-open: [start, end). A warning and an event have different numbers of hits, because one
warning may cover several events and one event may meet several warnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from data.model import Level


@dataclass(frozen=True, kw_only=True, slots=True)
class Warned:
    """One level in force in one area; times are seconds on any common clock."""

    id: str
    area: str
    start: float
    end: float
    level: Level = Level.NONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """Something that happened, in any of its areas."""

    id: str
    areas: frozenset[str]
    start: float
    end: float  # as `start` for something that is over at once
    level: Level = Level.NONE  # NONE where nobody gave one


@dataclass(frozen=True, kw_only=True)
class MatchRule:
    """What counts as a match.

    Parameters
    ----------
    late_s : float
        A warning that begins up to so long after the end of an event still warned of it: of an earthquake nobody can
        warn before it is over. The lead time of such a one is 0. [s]
    early_s : float
        A warning that ended up to so long before the event still warned of it. [s]
    merge_s : float
        Events of the same areas less than this apart are one; the county rule of the NWS has 30 minutes. [s]
    """

    late_s: float = 0.0
    early_s: float = 0.0
    merge_s: float = 0.0


LATE_S = {"earthquake": 900.0}  # nobody can warn before it: a level soon after is what there can be


def usual(hazard: str) -> MatchRule:
    """What counts as a match for a hazard."""
    return MatchRule(late_s=LATE_S.get(hazard.split(".")[0], 0.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class EventResult:
    """What became of one event."""

    event: Happening
    by: tuple[str, ...]  # warnings that met it, earliest first
    covered: float  # share of the event in which a warning was in force, 0..1
    lead_s: float  # from the start of the earliest warning in force at the start of the event; 0 for a late or no one

    @property
    def warned(self) -> bool:
        return bool(self.by)


@dataclass(frozen=True, kw_only=True, slots=True)
class WarningResult:
    """What became of one warning."""

    warning: Warned
    of: tuple[str, ...]  # events that it met

    @property
    def verified(self) -> bool:
        return bool(self.of)


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Every event and every warning with what it met."""

    events: tuple[EventResult, ...]
    warnings: tuple[WarningResult, ...]

    @property
    def hits(self) -> int:
        return sum(item.warned for item in self.events)

    @property
    def misses(self) -> int:
        return len(self.events) - self.hits

    @property
    def verified(self) -> int:
        return sum(item.verified for item in self.warnings)

    @property
    def false_alarms(self) -> int:
        return len(self.warnings) - self.verified

    @property
    def leads_s(self) -> tuple[float, ...]:
        """Lead times of the events that were warned of before they began."""
        return tuple(item.lead_s for item in self.events if item.warned and item.lead_s > 0)


def match(warnings: Sequence[Warned], events: Iterable[Happening], rule: MatchRule | None = None) -> Matched:
    """Join warnings and events by area and time.

    Raises
    ------
    ValueError
        For something that ends before it begins.
    """
    rule = rule or MatchRule()
    for item in warnings:
        _ordered(item.id, item.start, item.end)
    happened = merged(events, rule.merge_s)
    by_area: dict[str, list[Warned]] = {}
    for item in warnings:
        by_area.setdefault(item.area, []).append(item)
    results = tuple(_event(one, by_area, rule) for one in happened)
    of: dict[str, list[str]] = {}
    for result in results:
        for key in result.by:
            of.setdefault(key, []).append(result.event.id)
    return Matched(
        events=results,
        warnings=tuple(WarningResult(warning=item, of=tuple(of.get(item.id, ()))) for item in warnings),
    )


def merged(events: Iterable[Happening], within_s: float) -> tuple[Happening, ...]:
    """The events, with those of the same areas and level that are less than `within_s` apart taken as one."""
    found: list[Happening] = []
    last: dict[tuple[frozenset[str], Level], int] = {}
    for event in sorted(events, key=lambda item: (item.start, item.id)):
        _ordered(event.id, event.start, event.end)
        key = (event.areas, event.level)
        before = last.get(key)
        if within_s > 0 and before is not None and event.start - found[before].end < within_s:
            found[before] = replace(found[before], end=max(found[before].end, event.end))
            continue
        last[key] = len(found)
        found.append(event)
    return tuple(found)


def _ordered(name: str, start: float, end: float) -> None:
    if not start <= end:
        raise ValueError(f"{name} ends before it begins")


def _event(event: Happening, by_area: Mapping[str, Sequence[Warned]], rule: MatchRule) -> EventResult:
    here = {item.id: item for area in event.areas for item in by_area.get(area, ())}
    met = sorted(
        (item for item in here.values() if _meets(item, event, rule)), key=lambda item: (item.start, item.id)
    )
    begun = [item.start for item in met if item.start <= event.start < item.end]
    return EventResult(
        event=event,
        by=tuple(item.id for item in met),
        covered=_covered(met, event),
        lead_s=event.start - min(begun) if begun else 0.0,
    )


def _meets(warning: Warned, event: Happening, rule: MatchRule) -> bool:
    at_once = event.start == event.end  # no time at all would overlap nothing
    begins_in_time = warning.start < event.end + rule.late_s or (at_once and warning.start <= event.end + rule.late_s)
    return begins_in_time and warning.end > event.start - rule.early_s


def _covered(met: Sequence[Warned], event: Happening) -> float:
    """The share of an event in which any of the warnings was in force; they are in order of their start."""
    if event.start == event.end:
        return float(any(item.start <= event.start < item.end for item in met))
    total, at = 0.0, event.start
    for item in met:
        begin, end = max(item.start, at), min(item.end, event.end)
        if end > begin:
            total += end - begin
            at = end
    return total / (event.end - event.start)
