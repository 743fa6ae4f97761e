"""What a derived quantity declares: which stored steps it needs, and how it is made of them.

The planner (`derive_plan`) finds the steps, the job (`derive`) reads and stores; a derivation itself is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.units import factor_offset
from layers.amounts import ROUNDING_MM, difference
from layers.layer import LayerSpec
from layers.step_values import read_values

Array = NDArray[Any]
Compute = Callable[["Inputs"], Mapping[str, Array]]
BLOCK = 1_000_000  # cells that a formula gets at a time: its intermediate arrays are many


@dataclass(frozen=True, kw_only=True)
class Need:
    """Steps of one quantity, in relation to the time that is computed.

    `at`: the step of that time, less `back`. `sum`: amounts that fill the `window` that ends there. `each`: every
    step within `window` on both sides. `all`: every step there is on the grid, of any source and time; `newest`:
    the last of them.
    """

    quantity: str
    unit: str
    take: Literal["at", "sum", "each", "all", "newest"] = "at"
    window: timedelta = timedelta(0)
    back: timedelta = timedelta(0)
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """How one or several quantities are made; the first need says at which times."""

    name: str  # what an operator switches off
    specs: tuple[LayerSpec, ...]
    needs: Mapping[str, Need]
    compute: Compute
    when: Literal["each", "hourly", "six-hourly", "noon", "newest"] = "each"
    accumulation: timedelta = timedelta(0)
    observed_only: bool = False
    carries: bool = False  # a day needs what this made the day before: done in order of time
    categorical: bool = False
    version: int = 1  # raised when its numbers change: everything is computed anew


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stored step, or what was added to it since an earlier one of the same run."""

    row: Any  # of field_step
    less: Any = None

    @property
    def ids(self) -> tuple[int, ...]:
        return (self.row.id,) if self.less is None else (self.row.id, self.less.id)


@dataclass(kw_only=True, eq=False)
class Inputs:
    """The steps of one job, read when they are asked for, in the units of the needs."""

    home: Path
    needs: Mapping[str, Need]
    parts: Mapping[str, Sequence[Part]]
    valid_at: datetime
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    notes: list[str] = field(default_factory=list)  # what was mended, for the attributes of the step

    @property
    def shape(self) -> tuple[int, int]:
        return self.lat.size, self.lon.size

    def has(self, name: str) -> bool:
        return bool(self.parts[name])

    def get(self, name: str) -> NDArray[np.float64]:
        """The field of an `at`, `sum` or `newest` need (ny, nx); NaN is missing.

        Raises
        ------
        LayerError, StoreError
            If the steps do not fit, or cannot be read.
        """
        need, total, mended = self.needs[name], np.zeros(self.shape), 0
        if need.take not in ("at", "sum", "newest") or not self.parts[name]:
            raise LayerError(f"{name} is not one field")
        for part in self.parts[name]:
            values, noise = self._read(part, need)
            total += values
            mended += noise
        if mended:
            self.notes.append(f"{name}: falling totals by at most {ROUNDING_MM} mm set to 0 in {mended} cells")
        return total

    def each(self, name: str) -> Iterator[tuple[datetime, NDArray[np.float64]]]:
        """Valid time and field of every step of an `each` or `all` need, oldest first."""
        for part in self.parts[name]:
            yield part.row.valid_at, self._read(part, self.needs[name])[0]

    def _read(self, part: Part, need: Need) -> tuple[NDArray[np.float64], int]:
        factor, offset = _conversion(part.row, need)
        values = read_values(self.home, part.row)
        if values.shape != self.shape:
            raise LayerError(f"step {part.row.id} has {values.shape} cells, not {self.shape}")
        if part.less is None:
            return values * np.float64(factor) + offset, 0
        rounding = ROUNDING_MM / factor_offset(part.row.unit, "mm")[0]
        amount, mended = difference(values, read_values(self.home, part.less), rounding)
        return amount * factor, mended


def _conversion(row: Any, need: Need) -> tuple[float, float]:
    try:
        return factor_offset(row.unit, need.unit)
    except ValueError as error:
        raise LayerError(f"{row.quantity} comes in {row.unit!r}, {need.unit!r} is needed: {error}") from error


def by_cell(quantity: str, function: Callable[..., Array], *names: str) -> Compute:
    """A formula over the cells of some `at` or `sum` needs, a block of rows at a time."""

    def compute(inputs: Inputs) -> Mapping[str, Array]:
        given = [inputs.get(name) for name in names]
        found = np.empty(inputs.shape, np.float32)
        rows = max(1, BLOCK // inputs.shape[1])
        for start in range(0, inputs.shape[0], rows):
            block = slice(start, start + rows)
            found[block] = function(*(values[block] for values in given))
        return {quantity: found}

    return compute


def within_range(values: Array, spec: LayerSpec) -> NDArray[np.float32]:
    """The values, missing where they are outside what the quantity can be."""
    found = np.asarray(values, np.float32)
    if spec.valid_range is None:
        return np.where(np.isfinite(found), found, np.float32(np.nan))
    low, high = spec.valid_range
    return np.where((found >= low) & (found <= high), found, np.float32(np.nan))
