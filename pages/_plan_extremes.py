"""Yearly maxima of a region's history and what they say: return levels, and how rare the value in question is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.store.field_series import Series
from pages._plan_choices import stands_for

if TYPE_CHECKING:
    from layers.kernels.extreme_bands import Band
    from layers.region_history import HistoryPoint

YEAR_S = 365.25 * 86400.0
YEARLY = "_annual_max"


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """Yearly maxima and, where there are enough, return levels with their bands and the rarity of one value."""

    maxima: dict[int, float]  # by year, those that are known
    levels: dict[int, Band]  # by return period [years]
    rarity: Band | None

    @property
    def years(self) -> int:
        return len(self.maxima)


def yearly_maxima(points: Sequence[HistoryPoint], now: datetime, *, yearly: bool) -> dict[int, float]:
    """The highest value of each year (UTC) that has gone by and is whole.

    A year counts with at least nine tenths of the steps it should have, known: with more missing, the highest may be
    among them. Where the series holds yearly maxima already, each step is one.
    """
    from layers.derived.return_period import MINIMUM_SHARE

    known = [point for point in points if not point.forecast and point.value is not None and point.valid_at <= now]
    if yearly:
        return {point.valid_at.year: point.value for point in known if point.value is not None}
    analyses = [point.valid_at for point in points if not point.forecast]
    if len(analyses) < 2:
        return {}
    gaps = np.diff(np.array([at.timestamp() for at in analyses]))
    expected = YEAR_S / float(np.median(gaps))
    by_year: dict[int, list[float]] = {}
    for point in known:
        assert point.value is not None
        by_year.setdefault(point.valid_at.astimezone(UTC).year, []).append(point.value)
    return {
        year: max(values)
        for year, values in by_year.items()
        if year < now.year and len(values) >= MINIMUM_SHARE * expected
    }


def extremes(maxima: dict[int, float], value: float | None) -> Extremes:
    """Return levels by maximum likelihood (by L-moments where that finds none), as far as the record reaches."""
    from layers.derived.extremes import MINIMUM_YEARS, fit_l_moments, fit_likelihood
    from layers.derived.return_period import PERIODS
    from layers.kernels.extreme_bands import level_band, longest_period, rarity

    if len(maxima) < MINIMUM_YEARS:
        return Extremes(maxima=maxima, levels={}, rarity=None)
    sample: NDArray[np.float64] = np.array([maxima[year] for year in sorted(maxima)])
    fit = fit_likelihood(sample)
    if np.isnan(fit.scale):
        fit = fit_l_moments(sample)
    reach = longest_period(len(sample))
    bands = {period: level_band(sample, fit, float(period)) for period in PERIODS if period <= reach}
    return Extremes(
        maxima=maxima,
        levels={period: band for period, band in bands.items() if np.isfinite(band.value)},
        rarity=None if value is None else rarity(sample, value),
    )


def yearly_series(chosen: Series, series: Sequence[Series]) -> Series | None:
    """The series of yearly maxima of a quantity, the quantity itself where it is one, or None."""
    if chosen.key.quantity.endswith(YEARLY):
        return chosen
    found = [
        one
        for one in series
        if one.key.quantity.endswith(YEARLY) and stands_for(one.key.quantity.removesuffix(YEARLY), one, chosen)
    ]
    near = [one for one in found if one.key.grid == chosen.key.grid] or found
    return near[0] if near else None
