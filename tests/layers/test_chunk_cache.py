"""Windows read through cached chunks are those of the array, and the cache keeps to its limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from layers.chunk_cache import CachedArray, ChunkCache


class Stored:
    """An array in chunks that counts how often it is read."""

    def __init__(self, values: np.ndarray[Any, Any], chunks: tuple[int, int]) -> None:
        self.values, self.chunks, self.shape, self.reads = values, chunks, values.shape, 0

    def __getitem__(self, window: Any) -> Any:
        self.reads += 1
        return self.values[window]


VALUES = np.arange(70 * 90, dtype=np.float32).reshape(70, 90)
WINDOWS = [
    (slice(0, 70), slice(0, 90)), (slice(3, 9), slice(5, 11)), (slice(31, 33), slice(31, 65)),
    (slice(63, 70), slice(80, 90)), (slice(0, 1), slice(89, 90)), (slice(5, 5), slice(0, 3)),
]  # fmt: skip


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("chunks", [(32, 32), (70, 90), (7, 90)])
def test_window_is_that_of_the_array(window: tuple[slice, slice], chunks: tuple[int, int]) -> None:
    array = CachedArray(Stored(VALUES, chunks), ChunkCache(), "a", 0)
    for _ in range(2):
        assert np.array_equal(array[window], VALUES[window])
    assert np.array_equal(array[:], VALUES)


def test_chunk_is_read_once_while_it_is_kept() -> None:
    stored = Stored(VALUES, (32, 32))
    array = CachedArray(stored, ChunkCache(), "a", 0)
    for _ in range(5):
        array[0:30, 0:30]
    assert stored.reads == 1


def test_cache_keeps_to_its_limit_and_drops_the_oldest() -> None:
    stored = Stored(VALUES, (32, 32))
    array = CachedArray(stored, ChunkCache(limit=2 * 32 * 32 * 4), "a", 0)
    for start in (0, 32, 0, 64, 0):
        array[0:10, start : start + 10]
    assert stored.reads == 3  # the first stays in use; 64 takes the place of 32
    array[0:10, 32:42]
    assert stored.reads == 4


def test_names_and_levels_are_kept_apart() -> None:
    cache = ChunkCache()
    first, second = Stored(VALUES, (32, 32)), Stored(VALUES + 1, (32, 32))
    assert CachedArray(first, cache, "a", 0)[0:1, 0:1] == 0
    assert CachedArray(second, cache, "b", 0)[0:1, 0:1] == 1
    assert CachedArray(second, cache, "a", 1)[0:1, 0:1] == 1


def test_a_reader_cannot_change_what_others_read() -> None:
    array = CachedArray(Stored(VALUES, (32, 32)), ChunkCache(), "a", 0)
    with pytest.raises(ValueError, match="read-only"):
        array[0:3, 0:3][0, 0] = 5
