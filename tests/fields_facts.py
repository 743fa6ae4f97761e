"""What other readers see in the recorded grid files: facts of the index beside them, and values at places.

The points are read with ecCodes' own latitudes, with the NetCDF library and with PROJ directly: no parser of the
house is used for them.
"""

from __future__ import annotations

import gzip
import lzma
import re
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pyproj

from data.model import FieldStep, Parsed, Payload, Reject
from ingest.grib_messages import split_messages
from ingest.grid_files import GridFiles
from ingest.grid_libraries import load_decoder

FOLDERS = ("grib", "netcdf", "radar")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
GRIB_FACT = re.compile(r"(\S+)@\S+ (\S+) \d{8}T\d{4}\+\S+ (.+?) \[([^,\]]+),([^\]]+)\] n=(\d+)")
NETCDF_FACT = re.compile(r"(\w+)\{[^}]*\} \[([^,\]]+),([^\]]+)\] ?(unitless|mm/h|mm|m s-1|ids)?")
# (provider's unit, house unit) -> factor, offset: written out, so that a wrong conversion shows
CONVERSIONS = {
    ("K", "degC"): (1.0, -273.15), ("Pa", "hPa"): (0.01, 0.0), ("m", "mm"): (1000.0, 0.0),
    ("kg m**-2 s**-1", "mm/h"): (3600.0, 0.0), ("(0 - 1)", "%"): (100.0, 0.0),
    ("m of water equivalent", "mm"): (1000.0, 0.0), ("kg m**-2", "mm"): (1.0, 0.0),
}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """Smallest and largest value and count of a field, as the index states them."""

    name: str
    unit: str
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Point:
    """A value at a place, in the provider's unit."""

    lon: float
    lat: float
    value: float
    unit: str


def files(recorded: Path) -> list[Path]:
    """Every recorded grid file."""
    return [path for folder in FOLDERS for path in sorted((recorded / folder).iterdir())]


def load(body: bytes, name: str, **options: Any) -> Parsed:
    """A file as the feed reads it."""
    source = GridFiles.configured({"url": "/data/x", **options})
    return source.parse(Payload(source="grid_files", body=body, received_at=NOW, name=name))


def unpacked(path: Path) -> bytes:
    body = path.read_bytes()
    openers = {b"\x1f\x8b": gzip.decompress, b"\xfd7": lzma.decompress}
    return openers[body[:2]](body) if body[:2] in openers else body


def facts_of(recorded: Path, path: Path) -> list[Fact]:
    """The facts of the index about a file."""
    lines = (recorded / "INDEX.md").read_text(encoding="utf-8").splitlines()
    row = next((line for line in lines if line.startswith(f"| {path.name} |")), "")
    told = row.split("|", 6)[-1] if row else ""
    if path.parent.name == "grib":
        return [Fact(m[1], m[3], float(m[4]), float(m[5]), int(m[6])) for m in GRIB_FACT.finditer(told)]
    found = (Fact(m[1], m[4] or "", float(m[2]), float(m[3]), 0) for m in NETCDF_FACT.finditer(told))
    return [fact for fact in found if fact.unit]


def converted(value: float, unit: str, house: str) -> float:
    """A provider's number in the unit of the house."""
    factor, offset = CONVERSIONS.get((unit, house), (1.0, 0.0))
    return value * factor + offset


@lru_cache(maxsize=1)
def grib_fields(path: Path) -> list[tuple[bytes, FieldStep | Reject]]:
    """Each whole message with what the feed makes of it alone, ensemble members too."""
    found: list[tuple[bytes, FieldStep | Reject]] = []
    for _, message in split_messages(unpacked(path)):
        if isinstance(message, bytes):
            parsed = load(message, path.name, members="all")
            found.append((message, (*parsed.records, *parsed.rejects)[0]))  # type: ignore[arg-type]
    return found


def check_facts(recorded: Path, path: Path, parsed: Parsed) -> list[str]:
    """One sentence for each fact that is not met; none where all are."""
    facts = facts_of(recorded, path)
    if path.parent.name == "grib":
        pairs = zip(facts, [item for _, item in grib_fields(path)], strict=False)
        return [wrong for fact, item in pairs if isinstance(item, FieldStep) for wrong in _compared(fact, [item])]
    quantities = {"max_wind_gust": "wind_gust", "VMAX_10M": "wind_gust", "crr": "netcdf_crr",
                  "crr_intensity": "precipitation_rate", "crr_accum": "precipitation"}  # fmt: skip
    everything = load(path.read_bytes(), path.name, members="all").records
    found = []
    for fact in facts:
        wanted = quantities.get(fact.name, "")
        steps = [
            step for step in everything if isinstance(step, FieldStep) and step.quantity.split("_member")[0] == wanted
        ]
        steps = [step for step in steps if wanted != "precipitation" or step.accumulation_s]
        found += _compared(fact, steps) if wanted else []
    return found


def is_warped(step: FieldStep) -> bool:
    return any("warped" in note for note in step.attributes.get("notes", ()))


def _compared(fact: Fact, steps: list[FieldStep]) -> list[str]:
    house = steps[0].unit if steps else ""
    if not steps:
        return [f"{fact.name} is not there"]
    low, high = (converted(edge, fact.unit, house) for edge in (fact.low, fact.high))
    coded = steps[0].quantity in ("precipitation_rate", "precipitation_flag") and fact.low == -3.0  # no coverage
    ours = (
        min(float(np.nanmin(step.values)) for step in steps), max(float(np.nanmax(step.values)) for step in steps)
    )  # fmt: skip
    slack = 1e-4 * max(abs(low), abs(high), high - low, 1e-12) + (3e-3 if house == "degC" else 0.0)
    exact = not any(map(is_warped, steps))
    spotty = house in ("mm", "mm/h")
    wrong = []
    if not coded and (abs(ours[0] - low) > slack if exact else ours[0] < low - slack):
        wrong.append(f"{fact.name}: smallest {ours[0]:g}, stated {low:g} {house}")
    if abs(ours[1] - high) > slack if exact or spotty else ours[1] > high + slack:
        wrong.append(f"{fact.name}: largest {ours[1]:g}, stated {high:g} {house}")
    count = int(np.isfinite(steps[0].values).sum())
    if exact and not coded and fact.count and count != fact.count:
        wrong.append(f"{fact.name}: {count} values, stated {fact.count}")
    return wrong


# ---- values at points


def points_of(path: Path) -> list[list[Point]]:
    """For each field that loads, in order, some places with the provider's own values (at most three fields)."""
    if path.parent.name == "grib":
        if path.name == "regular_ll_wrong_increment.grib":  # ecCodes believes its header; this is the same field
            path = path.with_name("regular_ll_sfc.grib")
        chosen = [pair for pair in grib_fields(path) if isinstance(pair[1], FieldStep)][:3]
        return [_grib_points(message) for message, _ in chosen]
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            bodies = [archive.extractfile(member).read() for member in archive]  # type: ignore[union-attr]
        return [_radar_points(body) for body in bodies]
    if path.parent.name == "radar":
        return [_radar_points(path.read_bytes())]
    return _netcdf_points(path)


def _chosen(lon: Any, lat: Any, values: Any, unit: str) -> list[Point]:
    """The largest, the smallest and thirty cells anywhere."""
    lon, lat, values = (np.ma.filled(np.ma.asarray(one, float), np.nan).ravel() for one in (lon, lat, values))
    good = np.flatnonzero(np.isfinite(values) & np.isfinite(lon) & np.isfinite(lat))
    picked = [good[np.argmax(values[good])], good[np.argmin(values[good])]]
    picked += np.random.default_rng(3).choice(good, min(30, good.size), replace=False).tolist()
    return [Point(float((lon[k] + 180) % 360 - 180), float(lat[k]), float(values[k]), unit) for k in picked]


def _grib_points(message: bytes) -> list[Point]:
    eccodes = load_decoder("eccodes")
    handle = eccodes.codes_new_from_message(message)
    try:
        eccodes.codes_set(handle, "missingValue", 1e36)
        lat, lon = (eccodes.codes_get_array(handle, key) for key in ("latitudes", "longitudes"))
        values = eccodes.codes_get_values(handle)
        unit = str(eccodes.codes_get(handle, "units"))
        mrms = eccodes.codes_get(handle, "editionNumber") == 2 and eccodes.codes_get(handle, "discipline") == 209
    finally:
        eccodes.codes_release(handle)
    values = np.where((values == 1e36) | (mrms & (values < 0)), np.nan, values)
    return _chosen(lon, lat, values, unit)


def _radar_points(body: bytes) -> list[Point]:
    """By the corner that the file gives, its projection and its cell size."""
    with netCDF4.Dataset("x", memory=body) as file:
        file.set_auto_maskandscale(False)
        if "Conventions" in file.ncattrs():
            where, data = file["where"], file["dataset1/data1"]
            what = data["what"]
            raw = data["data"][:].astype(float)
            gain, offset = (getattr(what, key, plain) for key, plain in (("gain", 1.0), ("offset", 0.0)))
            values = np.where(raw == getattr(what, "nodata", np.nan), np.nan, raw * gain + offset)
            values[raw == getattr(what, "undetect", np.nan)] = 0.0
            scaled = where if "xscale" in where.ncattrs() else file["dataset1/where"]
            plane, cell, corner = pyproj.Proj(where.projdef), float(scaled.xscale), (where.UL_lon, where.UL_lat)
        else:
            raw = file["image1/image_data"][:].astype(float)
            values = np.where(raw == 65535, np.nan, raw * 0.01)
            plane = pyproj.Proj(file["geographic/map_projection"].projection_proj4_params)
            cell, corner = 1.0, tuple(file["geographic"].geo_product_corners[2:4])
    x0, y0 = plane(*corner)
    rows, columns = np.indices(values.shape)
    lon, lat = plane(x0 + (columns + 0.5) * cell, y0 - (rows + 0.5) * cell, inverse=True)
    return _chosen(lon, lat, values, "")


def _netcdf_points(path: Path) -> list[list[Point]]:
    with netCDF4.Dataset(path) as file:
        if "max_wind_gust" in file.variables:
            lon, lat = np.meshgrid(file["longitude"][:], file["latitude"][:])
            return [_chosen(lon, lat, file["max_wind_gust"][0], "")]
        if "VMAX_10M" in file.variables:
            return [_chosen(file["lon_1"][:], file["lat_1"][:], file["VMAX_10M"][k, 0], "") for k in range(3)]
        if "proj" in file.variables:
            mapping = {key: file["proj"].getncattr(key) for key in file["proj"].ncattrs()}
            x, y = np.meshgrid(file["x"][:] * 1000.0, file["y"][:] * 1000.0)
            lon, lat = pyproj.Proj(pyproj.CRS.from_cf(mapping))(x, y, inverse=True)
            return [_chosen(lon, lat, file["precipitation"][:], "")]
        if "crr" in file.variables:
            x, y = np.meshgrid(file["nx"][:], file["ny"][:])
            lon, lat = pyproj.Proj(file.gdal_projection)(x, y, inverse=True)
            lon, lat = (np.where(np.isfinite(one), one, np.nan) for one in (lon, lat))
            return [_chosen(lon, lat, file[name][:], "") for name in ("crr", "crr_intensity", "crr_accum")]
    return []


def ours_near(step: FieldStep, point: Point) -> np.ndarray:
    """Our values in the cell of a place and the eight around it, the cell itself in the middle."""
    row = int(np.abs(step.lat - point.lat).argmin())
    around = np.abs((step.lon - point.lon + 180) % 360 - 180)
    column = int(around.argmin())
    rows = np.clip(np.arange(row - 1, row + 2), 0, step.lat.size - 1)
    return step.values[rows][:, np.arange(column - 1, column + 2) % step.lon.size]


def disagreeing(step: FieldStep, points: list[Point]) -> list[Point]:
    """Places that do not hold the provider's value; a peak of one cell may be mixed away by a bilinear warp."""
    off = [point for point in points if not agrees(step, point)]
    bilinear = is_warped(step) and step.unit not in ("mm", "mm/h") and not step.attributes.get("categorical")
    return off if len(off) > bilinear else []


def agrees(step: FieldStep, point: Point) -> bool:
    """Whether a place holds the provider's value: exactly, or in a cell beside it where the grid was warped.

    A warp by nearest cell keeps values, so one of the nine is the same; a bilinear one mixes neighbours, so the nine
    enclose the value but for a tenth of the field's range.
    """
    near, value = ours_near(step, point), converted(point.value, point.unit, step.unit)
    spread = float(np.nanmax(step.values) - np.nanmin(step.values))
    if not is_warped(step):
        return bool(abs(near[1, 1] - value) <= 1e-4 * max(spread, abs(value), 1e-12))
    if not np.isfinite(near).any():
        return False
    if step.unit in ("mm", "mm/h") or step.attributes.get("categorical"):
        return bool(np.nanmin(np.abs(near - value)) <= 1e-3)
    return bool(np.nanmin(near) - 0.1 * spread <= value <= np.nanmax(near) + 0.1 * spread)
