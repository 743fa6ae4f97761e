"""Amounts over intervals, such as rain of six hours: which stored steps fill a window, end to end.

Providers give amounts of each interval, or from the start of a run to each valid time; the difference of two of the
latter is the amount between them. Where a total was begun anew on the way (`accumulation_reset` among the attributes
of a step) no difference is taken over that, and from there on the totals are no amounts of their whole time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import pairwise, takewhile
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

EDGE = timedelta(seconds=60)  # intervals may miss a window's edge, or each other, by this much
ROUNDING_MM = 0.1  # a total may fall by this much without meaning anything: packing in GRIB


class Step(Protocol):
    """What is read of a stored step."""

    @property
    def id(self) -> int: ...
    @property
    def valid_at(self) -> datetime: ...
    @property
    def run_at(self) -> datetime: ...
    @property
    def accumulation_s(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What fell from `begin` to `end`: one step, or one less another of the same run that begins with it."""

    begin: datetime
    end: datetime
    run_at: datetime
    step: int
    less: int | None = None

    @property
    def seconds(self) -> float:
        return (self.end - self.begin).total_seconds()


def amounts_of(steps: Sequence[Step]) -> list[Amount]:
    """Every interval that the steps of one source and grid tell of."""
    groups: dict[tuple[datetime, datetime], list[Amount]] = {}
    reset: set[int] = set()
    for step in steps:
        if step.accumulation_s <= 0:
            continue
        if getattr(step, "attributes", {}).get("accumulation_reset"):
            reset.add(step.id)
        begin = step.valid_at - timedelta(seconds=step.accumulation_s)
        item = Amount(begin=begin, end=step.valid_at, run_at=step.run_at, step=step.id)
        groups.setdefault((step.run_at, begin), []).append(item)
    found: list[Amount] = []
    for (run_at, _), items in groups.items():
        items.sort(key=lambda item: item.end)
        found += takewhile(lambda item: item.step not in reset, items)
        found += [
            Amount(begin=short.end, end=long.end, run_at=run_at, step=long.step, less=short.step)
            for short, long in pairwise(items)
            if long.step not in reset
        ]
    return found


def tile(amounts: Sequence[Amount], start: datetime, end: datetime) -> tuple[list[Amount], float]:
    """Amounts inside a window without overlap, and the seconds of it that they fill.

    At each moment the newest run is taken, and of it the longest interval.
    """
    inside = [item for item in amounts if item.begin >= start - EDGE and item.end <= end + EDGE]
    inside.sort(key=lambda item: (item.begin, -item.run_at.timestamp(), -item.seconds))
    chosen: list[Amount] = []
    for item in inside:
        if not chosen or item.begin >= chosen[-1].end - EDGE:
            chosen.append(item)
    return chosen, sum(item.seconds for item in chosen)


def cover(amounts: Sequence[Amount], start: datetime, end: datetime) -> list[Amount] | None:
    """Amounts that follow each other without a gap and hold the whole window: no less fell in them than in it.

    The shortest such chain is found by going on from the amount that begins last at or before the start.
    """
    chain: list[Amount] = []
    at = start
    while not chain or chain[-1].end < end - EDGE:
        if chain:
            following = [item for item in amounts if abs(item.begin - at) <= EDGE and item.end > at]
        else:
            following = [item for item in amounts if item.begin <= at + EDGE and item.end > at]
        if not following:
            return None
        best = max(following, key=lambda item: (item.begin, item.run_at, -item.seconds))
        chain.append(best)
        at = best.end
    return chain


class Chains:
    """Amounts by their beginning, to find those that fill a window exactly."""

    def __init__(self, amounts: Sequence[Amount]) -> None:
        self._starting: dict[int, list[tuple[int, float, Amount]]] = {}
        for item in amounts:
            entry = (_minute(item.end), -item.run_at.timestamp(), item)
            self._starting.setdefault(_minute(item.begin), []).append(entry)

    def find(self, start: datetime, end: datetime) -> tuple[Amount, ...] | None:
        """Amounts that follow each other from start to end without gap or overlap; None where there are none.

        Of several chains the shortest, then the one of newer runs.
        """
        first, last = _minute(start), _minute(end)
        best: dict[int, _Link] = {first: (0, 0.0, first, None)}
        reached = [first]
        while reached:
            at = heappop(reached)
            if at >= last - 1:
                return _unwound(best, at)
            count, age, *_ = best[at]
            for minute in (at, at - 1, at + 1):
                for to, older, item in self._starting.get(minute, ()):
                    if not at < to <= last + 1:
                        continue
                    held = best.get(to)
                    if held is None:
                        heappush(reached, to)
                    if held is None or (count + 1, age + older) < held[:2]:
                        best[to] = (count + 1, age + older, at, item)
        return None


_Link = tuple[int, float, int, Amount | None]  # length, ages of the runs, the minute before, the last amount


def _unwound(best: Mapping[int, _Link], at: int) -> tuple[Amount, ...]:
    chain: list[Amount] = []
    while (link := best[at])[3] is not None:
        chain.append(link[3])
        at = link[2]
    return tuple(reversed(chain))


def _minute(at: datetime) -> int:
    return round(at.timestamp() / 60.0)


def difference(longer: NDArray[Any], shorter: NDArray[Any], rounding: float) -> tuple[NDArray[np.float64], int]:
    """What was added between two totals, and how many cells were mended.

    Parameters
    ----------
    longer, shorter : ndarray
        The later and the earlier total; NaN is missing.
    rounding : float
        A fall by at most this much is packing noise and counts as nothing; a larger one makes the cell missing.
    """
    found = longer.astype(np.float64) - shorter
    noise = (found < 0) & (found >= -rounding)
    found[noise] = 0.0
    found[found < 0] = np.nan
    return found, int(noise.sum())


def rolling_sums(at_s: NDArray[np.float64], amounts: NDArray[np.float64], window_s: float) -> NDArray[np.float64]:
    """The amount in the window that ends at each report.

    Parameters
    ----------
    at_s : ndarray, shape (n,)
        Times of the reports, increasing. [s]
    amounts : ndarray, shape (n,)
        What fell since the report before; NaN is missing.
    window_s : float
        Length of the window, its beginning left out and its end included. [s]

    Returns
    -------
    ndarray, shape (n,)
        NaN where an amount is missing in the window, or where it begins before the first report's own interval,
        which is taken to be as long as the reports are usually apart.
    """
    if len(at_s) < 2:
        return np.full(len(at_s), np.nan)
    usual = float(np.median(np.diff(at_s)))
    first = np.searchsorted(at_s, at_s - window_s, side="right")
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(amounts, nan=0.0))])
    gaps = np.concatenate([[0], np.cumsum(np.isnan(amounts))])
    ends = np.arange(1, len(at_s) + 1)
    whole = (at_s - window_s >= at_s[0] - usual) & (gaps[ends] == gaps[first])
    return np.where(whole, total[ends] - total[first], np.nan)
