"""The hot loops of inspection: points in their declared units, and words as numbers."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from layers.kernels.compiled import compiled

SIDE_BITS = 4  # a block of the look-up grid is 16 x 16 cells
_SIDE = 1 << SIDE_BITS
BORDER, NOWHERE = 0, 65535  # in the grid: to be looked at exactly; in no unit

_compiled = compiled()
_inline = compiled(inline="always")


@_compiled
def place_in_units(
    lon: Any, lat: Any, declared: Any, west: Any, north: Any, per_degree: Any, blocks: Any, cells: Any, edge_at: Any,
    x0: Any, y0: Any, x1: Any, y1: Any, out: Any,
) -> Any:  # fmt: skip
    """Whether each point lies in its declared unit (1 to n; 0 is not looked at): `out` is 1 where it does not.

    Inside a cell of one unit that is a look-up; in cells with a border the edges of the declared unit are counted
    (even-odd rule, half open). Returns how many were counted so.
    """
    height, width = blocks.shape[0] << SIDE_BITS, blocks.shape[1] << SIDE_BITS
    exact = 0
    for index in range(len(lon)):
        unit = declared[index]
        out[index] = 0
        if unit == 0:
            continue
        across, down = (lon[index] - west) * per_degree, (north - lat[index]) * per_degree
        if not (across >= 0 and across < width and down >= 0 and down < height):
            out[index] = 1
            continue
        column, row = int(across), int(down)
        value = blocks[row >> SIDE_BITS, column >> SIDE_BITS]
        if value < 0:
            value = numba.int32(cells[-value - 1, row & (_SIDE - 1), column & (_SIDE - 1)])
        if value != BORDER:
            out[index] = value != unit
            continue
        exact += 1
        x, y, within = lon[index], lat[index], False
        for edge in range(edge_at[unit - 1], edge_at[unit]):
            crosses = (y0[edge] > y) != (y1[edge] > y)
            if crosses and x < (x1[edge] - x0[edge]) * (y - y0[edge]) / (y1[edge] - y0[edge]) + x0[edge]:
                within = not within
        out[index] = not within
    return exact


@_compiled
def hash_words(offsets: Any, data: Any, out: Any) -> None:
    """Mix each word into its number (FNV-1a, 64 bits, then the finisher of MurmurHash3)."""
    for index in range(len(out)):
        value = np.uint64(14695981039346656037)
        for place in range(offsets[index], offsets[index + 1]):
            value = (value ^ np.uint64(data[place])) * np.uint64(1099511628211)
        out[index] = _finish(value ^ _finish(out[index]))


@_compiled
def hash_numbers(bits: Any, out: Any) -> None:
    """Mix each number's bits into its hash."""
    for index in range(len(out)):
        out[index] = _finish(np.uint64(bits[index]) + np.uint64(0x9E3779B97F4A7C15) + _finish(out[index]))


@_inline
def _finish(value: Any) -> Any:
    """The finisher of MurmurHash3 (Appleby): every bit of what goes in changes half of what comes out."""
    value = numba.uint64(value)
    value = (value ^ (value >> numba.uint64(33))) * numba.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> numba.uint64(33))) * numba.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> numba.uint64(33))


@_compiled
def robust_scores(values: Any, neighbours: Any, fewest: Any, least_spread: Any, out: Any, middles: Any) -> None:
    """How many robust standard deviations a value is from the median of its neighbours'; NaN where too few are known.

    `neighbours` (n, k) are places in `values`, or len(values) where there is none; the record itself is left out.
    `middles` are the medians. The deviation is 1.4826 times the median absolute deviation, at least `least_spread`.
    """
    count = len(values)
    for index in range(neighbours.shape[0]):
        known = np.empty(neighbours.shape[1])
        found = 0
        for one in neighbours[index]:
            if one < count and one != index and values[one] == values[one]:
                known[found] = values[one]
                found += 1
        out[index] = middles[index] = np.nan
        if found < fewest or values[index] != values[index]:
            continue
        middle = middles[index] = np.median(known[:found])
        spread = max(1.4826 * np.median(np.abs(known[:found] - middle)), least_spread)
        if spread > 0:
            out[index] = (values[index] - middle) / spread
