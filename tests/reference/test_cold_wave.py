"""Temperature drops and cold-wave grades of GB/T 21987-2017."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import LayerError
from layers.derived.cold_wave import cold_wave_grade, temperature_drop
from tests.reference.tables import read_table

NAN = np.nan


@pytest.mark.parametrize(
    ("drops", "minimum", "grade"),
    [
        pytest.param((8, 8, 8), 4, 1, id="24 h"),
        pytest.param((7.9, 10, 10), 4, 1, id="48 h"),
        pytest.param((5, 9.9, 12), 4, 1, id="72 h"),
        pytest.param((7.9, 9.9, 11.9), 4, 0, id="just not"),
        pytest.param((8, 8, 8), 4.1, 0, id="not cold enough"),
        pytest.param((10, 10, 10), 2, 2, id="strong"),
        pytest.param((12, 12, 12), 0, 3, id="extreme"),
        pytest.param((20, 20, 20), 1, 2, id="fell far, ended mild"),
        pytest.param((NAN, 10, 10), 4, 1, id="reached without the missing one"),
        pytest.param((NAN, 9, 9), 4, NAN, id="the missing one could matter"),
        pytest.param((NAN, NAN, NAN), 5, 0, id="too mild whatever it was"),
        pytest.param((9, 9, 9), NAN, NAN, id="minimum missing"),
        pytest.param((5, 5, 5), NAN, 0, id="fell too little whatever it was"),
    ],
)
def test_grade(drops: tuple[float, float, float], minimum: float, grade: float) -> None:
    assert float(cold_wave_grade(*drops, minimum)) == pytest.approx(grade, nan_ok=True)


def test_grade_of_a_field_and_of_a_day_without_standard() -> None:
    field = np.full((3, 2), 12.0)
    assert cold_wave_grade(field, field, field, np.zeros((3, 2))).tolist() == [[3, 3]] * 3
    with pytest.raises(LayerError, match="1999"):
        cold_wave_grade(8, 8, 8, 4, on=date(1999, 1, 1))


def test_drop_counts_from_the_highest_before() -> None:
    stack = np.array([[10.0, 5.0, 1.0], [12.0, NAN, 2.0], [3.0, 1.0, 4.0]])
    np.testing.assert_array_equal(temperature_drop(stack), [9.0, NAN, -2.0])
    with pytest.raises(LayerError, match="two times"):
        temperature_drop([3.0])


@given(st.lists(st.floats(-40, 40), min_size=4, max_size=4))
def test_longer_periods_never_drop_less(minima: list[float]) -> None:
    drops = [float(temperature_drop(minima[-days:])) for days in (2, 3, 4)]
    assert drops == sorted(drops)


@given(st.tuples(*[st.floats(0, 25)] * 3), st.floats(-20, 10), st.floats(0, 5))
def test_deeper_drops_and_colder_air_never_lower_the_grade(
    drops: tuple[float, float, float], minimum: float, more: float
) -> None:
    grade = float(cold_wave_grade(*drops, minimum))
    assert float(cold_wave_grade(*(drop + more for drop in drops), minimum)) >= grade
    assert float(cold_wave_grade(*drops, minimum - more)) >= grade


@pytest.mark.recorded
def test_limits_agree_with_the_published_table(oracles: Path) -> None:
    rows = [row for row in read_table(oracles / "class_tables.csv") if row["scheme"].startswith("coldwave")]
    assert len(rows) == 3
    for number, row in enumerate(rows, start=1):
        limits = [float(part.split(">=")[1]) for part in row["lower"].split(" or ")]
        minimum = float(row["upper"].split("<=")[1])
        for place, limit in enumerate(limits):
            drops = [0.0, 0.0, 0.0]
            drops[place] = limit
            assert float(cold_wave_grade(*drops, minimum)) == number
            drops[place] = limit - 0.1
            assert float(cold_wave_grade(*drops, minimum)) == number - 1


@pytest.mark.recorded
def test_drops_and_minima_of_the_signal_cases(oracles: Path) -> None:
    """The signals of 2007 ask for drops and minima of the same form; no signal without a drop of 8 K and 4 degC."""
    for row in read_table(oracles / "cma_cold_wave_cases.csv"):
        drop, longer, cold = (float(row[name]) for name in ("drop24_C", "drop48_C", "tmin_C"))
        assert longer >= drop
        if row["expected_level"] in ("yellow", "orange", "red"):
            assert float(cold_wave_grade(drop, longer, longer, cold)) >= 1
