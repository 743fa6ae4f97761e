"""The SPEI by the formulas of its authors, and potential evapotranspiration by the examples of FAO 56."""

from __future__ import annotations

import warnings
from math import gamma

import numpy as np
import pytest
from scipy import stats

from data.errors import LayerError
from layers.derived.evapotranspiration import (
    daylight_hours,
    extraterrestrial_radiation,
    hargreaves,
    thornthwaite,
)
from layers.derived.spei import spei
from layers.kernels.standardised import FARTHEST, Index, Months, Reason

COUNT = 480
REFERENCE = (1981, 2020)


def water(seed: int = 4, count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    """Monthly rain and evapotranspiration [mm] with a season, 1981 on."""
    draw = np.random.default_rng(seed)
    season = np.cos((np.arange(count) % 12 - 6) / 12 * 2 * np.pi)
    return draw.gamma(2.0, 25 + 15 * season), np.maximum(70 + 50 * season + draw.normal(0, 6, count), 1.0)


def index(window: int, rain: np.ndarray, taken: np.ndarray) -> Index:
    return spei(rain, taken, Months(first=(1981, 1), window=window, reference=REFERENCE))


def by_the_authors(balance: np.ndarray, value: float) -> float:
    """Vicente-Serrano et al. 2010, equations 5 to 10, with the unbiased moments of Begueria et al. 2014."""
    ordered, n = np.sort(balance), len(balance)
    rank = np.arange(1, n + 1)
    w0 = ordered.mean()
    w1 = np.mean((n - rank) / (n - 1) * ordered)
    w2 = np.mean((n - rank) * (n - rank - 1) / ((n - 1) * (n - 2)) * ordered)
    beta = (2 * w1 - w0) / (6 * w1 - w0 - 6 * w2)
    product = gamma(1 + 1 / beta) * gamma(1 - 1 / beta)
    alpha = (w0 - 2 * w1) * beta / product
    origin = w0 - alpha * product
    return float(stats.norm.ppf(1 / (1 + (alpha / (value - origin)) ** beta)))


@pytest.mark.parametrize("window", [1, 3])
def test_by_the_formulas_of_the_authors(window: int) -> None:
    rain, taken = water()
    ours = index(window, rain, taken).value
    balance = rain - taken
    totals = np.array([balance[max(0, i - window + 1) : i + 1].sum() for i in range(COUNT)])
    compared = 0
    for i in range(window - 1, COUNT):
        same = np.array([totals[j] for j in range(window - 1, COUNT) if j % 12 == i % 12])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # beyond the end of the distribution their power is not real
            wanted = by_the_authors(same, float(totals[i]))
        if np.isfinite(wanted) and abs(wanted) < FARTHEST:
            assert ours[i] == pytest.approx(wanted, abs=1e-6)
            compared += 1
    assert compared > 0.9 * COUNT


def test_is_standard_normal_over_the_reference_period() -> None:
    found = index(6, *water()).value[5:]
    assert abs(found.mean()) < 0.05
    assert found.std() == pytest.approx(1, abs=0.06)


def test_drier_is_never_wetter_and_the_ends_are_bounded() -> None:
    rain, taken = water()
    rain[479], taken[478] = 0.0, 2000.0
    rain[477] = 5000.0
    found = index(1, rain, taken).value
    assert found[478] < -2
    assert found[477] == pytest.approx(FARTHEST, abs=1.0)
    assert np.nanmax(np.abs(found)) <= FARTHEST
    order = np.argsort((rain - taken)[5::12])
    assert np.all(np.diff(found[5::12][order]) >= 0)


def test_unknown_input_is_unknown_with_its_reason() -> None:
    rain, taken = water()
    rain[100], taken[200], rain[300] = np.nan, np.nan, -1.0
    found = index(3, rain, taken)
    reasons = [Reason.MISSING, Reason.MISSING, Reason.IMPOSSIBLE]
    for start, reason in zip((100, 200, 300), reasons, strict=True):
        assert (found.reason[start : start + 3] == reason).all()
    assert np.array_equal(np.isnan(found.value), found.reason != Reason.KNOWN)


def test_a_short_record_and_one_without_spread_are_unknown() -> None:
    rain, taken = water(count=19 * 12)
    assert (index(1, rain, taken).reason == Reason.SHORT).all()
    even = np.full(COUNT, 50.0)
    assert (index(1, even, even).reason == Reason.CONSTANT).all()


def test_cells_are_each_alone() -> None:
    pairs = [water(seed) for seed in range(4)]
    rain, taken = (np.stack(part, axis=-1).reshape(COUNT, 2, 2) for part in zip(*pairs, strict=True))
    together = index(3, rain, taken).value
    assert together[:, 1, 0] == pytest.approx(index(3, *pairs[2]).value, abs=1e-12, nan_ok=True)
    with pytest.raises(LayerError):
        index(3, rain, taken[:, :1])


def test_radiation_and_daylight_of_fao_56() -> None:
    # FAO 56, examples 8 and 9: 3 September (day 246) at 20 S: 32.2 MJ m-2 d-1 and 11.7 h of daylight.
    assert extraterrestrial_radiation(-20.0, 246) == pytest.approx(32.2, abs=0.05)
    assert daylight_hours(-20.0, 246) == pytest.approx(11.7, abs=0.05)


def test_hargreaves_of_fao_56() -> None:
    # FAO 56, example 20: Lyon (45 degrees 43' N), July, 26.6 and 14.8 degC: 5.0 mm a day.
    found = hargreaves(26.6, 14.8, 45 + 43 / 60, year=2001, month=7)
    assert found / 31 == pytest.approx(5.0, abs=0.05)


def test_thornthwaite_by_hand() -> None:
    # 20 degC all year on the equator: i = 4^1.514 = 8.157, I = 97.88, a = 2.1409; 16 (200/97.88)^a = 73.9 mm for 30
    # days of 12 h, and 76.4 mm in a January of 31 days.
    found = thornthwaite(20.0, np.full(12, 20.0), 0.0, year=2001, month=1)
    assert found == pytest.approx(76.4, abs=0.15)


def test_thornthwaite_of_hot_months_follows_willmott() -> None:
    # Willmott et al. 1985: 30 degC gives -415.85 + 32.24 x 30 - 0.43 x 900 = 164.35 mm for 30 days of 12 h.
    found = thornthwaite(30.0, np.full(12, 28.0), 0.0, year=2001, month=6)
    assert found == pytest.approx(164.35, abs=0.01)
    steps = thornthwaite(np.linspace(27, 50, 60), np.full((12, 60), 28.0), 0.0, year=2001, month=6)
    assert np.all(np.diff(steps) >= 0)


def test_evapotranspiration_of_frost_and_of_polar_night_is_none() -> None:
    normals = np.linspace(-20, 12, 12)
    assert thornthwaite(-5.0, normals, 50.0, year=2001, month=1) == 0
    assert hargreaves(-10.0, -20.0, 85.0, year=2001, month=12) == 0
    assert daylight_hours([85.0, -85.0], 172).tolist() == [24.0, 0.0]


@pytest.mark.parametrize(
    ("high", "low", "latitude"),
    [(np.nan, 10.0, 40.0), (20.0, np.nan, 40.0), (20.0, 10.0, np.nan), (10.0, 20.0, 40.0), (20.0, 10.0, 95.0),
     (320.0, 280.0, 40.0)],
)  # fmt: skip
def test_hargreaves_without_possible_input_is_unknown(high: float, low: float, latitude: float) -> None:
    assert np.isnan(hargreaves(high, low, latitude, year=2001, month=7))


def test_thornthwaite_without_possible_input_is_unknown() -> None:
    normals = np.full(12, 15.0)
    assert np.isnan(thornthwaite(np.nan, normals, 40.0, year=2001, month=7))
    assert np.isnan(thornthwaite(290.0, normals, 40.0, year=2001, month=7))
    assert np.isnan(thornthwaite(15.0, np.where(np.arange(12) == 3, np.nan, normals), 40.0, year=2001, month=7))
    assert np.isnan(thornthwaite(2.0, np.full(12, -10.0), 70.0, year=2001, month=7))
