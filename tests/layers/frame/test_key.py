"""Cells and bins: the same key for everything, by published quadkeys and by what contains what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import LayerError
from layers.frame.key import FORMS, bin_of, box_of, cell_of, common_cell, range_of, span_of
from layers.kernels.survey import keys_of

LON = st.floats(-180, 179.999999)
LAT = st.floats(-85, 85)
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


def test_the_published_example_of_a_quadkey() -> None:
    """Tile (3, 5) at level 3 is "213": J. Schwartz, Bing Maps Tile System, Microsoft 2009."""
    west, south, east, north = box_of("213")
    assert (west, east) == (-45.0, 0.0)
    assert cell_of((west + east) / 2, (south + north) / 2, 3) == "213"


@given(LON, LAT, st.integers(1, 24))
def test_a_point_lies_in_its_cell_and_its_key_in_the_range(lon: float, lat: float, digits: int) -> None:
    cell = cell_of(lon, lat, digits)
    west, south, east, north = box_of(cell)
    out = np.empty(1, np.uint64)
    keys_of(np.array([lon]), np.array([lat]), out)
    low, high = range_of(cell)
    assert low <= int(out[0]) < high
    assert west - 1e-9 <= lon <= east + 1e-9
    assert south - 1e-9 <= lat <= north + 1e-9
    assert cell_of(lon, lat, 24).startswith(cell)


@given(LON, LAT, st.floats(0, 20), st.floats(0, 20))
def test_the_common_cell_holds_the_whole_box(lon: float, lat: float, wide: float, high: float) -> None:
    box = (lon, max(lat - high, -84.9), min(lon + wide, 180.0), max(lat, -84.8))
    cell = common_cell(box)
    if cell:
        west, south, east, north = box_of(cell)
        assert west <= box[0] + 1e-9 and box[2] <= east + 1e-9 and south <= box[1] + 1e-9 and box[3] <= north + 1e-9


@pytest.mark.parametrize("bad", ["", "4", "0 1", "a", "0" * 25, "01\n", "٠"])
def test_no_cell(bad: str) -> None:
    with pytest.raises(LayerError):
        box_of(bad)
    with pytest.raises(LayerError):
        range_of(bad)


@pytest.mark.parametrize(("lon", "lat"), [(0, 86), (0, -90), (181, 0), (float("nan"), 0), (0, float("nan"))])
def test_no_cell_beyond_the_map(lon: float, lat: float) -> None:
    with pytest.raises(LayerError, match="map reaches"):
        cell_of(lon, lat)


@given(TIMES, st.sampled_from(sorted(FORMS)))
def test_a_time_lies_in_its_bin(at: datetime, size: str) -> None:
    written = bin_of(at, size)  # type: ignore[arg-type]
    start, end = span_of(written)
    assert start <= at < end
    assert bin_of(end - timedelta(microseconds=1), size) == written  # type: ignore[arg-type]
    assert bin_of(at, "minute").startswith(written)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "26",
        "2026-1",
        "2026-13",
        "2026-02-30",
        "2026-11-22T24",
        "2026-11-22 03",
        "9999",
        "2026-11-22T03:60",
        "+026",
    ],
)
def test_no_bin(bad: str) -> None:
    with pytest.raises(LayerError, match="a bin is"):
        span_of(bad)


def test_a_leap_day_and_the_end_of_a_year() -> None:
    assert span_of("2028-02")[1] == datetime(2028, 3, 1, tzinfo=UTC)
    assert span_of("2026-12")[1] == span_of("2026")[1] == datetime(2027, 1, 1, tzinfo=UTC)
