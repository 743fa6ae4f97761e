"""The slope of last readings and its error, against published numbers and by hand; and when triggers are met."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alerts.trend import reach_of, slope_of
from data.model import Level

# NIST StRD, linear regression, Norris (https://www.itl.nist.gov/div898/strd/lls/data/Norris.shtml, certified values):
# slope 1.00211681802045, standard deviation 0.429796848199937E-03, 36 readings.
NORRIS_Y = (
    0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1, 668.8, 339.3, 448.9,
    10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0, 998.5, 778.9, 10.2, 117.6, 228.9, 668.4,
    449.2, 0.2,
)  # fmt: skip
NORRIS_X = (
    0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5, 666.9, 338.0, 447.5,
    11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2, 999.0, 779.0, 11.1, 118.3, 229.2, 669.1,
    448.9, 0.5,
)  # fmt: skip


def test_slope_and_error_of_the_certified_data() -> None:
    slope, error = slope_of(np.array(NORRIS_X) * 3600.0, np.array(NORRIS_Y))
    assert slope == pytest.approx(1.00211681802045, rel=1e-12)
    assert error == pytest.approx(0.429796848199937e-03, rel=1e-9)


def test_rising_twelve_centimetres_an_hour_reaches_the_stage_in_an_hour_and_forty_minutes() -> None:
    """A gauge at 2.30 m with 2.5 m to come: 0.20 m at 0.12 m/h is 1 h 40 min; by 0.10 and 0.14 m/h 2 h and 86 min."""
    found = reach_of(Level.YELLOW, 2.5, "above", 2.3, 0.12, 0.02)
    assert found is not None
    assert found.in_s == pytest.approx(6000.0)
    assert (found.soonest_s, found.latest_s) == (pytest.approx(0.2 / 0.14 * 3600), pytest.approx(7200.0))


@pytest.mark.parametrize(
    ("direction", "value", "slope", "error"),
    [
        pytest.param("above", 2.6, 0.1, 0.0, id="past-it"),
        pytest.param("above", 2.3, -0.1, 0.0, id="falling"),
        pytest.param("above", 2.3, 0.1, 0.1, id="slope-within-its-error"),
        pytest.param("above", 2.3, 0.001, 0.0, id="too-far-ahead"),
        pytest.param("below", 2.7, 0.1, 0.0, id="rising-away"),
    ],
)
def test_what_is_not_reached(direction: str, value: float, slope: float, error: float) -> None:
    assert reach_of(Level.YELLOW, 2.5, direction, value, slope, error) is None


def test_falling_reaches_what_lies_below() -> None:
    found = reach_of(Level.RED, 50.0, "below", 200.0, -100.0, 0.0)
    assert found is not None and math.isclose(found.in_s, 5400.0)
