"""Gridded quantities as layers: what there is, how it is drawn, what it says at a point, and how old it is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.grid import fractional_column, fractional_row, lon_step, row_edges
from data.store.fields import StepArray, open_step
from layers.chunk_cache import CachedArray, ChunkCache
from layers.layer import LayerSpec, Ramp, RegionValues, View
from layers.ramps import RAMPS, ramp_for
from layers.tiles import SIZE, Picture, Sampling, render_tile
from layers.value_tiles import Lattice, lattice, range_of, value_tile
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
ROWS = 2000  # what steps are, without their data


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


@dataclass(frozen=True)
class Cell:
    """One cell of a grid: its row and column and its edges [degrees]."""

    row: int
    column: int
    bounds: tuple[float, float, float, float]  # west, south, east, north


def cell_at(lon: NDArray[np.float64], lat: NDArray[np.float64], at_lon: float, at_lat: float) -> Cell | None:
    """The cell that holds a point; None outside the grid."""
    column = fractional_column(lon, np.array([(at_lon + 180.0) % 360.0 - 180.0]))[0]
    row = fractional_row(lat, np.array([at_lat]))[0]
    if np.isnan(column) or np.isnan(row):
        return None
    r, c = min(round(float(row)), lat.size - 1), min(round(float(column)), lon.size - 1)
    edges, half = row_edges(lat), lon_step(lon) / 2
    return Cell(r, c, (float(lon[c]) - half, float(edges[r + 1]), float(lon[c]) + half, float(edges[r])))


def value_at(step: StepArray, lon: float, lat: float) -> float | None:
    """The value of the cell at a point; None where it is missing or outside the grid."""
    cell = cell_at(step.lon, step.lat, lon, lat)
    if cell is None:
        return None
    r, c = cell.row, cell.column
    value = float(np.asarray(step.levels[0][r : r + 1, c : c + 1])[0, 0])
    return None if np.isnan(value) else value


def sampling_of(row: Any, ramp: Ramp) -> Sampling:
    """Between cells only where the colours run on, too; classes are drawn cell by cell."""
    return "bilinear" if ramp.interpolate and not row.attributes.get("categorical") else "nearest"


class OpenSteps:
    """The last steps asked for, open, and the chunks of them read last; a step never changes under its id."""

    def __init__(self, home: Path, most: int = OPENED) -> None:
        self._home, self._most = home, most
        self._held: OrderedDict[str, StepArray] = OrderedDict()
        self._rows: OrderedDict[int, Any] = OrderedDict()
        self._scales: OrderedDict[str, Lattice] = OrderedDict()
        self._chunks = ChunkCache()
        self._lock = threading.Lock()

    def row(self, number: int, find: Callable[[int], Any]) -> Any:
        """The row of a step by its number, looked up with `find` once; None where there is none."""
        with self._lock:
            if number in self._rows:
                self._rows.move_to_end(number)
                return self._rows[number]
        row = find(number)
        if row is not None:
            with self._lock:
                _keep(self._rows, number, row, ROWS)
        return row

    def get(self, row: Any) -> StepArray:
        """The arrays of a row of `field_step`; StoreError where they are gone."""
        with self._lock:
            if row.store in self._held:
                self._held.move_to_end(row.store)
                return self._held[row.store]
        step = open_step(self._home, row)
        with self._lock:
            _keep(self._held, row.store, step, self._most)
        return step

    def _levels(self, step: StepArray) -> tuple[CachedArray, ...]:
        """The overviews of a step, read through the cache."""
        name = step.row.store
        return tuple(CachedArray(array, self._chunks, name, level) for level, array in enumerate(step.levels))

    def tile(self, row: Any, z: int, x: int, y: int, *, size: int = SIZE, kind: Picture = "png") -> bytes:
        """The picture tile of a step, b"" where it is empty; ValueError where there is no such tile.

        Cells are drawn one by one, whatever the ramp: programs that read pictures get what is there.
        """
        step = self.get(row)
        return render_tile(self._levels(step), step.lon, step.lat, z, x, y, ramp_of(step), size=size, kind=kind)

    def values(self, row: Any, z: int, x: int, y: int) -> bytes:
        """The value tile of a step, b"" where it is empty; ValueError where there is no such tile."""
        step = self.get(row)
        with self._lock:
            scale = self._scales.get(row.store)
        if scale is None:
            scale = lattice(*range_of(step.levels, row.attributes))
            with self._lock:
                _keep(self._scales, row.store, scale, ROWS)
        sampling = sampling_of(row, ramp_of(step))
        return value_tile(self._levels(step), step.lon, step.lat, z, x, y, scale, sampling=sampling)


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    """Add to what is kept and let go of the oldest."""
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)


def ramp_of(step: StepArray) -> Ramp:
    """The ramp of a house quantity; for any other one over what the smallest overview holds."""
    spec = FIELDS.get(step.row.quantity)
    if spec is not None and spec.ramp is not None:
        return spec.ramp
    cached: Ramp | None = getattr(step, "_ramp", None)
    if cached is None:
        cached = ramp_for(step.row.quantity, *range_of(step.levels[-1:], step.row.attributes))
        object.__setattr__(step, "_ramp", cached)
    return cached
