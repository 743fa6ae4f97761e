"""Rain classes, drought classes and antecedent effective rainfall against standards and plain sums."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.errors import LayerError
from layers.derived.antecedent_rain import effective_rainfall
from layers.derived.drought import drought_class
from layers.derived.rain_class import rain_class
from tests.reference.tables import read_table

DAY = 86_400


def test_rain_classes_of_both_periods() -> None:
    # GB/T 28592-2012, table 1
    day = [0.0, 0.1, 9.9, 10, 24.9, 25, 49.9, 50, 99.9, 100, 249.9, 250]
    assert rain_class(day, accumulation_s=DAY).tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]
    half = [0.0, 4.9, 5, 14.9, 15, 29.9, 30, 69.9, 70, 139.9, 140]
    assert rain_class(half, accumulation_s=DAY // 2).tolist() == [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]


def test_rain_class_is_refused_or_unknown() -> None:
    assert np.isnan(rain_class([np.nan, -1.0, 2501.0], accumulation_s=DAY)).all()
    with pytest.raises(LayerError, match="6 h"):
        rain_class(10.0, accumulation_s=6 * 3600)
    with pytest.raises(LayerError, match="2001"):
        rain_class(10.0, accumulation_s=DAY, on=date(2001, 1, 1))


@pytest.mark.parametrize("quantity", ["mci", "spi"])
def test_drought_limits_belong_to_the_drier_class(quantity: str) -> None:
    # GB/T 20481-2017: -0.5 < none; -1.0 < light <= -0.5; ... extreme <= -2.0
    values = [0.3, -0.49, -0.5, -0.99, -1.0, -1.5, -1.99, -2.0, -3.1]
    assert drought_class(values, quantity=quantity).tolist() == [0, 0, 1, 1, 2, 3, 3, 4, 4]
    assert np.isnan(drought_class([np.nan, 11.0], quantity=quantity)).all()


def test_drought_scheme_must_fit_the_quantity() -> None:
    assert drought_class([-0.9, -1.2], quantity="spi", scheme="drought_spi_wmo").tolist() == [0, 1]
    with pytest.raises(LayerError, match="drought_spi"):
        drought_class(-1.0, quantity="mci", scheme="drought_spi")
    with pytest.raises(LayerError, match="spei"):
        drought_class(-1.0, quantity="spei")


@pytest.mark.parametrize(
    ("newest_first", "at_080", "at_084"),
    [
        pytest.param([10] * 7, 39.5142, 44.0569, id="even rain"),
        pytest.param([0, 0, 0, 0, 0, 0, 50], 13.1072, 17.5649, id="six days ago"),
        pytest.param([0, 30, 20, 0, 45, 5, 0], 56.8704, 63.8073, id="showers"),
    ],
)
def test_effective_rainfall(newest_first: list[float], at_080: float, at_084: float) -> None:
    days = np.array(newest_first[::-1], dtype=float)
    assert float(effective_rainfall(days, decay=0.80)) == pytest.approx(at_080, abs=1e-4)
    assert float(effective_rainfall(days)) == pytest.approx(at_084, abs=1e-4)


@pytest.mark.recorded
def test_effective_rainfall_over_the_whole_table(oracles: Path) -> None:
    rows = read_table(oracles / "antecedent_effective_rainfall.csv")
    days = np.array([[float(part) for part in row["P0..P6_mm"].split()] for row in rows]).T[::-1]
    assert days.shape == (7, 6)
    for decay in ("0.80", "0.84", "0.90"):
        expected = [float(row[f"Re_k{decay}_mm"]) for row in rows]
        np.testing.assert_allclose(effective_rainfall(days, decay=float(decay)), expected, atol=1e-4)


def test_missing_day_is_not_a_dry_day() -> None:
    days = np.array([[5.0, np.nan, 5.0], [5.0, 5.0, -0.1], [5.0, 5.0, 5.0]])
    assert np.isnan(effective_rainfall(days)).tolist() == [False, True, True]
    for decay in (0.0, 1.01, np.nan):
        with pytest.raises(LayerError, match="decay"):
            effective_rainfall(days, decay=decay)
    with pytest.raises(LayerError, match="one day"):
        effective_rainfall([])


@given(arrays(np.float64, 7, elements=st.floats(0, 500)), st.integers(0, 6), st.floats(0, 100))
def test_more_rain_never_lessens_it(days: np.ndarray, place: int, more: float) -> None:
    wetter = days.copy()
    wetter[place] += more
    assert float(effective_rainfall(wetter)) >= float(effective_rainfall(days))
