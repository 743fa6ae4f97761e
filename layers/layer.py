"""What a layer is: something the map can show, computed from what the store holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """Colours over values: `stops` are (value, "#rrggbb"), increasing; the legend is drawn from the same data."""

    stops: tuple[tuple[float, str], ...]
    interpolate: bool = True  # False: classes, each from its stop up


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """The manifest of a layer."""

    key: str
    title: str
    kind: str  # events, stations, field, warnings, survey, regions
    quantity: str
    unit: str
    needs: tuple[str, ...]  # quantities, event kinds or tables it is computed from
    valid_range: tuple[float, float] | None = None
    ramp: Ramp | None = None
    reference: str = ""
    status: str = "verified"  # or experimental: shown beside the title


@dataclass(frozen=True, kw_only=True)
class View:
    """What is asked for: the time, and the area where one matters. The clock is an argument."""

    now: datetime
    stale_after: timedelta = timedelta(hours=1)
    bounds: tuple[float, float, float, float] = (-180.0, -90.0, 180.0, 90.0)


@dataclass(frozen=True, kw_only=True)
class Features:
    """Points, lines or areas with properties, as GeoJSON, and those that have no geometry."""

    collection: Mapping[str, Any]
    without_geometry: tuple[Mapping[str, Any], ...] = ()
    as_of: datetime | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionValues:
    """One number for each of n regions, with what is needed to trust it.

    A region that nothing measures is not `watched`; one that is watched but has no usable value has NaN there, which
    is unknown and never zero.
    """

    quantity: str
    unit: str
    rid: NDArray[np.int32]  # (n,) regions, increasing
    value: NDArray[np.float64]  # (n,) NaN is unknown
    observed_at: NDArray[np.float64]  # (n,) seconds since 1970 UTC of the newest input used; NaN where there is none
    valid_share: NDArray[np.float64]  # (n,) share of stations or cells that gave a usable value, 0..1
    watched: NDArray[np.bool_]  # (n,)
    sources: tuple[str, ...] = ()
    notes: Mapping[int, Mapping[str, Any]] = field(
        default_factory=dict
    )  # rid -> what a "why" shows beyond the number


class Layer(Protocol):
    """Pure: data in, features or numbers out."""

    @property
    def spec(self) -> LayerSpec: ...

    def compute(self, inputs: Mapping[str, Any], view: View) -> Features | RegionValues: ...
