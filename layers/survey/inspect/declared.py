"""Checks of the declared unit: is there one, is it known, does the record lie in it, would it with axes swapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.regions import load_regions
from layers.survey.inspect.checks import Found, is_place
from layers.survey.inspect.delivery import Batch
from layers.survey.inspect.units import numbers_of, unit_grid

Array = NDArray[Any]


@dataclass(eq=False)
class Declared:
    """What is known of declared units in a run; each batch is looked at once for all rules."""

    base_dir: Path
    units: list[str]  # of the ledger, which grows as batches come
    _named: list[tuple[str, int, str] | None] = field(default_factory=list)
    _last: tuple[int, Array] = (-1, np.empty(0, bool))

    def _names(self) -> list[tuple[str, int, str] | None]:
        """Kind, number and code of each unit of the ledger; None for one that is no region."""
        fresh = self.units[len(self._named) :]
        known = numbers_of(self.base_dir, fresh)
        self._named += [known.get(word) for word in fresh]
        return self._named

    def _numbers(self, units: NDArray[np.int32], kind: str) -> NDArray[np.int32]:
        named = [0 if one is None or one[0] != kind else one[1] for one in self._names()]
        return np.array(named, np.int32)[units]

    def _kinds(self, units: NDArray[np.int32]) -> list[str]:
        named = self._names()
        return sorted({found[0] for unit in np.unique(units).tolist() if (found := named[unit]) is not None})

    def look(self, batch: Batch, units: NDArray[np.int32], given: Mapping[str, Any]) -> Found:
        """One rule about the declared unit."""
        if given["fault"] == "none":
            return Found(units == 0)
        if given["fault"] == "unknown":
            marks = np.array([one is None for one in self._names()])[units] & (units != 0)
            return Found(marks, value=[self.units[place] for place in units[marks]])
        lon, lat = batch.positions
        nowhere = ~is_place(lon, lat) | np.array([one is None for one in self._names()])[units]
        marks = self._elsewhere(batch, units)
        swapped = self._swapped(marks, lon, lat, units)
        if given["fault"] == "swapped":
            return Found(
                swapped, nowhere, value=[f"{x:g}, {y:g}" for x, y in zip(lon[swapped], lat[swapped], strict=True)]
            )
        marks = marks & ~swapped & is_place(lon, lat)
        metres = self._metres(marks, lon, lat, units)
        far = metres > float(given.get("tolerance_m", 0))
        marks[marks] = far
        return Found(marks, nowhere, other=self._true_units(marks, lon, lat, units), metres=metres[far])

    def _elsewhere(self, batch: Batch, units: NDArray[np.int32]) -> Array:
        if self._last[0] != batch.first or len(self._last[1]) != len(batch):
            lon, lat = batch.positions
            marks = np.zeros(len(batch), np.bool_)
            for kind in self._kinds(units):
                marks |= unit_grid(self.base_dir, kind).elsewhere(lon, lat, self._numbers(units, kind))
            marks &= ~(np.isnan(lon) | np.isnan(lat))
            self._last = (batch.first, marks)
        return self._last[1].copy()

    def _swapped(self, marks: Array, lon: Array, lat: Array, units: NDArray[np.int32]) -> Array:
        """Those not in their unit that would lie in it with longitude and latitude the other way round."""
        found = np.zeros(len(marks), np.bool_)
        where = np.flatnonzero(marks)
        for kind in self._kinds(units[where]):
            number = self._numbers(units[where], kind)
            inside = ~unit_grid(self.base_dir, kind).elsewhere(lat[where], lon[where], number)
            found[where] |= inside & (number > 0)
        return found

    def _metres(self, marks: Array, lon: Array, lat: Array, units: NDArray[np.int32]) -> Array:
        """How far those that are marked are from their unit [m]."""
        where = np.flatnonzero(marks)
        metres = np.zeros(len(where))
        for kind in self._kinds(units[where]):
            number = self._numbers(units[where], kind)
            mine = number > 0
            grid, at = unit_grid(self.base_dir, kind), where[mine]
            metres[mine] = grid.metres_to(number[mine], lon[at], lat[at])
        return metres

    def _true_units(self, marks: Array, lon: Array, lat: Array, units: NDArray[np.int32]) -> list[str]:
        """Codes of the units in which those that are marked lie; "" in none."""
        where, code = np.flatnonzero(marks), load_regions(self.base_dir).code
        found = np.full(len(where), "", object)
        for kind in self._kinds(units[where]):
            mine = self._numbers(units[where], kind) > 0
            at = where[mine]
            rids = unit_grid(self.base_dir, kind).at(lon[at], lat[at])
            found[mine] = ["" if rid < 0 else str(code[rid]) for rid in rids.tolist()]
        return found.tolist()
