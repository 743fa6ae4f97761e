"""Wind force, components and gust factor against the standard's table and plain geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.derived.wind_force import gust_factor, wind_direction, wind_force, wind_speed
from tests.reference.tables import read_table

# GB/T 28591-2012: force, lowest and highest speed [m/s]; 0 to 12 as WMO-No. 8
TABLE = [
    (0, 0, 0.2),
    (3, 3.4, 5.4),
    (6, 10.8, 13.8),
    (8, 17.2, 20.7),
    (12, 32.7, 36.9),
    (14, 41.5, 46.1),
    (17, 56.1, 61.2),
]


@pytest.mark.parametrize(("force", "low", "high"), TABLE)
def test_force_at_both_ends_of_its_row(force: int, low: float, high: float) -> None:
    assert wind_force([low, high, np.float32(low), np.float32(high)]).tolist() == [force] * 4


@pytest.mark.recorded
def test_force_over_the_whole_table(oracles: Path) -> None:
    rows = read_table(oracles / "wind_force_scale.csv")
    assert len(rows) == 18
    for row in rows:
        ends = [float(row["lower_m_per_s"]), float(row["upper_m_per_s"]), float(row["mid_from_0.836B^1.5_m_per_s"])]
        assert wind_force(ends).tolist() == [float(row["force"])] * 3, row


@pytest.mark.recorded
def test_force_in_the_typhoon_cases(oracles: Path) -> None:
    rows = read_table(oracles / "cma_typhoon_cases.csv")
    assert len(rows) >= 12
    for row in rows:
        forces = wind_force([float(row["mean_m_per_s"]), float(row["gust_m_per_s"])])
        assert forces.tolist() == [float(row["force_mean"]), float(row["force_gust"])], row


def test_force_beyond_the_table_and_of_no_wind() -> None:
    assert wind_force([61.3, 90.0]).tolist() == [18, 18]
    assert np.isnan(wind_force([np.nan, -0.1, 151.0])).all()


@pytest.mark.parametrize(
    ("u", "v", "speed", "direction"),
    [
        pytest.param(0, -10, 10, 360, id="from the north"),
        pytest.param(-10, 0, 10, 90, id="from the east"),
        pytest.param(0, 5, 5, 180, id="from the south"),
        pytest.param(3, 4, 5, 216.8699, id="from the south-west"),
    ],
)
def test_speed_and_direction(u: float, v: float, speed: float, direction: float) -> None:
    assert float(wind_speed(u, v)) == pytest.approx(speed)
    assert float(wind_direction(u, v)) == pytest.approx(direction, abs=1e-4)


def test_missing_component_is_no_wind() -> None:
    u, v = [np.nan, 1.0, np.nan, np.inf, 0.1], [1.0, np.nan, np.inf, np.nan, 0.1]
    assert np.isnan(wind_speed(u, v)[:4]).all()
    assert np.isnan(wind_direction(u, v)).all()  # the last is calm


def test_gust_factor() -> None:
    np.testing.assert_allclose(gust_factor([15.0, 10.0], [10.0, 10.0]), [1.5, 1.0])
    assert np.isnan(gust_factor([9.0, 8.0, np.nan, 20.0], [10.0, 4.9, 10.0, np.nan])).all()


@given(st.floats(0, 149), st.floats(0, 1))
def test_force_never_falls_with_speed(speed: float, more: float) -> None:
    low, high = wind_force([speed, speed + more])
    assert high >= low


@given(st.floats(0.5, 100), st.floats(0.01, 360))
def test_direction_gives_the_components_back(speed: float, degrees: float) -> None:
    u, v = -speed * np.sin(np.radians(degrees)), -speed * np.cos(np.radians(degrees))
    assert float(wind_direction(u, v)) == pytest.approx(degrees, abs=1e-6)
