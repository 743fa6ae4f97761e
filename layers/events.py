"""Events as numbers: for each region the largest magnitude close enough to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layers.stations import RegionNumbers

UNSIZED_S = 3600.0  # an event without a magnitude may still be a large one for so long

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Near:
    """The regions close to one event."""

    region: NDArray[np.intp]  # positions among the n regions
    distance_km: Floats  # to the region's area, 0 inside it


@dataclass(frozen=True, kw_only=True, eq=False)
class Happened:
    """e events that count; magnitude is NaN where none was given."""

    magnitude: Floats  # (e,)
    occurred_at: Floats  # (e,) seconds since 1970 UTC
    near: Sequence[Near]


def strongest_near(
    events: Happened, regions: int, *, within_km: float, as_of: float, watched: bool, at: float
) -> RegionNumbers:
    """The largest magnitude within a distance of each region.

    Parameters
    ----------
    events : Happened
        Of the window that matters; withdrawn ones and second reports of the same event are left out before.
    regions : int
        How many regions there are.
    within_km : float
        Great-circle distance from the epicentre to the region's area.
    as_of : float
        When the feed was last heard [s since 1970 UTC]; NaN for never. A silent earth is no fault, a silent feed is.
    watched : bool
        Whether any feed tells of these events at all.
    at : float
        The present time.

    Returns
    -------
    RegionNumbers
        -inf where there was certainly nothing. An event of the last hour that has no magnitude yet makes its regions'
        share 0: what is known stays a lower bound.
    """
    value = np.full(regions, -np.inf)
    share = np.ones(regions)
    behind = np.full(regions, -1, dtype=np.int32)
    for number, near in enumerate(events.near):
        close = near.region[near.distance_km <= within_km]
        magnitude = events.magnitude[number]
        if np.isnan(magnitude):
            if events.occurred_at[number] >= at - UNSIZED_S:
                share[close] = 0.0
            continue
        larger = close[magnitude > value[close]]
        value[larger] = magnitude
        behind[larger] = number
    return RegionNumbers(
        value=value, observed_at=np.full(regions, as_of), valid_share=share, watched=np.full(regions, watched),
        behind=behind,
    )  # fmt: skip
