"""Extreme value fits against published and independently computed numbers."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from data.errors import LayerError
from data.text import translator
from layers.derived.extremes import (
    Fit,
    fit_l_moments,
    fit_likelihood,
    negative_log_likelihood,
    return_level,
    return_period,
    sample_l_moments,
)
from layers.kernels.extreme_bands import Band, describe, level_band, longest_period, period_band, rarity
from tests.conftest import tries

# Port Pirie, South Australia, annual maximum sea level 1923-1987 [m] (Coles 2001, section 3.4.1).
PORT_PIRIE = np.array([
    4.03, 3.83, 3.65, 3.88, 4.01, 4.08, 4.18, 3.80, 4.36, 3.96, 3.98, 4.69, 3.85, 3.96, 3.85, 3.93, 3.75, 3.63, 3.57,
    4.25, 3.97, 4.05, 4.24, 4.22, 3.73, 4.37, 4.06, 3.71, 3.96, 4.06, 4.55, 3.79, 3.89, 4.11, 3.85, 3.86, 3.86, 4.21,
    4.01, 4.11, 4.24, 3.96, 4.21, 3.74, 3.85, 3.88, 3.66, 4.11, 3.71, 4.18, 3.90, 3.78, 3.91, 3.72, 4.00, 3.66, 3.62,
    4.33, 4.55, 3.75, 4.08, 3.90, 3.88, 3.94, 4.33,
])  # fmt: skip
PERIODS = np.array([2.0, 5.0, 10.0, 20.0, 50.0, 100.0])
# Shape, location, scale and return levels as printed by lmoments3 1.0.8, pyextremes 2.6.1 and scipy 1.17.1.
MLE = [-0.0501, 3.8748, 0.1980, 3.9467, 4.1609, 4.2962, 4.4213, 4.5766, 4.6884]
GEV = [-0.0512, 3.8731, 0.2032, 3.9469, 4.1666, 4.3051, 4.4331, 4.5919, 4.7060]
GUMBEL = [0.0, 3.8685, 0.1943, 3.9397, 4.1599, 4.3056, 4.4455, 4.6264, 4.7621]
FOUR_DIGITS = 6e-5  # rounding, and 1e-5 that the optimiser of scipy stops short of the maximum
# The test sample of the L-moments packages after Hosking's FORTRAN; l1, l2, t3, t4, t5 of lmoments3 1.0.8.
SMALL = np.array([2.0, 3.0, 4.0, 2.4, 5.5, 1.2, 5.4, 2.2, 7.1, 1.3, 1.5])
SMALL_MOMENTS = [3.23636364, 1.14181818, 0.27388535, 0.02335456, -0.04246285]


def numbers(fit: Fit) -> list[float]:
    return [float(fit.shape), float(fit.location), float(fit.scale), *return_level(fit, PERIODS)]


@pytest.mark.parametrize(
    ("fit", "printed"),
    [(fit_likelihood(PORT_PIRIE), MLE), (fit_l_moments(PORT_PIRIE), GEV),
     (fit_l_moments(PORT_PIRIE, distribution="gumbel"), GUMBEL)],
    ids=["likelihood", "L-moments", "Gumbel by L-moments"],
)  # fmt: skip
def test_port_pirie_as_printed(fit: Fit, printed: list[float]) -> None:
    assert numbers(fit) == pytest.approx(printed, abs=FOUR_DIGITS)
    assert fit.years == 65


def test_port_pirie_as_published_by_coles() -> None:
    # Coles 2001, page 59: 3.87, 0.198, -0.050; 10-year level 4.30 m, 100-year level 4.69 m.
    shape, location, scale, *levels = numbers(fit_likelihood(PORT_PIRIE))
    assert [round(location, 2), round(scale, 3), round(shape, 2)] == [3.87, 0.198, -0.05]
    assert [round(levels[2], 2), round(levels[5], 2)] == [4.30, 4.69]


@pytest.mark.recorded
def test_oracle_tables(oracles: Path) -> None:
    def rows(name: str) -> list[dict[str, str]]:
        with (oracles / name).open(encoding="utf-8") as file:
            return list(csv.DictReader(line for line in file if not line.startswith("#")))

    sample = np.array([float(row["sea_level_m"]) for row in rows("extremes_portpirie_data.csv")])
    assert np.array_equal(sample, PORT_PIRIE)
    fits = {
        "GEV_MLE_scipy": fit_likelihood(sample), "GEV_Lmoments_lmoments3": fit_l_moments(sample),
        "Gumbel_Lmoments_lmoments3": fit_l_moments(sample, distribution="gumbel"),
        "GEV_MLE_pyextremes_2.6.1(n=65)": fit_likelihood(sample),
    }  # fmt: skip
    table = {
        row["method"]: [float(value) for value in list(row.values())[1:]] for row in rows("extremes_portpirie.csv")
    }
    for name, fit in fits.items():
        assert numbers(fit) == pytest.approx(table[name], abs=FOUR_DIGITS), name
    small = {row["quantity"]: float(row["value"]) for row in rows("extremes_lmoments_small.csv")}
    gev, gumbel = fit_l_moments(SMALL), fit_l_moments(SMALL, distribution="gumbel")
    moments = sample_l_moments(SMALL)
    ours = {
        **{name: getattr(moments, name) for name in ("l1", "l2", "t3", "t4", "t5")}, "gev_loc": gev.location,
        "gev_scale": gev.scale, "gev_c": -gev.shape, "gum_loc": gumbel.location, "gum_scale": gumbel.scale,
    }  # fmt: skip
    assert {name: float(value) for name, value in ours.items()} == pytest.approx(small, abs=3e-7)


def test_small_sample_as_in_the_packages() -> None:
    moments = sample_l_moments(SMALL)
    ours = [float(getattr(moments, name)) for name in ("l1", "l2", "t3", "t4", "t5")]
    assert ours == pytest.approx(SMALL_MOMENTS, abs=6e-9)
    fit = fit_l_moments(SMALL)
    assert numbers(fit)[:3] == pytest.approx([0.15556095, 2.17928839, 1.39564037], abs=3e-7)


def test_l_moments_by_their_definition() -> None:
    # l_r as means over all subsets of r values (Hosking 1990, equation 2.1 as a U-statistic).
    ordered = np.sort(SMALL[:8])
    l2 = np.mean([0.5 * (b - a) for a, b in itertools.combinations(ordered, 2)])
    l3 = np.mean([(c - 2 * b + a) / 3 for a, b, c in itertools.combinations(ordered, 3)])
    l4 = np.mean([(d - 3 * c + 3 * b - a) / 4 for a, b, c, d in itertools.combinations(ordered, 4)])
    moments = sample_l_moments(SMALL[:8])
    assert [float(moments.l2), float(moments.t3), float(moments.t4)] == pytest.approx(
        [l2, l3 / l2, l4 / l2], rel=1e-12
    )


@pytest.mark.parametrize("shape", [-0.6, -0.2, -1e-9, 0.0, 1e-9, 0.1, 0.5, 0.8])
def test_fit_of_exact_l_moments_returns_the_distribution(shape: float) -> None:
    # The L-moments of 200,000 evenly spaced quantiles are those of the distribution but for the ends.
    even = (np.arange(200_000) + 0.5) / 200_000
    sample = stats.genextreme.ppf(even, -shape, loc=30.0, scale=8.0)
    fit = fit_l_moments(sample)
    rough = 0.02 if shape > 0.3 else 2e-4
    assert [float(fit.location), float(fit.scale)] == pytest.approx([30.0, 8.0], rel=rough)
    assert float(fit.shape) == pytest.approx(shape, abs=rough)


@pytest.mark.parametrize("shape", [-0.4, -0.05, 0.0, 0.2, 0.6])
def test_levels_and_periods_as_scipy(shape: float) -> None:
    fit = Fit(np.array(50.0), np.array(12.0), np.array(shape), np.array(40, np.int32))
    frozen = stats.genextreme(-shape, loc=50.0, scale=12.0)
    levels = return_level(fit, PERIODS)
    assert levels == pytest.approx(frozen.isf(1 / PERIODS), rel=1e-10)
    assert return_period(fit, levels) == pytest.approx(PERIODS, rel=1e-9)
    values = np.array([40.0, 60.0, 75.0])
    assert return_period(fit, values) == pytest.approx(1 / frozen.sf(values), rel=1e-9)
    ours = negative_log_likelihood(values, 50.0, 12.0, shape)
    assert ours == pytest.approx(-frozen.logpdf(values).sum(), rel=1e-10)


def test_likelihood_is_not_below_that_of_scipy() -> None:
    for seed in range(6):
        sample = stats.genextreme.rvs(-0.1, loc=50, scale=12, size=35, random_state=seed)
        fit = fit_likelihood(sample)
        ours = negative_log_likelihood(sample, float(fit.location), float(fit.scale), float(fit.shape))
        theirs = stats.genextreme.nnlf(stats.genextreme.fit(sample, -0.1, loc=50, scale=12), sample)
        assert ours <= theirs + 1e-6
        gumbel = fit_likelihood(sample, distribution="gumbel")
        location, scale = stats.gumbel_r.fit(sample)
        assert [float(gumbel.location), float(gumbel.scale)] == pytest.approx([location, scale], rel=1e-5)


def test_fit_does_not_depend_on_the_unit() -> None:
    metres, feet = fit_likelihood(PORT_PIRIE), fit_likelihood(PORT_PIRIE * 1000 - 4e6)
    assert float(feet.shape) == pytest.approx(float(metres.shape), abs=1e-5)
    assert float(feet.scale) == pytest.approx(1000 * float(metres.scale), rel=1e-5)


def test_outside_the_support_is_certain_or_impossible() -> None:
    bounded = Fit(np.array(50.0), np.array(10.0), np.array(-0.5), np.array(40, np.int32))  # ends at 70
    heavy = Fit(np.array(50.0), np.array(10.0), np.array(0.5), np.array(40, np.int32))  # begins at 30
    assert return_period(bounded, [70.0, 80.0]).tolist() == [np.inf, np.inf]
    assert return_period(heavy, [10.0, 30.0]).tolist() == [1.0, 1.0]
    assert np.isnan(return_period(heavy, np.nan))
    assert np.isnan(return_level(heavy, [1.0, 0.5, np.nan])).all()


def test_grid_is_each_cell_alone_with_missing_years_left_out() -> None:
    draw = np.random.default_rng(5)
    maxima = draw.gumbel(40, 9, (30, 4, 5)).astype(np.float32)
    maxima[draw.random(maxima.shape) < 0.2] = np.nan
    maxima[:21, 0, 0] = np.nan  # nine years or fewer
    maxima[:, 1, 1] = 7.0  # never changes
    grid = fit_l_moments(maxima)
    assert np.isnan(grid.scale[0, 0])
    assert np.isnan(grid.scale[1, 1])
    assert np.isnan(return_level(grid, 10.0)[[0, 1], [0, 1]]).all()
    assert np.isnan(return_period(grid, np.full((4, 5), 50.0))[[0, 1], [0, 1]]).all()
    cell = maxima[:, 2, 3]
    alone = fit_l_moments(cell[np.isfinite(cell)])
    assert [grid.location[2, 3], grid.scale[2, 3], grid.shape[2, 3]] == [alone.location, alone.scale, alone.shape]
    assert grid.years[2, 3] == np.isfinite(cell).sum()


@pytest.mark.parametrize("sample", [np.full(20, np.nan), np.arange(9.0), np.full(15, 3.0), np.array([])])
def test_too_little_record_is_unknown(sample: np.ndarray) -> None:
    for fit in (fit_likelihood(sample), fit_l_moments(sample)):
        assert np.isnan(numbers(fit)).all()
    assert np.isnan(rarity(sample, 5.0).value)


def test_a_sample_of_two_rows_is_refused() -> None:
    with pytest.raises(LayerError):
        fit_likelihood(np.ones((3, 3)))


def test_profile_band_as_coles() -> None:
    # Coles 2001, page 61: 95 % profile interval of the 100-year level, read from his figure, is 4.50 to 5.27 m.
    fit = fit_likelihood(PORT_PIRIE)
    hundred = level_band(PORT_PIRIE, fit, 100.0, confidence=0.95)
    assert [hundred.low, hundred.high] == pytest.approx([4.50, 5.27], abs=0.015)
    assert hundred.method == "maximum likelihood"


@pytest.mark.parametrize("by_moments", [False, True], ids=["profile", "bootstrap"])
def test_bands_hold_their_estimate_and_match_each_other(by_moments: bool) -> None:
    fit = fit_l_moments(PORT_PIRIE) if by_moments else fit_likelihood(PORT_PIRIE)
    narrow, wide = (level_band(PORT_PIRIE, fit, 20.0, confidence=share) for share in (0.5, 0.95))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    upper = period_band(PORT_PIRIE, fit, wide.high, confidence=0.95)
    lower = period_band(PORT_PIRIE, fit, wide.low, confidence=0.95)
    # The level whose band ends here has a period whose band ends at 20 years.
    assert upper.low == pytest.approx(20.0, rel=0.02 if not by_moments else 0.35)
    assert lower.high == pytest.approx(20.0, rel=0.02 if not by_moments else 0.5)


def test_bootstrap_is_the_same_each_time() -> None:
    fit = fit_l_moments(PORT_PIRIE)
    assert level_band(PORT_PIRIE, fit, 50.0) == level_band(PORT_PIRIE, fit, 50.0)


def test_profile_band_holds_the_truth_as_often_as_it_says() -> None:
    truth = float(stats.gumbel_r.isf(1 / 20, loc=50, scale=12))
    held, samples = 0, tries(60, 20)
    for seed in range(samples):
        sample = stats.gumbel_r.rvs(loc=50, scale=12, size=40, random_state=seed)
        band = level_band(sample, fit_likelihood(sample), 20.0)
        held += band.low <= truth <= band.high
    least = 0.9 * samples - 2.6 * np.sqrt(0.9 * 0.1 * samples)  # standard deviations below what is expected at 90 %
    assert least <= held <= samples


def test_value_above_all_has_no_upper_bound() -> None:
    band = period_band(PORT_PIRIE, fit_likelihood(PORT_PIRIE), 5.6)
    assert band.high == np.inf
    assert band.low > 100


@pytest.mark.parametrize("value", [-50.0, 2.0, 3.0, 3.5, 4.0, 4.5, 5.0, 7.0, 500.0])
@pytest.mark.parametrize("by_moments", [False, True], ids=["profile", "bootstrap"])
def test_period_lies_in_its_band_for_any_value(value: float, by_moments: bool) -> None:
    fit = fit_l_moments(PORT_PIRIE) if by_moments else fit_likelihood(PORT_PIRIE)
    band = period_band(PORT_PIRIE, fit, value)
    assert 1 <= band.low <= band.value * (1 + 1e-6)
    assert band.high >= min(band.value, 9e5) * (1 - 1e-6)
    if value <= 3:
        assert band.high < 1.01
    if value >= 7:
        assert band.low > 1000
        assert band.high == np.inf


@pytest.mark.parametrize(("years", "longest"), [(0, 0), (10, 20), (24, 20), (25, 50), (49, 50), (50, 100), (65, 100)])
def test_longest_period_is_twice_the_record(years: int, longest: int) -> None:
    assert longest_period(years) == longest


def band(value: float, low: float, high: float, years: int = 60) -> Band:
    return Band(value=value, low=low, high=high, confidence=0.9, years=years, method="maximum likelihood")


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (band(41.2, 20.4, 97.0), "about 1 in 41 years (90 % between 20 and 97)"),
        (band(41.2, 20.4, 153.0), "about 1 in 41 years (90 % between 20 and more than 100)"),
        (band(3.4, 2.6, 5.1), "about 1 in 3 years (90 % between 3 and 5)"),
        (band(400.0, 53.0, np.inf),
         "1 in more than 100 years (the 90 % band begins at 53); 60 years of record tell no more"),
        (band(np.inf, 400.0, np.inf, 30),
         "1 in more than 50 years (the 90 % band begins at 50); 30 years of record tell no more"),
        (band(1.1, 1.0, 1.4), "reached in most years"),
        (band(np.nan, np.nan, np.nan, 8),
         "how unusual it is cannot be told: 8 usable years of record, 10 are needed"),
    ],
)  # fmt: skip
def test_words_for_a_period(what: Band, text: str) -> None:
    assert describe(what) == text


def test_words_in_chinese() -> None:
    assert describe(band(41.2, 20.4, 97.0), translator("zh")) == "约 41 年一遇（90% 置信区间：20～97 年）"


def test_rarity_of_a_level_of_port_pirie() -> None:
    found = rarity(PORT_PIRIE, 4.3)
    assert found.value == pytest.approx(10.2, abs=0.05)
    assert describe(found) == "about 1 in 10 years (90 % between 6 and 17)"
