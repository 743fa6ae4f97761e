"""Times carry their offset, ages their largest sensible unit."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from data.text import translator
from pages._times import age, local, span

T = translator("en")


def test_local_time_shows_the_offset_of_that_day(now: datetime) -> None:
    assert local(now, ZoneInfo("Asia/Shanghai")) == "2026-03-01 20:00 +08:00"
    assert local(now + timedelta(days=120), ZoneInfo("Europe/Berlin"), seconds=True) == "2026-06-29 14:00:00 +02:00"
    assert local(None, ZoneInfo("UTC")) == "–"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0, "0 s", id="now"),
        pytest.param(89, "89 s", id="seconds"),
        pytest.param(90, "2 min", id="minutes"),
        pytest.param(3 * 3600 + 5 * 60, "3 h 05", id="hours"),
        pytest.param(4 * 86400, "4 d", id="days"),
    ],
)
def test_span_uses_the_largest_sensible_unit(seconds: int, expected: str) -> None:
    assert span(timedelta(seconds=seconds), T) == expected


def test_age_says_before_after_and_never(now: datetime) -> None:
    assert age(now - timedelta(minutes=12), now, T) == "12 min ago"
    assert age(now + timedelta(hours=3), now, T) == "in 3 h 00"
    assert age(None, now, T) == "never"
    assert age(now - timedelta(minutes=12), now, translator("zh")) == "12 分钟前"
