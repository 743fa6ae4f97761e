"""The standardised precipitation index (SPI): how dry or wet the last months are for the place and the season.

Amounts of n months are fitted, calendar month by calendar month, by a gamma distribution (the estimate of Thom) over
a reference period; the index is the normal quantile of their probability. Windows are totals. Dry windows count with
their share: the index of a dry window is the normal quantile of that share (WMO-No. 1090). Where more than `MOST_DRY`
of the windows are dry the index is unknown, because even a rainless window would then not be a drought.

References
----------
McKee, T. B., Doesken, N. J. and Kleist, J. (1993): The relationship of drought frequency and duration to time scales.
8th Conference on Applied Climatology, 179-184.
Thom, H. C. S. (1958): A note on the gamma distribution. Monthly Weather Review 86, 117-122.
WMO (2012): Standardized Precipitation Index user guide. WMO-No. 1090.
Wu, H. et al. (2007): Appropriate application of the standardized precipitation index in arid locations and dry
seasons. Int. J. Climatology 27, 65-79.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from layers.kernels.standardised import (
    FARTHEST,
    MINIMUM_YEARS,
    Floats,
    Index,
    Months,
    Reason,
    bounded,
    each_calendar_month,
    index_of,
)
from layers.layer import LayerSpec

MOST_DRY = 1 / 3  # share of dry windows: a rainless one then stands at -0.43
FEWEST_WET = 10  # wet windows for a gamma distribution

SPEC = LayerSpec(
    key="field:spi", title="Standardised precipitation index", kind="field", quantity="spi", unit="1",
    needs=("precipitation",), valid_range=(-FARTHEST, FARTHEST),
    reference="McKee, Doesken and Kleist 1993; Thom 1958; WMO-No. 1090 (2012)",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Gamma:
    """The distribution of each calendar month, (12, ...)."""

    shape: Floats  # [1]
    scale_mm: Floats
    dry_share: Floats  # [1] 0 to 1
    reason: NDArray[np.int8]  # `Reason`; parameters are NaN where it is not KNOWN


def calibrate(totals_mm: Floats, months: Months) -> Gamma:
    """Fit the totals of the reference period.

    Parameters
    ----------
    totals_mm
        (months, ...) amounts of the windows [mm], see `Months.totals`.

    Notes
    -----
    Thom (1958), equation 22: with A = ln(mean) - mean(ln x) of the wet windows, the shape is
    (1 + sqrt(1 + 4 A / 3)) / (4 A) and the scale is mean / shape.
    """
    return Gamma(*each_calendar_month(totals_mm, months, _fit))


def _fit(totals: Floats) -> tuple[Floats, Floats, Floats, NDArray[np.int8]]:
    """Shape, scale, dry share and reason of one calendar month."""
    known, wet = totals >= 0, totals > 0
    years, count = known.sum(axis=0), wet.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(wet, totals, 0.0).sum(axis=0) / count
        spread = np.log(mean) - np.where(wet, np.log(np.where(wet, totals, 1.0)), 0.0).sum(axis=0) / count
        shape = (1.0 + np.sqrt(1.0 + 4.0 * spread / 3.0)) / (4.0 * spread)
        dry = 1.0 - count / years
    reason = np.full(years.shape, Reason.KNOWN, np.int8)
    reason[~(spread > 1e-12)] = Reason.CONSTANT
    reason[(dry > MOST_DRY) | (count < FEWEST_WET)] = Reason.DRY
    reason[years < MINIMUM_YEARS] = Reason.SHORT
    good = reason == Reason.KNOWN
    return np.where(good, shape, np.nan), np.where(good, mean / shape, np.nan), np.where(good, dry, np.nan), reason


def spi_of(total_mm: ArrayLike, month: int, *, gamma: Gamma) -> Index:
    """The index of amounts [mm] of windows that end in a calendar month, 1 to 12, on the grid of the calibration."""
    from scipy.special import gammainc, ndtri

    total, at = np.asarray(total_mm, np.float64), month - 1
    dry = gamma.dry_share[at]
    usable = np.where(np.isfinite(total) & (total >= 0), total, np.nan)
    below = dry + (1.0 - dry) * gammainc(gamma.shape[at], usable / gamma.scale_mm[at])
    value = bounded(np.asarray(ndtri(np.where(usable == 0, dry, below)), np.float64))
    reason = np.broadcast_to(gamma.reason[at], value.shape).copy()
    known = reason == Reason.KNOWN
    reason[known & ~np.isfinite(total)] = Reason.MISSING
    reason[known & (total < 0)] = Reason.IMPOSSIBLE
    return Index(value, reason)


def spi(precipitation_mm: NDArray[np.floating], months: Months) -> Index:
    """The index of every month of a series.

    Parameters
    ----------
    precipitation_mm
        (months, ...) monthly amounts [mm]; NaN is missing.
    months
        First month, window and reference period.

    Returns
    -------
    Index
        -3.09 to 3.09 [1]; NaN with its reason where the window lacks a month, an amount is below zero, or the
        calendar month could not be fitted.
    """

    def prepare(totals: Floats) -> Callable[..., Index]:
        return partial(spi_of, gamma=calibrate(totals, months))

    return index_of(np.asarray(precipitation_mm, np.float64), precipitation_mm < 0, months, prepare)
