"""The ranking: unknown is last and says why, outside is no row, and the figure counts what the table shows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pages import _plan_table as table
from pages._plan_words import number, shown
from tests.pages.plan_answer import REGIONS, answer


def test_rows_are_ranked_and_unknown_comes_last_with_its_reason() -> None:
    rows = table.rows(answer(), REGIONS, "en", str)
    assert [(row["code"], row["rank"], row["shown"]) for row in rows] == [
        ("C", 1, "20 mm"), ("A", 2, "5 mm"), ("D", 3, "5 mm"), ("B", None, "Unknown"),
    ]  # fmt: skip
    assert rows[-1]["value"] is None
    assert rows[-1]["why"] == "Every cell of this region is missing in this step."
    assert rows[0]["valid"] == "80%"
    json.dumps(rows, allow_nan=False)


def test_names_are_in_the_readers_language() -> None:
    assert table.rows(answer(), REGIONS, "zh", str)[0]["name"] == "丙"


def test_tally_counts_unknown_and_outside() -> None:
    words = str(table.tally(answer(), str))
    assert "1 of 4 regions unknown" in words
    assert "1 regions lie outside this grid" in words


@pytest.mark.parametrize(
    ("rid", "words"),
    [
        pytest.param(2, "X: 20 mm, rank 1 of 3 known.", id="highest"),
        pytest.param(3, "X: 5 mm, rank 2 of 3 known.", id="equals share the better rank"),
        pytest.param(1, "X: unknown. Every cell of this region is missing in this step.", id="unknown"),
        pytest.param(4, "X lies outside this grid.", id="outside"),
        pytest.param(99, "X is of another kind of region than this table.", id="another kind"),
    ],
)
def test_sentence_of_one_region(rid: int, words: str) -> None:
    assert table.sentence(answer(), rid, "X", str) == words


def test_histogram_counts_every_known_region_and_hatches_the_unknown() -> None:
    found = table.figure(np.array([5.0, 20.0, 5.0]), 1, "mm", 20.0, str)
    bars, unknown = found["data"]
    assert sum(bars["y"]) == 3
    assert unknown["y"] == [1]
    assert unknown["marker"]["pattern"]["shape"] == "/"
    assert found["layout"]["shapes"][0]["x0"] == 20.0


def test_histogram_of_equal_values_has_one_bar() -> None:
    assert table.figure(np.array([3.0, 3.0]), 0, "mm", None, str)["data"][0]["y"] == [2]


@pytest.mark.parametrize(
    ("value", "unit", "statistic", "words"),
    [
        pytest.param(0.256, "1", "share_above", "26%", id="share"),
        pytest.param(1234567.0, "1", "people_above", "1,234,567", id="people"),
        pytest.param(float("nan"), "mm", "mean", "Unknown", id="unknown is a word"),
        pytest.param(0.0, "mm", "mean", "0 mm", id="zero is a number"),
    ],
)
def test_value_as_people_read_it(value: float, unit: str, statistic: str, words: str) -> None:
    assert shown(value, unit, statistic, str) == words


def test_number_keeps_whole_thousands() -> None:
    assert (number(1234567.8), number(0.123456), number(None)) == ("1,234,568", "0.1235", "–")
