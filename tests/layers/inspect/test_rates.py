"""Bounds of error rates against their definitions and against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, hypergeom

from layers.survey.inspect.rates import Stratum, exact_bounds, rate_of


@pytest.mark.parametrize(
    ("records", "checked", "faulty"), [(50, 10, 0), (50, 10, 3), (200, 30, 1), (40, 39, 5), (9, 9, 4)]
)
def test_exact_bounds_are_all_counts_that_the_sample_does_not_rule_out(
    records: int, checked: int, faulty: int
) -> None:
    kept = [
        count
        for count in range(faulty, records - (checked - faulty) + 1)
        if hypergeom.cdf(faulty, records, count, checked) > 0.025
        and hypergeom.sf(faulty - 1, records, count, checked) > 0.025
    ]
    assert exact_bounds(Stratum(records=records, checked=checked, faulty=faulty)) == (kept[0], kept[-1])


@pytest.mark.parametrize(("checked", "faulty"), [(100, 0), (100, 3), (854, 25), (60, 60)])
def test_of_a_large_population_they_are_those_of_clopper_and_pearson(checked: int, faulty: int) -> None:
    found = rate_of([Stratum(records=10_000_000, checked=checked, faulty=faulty)])
    known = binomtest(faulty, checked).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=2e-5)


def test_a_full_count_leaves_no_doubt() -> None:
    found = rate_of([Stratum(records=80, checked=80, faulty=7)])
    assert found.low == found.high == found.rate == 7 / 80
    two = rate_of([Stratum(records=80, checked=80, faulty=7), Stratum(records=20, checked=20, faulty=0)])
    assert two.low == two.high == two.rate == 0.07


def test_strata_weigh_by_their_records() -> None:
    found = rate_of([Stratum(records=900, checked=30, faulty=0), Stratum(records=100, checked=30, faulty=15)])
    assert found.rate == pytest.approx(0.05)
    assert found.low is not None and found.high is not None
    assert found.low < 0.05 < found.high


def test_effective_size_is_that_of_a_simple_sample_where_strata_are_alike() -> None:
    """Equal shares drawn from equal strata with equal rates: Clopper-Pearson of about the whole sample."""
    found = rate_of([Stratum(records=10**7, checked=500, faulty=25)] * 4)
    known = binomtest(100, 2000).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), rel=0.01)


def test_bounds_hold_the_truth_as_often_as_they_say() -> None:
    draw = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        faulty = [int(draw.hypergeometric(one, 400 - one, 40)) for one in (4, 20, 60)]
        found = rate_of([Stratum(records=400, checked=40, faulty=one) for one in faulty])
        assert found.low is not None and found.high is not None
        held += found.low <= 84 / 1200 <= found.high
    assert held >= 300 * 0.93


def test_nothing_checked_is_unknown_and_not_zero() -> None:
    assert rate_of([]).rate is None
    assert rate_of([Stratum(records=10, checked=0, faulty=0)]).rate is None
    partly = rate_of([Stratum(records=10, checked=10, faulty=0), Stratum(records=5, checked=0, faulty=0)])
    assert (partly.rate, partly.high, partly.checked) == (None, None, 10)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="faulty"):
        Stratum(records=10, checked=5, faulty=6)
