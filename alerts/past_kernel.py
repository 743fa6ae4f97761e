"""The hot loops of sliding windows over fields, compiled; apart, because a cache is bound to its module."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


def _compiled(function: Any) -> Any:
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # nowhere to keep the cache: compile in each process
        return numba.njit(nogil=True)(function)


@_compiled
def add(total: Any, missing: Any, values: Any) -> None:
    """Take a step into a running sum; NaN is counted and not added."""
    for cell in range(total.size):
        value = values[cell]
        if value == value:
            total[cell] += value
        else:
            missing[cell] += 1


@_compiled
def take_off(total: Any, missing: Any, values: Any) -> None:
    """Take a step out of a running sum."""
    for cell in range(total.size):
        value = values[cell]
        if value == value:
            total[cell] -= value
        else:
            missing[cell] -= 1


@_compiled
def put_out(total: Any, missing: Any, count: float, factor: float, offset: float, out: Any) -> None:
    """The sum over `count`, in another unit; NaN where any step of the window is missing."""
    for cell in range(total.size):
        out[cell] = np.nan if missing[cell] > 0 else total[cell] / count * factor + offset


@_compiled
def slide(total: Any, missing: Any, new: Any, old: Any, count: float, factor: float, offset: float, out: Any) -> None:
    """One step in, one out, and the result: the three above in one pass over memory."""
    for cell in range(total.size):
        value, gone = new[cell], old[cell]
        if value == value:
            total[cell] += value
        else:
            missing[cell] += 1
        if gone == gone:
            total[cell] -= gone
        else:
            missing[cell] -= 1
        out[cell] = np.nan if missing[cell] > 0 else total[cell] / count * factor + offset
