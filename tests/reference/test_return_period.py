"""Maps of return levels and periods from annual maxima."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from data.errors import LayerError
from layers.derived.extremes import fit_l_moments, return_level
from layers.derived.return_period import (
    PERIODS,
    SPECS,
    fit_maxima,
    from_fields,
    level_map,
    level_maps,
    level_quantity,
    period_map,
    period_quantity,
    to_fields,
    yearly_maximum,
)


def maxima(years: int = 60, seed: int = 1) -> dict[int, np.ndarray]:
    draw = stats.genextreme.rvs(-0.1, loc=50, scale=12, size=(years, 6, 8), random_state=seed).astype(np.float32)
    draw[:, 0, 0] = np.nan
    return {1960 + year: draw[year] for year in range(years)}


def test_levels_rise_with_the_period_and_are_those_of_each_cell() -> None:
    fields = maxima()
    levels = level_maps(fit_maxima(fields))
    assert tuple(levels) == PERIODS
    stack = np.array([levels[period] for period in PERIODS])
    assert np.isnan(stack[:, 0, 0]).all()
    assert (np.diff(stack, axis=0).reshape(5, -1)[:, 1:] > 0).all()
    cell = fit_l_moments(np.array([field[3, 4] for field in fields.values()]))
    assert stack[:, 3, 4] == pytest.approx(return_level(cell, np.array(PERIODS, float)), rel=1e-6)


def test_a_short_record_does_not_speak_of_long_periods() -> None:
    fit = fit_maxima(maxima(30))
    assert np.isfinite(level_map(fit, 50)).sum() == 47
    assert np.isnan(level_map(fit, 100)).all()
    assert np.isfinite(level_map(fit, 100, reach=4.0)).sum() == 47


def test_period_of_a_level_map_is_its_period() -> None:
    fit = fit_maxima(maxima())
    for period in PERIODS[:-1]:
        levels = level_map(fit, period)
        assert period_map(fit, levels).ravel()[1:] == pytest.approx(period, rel=1e-3)


def test_period_of_a_field() -> None:
    fit = fit_maxima(maxima())
    values = np.full((6, 8), 70.0, np.float32)
    values[2, 2] = np.nan
    values[3, 3], values[4, 4] = 1e6, -10.0
    periods = period_map(fit, values)
    assert np.isnan(periods[0, 0])  # no record
    assert np.isnan(periods[2, 2])  # no value
    assert periods[3, 3] == 100  # at least: the record of 60 years tells no more
    assert periods[4, 4] == 1
    assert (periods[np.isfinite(periods)] >= 1).all()


def test_parameters_survive_as_fields() -> None:
    fit = fit_maxima(maxima())
    again = from_fields(to_fields(fit))
    assert np.array_equal(again.years, fit.years)
    assert level_map(again, 50) == pytest.approx(level_map(fit, 50), rel=1e-5, nan_ok=True)


def test_years_need_not_be_in_order_nor_complete() -> None:
    fields = maxima()
    fewer = {year: fields[year] for year in reversed(fields) if year % 3}
    fit = fit_maxima(fewer)
    assert fit.years[3, 4] == len(fewer)
    with pytest.raises(LayerError):
        fit_maxima({})
    with pytest.raises(LayerError):
        fit_maxima({2000: np.ones((2, 2)), 2001: np.ones((2, 3))})
    with pytest.raises(LayerError):
        period_map(fit, np.ones((2, 2), np.float32))


def test_maximum_of_a_year_needs_most_of_its_steps() -> None:
    steps = [np.array([1.0, 1.0, np.nan, np.nan], np.float32) * hour for hour in range(1, 11)]
    steps[8][1] = np.nan
    steps[7][1] = np.nan
    steps[0][3] = 5.0
    highest = yearly_maximum(steps, 10)
    assert highest[0] == 10
    assert np.isnan(highest[1:]).all()  # 8 of 10, none, 1 of 10
    assert yearly_maximum(steps, 10, minimum_share=0.8)[1] == 10
    with pytest.raises(LayerError):
        yearly_maximum(steps, 9)
    with pytest.raises(LayerError):
        yearly_maximum([], 10)


def test_manifests_name_what_is_made() -> None:
    names = {spec.quantity for spec in SPECS}
    assert {level_quantity("precipitation_24h", period) for period in PERIODS} <= names
    assert period_quantity("precipitation_24h") in names
    assert all(spec.reference and spec.needs == ("precipitation_24h_annual_max",) for spec in SPECS)
