"""Map tiles of a gridded field: an index gather from the right overview, a colour look-up, a picture.

Pixels are web-mercator (EPSG:3857), XYZ scheme; the field is on a lon-lat grid, so that rows and columns of a tile
are rows and columns of the field, found by two look-ups of 256 numbers.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.grid import fractional_column, fractional_row
from layers.layer import Ramp
from layers.ramps import Palette, palette

SIZE = 256
MAX_ZOOM = 22
Sampling = Literal["nearest", "bilinear"]
Picture = Literal["png", "webp"]


def tile_lon_lat(z: int, x: int, y: int, size: int = SIZE) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes of the columns and latitudes of the rows of a tile's pixels, at their centres [degrees].

    Raises
    ------
    ValueError
        If there is no such tile.
    """
    count = 2**z if 0 <= z <= MAX_ZOOM else 0
    if not (0 <= x < count and 0 <= y < count):
        raise ValueError(f"no tile {z}/{x}/{y}")
    centre = (np.arange(size) + 0.5) / size
    lon = (x + centre) / count * 360.0 - 180.0
    lat = np.degrees(np.arctan(np.sinh(np.pi * (1.0 - 2.0 * (y + centre) / count))))
    return lon, lat


def render_tile(
    levels: Sequence[Any],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    z: int,
    x: int,
    y: int,
    ramp: Ramp | Palette,
    *,
    size: int = SIZE,
    sampling: Sampling = "nearest",
    kind: Picture = "png",
) -> bytes:
    """A picture tile, or no bytes where the field has nothing to show.

    Parameters
    ----------
    levels : sequence of arrays (ny, nx)
        The field, then its overviews, each with half the rows and columns; NumPy or Zarr.
    lon, lat : array (nx,), (ny,)
        Cell centres of the field [degrees], increasing and decreasing.
    z, x, y : int
        The tile.
    ramp : Ramp or Palette
        The colours; NaN is transparent.
    size : int
        Pixels of a side: 256, or 512 for @2x.
    sampling : {'nearest', 'bilinear'}
        How a pixel finds its value; classes must be nearest.
    kind : {'png', 'webp'}
        The format of the picture.
    """
    values = sample_tile(levels, lon, lat, z, x, y, size=size, sampling=sampling)
    if values is None:
        return b""
    colours = ramp if isinstance(ramp, Palette) else palette(ramp)
    index = colours.index(values)
    return picture(index, colours, kind) if index.any() else b""


def sample_tile(
    levels: Sequence[Any],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    z: int,
    x: int,
    y: int,
    *,
    size: int = SIZE,
    sampling: Sampling = "nearest",
) -> NDArray[np.float32] | None:
    """The values (size, size) of a tile's pixels, NaN where missing; None where the tile is outside the field.

    Raises
    ------
    ValueError
        If there is no such tile.
    """
    pixel_lon, pixel_lat = tile_lon_lat(z, x, y, size)
    columns, rows = fractional_column(lon, pixel_lon), fractional_row(lat, pixel_lat)
    across, down = ~np.isnan(columns), ~np.isnan(rows)
    if not across.any() or not down.any():
        return None
    level = _level(levels, columns[across], rows[down])
    found = _sample(levels[level], rows[down], columns[across], 2**level, sampling)
    if across.all() and down.all():
        return found
    values = np.full((size, size), np.nan, np.float32)
    values[np.ix_(down, across)] = found
    return values


def _level(levels: Sequence[Any], columns: NDArray[np.float64], rows: NDArray[np.float64]) -> int:
    """The overview whose cells are nearest to a pixel, never coarser than one."""
    steps = [np.median(np.abs(np.diff(axis))) for axis in (columns, rows) if axis.size > 1]
    cells = min(steps, default=1.0)
    return int(np.clip(np.floor(np.log2(max(cells, 1.0))), 0, len(levels) - 1))


def _sample(
    array: Any, rows: NDArray[np.float64], columns: NDArray[np.float64], factor: int, sampling: Sampling
) -> NDArray[np.float32]:
    """Values at fractional full-size rows and columns, read as one window of the array."""
    ny, nx = array.shape
    if sampling == "nearest":
        r = (np.rint(rows).astype(np.intp) // factor).clip(0, ny - 1)
        c = (np.rint(columns).astype(np.intp) // factor).clip(0, nx - 1)
        window, r, c = _window(array, r, c)
        return window[r[:, None], c[None]]
    r, c = (rows + 0.5) / factor - 0.5, (columns + 0.5) / factor - 0.5
    r0, c0 = np.floor(r).clip(0, ny - 1).astype(np.intp), np.floor(c).clip(0, nx - 1).astype(np.intp)
    r1, c1 = np.minimum(r0 + 1, ny - 1), np.minimum(c0 + 1, nx - 1)
    down, across = (r - r0).clip(0, 1).astype(np.float32)[:, None], (c - c0).clip(0, 1).astype(np.float32)[None]
    window, rr, cc = _window(array, np.concatenate([r0, r1]), np.concatenate([c0, c1]))
    (r0, r1), (c0, c1) = np.split(rr, 2), np.split(cc, 2)
    corners = [window[a[:, None], b[None]] for a in (r0, r1) for b in (c0, c1)]
    weights = [(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across]
    nearest = window[np.where(down[:, 0] < 0.5, r0, r1)[:, None], np.where(across[0] < 0.5, c0, c1)[None]]
    mixed = sum(w * corner for w, corner in zip(weights, corners, strict=True))
    # Beside missing cells a pixel is what its own cell is: an interpolated edge would invent or eat data.
    return np.where(np.isnan(mixed), nearest, mixed).astype(np.float32)


def _window(
    array: Any, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
    """The part of the array that holds all the rows and columns, and their numbers in it."""
    r, c = int(rows.min()), int(columns.min())
    part = np.asarray(array[r : int(rows.max()) + 1, c : int(columns.max()) + 1], np.float32)
    return part, rows - r, columns - c


def picture(index: NDArray[np.uint8], colours: Palette, kind: Picture) -> bytes:
    """Colour numbers as a picture, colour 0 transparent; a PNG with a palette is a third of RGBA."""
    from PIL import Image

    out = io.BytesIO()
    if kind == "webp":
        alpha = np.where(index > 0, 255, 0).astype(np.uint8)
        Image.fromarray(np.dstack([colours.rgb[index], alpha])).save(out, "WEBP", lossless=True, method=0)
        return out.getvalue()
    image = Image.frombytes("P", (index.shape[1], index.shape[0]), index.tobytes())
    image.putpalette(colours.rgb.tobytes())
    image.save(out, "PNG", compress_level=1, transparency=0)
    return out.getvalue()
