"""Decoded chunks of stored arrays, kept within a limit of memory: neighbouring tiles read the same chunks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

Key = tuple[str, int, int, int]
LIMIT = 64 * 2**20


class ChunkCache:
    """The chunks read last, up to a number of bytes; safe to use from several threads."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._bytes = limit, 0
        self._kept: OrderedDict[Key, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> NDArray[np.float32] | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Key, chunk: NDArray[np.float32]) -> None:
        with self._lock:
            if key in self._kept or chunk.nbytes > self._limit:
                return
            self._kept[key] = chunk
            self._bytes += chunk.nbytes
            while self._bytes > self._limit:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.nbytes


class CachedArray:
    """A stored array (rows, columns) that is read by whole chunks through a cache."""

    def __init__(self, array: Any, cache: ChunkCache, name: str, level: int) -> None:
        self.shape: tuple[int, int] = array.shape
        self._array, self._cache, self._name, self._level = array, cache, name, level
        self._chunks: tuple[int, int] = array.chunks

    def __getitem__(self, window: tuple[slice, slice] | slice) -> NDArray[np.float32]:
        """A window by two slices of step 1, or the whole by `[:]`."""
        rows, columns = window if isinstance(window, tuple) else (slice(None), slice(None))
        (top, bottom, _), (left, right, _) = rows.indices(self.shape[0]), columns.indices(self.shape[1])
        (height, width) = self._chunks
        places = [
            (row, column)
            for row in range(top // height, -(-bottom // height))
            for column in range(left // width, -(-right // width))
        ]
        if len(places) == 1:
            ((row, column),) = places
            chunk = self._chunk(row, column)
            return chunk[top - row * height : bottom - row * height, left - column * width : right - column * width]
        found = np.empty((max(bottom - top, 0), max(right - left, 0)), np.float32)
        for row, column in places:
            chunk = self._chunk(row, column)
            first_row, first_column = max(top, row * height), max(left, column * width)
            part = chunk[first_row - row * height : bottom - row * height, first_column - column * width :]
            part = part[:, : right - first_column]
            found[first_row - top :, first_column - left :][: part.shape[0], : part.shape[1]] = part
        return found

    def _chunk(self, row: int, column: int) -> NDArray[np.float32]:
        key = (self._name, self._level, row, column)
        chunk = self._cache.get(key)
        if chunk is None:
            height, width = self._chunks
            area = self._array[row * height : (row + 1) * height, column * width : (column + 1) * width]
            chunk = np.ascontiguousarray(area, np.float32)
            chunk.flags.writeable = False
            self._cache.put(key, chunk)
        return chunk
