"""Extreme value distributions of annual maxima: fits, return levels and return periods, for stations and grids.

Two distributions, the generalised extreme value (GEV) and Gumbel (GEV with shape 0); two ways to fit: L-moments, for
any number of cells at once, and maximum likelihood for a single sample. The shape has the sign of Coles (2001):
positive is heavy-tailed; it is minus the `c` of `scipy.stats.genextreme` and minus Hosking's k.

References
----------
Coles, S. (2001): An introduction to statistical modeling of extreme values. Springer, chapter 3.
Hosking, J. R. M. (1990): L-moments. J. Royal Statistical Society B 52, 105-124.
Hosking, J. R. M. and Wallis, J. R. (1997): Regional frequency analysis. Cambridge University Press, appendix A.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from layers.layer import LayerSpec

MINIMUM_YEARS = 10
NEARLY_GUMBEL = 1e-8  # a shape this small is none
BLOCK = 65_536  # cells fitted at a time: a block of 100 years is 52 MB
EULER = float(np.euler_gamma)

Distribution = Literal["gev", "gumbel"]

SPEC = LayerSpec(
    key="stations:annual_maximum", title="Extreme values of annual maxima", kind="stations",
    quantity="annual_maximum", unit="1", needs=("annual_maximum",), reference="Coles 2001, chapter 3; Hosking 1990",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Fit:
    """Parameters of one distribution per cell, all of one shape; NaN where it could not be fitted."""

    location: NDArray[np.float64]  # in the unit of the maxima
    scale: NDArray[np.float64]  # in the unit of the maxima
    shape: NDArray[np.float64]  # [1] Coles' sign
    years: NDArray[np.int32]  # usable maxima
    distribution: Distribution = "gev"
    method: str = "L-moments"


@dataclass(frozen=True, eq=False)
class LMoments:
    """Sample L-moments of each cell: count, l1 and l2 in the unit of the sample, ratios [1]."""

    count: NDArray[np.int32]
    l1: NDArray[np.float64]
    l2: NDArray[np.float64]
    t3: NDArray[np.float64]
    t4: NDArray[np.float64]
    t5: NDArray[np.float64]


def sample_l_moments(samples: NDArray[np.floating]) -> LMoments:
    """L-moments along the first axis of (years, ...) samples; NaN entries are left out (Hosking 1990)."""
    from layers.kernels.lmoment import l_moments

    shape, length = samples.shape[1:], samples.shape[0]
    flat = samples.reshape(length, int(np.prod(shape)))
    out = np.empty((flat.shape[1], 6))
    for first in range(0, flat.shape[1], BLOCK):
        block = np.ascontiguousarray(flat[:, first : first + BLOCK].T, np.float64)
        l_moments(block, out[first : first + BLOCK])
    count, *moments = (column.reshape(shape) for column in out.T)
    return LMoments(count.astype(np.int32), *moments)


def fit_l_moments(
    maxima: NDArray[np.floating], *, distribution: Distribution = "gev", minimum_years: int = MINIMUM_YEARS
) -> Fit:  # fmt: skip
    """Fit by L-moments.

    Parameters
    ----------
    maxima
        (years, ...) one maximum a year; missing years are NaN and left out.
    distribution
        "gev" or "gumbel".
    minimum_years
        A cell with fewer usable years is NaN.

    Returns
    -------
    Fit
        NaN also where all maxima are equal, or the L-skewness lies outside -0.9 to 0.99.

    References
    ----------
    Hosking and Wallis 1997, equations A.55, A.56 (GEV; the shape is solved exactly, not by their approximation) and
    A.34, A.35 (Gumbel).
    """
    moments = sample_l_moments(maxima)
    enough = (moments.count >= minimum_years) & (moments.l2 > 0)
    l2 = np.where(enough, moments.l2, np.nan)
    if distribution == "gumbel":
        scale = l2 / np.log(2.0)
        location, shape = np.asarray(moments.l1 - EULER * scale), np.where(enough, 0.0, np.nan)
        return Fit(location, np.asarray(scale), shape, moments.count, "gumbel")
    from scipy.special import gamma

    from layers.kernels.lmoment import gev_shapes

    shape = np.empty(l2.size)
    gev_shapes(np.where(enough, moments.t3, np.nan).ravel(), shape)
    k = -shape.reshape(l2.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        flat = np.abs(k) < NEARLY_GUMBEL
        g = gamma(1.0 + k)
        scale = np.where(flat, l2 / np.log(2.0), l2 * k / (-np.expm1(-k * np.log(2.0)) * g))
        location = moments.l1 - scale * np.where(flat, EULER, (1.0 - g) / k)
    return Fit(np.asarray(location), scale, np.asarray(-k), moments.count, "gev")


def fit_likelihood(
    sample: ArrayLike, *, distribution: Distribution = "gev", minimum_years: int = MINIMUM_YEARS
) -> Fit:  # fmt: skip
    """Fit by maximum likelihood, from the fit by L-moments as a start.

    Parameters
    ----------
    sample
        Annual maxima of one place; missing years are NaN and left out.

    Returns
    -------
    Fit
        Of shape (); NaN for fewer usable years than `minimum_years`, or where no maximum is found with a shape
        above -1, below which the likelihood has none (Coles 2001, section 3.3.1).
    """
    values = usable(sample)
    first = fit_l_moments(values, distribution=distribution, minimum_years=minimum_years)
    found = None
    if np.isfinite(first.scale):
        start = [float(first.location), np.log(float(first.scale)), float(first.shape)]
        found = maximise(values, start if distribution == "gev" else start[:2])
    location, log_scale, shape = (*found, 0.0)[:3] if found is not None else (np.nan,) * 3
    return Fit(
        np.array(location), np.array(np.exp(log_scale)), np.array(shape), first.years, distribution,
        "maximum likelihood",
    )  # fmt: skip


def usable(sample: ArrayLike) -> NDArray[np.float64]:
    """The numbers of one sample.

    Raises
    ------
    LayerError
        If it is not one row.
    """
    values = np.asarray(sample, np.float64)
    if values.ndim != 1:
        raise LayerError("annual maxima of one place are one row of numbers")
    return values[np.isfinite(values)]


def negative_log_likelihood(values: NDArray[np.float64], location: float, scale: float, shape: float) -> float:
    """Of a GEV sample (Coles 2001, equations 3.7 and 3.9); infinite where a value is impossible."""
    z = (values - location) / scale
    if abs(shape) < NEARLY_GUMBEL:
        return float(len(z) * np.log(scale) + z.sum() + np.exp(-z).sum())
    inside = 1.0 + shape * z
    if inside.min() <= 0.0 or shape <= -1.0:
        return float(np.inf)
    logs = np.log(inside)
    return float(len(z) * np.log(scale) + (1.0 + 1.0 / shape) * logs.sum() + np.exp(-logs / shape).sum())


def maximise(values: NDArray[np.float64], start: list[float]) -> list[float] | None:
    """Location, logarithm of the scale and (if the start has it) shape with the highest likelihood."""
    from scipy.optimize import minimize

    unit = np.exp(start[1])  # the search is in scales of the start, so that its tolerance fits any unit

    def cost(at: NDArray[np.float64]) -> float:
        with np.errstate(over="ignore"):
            return negative_log_likelihood(
                values, start[0] + unit * at[0], unit * float(np.exp(at[1])), float(at[2]) if len(at) > 2 else 0.0
            )

    origin = np.array([0.0, 0.0, *start[2:]])
    if len(origin) > 2 and not np.isfinite(cost(origin)):
        origin[2] = 0.01  # the whole sample is possible close to Gumbel
    options = {"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4000, "maxfev": 8000}
    result = minimize(cost, origin, method="Nelder-Mead", options=options)
    if not (result.success and np.isfinite(result.fun)):
        return None
    return [start[0] + unit * float(result.x[0]), start[1] + float(result.x[1]), *map(float, result.x[2:])]


def return_level(fit: Fit, period_years: ArrayLike) -> NDArray[np.float64]:
    """The value that is exceeded with probability 1/T in any year, in the unit of the maxima (Coles 2001, 3.4).

    NaN where the fit is NaN or T is not above 1 year.
    """
    period = np.asarray(period_years, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        reduced = -np.log(-np.log1p(-1.0 / np.where(period > 1.0, period, np.nan)))
        shape = np.where(np.abs(fit.shape) < NEARLY_GUMBEL, 1.0, fit.shape)
        grown = np.where(shape == fit.shape, np.expm1(shape * reduced) / shape, reduced)
        grown = np.where(np.isnan(fit.shape), np.nan, grown)
        return np.asarray(fit.location + fit.scale * grown, np.float64)


def return_period(fit: Fit, value: ArrayLike) -> NDArray[np.float64]:
    """Years T such that the value is exceeded with probability 1/T in any year; NaN in, NaN out.

    Infinite above the upper end of a bounded distribution, 1 below the lower end.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        z = (np.asarray(value, np.float64) - fit.location) / fit.scale
        inside = np.maximum(1.0 + fit.shape * z, 0.0)
        flat = np.abs(fit.shape) < NEARLY_GUMBEL
        reduced = np.where(flat, z, np.log(inside) / np.where(flat, 1.0, fit.shape))
        return np.asarray(-1.0 / np.expm1(-np.exp(-reduced)), np.float64)
