"""Projected grids -> a rectilinear lon-lat grid of similar cell size, once, at ingest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROWS = 256  # target rows warped at a time: bounds the memory
REMEMBERED = 16_000_000  # cells of a target whose places are kept between the variables of a file: 128 MB
LARGEST = 64_000_000  # cells of a target grid


@dataclass(frozen=True)
class Projected:
    """An even grid in a projection: PROJ text, first cell centre and steps in projection units.

    Units are metres, or degrees for a rotated pole.
    """

    proj: str
    x0: float
    y0: float
    dx: float
    dy: float
    nx: int
    ny: int

    def to_plane(self, lon: Array, lat: Array) -> tuple[Array, Array]:
        """Projection coordinates of lon-lat [degrees]; inf where there is none."""
        import pyproj

        x, y = pyproj.Proj(self.proj)(lon, lat)
        turn = np.degrees if "ob_tran" in self.proj else np.asarray
        return turn(x), turn(y)

    def to_ground(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Lon-lat [degrees] of projection coordinates; inf off the globe's disc."""
        import pyproj

        turn = np.radians if "ob_tran" in self.proj else np.asarray
        lon, lat = pyproj.Proj(self.proj)(turn(x), turn(y), inverse=True)
        return lon, lat


@dataclass(frozen=True, eq=False)
class Target:
    """Where each cell of the new grid finds its value: fractional row and column of the old one, NaN outside."""

    lon: Array
    lat: Array
    source: Projected
    _held: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = field(default_factory=dict)

    def warp(self, values: NDArray[np.float32], categorical: bool) -> NDArray[np.float32]:
        """Values (ny, nx) of the projected grid on the new one: bilinear, or nearest for classes and beside NaN."""
        out = np.full((self.lat.size, self.lon.size), np.nan, np.float32)
        remember = out.size <= REMEMBERED
        for first in range(0, self.lat.size, ROWS):
            row, column = self._remembered(first) if remember else self._places(first)
            out[first : first + ROWS] = sample(values, row, column, categorical)
        return out

    def _remembered(self, first: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if first not in self._held:
            self._held[first] = self._places(first)
        return self._held[first]

    def _places(self, first: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Fractional row and column of a block of rows; single precision is a thousandth of a cell."""
        lon, lat = np.meshgrid(self.lon, self.lat[first : first + ROWS])
        x, y = self.source.to_plane(lon, lat)
        row, column = (y - self.source.y0) / self.source.dy, (x - self.source.x0) / self.source.dx
        return row.astype(np.float32), column.astype(np.float32)


def sample(
    values: NDArray[np.float32], row: NDArray[Any], column: NDArray[Any], categorical: bool
) -> NDArray[np.float32]:
    """Values at fractional rows and columns; NaN outside the cells (half a cell beyond the centres)."""
    ny, nx = values.shape
    with np.errstate(invalid="ignore"):
        inside = (row >= -0.5) & (row <= ny - 0.5) & (column >= -0.5) & (column <= nx - 0.5)
    row, column = np.where(inside, row, 0), np.where(inside, column, 0)
    near = values[np.rint(row).clip(0, ny - 1).astype(np.intp), np.rint(column).clip(0, nx - 1).astype(np.intp)]
    if not categorical:
        r0 = np.floor(row).clip(0, max(ny - 2, 0)).astype(np.intp)
        c0 = np.floor(column).clip(0, max(nx - 2, 0)).astype(np.intp)
        fr, fc = (row - r0).clip(0, 1).astype(np.float32), (column - c0).clip(0, 1).astype(np.float32)
        r1, c1 = np.minimum(r0 + 1, ny - 1), np.minimum(c0 + 1, nx - 1)
        top = values[r0, c0] * (1 - fc) + values[r0, c1] * fc
        bottom = values[r1, c0] * (1 - fc) + values[r1, c1] * fc
        mixed = top * (1 - fr) + bottom * fr
        near = np.where(np.isnan(mixed), near, mixed)
    return np.where(inside, near, np.float32(np.nan)).astype(np.float32)


@lru_cache(maxsize=2)
def plan_target(source: Projected) -> Target:
    """A lon-lat grid that covers the projected one at about its cell size.

    Raises
    ------
    ValueError
        If the projection does not reach the ground, or the result would be too large.
    """
    lon, lat = _sample_ground(source)
    seen = np.isfinite(lon) & np.isfinite(lat)
    if not seen.any():
        raise ValueError("the projected grid does not reach the ground")
    north, south = float(lat[seen].max()), float(lat[seen].min())
    pole = _holds_pole(source)
    north, south = (90.0 if pole == 1 else north), (-90.0 if pole == -1 else south)
    step = _cell_degrees(source)
    stretch = max(np.cos(np.radians(np.clip((north + south) / 2, -75, 75))), 0.25)
    lat_axis = _axis(south, north, step)[::-1]
    if pole:
        count = round(360.0 * stretch / step)
        lon_axis = -180.0 + (np.arange(count) + 0.5) * 360.0 / count
    else:
        vector = np.exp(1j * np.radians(lon[seen])).mean()
        centre = float(np.degrees(np.angle(vector)))
        around = (lon[seen] - centre + 180.0) % 360.0 - 180.0
        lon_axis = _axis(centre + around.min(), centre + around.max(), step / stretch)
        lon_axis = lon_axis[: int(360.0 / (lon_axis[1] - lon_axis[0]))]
    if lat_axis.size * lon_axis.size > LARGEST:
        raise ValueError(f"warped to lon-lat the grid would have {lat_axis.size} x {lon_axis.size} cells")
    return Target(lon_axis, lat_axis, source)


def _axis(low: float, high: float, step: float) -> Array:
    """Even cell centres from `low` to `high` on whole multiples of a rounded step."""
    step = float(f"{step:.2g}")
    first, last = np.floor(low / step), np.ceil(high / step)
    return np.asarray(np.arange(first, max(last, first + 1) + 1) * step, np.float64)


def _sample_ground(source: Projected) -> tuple[Array, Array]:
    """Lon-lat of a lattice of cell centres that always holds the border."""
    columns = np.unique(np.linspace(0, source.nx - 1, 200).round())
    rows = np.unique(np.linspace(0, source.ny - 1, 200).round())
    x, y = np.meshgrid(source.x0 + columns * source.dx, source.y0 + rows * source.dy)
    return source.to_ground(x.ravel(), y.ravel())


def _holds_pole(source: Projected) -> int:
    for pole in (1, -1):
        x, y = source.to_plane(np.array([0.0]), np.array([90.0 * pole]))
        column, row = (x[0] - source.x0) / source.dx, (y[0] - source.y0) / source.dy
        if np.isfinite(column) and 0 <= column < source.nx and 0 <= row < source.ny:
            return pole
    return 0


def _cell_degrees(source: Projected) -> float:
    if "ob_tran" in source.proj:
        return abs(source.dy)
    return float(np.sqrt(abs(source.dx * source.dy)) / 111_195.0)


CF_TEXTS = {
    "albers_conical_equal_area": "aea", "lambert_conformal_conic": "lcc", "polar_stereographic": "stere",
    "stereographic": "stere", "transverse_mercator": "tmerc", "mercator": "merc", "geostationary": "geos",
    "lambert_azimuthal_equal_area": "laea", "azimuthal_equidistant": "aeqd",
}  # fmt: skip
CF_NUMBERS = {
    "longitude_of_central_meridian": "lon_0", "longitude_of_projection_origin": "lon_0",
    "straight_vertical_longitude_from_pole": "lon_0", "latitude_of_projection_origin": "lat_0",
    "false_easting": "x_0", "false_northing": "y_0", "semi_major_axis": "a", "semi_minor_axis": "b",
    "earth_radius": "R", "perspective_point_height": "h", "scale_factor_at_projection_origin": "k_0",
    "scale_factor_at_central_meridian": "k_0",
}  # fmt: skip


def proj_from_cf(attributes: Mapping[str, Any]) -> str:
    """PROJ text of a CF grid mapping (CF 1.12, appendix F).

    Raises
    ------
    ValueError
        For a mapping that is not one of the above.
    """
    name = str(attributes.get("grid_mapping_name", ""))
    if name == "rotated_latitude_longitude":
        return rotated_pole(
            float(attributes["grid_north_pole_latitude"]),
            float(attributes["grid_north_pole_longitude"]),
            float(attributes.get("north_pole_grid_longitude", 0.0)),
        )
    if name not in CF_TEXTS:
        raise ValueError(f"grid mapping {name!r} is not supported")
    parts = [f"+proj={CF_TEXTS[name]}"]
    for key, short in CF_NUMBERS.items():
        if key in attributes:
            parts.append(f"+{short}={float(np.ravel(attributes[key])[0])!r}")
    parallels = np.ravel(attributes.get("standard_parallel", []))
    keys = ("lat_ts",) if CF_TEXTS[name] in ("stere", "merc") else ("lat_1", "lat_2")
    parts += [f"+{key}={float(value)!r}" for key, value in zip(keys, parallels, strict=False)]
    if attributes.get("sweep_angle_axis"):
        parts.append(f"+sweep={attributes['sweep_angle_axis']}")
    return " ".join(parts)


def rotated_pole(pole_lat: float, pole_lon: float, grid_lon: float = 0.0) -> str:
    """PROJ text of a rotated grid from its north pole [degrees]."""
    return (
        f"+proj=ob_tran +o_proj=longlat +o_lat_p={pole_lat!r} +o_lon_p={grid_lon!r} "
        f"+lon_0={(pole_lon + 180.0) % 360.0!r} +R=6371229"
    )
