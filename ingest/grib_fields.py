"""One GRIB message -> one field step. Runs in a child process: the decoder is C and can crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.grid import normalise
from data.model import FieldStep
from ingest.grid_axes import turned
from ingest.grid_libraries import load_decoder
from ingest.grid_parameters import MRMS_DISCIPLINE, MRMS_MISSING, NUMBERS, SHORT_NAMES, Parameter
from ingest.grid_planes import warped
from ingest.grid_values import read_values
from ingest.grid_warp import Projected, rotated_pole

# Levels that the name of a quantity already says: 2 m temperature, 10 m wind, the surface.
PLAIN_LEVELS = {
    "surface", "meanSea", "entireAtmosphere", "atmosphere", "heightAboveSea", "unknown", "cloudBase", "nominalTop",
}  # fmt: skip
PLAIN_HEIGHTS = {0.0, 2.0, 10.0}
CLASSES = "Code table"  # how ecCodes writes the unit of a categorical parameter
PROBABILITY_TEMPLATES = {5, 9}
PERCENTILE_TEMPLATES = {6, 10}
DERIVED_TEMPLATES = {2, 3, 4, 12, 13, 14}
SPREADS = {2: "deviation", 4: "spread", 5: "largeanomaly", 6: "clusterrange", 8: "min", 9: "max"}
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Unusable(ValueError):
    """A message that is whole but not for us; the text is the reason."""


@dataclass(frozen=True)
class Options:
    """What an operator can say about a feed."""

    quantities: Mapping[str, str]  # generated or house name -> the name to keep it under; "" drops it
    all_members: bool = False
    forecast: bool | None = None  # None: as the file says
    units: Mapping[str, str] = field(default_factory=dict)  # name -> unit that its values are in
    intervals: Mapping[str, int] = field(default_factory=dict)  # name -> seconds over which its amounts are gathered


class Message:
    """Keys of one message, with None for what it does not have."""

    def __init__(self, body: bytes) -> None:
        self._codes = eccodes = load_decoder("eccodes")
        try:
            self._handle = eccodes.codes_new_from_message(body)
        except eccodes.CodesInternalError as error:
            raise Unusable(f"the decoder refuses it: {error}") from error

    def __enter__(self) -> Message:
        return self

    def __exit__(self, *_: object) -> None:
        self._codes.codes_release(self._handle)

    def get(self, key: str, kind: type | None = None) -> Any:
        try:
            value = self._codes.codes_get(self._handle, key, kind)
        except self._codes.CodesInternalError:
            return None
        missing = value in (2147483647, -1e100, "MISSING")
        return None if missing else value

    def number(self, key: str) -> float | None:
        value = self.get(key, float)
        return None if value is None or not np.isfinite(value) else float(value)

    def need(self, key: str) -> float:
        value = self.number(key)
        if value is None:
            raise Unusable(f"it has no {key}")
        return value

    def array(self, key: str) -> NDArray[np.float64]:
        try:
            return np.asarray(self._codes.codes_get_double_array(self._handle, key), np.float64)
        except self._codes.CodesInternalError as error:
            raise Unusable(f"{key} cannot be decoded: {error}") from error

    def values(self) -> NDArray[np.float32]:
        """The field in file order; NaN where the bitmap says missing, and for infinities."""
        self._codes.codes_set(self._handle, "missingValue", 1e36)
        decoded = self.array("values")
        found = decoded.astype(np.float32)
        found[~np.isfinite(found) | (decoded == 1e36)] = np.nan
        return found


def read_message(body: bytes, options: Options) -> FieldStep:
    """A field step from the bytes of one message.

    Raises
    ------
    Unusable
        With the reason, when it is not a field on the ground that can be kept.
    """
    with Message(body) as message:
        return _read(message, options)


def _read(message: Message, options: Options) -> FieldStep:
    name, parameter, provider_unit = identify(message)
    name, unit, ensemble = _statistic(message, name, parameter, options)
    name = options.quantities.get(name, name)
    if not name:
        raise Unusable("left out by configuration")
    run_at, valid_at, interval_s = _times(message, parameter)
    interval_s = options.intervals.get(name, interval_s)
    grid = _grid(message)
    raw = message.values()
    if raw.size != grid.size:
        raise Unusable(f"{raw.size} values for a grid of {grid.size} cells")
    if message.get("discipline") == MRMS_DISCIPLINE:
        raw[np.isin(raw, np.array(MRMS_MISSING, np.float32))] = np.nan
    extra: dict[str, Any] = {}
    notes = list(grid.notes)
    categorical = bool(parameter and parameter.categorical) or CLASSES in provider_unit
    if ensemble.get("statistic") != "probability" and not categorical:
        raw, extra, more = read_values(
            raw, provider_unit, parameter, interval_s=interval_s, given=options.units.get(name, ""),
            possible=not str(ensemble.get("statistic", "")).startswith("derived"),
            difference="deviation" in name or "spread" in name,
        )  # fmt: skip
        notes += more
        if any("undeclared fill" in note for note in more):
            _check_precision(message, message.values()[np.isfinite(raw)])
    lon, lat, values = grid.place(raw, categorical or bool(parameter and parameter.spotty))
    forecast = valid_at > run_at if options.forecast is None else options.forecast
    attributes = {
        "title": str(message.get("name") or "unknown"), "short_name": str(message.get("shortName") or "unknown"),
        "centre": str(message.get("centre", str) or ""), "grid_type": str(message.get("gridType")),
        **ensemble, **extra, **({"notes": notes} if notes else {}),
    }  # fmt: skip
    if categorical:
        attributes["categorical"] = True
    return FieldStep(
        quantity=name, unit=unit, valid_at=valid_at, run_at=run_at, lon=lon, lat=lat, values=values,
        forecast=forecast, accumulation_s=interval_s, attributes=attributes,
    )  # fmt: skip


def _check_precision(message: Message, left: NDArray[np.float32]) -> None:
    """Refuse a field whose packing had to reach so far for a fill value that the other values became one."""
    binary, decimal = message.number("binaryScaleFactor"), message.number("decimalScaleFactor")
    if binary is None or decimal is None or left.size < 2:
        return
    step = 2.0**binary / 10.0**decimal
    if step > 0.1 * float(left.max() - left.min()):
        raise Unusable(f"a fill value among its packed numbers leaves the others no precision: steps of {step:g}")


def identify(message: Message) -> tuple[str, Parameter | None, str]:
    """Quantity name with its level, what is known of the parameter, and the unit the values are in."""
    short, unit = str(message.get("shortName") or "unknown"), str(message.get("units") or "")
    triple = tuple(message.get(key) for key in ("discipline", "parameterCategory", "parameterNumber"))
    parameter = SHORT_NAMES.get(short)
    if parameter is None and None not in triple:
        parameter = NUMBERS.get(triple)  # type: ignore[call-overload]
        if parameter is not None:
            unit = parameter.provider_unit
    if parameter is not None:
        base = parameter.quantity
    elif None not in triple:
        base = "grib_{}_{}_{}".format(*triple)
    else:
        base = f"grib1_{message.get('table2Version')}_{message.get('indicatorOfParameter')}"
    return base + _level(message), parameter, "" if unit in ("unknown", "~") else unit


def _level(message: Message) -> str:
    kind, level = str(message.get("typeOfLevel") or "unknown"), message.number("level")
    if kind in PLAIN_LEVELS or level is None or (kind == "heightAboveGround" and level in PLAIN_HEIGHTS):
        return ""
    written = f"{level:g}".replace(".", "p").replace("-", "minus")
    if kind == "isobaricInhPa":
        return f"_{written}hpa"
    return f"_{written}m" if kind == "heightAboveGround" else f"_{kind.lower()}_{written}"


def _statistic(
    message: Message, name: str, parameter: Parameter | None, options: Options
) -> tuple[str, str, dict[str, Any]]:
    """Name, unit and ensemble facts: a probability or a spread never goes by the name of the quantity itself."""
    unit = parameter.unit if parameter else str(message.get("units") or "").replace("unknown", "").replace("~", "")
    template = message.get("productDefinitionTemplateNumber") if message.get("edition") == 2 else None
    if template in PROBABILITY_TEMPLATES:
        event = _probability_event(message)
        return f"{name}_probability_{event}", "%", {"statistic": "probability", "event": event}
    if template in PERCENTILE_TEMPLATES:
        percentile = message.get("percentileValue")
        return f"{name}_p{percentile}", unit, {"statistic": f"percentile {percentile}"}
    if template in DERIVED_TEMPLATES:
        derived = message.get("derivedForecast")
        if derived in (0, 1):
            return name, unit, {"statistic": "ensemble mean"}
        return f"{name}_{SPREADS.get(derived, f'derived{derived}')}", unit, {"statistic": f"derived {derived}"}
    member = message.get("number")
    if member and template not in (0, 8):
        if not options.all_members:
            raise Unusable(f"ensemble member {member}: only control and mean are kept (members: all keeps them)")
        return f"{name}_member_{member}", unit, {"member": int(member)}
    return name, unit, {}


def _probability_event(message: Message) -> str:
    """What the probability is of (WMO code table 4.9), in the provider's unit."""
    low, high = (
        "any" if value is None or abs(value) > 1e7 else f"{value:g}".replace(".", "p").replace("-", "minus")
        for value in (message.number("lowerLimit"), message.number("upperLimit"))
    )
    kind = message.get("probabilityType")
    events = {0: f"below_{low}", 1: f"above_{high}", 2: f"from_{low}_to_{high}", 3: f"above_{low}"}
    events[4] = f"below_{high}"
    return events.get(kind, f"type{kind}_{low}_{high}")


def _times(message: Message, parameter: Parameter | None) -> tuple[datetime, datetime, int]:
    """Run time, valid time, and the length [s] of the interval that ends there."""
    run_at = _moment(message.get("dataDate"), message.get("dataTime"))
    valid_at = _moment(message.get("validityDate"), message.get("validityTime"))
    start, end = _seconds(message.get("startStep", str)), _seconds(message.get("endStep", str))
    if end is not None:
        valid_at = run_at + timedelta(seconds=end)
    interval = (end or 0) - (start or 0)
    if parameter is not None and not interval:
        interval = parameter.interval_s
        if parameter.accumulated and not interval and end:
            interval = end  # GRIB1 of ECMWF: "instant", and yet the sum since the start of the forecast
    return run_at, valid_at, max(int(interval), 0)


def _moment(day: int | None, minute: int | None) -> datetime:
    try:
        return datetime.strptime(f"{day:08d}{minute:04d}", "%Y%m%d%H%M").replace(tzinfo=UTC)
    except (TypeError, ValueError) as error:
        raise Unusable(f"date {day} {minute} is not a time") from error


def _seconds(step: str | None) -> int | None:
    """A step of ecCodes: hours without a letter, else `90m`, `30s`."""
    if not step:
        return None
    letter = step[-1] if step[-1] in UNIT_SECONDS else "h"
    digits = step.rstrip("smh")
    return int(digits) * UNIT_SECONDS[letter] if digits.lstrip("-").isdigit() else None


@dataclass(frozen=True)
class Grid:
    """How many cells, and how to put file-order values on lon-lat."""

    size: int
    place: Callable[[NDArray[np.float32], bool], tuple[Any, Any, NDArray[np.float32]]]
    notes: tuple[str, ...] = ()


def _grid(message: Message) -> Grid:
    kind = str(message.get("gridType"))
    if kind in ("regular_ll", "regular_gg"):
        return _regular(message, kind)
    if kind in ("lambert", "polar_stereographic", "mercator", "rotated_ll", "albers", "lambert_azimuthal_equal_area"):
        return _projected(message, kind)
    raise Unusable(f"grid type {kind} is not rectilinear and not a known projection")


def _shape(message: Message) -> tuple[int, int]:
    ny, nx = (message.get(name) or message.get(other) for name, other in (("Nj", "Ny"), ("Ni", "Nx")))
    if not nx or not ny:
        raise Unusable("it does not say how many rows and columns it has")
    return int(ny), int(nx)


def _in_rows(message: Message, raw: NDArray[np.float32], ny: int, nx: int) -> NDArray[np.float32]:
    """File order -> (ny, nx), first row and column where the file begins (WMO flag table 3.4)."""
    mode = int(message.get("scanningMode") or 0)
    values = raw.reshape(nx, ny).T if mode & 32 else raw.reshape(ny, nx)
    if mode & 16 and not mode & 32:
        values = values.copy()
        values[1::2] = values[1::2, ::-1]
    return values


def _regular(message: Message, kind: str) -> Grid:
    ny, nx = _shape(message)
    if nx < 2 or ny < 2:
        raise Unusable(f"a grid of {ny} x {nx} has no cell size: it is a station, not a field")
    mode = int(message.get("scanningMode") or 0)
    lon, notes = _longitudes(message, nx, westward=bool(mode & 128))
    first, last = (
        message.need("latitudeOfFirstGridPointInDegrees"),
        message.need("latitudeOfLastGridPointInDegrees"),
    )
    if (last > first) != bool(mode & 64):
        raise Unusable(
            f"its rows run from {first:g} to {last:g} north, and its scanning mode says the contrary: it may "
            "stand on its head"
        )
    if kind == "regular_gg":
        lat = np.sort(np.unique(np.round(message.array("latitudes"), 9)))
        lat = lat if mode & 64 else lat[::-1]
    else:
        # From the corners: increments are wrong or missing in some real files.
        lat = np.linspace(first, last, ny)
        notes += _increment(message.number("jDirectionIncrementInDegrees"), lat, "rows")

    def place(raw: NDArray[np.float32], categorical: bool) -> tuple[Any, Any, NDArray[np.float32]]:
        try:
            return normalise(lon, lat, _in_rows(message, raw, ny, nx))
        except ValueError as error:
            raise Unusable(str(error)) from error

    return Grid(nx * ny, place, tuple(notes))


def _longitudes(message: Message, nx: int, *, westward: bool) -> tuple[NDArray[np.float64], list[str]]:
    """Longitudes of the columns in file order, and what is odd about them."""
    first, last = (
        message.need("longitudeOfFirstGridPointInDegrees"),
        message.number("longitudeOfLastGridPointInDegrees"),
    )
    step = message.number("iDirectionIncrementInDegrees")
    if last is None:
        if step is None:
            raise Unusable("it has neither a last longitude nor an increment")
        last = first + (-1 if westward else 1) * step * (nx - 1)
    elif not westward and last <= first:
        last += 360.0
    elif westward and last >= first:
        last -= 360.0
    if step and abs(abs(last - first) - 360.0) < 1e-6 and abs(step * nx - 360.0) < 1e-3 * step * nx:
        axis = np.asarray(first + (-1 if westward else 1) * step * np.arange(nx), np.float64)
        note = f"the last longitude {last:g} does not fit {nx} columns of {step:g} degrees, which were taken"
        return axis, [note, *turned(axis)]
    axis = np.asarray(np.linspace(first, last, nx), np.float64)
    return axis, [*_increment(step, axis, "columns"), *turned(axis)]


def _increment(step: float | None, axis: NDArray[np.float64], what: str) -> list[str]:
    """A sentence where the header's increment is not that of the corners."""
    found = abs(axis[-1] - axis[0]) / (axis.size - 1)
    if not step or abs(step - found) <= 0.02 * found:
        return []
    return [f"the header says {what} of {step:g} degrees, its corners {found:.6g}, which were taken"]


def _projected(message: Message, kind: str) -> Grid:
    ny, nx = _shape(message)
    proj, degrees = _projection(message, kind), kind == "rotated_ll"
    keys = (
        ("iDirectionIncrementInDegrees", "jDirectionIncrementInDegrees") if degrees else ("DxInMetres", "DyInMetres")
    )
    other = ("DiInMetres", "DjInMetres")
    dx, dy = (message.number(key) or message.need(spare) for key, spare in zip(keys, other, strict=True))
    mode = int(message.get("scanningMode") or 0)
    first = (
        message.need("longitudeOfFirstGridPointInDegrees"), message.need("latitudeOfFirstGridPointInDegrees")
    )  # fmt: skip
    x0, y0 = ((first[0] + 180.0) % 360.0 - 180.0, first[1]) if degrees else _origin(proj, *first)
    try:
        ground = warped(Projected(proj, x0, y0, -dx if mode & 128 else dx, dy if mode & 64 else -dy, nx, ny))
    except ValueError as error:
        raise Unusable(str(error)) from error

    def place(raw: NDArray[np.float32], nearest: bool) -> tuple[Any, Any, NDArray[np.float32]]:
        return ground.place(_in_rows(message, raw, ny, nx), nearest)

    return Grid(nx * ny, place, ground.notes)


def _origin(proj: str, lon: float, lat: float) -> tuple[float, float]:
    plain = Projected(proj, 0.0, 0.0, 1.0, 1.0, 1, 1)
    x, y = plain.to_plane(np.array([lon]), np.array([lat]))
    if not (np.isfinite(x[0]) and np.isfinite(y[0])):
        raise Unusable("its first point is outside its projection")
    return float(x[0]), float(y[0])


def _projection(message: Message, kind: str) -> str:
    if kind == "rotated_ll":
        south = message.need("latitudeOfSouthernPoleInDegrees")
        east = message.need("longitudeOfSouthernPoleInDegrees")
        return rotated_pole(-south, east + 180.0, message.number("angleOfRotationInDegrees") or 0.0)
    text = message.get("projString")
    if not text:
        raise Unusable(f"the decoder gives no projection for grid type {kind}")
    return str(text)
