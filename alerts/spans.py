"""Stretches of time as sorted pairs of seconds: joined, counted, cut and asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NONE: Floats = np.empty((0, 2))


def joined(start: Floats, end: Floats) -> Floats:
    """(k, 2) the union of stretches in any order; those that touch are one.

    Parameters
    ----------
    start, end : array
        Beginnings and ends [s]; a stretch without length is left out.
    """
    return at_least(start, end, 1)


def at_least(start: Floats, end: Floats, count: int) -> Floats:
    """(k, 2) the time in which at least `count` of some stretches are running."""
    some = end > start
    start, end = start[some], end[some]
    if not len(start):
        return NONE
    times = np.concatenate([start, end])
    change = np.concatenate([np.ones(len(start)), -np.ones(len(end))])
    order = np.lexsort((-change, times))  # what begins at a time comes before what ends at it: touching is one
    running = np.cumsum(change[order]) >= count
    turns = np.flatnonzero(np.diff(running, prepend=False))
    found: Floats = times[order][turns].reshape(-1, 2)
    return found[found[:, 1] > found[:, 0]]


def later(spans: Floats, by: float) -> Floats:
    """The stretches without the first `by` seconds of each."""
    found: Floats = spans + np.array([by, 0.0])
    return found[found[:, 1] > found[:, 0]]


def both(one: Floats, other: Floats) -> Floats:
    """The time in both of two sets of stretches."""
    start = np.maximum(one[:, None, 0], other[None, :, 0]).ravel()
    end = np.minimum(one[:, None, 1], other[None, :, 1]).ravel()
    return joined(start, end)


def covers(spans: Floats, start: float, end: float) -> bool:
    """Whether all of a time lies in one of the stretches."""
    return bool(((spans[:, 0] <= start) & (spans[:, 1] >= end)).any())


def share(spans: Floats, start: float, end: float) -> float:
    """The share of a time that lies in the stretches, 0..1; 0 of no time."""
    if end <= start:
        return 0.0
    inside = np.clip(spans, start, end)
    return float((inside[:, 1] - inside[:, 0]).sum() / (end - start))
