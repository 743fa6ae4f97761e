"""Yearly maxima only of whole years, return levels only of enough of them, and a chart that leaves gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from layers.region_history import HistoryPoint
from pages._plan_extremes import extremes, yearly_maxima
from pages._plan_history import chart

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def point(at: datetime, value: float | None, *, forecast: bool = False, pending: bool = False) -> HistoryPoint:
    return HistoryPoint(
        step=1, valid_at=at, run_at=at, forecast=forecast, value=value, valid_share=None if pending else 1.0
    )


def days(year: int, count: int, value: float) -> list[HistoryPoint]:
    first = datetime(year, 1, 1, tzinfo=UTC)
    return [point(first + timedelta(days=day), value + day) for day in range(count)]


def test_year_with_too_many_gaps_has_no_maximum() -> None:
    points = [*days(2023, 365, 0.0), *days(2024, 300, 0.0), *days(2025, 340, 100.0), *days(2026, 59, 0.0)]
    assert yearly_maxima(points, NOW, yearly=False) == {2023: 364.0, 2025: 439.0}


def test_forecasts_and_unknown_days_count_as_nothing() -> None:
    points = days(2025, 365, 0.0)
    points[10:60] = [point(one.valid_at, None) for one in points[10:60]]
    assert yearly_maxima(points, NOW, yearly=False) == {}
    ahead = [point(NOW + timedelta(days=1), 9.0, forecast=True)]
    assert yearly_maxima(ahead, NOW, yearly=True) == {}


def test_series_of_yearly_maxima_counts_each_step() -> None:
    points = [point(datetime(year, 12, 31, tzinfo=UTC), float(year)) for year in (2020, 2021)]
    assert yearly_maxima(points, NOW, yearly=True) == {2020: 2020.0, 2021: 2021.0}


def test_nine_years_give_no_return_level_and_ten_do() -> None:
    maxima = {2010 + place: 30.0 + (place * 7) % 11 for place in range(10)}
    nine = extremes({year: value for year, value in maxima.items() if year < 2019}, 40.0)
    assert (nine.years, nine.levels, nine.rarity) == (9, {}, None)
    ten = extremes(maxima, 40.0)
    assert sorted(ten.levels) == [2, 5, 10, 20]  # not beyond twice the record
    assert ten.levels[2].low <= ten.levels[2].value <= ten.levels[2].high
    assert ten.rarity is not None


def test_chart_leaves_gaps_and_dashes_the_forecast() -> None:
    points = [
        point(NOW - timedelta(hours=2), 1.0), point(NOW - timedelta(hours=1), None),
        point(NOW + timedelta(hours=1), 2.0, forecast=True),
    ]  # fmt: skip
    past, ahead = chart(points, "mm", None, NOW, UTC, str)["data"]
    assert past["y"] == [1.0, None]
    assert past["connectgaps"] is False
    assert ahead["line"]["dash"] == "dot"
    assert ahead["y"][-1] == pytest.approx(2.0)
