"""Heat index, wind chill, UTCI and wet-bulb globe temperature against published and independently computed values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.derived.heat import (
    dew_point,
    heat_index,
    relative_humidity,
    utci,
    utci_shade,
    wbgt,
    wbgt_simple,
    wind_chill,
)
from tests.reference.tables import read_table


def fahrenheit(value: float) -> float:
    return (value - 32.0) / 1.8


@pytest.mark.parametrize(
    ("t_f", "rh", "expected_f"),
    [
        pytest.param(75, 50, 74.55, id="simple form"),
        pytest.param(80, 10, 78.17, id="simple form at 80 F, dry"),
        pytest.param(85, 90, 101.78, id="humid adjustment"),
        pytest.param(95, 10, 89.45, id="dry adjustment"),
        pytest.param(90, 70, 105.92, id="NWS chart: 106"),
        pytest.param(100, 50, 118.32, id="NWS chart: 118"),
        pytest.param(110, 40, 135.66, id="NWS chart: 136"),
    ],
)
def test_heat_index_as_computed_from_the_published_formula(t_f: float, rh: float, expected_f: float) -> None:
    assert float(heat_index(fahrenheit(t_f), rh)) * 1.8 + 32 == pytest.approx(expected_f, abs=0.01)


@pytest.mark.parametrize(
    ("t", "wind_kmh", "expected"),
    [  # metric form of 2001, chart of Environment Canada to 1 degC
        pytest.param(4.444, 8.047, 2.47, id="40 F and 5 mph"),
        pytest.param(-6.667, 32.187, -15.44, id="20 F and 20 mph"),
        pytest.param(-28.889, 64.374, -49.28, id="-20 F and 40 mph"),
        pytest.param(-20, 30, -33, id="chart -20 and 30 km/h: -33"),
    ],
)
def test_wind_chill_as_published(t: float, wind_kmh: float, expected: float) -> None:
    tolerance = 0.5 if expected == int(expected) else 0.01
    assert float(wind_chill(t, wind_kmh / 3.6)) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("t", "dew", "wind", "above", "utci_c", "wbgt_c"),
    [
        pytest.param(25, 13.85, 1.0, 0, 24.61, 20.10, id="UTCI reference 24.6"),
        pytest.param(35, 26.07, 1.0, 20, 42.54, 32.07, id="hot and humid"),
        pytest.param(40, 19.13, 2.0, 30, 47.75, 32.14, id="hot sun"),
        pytest.param(0, -3.04, 10.0, 0, -25.19, -1.17, id="cold wind"),
    ],
)
def test_utci_and_wbgt(t: float, dew: float, wind: float, above: float, utci_c: float, wbgt_c: float) -> None:
    assert float(utci(t, dew, wind, t + above)) == pytest.approx(utci_c, abs=0.02)
    assert float(wbgt(t, dew, wind, t + above)) == pytest.approx(wbgt_c, abs=0.02)
    assert not above or float(utci_shade(t, dew, wind)) < utci_c


@pytest.mark.parametrize(("t", "rh", "expected"), [(25, 50, 24.32), (35, 60, 36.99), (0, 80, 5.86)])
def test_simple_wbgt_is_the_acsm_formula(t: float, rh: float, expected: float) -> None:
    assert float(wbgt_simple(t, rh)) == pytest.approx(expected, abs=0.01)


@pytest.mark.recorded
def test_heat_index_over_the_whole_table(oracles: Path) -> None:
    rows = read_table(oracles / "heat_index.csv")
    found = heat_index([float(row["T_degC"]) for row in rows], [float(row["RH_percent"]) for row in rows])
    expected = np.array([float(row["HI_nws_formula_degC"]) for row in rows])
    exact = heat_index([fahrenheit(float(row["T_degF"])) for row in rows], [float(row["RH_percent"]) for row in rows])
    assert len(rows) >= 48
    np.testing.assert_allclose(exact, expected, atol=0.006)
    np.testing.assert_allclose(found, expected, atol=0.02)  # its Celsius column is rounded to 0.001
    other = np.array([float(row["HI_metpy_degF"]) for row in rows])
    np.testing.assert_allclose(exact * 1.8 + 32, other, atol=0.5)  # another switch near 80 F


@pytest.mark.recorded
def test_wind_chill_over_the_whole_table(oracles: Path) -> None:
    rows = read_table(oracles / "wind_chill.csv")
    t = np.array([float(row["T_degC"]) for row in rows])
    wind = np.array([float(row["wind_km_per_h"]) for row in rows]) / 3.6
    found = wind_chill(t, wind)
    assert len(rows) == 42
    np.testing.assert_allclose(found, [float(row["WC_metric_degC"]) for row in rows], atol=0.01)
    np.testing.assert_allclose(found * 1.8 + 32, [float(row["WC_metpy_degF"]) for row in rows], atol=0.01)
    np.testing.assert_allclose(found * 1.8 + 32, [float(row["WC_us_degF"]) for row in rows], atol=0.1)  # other units


@pytest.mark.recorded
def test_utci_and_wbgt_over_the_whole_table(oracles: Path) -> None:
    rows = read_table(oracles / "utci_wbgt.csv")
    column = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    t, wind, dew = column["T_degC"], column["wind10m_m_per_s"], column["Td_degC"]
    radiant = t + column["MRT_minus_T_degC"]
    assert len(rows) == 8
    np.testing.assert_allclose(utci(t, dew, wind, radiant), column["UTCI_degC"], atol=0.02)
    np.testing.assert_allclose(wbgt(t, dew, wind, radiant), column["WBGT_thermofeel_degC"], atol=0.02)
    simple = wbgt_simple(t, column["RH_percent"])
    np.testing.assert_allclose(simple, column["WBGT_simple_formula_degC"], atol=0.01)
    np.testing.assert_allclose(dew_point(t, column["RH_percent"]), dew, atol=0.01)


def test_outside_its_range_nothing_is_told() -> None:
    assert np.isnan(heat_index([50.1, 30, 30, 30], [50, 102, -1, np.nan])).all()
    assert np.isnan(wind_chill([10.1, 0, 0, np.nan], [10, 1.3, 28, 10])).all()
    assert np.isnan(utci([51, 20, 20, 20, 40], [10, 10, 10, 25, 34], [2, 0.4, 18, 2, 2], [51, 20, 20, 20, 40])).all()
    assert np.isnan(utci(20.0, 10.0, 2.0, [91.0, -11.0, np.nan])).all()
    assert np.isnan(wbgt([-21, 20, 20], [-25, 20, np.nan], 2.0, 20.0)).all()
    assert np.isnan(wbgt_simple([51, 20], [50, np.nan])).all()
    assert np.isnan(dew_point([20, 20, 61], [0, np.nan, 50])).all()
    assert np.isnan(relative_humidity([20, np.nan], [21, 3])).all()


def test_cool_air_is_felt_as_it_is() -> None:
    np.testing.assert_allclose(heat_index([4.0, -20.0], 80.0), [4.0, -20.0])


@given(st.floats(27, 50), st.floats(40, 100), st.floats(0, 10))
def test_moister_air_never_feels_cooler(t: float, rh: float, more: float) -> None:
    assert float(heat_index(t, min(100.0, rh + more))) >= float(heat_index(t, rh)) - 1e-9


@given(st.floats(-50, 5), st.floats(1.4, 26), st.floats(0, 1))
def test_more_wind_never_feels_warmer(t: float, wind: float, more: float) -> None:
    assert float(wind_chill(t, wind + more)) <= float(wind_chill(t, wind)) + 1e-9


@given(st.floats(-50, 50), st.floats(2, 100))
def test_humidity_and_dew_point_are_inverse(t: float, rh: float) -> None:
    assert float(relative_humidity(t, dew_point(t, rh))) == pytest.approx(rh, rel=1e-6)
