"""The report on a rule's trial: scores, lead times, proposals, misses, and what other triggers would have done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.history import History
from alerts.inputs import utc_of
from alerts.matching import EventResult, Matched, MatchRule, Warned, match
from alerts.rule import Rule
from alerts.trial import DAY_S, Trial
from alerts.truth import TrueEvent, Truth, happenings
from alerts.verify import NO_EVENT, Score, Table, as_json, event_scores, level_score, scores
from data.clock import iso
from data.model import Level
from data.regions import RegionIndex

FORMAT = 1
MOST_WARNINGS = 5000  # listed in a report; the counts are of all
MOST_EVENTS = 5000
WEEK = timedelta(days=7)
NO_TRUTH = "no truth was given"
NONE_OF_HAZARD = "the truth has no event of this hazard in this time and these regions"
NO_LEVELS = "the truth gives no levels"
NOT_MEASURED = "nothing of what the rule looks at is in the history"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a trial is judged by."""

    index: RegionIndex
    truth: Truth | None
    officers: int
    match: MatchRule


def history_facts(history: History, since: datetime, until: datetime) -> dict[str, Any]:
    """What the report says of the history."""
    return {
        "name": history.name, "kind": history.kind, "from": iso(since), "to": iso(until),
        "days": (until - since).total_seconds() / DAY_S, "notes": list(history.notes),
        "rejected": [{"row": row, "reason": reason} for row, reason in history.rejected],
    }  # fmt: skip


def truth_facts(truth: Truth | None, rules: Sequence[Rule]) -> dict[str, Any] | None:
    """What the report says of the truth; events that no rule is there for are counted."""
    if truth is None:
        return None
    nobodys = Counter(
        event.hazard for event in truth.events if not any(event.is_of(rule.hazard) for rule in rules)
    )  # fmt: skip
    return {
        "events": len(truth.events),
        "reconstructed": sum(event.status == "reconstruction" for event in truth.events),
        "of_other_hazards": dict(sorted(nobodys.items())),
        "rejected": [{"row": row, "reason": reason} for row, reason in truth.rejected],
    }


def rule_report(
    rule: Rule, trials: Sequence[Trial], factors: Sequence[float], rids: NDArray[np.int32], asked: Asked
) -> dict[str, Any]:
    """Everything about one rule's trial."""
    present = trials[list(factors).index(1.0)]
    events = _events_of(rule, present, rids, asked)
    lowest = rule.scale()[0]
    whole = match(list(present.in_force(lowest)), [happening for _, happening in events], asked.match)
    why = _why_no_scores(present, asked.truth, events)
    return {
        "rule": rule.key, "version": rule.version, "digest": rule.digest, "hazard": rule.hazard,
        "title": rule.title.model_dump(), "authority": rule.authority.model_dump(),
        "levels": [level.key for level in rule.scale()],
        "evaluations": present.evaluations, "failed": dict(sorted(present.failed.items())),
        "no_scores": why,
        "match": asdict(asked.match),
        "all": block(whole, why) | {"region_days": _region_days(present, whole, asked.index)},
        "by_level": [_of_level(level, present, events, asked, why) for level in rule.scale()],
        "level_score": _level_score(present, events, whole),
        "lead_s": _leads(whole),
        "events": [_event(event, result) for event, result in _paired(events, whole)[:MOST_EVENTS]],
        "warnings": [_warning(item.warning, item.verified) for item in whole.warnings[:MOST_WARNINGS]],
        "misses": _misses(_paired(events, whole), asked.index),
        "proposals": _proposals(present, asked.officers),
        "unknown": _unknown(present),
        "curve": [_point(trial, factor, events, asked, why) for trial, factor in zip(trials, factors, strict=True)],
    }  # fmt: skip


Known = Sequence[tuple[TrueEvent, Any]]


def _events_of(rule: Rule, trial: Trial, rids: NDArray[np.int32], asked: Asked) -> Known:
    """The true events of the rule's hazard, in its regions and in the time of the trial."""
    if asked.truth is None:
        return ()
    inside = [
        event
        for event in asked.truth.events
        if event.is_of(rule.hazard)
        and event.start_at.timestamp() <= trial.until
        and event.end_at.timestamp() >= trial.since
    ]
    return happenings(inside, asked.index, rids)


def _why_no_scores(trial: Trial, truth: Truth | None, events: Known) -> str:
    if not (trial.watched_s > 0).any():
        return NOT_MEASURED
    return NO_TRUTH if truth is None else "" if events else NONE_OF_HAZARD


def block(matched: Matched, why: str = "") -> dict[str, Any]:
    """Counts and scores of one matching; without truth there are no scores but the reason."""
    found = event_scores(matched)
    if why:
        found = {name: Score(value=None, reason=why, cases=0) for name in found}
    return {
        "events": len(matched.events), "hits": matched.hits, "misses": matched.misses,
        "warnings": len(matched.warnings), "verified": None if why else matched.verified,
        "false_alarms": None if why else matched.false_alarms, "scores": as_json(found),
    }  # fmt: skip


def _of_level(level: Level, trial: Trial, events: Known, asked: Asked, why: str) -> dict[str, Any]:
    """Warnings at or above a level against events at or above it; events without a level cannot be told apart."""
    graded = [happening for _, happening in events if happening.level >= level]
    reason = why or ("" if any(happening.level > Level.NONE for _, happening in events) else NO_LEVELS)
    found = match(list(trial.in_force(level)), graded, asked.match)
    return {"level": level.key, **block(found, reason)}


def _region_days(trial: Trial, matched: Matched, index: RegionIndex) -> dict[str, Any]:
    """The 2 x 2 table over regions and days: with it the rightly quiet days count too.

    An event of several regions counts where it was warned of; a missed one counts once, in the finest of them.

    Days in which a region was not watched, or could not be told all day, are left out and counted.
    """
    days, regions = trial.watched_s.shape
    place = {code: number for number, code in enumerate(trial.codes)}
    warned, happened = np.zeros((days, regions), np.bool_), np.zeros((days, regions), np.bool_)
    for item in matched.warnings:
        warned[_days(trial, item.warning.start, item.warning.end), place[item.warning.area]] = True
    area = {item.warning.id: item.warning.area for item in matched.warnings}
    for result in matched.events:
        here = {area[key] for key in result.by} or {_finest(result, index)}
        happened[_days(trial, *_span(result)), [place[code] for code in sorted(here)]] = True
    told = (trial.watched_s > 0) & (trial.unknown_s < trial.watched_s)
    table = Table(
        hits=int((told & warned & happened).sum()), misses=int((told & ~warned & happened).sum()),
        false_alarms=int((told & warned & ~happened).sum()),
        correct_negatives=int((told & ~warned & ~happened).sum()),
    )  # fmt: skip
    found = scores(table)
    if not happened.any() and not matched.events:
        found = {name: Score(value=None, reason=NO_EVENT) for name in found}
    return {**asdict(table), "not_told": int(((trial.watched_s > 0) & ~told).sum()), "scores": as_json(found)}


def _span(result: EventResult) -> tuple[float, float]:
    return result.event.start, result.event.end


def _days(trial: Trial, start: float, end: float) -> slice:
    first = int(max(start - trial.since, 0) // DAY_S)
    last = int(max(end - trial.since - 1e-6, start - trial.since, 0) // DAY_S)
    return slice(first, last + 1)


def _level_score(trial: Trial, events: Known, matched: Matched) -> dict[str, Any]:
    """FIRM over the events that have a level: the highest level warned during each against its own."""
    warned = {item.warning.id: int(item.warning.level) for item in matched.warnings}
    pairs = [
        (max((warned[key] for key in result.by), default=0), int(result.event.level))
        for result in matched.events
        if result.event.level > Level.NONE
    ]
    told = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return as_json(level_score(told[:, 0], told[:, 1]))


def _leads(matched: Matched) -> dict[str, Any]:
    """Lead times of the events warned of; a level that came after the start counts as 0 and is counted."""
    leads = np.array([item.lead_s for item in matched.events if item.warned])
    if not len(leads):
        return {"count": 0, "late": 0, "median": None, "p10": None, "p90": None, "each": []}
    low, middle, high = (float(value) for value in np.percentile(leads, [10, 50, 90]))
    return {
        "count": len(leads), "late": int((leads <= 0).sum()), "median": middle, "p10": low, "p90": high,
        "each": sorted(float(value) for value in leads),
    }  # fmt: skip


def _paired(events: Known, matched: Matched) -> list[tuple[TrueEvent, EventResult]]:
    told = {happening.id: event for event, happening in events}
    return [(told[result.event.id], result) for result in matched.events]


def _event(event: TrueEvent, result: EventResult) -> dict[str, Any]:
    return {
        "region": event.region, "lon": event.lon, "lat": event.lat, "start": iso(event.start_at),
        "end": iso(utc_of(result.event.end)), "level": event.level.key, "source": event.source,
        "status": event.status, "warned": result.warned, "lead_s": result.lead_s, "covered": result.covered,
        "by": list(result.by[:20]),
    }  # fmt: skip


def _warning(item: Warned, verified: bool) -> dict[str, Any]:
    return {
        "region": item.area, "level": item.level.key, "start": iso(utc_of(item.start)), "end": iso(utc_of(item.end)),
        "verified": verified,
    }  # fmt: skip


def _misses(pairs: Sequence[tuple[TrueEvent, EventResult]], index: RegionIndex) -> list[dict[str, Any]]:
    """Events and misses by the region named, or the finest one concerned."""
    count: dict[str, list[int]] = {}
    for event, result in pairs:
        code = event.region or _finest(result, index)
        held = count.setdefault(code, [0, 0])
        held[0] += 1
        held[1] += not result.warned
    rows = []
    for code, (events, missed) in sorted(count.items(), key=lambda pair: (-pair[1][1], pair[0])):
        rid = index.by_code(code)
        name = "" if rid is None else str(index.name[rid])
        name_zh = "" if rid is None else str(index.name_zh[rid])
        rows.append({"region": code, "name": name, "name_zh": name_zh, "events": events, "missed": missed})
    return rows


def _finest(result: EventResult, index: RegionIndex) -> str:
    """Of the regions of an event the one furthest down; the first by code where several are."""

    def depth(code: str) -> int:
        rid = index.by_code(code)
        return 0 if rid is None else len(index.ancestors(rid))

    return min(result.event.areas, key=lambda code: (-depth(code), code))


def _proposals(trial: Trial, officers: int) -> dict[str, Any]:
    """How much a rule asks of people."""
    weeks: Counter[int] = Counter()
    for at, count in trial.proposals:
        weeks[int((at - trial.since) // WEEK.total_seconds())] += count
    total = sum(weeks.values())
    length = max((trial.until - trial.since) / WEEK.total_seconds(), 1e-9)
    last = max(int((trial.until - trial.since - 1e-6) // WEEK.total_seconds()), 0)
    by_week = [
        {"from": iso(utc_of(trial.since + number * WEEK.total_seconds())), "count": weeks.get(number, 0)}
        for number in range(last + 1)
    ]
    per_week = total / length if length >= 1 else None  # of less than a week nobody can tell
    return {
        "total": total, "weeks": length, "per_week": per_week, "most_in_a_week": max(weeks.values(), default=0),
        "per_officer": None if per_week is None else per_week / officers, "by_week": by_week,
    }  # fmt: skip


def _unknown(trial: Trial) -> dict[str, Any]:
    """The share of the watched time of all regions in which nobody could tell."""
    watched = float(trial.watched_s.sum())
    unknown = float(trial.unknown_s.sum())
    each = trial.unknown_s.sum(axis=0)
    worst = [int(place) for place in np.argsort(-each, kind="stable")[:10] if each[place] > 0]
    by_region = [
        {"region": trial.codes[place], "share": float(each[place] / trial.watched_s[:, place].sum())}
        for place in worst
    ]
    return {
        "share": unknown / watched if watched else None,
        "regions_watched": int((trial.watched_s.sum(axis=0) > 0).sum()),
        "worst": by_region,
    }


def _point(trial: Trial, factor: float, events: Known, asked: Asked, why: str) -> dict[str, Any]:
    """One point of the curve over the trigger."""
    lowest = trial.rule.scale()[0]
    found = block(match(list(trial.in_force(lowest)), [happening for _, happening in events], asked.match), why)
    triggers = {
        key: [leaf.trigger for leaf in level.leaves()] for key, level in trial.rule.levels.items()
    }  # fmt: skip
    return {
        "factor": factor, "present": factor == 1.0, "triggers": triggers,
        **{name: found[name] for name in ("hits", "misses", "warnings", "false_alarms")},
        **{name: found["scores"][name]["value"] for name in ("pod", "far", "csi")},
        "proposals_per_week": _proposals(trial, asked.officers)["per_week"],
    }  # fmt: skip
