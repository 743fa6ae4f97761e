"""What a gridded quantity was in a region, step by step, beside the rule that reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from alerts.why import Reading, RuleWhy
from data.derived import derived_of
from data.model import Level, Quality
from data.store.field_series import SeriesKey, find_series, key_of
from data.store.fields import find_step
from data.units import factor_offset
from layers.region_history import read_history
from pages._context import Context

STATISTICS = {"max": "max", "min": "min", "mean": "mean", "90th percentile": "p90"}


@dataclass(frozen=True)
class FieldHistory:
    """Values to draw, oldest first; `whole` where they are what the rule compares, so that its limits fit them."""

    rows: Sequence[Any]  # with observed_at, value [the reading's unit] and quality
    whole: bool


def field_history(
    reading: Reading, rid: int, context: Context, since: datetime, until: datetime
) -> FieldHistory | None:
    """The history of the series that a reading came from; None where it is not kept.

    Of a sum the steps that hold the rule's window are taken where there are such, else the single steps.
    """
    statistic = STATISTICS.get(_space(reading.how))
    number = reading.behind.id.split(",")[0] if reading.behind and reading.behind.kind == "field" else ""
    if statistic is None or not number.isdigit():
        return None
    with context.store.read() as connection:
        row = find_step(connection, int(number))
        if row is None:
            return None
        own = key_of(row)
        keys = [own]
        if reading.accumulate == "sum":
            window = int(reading.window_s)
            sums = [
                SeriesKey(source, own.quantity, window, own.grid) for source in (own.source, derived_of(own.source))
            ]
            keys = [key for key in sums if find_series(connection, key)] + keys
    key = keys[0]
    settings = context.settings
    try:
        factor, offset = factor_offset(row.unit, reading.unit)
    except ValueError:
        return None
    points = read_history(
        context.store, settings.home, key, rid, statistic, since=since, until=until, base_dir=settings.base_dir
    )
    rows = [
        SimpleNamespace(
            observed_at=point.valid_at, quality=Quality.GOOD,
            value=None if point.value is None else point.value * factor + offset,
        )
        for point in points
    ]  # fmt: skip
    fits = reading.accumulate == "latest" or (reading.accumulate == "sum" and key.accumulation_s == reading.window_s)
    return FieldHistory(rows, fits and " of " not in reading.how) if rows else None


def _space(how: str) -> str:
    """What is taken over the field, out of the words of a reading (`sum over 12 h, max over field`)."""
    found = re.search(r"(?:^|, )([^,]+) over field$", how)
    return found[1] if found else ""


def limits(reading: Reading, rule: RuleWhy) -> Mapping[Level, float]:
    """The triggers of the levels that look at an input."""
    return {
        threshold.level: comparison.trigger
        for threshold in rule.thresholds
        for comparison in threshold.comparisons
        if comparison.input == reading.input
    }
