"""Station readings as numbers: one per station over a window, then one per region over its stations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.model import Level

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indexes = NDArray[np.intp]

# What a river reaches, as gauges carry it in `stages_m`.
STAGE_LEVELS = {"action": Level.BLUE, "minor": Level.YELLOW, "moderate": Level.ORANGE, "major": Level.RED}


@dataclass(frozen=True, kw_only=True, eq=False)
class Readings:
    """Usable readings of one quantity, sorted by station and time; unusable ones are left out before."""

    station: Indexes  # (m,) index of the station
    at: Floats  # (m,) seconds since 1970 UTC
    value: Floats  # (m,)
    stations: int  # how many there are, with those that have no reading

    @classmethod
    def of(cls, station: Indexes, at: Floats, value: Floats, stations: int) -> Readings:
        """Readings in any order; NaN is left out, and of two at the same time the last given counts."""
        keep = ~np.isnan(value) & ~np.isnan(at)
        station, at, value = station[keep], at[keep], value[keep]
        order = np.lexsort((at, station))
        station, at, value = station[order], at[order], value[order]
        last = np.ones(len(at), dtype=np.bool_)
        last[:-1] = (station[1:] != station[:-1]) | (at[1:] != at[:-1])
        return cls(station=station[last], at=at[last], value=value[last], stations=stations)

    def where(self, keep: Bools) -> Readings:
        return Readings(station=self.station[keep], at=self.at[keep], value=self.value[keep], stations=self.stations)


@dataclass(frozen=True, kw_only=True, eq=False)
class StationValues:
    """One number per station; NaN where there is none."""

    value: Floats  # (s,)
    observed_at: Floats  # (s,) of the newest reading
    coverage: Floats  # (s,) share of the window that readings speak for, 0..1


@dataclass(frozen=True, kw_only=True)
class Window:
    """How readings become one number; a reading speaks for `interval_s` before it."""

    how: Literal["latest", "sum", "max", "min", "mean", "change", "rate"] = "latest"
    length_s: float = 0.0
    interval_s: float = 3600.0
    times: int = 1  # windows in a row, ending `every_s` apart
    every_s: float = 0.0
    take: Literal["min", "max", "mean", "difference"] = "max"


_TAKE: dict[str, Callable[[Floats], Floats]] = {
    "min": lambda rows: np.asarray(rows.min(axis=0)),
    "max": lambda rows: np.asarray(rows.max(axis=0)),
    "mean": lambda rows: np.asarray(rows.mean(axis=0)),
}


def newest_at(readings: Readings) -> Floats:
    """(s,) the time of each station's newest reading; NaN where it has none."""
    newest = np.full(readings.stations, np.nan)
    newest[readings.station] = readings.at  # sorted by time: the last assignment stays
    return newest


def over_window(readings: Readings, window: Window) -> StationValues:
    """The number of each station over the window that ends at its newest reading.

    Notes
    -----
    The window ends at the station's own newest reading and not at the present time, so that hourly reports give whole
    windows; how old that reading may be is for the caller to judge. Readings that came late count where they belong.
    A reading at t speaks for the time from the one before it, at most `interval_s`; coverage is the share of the
    window spoken for. `sum` adds amounts that fell since the reading before. `change` is newest less oldest, where
    the oldest is the last reading at or before the start, no more than `interval_s` earlier; `rate` is that per hour.
    """
    newest = newest_at(readings)
    if window.how == "latest":
        value = np.full(readings.stations, np.nan)
        value[readings.station] = readings.value
        return StationValues(value=value, observed_at=newest, coverage=(~np.isnan(value)).astype(np.float64))
    parts = [_one_window(readings, newest - k * window.every_s, window) for k in range(window.times)]
    values, coverages = np.array([part[0] for part in parts]), np.array([part[1] for part in parts])
    if window.times == 1:
        value = values[0]
    elif window.take == "difference":
        value = values[0] - values[-1]
        coverages = coverages[[0, -1]]
    else:
        value = _TAKE[window.take](values)
    return StationValues(value=value, observed_at=newest, coverage=coverages.min(axis=0))


def _one_window(readings: Readings, end: Floats, window: Window) -> tuple[Floats, Floats]:
    ends = end[readings.station]
    start = ends - window.length_s
    if window.how in ("change", "rate"):
        return _change(readings, start, ends, window)
    inside = (readings.at > start) & (readings.at <= ends)
    value = _reduce(readings.where(inside), window.how)
    before = np.full(len(readings.at), -np.inf)
    same = readings.station[1:] == readings.station[:-1]
    before[1:][same] = readings.at[:-1][same]
    begins = np.maximum.reduce([before, readings.at - window.interval_s, start])
    spoken = np.where(inside, readings.at - begins, 0.0)
    coverage = np.bincount(readings.station, spoken, minlength=readings.stations) / window.length_s
    return value, np.minimum(coverage, 1.0)


def _reduce(readings: Readings, how: str) -> Floats:
    value = np.full(readings.stations, np.nan)
    if len(readings.at) == 0:
        return value
    firsts = np.flatnonzero(np.diff(readings.station, prepend=-1))
    present = readings.station[firsts]
    if how in ("sum", "mean"):
        total = np.add.reduceat(readings.value, firsts)
        count = np.diff(np.append(firsts, len(readings.at)))
        value[present] = total / count if how == "mean" else total
    else:
        value[present] = {"max": np.maximum, "min": np.minimum}[how].reduceat(readings.value, firsts)
    return value


def _change(readings: Readings, start: Floats, ends: Floats, window: Window) -> tuple[Floats, Floats]:
    first_at, first = np.full(readings.stations, np.nan), np.full(readings.stations, np.nan)
    last_at, last = np.full(readings.stations, np.nan), np.full(readings.stations, np.nan)
    early = (readings.at <= start) & (readings.at >= start - window.interval_s)
    late = readings.at <= ends
    first_at[readings.station[early]], first[readings.station[early]] = readings.at[early], readings.value[early]
    last_at[readings.station[late]], last[readings.station[late]] = readings.at[late], readings.value[late]
    change = last - first
    if window.how == "rate":
        change = change / ((last_at - first_at) / 3600.0)
    return change, (~np.isnan(change)).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Spatial:
    """How the stations of a region become its number."""

    how: Literal["max", "min", "mean", "percentile", "share_above"] = "max"
    percentile: float | None = None
    above: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionNumbers:
    """Numbers of n regions; see `layers.layer.RegionValues`. `behind` is the station with the number, or -1."""

    value: Floats
    observed_at: Floats
    valid_share: Floats
    watched: Bools
    behind: NDArray[np.int32]


def over_stations(
    stations: StationValues, region: Indexes, regions: int, spatial: Spatial, *, fresh_after: float
) -> RegionNumbers:
    """The number of each region over its stations.

    Parameters
    ----------
    stations : StationValues
    region : array of int
        (s,) index of each station's region, -1 for none.
    regions : int
        How many regions there are.
    spatial : Spatial
    fresh_after : float
        A reading before this time [s since 1970 UTC] is too old: its station counts as silent.

    Returns
    -------
    RegionNumbers
        `valid_share` is the mean coverage over the region's stations, where a silent one counts as 0. A region whose
        stations are all silent keeps its last number with share 0 and the old time, so that it can be shown as such.
    """
    inside = region >= 0
    has_value = inside & ~np.isnan(stations.value)
    fresh = has_value & (stations.observed_at >= fresh_after)
    lively = np.zeros(regions, dtype=np.bool_)
    lively[region[fresh]] = True
    used = np.flatnonzero(fresh | (has_value & ~lively[region]))
    value = np.full(regions, np.nan)
    observed = np.full(regions, np.nan)
    behind = np.full(regions, -1, dtype=np.int32)
    order = used[np.lexsort((stations.observed_at[used], stations.value[used], region[used]))]
    firsts = np.flatnonzero(np.diff(region[order], prepend=-1))
    if len(order):
        here = region[order][firsts]
        lasts = np.append(firsts[1:], len(order)) - 1
        observed[here] = np.maximum.reduceat(stations.observed_at[order], firsts)
        value[here], row = _spatial(stations.value[order], firsts, lasts, spatial)
        behind[here] = order[row]
    count = np.bincount(region[inside], minlength=regions)
    covered = np.bincount(region[fresh], stations.coverage[fresh], minlength=regions)
    share = np.divide(covered, count, out=np.zeros(regions), where=count > 0)
    return RegionNumbers(
        value=value, observed_at=observed, valid_share=share, watched=count > 0, behind=behind
    )  # fmt: skip


def last_words(
    stations: StationValues, region: Indexes, spatial: Spatial, *, fresh_after: float, since: Floats
) -> Floats:
    """The worst last number of stations that have fallen silent, for each region; NaN where there is none.

    Parameters
    ----------
    stations : StationValues
    region : array of int
        (s,) index of each station's region, -1 for none.
    spatial : Spatial
        Only of `max` and `min` can one station decide; for others all is NaN.
    fresh_after : float
        As in `over_stations`.
    since : array
        (n,) who fell silent before this time [s since 1970 UTC] has no say; NaN where nobody has.
    """
    worst = np.full(len(since), np.nan)
    if spatial.how not in ("max", "min"):
        return worst
    silent = (region >= 0) & ~np.isnan(stations.value) & (stations.observed_at < fresh_after)
    silent &= stations.observed_at >= np.append(since, np.nan)[region]
    pick = np.fmax if spatial.how == "max" else np.fmin
    pick.at(worst, region[silent], stations.value[silent])
    return worst


def _spatial(value: Floats, firsts: Indexes, lasts: Indexes, spatial: Spatial) -> tuple[Floats, Indexes]:
    """The statistic of each run of increasing values, and the row of the station that stands for it."""
    if spatial.how == "max":
        return value[lasts], lasts
    if spatial.how == "min":
        return value[firsts], firsts
    count = lasts - firsts + 1
    if spatial.how == "mean":
        return np.add.reduceat(value, firsts) / count, lasts
    if spatial.how == "share_above" and spatial.above is not None:
        return np.add.reduceat((value >= spatial.above).astype(np.float64), firsts) / count, lasts
    if spatial.how == "percentile" and spatial.percentile is not None:
        place = firsts + (count - 1) * spatial.percentile / 100.0
        low = np.floor(place).astype(np.intp)
        high = np.minimum(low + 1, lasts)
        return value[low] + (value[high] - value[low]) * (place - low), high
    raise LayerError(f"not a statistic over stations: {spatial}")
