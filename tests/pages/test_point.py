"""The chart of a point in gridded data: gaps stay gaps, and the forecast is another line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from layers.field_point import PointStep
from pages._layers import window
from pages._point import history_figure

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def steps(*values: float | None, ahead: int = 0) -> list[PointStep]:
    first = len(values) - ahead
    return [
        PointStep(NOW + (place - first + 1) * HOUR, NOW, place >= first, value) for place, value in enumerate(values)
    ]


def test_missing_values_break_the_line_and_are_never_zero() -> None:
    figure = history_figure(steps(1.0, None, 3.0), unit="mm", at=NOW, now=NOW, zone=ZoneInfo("Asia/Shanghai"))
    solid, dashed = figure["data"]
    assert solid["y"] == [1.0, None, 3.0]
    assert solid["connectgaps"] is False
    assert dashed["y"] == [None, None, None]
    assert figure["layout"]["yaxis"]["title"]["text"] == "mm"


def test_forecast_is_dashed_and_joined_to_the_last_analysis() -> None:
    figure = history_figure(steps(1.0, 2.0, 5.0, 6.0, ahead=2), unit="mm", at=NOW, now=NOW, zone=UTC)
    solid, dashed = figure["data"]
    assert solid["y"] == [1.0, 2.0, None, None]
    assert dashed["y"] == [None, 2.0, 5.0, 6.0]
    assert dashed["line"]["dash"] == "dot"


def test_windows_are_said_in_hours_or_minutes() -> None:
    assert [window(0), window(3600), window(86400), window(600)] == ["", "1 h", "24 h", "10 min"]
