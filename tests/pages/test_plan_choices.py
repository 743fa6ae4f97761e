"""Which series stand for which, what is proposed, and which kind of region fits."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.regions import KINDS
from pages._plan_choices import effective, return_years, series_options, show_options, stands_for
from pages._plan_extremes import yearly_series
from pages._plan_values import default_kind, pick
from tests.pages.plan_answer import AT, series

RAIN = series()
LEVELS = [series(f"precipitation_1h_return_level_{years}y", source="derived", length=0) for years in (50, 2)]
RARITY = series("precipitation_1h_return_period", source="derived", length=0, unit="year")
YEARLY = series("precipitation_1h_annual_max", received_at=AT + timedelta(days=1))
PEOPLE = series("population", source="people", length=0, received_at=AT + timedelta(days=2))
ALL = [RAIN, *LEVELS, RARITY, YEARLY, PEOPLE]


@pytest.mark.parametrize(
    ("base", "length", "expected"),
    [
        pytest.param("precipitation", 3600, True, id="the same"),
        pytest.param("precipitation_1h", 0, True, id="the time in the name"),
        pytest.param("precipitation_24h", 0, False, id="another time in the name"),
        pytest.param("precipitation", 86400, False, id="another time beside it"),
        pytest.param("snow_water", 3600, False, id="another quantity"),
    ],
)
def test_climatology_is_of_the_same_amount(base: str, length: int, expected: bool) -> None:
    assert stands_for(base, series("x", length=length), RAIN) is expected


def test_return_levels_replace_the_series_that_is_shown() -> None:
    assert return_years(RAIN, ALL) == {2, 50}
    assert effective(RAIN, ALL, "level:50") is LEVELS[0]
    assert effective(RAIN, ALL, "rarity") is RARITY
    assert effective(RAIN, ALL, "level:7") is RAIN
    assert [one["value"] for one in show_options(RAIN, ALL, str)] == ["value", "level:2", "level:50", "rarity"]


def test_series_without_climatology_offers_only_its_value() -> None:
    assert [one["value"] for one in show_options(PEOPLE, ALL, str)] == ["value"]


def test_maps_of_rarity_are_not_listed_as_quantities() -> None:
    listed = [item["value"] for group in series_options(ALL, str) for item in group["items"]]
    assert sorted(listed) == sorted(str(one.key) for one in (RAIN, YEARLY, PEOPLE))


def test_yearly_maxima_of_a_series_are_found() -> None:
    assert yearly_series(RAIN, ALL) is YEARLY
    assert yearly_series(YEARLY, ALL) is YEARLY
    assert yearly_series(PEOPLE, ALL) is None


def test_weather_is_proposed_before_people_and_yearly_extremes() -> None:
    assert pick(ALL, "") is RAIN
    assert pick([PEOPLE], "") is PEOPLE
    assert pick([], "") is None


def test_series_of_a_link_that_is_gone_is_not_replaced_silently() -> None:
    assert pick(ALL, "gone~x~0~y") is None


def test_kind_fits_the_area_of_the_series() -> None:
    kinds = np.array(["country", "cn-county", "cn-county", "us-county", "us-county"])
    regions: Any = SimpleNamespace(
        lon=np.array([0.0, 110, 112, -90, -160]), lat=np.array([0.0, 30, 32, 40, 20]), kind=kinds,
        of_kind=lambda kind: np.flatnonzero(kinds == kind),
    )  # fmt: skip
    assert set(kinds.tolist()) <= set(KINDS)
    assert default_kind((100, 20, 130, 45), regions) == "cn-county"
    assert default_kind((-125, 24, -66, 50), regions) == "us-county"
    assert default_kind((-180, -90, 180, 90), regions) == "country"
