"""A month's warnings beside what happened: what rules proposed, by hazard and by the office whose rules they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.matching import Matched, Warned, WarningResult, match, usual
from alerts.proof_scores import block
from alerts.truth import TrueEvent, happenings, stored_truth
from alerts.verify import Table, as_json, event_scores, scores
from data.clock import iso
from data.model import Level
from data.regions import RegionIndex
from data.store.tables import rule_version, transition

BEFORE = timedelta(days=92)  # how far back a level that is still in force may have begun
NO_TRUTH = "nobody has told what happened in this month"
COUNTS = ("events", "hits", "misses", "warnings", "verified", "false_alarms", "still_in_force")
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
    Levels of several rules of one office for the same hazard and region are one warning while they overlap.
    """
    stop = min(end, now)
    held = list(_in_force(connection, begin, stop))
    truth = [event for event in stored_truth(connection, begin, stop) if event.start_at < stop]
    offices = sorted({(one.hazard, one.office.en, one.office.zh) for one in held})
    hazards = sorted({one.hazard for one in held} | {event.hazard for event in truth})
    rows = []
    for hazard in hazards:
        here = [one for one in held if one.hazard == hazard]
        own = [Office(en=en, zh=zh) for other, en, zh in offices if other == hazard]
        if len(own) != 1:
            rows.append(_row(hazard, None, here, truth, index, stop))
        for office in own:
            rows.append(_row(hazard, office, [one for one in here if one.office == office], truth, index, stop))
    return Month(begin=begin, end=stop, rows=tuple(rows), truth=tuple(truth))


def _row(
    hazard: str, office: Office | None, held: Sequence[_Held], truth: Sequence[TrueEvent], index: RegionIndex,
    stop: datetime,
) -> MonthRow:  # fmt: skip
    warnings, waiting = _joined(held, stop.timestamp())
    events = [found for _, found in happenings([one for one in truth if one.is_of(hazard)], index, index.rid)]
    whole = match([*warnings, *waiting], events, usual(hazard))
    early = {item.id for item in waiting}
    settled = [item for item in whole.warnings if item.warning.id not in early or item.verified]
    why = "" if any(one.is_of(hazard) for one in truth) else NO_TRUTH  # silence about a hazard is no quiet month
    found = block(whole, why)
    verified = sum(item.verified for item in settled)
    false = len(settled) - verified
    table = scores(Table(hits=whole.hits, misses=whole.misses, false_alarms=false))
    told: dict[str, Any] = dict(found["scores"])
    if not why:
        told |= as_json({"bias": table["bias"]})
        told |= _of_settled(whole, settled)
    else:
        told["bias"] = dict(told["pod"])
    return MonthRow(
        hazard=hazard, office=office, scores={name: told[name] for name in SCORES},
        counts={
            "events": None if why else len(whole.events), "hits": None if why else whole.hits,
            "misses": None if why else whole.misses, "warnings": len(whole.warnings),
            "verified": None if why else verified, "false_alarms": None if why else false,
            "still_in_force": len(whole.warnings) - len(settled),
        },
    )  # fmt: skip


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


def _in_force(connection: Connection, begin: datetime, stop: datetime) -> Iterable[_Held]:
    """Levels in force at any time of the month, from the changes that the engine wrote."""
    table = transition.c
    query = (
        sa.select(table.rule, table.digest, table.region, table.at, table.to_level)
        .where(table.at >= begin - BEFORE, table.at < stop, table.to_level != table.from_level)
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
        ["from", "to", "hazard", "office", *COUNTS, *SCORES, *bounds, *(f"{name}_undefined" for name in SCORES)]
    )
    for row in month.rows:
        values = [row.scores[name] for name in SCORES]
        limits = [row.scores[name][side] for name in ("pod", "far") for side in ("low", "high")]
        writer.writerow(
            [
                iso(month.begin), iso(month.end), _plain(row.hazard), _plain(row.office.en if row.office else "all"),
                *(_cell(row.counts[name]) for name in COUNTS), *(_cell(one["value"]) for one in values),
                *(_cell(one) for one in limits), *(one["reason"] for one in values),
            ]
        )  # fmt: skip
    return out.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
