"""The standardised precipitation index against climate_indices, a hand calculation with SciPy and its own meaning."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from data.errors import LayerError
from layers.derived.spi import calibrate, spi, spi_of
from layers.kernels.standardised import FARTHEST, Index, Months, Reason

COUNT = 360
WHOLE = (1981, 2010)
# Printed by climate_indices 3.1.0 (Thom's gamma on totals) for the series below: entry -> SPI-1, SPI-3.
PRINTED = {
    0: (0.7472, None), 1: (1.0456, None), 2: (0.1546, 0.8352), 3: (-1.3217, -0.9285), 9: (0.1242, -0.3529),
    10: (-2.1277, -0.0147), 12: (1.3707, -1.8111), 16: (0.8828, 1.6009), 25: (-2.2099, -1.4459),
    33: (-0.1714, 0.4082), 324: (-0.1549, 1.4547), 325: (0.0918, 1.1994),
}  # fmt: skip
FOUR_DIGITS = 5.1e-5


def series() -> np.ndarray:
    """30 years of months, 1981 to 2010 [mm]: a season with two oscillations on it."""
    i = np.arange(COUNT)
    season = 60 + 50 * np.cos((i % 12 - 6) / 12 * 2 * np.pi)
    wave = 1 + 0.55 * np.sin(1.7 * i + 0.3 * np.sin(0.91 * i)) + 0.25 * np.cos(0.37 * i + 1.1 * np.sin(2.3 * i))
    return np.maximum(np.round(season * wave, 1), 0.1)


def index(window: int, precipitation: np.ndarray | None = None, reference: tuple[int, int] = WHOLE) -> Index:
    given = series() if precipitation is None else precipitation
    return spi(given, Months(first=(1981, 1), window=window, reference=reference))


def test_printed_rows() -> None:
    one, three = index(1).value, index(3).value
    for entry, (first, third) in PRINTED.items():
        assert one[entry] == pytest.approx(first, abs=FOUR_DIGITS)
        if third is not None:
            assert three[entry] == pytest.approx(third, abs=FOUR_DIGITS)


@pytest.mark.recorded
def test_oracle_table(oracles: Path) -> None:
    with (oracles / "spi_series.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert len(rows) == 72
    one, three, given = index(1).value, index(3).value, series()
    for row in rows:
        entry = int(row["i"])
        assert given[entry] == pytest.approx(float(row["precip_mm"]), abs=1e-9)
        for ours, column in ((one, "climate_indices_SPI1"), (three, "climate_indices_SPI3")):
            if row[column]:
                assert ours[entry] == pytest.approx(float(row[column]), abs=FOUR_DIGITS), (entry, column)
            else:
                assert np.isnan(ours[entry])


@pytest.mark.parametrize("window", [1, 3, 12])
def test_by_hand_with_scipy(window: int) -> None:
    given = series()
    totals = np.array([given[max(0, i - window + 1) : i + 1].sum() for i in range(COUNT)])
    ours = index(window).value
    for i in range(window - 1, COUNT):
        same = np.array([totals[j] for j in range(window - 1, COUNT) if j % 12 == i % 12])
        a = np.log(same.mean()) - np.log(same).mean()
        alpha = (1 + np.sqrt(1 + 4 * a / 3)) / (4 * a)
        wanted = stats.norm.ppf(stats.gamma.cdf(totals[i], alpha, scale=same.mean() / alpha))
        assert ours[i] == pytest.approx(wanted, abs=1e-9)
    assert np.isnan(ours[: window - 1]).all()


def test_only_the_reference_period_is_fitted() -> None:
    changed = series()
    changed[300:] *= 3  # 2006 on
    early = index(3, changed, (1981, 2005))
    assert np.array_equal(early.value[2:300], index(3, reference=(1981, 2005)).value[2:300])
    assert np.nanmean(early.value[300:]) > 1


def test_dry_windows_count_with_their_share() -> None:
    given = series()
    given[0::12][:6] = 0.0  # 6 of 30 Januaries
    found = index(1, given)
    assert found.value[0] == pytest.approx(stats.norm.ppf(0.2), abs=1e-12)
    assert found.reason[0] == Reason.KNOWN
    assert np.nanmin(found.value[0::12]) == pytest.approx(stats.norm.ppf(0.2), abs=1e-12)


@pytest.mark.parametrize(
    ("change", "reason"),
    [("dry", Reason.DRY), ("short", Reason.SHORT), ("constant", Reason.CONSTANT), ("all missing", Reason.SHORT),
     ("all dry", Reason.DRY)],
)  # fmt: skip
def test_a_month_that_cannot_be_fitted_says_why(change: str, reason: Reason) -> None:
    given = series()
    januaries = given[0::12]
    match change:
        case "dry":
            januaries[:11] = 0.0
        case "short":
            januaries[:11] = np.nan
        case "constant":
            januaries[:] = 20.0
        case "all missing":
            januaries[:] = np.nan
        case "all dry":
            januaries[:] = 0.0
    found = index(1, given)
    assert np.isnan(found.value[0::12]).all()
    assert (found.reason[0::12] == reason).all()
    assert np.array_equal(found.value[1::12], index(1).value[1::12])


def test_missing_and_impossible_months_are_unknown_with_their_windows() -> None:
    given = series()
    given[100], given[200] = np.nan, -5.0
    found = index(3, given)
    assert found.reason[[100, 101, 102]].tolist() == [Reason.MISSING] * 3
    assert found.reason[[200, 201, 202]].tolist() == [Reason.IMPOSSIBLE] * 3
    assert np.isnan(found.value[[100, 101, 102, 200, 201, 202]]).all()
    assert np.array_equal(np.isnan(found.value), found.reason != Reason.KNOWN)
    assert np.isnan(found.value).sum() == 6 + 2


def test_a_new_month_is_judged_by_the_calibration() -> None:
    months = Months(first=(1981, 1), window=1, reference=WHOLE)
    gamma = calibrate(months.totals(series()), months)
    found = spi_of(np.array([0.0, 10.0, 25.0, 1e5, np.nan, -1.0]), 1, gamma=gamma)
    assert found.value[0] == -FARTHEST
    assert found.value[3] == FARTHEST
    assert np.all(np.diff(found.value[:4]) > 0)
    assert found.reason.tolist() == [0, 0, 0, 0, Reason.MISSING, Reason.IMPOSSIBLE]


def test_cells_are_each_alone() -> None:
    draw = np.random.default_rng(2)
    grid = draw.gamma(2, 30, (COUNT, 3, 4)).astype(np.float32)
    grid[:, 1, 1] = np.nan
    together = index(3, grid).value
    assert np.isnan(together[:, 1, 1]).all()
    assert together[:, 2, 3] == pytest.approx(index(3, grid[:, 2, 3]).value, abs=1e-12, nan_ok=True)


def test_a_series_shorter_than_its_window_is_unknown() -> None:
    found = index(6, series()[:4])
    assert np.isnan(found.value).all()
    assert (found.reason == Reason.SHORT).all()


def test_months_that_make_no_sense_are_refused() -> None:
    for first, window, reference in (((1981, 13), 1, WHOLE), ((1981, 1), 0, WHOLE), ((1981, 1), 1, (2010, 1981))):
        with pytest.raises(LayerError):
            Months(first=first, window=window, reference=reference)
