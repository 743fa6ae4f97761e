"""Composite risk: INFORM's numbers, and what must hold whatever the inputs are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import LayerError
from data.model import Level
from data.regions import default_base_dir, load_regions
from layers.layer import RegionValues
from layers.regions import RegionLevels
from layers.risk import CLASS_NAMES, DIMENSIONS, Input, composite, risk_class
from layers.risk_inputs import aligned, grade_input, level_input, people_input, read_table, values_input


def known(key: str, dimension: str, *values: float, **options: Any) -> Input:
    array = np.array(values, np.float64)
    facts = {"title": key.title(), "scale": (0.0, 10.0)} | options
    return Input(key=key, dimension=dimension, low=array, high=array, **facts)


def test_inform_cases(oracles: Path) -> None:
    """INFORM Risk = HE^(1/3) V^(1/3) LCC^(1/3): every row of the table, to the three decimals it prints."""
    table = pd.read_csv(oracles / "inform_cases.csv", comment="#")
    found = composite([
        known("he", "hazard", *table["hazard_exposure"]), known("v", "vulnerability", *table["vulnerability"]),
        known("lcc", "coping", *table["lack_of_coping_capacity"]),
    ])  # fmt: skip
    assert found.value == pytest.approx(table["risk"].to_numpy(), abs=5e-4)
    assert np.round(found.value, 1).tolist() == table["risk_1dp"].tolist()
    assert [CLASS_NAMES[number] for number in risk_class(found.value)] == table["class"].tolist()
    assert found.known.all()


def test_inform_inner_means(oracles: Path) -> None:
    table = pd.read_csv(oracles / "inform_inner_aggregation_cases.csv", comment="#")
    for _, row in table.iterrows():
        inputs = [known(f"h{place}", "hazard", float(part)) for place, part in enumerate(row.iloc[0].split())]
        assert composite(inputs, inner="inform").value[0] == pytest.approx(row["inform_geometric"], abs=5e-4)
        assert composite(inputs).value[0] == pytest.approx(row["arithmetic"], abs=5e-4)


scores = st.floats(0, 10)
inputs_of = st.lists(
    st.tuples(st.sampled_from(DIMENSIONS), scores, scores, st.floats(0.1, 5), st.booleans(), st.booleans()),
    min_size=1, max_size=6,
)  # fmt: skip


def build(rows: Any, pick: Any) -> list[Input]:
    return [
        replace(known(f"k{place}", row[0], 0.0), weight=row[3], inverted=row[4], **pick(row))
        for place, row in enumerate(rows)
    ]


def bounds(row: Any) -> dict[str, Any]:
    """Unknown where the last mark says so, else the interval of the two numbers."""
    if row[5]:
        return {"low": np.array([np.nan]), "high": np.array([np.nan])}
    return {"low": np.array([min(row[1:3])]), "high": np.array([max(row[1:3])])}


@settings(max_examples=200, deadline=None)
@given(
    rows=inputs_of,
    share=st.lists(st.floats(0, 1), min_size=6, max_size=6),
    inner=st.sampled_from(["arithmetic", "inform"]),
)
def test_interval_contains_every_completion(rows: Any, share: list[float], inner: Any) -> None:
    whole = composite(build(rows, bounds), inner=inner)
    completed = iter(share)

    def some(row: Any) -> dict[str, Any]:
        low, high = (0.0, 10.0) if row[5] else (min(row[1:3]), max(row[1:3]))
        value = np.array([low + next(completed) * (high - low)])
        return {"low": value, "high": value}

    one = composite(build(rows, some), inner=inner)
    assert whole.low[0] - 1e-9 <= one.value[0] <= whole.high[0] + 1e-9
    assert one.known[0]
    if not np.isnan(whole.value[0]):
        assert one.value[0] == pytest.approx(whole.value[0], abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(rows=inputs_of, which=st.integers(0, 5), more=scores, inner=st.sampled_from(["arithmetic", "inform"]))
def test_risk_never_falls_when_an_input_grows(rows: Any, which: int, more: float, inner: Any) -> None:
    def value(row: Any) -> dict[str, Any]:
        return {"low": np.array([row[1]]), "high": np.array([row[1]])}

    inputs = build(rows, value)
    place = which % len(inputs)
    higher = np.maximum(inputs[place].low, more)
    raised = [replace(item, low=higher, high=higher) if item is inputs[place] else item for item in inputs]
    before, after = composite(inputs, inner=inner).value[0], composite(raised, inner=inner).value[0]
    assert after <= before + 1e-9 if inputs[place].inverted else after >= before - 1e-9


@settings(max_examples=100, deadline=None)
@given(rows=inputs_of)
def test_forgetting_an_input_never_lowers_the_upper_bound(rows: Any) -> None:
    with_it = composite(build(rows, bounds))
    forgotten = composite(build(rows, lambda row: {"low": np.array([np.nan]), "high": np.array([np.nan])}))
    assert forgotten.high[0] >= with_it.high[0] - 1e-9
    assert forgotten.low[0] <= with_it.low[0] + 1e-9
    assert (forgotten.low[0], forgotten.high[0]) == (0.0, pytest.approx(10.0))
    assert not forgotten.known[0]


def test_no_hazard_is_no_risk_even_where_the_rest_is_unknown() -> None:
    found = composite([known("h", "hazard", 0.0, 5.0), known("v", "vulnerability", np.nan, np.nan)])
    assert found.value[0] == 0.0
    assert np.isnan(found.value[1])
    assert (found.low[1], found.high[1]) == (0.0, pytest.approx(np.sqrt(50.0)))
    assert found.known.tolist() == [False, False]
    assert risk_class(found.value).tolist() == [0, -1]


def test_result_holds_its_inputs_weights_and_scaled_values() -> None:
    inputs = [
        known("rain", "hazard", 50.0, scale=(0.0, 100.0), weight=3.0, source="gauges"), known("wind", "hazard", 1.0),
        known("beds", "coping", 8.0, inverted=True), known("shown", "exposure", np.nan, weight=0.0),
    ]  # fmt: skip
    found = composite(inputs, weights={"hazard": 2.0, "coping": 1.0})
    assert found.inputs[0].source == "gauges"
    assert found.scaled["rain"][0].tolist() == [5.0]
    assert found.dimensions["hazard"][0].tolist() == [pytest.approx(4.0)]
    assert found.dimensions["coping"][0].tolist() == [2.0]
    assert found.weights == {"hazard": pytest.approx(2 / 3), "coping": pytest.approx(1 / 3)}
    assert found.value[0] == pytest.approx((4.0**2 * 2.0) ** (1 / 3))
    assert found.known[0]  # what has no weight does not make it unknown


def test_cells_and_regions_are_the_same_arithmetic() -> None:
    grid = np.arange(12.0).reshape(3, 4)
    item = Input(key="h", title="H", dimension="hazard", low=grid, high=grid, scale=(0.0, 11.0))
    assert composite([item]).value.shape == (3, 4)
    assert composite([item]).value[2, 3] == 10.0


@pytest.mark.parametrize(
    ("inputs", "options", "reason"),
    [
        pytest.param([], {}, "needs inputs", id="none"),
        pytest.param([known("a", "hazard", 1.0), known("a", "coping", 1.0)], {}, "each once", id="twice"),
        pytest.param([known("a", "hazard", 1.0), known("b", "coping", 1.0, 2.0)], {}, "same regions", id="shapes"),
        pytest.param([known("a", "luck", 1.0)], {}, "'luck' is not one of", id="dimension"),
        pytest.param([known("a", "hazard", 1.0, weight=-1.0)], {}, "weight", id="negative"),
        pytest.param([known("a", "hazard", 1.0, weight=0.0)], {}, "weight above 0", id="nothing counts"),
        pytest.param([known("a", "hazard", 1.0)], {"weights": {"hazard": 0.0}}, "weight above 0", id="all zero"),
        pytest.param([known("a", "hazard", 1.0, scale=(3.0, 3.0))], {}, "scale must run", id="scale"),
        pytest.param([known("a", "hazard", -1.0, logarithmic=True)], {}, "no negative", id="logarithm"),
        pytest.param(
            [replace(known("a", "hazard", 1.0), high=np.array([0.0]))], {}, "lower bound must not", id="bounds"
        ),
        pytest.param([known("a", "hazard", 1.0)], {"inner": "max"}, "put together", id="inner"),
    ],
)
def test_composite_that_makes_no_sense_is_refused(inputs: Any, options: Any, reason: str) -> None:
    with pytest.raises(LayerError, match=reason):
        composite(inputs, **options)


def test_levels_become_hazard_and_what_cannot_tell_is_at_least_the_worst_known() -> None:
    levels = RegionLevels(
        level=np.array([Level.NONE, Level.BLUE, Level.RED, Level.YELLOW, Level.UNKNOWN, Level.NONE], np.int8),
        unknown=np.array([False, False, False, True, True, False]),
        watched=np.array([True, True, True, True, True, False]),
    )
    low, high = level_input(levels, np.arange(6, dtype=np.int32)).scaled()
    assert low.tolist() == [0.0, 2.5, 10.0, 5.0, 0.0, 0.0]
    assert high.tolist() == [0.0, 2.5, 10.0, 10.0, 10.0, 10.0]


def test_people_count_by_their_order_of_magnitude() -> None:
    low, high = people_input(np.array([0.0, 9.0, 99.0, 1e9, np.nan]), most=9999.0).scaled()
    assert low.tolist() == [0.0, pytest.approx(2.5), pytest.approx(5.0), 10.0, 0.0]
    assert high[-1] == 10.0


def test_survey_grades_run_from_ten_to_two() -> None:
    low, high = grade_input(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.nan])).scaled()
    assert low[:5] == pytest.approx([10.0, 8.0, 6.0, 4.0, 2.0])
    assert (low[5:].tolist(), high[5:].tolist()) == ([0.0, 0.0], [10.0, 10.0])


def test_region_values_that_are_missing_are_unknown() -> None:
    values = RegionValues(
        quantity="precipitation", unit="mm", rid=np.array([3, 7], np.int32), value=np.array([50.0, np.nan]),
        observed_at=np.zeros(2), valid_share=np.ones(2), watched=np.ones(2, np.bool_), sources=("radar",),
    )  # fmt: skip
    item = values_input(values, np.array([3, 5, 7, 9], np.int32), (0.0, 100.0))
    assert item.scaled()[0].tolist() == [5.0, 0.0, 0.0, 0.0]
    assert item.scaled()[1].tolist() == [5.0, 10.0, 10.0, 10.0]
    assert (item.unit, item.source) == ("mm", "radar")
    assert np.isnan(aligned(np.empty(0, np.int32), np.empty(0), np.array([1], np.int32))).all()


def test_table_of_an_office_is_read_and_bad_lines_are_kept_with_reasons() -> None:
    index = load_regions(default_base_dir())
    rids = index.of_kind("cn-county")
    body = (
        "代码;值\r\nCN-410105;3\r\n410122;4,5\r\n410122;4.5\r\n999999;1\r\n\r\n410103;\r\n410104;1;2\r\n410106;9;2\r\n"
        "410108;nan\r\n410181\r\n410182;2\r\n410182;2\r\n"
    ).encode("gb18030")
    found = read_table(body, index, rids)
    values = {str(index.code[rid]): (low, high) for rid, low, high in zip(rids, found.low, found.high, strict=True)
              if np.isfinite(low)}  # fmt: skip
    assert values == {"CN-410105": (3.0, 3.0), "CN-410122": (4.5, 4.5), "CN-410104": (1.0, 2.0)}
    assert found.used == 3
    assert dict(found.rejects) == {
        3: "'4,5' is not a number", 5: "'999999' is no code of these regions", 7: "there is no value",
        9: "the lower bound 9 passes the upper one 2", 10: "'nan' is not a number",
        11: "a code and a value are needed", 13: "410182 stands in line 12 too: neither is used",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"a" * 4_000_001, "bytes", id="too large"),
        pytest.param(b"PK\x03\x04\x00\x00\xff", "a workbook", id="a workbook"),
        pytest.param(b"410105,1\n" * 50_001, "more than 50000", id="too long"),
        pytest.param(b"410105," + b"1" * 200_000, "line 1 .* cannot be read", id="endless cell"),
    ],
)
def test_table_that_is_none_is_refused(body: bytes, reason: str) -> None:
    index = load_regions(default_base_dir())
    with pytest.raises(LayerError, match=reason):
        read_table(body, index, index.of_kind("cn-county"))
