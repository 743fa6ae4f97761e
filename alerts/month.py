"""A month's warnings beside what happened: what rules proposed, by hazard and by the office whose rules they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.inputs import utc_of
from alerts.matching import Matched, Warned, WarningResult, match, usual
from alerts.observed import Seen, Watch, not_told_twice, observed_truth
from alerts.proof_scores import block
from alerts.truth import TrueEvent, happenings, stored_truth
from alerts.verify import Table, as_json, event_scores, scores
from data.clock import iso
from data.model import Level
from data.regions import RegionIndex
from data.store.tables import rule_version, transition

AROUND = timedelta(days=92)  # how far before a month a level may have begun, and how far after it may end
NO_TRUTH = "nobody has told what happened in this month"
COUNTS = (
    "events", "of_people", "of_instruments", "hits", "misses", "warnings", "verified", "false_alarms",
    "still_in_force", "not_known",
)  # fmt: skip
TRUTH_COLUMNS = (
    "hazard", "region", "lon", "lat", "radius_km", "start", "end", "level", "source", "status", "told_by"
)  # fmt: skip
SCORES = ("pod", "far", "csi", "bias", "lead_all_s")


@dataclass(frozen=True, kw_only=True)
class Office:
    """Whose rules they are, in each language."""

    en: str
    zh: str

    def of(self, locale: str) -> str:
        return self.zh if locale == "zh" else self.en


@dataclass(frozen=True, kw_only=True)
class MonthRow:
    """One hazard of one office; `office` is None for all offices together."""

    hazard: str
    office: Office | None
    counts: Mapping[str, int | None]
    scores: Mapping[str, Mapping[str, Any]]
    watched: float | None = None  # share of the time in which instruments could have told; None where there are none


@dataclass(frozen=True, kw_only=True)
class Month:
    """A month, from its first moment to its last or to now."""

    begin: datetime
    end: datetime
    rows: tuple[MonthRow, ...]
    truth: tuple[TrueEvent, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    hazard: str
    office: Office
    region: str
    start: float
    end: float | None
    level: int


def month_of(text: str, zone: Any) -> tuple[datetime, datetime]:
    """The first moment of a month written `2026-03`, and that of the next, in a zone; else ValueError."""
    first = datetime.strptime(text, "%Y-%m").replace(tzinfo=zone)
    after = (first + timedelta(days=32)).replace(day=1)
    return first.astimezone(UTC), after.astimezone(UTC)


def verify_month(connection: Connection, index: RegionIndex, begin: datetime, end: datetime, now: datetime) -> Month:
    """Score what the rules proposed in a month.

    Parameters
    ----------
    begin, end : datetime
    now : datetime
        A month that is not over is scored up to now; a level still in force may yet come true and is only counted.

    Notes
    -----
    Levels of several rules of one office for the same hazard and region are one warning while they overlap. Warnings
    and events count in the month in which they began, each once: a warning to its end, verified by what happened up
    to then, and an event beside the warnings that were in force, whenever those began.
    """
    stop = min(end, now)
    until = min(now, end + AROUND)
    known = list(_in_force(connection, begin, until))
    held = [one for one in known if one.start < stop.timestamp()]
    reach = max([stop, *(utc_of(one.end or until.timestamp()) for one in held)])
    brought = [event for event in stored_truth(connection, begin, reach) if event.start_at < reach]
    seen = observed_truth(connection, index, begin, reach)
    truth = [*brought, *not_told_twice(seen.events, brought, index, index.rid)]
    facts = _Facts(
        truth=tuple(truth), seen=seen, index=index, begin=begin.timestamp(), stop=stop.timestamp(),
        until=until.timestamp(),
    )  # fmt: skip
    mine = (one for one in truth if one.end_at >= begin and one.start_at < stop)
    shown = sorted(mine, key=lambda one: (one.start_at, one.key))
    offices = sorted({(one.hazard, one.office.en, one.office.zh) for one in held})
    hazards = sorted({one.hazard for one in held} | {event.hazard for event in shown})
    rows = []
    for hazard in hazards:
        here = [one for one in known if one.hazard == hazard]
        own = [Office(en=en, zh=zh) for other, en, zh in offices if other == hazard]
        if len(own) != 1:
            rows.append(_row(hazard, None, here, facts))
        for office in own:
            rows.append(_row(hazard, office, [one for one in here if one.office == office], facts))
    return Month(begin=begin, end=stop, rows=tuple(rows), truth=tuple(shown))


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """What a month's warnings are held against; some of the truth is of before the month, some of after it."""

    truth: tuple[TrueEvent, ...]
    seen: Seen
    index: RegionIndex
    begin: float
    stop: float
    until: float  # of what is known by now, as far after the month as its warnings may last

    def of_month(self, at: float) -> bool:
        return self.begin <= at < self.stop


def _row(hazard: str, office: Office | None, held: Sequence[_Held], facts: _Facts) -> MonthRow:
    warnings, waiting = _joined(held, facts.until)
    mine = [one for one in facts.truth if one.is_of(hazard)]
    watches = facts.seen.of(hazard)
    pairs = happenings(mine, facts.index, facts.index.rid)
    whole = match([*warnings, *waiting], [found for _, found in pairs], usual(hazard))
    # What was over before the month, or began after it, only explains warnings.
    events = tuple(one for one in whole.events if facts.of_month(one.event.start))
    own = tuple(one for one in whole.warnings if facts.of_month(one.warning.start))
    whole = Matched(events=events, warnings=own)
    watched = max((one.share(facts.begin, facts.stop) for one in watches), default=None)
    told = any(one.end_at.timestamp() >= facts.begin and one.start_at.timestamp() < facts.stop for one in mine)
    why = "" if told or watched else NO_TRUTH  # silence about a hazard is no quiet month
    early = {item.id for item in waiting}
    people = any(one.origin == "people" for one in mine)  # who bring a table tell of the whole month
    doubtful = set() if people else _not_known(hazard, whole.warnings, watches, facts) - early
    settled = [item for item in whole.warnings if item.verified or item.warning.id not in early | doubtful]
    seen = {found.id for event, found in pairs if event.origin == "instruments"}
    return MonthRow(
        hazard=hazard, office=office, scores=_scores(whole, settled, why), watched=watched,
        counts=_counts(whole, settled, why, seen)
        | {
            "still_in_force": sum(item.warning.id in early for item in whole.warnings if not item.verified),
            "not_known": None if why else len(doubtful),
        },
    )  # fmt: skip


def _counts(
    whole: Matched, settled: Sequence[WarningResult], why: str, seen: Collection[str]
) -> dict[str, int | None]:
    verified = sum(item.verified for item in settled)
    of_instruments = sum(one.event.id in seen for one in whole.events)
    found: dict[str, int | None] = {
        "events": len(whole.events), "of_people": len(whole.events) - of_instruments,
        "of_instruments": of_instruments, "hits": whole.hits, "misses": whole.misses, "verified": verified,
        "false_alarms": len(settled) - verified,
    }  # fmt: skip
    if why:
        found = dict.fromkeys(found)
    return found | {"warnings": len(whole.warnings)}


def _scores(whole: Matched, settled: Sequence[WarningResult], why: str) -> dict[str, Any]:
    told: dict[str, Any] = dict(block(whole, why)["scores"])
    if why:
        told["bias"] = dict(told["pod"])
    else:
        false = sum(not item.verified for item in settled)
        told |= as_json({"bias": scores(Table(hits=whole.hits, misses=whole.misses, false_alarms=false))["bias"]})
        told |= _of_settled(whole, settled)
    return {name: told[name] for name in SCORES}


def _not_known(hazard: str, results: Sequence[WarningResult], watches: Sequence[Watch], facts: _Facts) -> set[str]:
    """Warnings that met nothing, at a time or place in which something may have happened unseen."""
    open_ = [item.warning for item in results if not item.verified]
    unsettled = [one for watch in watches for one in watch.unsettled]
    doubted = match(open_, [one for _, one in happenings(unsettled, facts.index, facts.index.rid)], usual(hazard))
    found = {item.warning.id for item in doubted.warnings if item.verified}
    for one in open_:
        start, end = max(one.start, facts.begin), min(one.end, facts.until)
        if not any(watch.could_tell(facts.index, one.area, start, end) for watch in watches):
            found.add(one.id)
    return found


def _of_settled(whole: Matched, settled: Sequence[WarningResult]) -> dict[str, Any]:
    """Scores over the warnings of which it can be told already whether they came true."""
    return as_json(event_scores(Matched(events=whole.events, warnings=tuple(settled))))


def _joined(held: Iterable[_Held], stop: float) -> tuple[list[Warned], list[Warned]]:
    """Warnings that are over, and those still in force; overlapping ones of a region are one."""
    by_region: dict[str, list[_Held]] = {}
    for one in held:
        by_region.setdefault(one.region, []).append(one)
    over: list[Warned] = []
    waiting: list[Warned] = []
    for region, items in sorted(by_region.items()):
        items.sort(key=lambda one: one.start)
        runs: list[list[_Held]] = []
        reach = -1.0
        for one in items:
            if not runs or one.start > reach:
                runs.append([])
            runs[-1].append(one)
            reach = max(reach, stop if one.end is None else one.end)
        for run in runs:
            is_open = any(one.end is None for one in run)
            end = stop if is_open else max(one.end or 0.0 for one in run)
            name = f"{region} {run[0].start:.0f}"
            level = Level(max(one.level for one in run))
            item = Warned(id=name, area=region, start=run[0].start, end=max(end, run[0].start), level=level)
            (waiting if is_open else over).append(item)
    return over, waiting


def _in_force(connection: Connection, begin: datetime, until: datetime) -> Iterable[_Held]:
    """Levels in force at any time from the month on, from the changes that the engine wrote."""
    table = transition.c
    query = (
        sa.select(table.rule, table.digest, table.region, table.at, table.to_level)
        .where(table.at >= begin - AROUND, table.at < until, table.to_level != table.from_level)
        .order_by(table.id)
    )
    about = _rules(connection)
    begun: dict[tuple[str, str], tuple[float, int, str]] = {}
    for row in connection.execute(query):
        key, at = (row.rule, row.region), row.at.timestamp()
        known = begun.get(key)
        if row.to_level > 0:
            start, worst, digest = known or (at, 0, row.digest)
            begun[key] = (start, max(worst, row.to_level), digest)
        elif known is not None:
            start, worst, digest = begun.pop(key)
            if at >= begin.timestamp():
                yield _Held(*about[(row.rule, digest)], row.region, start, at, worst)
    for (rule, region), (start, worst, digest) in sorted(begun.items()):
        yield _Held(*about[(rule, digest)], region, start, None, worst)


def _rules(connection: Connection) -> dict[tuple[str, str], tuple[str, Office]]:
    """Hazard and office of every version of every rule."""
    columns = (rule_version.c.rule, rule_version.c.digest, rule_version.c.body)
    return {
        (row.rule, row.digest): (row.body["hazard"], Office(**row.body["authority"]))
        for row in connection.execute(sa.select(*columns))
    }


def month_csv(month: Month) -> str:
    """The rows as CSV: counts, scores with their 95 % bounds, and in place of an undefined score its reason."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    bounds = [f"{name}_{side}" for name in ("pod", "far") for side in ("low", "high")]
    writer.writerow(
        [
            "from", "to", "hazard", "office", *COUNTS, "watched_share", *SCORES, *bounds,
            *(f"{name}_undefined" for name in SCORES),
        ]
    )  # fmt: skip
    for row in month.rows:
        values = [row.scores[name] for name in SCORES]
        limits = [row.scores[name][side] for name in ("pod", "far") for side in ("low", "high")]
        writer.writerow(
            [
                iso(month.begin), iso(month.end), _plain(row.hazard), _plain(row.office.en if row.office else "all"),
                *(_cell(row.counts[name]) for name in COUNTS), _cell(row.watched),
                *(_cell(one["value"]) for one in values),
                *(_cell(one) for one in limits), *(one["reason"] for one in values),
            ]
        )  # fmt: skip
    return out.getvalue()


def truth_csv(month: Month) -> str:
    """The events that the scores stand on, with who told of each; a truth table that can be brought again."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(TRUTH_COLUMNS)
    for event in month.truth:
        words = [_plain(event.hazard), _plain(event.region), event.lon, event.lat, f"{event.radius_km:g}"]
        told = [iso(event.start_at), iso(event.end_at), event.level.key if event.level else "", _plain(event.source)]
        writer.writerow(["" if word is None else word for word in (*words, *told, event.status, event.origin)])
    return out.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
