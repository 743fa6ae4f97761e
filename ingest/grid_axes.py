"""Axes of longitude and latitude: found by what a file calls them, checked by what they hold.

What standard names, units and names say is taken where they agree and the numbers do not contradict them. Where they
do, the numbers decide if they can (only longitudes pass 90 degrees); if they cannot, the variable is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.grid import normalise
from ingest.grid_units import describe

Axis = NDArray[np.float64]
Values = NDArray[np.float32]
Place = Callable[[Values, bool], tuple[Axis, Axis, Values]]

UNITS = {
    "lon": {"degrees_east", "degree_east", "degrees_e", "degree_e", "degreee", "degreese"},
    "lat": {"degrees_north", "degree_north", "degrees_n", "degree_n", "degreen", "degreesn"},
}
NAMES = {"lon": {"lon", "longitude", "long", "nav_lon", "xlong"}, "lat": {"lat", "latitude", "nav_lat", "xlat"}}
STANDARD = {"longitude": "lon", "latitude": "lat"}
WORDS = {"lon": "longitude", "lat": "latitude"}
POLE = 90.001  # degrees


@dataclass(frozen=True)
class Ground:
    """Rows and columns of a variable, what puts a slice on lon-lat, and what had to be mended for it."""

    y: str
    x: str
    place: Place  # (values (ny, nx), nearest) -> lon, lat, values
    notes: tuple[str, ...] = ()


def axes_of(dataset: Any, variable: Any) -> dict[str, tuple[str, set[str]]]:
    """Of each dimension that anything calls longitude or latitude: the coordinate and what it is called."""
    found: dict[str, tuple[str, set[str]]] = {}
    plain = _is_plain_mapping(dataset, variable)
    for dim in map(str, variable.dims):
        names = [dim, *(str(name) for name, one in dataset.variables.items() if one.dims == (dim,) and name != dim)]
        for name in names:
            if name not in dataset.variables or dataset.variables[name].dtype.kind not in "fiu":
                continue
            claims = claims_of(name, dataset.variables[name].attrs)
            if plain and not claims and name == dim and dim.lower() in ("x", "y"):
                claims = {"lon" if dim.lower() == "x" else "lat"}
            if claims:
                found[dim] = (name, claims | ({"conflict"} if len(claims) > 1 else set()))
                break
    labels = [next(iter(claims)) for _, claims in found.values() if len(claims) == 1]
    if len(found) == 2 and len(labels) == 2 and labels[0] == labels[1]:
        found = {dim: (name, claims | {"conflict"}) for dim, (name, claims) in found.items()}
    return found


def claims_of(name: str, attributes: Any) -> set[str]:
    """`lon`, `lat` or both: what its standard name, unit and name call a coordinate."""
    standard = str(attributes.get("standard_name", ""))
    if standard and standard not in STANDARD:
        return set()
    unit = str(attributes.get("units", "")).lower()
    claims = {key for key in ("lon", "lat") if unit in UNITS[key] or name.lower() in NAMES[key]}
    return claims | ({STANDARD[standard]} if standard else set())


def rectilinear(dataset: Any, variable: Any, found: dict[str, tuple[str, set[str]]]) -> Ground:
    if len(found) != 2:
        raise ValueError(what_is_missing(dataset, variable, found))
    notes: list[str] = []
    axes = {dim: _degrees(dataset.variables[name], name, notes) for dim, (name, _) in found.items()}
    wide = [dim for dim, axis in axes.items() if np.abs(axis).max() > POLE]
    one, two = found
    if len(wide) == 2:
        raise ValueError(f"both {one} and {two} run past 90 degrees: neither can be the latitude")
    doubt = any("conflict" in claims for _, claims in found.values())
    called_lon = next((dim for dim, (_, claims) in found.items() if claims == {"lon"}), one)
    lon = wide[0] if wide else called_lon
    if doubt and not wide:
        said = "; ".join(f"{name}: {_said(dataset.variables[name], name)}" for name, _ in found.values())
        raise ValueError(f"its coordinates contradict themselves ({said}), and the numbers do not decide")
    lat = two if lon == one else one
    if doubt or lon != called_lon:
        reach = describe(np.abs(axes[lon]).max())
        notes.append(
            f"longitude and latitude are mixed up in the file: {lon} reaches {reach} degrees and was taken as "
            f"longitude, {lat} as latitude"
        )
    _check_extent(dataset, axes[lon], axes[lat])
    notes += turned(axes[lon])
    return Ground(lat, lon, lambda values, _: normalise(axes[lon], axes[lat], values), tuple(notes))


def _said(variable: Any, name: str) -> str:
    parts = (f"{key} {variable.attrs[key]}" for key in ("standard_name", "units") if key in variable.attrs)
    return ", ".join([f"name {name}", *parts])


def _degrees(variable: Any, name: str, notes: list[str]) -> Axis:
    """A coordinate in degrees, gaps in an even one filled."""
    axis = np.asarray(variable.values, np.float64).copy()
    unit = str(variable.attrs.get("units", "")).strip().lower()
    if unit.startswith("rad"):
        axis = np.degrees(axis)
        notes.append(f"{name} turned from radians to degrees")
    elif unit and not unit.startswith("deg"):
        raise ValueError(f"{name} is in {unit!r}, which are no degrees")
    axis[np.abs(axis) > 1e6] = np.nan
    bad = ~np.isfinite(axis)
    if bad.any():
        axis = _filled(axis, bad, name, notes)
    return axis


def _filled(axis: Axis, bad: NDArray[np.bool_], name: str, notes: list[str]) -> Axis:
    place = np.arange(axis.size, dtype=np.float64)
    if (~bad).sum() >= max(3, axis.size / 2):
        line = np.polyfit(place[~bad], axis[~bad], 1)
        even = np.polyval(line, place)
        if abs(line[0]) > 0 and np.abs(even - axis)[~bad].max() < 0.01 * abs(line[0]):
            notes.append(
                f"{int(bad.sum())} of {axis.size} values of {name} are missing; it is even, so they were filled"
            )
            return np.where(bad, even, axis)
    raise ValueError(f"{int(bad.sum())} of {axis.size} values of its {name} are missing")


def _check_extent(dataset: Any, lon: Axis, lat: Axis) -> None:
    """Refuse a grid that lies outside the extent which the file itself states, but would fit if exchanged."""
    keys = ("geospatial_lon_min", "geospatial_lon_max", "geospatial_lat_min", "geospatial_lat_max")
    try:
        west, east, south, north = (float(dataset.attrs[key]) for key in keys)
    except (KeyError, ValueError, TypeError):
        return
    around = (lon + 180.0) % 360.0 - 180.0

    def fits(x: Axis, y: Axis) -> bool:
        return bool(west - 1 <= x.min() and x.max() <= east + 1 and south - 1 <= y.min() and y.max() <= north + 1)

    if not fits(lon, lat) and not fits(around, lat) and fits(lat, lon):
        raise ValueError(
            f"the file says that it spans {describe(south)} to {describe(north)} north, but its latitudes run from "
            f"{describe(lat.min())} to {describe(lat.max())}: they seem exchanged with the longitudes"
        )


def turned(lon: Axis) -> list[str]:
    """What `normalise` will do to longitudes, in words."""
    notes = []
    if lon.max() >= 180.0 + 1e-6 or lon.min() < -180.0 - 1e-6:
        notes.append("longitudes 0 to 360 turned to -180 to 180")
    if lon.size > 2 and abs(abs(lon[-1] - lon[0]) - 360.0) < 1e-6:
        notes.append(f"the column at {describe(lon[-1])} repeats the one at {describe(lon[0])} and was dropped")
    return notes


def what_is_missing(dataset: Any, variable: Any, found: dict[str, tuple[str, set[str]]]) -> str:
    labels = {label for _, claims in found.values() for label in claims}
    missing = [word for key, word in WORDS.items() if key not in labels]
    if len(found) == 1 and missing:
        others = [str(dim) for dim in variable.dims if str(dim) not in found]
        plain = [dim for dim in others if dim in dataset.variables and dataset.variables[dim].dtype.kind in "fiu"]
        bare = [dim for dim in others if dim not in dataset.variables]
        told = (
            f"{plain[-1]} holds plain numbers" if plain else f"{', '.join(bare) or 'no dimension'} has no coordinates"
        )
        return f"its {missing[0]} is missing: {told}"
    return "it has no longitude and latitude, nor projection coordinates"


def _is_plain_mapping(dataset: Any, variable: Any) -> bool:
    mapping = mapping_of(variable)
    known = dataset.variables[mapping].attrs if mapping in dataset.variables else {}
    return str(known.get("grid_mapping_name", "")) == "latitude_longitude"


def mapping_of(variable: Any) -> str:
    """The name of the grid mapping of a variable, or nothing."""
    return str(variable.attrs.get("grid_mapping") or variable.encoding.get("grid_mapping") or "").split(":")[0]


def cell_coordinates(dataset: Any, y: str, x: str) -> tuple[Axis | None, Axis | None]:
    """Longitude and latitude of each cell, (ny, nx), where the file gives them."""
    found: dict[str, Axis] = {}
    for name, variable in dataset.variables.items():
        claims = claims_of(str(name), variable.attrs)
        if set(variable.dims) == {x, y} and len(claims) == 1:
            found.setdefault(claims.pop(), np.asarray(variable.transpose(y, x).values, np.float64))
    return found.get("lon"), found.get("lat")
