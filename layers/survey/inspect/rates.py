"""Error rates from samples, and between which bounds the true rate lies.

One stratum: the exact bounds of a finite population (Wright 1991), those of Clopper & Pearson (1934) with the
hypergeometric distribution in the place of the binomial: drawn without replacement from `records`, so that a full
count leaves no doubt. Several strata: the stratified estimate (Cochran 1977, chapter 5) and the bounds of Clopper &
Pearson at the effective sample size (Korn & Graubard 1998).

References
----------
Clopper, C. J. & Pearson, E. S. (1934), Biometrika 26, 404-413.
Cochran, W. G. (1977), Sampling Techniques, 3rd ed., Wiley.
Korn, E. L. & Graubard, B. I. (1998), Survey Methodology 24, 193-201.
Wright, T. (1991), Exact Confidence Bounds when Sampling from Small Finite Universes, Lecture Notes in Statistics 66.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """`records` there are, of which `checked` were looked at and `faulty` found wrong."""

    records: int
    checked: int
    faulty: int

    def __post_init__(self) -> None:
        if not 0 <= self.faulty <= self.checked <= self.records:
            raise ValueError(f"not 0 <= faulty <= checked <= records: {self}")


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A share of faulty records, 0 to 1, and its bounds; None where nothing was checked or a stratum was left out."""

    records: int
    checked: int
    faulty: int
    rate: float | None
    low: float | None
    high: float | None


def rate_of(strata: Sequence[Stratum], level: float = LEVEL) -> Rate:
    """The rate over some strata; those without records do not count.

    Parameters
    ----------
    level : float
        How sure the bounds are, 0 to 1.
    """
    told = [one for one in strata if one.records]
    records, checked, faulty = (sum(getattr(one, name) for one in told) for name in ("records", "checked", "faulty"))
    counts = {"records": records, "checked": checked, "faulty": faulty}
    if not told or any(one.checked == 0 for one in told):
        return Rate(**counts, rate=None, low=None, high=None)
    if len(told) == 1:
        low, high = exact_bounds(told[0], level)
        return Rate(**counts, rate=faulty / checked, low=low / records, high=high / records)
    rate = sum(one.records * one.faulty / one.checked for one in told) / records
    low_share, high_share = _effective_bounds(told, rate, level)
    return Rate(**counts, rate=rate, low=low_share, high=high_share)


def exact_bounds(one: Stratum, level: float = LEVEL) -> tuple[int, int]:
    """The fewest and the most faulty records that there may be in all, each tail with half of what is left of 1."""
    from scipy.stats import hypergeom

    tail = (1 - level) / 2
    surely_right = one.checked - one.faulty

    def few_enough(faulty: int) -> bool:  # so many in all would show so few, or fewer, less often than the tail
        return bool(hypergeom.cdf(one.faulty, one.records, faulty, one.checked) > tail)

    def many_enough(faulty: int) -> bool:
        return bool(hypergeom.sf(one.faulty - 1, one.records, faulty, one.checked) > tail)

    low = _first(many_enough, one.faulty, one.records - surely_right)
    high = _first(lambda faulty: not few_enough(faulty), one.faulty, one.records - surely_right + 1) - 1
    return low, max(high, low)


def _first(holds: object, low: int, high: int) -> int:
    """The first number from `low` to `high` for which a rising condition holds; `high` where none before does."""
    assert callable(holds)
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _effective_bounds(strata: Sequence[Stratum], rate: float, level: float) -> tuple[float, float]:
    """Clopper-Pearson at the effective sample size: that of a simple sample with the variance of this one."""
    from scipy.stats import beta

    total = sum(one.records for one in strata)
    variance = sum(_variance(one) * (one.records / total) ** 2 for one in strata)
    checked = sum(one.checked for one in strata)
    if checked == total:
        return rate, rate
    size = rate * (1 - rate) / variance if variance > 0 else float(checked)
    hits, tail = rate * size, (1 - level) / 2
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, size - hits + 1))
    high = 1.0 if hits >= size else float(beta.ppf(1 - tail, hits + 1, size - hits))
    return (low if math.isfinite(low) else 0.0), (high if math.isfinite(high) else 1.0)


def _variance(one: Stratum) -> float:
    """Of the rate of a stratum, without replacement; of a single record nothing is known: as if half were faulty."""
    share = one.faulty / one.checked
    left = 1 - one.checked / one.records
    return left * (share * (1 - share) / (one.checked - 1) if one.checked > 1 else 0.25)
