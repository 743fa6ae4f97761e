"""Odd GRIB messages: headers that contradict themselves, fill values without a bitmap, totals that fall."""

from __future__ import annotations

import numpy as np
import pytest

from data.model import FieldStep
from tests.ingest.test_grid_files import grib, only, read


def notes(step: FieldStep) -> str:
    return "; ".join(step.attributes.get("notes", []))


def test_rows_that_contradict_the_scanning_mode_are_refused() -> None:
    (reject,) = read(grib(jScansPositively=1)).rejects
    assert "rows run from 45 to 40 north, and its scanning mode says the contrary" in reject.reason


def test_last_longitude_of_360_columns_that_repeats_the_first_is_not_believed() -> None:
    keys = {
        "Ni": 36, "Nj": 3, "longitudeOfFirstGridPointInDegrees": 0, "longitudeOfLastGridPointInDegrees": 360,
        "latitudeOfLastGridPointInDegrees": 25, "iDirectionIncrementInDegrees": 10,
        "jDirectionIncrementInDegrees": 10,
    }  # fmt: skip
    step = only(read(grib(np.tile(np.arange(0.0, 360.0, 10.0), 3), short_name="gh", **keys)))
    assert step.lon.size == 36
    np.testing.assert_allclose(step.values[0], step.lon % 360, atol=1e-3)
    assert "does not fit 36 columns of 10 degrees" in notes(step)


def test_wrong_increment_is_told() -> None:
    step = only(read(grib(iDirectionIncrementInDegrees=2, jDirectionIncrementInDegrees=1)))
    assert "the header says columns of 2 degrees, its corners 1, which were taken" in notes(step)


@pytest.mark.parametrize("fill", [9999.0, -9999.0])
def test_fill_without_a_bitmap_is_missing(fill: float) -> None:
    values = np.arange(48.0) + 280
    values[5] = fill
    step = only(read(grib(values)))
    assert np.isnan(step.values[0, 5])
    np.testing.assert_allclose(step.values.ravel()[6:], values[6:] - 273.15, atol=2e-3)
    assert "undeclared fill" in notes(step)


def test_fill_so_large_that_packing_lost_the_values_is_refused() -> None:
    values = np.arange(48.0) + 280
    values[5] = 1e16  # 24 bits over such a range are steps of a thousand million kelvin
    (reject,) = read(grib(values)).rejects
    assert "leaves the others no precision" in reject.reason


def test_pressure_a_hundred_times_too_large_is_refused() -> None:
    (reject,) = read(grib(np.full(48, 1.013e7), short_name="prmsl")).rejects
    assert "impossible for pressure_msl: its unit or scale must be wrong" in reject.reason


def test_operator_can_name_the_unit_of_a_wrong_header() -> None:
    body = grib(np.arange(48.0) - 20)
    assert "must be wrong" in read(body).rejects[0].reason
    step = only(read(body, units={"air_temperature": "degC"}))
    np.testing.assert_allclose(step.values.ravel(), np.arange(48.0) - 20, atol=1e-4)
    assert "the feed's settings say 'degC'" in notes(step)


def test_totals_of_a_run_that_are_begun_anew_are_marked() -> None:
    amounts = {"0-6": 0.010, "0-12": 0.025, "0-18": 0.004, "18-24": 0.001}
    body = b"".join(grib(np.full(48, value), short_name="tp", stepRange=steps) for steps, value in amounts.items())
    steps = read(body).records
    assert [step.attributes.get("accumulation_reset", False) for step in steps] == [False, False, True, False]  # type: ignore[union-attr]
    assert "lower than at 2026-03-01 18:00Z in 48 of 48 cells, by up to 21 mm" in notes(steps[2])  # type: ignore[arg-type]


def test_rain_below_zero_by_rounding_is_none() -> None:
    values = np.full(48, 0.002)
    values[:2] = [-0.00005, -0.004]
    step = only(read(grib(values, short_name="tp", stepRange="0-6")))
    assert step.values[0, 0] == 0.0
    assert np.isnan(step.values[0, 1])
    assert "set to 0" in notes(step)
    assert "made missing" in notes(step)
