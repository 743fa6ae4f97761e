"""Signals that were really issued, beside what the rules would have done: the same truth, the same scores."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

from alerts.history import History
from alerts.matching import MatchRule, Warned, match
from alerts.proof_scores import block
from alerts.rule import Rule
from alerts.truth import Truth, happenings
from alerts.verify import NO_EVENT
from data.clock import parse_time
from data.model import Level
from data.regions import RegionIndex

LONGEST_S = 86400.0  # how long a signal is taken to hold where its end was not found


def read_issued(text: str, until: float, hazards: Sequence[str]) -> tuple[list[Warned], Counter[str]]:
    """Signals as times in force, and how many rows are none: another hazard, or a step without a level.

    A signal holds until the next one of the same issuer, region and hazard, at most a day.
    """
    rows = list(csv.DictReader(line for line in io.StringIO(text) if not line.startswith("#")))
    left: Counter[str] = Counter()
    series: dict[tuple[str, str, str], list[tuple[float, Level]]] = {}
    for row in rows:
        hazard, level = row["hazard"].strip(), row["level"].strip()
        if not level:
            left["without a level"] += 1
        elif not any(one == hazard or one.startswith(f"{hazard}.") for one in hazards):
            left["another hazard"] += 1
        else:
            key = (row["issuer"], row["region"], hazard)
            series.setdefault(key, []).append((parse_time(row["time"]).timestamp(), Level.of(level)))
    found = []
    for (issuer, region, _), times in series.items():
        times.sort(key=lambda pair: pair[0])
        ends = [*(start for start, _ in times[1:]), until]
        runs: list[Warned] = []
        for (start, level), end in zip(times, ends, strict=True):
            stop = max(start, min(end, start + LONGEST_S, until))
            if runs and runs[-1].end == start:  # one signal that goes on, at whatever level
                runs[-1] = Warned(
                    id=runs[-1].id, area=region, start=runs[-1].start, end=stop, level=max(level, runs[-1].level)
                )
                continue
            runs.append(Warned(id=f"{issuer} {region} {start:.0f}", area=region, start=start, end=stop, level=level))
        found += runs
    return found, left


def issued_report(
    text: str, truth: Truth | None, index: RegionIndex, history: History, rules: Sequence[Rule]
) -> dict[str, Any]:
    """How the signals that were really issued did by the same truth."""
    hazards = sorted({rule.hazard for rule in rules})
    since, until = history.span(rules)
    signals, left = read_issued(text, until.timestamp(), hazards)
    told = () if truth is None else truth.events
    inside = [
        event
        for event in told
        if any(event.is_of(hazard) for hazard in hazards) and event.end_at >= since and event.start_at <= until
    ]
    events = [happening for _, happening in happenings(inside, index, index.rid)]
    why = "no truth was given" if truth is None else "" if events else NO_EVENT
    return {**block(match(signals, events, MatchRule()), why), "left_out": dict(sorted(left.items()))}
