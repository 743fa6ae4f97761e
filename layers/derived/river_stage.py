"""Rivers: classes by a station's own stages, rate of rise, and the flood signals of China."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from data.model import Level
from layers.classes import REFERENCE, settle, valid_on
from layers.layer import LayerSpec

Floats = NDArray[np.float64]
HOUR_S = 3600.0
SPECS = (
    LayerSpec(
        key="stations:river_stage_class", title="River stage class", kind="stations", quantity="river_stage_class",
        unit="1", needs=("river_stage",), valid_range=(0.0, 4.0),
        reference="The stages of the station's operator; action to major flood after NWS Manual 10-950",
    ),
    LayerSpec(
        key="stations:river_rise", title="Rate of rise", kind="stations", quantity="river_rise", unit="m/h",
        needs=("river_stage",), valid_range=(-20.0, 20.0),
        reference="Difference of stage over a stated window, WMO-No. 168 (2008), volume I, section 5.3",
    ),
    LayerSpec(
        key="stations:hydrological_level", title="Flood signal, China", kind="stations",
        quantity="hydrological_level", unit="1", needs=("river_stage",), valid_range=(0.0, 4.0),
        reference="水情预警发布管理办法（试行）, Ministry of Water Resources 2013; near is a house rule",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rise:
    """How fast a river rose up to its newest reading; NaN with a reason where that cannot be told."""

    rate_m_per_h: float
    begin_s: float
    end_s: float
    readings: int
    reason: str = ""


def stage_class(stage: ArrayLike, stages: ArrayLike) -> NDArray[np.float32]:
    """How many of a station's own stages are reached: the number of the highest, 0 below the lowest.

    Parameters
    ----------
    stage : array_like (...)
        River stage [m] above the same zero as the stages.
    stages : array_like (k, ...)
        Stages [m], lowest first, as action, minor, moderate, major; NaN: the station has no such stage.

    Returns
    -------
    (...) 0..k. NaN where the stage is missing, the station has no stages, or they are not in order.
    """
    level = np.asarray(stage, dtype=np.float64)
    limits = np.asarray(stages, dtype=np.float64)
    limits = limits.reshape(limits.shape + (1,) * (level.ndim + 1 - limits.ndim))
    told = ~np.isnan(limits)
    running = np.fmax.accumulate(limits, axis=0)
    ordered = (~told[1:] | np.isnan(running[:-1]) | (limits[1:] > running[:-1])).all(axis=0)
    number = np.arange(1, len(limits) + 1, dtype=np.float64).reshape(-1, *[1] * (limits.ndim - 1))
    highest = np.where(told & (level >= limits), number, 0.0).max(axis=0)
    known = np.isfinite(level) & told.any(axis=0) & ordered
    return np.where(known, highest, np.nan).astype(np.float32)


def rate_of_rise(
    at_s: ArrayLike, stage_m: ArrayLike, *, now_s: float, window_s: float, max_gap_s: float, max_age_s: float
) -> Rise:
    """Mean rate of rise over the window that ends at the newest reading.

    Parameters
    ----------
    at_s, stage_m : array_like (n,)
        Times [s since 1970 UTC] and stages [m] in any order; NaN and readings of the future are left out, and of two
        at one time the last given counts.
    now_s : float
        The present [s since 1970 UTC].
    window_s, max_gap_s, max_age_s : float
        [s] Length of the window; the longest time between two readings that may be bridged; the oldest the newest
        reading may be.

    Returns
    -------
    Rise
        The stage at the begin of the window lies on the line between the readings around it.
    """
    times, stages = _clean(at_s, stage_m, now_s)
    if len(times) == 0:
        return Rise(rate_m_per_h=np.nan, begin_s=np.nan, end_s=np.nan, readings=0, reason="no readings")
    end, begin = float(times[-1]), float(times[-1] - window_s)
    inside = int((times >= begin).sum())
    first = max(int(np.searchsorted(times, begin, side="right")) - 1, 0)
    reason = ""
    if now_s - end > max_age_s:
        reason = "newest reading too old"
    elif times[0] > begin:
        reason = "readings do not reach back to the begin of the window"
    elif (np.diff(times[first:]) > max_gap_s).any():
        reason = "a gap between readings is too long"
    rate = (stages[-1] - float(np.interp(begin, times, stages))) / (window_s / HOUR_S) if not reason else np.nan
    return Rise(rate_m_per_h=float(rate), begin_s=begin, end_s=end, readings=inside, reason=reason)


def _clean(at_s: ArrayLike, stage_m: ArrayLike, now_s: float) -> tuple[Floats, Floats]:
    times, stages = np.asarray(at_s, dtype=np.float64), np.asarray(stage_m, dtype=np.float64)
    if times.shape != stages.shape or times.ndim != 1:
        raise LayerError("times and stages must be two rows of one length")
    keep = np.isfinite(times) & np.isfinite(stages) & (times <= now_s)
    times, stages = times[keep], stages[keep]
    order = np.argsort(times, kind="stable")
    times, stages = times[order], stages[order]
    last = np.append(np.diff(times) > 0, True)[: len(times)]
    return times[last], stages[last]


def hydrological_level(
    stage: ArrayLike,
    *,
    warning: ArrayLike,
    guarantee: ArrayLike,
    record: ArrayLike,
    return_period: ArrayLike | None = None,
    near_m: float | None = None,
    on: date | None = None,
) -> NDArray[np.float32]:
    """Level 0 (none) to 4 (red) of the flood signals of China; any one condition suffices.

    Parameters
    ----------
    stage : array_like
        River stage [m].
    warning, guarantee, record : array_like
        Warning stage (警戒水位), guarantee stage (保证水位) and highest stage on record [m]; NaN: not known.
    return_period : array_like, optional
        Of the present flood [years]; without it the conditions on return periods are not looked at.
    near_m : float, optional
        How far below the warning stage is near [m]; the standard gives no number, 0.5 m is a house rule.

    Returns
    -------
    The level that is certainly reached; NaN where none is and something missing could change that.

    Raises
    ------
    LayerError
        If no signals were in force on that day.
    """
    rules = _signals(on)
    near = float(rules["near"]["stage_m"]) if near_m is None else near_m
    level = np.asarray(stage, dtype=np.float64)
    warn, keep, top = (np.asarray(part, dtype=np.float64) for part in (warning, guarantee, record))
    least, most = _reached(level, (warn - near, warn, keep, top))
    if return_period is not None:
        years = np.asarray(return_period, dtype=np.float64)
        more = _reached(years, tuple(np.asarray(limit) for limit in rules["years"]))
        least, most = np.maximum(least, more[0]), np.maximum(most, more[1])
    return settle(least, most)


def _reached(value: Floats, limits: tuple[Floats, ...]) -> tuple[Floats, Floats]:
    """Lowest and highest level of a value; a limit that is not known is somewhere above the known ones below it."""
    shape = np.broadcast_shapes(value.shape, *(limit.shape for limit in limits))
    least, most = np.zeros(shape), np.zeros(shape)
    floor = np.full(shape, -np.inf)
    for number, limit in enumerate(limits, start=1):
        least = np.where(value >= limit, number, least)
        floor = np.fmax(floor, limit)
        most = np.where(value >= np.where(np.isnan(limit), floor, limit), number, most)
    missing = np.isnan(value)
    return least, np.where(missing, float(len(limits)), most)


@lru_cache(maxsize=8)
def _signals(on: date | None) -> Mapping[str, Any]:
    document = yaml.safe_load((REFERENCE / "hydrological_warning.yaml").read_text(encoding="utf-8"))
    for entry in document["standards"]:
        if valid_on(entry["valid_from"], entry["valid_until"], on):
            ordered = sorted(entry["levels"], key=lambda item: Level[item["level"].upper()])
            near = entry["near"]
            years = [item["return_period_years"] for item in ordered]
            limits = [float(near["return_period_years"] if year == "near" else year) for year in years]
            return {"near": near, "years": limits}
    raise LayerError(f"no flood signals were in force on {on}")
