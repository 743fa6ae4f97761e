"""River stages, rates of rise and the flood signals of the Ministry of Water Resources."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import LayerError
from layers.derived.river_stage import Rise, hydrological_level, rate_of_rise, stage_class
from tests.reference.tables import read_table

NAN = np.nan
STAGES = [3.0, 4.0, 5.5, 7.0]  # action, minor, moderate, major
NOW = 1_780_000_000.0


def test_class_by_own_stages() -> None:
    assert stage_class([2.9, 3.0, 4.2, 5.5, 6.9, 7.0, 9.0], STAGES).tolist() == [0, 1, 2, 3, 3, 4, 4]
    many = stage_class([2.0, 4.5, 8.0], [[3.0, 3.0, 3.0], [4.0, NAN, 4.0], [5.0, 5.0, NAN], [7.0, 7.0, 7.0]])
    assert many.tolist() == [0, 1, 4], "a stage that a station does not have is no class of it"


def test_class_is_unknown_without_stage_or_stages() -> None:
    assert np.isnan(stage_class([NAN, np.inf], STAGES)).all()
    assert np.isnan(stage_class(5.0, [NAN] * 4))
    assert np.isnan(stage_class(5.0, [3.0, 4.0, NAN, 3.5])), "stages that are not in order say nothing"


def rise(minutes: list[float], stages: list[float], **changes: float) -> Rise:
    chosen = {"now_s": NOW, "window_s": 3 * 3600.0, "max_gap_s": 5400.0, "max_age_s": 5400.0} | changes
    return rate_of_rise(NOW - 60.0 * np.array(minutes), stages, **chosen)


def test_rate_between_irregular_readings() -> None:
    found = rise([200, 140, 95, 20, 5], [2.0, 2.6, 3.0, 3.7, 3.8])
    # The window begins 185 min ago, a quarter of the way from 2.0 to 2.6.
    assert found.rate_m_per_h == pytest.approx((3.8 - 2.15) / 3)
    assert found.readings == 4 and found.reason == "" and found.end_s - found.begin_s == 3 * 3600


@pytest.mark.parametrize(
    ("minutes", "stages", "reason"),
    [
        pytest.param([], [], "no readings", id="none"),
        pytest.param([200, 10], [NAN, NAN], "no readings", id="all missing"),
        pytest.param([300, 280, 200, 120, 100], [1, 1, 1, 1, 1], "too old", id="silent"),
        pytest.param([120, 60, 0], [1, 2, 3], "reach back", id="too short a history"),
        pytest.param([200, 170, 20, 0], [1, 1, 3, 3], "gap", id="a hole in the middle"),
        pytest.param([200, 170, 80, -10], [1, 1, NAN, 3], "too old", id="only the future is fresh"),
    ],
)
def test_rate_is_unknown_with_a_reason(minutes: list[float], stages: list[float], reason: str) -> None:
    found = rise(minutes, stages)
    assert np.isnan(found.rate_m_per_h) and reason in found.reason


def test_order_and_repeats_do_not_matter() -> None:
    tidy = rise([180, 120, 60, 0], [1.0, 1.5, 1.5, 2.5])
    wild = rise([0, 120, 60, 180, 0], [9.9, 1.5, 1.5, 1.0, 2.5])
    assert tidy.rate_m_per_h == wild.rate_m_per_h == pytest.approx(0.5)
    with pytest.raises(LayerError, match="one length"):
        rise([0, 60], [1.0])


@pytest.mark.parametrize(
    ("stage", "level"),
    [
        pytest.param(24.4, 0, id="below near"),
        pytest.param(24.5, 1, id="near the warning stage, 0.5 m by house rule"),
        pytest.param(25.0, 2, id="warning stage itself"),
        pytest.param(27.0, 3, id="guarantee stage itself"),
        pytest.param(28.5, 4, id="record itself"),
        pytest.param(NAN, NAN, id="missing"),
    ],
)
def test_flood_signal_by_stage(stage: float, level: float) -> None:
    found = hydrological_level(stage, warning=25.0, guarantee=27.0, record=28.5)
    assert float(found) == pytest.approx(level, nan_ok=True)


def test_flood_signal_by_return_period() -> None:
    years = [1.0, 4.0, 5.0, 20.0, 50.0, NAN]
    found = hydrological_level(20.0, warning=25.0, guarantee=27.0, record=28.5, return_period=years)
    np.testing.assert_array_equal(found, np.array([0, 1, 2, 3, 4, NAN], dtype=np.float32))
    assert float(hydrological_level(NAN, warning=25.0, guarantee=27.0, record=28.5, return_period=25.0)) == 3


def test_flood_signal_with_stages_that_are_not_known() -> None:
    found = hydrological_level(
        [20.0, 26.0, 27.5, 20.0, 28.0],
        warning=[25.0, 25.0, 25.0, NAN, NAN], guarantee=[NAN, NAN, 27.0, 27.0, 27.0],
        record=[NAN, NAN, NAN, 28.5, 28.5],
    )  # fmt: skip
    np.testing.assert_array_equal(found, np.array([0, 2, 3, NAN, 3], dtype=np.float32))
    assert float(hydrological_level(24.8, warning=25.0, guarantee=27.0, record=28.5, near_m=0.1)) == 0
    with pytest.raises(LayerError, match="2001"):
        hydrological_level(1.0, warning=1.0, guarantee=2.0, record=3.0, on=date(2001, 1, 1))


@pytest.mark.recorded
def test_flood_signals_are_those_of_the_table(oracles: Path) -> None:
    stages = {"warning": 25.0, "guarantee": 27.0, "record": 28.5}
    limit = {"yellow": ("warning", 5), "orange": ("guarantee", 20), "red": ("record", 50)}
    rows = {row["level"]: row for row in read_table(oracles / "china_hydrological_warning.csv")}
    assert "approaching" in rows["blue"]["condition_stage_or_flow"]
    for number, (level, (stage, years)) in enumerate(limit.items(), start=2):
        row = rows[level]
        words = {"warning": "warning level", "guarantee": "guarantee level", "record": "highest on record"}
        assert words[stage] in row["condition_stage_or_flow"]
        assert row["condition_return_period"] == f">={years} yr"
        assert float(hydrological_level(stages[stage], **stages)) == number
        assert float(hydrological_level(20.0, **stages, return_period=years)) == number


@given(st.floats(20, 30), st.floats(0, 5))
def test_higher_water_never_lowers_level_or_class(stage: float, more: float) -> None:
    low, high = hydrological_level([stage, stage + more], warning=25.0, guarantee=27.0, record=28.5)
    assert high >= low
    low, high = stage_class([stage, stage + more], [21.0, NAN, 26.0, 29.0])
    assert high >= low
