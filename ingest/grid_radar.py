"""Radar composites in HDF5: the ODIM_H5 of EUMETNET OPERA, and the format of KNMI.

Both are read through the NetCDF library, which knows groups and attributes of HDF5. Cells of "nothing detected" are
dry, those of "no data" are missing.

References
----------
Michelson et al. (2021), EUMETNET OPERA weather radar information model for implementation with the HDF5 file format,
version 2.4. Roozekrans and Holleman (2003), KNMI HDF5 data format specification, version 3.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from data.model import FieldStep, Reject
from ingest.grib_fields import Options, Unusable
from ingest.grid_axes import Ground, Values
from ingest.grid_libraries import load_decoder
from ingest.grid_parameters import RADAR, Parameter
from ingest.grid_planes import warped
from ingest.grid_units import describe
from ingest.grid_values import read_values
from ingest.grid_warp import Projected

FORMULA = re.compile(r"GEO\s*=\s*([-+.\deE]+)\s*\*\s*PV\s*\+?\s*([-+.\deE]+)")
LENGTH = re.compile(r"(\+(?:a|b|x_0|y_0)=)([-+.\deE]+)")
KNMI_TIME = "%d-%b-%Y;%H:%M:%S.%f"
KNMI_QUANTITIES = {
    "ACCUMULATED_PRECIPITATION_[MM]": "ACRR",
    "REFLECTIVITY_[DBZ]": "DBZH",
    "RAINFALL_RATE_[MM/H]": "RATE",
}
CORNER_TOLERANCE = 1.5  # cells


@dataclass(frozen=True)
class Image:
    """One picture of a composite: what it is, when, where, and its numbers."""

    code: str  # of ODIM: RATE, ACRR, DBZH
    title: str
    start: datetime
    end: datetime
    nominal: datetime
    ground: Ground
    values: Values
    notes: tuple[str, ...]


def read_radar(body: bytes, options: Options) -> Iterator[FieldStep | Reject] | None:
    """The pictures of a radar composite, or None for another kind of HDF5 file.

    Raises
    ------
    Unusable
        If the library cannot read the bytes, or what the file says of itself does not agree.
    """
    netcdf = load_decoder("netCDF4")
    try:
        file = netcdf.Dataset("payload", mode="r", memory=body)
    except (OSError, RuntimeError, ValueError) as error:
        raise Unusable(f"the NetCDF library refuses it: {error}") from error
    try:
        if _text(file, "Conventions").startswith("ODIM_H5"):
            return iter(list(_odim(file, options)))
        if {"geographic", "overview", "image1"} <= set(file.groups):
            return iter(list(_knmi(file, options)))
        return None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Unusable(str(error) or type(error).__name__) from error
    finally:
        file.close()


def _text(group: Any, name: str) -> str:
    value = group.getncattr(name) if group is not None and name in group.ncattrs() else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(group: Any, name: str) -> float:
    """A number of a group's attributes.

    Raises
    ------
    Unusable
        If it is not there or not finite.
    """
    try:
        found = float(np.ravel(group.getncattr(name))[0])
    except (AttributeError, ValueError, TypeError, IndexError):
        raise Unusable(f"its {group.path} gives no {name}") from None
    if not np.isfinite(found):
        raise Unusable(f"its {group.path} gives no {name}")
    return found


def _odim(file: Any, options: Options) -> Iterator[FieldStep | Reject]:
    kind = _text(file.groups.get("what"), "object")
    if kind not in ("COMP", "IMAGE"):
        raise Unusable(f"it is ODIM_H5 of the kind {kind!r}: only composites and images are fields on the ground")
    ground = _odim_ground(file)
    nominal = _odim_time(file.groups["what"], "date", "time")
    for name, dataset in sorted(file.groups.items()):
        parts = sorted(part for part in dataset.groups if re.fullmatch(r"data\d+", part))
        for part in parts if re.fullmatch(r"dataset\d+", name) else []:
            try:
                yield _step(_odim_image(dataset, dataset.groups[part], ground, nominal), options)
            except (Unusable, ValueError, KeyError) as error:
                yield Reject(id=f"{name}/{part}", reason=str(error))


def _odim_image(dataset: Any, data: Any, ground: Ground, nominal: datetime) -> Image:
    what, whole = data.groups.get("what"), dataset.groups.get("what")
    code = _text(what, "quantity") or _text(whole, "quantity")
    raw = _array(data, "data")
    notes: list[str] = []

    def say(key: str) -> float | None:
        holder = next((one for one in (what, whole) if one is not None and key in one.ncattrs()), None)
        return None if holder is None else _number(holder, key)

    gain, offset, nodata, undetect = (say(key) for key in ("gain", "offset", "nodata", "undetect"))
    if gain is None or offset is None:
        if raw.dtype.kind != "f":
            raise Unusable("its integers have no gain and offset")
        notes.append("no gain and offset: floating-point numbers were taken as they are")
    values = raw.astype(np.float64) * (1.0 if gain is None else gain) + (offset or 0.0)
    if undetect is not None:
        values[raw == undetect] = -32.0 if code in ("DBZH", "TH") else 0.0
    if nodata is None:
        notes.append("no value for missing data is declared")
    elif nodata != undetect:
        values[raw == nodata] = np.nan
    start, end = (_odim_time(whole, f"{edge}date", f"{edge}time") for edge in ("start", "end"))
    return Image(code, _text(whole, "product"), start, end, nominal, ground, values.astype(np.float32), tuple(notes))


def _odim_time(group: Any, day: str, time: str) -> datetime:
    try:
        return datetime.strptime(_text(group, day) + _text(group, time).zfill(6), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise Unusable(f"its {day} and {time} are no time") from None


def _odim_ground(file: Any) -> Ground:
    where = file.groups.get("where")
    if where is None:
        raise Unusable("it does not say where it is")
    proj = _text(where, "projdef")
    holders = [where, *(group.groups["where"] for group in file.groups.values() if "where" in group.groups)]

    def say(name: str) -> float:
        return _number(next((one for one in holders if name in one.ncattrs()), where), name)

    size, scale = (int(say("xsize")), int(say("ysize"))), (say("xscale"), say("yscale"))
    corners = [(say(f"{corner}_lon"), say(f"{corner}_lat")) for corner in ("UL", "UR", "LR", "LL")]
    return _corner_ground(proj, size, scale, corners)


def _corner_ground(
    proj: str, size: tuple[int, int], scale: tuple[float, float], corners: list[tuple[float, float]]
) -> Ground:
    """The ground of a picture from its outer corners (upper left and on clockwise), which must all fit its scale."""
    if "+proj" not in proj:
        raise Unusable("its projection is not given")
    lon, lat = np.array(corners).T
    try:
        x, y = Projected(proj, 0.0, 0.0, 1.0, 1.0, 1, 1).to_plane(lon, lat)
    except RuntimeError as error:
        raise Unusable(f"its projection {proj!r} is not known: {error}") from error
    (nx, ny), (dx, dy) = size, scale
    expected_x, expected_y = x[0] + np.array([0, nx, nx, 0]) * dx, y[0] - np.array([0, 0, ny, ny]) * dy
    off = max(float(np.abs(expected_x - x).max() / dx), float(np.abs(expected_y - y).max() / dy))
    if not off <= CORNER_TOLERANCE:
        raise Unusable(f"its corners are {describe(off)} cells from where its projection, size and scale put them")
    return warped(Projected(proj, float(x[0] + dx / 2), float(y[0] - dy / 2), dx, -dy, nx, ny))


def _array(group: Any, name: str) -> Any:
    if name not in group.variables:
        raise Unusable(f"{group.path} holds no {name}")
    variable = group.variables[name]
    variable.set_auto_maskandscale(False)
    return np.asarray(variable[:])


def _knmi(file: Any, options: Options) -> Iterator[FieldStep | Reject]:
    overview = file.groups["overview"]
    start, end = (_knmi_time(overview, f"product_datetime_{edge}") for edge in ("start", "end"))
    ground = _knmi_ground(file.groups["geographic"])
    for name, image in sorted(file.groups.items()):
        if not re.fullmatch(r"image\d+", name):
            continue
        try:
            code = _text(image, "image_geo_parameter")
            calibration = image.groups["calibration"]
            formula = FORMULA.search(_text(calibration, "calibration_formulas"))
            if formula is None:
                raise Unusable("its calibration is no formula GEO=a*PV+b")
            raw = _array(image, "image_data")
            values = raw.astype(np.float64) * float(formula[1]) + float(formula[2])
            for key in ("calibration_missing_data", "calibration_out_of_image"):
                values[raw == _number(calibration, key)] = np.nan
            known, title = KNMI_QUANTITIES.get(code, code), _text(image, "image_product_name")
            yield _step(Image(known, title, start, end, end, ground, values.astype(np.float32), ()), options)
        except (Unusable, ValueError, KeyError) as error:
            yield Reject(id=name, reason=str(error))


def _knmi_time(group: Any, name: str) -> datetime:
    try:
        return datetime.strptime(_text(group, name), KNMI_TIME).replace(tzinfo=UTC)
    except ValueError:
        raise Unusable(f"its {name} is no time") from None


def _knmi_ground(group: Any) -> Ground:
    """Corners are given from the lower left on clockwise, sizes in kilometres as its projection has them."""
    proj = _text(group.groups.get("map_projection"), "projection_proj4_params")
    corners = np.ravel(group.getncattr("geo_product_corners")).reshape(4, 2).tolist()
    size = int(_number(group, "geo_number_columns")), int(_number(group, "geo_number_rows"))
    scale = abs(_number(group, "geo_pixel_size_x")), abs(_number(group, "geo_pixel_size_y"))
    if _text(group, "geo_dim_pixel").upper() == "KM,KM":
        scale = scale[0] * 1000.0, scale[1] * 1000.0
    axis = LENGTH.search(proj)
    if axis and float(axis[2]) < 10_000.0:  # an earth of 6,378 units: they are kilometres
        proj = LENGTH.sub(lambda found: f"{found[1]}{float(found[2]) * 1000.0!r}", proj)
    return _corner_ground(proj, size, scale, [*map(tuple, corners[1:]), tuple(corners[0])])


def _step(image: Image, options: Options) -> FieldStep:
    parameter: Parameter | None = RADAR.get(image.code)
    if parameter is None:
        raise Unusable(f"quantity {image.code!r} is not one that the house reads from radar ({', '.join(RADAR)})")
    quantity = options.quantities.get(parameter.quantity, parameter.quantity)
    if not quantity:
        raise Unusable("left out by configuration")
    late = image.end > image.nominal
    valid_at = image.end if late or parameter.accumulated else image.nominal
    interval = int((image.end - image.start).total_seconds()) if parameter.accumulated else 0
    if parameter.accumulated and interval <= 0:
        raise Unusable("it is an amount, and its start is not before its end")
    values, facts, more = read_values(image.values, parameter.unit, parameter, interval_s=interval)
    lon, lat, placed = image.ground.place(values, True)
    notes = [*image.notes, *image.ground.notes, *more]
    return FieldStep(
        quantity=quantity, unit=parameter.unit, valid_at=valid_at, run_at=image.nominal if late else valid_at,
        lon=lon, lat=lat, values=placed, forecast=late if options.forecast is None else options.forecast,
        accumulation_s=interval, attributes={"title": image.title, **facts, "notes": notes},
    )  # fmt: skip
