"""The hot loops of zonal statistics, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.kernels.compiled import compiled

_compiled = compiled(fastmath={"reassoc", "nsz", "contract"})  # NaN keeps its meaning


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


@_compiled
def _part_at(value: Any, weight: Any, count: int, target: float) -> Any:
    """The least of `count` values that together with those below it weighs `target`; both arrays are reordered.

    A weighted quickselect: what lies on the other side of the pivot is never looked at again.
    """
    low, high, below, pivot = 0, count, 0.0, value[0]
    while low < high:
        first, middle, last = value[low], value[(low + high) // 2], value[high - 1]
        pivot = max(min(first, middle), min(max(first, middle), last))
        less, at, more = low, low, high
        weight_less = weight_same = 0.0
        while at < more:
            if value[at] < pivot:
                weight_less += weight[at]
                value[at], value[less] = value[less], value[at]
                weight[at], weight[less] = weight[less], weight[at]
                less += 1
                at += 1
            elif value[at] > pivot:
                more -= 1
                value[at], value[more] = value[more], value[at]
                weight[at], weight[more] = weight[more], weight[at]
            else:
                weight_same += weight[at]
                at += 1
        if less > low and below + weight_less >= target:
            high = less
        elif below + weight_less + weight_same >= target:
            return pivot
        else:
            below += weight_less + weight_same
            low = more
    return pivot  # the weights add up to less than the target by rounding: the largest value


@_compiled
def percentile_regions(
    values: Any, nx: int, run_at: Any, run_first: Any, run_length: Any, edge_at: Any, edge_cell: Any,
    edge_weight: Any, row_weight: Any, cell_weight: Any, share: float,
) -> Any:  # fmt: skip
    """Per region: the least value that at least `share` of the valid weight does not exceed; NaN where there is none.

    `cell_weight` is one more weight of each cell, or empty; cells whose weight is NaN or zero do not count.
    """
    count, weighted = len(run_at) - 1, len(cell_weight) > 0
    most = 1
    for region in range(count):
        cells = edge_at[region + 1] - edge_at[region]
        for run in range(run_at[region], run_at[region + 1]):
            cells += run_length[run]
        most = max(most, cells)
    value, weight = np.empty(most, np.float32), np.empty(most, np.float64)
    out = np.full(count, np.nan)
    for region in range(count):
        found, total = 0, 0.0
        for run in range(run_at[region], run_at[region + 1]):
            first = run_first[run]
            area = row_weight[first // nx]
            for cell in range(first, first + run_length[run]):
                part = area * cell_weight[cell] if weighted else area
                if values[cell] == values[cell] and part > 0:
                    value[found], weight[found] = values[cell], part
                    total += part
                    found += 1
        for edge in range(edge_at[region], edge_at[region + 1]):
            cell = edge_cell[edge]
            part = edge_weight[edge] * row_weight[cell // nx]
            if weighted:
                part *= cell_weight[cell]
            if values[cell] == values[cell] and part > 0:
                value[found], weight[found] = values[cell], part
                total += part
                found += 1
        if found > 0:
            out[region] = _part_at(value, weight, found, share * total * (1.0 - 1e-12))
    return out
