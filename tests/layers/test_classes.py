"""Class tables: limits as published, dates, and what is unknown stays unknown."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError, LayerError
from layers.classes import class_table, class_tables, read_tables, settle, valid_on

# scheme of the published table -> ours
SCHEMES = {
    "rain24h_GBT28592": "rain_24h", "rain12h_GBT28592": "rain_12h", "TC_GBT19201": "cyclone_gbt19201",
    "drought_MCI_GBT20481-2017": "drought_mci", "SPI_GBT20481-2017": "drought_spi", "UTCI": "utci_stress",
    "heat_index_NWS": "heat_index_nws", "tsunami_JMA": "tsunami_jma",
}  # fmt: skip
KEYS = [table.key for table in class_tables()]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        pytest.param("rain_24h", 0.0, "none", id="dry"),
        pytest.param("rain_24h", np.float32(0.1), "light", id="a tenth in single precision"),
        pytest.param("rain_24h", 49.94, "heavy", id="49.94 is 49.9"),
        pytest.param("rain_24h", 49.95, "rainstorm", id="49.95 is 50.0"),
        pytest.param("rain_24h", 250.0, "extreme_rainstorm", id="GB/T 28592-2012, 250 mm"),
        pytest.param("rain_12h", 30.0, "rainstorm", id="GB/T 28592-2012, 30 mm in 12 h"),
        pytest.param("wind_force", 10.7, "force_5", id="GB/T 28591-2012, 10.7 m/s"),
        pytest.param("wind_force", np.float32(10.8), "force_6", id="GB/T 28591-2012, 10.8 m/s"),
        pytest.param("wind_force", 61.2, "force_17", id="GB/T 28591-2012, 61.2 m/s"),
        pytest.param("wind_force", 61.3, "force_18", id="above force 17"),
        pytest.param("cyclone_gbt19201", 32.6, "sts", id="GB/T 19201-2006, 32.6 m/s"),
        pytest.param("cyclone_gbt19201", 32.7, "ty", id="GB/T 19201-2006, 32.7 m/s"),
        pytest.param("drought_mci", -0.5, "light", id="GB/T 20481-2017, -0.5 itself"),
        pytest.param("drought_mci", -2.0, "extreme", id="GB/T 20481-2017, -2 itself"),
        pytest.param("drought_spi_wmo", -0.99, "near_normal", id="WMO-No. 1090, -0.99"),
        pytest.param("drought_spi_wmo", -1.0, "moderately_dry", id="WMO-No. 1090, -1"),
    ],
)
def test_value_gets_its_class(key: str, value: float, expected: str) -> None:
    table = class_table(key)
    number = int(table.numbers(value))
    assert next(entry.key for entry in table.classes if entry.number == number) == expected


@pytest.mark.parametrize("key", KEYS)
def test_missing_is_no_class(key: str) -> None:
    assert np.isnan(class_table(key).numbers([np.nan, np.inf, -np.inf])).all()


@pytest.mark.parametrize("key", ["rain_24h", "wind_force", "cyclone_gbt19201"])
def test_negative_amounts_and_speeds_are_no_class(key: str) -> None:
    assert np.isnan(class_table(key).numbers(-1.0))


@given(st.sampled_from(KEYS), st.floats(-300, 300), st.floats(0, 300))
def test_class_never_turns_back(key: str, value: float, more: float) -> None:
    table = class_table(key)
    low, high = table.numbers([value, value + more])
    rising = table.classes[-1].number > table.classes[0].number
    assert np.isnan(low) or (high >= low if rising else high <= low)


@pytest.mark.parametrize("key", KEYS)
def test_table_says_whose_it_is(key: str) -> None:
    table = class_table(key)
    assert table.en and table.zh and table.authority and table.source and table.unit and table.quantity
    assert len({entry.number for entry in table.classes}) == len(table.classes)
    assert all(entry.en and entry.zh for entry in table.classes)
    assert table.confirmed or table.note or "WMO" in table.source


def test_table_is_chosen_by_day() -> None:
    assert class_table("drought_mci", date(2018, 4, 1)).valid_from == date(2018, 4, 1)
    with pytest.raises(LayerError, match="2018-03-31"):
        class_table("drought_mci", date(2018, 3, 31))
    with pytest.raises(LayerError, match="nonsense"):
        class_table("nonsense")
    assert valid_on(date(2020, 1, 1), date(2020, 12, 31), date(2020, 12, 31))
    assert not valid_on(date(2020, 1, 1), date(2020, 12, 31), None)


def test_faults_of_a_file_come_together(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "data/reference/classes/rain.yaml").read_text(encoding="utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(text.replace("valid_from: 2012-08-01", "valid_from: soon"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_tables(path)
    assert len(caught.value.faults) == 2


def test_grade_with_missing_input() -> None:
    grade = settle([0, 0, 2, 3], [0, 2, 4, 3])
    assert np.array_equal(grade, np.array([0, np.nan, 2, 3], dtype=np.float32), equal_nan=True)


@pytest.mark.recorded
def test_limits_agree_with_the_published_tables(oracles: Path) -> None:
    with (oracles / "class_tables.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    checked = 0
    for row in rows:
        if row["scheme"] not in SCHEMES:
            continue
        table = class_table(SCHEMES[row["scheme"]])
        # Inside the class, away from limits that both neighbours claim.
        inside = float(row["lower"]) + 0.04 if row["lower"] else float(row["upper"]) - 0.04
        number = int(table.numbers(inside))
        words = {row["class"].lower(), row["class"].lower().replace(" ", "_")}
        own = next(entry for entry in table.classes if entry.number == number)
        aliases = {own.key, own.en, own.key.replace("super_ty", "superty"), own.en.removesuffix(" stress")}
        assert words & aliases or own.en.startswith(row["class"]), row
        checked += 1
    assert checked >= 38
