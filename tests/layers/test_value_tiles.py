"""Value tiles: the way there and back, limits of classes, missing cells, and what lies outside."""

from __future__ import annotations

import numpy as np
import pytest

from layers.ramps import RAMPS
from layers.tiles import SIZE, sample_tile
from layers.value_tiles import FORMAT, Lattice, deepest_zoom, lattice, pack, range_of, unpack, value_tile

LON, LAT = 100.05 + np.arange(100) * 0.1, 39.95 - np.arange(100) * 0.1


def test_codes_come_back_as_they_went() -> None:
    codes = np.random.default_rng(7).integers(0, 65536, (SIZE, SIZE)).astype(np.uint16)
    back, scale = unpack(pack(codes, Lattice(-40.0, 0.005)))
    assert np.array_equal(back, codes)
    assert scale == Lattice(-40.0, 0.005)
    assert FORMAT == 1  # another layout needs another number: tiles are kept for ever


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 312.4), (-61.3, 48.9), (0.0, 0.0004), (95_000.0, 104_000.0), (0.0, 9.0), (-1e-7, 2.0), (0.0, 65_000.0)],
)
def test_error_is_below_a_thousandth_of_the_range(low: float, high: float) -> None:
    values = np.linspace(low, high, SIZE * SIZE).astype(np.float32).reshape(SIZE, SIZE)
    scale = lattice(low, high)
    error = np.abs(scale.decode(scale.encode(values)) - values)
    assert error.max() <= max((high - low) / 1000, abs(high) * 1e-6)


@pytest.mark.parametrize("quantity", ["precipitation", "wind_gust", "snow_depth", "visibility"])
def test_class_limits_are_not_crossed(quantity: str) -> None:
    stops = np.array([value for value, _ in RAMPS[quantity].stops], np.float32)
    scale = lattice(0.0, float(stops[-1]) * 1.3)
    values = np.concatenate([stops, stops - 3 * scale.step, stops + 3 * scale.step]).clip(0).astype(np.float32)
    codes, limits = scale.encode(values), scale.encode(stops)
    assert np.array_equal(values[:, None] >= stops[None], codes[:, None] >= limits[None])


def test_whole_classes_stay_whole() -> None:
    classes = np.arange(0, 60, dtype=np.float32)
    scale = lattice(0.0, 59.0)
    assert scale.decode(scale.encode(classes)) == pytest.approx(classes, abs=1e-9)


def test_missing_is_code_zero_and_nothing_else_is() -> None:
    scale = lattice(-5.0, 5.0)
    codes = scale.encode(np.array([np.nan, -5.0, -99.0, 5.0, 99.0], np.float32))
    assert codes[0] == 0
    assert (codes[1:] > 0).all()
    assert np.isnan(scale.decode(codes)[0])


@pytest.mark.parametrize(("low", "high"), [(7.0, 7.0), (0.0, 0.0), (np.nan, np.nan), (3.0, 1.0), (np.inf, 2.0)])
def test_a_range_of_nothing_still_has_a_lattice(low: float, high: float) -> None:
    scale = lattice(low, high)
    assert scale.step > 0
    if np.isfinite(low):
        assert scale.decode(scale.encode(np.array([low], np.float32)))[0] == pytest.approx(low, abs=1e-5)


def test_tile_holds_the_cells_under_its_pixels() -> None:
    values = np.random.default_rng(3).gamma(0.5, 20, (100, 100)).astype(np.float32)
    values[20:40, 20:40] = np.nan
    scale = lattice(0.0, float(np.nanmax(values)))
    body = value_tile([values], LON, LAT, 7, 100, 49, scale)
    codes, told = unpack(body)
    expected = sample_tile([values], LON, LAT, 7, 100, 49)
    assert expected is not None and told == scale
    assert np.array_equal(codes == 0, np.isnan(expected))
    assert np.nanmax(np.abs(told.decode(codes) - expected)) <= scale.step


def test_outside_and_all_missing_are_no_bytes() -> None:
    scale = lattice(0.0, 1.0)
    nothing = np.full((100, 100), np.nan, np.float32)
    assert value_tile([nothing], LON, LAT, 7, 100, 49, scale) == b""
    assert value_tile([nothing], LON, LAT, 7, 0, 0, scale) == b""


def test_range_is_the_noted_one_else_looked_up() -> None:
    values = np.array([[np.nan, 3.0], [-2.0, 1.0]], np.float32)
    assert range_of([values], {"low": 0.5, "high": 4}) == (0.5, 4.0)
    assert range_of([values], {}) == (-2.0, 3.0)
    assert range_of([values * np.nan], {}) == (0.0, 0.0)


@pytest.mark.parametrize(("cell", "zoom"), [(0.25, 5), (0.01, 10), (2.5, 2), (45.0, 0)])
def test_deepest_zoom_has_four_pixels_a_cell(cell: float, zoom: int) -> None:
    count = max(int(20 / cell), 2)
    assert deepest_zoom(np.arange(count) * cell, -np.arange(count) * cell) == zoom
