"""The composite as a table: ranges where something is unknown, ranks that a region could have, a painted map."""

from __future__ import annotations

import json

import numpy as np
import pytest

from layers.risk import Input, composite
from pages._plan_paint import numbers_of, ramp_of, risk_of
from pages._plan_risk import settings_of
from pages._plan_risk_inputs import Setting, adjust
from pages._plan_risk_table import class_words, places, ranks, rows, span
from tests.pages.plan_answer import REGIONS, answer


def ingredient(key: str, dimension: str, values: tuple[float, ...], **changes: object) -> Input:
    array = np.array(values)
    made = {"key": key, "title": key, "dimension": dimension, "low": array, "high": array, "scale": (0.0, 10.0)}
    return Input(**(made | changes))  # type: ignore[arg-type]


HAZARD = ingredient("field.precipitation.mean", "hazard", (4.0, np.nan, 9.0, 1.0, np.nan))
PEOPLE = ingredient("people", "exposure", (4.0, 9.0, 4.0, 1.0, 5.0))


def test_unknown_input_gives_a_range_and_every_rank_it_could_have() -> None:
    found = {row["code"]: row for row in rows(answer(), composite([HAZARD, PEOPLE]), REGIONS, "en", str)}
    assert list(found) == ["C", "A", "D", "B"]  # what is sure comes first
    assert (found["C"]["risk"], found["C"]["ranks"], found["C"]["class"]) == ("6.0", "1–2", "high")
    assert (found["B"]["risk"], found["B"]["ranks"], found["B"]["class"]) == ("0.0 – 9.5", "1–4", "Unknown")
    assert found["B"]["known"] is False
    assert (found["B"]["w0"], found["B"]["u0"], found["B"]["i0"]) == ("Unknown (0.0 – 10.0)", True, None)
    assert found["A"]["w1"] == "4 (4.0)"
    json.dumps(list(found.values()), allow_nan=False)


def test_weight_of_an_input_changes_the_ranking() -> None:
    other = ingredient("places", "exposure", (10.0, 1.0, 0.0, 1.0, 1.0))
    plain = rows(answer(), composite([HAZARD, PEOPLE, *adjust([other], {"places": Setting(weight=0.0)})]),
                 REGIONS, "en", str)  # fmt: skip
    heavy = rows(answer(), composite([HAZARD, PEOPLE, *adjust([other], {"places": Setting(weight=3.0)})]),
                 REGIONS, "en", str)  # fmt: skip
    assert plain[0]["code"] == "C"
    assert heavy[0]["code"] == "A"


def test_regions_outside_the_grid_count_only_without_the_field() -> None:
    assert places(answer(), composite([HAZARD, PEOPLE])).tolist() == [0, 1, 2, 3]
    without = adjust([HAZARD], {HAZARD.key: Setting(weight=0.0)})
    assert places(answer(), composite([*without, PEOPLE])).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("low", "high", "best", "worst"),
    [
        pytest.param([3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [1, 2, 3], [1, 2, 3], id="points"),
        pytest.param([2.0, 2.0], [2.0, 2.0], [1, 1], [1, 1], id="equal points share the best rank"),
        pytest.param([5.0, 0.0, 2.0], [5.0, 10.0, 2.0], [1, 1, 2], [2, 3, 3], id="one unknown"),
    ],
)
def test_ranks_of_intervals(low: list[float], high: list[float], best: list[int], worst: list[int]) -> None:
    found = ranks(np.array(low), np.array(high))
    assert [side.tolist() for side in found] == [best, worst]


def test_rows_that_are_not_set_keep_what_is_proposed() -> None:
    recipe = {"people": {"weight": 2, "low": None, "high": 50.0}, "odd": "text"}
    settings = settings_of(recipe)
    (one,) = adjust([PEOPLE], settings)
    assert (one.weight, one.scale) == (2.0, (0.0, 50.0))
    assert settings_of(None) == {}


def test_map_shows_the_numbers_of_the_table() -> None:
    painted = numbers_of(answer(), str)
    assert painted["rows"] == [
        {"rid": 0, "value": 5.0}, {"rid": 1, "value": None}, {"rid": 2, "value": 20.0}, {"rid": 3, "value": 5.0},
    ]  # fmt: skip
    assert painted["valid_at"].startswith("2026-03-01T12:00")


def test_risk_that_is_a_range_is_unknown_on_the_map() -> None:
    painted = risk_of(answer(), composite([HAZARD, PEOPLE]), str)
    assert {one["rid"]: one["value"] for one in painted["rows"]}[1] is None


def test_shares_have_a_ramp_of_their_own() -> None:
    stops = ramp_of(answer((0.1, np.nan, 0.5, 0.2, np.nan), statistic="share_above", above=10.0)).stops
    assert (stops[0][0], stops[-1][0]) == (0.0, 1.0)


def test_range_is_written_as_one_number_where_it_rounds_to_one() -> None:
    assert (span(2.0, 2.04), span(2.0, 3.0), len(class_words(str))) == ("2.0", "2.0 – 3.0", 5)
