"""Gridded quantities as layers: what there is, how it is drawn, what it says at a point, and how old it is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.clock import iso
from data.errors import LayerError
from data.grid import fractional_column, fractional_row
from data.store.fields import StepArray, open_step
from layers.layer import LayerSpec, RegionValues, View
from layers.ramps import RAMPS, legend, ramp_for
from layers.tiles import SIZE, render_tile
from layers.zonal import Weights, region_values

TITLES = {
    "precipitation": "Precipitation", "precipitation_rate": "Precipitation rate", "snow_water": "Water in snow",
    "snow_depth": "Snow depth", "wind_speed": "Wind speed", "wind_gust": "Wind gust",
    "air_temperature": "Air temperature", "air_temperature_max": "Highest air temperature",
    "air_temperature_min": "Lowest air temperature", "air_temperature_mean": "Mean air temperature",
    "skin_temperature": "Surface temperature", "dew_point": "Dew point", "pressure_msl": "Pressure at sea level",
    "relative_humidity": "Relative humidity", "cloud_cover": "Cloud cover", "visibility": "Visibility",
}  # fmt: skip
UNITS = {
    "precipitation": "mm", "precipitation_rate": "mm/h", "snow_water": "mm", "snow_depth": "m", "wind_speed": "m/s",
    "wind_gust": "m/s", "pressure_msl": "hPa", "relative_humidity": "%", "cloud_cover": "%", "visibility": "m",
}  # fmt: skip
OPENED = 24  # steps whose arrays stay open in a process: a few kB each, the data stay on disk


def _spec(quantity: str, unit: str, title: str, status: str = "verified") -> LayerSpec:
    return LayerSpec(
        key=f"field:{quantity}", title=title, kind="field", quantity=quantity, unit=unit, needs=(quantity,),
        ramp=ramp_for(quantity), status=status,
    )  # fmt: skip


FIELDS: dict[str, LayerSpec] = {
    quantity: _spec(quantity, UNITS.get(quantity, "degC"), TITLES[quantity]) for quantity in RAMPS
}


def spec_for(quantity: str, unit: str, title: str = "") -> LayerSpec:
    """The manifest of a quantity; one made from its own words where the house has none."""
    words = title if title and title != "unknown" else quantity.replace("_", " ")
    return FIELDS.get(quantity) or _spec(quantity, unit, words, status="experimental")


@dataclass(frozen=True)
class FieldLayer:
    """Region values of one quantity by one statistic."""

    spec: LayerSpec
    statistic: str = "mean"
    options: Mapping[str, Any] | None = None

    def compute(self, inputs: Mapping[str, Any], view: View) -> RegionValues:
        """From `{"field": FieldStep or StepArray, "weights": Weights}`; too old a field is unknown everywhere.

        Raises
        ------
        LayerError
            If an input is missing or is of another grid.
        """
        try:
            field, weights = inputs["field"], inputs["weights"]
        except KeyError as error:
            raise LayerError(f"{self.spec.key} needs {error}") from None
        named = Named(field)
        found = region_values(named, weights, self.statistic, **(self.options or {}))
        if view.now - named.valid_at <= view.stale_after:
            return found
        from dataclasses import replace

        return replace(found, value=np.full(found.value.shape, np.nan), valid_share=np.zeros(found.value.shape))


class Named:
    """A field step or a stored step under the names that statistics read."""

    def __init__(self, step: Any) -> None:
        facts = step.row if isinstance(step, StepArray) else step
        self.quantity: str = facts.quantity
        self.unit: str = facts.unit
        self.valid_at: datetime = facts.valid_at
        self.values: NDArray[np.float32] = step.values


def step_region_values(step: StepArray, weights: Weights, statistic: str = "mean", **options: Any) -> RegionValues:
    """`region_values` of a stored step, with its source."""
    return region_values(Named(step), weights, statistic, sources=(step.row.source,), **options)


def combine_steps(steps: Sequence[Any], how: str) -> NDArray[np.float32]:
    """One field from several of the same grid, read one at a time: their sum, max, min or mean, cell by cell.

    A cell that is missing in any of them is missing in the sum and the mean: a sum with a gap is not a sum. The
    extremes take what is there.

    Raises
    ------
    LayerError
        For no steps, another grid, or an unknown word.
    """
    if not steps or how not in ("sum", "max", "min", "mean"):
        raise LayerError(f"cannot combine {len(steps)} steps by {how!r}")
    first, *others = steps
    added = how in ("sum", "mean")
    result: NDArray[Any] = np.array(first.values, np.float64 if added else np.float32)
    for step in others:
        if not (np.array_equal(step.lon, first.lon) and np.array_equal(step.lat, first.lat)):
            raise LayerError("steps on different grids cannot be combined")
        if added:
            np.add(result, step.values, out=result)
        else:
            (np.fmax if how == "max" else np.fmin)(result, step.values, out=result)
    return np.asarray(np.divide(result, len(steps)) if how == "mean" else result, np.float32)


def list_fields(rows: Iterable[Any], now: datetime, *, most: int = 60) -> list[dict[str, Any]]:
    """Rows of `field_step`, newest first, by quantity, for screens: house quantities first, then by name."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        groups.setdefault((row.quantity, row.unit), []).append(row)
    found = []
    for (quantity, unit), members in groups.items():
        spec = spec_for(quantity, unit, str(members[0].attributes.get("title", "")))
        assert spec.ramp is not None
        group = {
            "quantity": quantity, "title": spec.title, "unit": unit, "status": spec.status,
            "ramp": legend(spec.ramp, unit), "more": max(len(members) - most, 0),
            "steps": [describe(row, now) for row in members[:most]],
        }  # fmt: skip
        found.append(group)
    return sorted(found, key=lambda item: (item["quantity"] not in FIELDS, item["quantity"]))


def describe(row: Any, now: datetime) -> dict[str, Any]:
    """One step for screens; a forecast has the age of its run."""
    return {
        "id": row.id, "source": row.source, "run_at": iso(row.run_at), "valid_at": iso(row.valid_at),
        "received_at": iso(row.received_at), "forecast": bool(row.forecast), "accumulation_s": row.accumulation_s,
        "bounds": [row.west, row.south, row.east, row.north], "missing_share": round(row.missing_share, 4),
        "age_s": int(age(row, now).total_seconds()),
    }  # fmt: skip


def age(row: Any, now: datetime) -> timedelta:
    """How old a step is: since its valid time, or since its run for a forecast."""
    since: datetime = row.run_at if row.forecast else row.valid_at
    return now - since


def value_at(step: StepArray, lon: float, lat: float) -> float | None:
    """The value of the cell at a point; None where it is missing or outside the grid."""
    column = fractional_column(step.lon, np.array([(lon + 180.0) % 360.0 - 180.0]))[0]
    row = fractional_row(step.lat, np.array([lat]))[0]
    if np.isnan(column) or np.isnan(row):
        return None
    array = step.levels[0]
    r, c = min(round(float(row)), array.shape[0] - 1), min(round(float(column)), array.shape[1] - 1)
    value = float(np.asarray(array[r : r + 1, c : c + 1])[0, 0])
    return None if np.isnan(value) else value


class OpenSteps:
    """The last steps asked for, open; a step never changes under its id."""

    def __init__(self, home: Path, most: int = OPENED) -> None:
        self._home, self._most = home, most
        self._held: OrderedDict[str, StepArray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, row: Any) -> StepArray:
        """The arrays of a row of `field_step`; StoreError where they are gone."""
        with self._lock:
            if row.store in self._held:
                self._held.move_to_end(row.store)
                return self._held[row.store]
        step = open_step(self._home, row)
        with self._lock:
            self._held[row.store] = step
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return step

    def tile(self, row: Any, z: int, x: int, y: int, *, size: int = SIZE) -> bytes:
        """The PNG tile of a step, b"" where it is empty; ValueError where there is no such tile.

        Classes and fields coarser than the pixels of the zoom are drawn cell by cell: what is drawn is what is there.
        """
        step = self.get(row)
        ramp = _ramp_of(step)
        return render_tile(step.levels, step.lon, step.lat, z, x, y, ramp, size=size)


def _ramp_of(step: StepArray) -> Any:
    """The ramp of a house quantity; for any other one over what the smallest overview holds."""
    spec = FIELDS.get(step.row.quantity)
    if spec is not None:
        return spec.ramp
    cached = getattr(step, "_ramp", None)
    if cached is None:
        values = np.asarray(step.levels[-1][:])
        known = np.isfinite(values)
        low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 1.0)
        cached = ramp_for(step.row.quantity, low, high)
        object.__setattr__(step, "_ramp", cached)
    return cached
