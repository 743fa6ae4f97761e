"""NetCDF 3 and 4 with CF conventions -> field steps. Runs in a child process: the libraries are C.

What real files do that is easy to miss: variables inside groups; attributes of numbers written as text; levels in
scalar coordinates only; amounts without the time they were gathered over; ensemble members as a dimension of any
name. Places are found by `ingest.grid_ground`, times by `ingest.grid_times`, and the numbers are looked over by
`ingest.grid_values`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.model import FieldStep, Reject
from ingest.grib_fields import Options, Unusable
from ingest.grid_axes import Ground
from ingest.grid_ground import find_ground
from ingest.grid_levels import level_suffix, take_levels
from ingest.grid_libraries import load_decoder
from ingest.grid_parameters import STANDARD_NAMES, VARIABLE_NAMES, Parameter
from ingest.grid_times import Moment, TimeAxis, read_times
from ingest.grid_values import read_values

LARGEST = 200_000_000  # cells of one variable at one time
NUMBERS = ("scale_factor", "add_offset", "_FillValue", "missing_value")
BOUNDS = ("_bnds", "_bounds", "_bnd")
FLAGS = ("flag_values", "flag_masks", "flag_meanings")
FOREIGN = (ValueError, OverflowError, RuntimeError, OSError, KeyError, AttributeError, TypeError, IndexError)


@contextmanager
def open_datasets(body: bytes) -> Iterator[list[tuple[Any, dict[str, list[str]], list[Reject]]]]:
    """The root of a file and each group with variables: dataset, notes by variable, variables that cannot be read.

    Closed for sure: an open file can crash the process at its end.

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
        groups = [file, *(group for group in file.groups.values() if group.variables)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", xr.SerializationWarning)  # several fill values, dates past 2262: handled
            try:
                yield [_decode(xr, xr.backends.NetCDF4DataStore(group)) for group in groups]
            except FOREIGN as error:
                raise Unusable(f"{type(error).__name__}: {error}") from error
    finally:
        file.close()


def _decode(xr: Any, store: Any) -> tuple[Any, dict[str, list[str]], list[Reject]]:
    """A dataset decoded by CF, without the variables that cannot be."""
    raw = xr.open_dataset(store, decode_cf=False)
    notes: dict[str, list[str]] = {}
    rejects: list[Reject] = []
    for name in map(str, raw.variables):
        try:
            said = _mend_attributes(raw.variables[name].attrs)
            xr.conventions.decode_cf_variable(name, raw.variables[name].copy(deep=False), decode_timedelta=False)
            notes[name] = said
        except FOREIGN as error:
            rejects.append(Reject(id=name, reason=str(error).split(". Try")[0] or type(error).__name__))
    left = raw.drop_vars([reject.id for reject in rejects])
    return xr.decode_cf(left, decode_timedelta=False), notes, rejects


def _mend_attributes(attributes: dict[str, Any]) -> list[str]:
    """Turn numbers written as text into numbers, in place."""
    notes = []
    for key in NUMBERS:
        if isinstance(attributes.get(key), str):
            text = attributes[key]
            try:
                attributes[key] = float(text)
            except ValueError:
                raise ValueError(f"its {key} is {text!r}, which is no number") from None
            notes.append(f"{key} is written as text ({text!r}) and was read as a number")
    scale = np.ravel(attributes.get("scale_factor", 1.0)).astype(np.float64)
    offset = np.ravel(attributes.get("add_offset", 0.0)).astype(np.float64)
    if (
        scale.size != 1
        or not np.isfinite(scale[0])
        or scale[0] == 0
        or offset.size != 1
        or not np.isfinite(offset[0])
    ):
        raise ValueError(f"its scale_factor {scale.tolist()} and add_offset {offset.tolist()} give no values")
    return notes


def read_dataset(body: bytes, options: Options) -> Iterator[FieldStep | Reject]:
    """Each slice of each variable on a grid as a step; a variable that is not a field as a reject."""
    with open_datasets(body) as parts:
        for dataset, notes, rejects in parts:
            yield from rejects
            skipped = _auxiliary(dataset)
            for name in map(str, dataset.data_vars):
                if name in skipped or dataset[name].ndim == 0 or dataset[name].dtype.kind not in "fiu":
                    continue
                try:
                    yield from _variable(dataset, name, options, notes.get(name, []))
                except FOREIGN as error:
                    yield Reject(id=name, reason=str(error) or type(error).__name__)


def _auxiliary(dataset: Any) -> set[str]:
    """Bounds, grid mappings and coordinates: they describe fields and are none."""
    found = {str(name) for name in dataset.data_vars if str(name).lower().endswith(BOUNDS)}
    for name, variable in dataset.variables.items():
        for source in (variable.attrs, variable.encoding):
            found |= {str(source[key]) for key in ("bounds", "grid_mapping", "climatology") if key in source}
        if str(variable.attrs.get("standard_name", "")) in ("latitude", "longitude", "time"):
            found.add(str(name))
    return found


@dataclass(frozen=True)
class Told:
    """What is the same for all slices of a variable."""

    quantity: str
    parameter: Parameter | None
    ground: Ground
    times: TimeAxis
    options: Options
    notes: tuple[str, ...]


def _variable(dataset: Any, name: str, options: Options, notes: list[str]) -> Iterator[FieldStep | Reject]:
    variable = dataset[name]
    ground = find_ground(dataset, variable)
    quantity, parameter = _identify(name, variable)
    times = read_times(dataset, variable, ensemble=any(_is_member(dataset, str(dim)) for dim in dataset.dims))
    others = [str(dim) for dim in variable.dims if dim not in (ground.y, ground.x, times.dimension)]
    member_dim = next((dim for dim in others if _is_member(dataset, dim)), None)
    base = quantity + level_suffix(dataset, variable)
    said = (*notes, *times.notes, *ground.notes)
    for suffix, plane, more in take_levels(dataset, variable, [dim for dim in others if dim != member_dim]):
        kept = options.quantities.get(base + suffix, options.quantities.get(name, base + suffix))
        if not kept:
            raise Unusable("left out by configuration")
        told = Told(kept, parameter, ground, times, options, (*said, *more))
        yield from _members(dataset, plane, member_dim, told)


def _members(dataset: Any, plane: Any, dimension: str | None, told: Told) -> Iterator[FieldStep | Reject]:
    count = dataset.sizes[dimension] if dimension else 1
    if count > 1 and not told.options.all_members:
        reason = f"{count - 1} ensemble members beside the first are left out (members: all keeps them)"
        yield Reject(id=str(plane.name), reason=reason)
        count = 1
    for member in range(count):
        chosen = plane.isel({dimension: member}) if dimension else plane
        quantity = f"{told.quantity}_member_{member}" if member else told.quantity
        for index, moment in enumerate(told.times.moments):
            if isinstance(moment, str):
                yield Reject(id=f"{quantity} step {index + 1}", reason=moment)
                continue
            single = chosen if told.times.dimension is None else chosen.isel({told.times.dimension: index})
            facts = {"member": member} if dimension else {}
            try:
                yield _step(single.transpose(told.ground.y, told.ground.x), quantity, told, moment, facts)
            except ValueError as error:
                yield Reject(id=f"{quantity} {moment.valid_at:%Y-%m-%dT%H:%MZ}", reason=str(error))


def _step(plane: Any, quantity: str, told: Told, moment: Moment, facts: Mapping[str, Any]) -> FieldStep:
    if plane.size > LARGEST:
        raise Unusable(f"{plane.size} cells are more than {LARGEST}")
    parameter, declared = told.parameter, str(plane.attrs.get("units", ""))
    unit = told.options.units.get(quantity, told.options.units.get(str(plane.name), ""))
    categorical = any(key in plane.attrs for key in FLAGS)
    interval = _interval(moment, quantity, told)
    raw, notes = _raw(plane, categorical)
    extra: dict[str, Any] = {}
    if not categorical:
        raw, extra, more = read_values(
            raw, declared, parameter, interval_s=interval, given=unit, fills=_packing_fills(plane)
        )  # fmt: skip
        notes += more
    nearest = categorical or bool(parameter and parameter.spotty)
    lon, lat, values = told.ground.place(raw, nearest)
    forecast = told.options.forecast
    if forecast is None:
        forecast = "member" in facts or moment.forecast
    said = [*told.notes, *notes]
    attributes = {
        "title": str(plane.attrs.get("long_name", quantity)),
        "standard_name": str(plane.attrs.get("standard_name", "")),
        **({"categorical": True} if categorical else {}), **facts, **extra, **({"notes": said} if said else {}),
    }  # fmt: skip
    return FieldStep(
        quantity=quantity, unit=parameter.unit if parameter else unit or declared, valid_at=moment.valid_at,
        run_at=moment.run_at, lon=lon, lat=lat, values=np.asarray(values, np.float32), forecast=forecast,
        accumulation_s=interval, attributes=attributes,
    )  # fmt: skip


def _interval(moment: Moment, quantity: str, told: Told) -> int:
    """Length [s] of the interval of a step; an amount whose interval nobody knows is no amount."""
    parameter = told.parameter
    found = told.options.intervals.get(quantity, 0) or moment.interval_s
    if found or parameter is None or not (parameter.accumulated or parameter.interval_s):
        return found or (parameter.interval_s if parameter else 0)
    if parameter.interval_s:
        return parameter.interval_s
    if told.times.run_known:
        return int((moment.valid_at - moment.run_at).total_seconds())
    raise Unusable(
        "it is an amount, but the file does not say over how long (no time bounds, no start of the run): "
        "name it under `intervals` of the feed"
    )


def _raw(plane: Any, categorical: bool) -> tuple[NDArray[np.float32], list[str]]:
    """Numbers of a slice; what is not finite, or outside the range that the file itself calls valid, is missing."""
    exact = np.asarray(plane.values, np.float64) if plane.dtype.kind != "f" else plane.values
    with np.errstate(over="ignore"):
        values = np.asarray(exact, np.float32)
    values = np.where(np.isfinite(values), values, np.float32(np.nan))
    low, high = _valid_range(plane)
    if categorical or (low is None and high is None):
        return values, []
    with np.errstate(invalid="ignore"):
        outside = (values < (-np.inf if low is None else low)) | (values > (np.inf if high is None else high))
    if not outside.any():
        return values, []
    note = f"{int(outside.sum())} values are outside the valid range that the file declares: made missing"
    return np.where(outside, np.float32(np.nan), values), [note]


def _valid_range(plane: Any) -> tuple[float | None, float | None]:
    """Limits that the file declares, in unpacked values."""
    both = np.ravel(plane.attrs.get("valid_range", [])).tolist()
    low, high = both if len(both) == 2 else (plane.attrs.get("valid_min"), plane.attrs.get("valid_max"))
    scale, offset = _packing(plane)
    found: list[float | None] = []
    for edge in (low, high):
        if edge is None or isinstance(edge, str):
            found.append(None)
            continue
        packed = np.asarray(edge).dtype.kind in "iu" and (scale, offset) != (1.0, 0.0)
        found.append(float(np.ravel(edge)[0]) * scale + offset if packed else float(np.ravel(edge)[0]))
    slack = abs(scale) / 2 if scale != 1.0 else 0.0
    if found[0] is not None and found[1] is not None and found[0] > found[1]:
        found.reverse()
    return (None if found[0] is None else found[0] - slack), (None if found[1] is None else found[1] + slack)


def _packing(plane: Any) -> tuple[float, float]:
    kept = plane.encoding
    scale, offset = kept.get("scale_factor", 1.0), kept.get("add_offset", 0.0)
    return float(np.ravel(scale)[0]), float(np.ravel(offset)[0])


def _packing_fills(plane: Any) -> tuple[float, ...]:
    """Fill values of packed integers, unpacked: the ends of the integers' range, and the usual ones."""
    kind = np.dtype(plane.encoding.get("dtype", plane.dtype))
    if kind.kind not in "iu" or kind.itemsize < 2:
        return ()
    scale, offset = _packing(plane)
    limits = np.iinfo(kind)
    usual = (limits.min, limits.min + 1, limits.max, limits.max - 1, -9999, -999, 9999)
    return tuple(value * scale + offset for value in usual if limits.min <= value <= limits.max and value != 0)


def _identify(name: str, variable: Any) -> tuple[str, Parameter | None]:
    standard = str(variable.attrs.get("standard_name", ""))
    parameter = STANDARD_NAMES.get(standard) or VARIABLE_NAMES.get(name.lower())
    cleaned = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
    return (parameter.quantity if parameter else f"netcdf_{cleaned}"), parameter


def _is_member(dataset: Any, dim: str) -> bool:
    text = dim.lower() + " " + (" ".join(map(str, dataset[dim].attrs.values())) if dim in dataset.coords else "")
    words = ("ensemble", "member", "realization", "eps", "perturbation")
    return any(word in text.lower() for word in words) or dim.lower() == "number"
