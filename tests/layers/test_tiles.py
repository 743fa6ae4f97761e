"""Tiles against the definition of the tile scheme, pixel by pixel."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from data.store.fields import overviews
from layers.layer import Ramp
from layers.ramps import RAMPS, palette
from layers.tiles import render_tile, tile_lon_lat

GREY = Ramp(stops=((0.0, "#000000"), (254.0, "#fefefe")))


def pixels(body: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))


def world(ny: int = 180, nx: int = 360) -> tuple[np.ndarray, np.ndarray]:
    return -180 + (np.arange(nx) + 0.5) * 360 / nx, 90 - (np.arange(ny) + 0.5) * 180 / ny


def test_pixel_centres_invert_web_mercator() -> None:
    lon, lat = tile_lon_lat(5, 26, 12)
    x = (lon + 180) / 360 * 32
    y = [(1 - math.asinh(math.tan(math.radians(value))) / math.pi) / 2 * 32 for value in lat]
    np.testing.assert_allclose(x, 26 + (np.arange(256) + 0.5) / 256)
    np.testing.assert_allclose(y, 12 + (np.arange(256) + 0.5) / 256)


@pytest.mark.parametrize("tile", [(1, 2, 0), (1, 0, 2), (-1, 0, 0), (3, -1, 0), (60, 0, 0)])
def test_tile_outside_the_scheme_is_refused(tile: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no tile"):
        tile_lon_lat(*tile)


@pytest.mark.parametrize("tile", [(0, 0, 0), (3, 6, 3), (7, 105, 52)])
@pytest.mark.parametrize("size", [256, 512])
def test_nearest_tile_shows_the_cell_under_each_pixel(tile: tuple[int, int, int], size: int) -> None:
    lon, lat = world()
    values = (np.add.outer(np.arange(180), np.arange(360)) % 255).astype(np.float32)
    image = pixels(render_tile([values], lon, lat, *tile, GREY, size=size))
    assert image.shape == (size, size, 4)
    pixel_lon, pixel_lat = tile_lon_lat(*tile, size)
    expected = values[np.floor(90 - pixel_lat).astype(int)[:, None], np.floor(pixel_lon + 180).astype(int)[None]]
    np.testing.assert_array_equal(image[..., 0], expected)
    assert (image[..., 3] == 255).all()


def test_missing_is_transparent_and_never_a_colour() -> None:
    lon, lat = world()
    values = np.full((180, 360), 100.0, np.float32)
    values[:, :180] = np.nan
    for sampling in ("nearest", "bilinear"):
        image = pixels(render_tile([values], lon, lat, 0, 0, 0, GREY, sampling=sampling))
        assert (image[:, :128, 3] == 0).all()
        assert (image[:, 128:, 3] == 255).all()
        assert (image[:, 128:, 0] == 100).all()


@pytest.mark.parametrize(
    ("values", "tile"),
    [(np.full((10, 10), np.nan), (0, 0, 0)), (np.ones((10, 10)), (4, 0, 0)), (np.zeros((10, 10)), (0, 0, 0))],
    ids=["all missing", "elsewhere", "below the first class"],
)
def test_tile_with_nothing_to_show_has_no_bytes(values: np.ndarray, tile: tuple[int, int, int]) -> None:
    lon, lat = 100 + np.arange(10) * 0.1, 30 - np.arange(10) * 0.1
    assert render_tile([values.astype(np.float32)], lon, lat, *tile, RAMPS["precipitation"]) == b""


def test_low_zoom_reads_an_overview_only() -> None:
    lon, lat = world(1800, 3600)
    levels = overviews(np.random.default_rng(0).uniform(0, 254, (1800, 3600)).astype(np.float32), categorical=False)
    read: list[int] = []

    class Counting:
        def __init__(self, array: np.ndarray) -> None:
            self.shape, self.array = array.shape, array

        def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
            part = self.array[key]
            read.append(part.size)
            return part

    render_tile([Counting(level) for level in levels], lon, lat, 0, 0, 0, GREY)
    render_tile([Counting(level) for level in levels], lon, lat, 5, 26, 12, GREY)
    assert max(read) < 400_000


def test_every_overview_lies_where_the_field_lies() -> None:
    lon, lat = world(1024, 2048)
    values = np.repeat(np.linspace(0, 254, 2048, dtype=np.float32)[None], 1024, axis=0)
    levels = overviews(values, categorical=False)
    for z in range(4):
        image = pixels(render_tile(levels, lon, lat, z, 2**z - 1, 2 ** (z - 1) if z else 0, GREY))
        expected = np.interp(tile_lon_lat(z, 2**z - 1, 0)[0], lon, values[0])
        assert np.abs(image[128, :, 0].astype(float) - expected).max() <= 1.6


def test_bilinear_is_exact_on_a_plane() -> None:
    lon, lat = 100 + np.arange(50) * 0.1, 30 - np.arange(50) * 0.1
    values = (np.add.outer(np.arange(50), np.arange(50)) * 2).astype(np.float32)
    body = render_tile([values], lon, lat, 9, 400, 213, GREY, sampling="bilinear")
    image = pixels(body)
    pixel_lon, pixel_lat = tile_lon_lat(9, 400, 213)
    expected = ((pixel_lon - 100) / 0.1)[None] * 2 + ((30 - pixel_lat) / 0.1)[:, None] * 2
    inside = image[..., 3] == 255
    assert inside.sum() > 10_000
    far = inside & (expected > 2) & (expected < 190)
    assert np.abs(image[..., 0].astype(float) - expected)[far].max() <= 1.0


def test_regional_grid_across_the_antimeridian_has_no_cells_between() -> None:
    lon = np.array([-180.0, -179.0, -178.0, 177.0, 178.0, 179.0])
    lat = np.array([2.0, 1.0, 0.0, -1.0])
    image = pixels(render_tile([np.full((4, 6), 50.0, np.float32)], lon, lat, 0, 0, 0, GREY))
    shown = (image[128, :, 3] == 255).nonzero()[0]
    assert set(shown.tolist()) == {0, 1, 254, 255}


def test_palette_is_the_same_as_its_ramp() -> None:
    lon, lat = world()
    values = np.random.default_rng(1).uniform(0, 60, (180, 360)).astype(np.float32)
    ramp = RAMPS["precipitation"]
    assert render_tile([values], lon, lat, 2, 1, 1, ramp) == render_tile([values], lon, lat, 2, 1, 1, palette(ramp))
