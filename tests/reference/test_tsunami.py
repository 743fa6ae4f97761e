"""Long-wave speed and Green's law."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import LayerError
from layers.derived.tsunami import coast_class, growth, long_wave_speed, travel_time_s
from tests.reference.tables import read_table


@pytest.mark.parametrize(
    ("depth", "speed_kmh", "factor"), [(10, 35.7, 4.47), (200, 159.4, 2.11), (4000, 713.0, 1.0), (5000, 797.2, 0.95)]
)
def test_speed_and_growth(depth: float, speed_kmh: float, factor: float) -> None:
    assert float(long_wave_speed(depth)) * 3.6 == pytest.approx(speed_kmh, abs=0.05)
    assert float(growth(depth, source_depth=4000)) == pytest.approx(factor, abs=0.005)


@pytest.mark.recorded
def test_speed_over_the_whole_table(oracles: Path) -> None:
    rows = read_table(oracles / "tsunami_speed.csv")
    assert len(rows) == 8
    depth = np.array([float(row["depth_m"]) for row in rows])
    speed = long_wave_speed(depth)
    np.testing.assert_allclose(speed, [float(row["speed_m_per_s"]) for row in rows], atol=0.005)
    np.testing.assert_allclose(speed * 3.6, [float(row["speed_km_per_h"]) for row in rows], atol=0.05)
    minutes = [float(travel_time_s([one], [100_000.0])) / 60 for one in depth]
    np.testing.assert_allclose(minutes, [float(row["minutes_per_100_km"]) for row in rows], atol=0.05)
    factor = [float(row["green_law_factor_vs_4000m"]) for row in rows]
    np.testing.assert_allclose(growth(depth, source_depth=4000), factor, atol=0.005)


def test_unknown_depth_has_unknown_speed_and_time() -> None:
    assert np.isnan(long_wave_speed([np.nan, 0.0, -5.0, 11_001.0])).all()
    assert np.isnan(travel_time_s([[1000.0, np.nan]], [[5000.0, 5000.0]])).all()
    assert np.isnan(growth(10.0, source_depth=-1.0))
    with pytest.raises(LayerError, match="negative"):
        travel_time_s([1000.0], [-1.0])


def test_classes_at_the_coast() -> None:
    # Japan Meteorological Agency: advisory 0.2 to 1 m, warning to 3 m, major warning above
    assert coast_class([0.1, 0.2, 0.9, 1.1, 2.9, 3.1]).tolist() == [0, 1, 1, 2, 2, 3]
    assert np.isnan(coast_class([np.nan, -1.0])).all()


@given(st.floats(1, 5000), st.floats(1, 5000))
def test_deeper_is_faster_and_lower(one: float, two: float) -> None:
    shallow, deep = sorted((one, two))
    assert long_wave_speed(deep) >= long_wave_speed(shallow)
    assert growth(deep, source_depth=4000) <= growth(shallow, source_depth=4000)
