"""Levels of a NetCDF variable -> the end of its quantity's name, as for GRIB: `_850hpa`, `_100m`, `_depth_0p1m`.

A temperature at 850 hPa must never go by the name of the temperature of the air around people.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from data.units import factor_offset
from ingest.grid_units import plain_unit

PLAIN_HEIGHTS = {0.0, 2.0, 10.0}  # m: what the names of quantities mean
NAMES = {
    "level", "lev", "levels", "plev", "pressure", "pressure_level", "isobaric", "isobaricinhpa", "height", "altitude",
    "heightaboveground", "depth", "depthbelowlandlayer", "layer", "soil_layer", "z", "zlev", "height_above_ground",
}  # fmt: skip
LARGEST = 200  # levels


def level_suffix(dataset: Any, variable: Any) -> str:
    """What the scalar coordinates of a variable say of its level."""
    listed = variable.encoding.get("coordinates", variable.attrs.get("coordinates"))
    for name, coordinate in variable.coords.items():
        if coordinate.ndim or coordinate.dtype.kind not in "fiu" or not _is_level(str(name), coordinate.attrs):
            continue
        if listed is None or str(name) in str(listed).split():
            return _suffix(str(name), coordinate.attrs, float(coordinate.values))
    return ""


def take_levels(dataset: Any, variable: Any, dims: list[str]) -> Iterator[tuple[str, Any, list[str]]]:
    """Slices of a variable along what is neither place, time nor member: end of the name, slice, notes.

    Raises
    ------
    ValueError
        For a dimension that is no level and longer than one.
    """
    notes: list[str] = []
    for dim in [dim for dim in dims if not (dim in dataset.coords and _is_level(dim, dataset[dim].attrs))]:
        if dataset.sizes[dim] != 1:
            raise ValueError(f"dimension {dim} of {dataset.sizes[dim]} beside time and place is not read")
        variable, dims = variable.isel({dim: 0}), [one for one in dims if one != dim]
        notes.append(f"dimension {dim} of length 1 dropped")
    if not dims:
        yield "", variable, notes
        return
    if len(dims) > 1 or dataset.sizes[dims[0]] > LARGEST:
        raise ValueError(f"dimensions {', '.join(dims)} beside time and place are not read")
    coordinate = dataset[dims[0]]
    suffixes = [_suffix(dims[0], coordinate.attrs, float(value)) for value in np.ravel(coordinate.values)]
    if len(set(suffixes)) < len(suffixes):
        raise ValueError(f"its levels {dims[0]} cannot be told apart")
    for index, suffix in enumerate(suffixes):
        yield suffix, variable.isel({dims[0]: index}), notes


def _is_level(name: str, attributes: Any) -> bool:
    return name.lower() in NAMES or str(attributes.get("axis", "")) == "Z" or "positive" in attributes


def _suffix(name: str, attributes: Any, value: float) -> str:
    if not np.isfinite(value):
        raise ValueError(f"a level of {name} is missing")
    unit = plain_unit(str(attributes.get("units", "")).strip())
    standard = str(attributes.get("standard_name", ""))
    for house in ("hPa", "m"):
        try:
            factor = factor_offset(unit, house)[0] if unit else 0.0
        except ValueError:
            continue
        if factor and house == "hPa":
            return f"_{_written(value * factor)}hpa"
        if factor and ("depth" in name.lower() or standard == "depth" or attributes.get("positive") == "down"):
            return f"_depth_{_written(value * factor)}m"
        if factor:
            return "" if value * factor in PLAIN_HEIGHTS else f"_{_written(value * factor)}m"
    return f"_{name.lower()}_{_written(value)}"


def _written(value: float) -> str:
    return f"{value:g}".replace(".", "p").replace("-", "minus").replace("+", "")
