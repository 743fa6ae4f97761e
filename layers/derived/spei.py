"""The standardised precipitation evapotranspiration index (SPEI): the SPI of rain less what the air could take up.

The water balance of n months, precipitation less potential evapotranspiration, is fitted calendar month by calendar
month by a log-logistic distribution of three parameters from unbiased probability weighted moments; the index is the
normal quantile of its probability. The evapotranspiration is given, by the caller, by a named method
(`evapotranspiration.py`: Thornthwaite or Hargreaves): indices of different methods are not comparable.

The three-parameter log-logistic is Hosking's generalised logistic, and probability weighted moments are combinations
of L-moments, so that the fit is his: k = -t3, and location and scale of l1 and l2.

References
----------
Vicente-Serrano, S. M., Begueria, S. and Lopez-Moreno, J. I. (2010): A multiscalar drought index sensitive to global
warming. J. Climate 23, 1696-1718.
Begueria, S. et al. (2014): SPEI revisited. Int. J. Climatology 34, 3001-3023 (unbiased moments).
Hosking, J. R. M. and Wallis, J. R. (1997): Regional frequency analysis. Cambridge University Press, appendix A.7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from layers.derived.extremes import sample_l_moments
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

NEARLY_LOGISTIC = 1e-8  # a shape this small is none

SPEC = LayerSpec(
    key="field:spei", title="Standardised precipitation evapotranspiration index", kind="field", quantity="spei",
    unit="1", needs=("precipitation", "evapotranspiration_hargreaves"), valid_range=(-FARTHEST, FARTHEST),
    reference="Vicente-Serrano, Begueria and Lopez-Moreno 2010; Begueria et al. 2014",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LogLogistic:
    """The distribution of each calendar month as a generalised logistic, (12, ...)."""

    location_mm: Floats
    scale_mm: Floats
    shape: Floats  # [1] Hosking's k, -1 to 1
    reason: NDArray[np.int8]  # `Reason`; parameters are NaN where it is not KNOWN


def calibrate(balance_mm: Floats, months: Months) -> LogLogistic:
    """Fit the water balances of the reference period (Hosking and Wallis 1997, equations A.73 to A.75).

    Parameters
    ----------
    balance_mm
        (months, ...) precipitation less evapotranspiration of the windows [mm], see `Months.totals`.
    """
    return LogLogistic(*each_calendar_month(balance_mm, months, _fit))


def _fit(balance: Floats) -> tuple[Floats, Floats, Floats, NDArray[np.int8]]:
    moments = sample_l_moments(balance)
    reason = np.full(moments.l1.shape, Reason.KNOWN, np.int8)
    reason[~((moments.l2 > 0) & (np.abs(moments.t3) < 0.99))] = Reason.CONSTANT
    reason[moments.count < MINIMUM_YEARS] = Reason.SHORT
    k = np.where(reason == Reason.KNOWN, -moments.t3, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        flat = np.abs(k) < NEARLY_LOGISTIC
        scale = np.where(flat, moments.l2, moments.l2 * np.sin(k * np.pi) / (k * np.pi))
        shift = np.where(flat, 0.0, scale * (1.0 / k - np.pi / np.sin(k * np.pi)))
    known = np.isfinite(k)
    return np.where(known, moments.l1 - shift, np.nan), np.where(known, scale, np.nan), k, reason


def spei_of(balance_mm: ArrayLike, month: int, *, fit: LogLogistic) -> Index:
    """The index of water balances [mm] of windows that end in a calendar month, 1 to 12."""
    from scipy.special import expit, ndtri

    balance, at = np.asarray(balance_mm, np.float64), month - 1
    k, given = fit.shape[at], np.where(np.isfinite(balance), balance, np.nan)
    z = (given - fit.location_mm[at]) / fit.scale_mm[at]
    flat = np.abs(k) < NEARLY_LOGISTIC
    with np.errstate(divide="ignore", invalid="ignore"):
        # Beyond the end of a bounded distribution the probability is 0 or 1.
        reduced = np.where(flat, z, -np.log(np.maximum(1.0 - k * z, 0.0)) / np.where(flat, 1.0, k))
    value = bounded(np.asarray(ndtri(expit(reduced)), np.float64))
    reason = np.broadcast_to(fit.reason[at], value.shape).copy()
    reason[(reason == Reason.KNOWN) & np.isnan(given)] = Reason.MISSING
    return Index(value, reason)


def spei(
    precipitation_mm: NDArray[np.floating], evapotranspiration_mm: NDArray[np.floating], months: Months
) -> Index:  # fmt: skip
    """The index of every month of a series.

    Parameters
    ----------
    precipitation_mm, evapotranspiration_mm
        (months, ...) monthly amounts [mm], 0 and more; NaN is missing.
    months
        First month, window and reference period.

    Returns
    -------
    Index
        -3.09 to 3.09 [1]; NaN with its reason where it cannot be told.

    Raises
    ------
    LayerError
        If the two series differ in shape.
    """
    if precipitation_mm.shape != evapotranspiration_mm.shape:
        raise LayerError("precipitation and evapotranspiration are not of the same months and cells")
    impossible = (precipitation_mm < 0) | (evapotranspiration_mm < 0)

    def prepare(totals: Floats) -> Callable[..., Index]:
        return partial(spei_of, fit=calibrate(totals, months))

    return index_of(precipitation_mm.astype(np.float64) - evapotranspiration_mm, impossible, months, prepare)
