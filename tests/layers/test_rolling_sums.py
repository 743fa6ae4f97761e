"""Sums over a moving window: exact over whole windows, missing over gaps and before the first whole one."""

from __future__ import annotations

import numpy as np
import pytest

from layers.amounts import rolling_sums

HOUR = 3600.0


def test_sum_of_each_whole_window() -> None:
    at = np.arange(8) * HOUR
    found = rolling_sums(at, np.array([1.0, 2, 3, 4, 5, 6, 7, 8]), 3 * HOUR)
    assert np.isnan(found[:2]).all()
    assert found[2:].tolist() == [6.0, 9.0, 12.0, 15.0, 18.0, 21.0]


def test_missing_amount_is_not_zero() -> None:
    found = rolling_sums(np.arange(6) * HOUR, np.array([1.0, 1, np.nan, 1, 1, 1]), 2 * HOUR)
    assert np.isnan(found[[2, 3]]).all()
    assert found[[1, 4, 5]].tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("count", [0, 1], ids=["nothing", "one report"])
def test_too_few_reports_give_no_sum(count: int) -> None:
    assert np.isnan(rolling_sums(np.arange(count) * HOUR, np.ones(count), HOUR)).all()
