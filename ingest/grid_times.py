"""The times of a variable of a NetCDF file: moments, intervals, runs; and what is wrong with them.

A `time` may be the middle of its bounds, stand in scalar variables or global attributes only, lie beside a dimension
of lead times, be written as text, or count in a calendar whose days do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from data.clock import parse_time

TIME_ATTRIBUTES = ("nominal_product_time", "time_coverage_end", "time_coverage_start", "valid_time")
TIME_NAMES = {
    "time",
    "valid_time",
    "t",
    "times",
    "date",
    "datetime",
    "step",
    "lead_time",
    "leadtime",
    "forecast_time",
}
REFERENCE = "forecast_reference_time"


@dataclass(frozen=True)
class Moment:
    """When a slice holds."""

    valid_at: datetime
    run_at: datetime
    interval_s: int
    forecast: bool


@dataclass(frozen=True)
class TimeAxis:
    """The time dimension, or None where a file is one moment; for each slice its moment, or why there is none."""

    dimension: str | None
    moments: list[Moment | str]
    notes: tuple[str, ...] = ()
    run_known: bool = False


def read_times(dataset: Any, variable: Any, *, ensemble: bool) -> TimeAxis:
    """The times of a variable.

    Raises
    ------
    ValueError
        If the file gives none, or none that can be believed.
    """
    notes: list[str] = []
    run = _scalar(dataset, (REFERENCE,), (REFERENCE, "reftime"))
    dimension, coordinate = _dimension(dataset, variable)
    pairs: list[tuple[datetime, datetime] | str]
    pairs = [_single(dataset, notes)] if coordinate is None else _pairs(dataset, coordinate, notes)
    known = [pair for pair in pairs if not isinstance(pair, str)]
    ends = [end for _, end in known]
    if ends != sorted(ends):
        notes.append("the times of the file are not in order")
    first = min(ends, default=None)
    moments = [pair if isinstance(pair, str) else _moment(*pair, run, first if ensemble else None) for pair in pairs]
    return TimeAxis(dimension, moments, tuple(notes), run is not None)


def _moment(start: datetime, end: datetime, run: datetime | None, first: datetime | None) -> Moment:
    interval = max(int((end - start).total_seconds()), 0)
    return Moment(end, run or first or end, interval, run is not None and end > run)


def _dimension(dataset: Any, variable: Any) -> tuple[str | None, Any]:
    """The dimension that is time, and the coordinate which says so."""
    for dim in map(str, variable.dims):
        along = [name for name, one in dataset.variables.items() if one.dims == (dim,) and str(name) != dim]
        for name in (dim, *map(str, along)):
            if name in dataset.variables and _is_time(name, dataset.variables[name]):
                return dim, dataset.variables[name]
    for dim in map(str, variable.dims):
        if dim.lower() in TIME_NAMES:
            raise ValueError(_no_time(dataset, dim))
    return None, None


def _is_time(name: str, variable: Any) -> bool:
    """Whether a coordinate holds moments: as dates, or as text under a name of time."""
    if variable.dtype.kind == "M":
        return str(variable.attrs.get("standard_name", "time")) != REFERENCE
    if variable.dtype.kind not in "OUSfiu":
        return False
    named = str(variable.attrs.get("standard_name", "")) == "time" or name.lower() in TIME_NAMES
    return named and (variable.dtype.kind in "OUS")


def _no_time(dataset: Any, dim: str) -> str:
    if dim not in dataset.variables:
        return f"its dimension {dim} has no times"
    unit = str(dataset.variables[dim].attrs.get("units", ""))
    return (
        f"its {dim} says {unit!r} where 'hours since' a date is needed"
        if unit
        else f"its {dim} has no unit and start"
    )


def _pairs(dataset: Any, coordinate: Any, notes: list[str]) -> list[tuple[datetime, datetime] | str]:
    """Start and end of each interval; both the time itself where it is a moment."""
    values = np.ravel(coordinate.values)
    if values.size and all(isinstance(value, (str, bytes)) for value in values.tolist()):
        notes.append("times are written as text with their zone")
        return [(moment, moment) for moment in map(_from_text, values.tolist())]
    name = coordinate.attrs.get("bounds") or coordinate.encoding.get("bounds")
    bounds = dataset.variables[name].values if name in dataset.variables else None
    if bounds is None or bounds.shape != (values.size, 2):
        return [_both(value, value) for value in values]
    if bounds.dtype.kind != "M":
        raise ValueError(f"its time bounds {name} are no times")
    return [_both(*sorted(pair)) for pair in bounds]


def _both(start: Any, end: Any) -> tuple[datetime, datetime] | str:
    for value in (start, end):
        if isinstance(value, np.datetime64) and np.isnat(value):
            return "its time is missing"
    return _aware(start), _aware(end)


def _from_text(text: str | bytes) -> datetime:
    written = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    try:
        return parse_time(written.strip())
    except ValueError as error:
        raise ValueError(f"its time {written[:40]!r} has no zone, or is no time") from error


def _aware(value: Any) -> datetime:
    """A datetime64 as aware UTC."""
    if isinstance(value, np.datetime64):
        seconds = value.astype("datetime64[ns]").astype(np.int64) / 1e9
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(seconds))
    calendar = getattr(value, "calendar", "")
    if calendar in ("360_day", "noleap", "all_leap", "365_day", "366_day", "julian"):
        raise ValueError(
            f"its times count in the {calendar} calendar of climate models: they are no dates of this world"
        )
    raise ValueError(f"time {value!s:.60} is not of this age")


def _single(dataset: Any, notes: list[str]) -> tuple[datetime, datetime]:
    """Start and end of a file that is one moment."""
    end = _scalar(dataset, ("time",), ("valid_time", "time")) or _from_attributes(dataset, notes)
    if end is None:
        raise ValueError("the file gives no time for it")
    start = _scalar(dataset, (), ("start_time",)) or end
    return min(start, end), end


def _scalar(dataset: Any, standards: tuple[str, ...], names: tuple[str, ...]) -> datetime | None:
    """The one moment of a variable of such a name, else of such a standard name."""

    def standard(name: Any) -> str:
        return str(dataset.variables[name].attrs.get("standard_name", ""))

    wanted = [name for name in names if name in dataset.variables and standard(name) in ("", *standards)]
    wanted += [name for name in dataset.variables if standard(name) in standards]
    for name in wanted:
        variable = dataset.variables[name]
        if variable.size == 1 and variable.dtype.kind == "M" and not np.isnat(np.ravel(variable.values)[0]):
            return _aware(np.ravel(variable.values)[0])
    return None


def _from_attributes(dataset: Any, notes: list[str]) -> datetime | None:
    for key in TIME_ATTRIBUTES:
        text = str(dataset.attrs.get(key, ""))
        try:
            found = parse_time(text if text.endswith("Z") or "+" in text else f"{text}Z")
        except ValueError:
            continue
        notes.append(f"no time variable: the time is the file's attribute {key}")
        return found
    return None
