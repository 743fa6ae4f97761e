"""Air-quality indices against HJ 633-2012, HJ 633-2026 and the US table of 2024."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import LayerError
from layers.classes import class_table
from layers.derived.air_quality import Standard, air_quality, standard, standards, sub_index
from tests.reference.tables import read_table

OLD, NEW, US = standard("china", date(2026, 2, 28)), standard("china"), standard("us")
NAMES = {
    "PM2.5_24h": "pm2_5_24h", "PM10_24h": "pm10_24h", "SO2_24h": "so2_24h", "NO2_24h": "no2_24h",
    "CO_24h_mg": "co_24h", "O3_8h": "o3_8h", "O3_1h": "o3_1h",
}  # fmt: skip


def test_standard_is_chosen_by_day() -> None:
    assert (OLD.key, NEW.key) == ("hj633_2012", "hj633_2026")
    assert standard("china", date(2026, 3, 1)) is NEW
    assert standard("us", date(2024, 5, 5)).key == "epa_2013"
    assert standard("us", date(2024, 5, 6)) is US
    with pytest.raises(LayerError, match="1990"):
        standard("china", date(1990, 1, 1))
    with pytest.raises(LayerError, match="mars"):
        standard("mars")


@pytest.mark.parametrize(
    ("pollutant", "value", "old", "new"),
    [
        pytest.param("pm2_5_24h", 35, 50, 50, id="PM2.5 35"),
        pytest.param("pm2_5_24h", 36, 52, 52, id="PM2.5 36 is rounded up"),
        pytest.param("pm2_5_24h", 60, 82, 100, id="PM2.5 60"),
        pytest.param("pm2_5_24h", 75, 100, 114, id="PM2.5 75"),
        pytest.param("pm2_5_24h", 600, 500, 500, id="PM2.5 beyond the table"),
        pytest.param("pm10_24h", 120, 85, 100, id="PM10 120"),
        pytest.param("pm10_24h", 121, 86, 101, id="PM10 121"),
        pytest.param("o3_8h", 161, 101, 101, id="ozone 161"),
        pytest.param("o3_8h", 800, 300, 300, id="ozone 800"),
        pytest.param("o3_8h", 801, np.nan, np.nan, id="ozone beyond the 8 h table"),
        pytest.param("no2_1h", 1200, 200, 200, id="nitrogen dioxide of an hour"),
        pytest.param("so2_1h", 801, np.nan, np.nan, id="sulphur dioxide beyond the hourly table"),
    ],
)
def test_index_of_one_pollutant_in_china(pollutant: str, value: float, old: float, new: float) -> None:
    assert float(sub_index(value, pollutant, OLD)) == pytest.approx(old, nan_ok=True)
    assert float(sub_index(np.float32(value), pollutant, NEW)) == pytest.approx(new, nan_ok=True)


@pytest.mark.parametrize(
    ("pollutant", "value", "expected"),
    [
        pytest.param("pm2_5_24h", 9.09, 50, id="cut to 9.0"),
        pytest.param("pm2_5_24h", 9.1, 51, id="9.1"),
        pytest.param("pm2_5_24h", np.float32(35.5), 101, id="35.5 in single precision"),
        pytest.param("pm2_5_24h", 125.4, 200, id="125.4"),
        pytest.param("pm2_5_24h", 400, 500, id="beyond the table"),
        pytest.param("o3_8h", 0.070, 100, id="ozone 70 ppb"),
        pytest.param("o3_8h", 0.071, 101, id="ozone 71 ppb"),
        pytest.param("o3_8h", 0.201, np.nan, id="ozone beyond the 8 h table"),
        pytest.param("pm10_24h", 154.9, 100, id="PM10 cut to 154"),
    ],
)
def test_index_of_one_pollutant_in_the_united_states(pollutant: str, value: float, expected: float) -> None:
    assert float(sub_index(value, pollutant, US)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.recorded
def test_cases_of_both_countries(oracles: Path) -> None:
    rows = read_table(oracles / "aqi_china_cases.csv")
    assert len(rows) >= 32
    for row in rows:
        value, name = float(row["concentration_ug_per_m3"]), NAMES[row["pollutant"]]
        assert float(sub_index(value, name, OLD)) == float(row["IAQI_HJ633_2012"]), row
        assert float(sub_index(value, name, NEW)) == float(row["IAQI_HJ633_2026"]), row
    rows = read_table(oracles / "aqi_us_pm25_2024_cases.csv")
    assert len(rows) >= 15
    for row in rows:
        assert float(sub_index(float(row["pm25_ug_per_m3"]), "pm2_5_24h", US)) == float(row["AQI"]), row


@pytest.mark.recorded
def test_limits_of_china_agree_with_the_published_table(oracles: Path) -> None:
    rows = read_table(oracles / "aqi_china_breakpoints.csv")
    assert len(rows) == 14
    for row in rows:
        rules = OLD if row["standard"] == "HJ633-2012" else NEW
        limits = tuple(float(row[f"IAQI_{top:g}"]) for top in rules.index if row[f"IAQI_{top:g}"])
        assert rules.pollutants[NAMES[row["pollutant"]]].limits == limits, row


def test_highest_pollutant_makes_the_index() -> None:
    found = air_quality({"pm2_5_24h": [20, 80, 115, 600], "pm10_24h": [45, 60, 250, np.nan]}, NEW)
    assert found.value.tolist() == [45, 119, 150, 500]  # nothing can be worse than 500
    assert found.primary.tolist() == [[False, True, True, True], [False, False, True, False]]


def test_index_has_a_class() -> None:
    # HJ 633, table 2; 40 CFR 58, appendix G
    assert class_table("aqi_china").numbers([0, 50, 51, 100, 101, 151, 201, 300, 301, 500]).tolist() == [
        1, 1, 2, 2, 3, 4, 5, 5, 6, 6,
    ]  # fmt: skip
    assert class_table("aqi_us").numbers([50, 101, 301, np.nan])[:3].tolist() == [1, 3, 6]


def test_missing_pollutant_leaves_the_index_unknown_and_tells_the_least() -> None:
    found = air_quality({"pm2_5_24h": [80.0, np.nan], "o3_8h": [np.nan, np.nan]}, NEW)
    assert np.isnan(found.value).all() and not found.primary.any()
    assert found.least[0] == 119 and np.isnan(found.least[1])


def test_wrong_input_is_refused() -> None:
    assert np.isnan(sub_index([np.nan, -1.0, np.inf], "pm10_24h", NEW)).all()
    with pytest.raises(LayerError, match="lead"):
        sub_index(1.0, "lead", NEW)
    with pytest.raises(LayerError, match="at least one"):
        air_quality({}, NEW)


@pytest.mark.parametrize("rules", standards(), ids=lambda rules: rules.key)
def test_standard_is_whole(rules: Standard) -> None:
    assert rules.authority and rules.source and (rules.valid_until is None or rules.valid_from < rules.valid_until)
    for name, table in rules.pollutants.items():
        assert list(table.limits) == sorted(set(table.limits)) and len(table.limits) <= len(rules.index)
        tops = sub_index(table.limits, name, rules)
        assert tops.tolist() == list(rules.index[: len(table.limits)])


@given(
    st.sampled_from([(rules, name) for rules in standards() for name in rules.pollutants]),
    st.floats(0, 1), st.floats(0, 0.2),
)  # fmt: skip
def test_index_never_falls_with_concentration(item: tuple[Standard, str], share: float, more: float) -> None:
    rules, name = item
    top = rules.pollutants[name].limits[-1]
    low, high = sub_index([share * top, min(1.0, share + more) * top], name, rules)
    assert 0 <= low <= high <= 500
