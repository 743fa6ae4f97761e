"""What the standardised indices share: months in windows, a reference period, and why an index is not known.

Series are monthly, (months, ...) along the first axis, the first of them being (year, month); NaN is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError

MINIMUM_YEARS = 20  # of the reference period; WMO-No. 1090 asks for 20 to 30 at least, and best 50
FARTHEST = 3.09  # chance of 1 in 1000 on either side: no reference period knows more

Floats = NDArray[np.float64]


class Reason(IntEnum):
    """Why an index is unknown in a calendar month of a cell."""

    KNOWN = 0
    SHORT = 1  # fewer usable years in the reference period than `MINIMUM_YEARS`
    DRY = 2  # too many dry windows for a distribution of the wet ones
    IMPOSSIBLE = 3  # an amount below zero
    CONSTANT = 4  # no spread, or one that the distribution cannot have
    MISSING = 5  # the window itself lacks a month


@dataclass(frozen=True, kw_only=True)
class Months:
    """A monthly series in windows, and its reference period."""

    first: tuple[int, int]  # year and month (1 to 12) of the first entry
    window: int  # months added up: 1, 3, 6, 12...
    reference: tuple[int, int]  # first and last year, both in

    def __post_init__(self) -> None:
        if not 1 <= self.first[1] <= 12 or not 1 <= self.window <= 72 or self.reference[1] < self.reference[0]:
            raise LayerError(f"not months in windows with a reference period: {self}")

    def calendar(self, count: int) -> NDArray[np.int64]:
        """Calendar month 0 to 11 of each entry."""
        return (self.first[1] - 1 + np.arange(count)) % 12

    def year(self, count: int) -> NDArray[np.int64]:
        return self.first[0] + (self.first[1] - 1 + np.arange(count)) // 12

    def in_reference(self, count: int) -> NDArray[np.bool_]:
        """Entries whose window ends in the reference period."""
        year = self.year(count)
        return (year >= self.reference[0]) & (year <= self.reference[1])

    def totals(self, series: NDArray[np.floating]) -> Floats:
        """Sums of the window that ends at each entry; NaN before the first full one and where a month is missing."""
        totals = np.full(series.shape, np.nan)
        if len(series) >= self.window:
            windows = np.lib.stride_tricks.sliding_window_view(series, self.window, axis=0)
            totals[self.window - 1 :] = windows.sum(axis=-1, dtype=np.float64)
        return totals


@dataclass(frozen=True, eq=False)
class Index:
    """A standardised index and, where it is NaN, the `Reason`; both of the shape of the series."""

    value: Floats
    reason: NDArray[np.int8]


def each_calendar_month(
    totals: Floats, months: Months, fit: Callable[[Floats], tuple[NDArray[Any], ...]]
) -> tuple[NDArray[Any], ...]:
    """What a fit makes of the totals of the reference period, calendar month by calendar month, each (12, ...)."""
    calendar, reference = months.calendar(len(totals)), months.in_reference(len(totals))
    parts = [fit(totals[reference & (calendar == month)]) for month in range(12)]
    return tuple(np.stack(column) for column in zip(*parts, strict=True))


def index_of(
    series: Floats, impossible: NDArray[np.bool_], months: Months, prepare: Callable[[Floats], Callable[..., Index]]
) -> Index:
    """The index of a monthly series: `prepare` fits the totals and returns the index of totals in a calendar month.

    A window with an impossible entry is unknown, and is not fitted.
    """
    totals = months.totals(np.where(impossible, np.nan, series))
    of_month = prepare(totals)
    value, reason = np.empty(totals.shape), np.empty(totals.shape, np.int8)
    calendar = months.calendar(len(totals))
    for month in np.unique(calendar):
        here = calendar == month
        found = of_month(totals[here], int(month) + 1)
        value[here], reason[here] = found.value, found.reason
    reason[months.totals(impossible.astype(np.float64)) > 0] = Reason.IMPOSSIBLE
    return Index(value, reason)


def bounded(value: Floats) -> Floats:
    """An index within the range that is told apart, NaN staying NaN."""
    return np.clip(value, -FARTHEST, FARTHEST)
