"""Rainfall thresholds of landslides, and the matrix of susceptibility by rain."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError, LayerError
from data.model import Level
from layers.classes import REFERENCE
from layers.derived.landslide import (
    exceedance,
    landslide_level,
    rain_class,
    read_thresholds,
    threshold_of,
)
from tests.reference.tables import read_table

CAINE = threshold_of("caine_1980")
COLUMNS = {
    "caine_1980": "Caine_I_mm_per_h", "guzzetti_2008": "Guzzetti2008_I_mm_per_h",
    "crosta_frattini_2001": "CrostaFrattini_I_mm_per_h", "aleotti_2004": "Aleotti2004_I_mm_per_h",
}  # fmt: skip
WORDS = ["very_low", "low", "medium", "high", "very_high"]


@pytest.mark.parametrize(
    ("key", "hours", "intensity"),
    [
        pytest.param("caine_1980", 1, 14.82, id="Caine 1980: 14.82 D^-0.39"),
        pytest.param("caine_1980", 24, 4.291, id="Caine 1980, a day"),
        pytest.param("guzzetti_2008", 24, 0.543, id="Guzzetti 2008: 2.20 D^-0.44"),
        pytest.param("crosta_frattini_2001", 6, 1.680, id="Crosta and Frattini 2001: 0.48 + 7.2 / D"),
        pytest.param("aleotti_2004", 12, 5.485, id="Aleotti 2004: 19 D^-0.50"),
    ],
)
def test_threshold_intensity(key: str, hours: float, intensity: float) -> None:
    assert float(threshold_of(key).intensity(hours)) == pytest.approx(intensity, abs=0.0006)


@pytest.mark.recorded
def test_thresholds_over_the_whole_table(oracles: Path) -> None:
    rows = read_table(oracles / "landslide_id_thresholds.csv")
    assert len(rows) == 10
    hours = np.array([float(row["D_h"]) for row in rows])
    for key, column in COLUMNS.items():
        found = threshold_of(key).intensity(hours)
        np.testing.assert_allclose(found, [float(row[column]) for row in rows], atol=0.0006)
    for key, column in (("caine_1980", "Caine_E_mm"), ("guzzetti_2008", "Guzzetti2008_E_mm")):
        amount = threshold_of(key).intensity(hours) * hours
        np.testing.assert_allclose(amount, [float(row[column]) for row in rows], atol=0.006)


def test_highest_duration_counts() -> None:
    found = exceedance({1.0: [14.82, 0.0, 30.0], 24.0: [51.495, 102.99, np.nan]}, CAINE)
    np.testing.assert_allclose(found.ratio, [1.0, 1.0, np.nan], atol=1e-4)
    np.testing.assert_allclose(found.least, [1.0, 1.0, 30 / 14.82], atol=1e-4)
    assert found.duration_h.tolist() == [1.0, 24.0, 1.0]


def test_exceedance_of_nothing_known_is_unknown() -> None:
    found = exceedance({1.0: [np.nan, -1.0], 3.0: [np.nan, np.inf]}, CAINE)
    assert np.isnan(found.ratio).all() and np.isnan(found.least).all() and np.isnan(found.duration_h).all()
    with pytest.raises(LayerError, match=r"0\.1 h"):
        exceedance({0.1: 5.0, 24.0: 50.0}, CAINE)
    with pytest.raises(LayerError, match="at least one"):
        exceedance({}, CAINE)
    assert np.isnan(CAINE.intensity([0.1, 501.0])).all()
    with pytest.raises(LayerError, match="nowhere"):
        threshold_of("nowhere")


def test_own_file_is_checked_as_a_whole(tmp_path: Path) -> None:
    text = (REFERENCE / "landslide.yaml").read_text(encoding="utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(text.replace("power: -0.39", "power: 0.39").replace("factor: 19.0", "factor: much"), "utf-8")
    with pytest.raises(ConfigError) as caught:
        read_thresholds(path)
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "own.yaml, threshold 1",
        "own.yaml, threshold 4",
    ]


def test_rain_class_by_four_curves() -> None:
    ratios = np.array([[0.9, 1.0, 1.5, 2.0, 2.0, 1.2, 0.5], [0.5, 0.9, 1.0, 1.5, 1.5, np.nan, 1.1]])
    ratios = np.vstack([ratios, np.array([[0.2, 0.4, 0.9, 1.2, 1.1, 0.9, 0.3], [0.1, 0.2, 0.5, 1.0, 0.9, 0.4, 0.2]])])
    expected = np.array([1, 2, 3, 5, 4, np.nan, np.nan], dtype=np.float32)
    np.testing.assert_array_equal(rain_class(ratios), expected)
    with pytest.raises(LayerError, match="four"):
        rain_class([1.0, 2.0])


def test_matrix_rises_with_both_and_is_unknown_without_one() -> None:
    grid = landslide_level(np.arange(1, 6)[:, None], np.arange(1, 6))
    assert (np.diff(grid, axis=0) >= 0).all() and (np.diff(grid, axis=1) >= 0).all()
    assert grid[0, 0] == 0 and grid[4, 4] == 4
    assert np.isnan(landslide_level([np.nan, 3, 0, 6, 2.5], [3, np.nan, 3, 3, 3])).all()
    with pytest.raises(LayerError, match="2020"):
        landslide_level(1, 1, on=date(2020, 1, 1))


@pytest.mark.recorded
def test_matrix_is_the_proposed_one(oracles: Path) -> None:
    rows = read_table(oracles / "landslide_matrix_proposed.csv")
    assert len(rows) == 5
    for row in rows:
        for column in range(1, 6):
            level = landslide_level(WORDS.index(row["susceptibility"]) + 1, column)
            assert Level(int(level)).key == row[f"rain{column}"], row


@given(st.floats(0.2, 499), st.floats(0, 1), st.floats(0, 500), st.floats(0, 50))
def test_longer_is_less_intense_and_more_rain_exceeds_more(
    hours: float, longer: float, rain: float, more: float
) -> None:
    assert CAINE.intensity(hours + longer) <= CAINE.intensity(hours)
    assert exceedance({hours: rain + more}, CAINE).ratio >= exceedance({hours: rain}, CAINE).ratio
