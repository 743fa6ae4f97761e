"""Grids in a projection of their own: metres on a plane, angles of a satellite, degrees about another pole."""

from __future__ import annotations

from typing import Any

import numpy as np

from data.grid import normalise
from data.units import factor_offset
from ingest.grid_axes import Axis, Ground, Values, cell_coordinates, mapping_of
from ingest.grid_units import describe
from ingest.grid_warp import Projected, plan_target, proj_from_cf

PLANE = {
    "x": {"projection_x_coordinate", "grid_longitude"}, "y": {"projection_y_coordinate", "grid_latitude"},
}  # fmt: skip


def plane_dimension(dataset: Any, variable: Any, standards: set[str]) -> str | None:
    def standard(dim: str) -> str:
        return str(dataset.variables[dim].attrs.get("standard_name", "")) if dim in dataset.variables else ""

    return next((str(dim) for dim in variable.dims if standard(str(dim)) in standards), None)


def projection_of(dataset: Any, variable: Any) -> str:
    mapping = mapping_of(variable)
    if mapping and mapping in dataset.variables:
        return proj_from_cf(dataset.variables[mapping].attrs)
    text = str(dataset.attrs.get("gdal_projection") or dataset.attrs.get("proj4") or "")
    return text if "+proj" in text else ""


def from_projection(dataset: Any, variable: Any, x: str, y: str) -> Ground:
    notes: list[str] = []
    proj = projection_of(dataset, variable)
    gx, gy = (_plane_axis(dataset, name, proj, notes) for name in (x, y))
    steps = [(axis[-1] - axis[0]) / (axis.size - 1) for axis in (gx, gy)]
    source = Projected(proj, float(gx[0]), float(gy[0]), float(steps[0]), float(steps[1]), gx.size, gy.size)
    _check_against_cells(dataset, source, x, y)
    return warped(source, y, x, tuple(notes))


def warped(source: Projected, y: str = "y", x: str = "x", notes: tuple[str, ...] = ()) -> Ground:
    """The ground of an even grid in a projection."""
    target = plan_target(source)
    kind = source.proj.split("+proj=")[1].split()[0]
    size = describe(abs(target.lat[1] - target.lat[0]))
    told = (*notes, f"warped from its projection ({kind}) to longitude-latitude cells of {size} degrees")

    def place(values: Values, nearest: bool) -> tuple[Axis, Axis, Values]:
        return normalise(target.lon, target.lat, target.warp(values, nearest))

    return Ground(y, x, place, told)


def _plane_axis(dataset: Any, name: str, proj: str, notes: list[str]) -> Axis:
    """Coordinates of a projection in metres, or degrees of a rotated grid."""
    variable = dataset.variables[name]
    axis = np.asarray(variable.values, np.float64)
    if axis.size < 2 or not np.isfinite(axis).all() or np.ptp(np.diff(axis)) > 0.02 * abs(axis[1] - axis[0]):
        raise ValueError(f"coordinates {name} are not evenly spaced")
    unit = str(variable.attrs.get("units", "")).strip()
    if unit.startswith("degree"):
        return axis
    if unit.lower().startswith("rad") and "+proj=geos" in proj and "+h=" in proj:
        return axis * float(proj.split("+h=")[1].split()[0])
    if not unit:
        if abs(axis[1] - axis[0]) < 100:
            raise ValueError(
                f"coordinates {name} have no unit, and their steps could be metres, kilometres or degrees"
            )
        notes.append(f"{name} has no unit and was taken as metres")
        unit = "m"
    return axis * factor_offset(unit, "m")[0]


def _check_against_cells(dataset: Any, source: Projected, x: str, y: str) -> None:
    """Refuse a projection that disagrees with the longitudes and latitudes which the file gives for its cells."""
    lon, lat = cell_coordinates(dataset, y, x)
    if lon is None or lat is None:
        return
    rows, columns = np.array([0, source.ny // 2, source.ny - 1]), np.array([0, source.nx // 2, source.nx - 1])
    found = source.to_ground(source.x0 + columns * source.dx, source.y0 + rows * source.dy)
    given = lon[rows, columns], lat[rows, columns]
    apart = np.hypot(((found[0] - given[0] + 180) % 360 - 180) * np.cos(np.radians(given[1])), found[1] - given[1])
    cell = abs(source.dy) if "ob_tran" in source.proj else abs(source.dy) / 111_195.0
    if np.isfinite(apart).any() and np.nanmax(apart) > 2 * cell:
        raise ValueError(
            f"its projection and the coordinates of its cells disagree by {describe(np.nanmax(apart))} degrees"
        )
