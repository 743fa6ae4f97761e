"""Wind tiles: what a symbol stands for, what is missing, and which steps are one wind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from data.errors import LayerError
from layers.tiles import tile_lon_lat
from layers.wind import LATTICE, check_pair, unpack, wind_tile

AT = datetime(2026, 7, 1, 6, tzinfo=UTC)


@dataclass
class Step:
    """What a tile reads of a stored step."""

    values: Any
    lon: Any
    lat: Any
    levels: tuple[Any, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.levels = (np.asarray(self.values, np.float32),)


@dataclass
class Row:
    quantity: str = "eastward_wind"
    source: str = "grid_files"
    grid: str = "g"
    run_at: datetime = AT
    valid_at: datetime = AT
    accumulation_s: int = 0
    unit: str = "m/s"


def world(function: Any, step: float = 0.25) -> Any:
    """A field over the whole world from its longitudes and latitudes."""
    lon, lat = np.arange(-180 + step / 2, 180, step), np.arange(90 - step / 2, -90, -step)
    return Step(np.broadcast_to(function(lon[None], lat[:, None]), (lat.size, lon.size)), lon, lat)


def test_points_take_the_cells_they_lie_in() -> None:
    u, v = world(lambda lon, lat: lon + 0 * lat), world(lambda lon, lat: lat + 0 * lon)
    for z, x, y in ((2, 2, 1), (4, 9, 5), (7, 70, 90)):
        east, north = unpack(wind_tile(u, v, z, x, y))
        lon, lat = tile_lon_lat(z, x, y, LATTICE)
        assert east == pytest.approx(np.broadcast_to(lon, east.shape), abs=0.125 + 0.006)
        assert north == pytest.approx(np.broadcast_to(lat[:, None], north.shape), abs=0.125 + 0.006)


def test_missing_in_either_is_missing_in_both() -> None:
    west = world(lambda lon, lat: np.where(lon < 20, np.nan, 7.0) + 0 * lat)
    south = world(lambda lon, lat: np.where(lat < 30, np.nan, -3.0) + 0 * lon)
    east, north = unpack(wind_tile(west, south, 2, 2, 1))  # 0 to 90 E, 0 to 66.5 N
    lon, lat = tile_lon_lat(2, 2, 1, LATTICE)
    known = (lon[None] >= 20) & (lat[:, None] >= 30)
    assert np.array_equal(~np.isnan(east), known)
    assert np.array_equal(~np.isnan(north), known)
    assert set(np.unique(east[known])) == {7.0}
    assert set(np.unique(north[known])) == {-3.0}


def test_calm_is_zero_and_not_missing() -> None:
    still = world(lambda lon, lat: 0 * lon + 0 * lat)
    east, north = unpack(wind_tile(still, still, 3, 4, 3))
    assert not np.isnan(east).any()
    assert not east.any() and not north.any()


@pytest.mark.parametrize("value", [np.nan, 150.1, -400.0, np.inf], ids=["missing", "too fast", "far off", "endless"])
def test_wind_that_is_none_gives_no_tile(value: float) -> None:
    wrong, still = world(lambda lon, lat: value + 0 * lon + 0 * lat), world(lambda lon, lat: 0 * lon + 0 * lat)
    assert wind_tile(wrong, still, 3, 4, 3) == b""


def test_outside_the_field_there_is_no_tile() -> None:
    lon, lat = np.arange(100.5, 110), np.arange(39.5, 30, -1)
    one: Any = Step(np.ones((lat.size, lon.size)), lon, lat)
    assert wind_tile(one, one, 3, 1, 3) == b""
    east, _ = unpack(wind_tile(one, one, 3, 6, 3))  # 90 to 135 E, 0 to 41 N
    there, beside = tile_lon_lat(3, 6, 3, LATTICE)
    inside = (abs(there[None] - 105) < 5) & (abs(beside[:, None] - 35) < 5)
    assert np.array_equal(~np.isnan(east), inside)
    with pytest.raises(ValueError, match="no tile"):
        wind_tile(one, one, 1, 2, 0)


def test_components_of_one_wind_are_a_pair() -> None:
    check_pair(Row(), Row(quantity="northward_wind"))
    check_pair(Row(quantity="eastward_wind_850hpa"), Row(quantity="northward_wind_850hpa"))


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({}, {"quantity": "eastward_wind"}, "components"),
        ({"quantity": "northward_wind"}, {}, "components"),
        ({"quantity": "eastward_wind_850hpa"}, {}, "components"),
        ({"quantity": "air_temperature"}, {}, "components"),
        ({}, {"source": "another"}, "source"),
        ({}, {"grid": "another"}, "grid"),
        ({}, {"run_at": AT - timedelta(hours=6)}, "run_at"),
        ({}, {"valid_at": AT + timedelta(hours=1)}, "valid_at"),
        ({"unit": "kt"}, {"unit": "kt"}, "kt"),
    ],
)
def test_steps_that_are_not_one_wind_are_refused(first: dict[str, Any], second: dict[str, Any], why: str) -> None:
    with pytest.raises(LayerError, match=why):
        check_pair(Row(**first), Row(**{"quantity": "northward_wind", **second}))
