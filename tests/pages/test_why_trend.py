"""Where a reading is heading, as the panel says it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from alerts.trend import Reach, Trend
from data.model import Level
from data.text import translator
from pages._why_trend import heading

ORANGE = {"level": Level.ORANGE, "trigger": 2.5}
SOON = Reach(**ORANGE, in_s=6000, soonest_s=5400, latest_s=7800, by="readings")
PERHAPS = Reach(**ORANGE, in_s=6000, soonest_s=5400, latest_s=None, by="readings")
AHEAD = Reach(**ORANGE, in_s=14400, soonest_s=14400, latest_s=14400, by="forecast")


def said(trend: Trend | None = None, *ahead: Reach, locale: str = "en", unit: str = "m") -> list[str]:
    reading: Any = SimpleNamespace(unit=unit, trend=trend, ahead=ahead)
    return [part.children for part in heading(reading, translator(locale))]


def trend(per_hour: float, error: float, *reaches: Reach) -> Trend:
    return Trend(per_hour=per_hour, error=error, readings=12, span_s=9000, reaches=reaches)


def test_a_rise_names_its_error_and_when_the_next_level_comes() -> None:
    assert said(trend(0.12, 0.02, SOON)) == [
        "Rising 0.12 m per hour, error 0.02; 12 readings in 2 h 30.",
        "At this rate Orange, severe (2.5 m) in 1 h 40; by its error 1 h 30 to 2 h 10.",
    ]


def test_a_slope_within_its_error_has_no_direction() -> None:
    (sentence,) = said(trend(-0.01, 0.02))
    assert sentence.startswith("No clear direction: 0.01 m per hour")
    assert said(trend(-0.1, 0.02))[0].startswith("Falling 0.1 m per hour")


def test_a_level_that_may_never_come_says_so_and_the_forecast_stands_beside_it() -> None:
    sentences = said(trend(0.12, 0.1, PERHAPS), AHEAD, unit="1")
    assert sentences[1] == "At this rate Orange, severe (2.5) in 1 h 40; by its error 1 h 30 or not in two days."
    assert sentences[2] == "By the forecast Orange, severe (2.5) in 4 h 00."


def test_nothing_is_said_where_nothing_is_known_and_chinese_is_chinese() -> None:
    assert said() == []
    assert all("readings" not in sentence for sentence in said(trend(0.12, 0.02, SOON), AHEAD, locale="zh"))
