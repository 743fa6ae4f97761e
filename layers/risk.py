"""Composite risk: hazard, exposure, vulnerability and lack of coping capacity in one number that shows its parts.

After the INFORM Risk Index: each input is scaled to 0-10, inputs of a dimension are averaged, and dimensions are
multiplied as a geometric mean, so that no hazard is no risk. What is not known is carried as the interval of all that
it could be; the result is an interval too, and a number only where that interval is a point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from layers.layer import Ramp

DIMENSIONS = ("hazard", "exposure", "vulnerability", "coping")
TOP = 10.0
CLASS_STARTS = (2.0, 3.5, 5.0, 6.5)  # INFORM's fixed classes; each from its start up
CLASS_NAMES = ("very low", "low", "medium", "high", "very high")
NO_CLASS = -1
RISK_RAMP = Ramp(
    stops=tuple(zip((0.0, *CLASS_STARTS), ("#f4efdf", "#dcbc72", "#b27638", "#6d3723", "#250d12"), strict=True)),
    interpolate=False,
)
POINT = 1e-9  # a narrower interval is a number

Floats = NDArray[np.float64]
Inner = Literal["arithmetic", "inform"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Input:
    """One ingredient of a dimension, for regions or cells alike.

    `low` and `high` are equal where the value is known, apart where only bounds are, and NaN where nothing is.
    `scale` names the values that become 0 and 10; beyond it is clipped. `inverted`: a high value is good.
    `logarithmic`: the order of magnitude counts, as for people.
    """

    key: str
    title: str
    dimension: str
    low: Floats
    high: Floats
    scale: tuple[float, float]
    inverted: bool = False
    logarithmic: bool = False
    weight: float = 1.0
    unit: str = ""
    source: str = ""
    vintage: str = ""

    def scaled(self) -> tuple[Floats, Floats]:
        """Bounds on the scale 0-10; the whole scale where nothing is known.

        Raises
        ------
        LayerError
            If the scale is not one, or bounds are the wrong way round.
        """
        low, high = np.asarray(self.low, np.float64), np.asarray(self.high, np.float64)
        if low.shape != high.shape or bool((low > high).any()):
            raise LayerError(f"{self.title}: the lower bound must not pass the upper one")
        least, most = self._scale_value(np.array(self.scale, np.float64))
        if not (np.isfinite(least) and np.isfinite(most) and least < most):
            raise LayerError(f"{self.title}: the scale must run from a lower to a higher number")
        known_low, known_high = (self._place(values, least, most) for values in (low, high))
        if self.inverted:
            known_low, known_high = TOP - known_high, TOP - known_low
        return np.nan_to_num(known_low, nan=0.0), np.nan_to_num(known_high, nan=TOP)

    def _scale_value(self, values: Floats) -> Floats:
        if not self.logarithmic:
            return values
        if bool((values < 0).any()):
            raise LayerError(f"{self.title}: a logarithmic scale takes no negative number")
        return np.log1p(values)

    def _place(self, values: Floats, least: float, most: float) -> Floats:
        found = (self._scale_value(values) - least) / (most - least) * TOP
        return np.where(np.isfinite(values), found.clip(0.0, TOP), np.nan)


@dataclass(frozen=True, kw_only=True, eq=False)
class Risk:
    """A composite with its ingredients beside it; arrays are in the shape of the inputs."""

    value: Floats  # 0..10; NaN where the interval is not a point
    low: Floats
    high: Floats
    known: NDArray[np.bool_]  # whether every input that counts is known
    dimensions: Mapping[str, tuple[Floats, Floats]]
    scaled: Mapping[str, tuple[Floats, Floats]]  # by key of the input
    inputs: tuple[Input, ...]
    weights: Mapping[str, float]  # of the dimensions, adding up to 1


def composite(
    inputs: Sequence[Input], *, weights: Mapping[str, float] | None = None, inner: Inner = "arithmetic"
) -> Risk:  # fmt: skip
    """The composite of some inputs.

    Parameters
    ----------
    inputs : sequence of Input
        All of one shape. An input of weight 0 is shown and does not count. A dimension without inputs is left out.
    weights : mapping, optional
        Of the dimensions, 1 each where none is given: with three dimensions each has the exponent 1/3.
    inner : {'arithmetic', 'inform'}
        How inputs of a dimension are put together: their weighted mean, or INFORM's inverted geometric mean, where
        one high input counts for more.

    Returns
    -------
    Risk
        `low` and `high` enclose the result for every value that the unknown inputs could have: the composite grows
        with each scaled input, so that the bounds of the inputs give the bounds of the result.

    Raises
    ------
    LayerError
        For no inputs, shapes that differ, an unknown dimension, or weights that are negative or all 0.

    References
    ----------
    Marin-Ferrer, Vernaccini and Poljansek, Index for Risk Management INFORM: Concept and Methodology Version 2017,
    EUR 28655 EN: risk as the geometric mean of hazard and exposure, vulnerability, and lack of coping capacity.
    """
    _check(inputs)
    scaled = {item.key: item.scaled() for item in inputs}
    groups = {name: [item for item in inputs if item.dimension == name and item.weight > 0] for name in DIMENSIONS}
    groups = {name: members for name, members in groups.items() if members}
    shares = _shares(groups, weights or {})
    dimensions = {
        name: tuple(_inner([scaled[item.key][side] for item in members], [item.weight for item in members], inner)
                    for side in (0, 1))
        for name, members in groups.items()
    }  # fmt: skip
    low, high = (_outer({name: dimensions[name][side] for name in shares}, shares) for side in (0, 1))
    counted = [item for name in shares for item in groups[name]]
    known = np.logical_and.reduce([np.isfinite(item.low) & (item.low == item.high) for item in counted])
    return Risk(
        value=np.where(high - low <= POINT, high, np.nan), low=low, high=high, known=known,
        dimensions={name: (pair[0], pair[1]) for name, pair in dimensions.items()}, scaled=scaled,
        inputs=tuple(inputs), weights=shares,
    )  # fmt: skip


def _check(inputs: Sequence[Input]) -> None:
    keys = [item.key for item in inputs]
    if not keys or len(set(keys)) != len(keys):
        raise LayerError("a composite needs inputs, each once")
    if len({np.shape(item.low) for item in inputs}) != 1:
        raise LayerError("the inputs of a composite must be for the same regions or cells")
    for item in inputs:
        if item.dimension not in DIMENSIONS:
            raise LayerError(f"{item.title}: the dimension {item.dimension!r} is not one of {', '.join(DIMENSIONS)}")
        if not (np.isfinite(item.weight) and item.weight >= 0):
            raise LayerError(f"{item.title}: the weight must be a number from 0")


def _shares(groups: Mapping[str, Sequence[Input]], weights: Mapping[str, float]) -> dict[str, float]:
    """The exponents of the dimensions that have inputs."""
    given = {name: float(weights.get(name, 1.0)) for name in groups}
    if any(not np.isfinite(weight) or weight < 0 for weight in given.values()):
        raise LayerError("the weight of a dimension must be a number from 0")
    total = sum(given.values())
    if total <= 0:
        raise LayerError("give at least one input and its dimension a weight above 0")
    return {name: weight / total for name, weight in given.items() if weight > 0}


def _inner(values: Sequence[Floats], weights: Sequence[float], how: Inner) -> Floats:
    """Inputs of a dimension put together, 0..10."""
    share = np.array(weights) / np.sum(weights)
    if how == "arithmetic":
        return np.asarray(sum(part * value for part, value in zip(share, values, strict=True))).clip(0.0, TOP)
    if how != "inform":
        raise LayerError(f"inputs are put together by 'arithmetic' or 'inform', not {how!r}")
    # Turned round and lifted to 1..10, so that the geometric mean is ruled by the highest input and never by a zero.
    mean = np.exp(
        sum(part * np.log((TOP - value) / TOP * 9.0 + 1.0) for part, value in zip(share, values, strict=True))
    )  # fmt: skip
    return np.asarray((TOP - mean) / 9.0 * TOP).clip(0.0, TOP)


def _outer(dimensions: Mapping[str, Floats], shares: Mapping[str, float]) -> Floats:
    """The weighted geometric mean: zero where a dimension is zero."""
    return np.asarray(np.prod([dimensions[name] ** share for name, share in shares.items()], axis=0)).clip(0.0, TOP)


def risk_class(value: Floats) -> NDArray[np.int8]:
    """0 (very low) to 4 (very high) after rounding to one decimal, as INFORM prints; -1 for NaN."""
    rounded = np.round(np.asarray(value, np.float64), 1)
    found = np.searchsorted(CLASS_STARTS, rounded, side="right").astype(np.int8)
    return np.where(np.isnan(rounded), np.int8(NO_CLASS), found).astype(np.int8)
