"""The steps of a dataset as an array that xarray reads from; apart, because importing xarray takes a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core.indexing import (
    ExplicitIndexer,
    IndexingSupport,
    LazilyIndexedArray,
    explicit_indexing_adapter,
)

from data.errors import StoreError
from data.store.field_files import FOLDER, open_values, whole


@dataclass(frozen=True)
class Place:
    """What is needed to find the array of a step; a task of Dask carries it to another process."""

    store: str
    quantity: str


class Stack(BackendArray):
    """Steps of one grid as an array (time, lat, lon), read step by step."""

    def __init__(self, home: Path, places: Sequence[Place], shape: tuple[int, int, int]) -> None:
        self.home, self.places, self.shape = home, tuple(places), shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        """Values at an outer index: a slice, a number or an array of numbers for each axis."""
        times, rows, columns = key
        if isinstance(times, int | np.integer):
            return self._read_step(int(times), rows, columns)
        read = [self._read_step(number, rows, columns) for number in np.arange(self.shape[0])[times].tolist()]
        if read:
            return np.stack(read)
        return np.empty((0, *np.empty(self.shape[1:], bool)[rows][..., columns].shape), np.float32)

    def _read_step(self, number: int, rows: Any, columns: Any) -> NDArray[np.float32]:
        array = open_values(self.home, self.places[number])
        if array.shape != self.shape[1:]:
            raise StoreError(f"field step {self.places[number].store} has {array.shape} cells, not {self.shape[1:]}")
        return whole(
            self.home / FOLDER / self.places[number].store, np.asarray(array.oindex[rows, columns], np.float32)
        )


def lazy(stack: Stack) -> Any:
    """The stack as the data of a variable."""
    return LazilyIndexedArray(stack)
