"""Tsunami: speed of long waves, growth towards the coast, time along a known profile of depths."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from layers.classes import class_table
from layers.layer import LayerSpec

Floats = NDArray[np.float64]
GRAVITY_MS2 = 9.80665
DEEPEST_M = 11_000.0
SPEC = LayerSpec(
    key="field:tsunami_speed", title="Speed of long waves", kind="field", quantity="tsunami_speed", unit="m/s",
    needs=("sea_depth",), valid_range=(0.0, 330.0), reference="Airy 1845 (linear long waves); Green 1838 (shoaling)",
)  # fmt: skip


def long_wave_speed(depth: ArrayLike) -> Floats:
    """Speed sqrt(g h) [m/s] of waves much longer than the water is deep; depth [m, above 0 to 11,000], else NaN."""
    water = _depth(depth)
    return np.asarray(np.sqrt(GRAVITY_MS2 * water))


def growth(depth: ArrayLike, *, source_depth: float) -> Floats:
    """By how much a wave is higher than at a source depth [m]: Green's law (h0 / h)^(1/4).

    Linear theory without breaking, friction, reflection or the shape of a bay: for water deeper than some 10 m.
    NaN where a depth is missing or not of the sea.
    """
    return np.asarray((_depth(source_depth) / _depth(depth)) ** 0.25)


def travel_time_s(depth: ArrayLike, length: ArrayLike) -> Floats:
    """Travel time [s] along a path of pieces with a depth [m] and a length [m] each, over the last axis.

    NaN where any piece is missing: an unknown piece has an unknown time. No refraction: the path is given.

    Raises
    ------
    LayerError
        If a length is negative.
    """
    pieces = np.asarray(length, dtype=np.float64)
    if (pieces < 0).any():
        raise LayerError("a piece of a path cannot have a negative length")
    return np.asarray((pieces / long_wave_speed(depth)).sum(axis=-1))


def coast_class(height: ArrayLike, *, scheme: str = "tsunami_jma", on: date | None = None) -> NDArray[np.float32]:
    """Warning class of a height at the coast [m, 0..100]; NaN where it is missing."""
    value = np.asarray(height, dtype=np.float64)
    return class_table(scheme, on).numbers(np.where((value >= 0) & (value <= 100), value, np.nan))


def _depth(depth: ArrayLike) -> Floats:
    water = np.asarray(depth, dtype=np.float64)
    return np.where((water > 0) & (water <= DEEPEST_M), water, np.nan)
