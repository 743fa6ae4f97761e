"""NetCDF 3 and 4 with CF conventions -> field steps. Runs in a child process: the libraries are C.

What real files do that is easy to miss: coordinates in km; times only in scalar variables or global attributes; a
`time` that is the middle of its bounds; projected coordinates without a grid mapping variable but with a PROJ text in
the global attributes; rotated poles in degrees; ensemble members as a dimension of any name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.clock import parse_time
from data.grid import normalise
from data.model import FieldStep, Reject
from data.units import factor_offset
from ingest.grib_fields import Options, Unusable, mask_impossible
from ingest.grid_libraries import load_decoder
from ingest.grid_parameters import STANDARD_NAMES, VARIABLE_NAMES, Parameter
from ingest.grid_warp import Projected, plan_target, proj_from_cf

LON_UNITS = {"degrees_east", "degree_east", "degrees_e", "degree_e", "degreee", "degreese"}
LAT_UNITS = {"degrees_north", "degree_north", "degrees_n", "degree_n", "degreen", "degreesn"}
TIME_ATTRIBUTES = ("nominal_product_time", "time_coverage_end", "time_coverage_start", "valid_time")
LARGEST = 200_000_000  # cells of one variable at one time


@contextmanager
def open_dataset(body: bytes) -> Iterator[Any]:
    """An xarray dataset over bytes, closed for sure: an open one can crash the process at its end.

    Raises
    ------
    Unusable
        If the library cannot read the bytes.
    """
    netcdf, xr = load_decoder("netCDF4"), load_decoder("xarray")

    try:
        file = netcdf.Dataset("payload", mode="r", memory=body)
    except (OSError, RuntimeError, ValueError) as error:
        raise Unusable(f"the NetCDF library refuses it: {error}") from error
    try:
        store = xr.backends.NetCDF4DataStore(file)
        try:
            yield xr.open_dataset(store, decode_timedelta=False)
        except (ValueError, OverflowError, RuntimeError, OSError, KeyError, AttributeError, TypeError) as error:
            raise Unusable(f"{type(error).__name__}: {error}") from error
    finally:
        file.close()


@dataclass(frozen=True)
class Ground:
    """Which dimensions are rows and columns, and how to put a slice of them on lon-lat."""

    y: str
    x: str
    place: Any  # (values, categorical) -> lon, lat, values


def read_dataset(body: bytes, options: Options) -> Iterator[FieldStep | Reject]:
    """Each slice of each variable on a grid as a step; a variable that is not a field as a reject."""
    with open_dataset(body) as dataset:
        skipped = _auxiliary(dataset)
        for name in dataset.data_vars:
            if str(name) in skipped or dataset[name].ndim == 0 or dataset[name].dtype.kind not in "fiu":
                continue
            try:
                yield from _variable(dataset, str(name), options)
            except ValueError as error:
                yield Reject(id=str(name), reason=str(error))


def _auxiliary(dataset: Any) -> set[str]:
    """Bounds and grid mappings: they describe fields and are none."""
    found = set()
    for variable in dataset.variables.values():
        for source in (variable.attrs, variable.encoding):
            found |= {str(source[key]) for key in ("bounds", "grid_mapping") if key in source}
    return found


def _variable(dataset: Any, name: str, options: Options) -> Iterator[FieldStep | Reject]:
    variable = dataset[name]
    ground = _ground(dataset, variable)
    quantity, parameter = _identify(name, variable)
    quantity = options.quantities.get(quantity, options.quantities.get(name, quantity))
    if not quantity:
        raise Unusable("left out by configuration")
    times = _time_axis(dataset, variable)
    others = [dim for dim in variable.dims if dim not in (ground.y, ground.x, times.dimension)]
    member_dim = next((dim for dim in others if _is_member(dataset, str(dim))), None)
    if len(others) > 1 or (others and member_dim is None):
        raise Unusable(f"dimensions {', '.join(map(str, others))} beside time and place are not read")
    members = range(dataset.sizes[member_dim]) if member_dim else range(1)
    if member_dim and len(members) > 1 and not options.all_members:
        others_left = f"{len(members) - 1} ensemble members beside the first are left out"
        yield Reject(id=name, reason=f"{others_left} (members: all keeps them)")
        members = range(1)
    for member in members:
        kept = f"{quantity}_member_{member}" if member else quantity
        for index, moment in enumerate(times.moments):
            selection = {} if times.dimension is None else {times.dimension: index}
            if member_dim:
                selection[str(member_dim)] = member
            plane = variable.isel(selection).transpose(ground.y, ground.x)
            facts = {"member": member} if member_dim else {}
            forecast = options.forecast if options.forecast is not None else bool(member_dim) or moment.forecast
            yield _step(plane, kept, parameter, ground, moment, forecast, facts)


def _step(
    plane: Any, quantity: str, parameter: Parameter | None, ground: Ground, moment: Moment, forecast: bool,
    facts: Mapping[str, Any],
) -> FieldStep:  # fmt: skip
    if plane.size > LARGEST:
        raise Unusable(f"{plane.size} cells are more than {LARGEST}")
    attributes = plane.attrs
    categorical = any(key in attributes for key in ("flag_values", "flag_masks", "flag_meanings"))
    source_unit = str(attributes.get("units", ""))
    unit = parameter.unit if parameter else source_unit
    raw = np.asarray(plane.values, np.float32)
    raw = np.where(np.isfinite(raw), raw, np.float32(np.nan))
    if parameter and source_unit and source_unit != unit:
        factor, shift = factor_offset(source_unit, unit)
        raw = raw * np.float32(factor) + np.float32(shift)
    extra = mask_impossible(raw, parameter.valid) if parameter and parameter.valid else {}
    lon, lat, values = ground.place(raw, categorical)
    kept = {
        "title": str(attributes.get("long_name", quantity)),
        "standard_name": str(attributes.get("standard_name", "")),
        **({"categorical": True} if categorical else {}), **facts, **extra,
    }  # fmt: skip
    interval = moment.interval_s or (parameter.interval_s if parameter else 0)
    return FieldStep(
        quantity=quantity, unit=unit, valid_at=moment.valid_at, run_at=moment.run_at, lon=lon, lat=lat,
        values=np.asarray(values, np.float32), forecast=forecast, accumulation_s=interval, attributes=kept,
    )  # fmt: skip


def _identify(name: str, variable: Any) -> tuple[str, Parameter | None]:
    standard = str(variable.attrs.get("standard_name", ""))
    parameter = STANDARD_NAMES.get(standard) or VARIABLE_NAMES.get(name.lower())
    cleaned = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
    return (parameter.quantity if parameter else f"netcdf_{cleaned}"), parameter


def _ground(dataset: Any, variable: Any) -> Ground:
    lon = next((str(dim) for dim in variable.dims if _is(dataset, dim, "longitude", LON_UNITS, "lon")), None)
    lat = next((str(dim) for dim in variable.dims if _is(dataset, dim, "latitude", LAT_UNITS, "lat")), None)
    if lon and lat:
        axes = np.asarray(dataset[lon].values, np.float64), np.asarray(dataset[lat].values, np.float64)
        return Ground(lat, lon, lambda values, _categorical: normalise(*axes, values))
    x = next((str(dim) for dim in variable.dims if _standard(dataset, dim) in PLANE_X), None)
    y = next((str(dim) for dim in variable.dims if _standard(dataset, dim) in PLANE_Y), None)
    if not (x and y):
        raise Unusable("it has no longitude and latitude, nor projection coordinates")
    target = plan_target(_projected(dataset, variable, x, y))

    def place(values: NDArray[np.float32], categorical: bool) -> Any:
        return normalise(target.lon, target.lat, target.warp(values, categorical))

    return Ground(y, x, place)


PLANE_X = {"projection_x_coordinate", "grid_longitude"}
PLANE_Y = {"projection_y_coordinate", "grid_latitude"}


def _standard(dataset: Any, dim: Any) -> str:
    return str(dataset[dim].attrs.get("standard_name", "")) if dim in dataset.coords else ""


def _is(dataset: Any, dim: Any, standard: str, units: set[str], short: str) -> bool:
    if dim not in dataset.coords:
        return False
    attributes = dataset[dim].attrs
    named = str(attributes.get("standard_name", ""))
    if named:
        return named == standard
    return str(attributes.get("units", "")).lower() in units or str(dim).lower() in (short, standard)


def _projected(dataset: Any, variable: Any, x: str, y: str) -> Projected:
    mapping = variable.attrs.get("grid_mapping") or variable.encoding.get("grid_mapping")
    if mapping and mapping in dataset.variables:
        proj = proj_from_cf(dataset[mapping].attrs)
    else:
        proj = str(dataset.attrs.get("gdal_projection") or dataset.attrs.get("proj4") or "")
    if "+proj" not in proj:
        raise Unusable("its projection is not given")
    axes = []
    for name in (x, y):
        unit = str(dataset[name].attrs.get("units", "m"))
        factor = 1.0 if unit.startswith("degree") else factor_offset(unit, "m")[0]
        axis = np.asarray(dataset[name].values, np.float64) * factor
        if axis.size < 2 or np.ptp(np.diff(axis)) > 0.02 * abs(axis[1] - axis[0]):
            raise Unusable(f"coordinates {name} are not evenly spaced")
        axes.append(axis)
    (gx, gy) = axes
    steps = [(axis[-1] - axis[0]) / (axis.size - 1) for axis in axes]
    return Projected(proj, float(gx[0]), float(gy[0]), float(steps[0]), float(steps[1]), gx.size, gy.size)


@dataclass(frozen=True)
class Moment:
    """When a slice holds."""

    valid_at: datetime
    run_at: datetime
    interval_s: int
    forecast: bool


@dataclass(frozen=True)
class TimeAxis:
    """The time dimension, or None where a file is one moment, and its moments."""

    dimension: str | None
    moments: list[Moment]


def _time_axis(dataset: Any, variable: Any) -> TimeAxis:
    dimension = next((str(dim) for dim in variable.dims if dim in dataset.coords and _is_time(dataset[dim])), None)
    run = _scalar_time(dataset, ("forecast_reference_time",), ("forecast_reference_time", "reftime"))
    if dimension is not None:
        coordinate = dataset[dimension]
        ends, starts = _bounds(dataset, coordinate)
    else:
        end = _scalar_time(dataset, ("time",), ("time", "valid_time")) or _attribute_time(dataset)
        start = _scalar_time(dataset, (), ("start_time",))
        if end is None:
            raise Unusable("the file gives no time for it")
        ends, starts = [end], [start or end]
    first = min(ends)
    moments = [
        Moment(
            end,
            run or (first if _is_ensemble(dataset) else end),
            max(int((end - start).total_seconds()), 0),
            run is not None and end > run,
        )
        for end, start in zip(ends, starts, strict=True)
    ]
    return TimeAxis(dimension, moments)


def _bounds(dataset: Any, coordinate: Any) -> tuple[list[datetime], list[datetime]]:
    """End and start of each interval; both the time itself where it is a moment."""
    name = coordinate.attrs.get("bounds") or coordinate.encoding.get("bounds")
    times = [_aware(value) for value in np.ravel(coordinate.values)]
    if name and name in dataset.variables and dataset[name].ndim == 2:
        pairs = [sorted(_aware(value) for value in pair) for pair in dataset[name].values]
        return [pair[1] for pair in pairs], [pair[0] for pair in pairs]
    return times, times


def _is_time(coordinate: Any) -> bool:
    return coordinate.dtype.kind == "M" or str(coordinate.attrs.get("standard_name", "")) == "time"


def _is_member(dataset: Any, dim: str) -> bool:
    text = dim.lower() + " " + (" ".join(map(str, dataset[dim].attrs.values())) if dim in dataset.coords else "")
    words = ("ensemble", "member", "realization", "eps", "perturbation")
    return any(word in text.lower() for word in words) or dim.lower() == "number"


def _is_ensemble(dataset: Any) -> bool:
    return any(_is_member(dataset, str(dim)) for dim in dataset.dims)


def _scalar_time(dataset: Any, standards: tuple[str, ...], names: tuple[str, ...]) -> datetime | None:
    for name, variable in dataset.variables.items():
        wanted = str(variable.attrs.get("standard_name", "")) in standards or str(name) in names
        if wanted and variable.size == 1 and variable.dtype.kind == "M":
            return _aware(np.ravel(variable.values)[0])
    return None


def _attribute_time(dataset: Any) -> datetime | None:
    for key in TIME_ATTRIBUTES:
        text = str(dataset.attrs.get(key, ""))
        try:
            return parse_time(text if text.endswith("Z") or "+" in text else f"{text}Z")
        except ValueError:
            continue
    return None


def _aware(value: Any) -> datetime:
    """A datetime64 or cftime value as aware UTC."""
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            raise Unusable("a time is missing")
        seconds = value.astype("datetime64[ns]").astype(np.int64) / 1e9
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(seconds))
    raise Unusable(f"time {value!r} is not of the standard calendar")
