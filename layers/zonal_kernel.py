"""The one hot loop of zonal statistics, compiled.

Apart from the module that uses it, because a compiled cache is bound to the module name: a kernel first compiled
inside a spawned `__main__` poisons it.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


def _compiled(function: Any) -> Any:
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "nsz", "contract"}}  # NaN keeps its meaning
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # nowhere to keep the cache: compile in each process
        return numba.njit(**options)(function)


@_compiled
def reduce_regions(
    values: Any, nx: int, run_at: Any, run_first: Any, run_length: Any, edge_at: Any, edge_cell: Any,
    edge_weight: Any, row_weight: Any, limit: float,
) -> Any:  # fmt: skip
    """Per region: weighted sum, weight of valid cells, weight of all cells, maximum, minimum, weight at or above."""
    count = len(run_at) - 1
    out = np.empty((count, 6))
    for region in range(count):
        total = weight = everything = above = 0.0
        highest, lowest = np.float32(-np.inf), np.float32(np.inf)
        for run in range(run_at[region], run_at[region + 1]):
            first, length = run_first[run], run_length[run]
            part, valid, over = 0.0, 0, 0
            for cell in range(first, first + length):
                value = values[cell]
                if value == value:
                    part += value
                    valid += 1
                    highest = max(highest, value)
                    lowest = min(lowest, value)
                    if value >= limit:
                        over += 1
            area = row_weight[first // nx]
            total += area * part
            weight += area * valid
            above += area * over
            everything += area * length
        for edge in range(edge_at[region], edge_at[region + 1]):
            cell = edge_cell[edge]
            share = edge_weight[edge] * row_weight[cell // nx]
            everything += share
            value = values[cell]
            if value == value:
                total += share * value
                weight += share
                highest = max(highest, value)
                lowest = min(lowest, value)
                if value >= limit:
                    above += share
        out[region, 0] = total
        out[region, 1] = weight
        out[region, 2] = everything
        out[region, 3] = highest
        out[region, 4] = lowest
        out[region, 5] = above
    return out
