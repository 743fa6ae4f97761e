"""Where a reading is heading, in words: its slope with the error, and when it would meet the next levels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from dash import html
from dash.development.base_component import Component

from alerts.trend import Reach, Trend
from alerts.why import Reading
from data.text import Translate
from pages._levels import level_word
from pages._times import span


def heading(reading: Reading, t: Translate) -> list[Component]:
    """Sentences under the reading: what its station's last readings say, then what is forecast."""
    return [html.P(text, className="trend") for text in _sentences(reading, t)]


def _sentences(reading: Reading, t: Translate) -> Iterator[str]:
    unit = "" if reading.unit == "1" else f" {reading.unit}"
    if reading.trend is not None:
        yield _course(reading.trend, unit, t)
        for reach in reading.trend.reaches:
            yield _at_this_rate(reach, unit, t)
    for reach in reading.ahead:
        level, trigger = level_word(reach.level, t), _number(reach.trigger, unit)
        words = t("By the forecast {level} ({trigger}) in {span}.")
        yield words.format(level=level, trigger=trigger, span=_in(reach.in_s, t))


def _course(trend: Trend, unit: str, t: Translate) -> str:
    """A slope that is not larger than its error has no direction."""
    if abs(trend.per_hour) <= trend.error:
        words = t("No clear direction: {rate} per hour, error {error}; {n} readings in {span}.")
    else:
        rising = t("Rising {rate} per hour, error {error}; {n} readings in {span}.")
        falling = t("Falling {rate} per hour, error {error}; {n} readings in {span}.")
        words = rising if trend.per_hour > 0 else falling
    rate, length = _number(abs(trend.per_hour), unit), _in(trend.span_s, t)
    return words.format(rate=rate, error=f"{trend.error:.2g}", n=trend.readings, span=length)


def _at_this_rate(reach: Reach, unit: str, t: Translate) -> str:
    if reach.latest_s is None:
        words = t("At this rate {level} ({trigger}) in {span}; by its error {soonest} or not in two days.")
    else:
        words = t("At this rate {level} ({trigger}) in {span}; by its error {soonest} to {latest}.")
    return words.format(
        level=level_word(reach.level, t), trigger=_number(reach.trigger, unit), span=_in(reach.in_s, t),
        soonest=_in(reach.soonest_s, t), latest=_in(reach.latest_s or 0.0, t),
    )  # fmt: skip


def _number(value: float, unit: str) -> str:
    return f"{value:.3g}{unit}"


def _in(seconds: float, t: Translate) -> str:
    return span(timedelta(seconds=seconds), t)
