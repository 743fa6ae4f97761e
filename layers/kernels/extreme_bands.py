"""How sure a return level or a return period of one place is, and the sentence that says so.

For a fit by maximum likelihood the band is that of the profile likelihood, which is wide on the side where little is
known (Coles 2001, sections 2.6.6 and 3.3.3). For a fit by L-moments it comes from a parametric bootstrap with a given
seed: samples of the same length are drawn from the fit and fitted again, and the band holds the middle of what they
give (Hosking and Wallis 1997, section 6.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.text import Translate
from layers.derived.extremes import (
    MINIMUM_YEARS,
    NEARLY_GUMBEL,
    Fit,
    fit_l_moments,
    fit_likelihood,
    negative_log_likelihood,
    return_level,
    return_period,
    usable,
)

CONFIDENCE = 0.9
DRAWS = 999
SEED = 20_260_101
FURTHEST = 13.8  # reduced variate of a million years: beyond it a period counts as infinite
NEAREST = -3.0  # reduced variate of a value that practically every year exceeds
REACH = 2.0  # lengths of the record that a period may have: our rule, after a common one of hydrology
STATED = (2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, kw_only=True)
class Band:
    """An estimate and what it lies between with the given confidence; NaN is unknown, infinity is possible."""

    value: float
    low: float
    high: float
    confidence: float
    years: int  # usable years of the record
    method: str  # how the distribution was fitted


def level_band(sample: ArrayLike, fit: Fit, period_years: float, *, confidence: float = CONFIDENCE) -> Band:
    """A return level with its band, in the unit of the sample.

    Parameters
    ----------
    sample
        Annual maxima of one place, NaN where missing.
    fit
        Of this sample, by `fit_likelihood` or `fit_l_moments`; decides how the band is made.
    period_years
        Above 1.
    """
    values, best = usable(sample), float(return_level(fit, period_years))
    if not np.isfinite(best):
        return _band(fit, np.nan, np.nan, np.nan, confidence)
    if fit.method == "L-moments":
        low, high = _bootstrap(fit, lambda other: return_level(other, period_years), confidence)
    else:
        reduced = -np.log(-np.log1p(-1.0 / period_years))
        low, high = _profile_levels(values, fit, reduced, best, confidence)
    return _band(fit, best, low, high, confidence)


def period_band(sample: ArrayLike, fit: Fit, value: float, *, confidence: float = CONFIDENCE) -> Band:
    """The return period of a value with its band [years]; parameters as in `level_band`."""
    values, best = usable(sample), float(return_period(fit, value))
    if np.isnan(best):
        return _band(fit, np.nan, np.nan, np.nan, confidence)
    if fit.method == "L-moments":
        low, high = _bootstrap(fit, lambda other: return_period(other, value), confidence)
    else:
        low, high = _profile_periods(values, fit, value, best, confidence)
    return _band(fit, best, low, high, confidence)


def _band(fit: Fit, value: float, low: float, high: float, confidence: float) -> Band:
    return Band(value=value, low=low, high=high, confidence=confidence, years=int(fit.years), method=fit.method)


def _bootstrap(fit: Fit, of: Callable[[Fit], NDArray[np.float64]], confidence: float) -> tuple[float, float]:
    """The middle of what refits of drawn samples give; infinite periods count as they are."""
    uniform = np.random.default_rng(SEED).uniform(size=(int(fit.years), DRAWS))
    drawn = return_level(fit, 1.0 / (1.0 - uniform))
    found = of(fit_l_moments(drawn, distribution=fit.distribution))
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(found[~np.isnan(found)], [tail, 1.0 - tail], method="nearest")
    return float(low), float(high)


class _Profile:
    """Twice the loss of log likelihood when the return level of a reduced variate is held at a value."""

    def __init__(self, values: NDArray[np.float64], fit: Fit) -> None:
        self.values = values
        self.best = negative_log_likelihood(values, float(fit.location), float(fit.scale), float(fit.shape))
        self.start = np.array(
            [np.log(float(fit.scale)), float(fit.shape)][: 1 if fit.distribution == "gumbel" else 2]
        )

    def deviance(self, level: float, reduced: float) -> float:
        from scipy.optimize import minimize

        def cost(at: NDArray[np.float64]) -> float:
            scale, shape = float(np.exp(at[0])), float(at[1]) if len(at) > 1 else 0.0
            grown = reduced if abs(shape) < NEARLY_GUMBEL else np.expm1(shape * reduced) / shape
            with np.errstate(over="ignore"):
                return negative_log_likelihood(self.values, level - scale * grown, scale, shape)

        options = {"xatol": 1e-6, "fatol": 1e-7, "maxiter": 2000}
        origins = [self.start, *([np.array([self.start[0], shape]) for shape in (0.01, -0.3, 0.3)])]
        origin = next((one[: len(self.start)] for one in origins if np.isfinite(cost(one[: len(self.start)]))), None)
        if origin is None:
            return float(np.inf)
        return 2.0 * (float(minimize(cost, origin, method="Nelder-Mead", options=options).fun) - self.best)


def _edge(loss: Callable[[float], float], inside: float, outside: float) -> float:
    """Where a loss that is negative inside and positive outside changes its sign."""
    from scipy.optimize import brentq

    return float(brentq(lambda at: min(loss(at), 1e3), inside, outside, xtol=1e-6, rtol=1e-8))


def _profile_levels(
    values: NDArray[np.float64], fit: Fit, reduced: float, best: float, confidence: float
) -> tuple[float, float]:  # fmt: skip
    from scipy.special import chdtri

    profile, limit = _Profile(values, fit), float(chdtri(1, 1.0 - confidence))

    def loss(level: float) -> float:
        return profile.deviance(level, reduced) - limit

    ends = []
    for direction in (-1.0, 1.0):
        reach = direction * float(fit.scale)
        for _ in range(24):
            if loss(best + reach) > 0.0:
                break
            reach *= 2.0
        ends.append(_edge(loss, best, best + reach) if loss(best + reach) > 0.0 else direction * np.inf)
    return ends[0], ends[1]


def _profile_periods(
    values: NDArray[np.float64], fit: Fit, value: float, best: float, confidence: float
) -> tuple[float, float]:  # fmt: skip
    from scipy.special import chdtri

    profile, limit = _Profile(values, fit), float(chdtri(1, 1.0 - confidence))

    def loss(reduced: float) -> float:
        return profile.deviance(value, reduced) - limit

    def years(reduced: float) -> float:
        return float(-1.0 / np.expm1(-np.exp(-reduced)))

    centre = FURTHEST if best > 1e6 else float(-np.log(-np.log1p(-1.0 / max(best, 1.0 + 1e-9))))
    centre = min(max(centre, NEAREST), FURTHEST)
    if loss(centre) >= 0.0:  # the estimate itself lies beyond the ends of the search
        return (1.0, years(NEAREST)) if centre == NEAREST else (years(FURTHEST), float(np.inf))
    low = years(_edge(loss, NEAREST, centre)) if loss(NEAREST) > 0.0 else 1.0
    high = years(_edge(loss, centre, FURTHEST)) if loss(FURTHEST) > 0.0 else float(np.inf)
    return low, high


def longest_period(years: int) -> int:
    """The longest period [years] that a record may speak of: of the usual ones, at most `REACH` times its length."""
    return max((period for period in STATED if period <= REACH * years), default=0)


def rarity(sample: ArrayLike, value: float, *, confidence: float = CONFIDENCE) -> Band:
    """The return period of a value at one place: GEV by maximum likelihood, by L-moments where that finds none."""
    fit = fit_likelihood(sample)
    if np.isnan(fit.scale):
        fit = fit_l_moments(usable(sample))
    return period_band(sample, fit, value, confidence=confidence)


def describe(band: Band, t: Translate = str) -> str:
    """A return period as people say it, with its bounds, never further than the record reaches."""
    limit = longest_period(band.years)
    if np.isnan(band.value):
        text = t("how unusual it is cannot be told: {n} usable years of record, {minimum} are needed")
        return text.format(n=band.years, minimum=MINIMUM_YEARS)
    words = {"percent": f"{100 * band.confidence:.0f}", "limit": limit, "n": band.years}
    words |= {"years": _rounded(band.value), "low": _rounded(min(band.low, limit)), "high": _rounded(band.high)}
    if band.value < 1.5:
        text = t("reached in most years")
    elif band.value > limit:
        text = t(
            "1 in more than {limit} years (the {percent} % band begins at {low}); {n} years of record tell no more"
        )
    elif band.high > limit:
        text = t("about 1 in {years} years ({percent} % between {low} and more than {limit})")
    else:
        text = t("about 1 in {years} years ({percent} % between {low} and {high})")
    return text.format(**words)


def _rounded(years: float) -> str:
    """Two figures are more than a record knows; whole years below ten."""
    if not np.isfinite(years):
        return ""
    return f"{round(years)}" if years < 10 else f"{float(f'{years:.2g}'):.0f}"
