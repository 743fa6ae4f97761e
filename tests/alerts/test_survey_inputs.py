"""Survey datasets as conditions: records of a region counted, shared and summed, and what is missing told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from pydantic import ValidationError

from alerts.evaluate import evaluate_all
from alerts.pack import PackRule
from alerts.preview import Preview, preview
from alerts.rule import Rule
from alerts.why import explain
from data.model import SurveyTable
from data.store.engine import Store
from data.store.sink import PutContext
from data.store.surveys import SurveySink
from data.store.tables import dataset

INPUT = {"source": "survey", "quantity": "office/bridges", "unit": "1"}
BRIDGES: list[tuple[float, str | None, float | None]] = [  # longitude, grade, length
    (100.2, "bad", 10.0), (100.4, "good", 20.0), (100.6, "bad", 30.0), (100.8, None, 40.0),
    (101.5, "good", None), (101.6, "good", 5.0), (102.5, "bad", 7.0),
]  # fmt: skip


class Office:
    def __init__(self, store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule]) -> None:
        self.store, self.home, self.base_dir, self._make = store, home, base_dir, make_rule

    def deliver(
        self, now: datetime, rows: list[tuple[float, str | None, float | None]] = BRIDGES, rejected: int = 0
    ) -> None:
        shapes = shapely.to_wkb(shapely.points([[row[0], 21.0] for row in rows]))
        table = pa.table(
            {"grade": [row[1] for row in rows], "length": [row[2] for row in rows], "geometry": list(shapes)}
        )
        survey = SurveyTable(key="bridges", title="Bridges", table=table, crs_declared="EPSG:4326", rejected=rejected)
        sink, context = SurveySink(), PutContext(source="office", payload_id=0, received_at=now, home=self.home)
        prepared = sink.prepare(context, [survey])
        with self.store.write() as connection:
            sink.put(connection, context, prepared)

    def rule(self, trigger: float = 0.5, **item: Any) -> Rule:
        levels = {"red": {"input": "x", "trigger": trigger, "clear": trigger}}
        return self._make(levels, inputs={"x": {**INPUT, **item}}, max_age="365d", min_valid_share=0.6)

    def look(self, now: datetime, **item: Any) -> Preview:
        return preview(self.rule(**item), self.store, self.home, self.base_dir, now)


@pytest.fixture
def office(store: Store, home: Path, base_dir: Path, make_rule: Callable[..., Rule]) -> Office:
    return Office(store, home, base_dir, make_rule)


NAN = float("nan")


@pytest.mark.parametrize(
    ("item", "values", "shares"),
    [
        pytest.param({"take": "count"}, [4, 2, 1, NAN], [1, 1, 1, 0], id="records"),
        pytest.param(
            {"take": "count", "column": "grade", "equals": ["bad"]},
            [2, 0, 1, NAN],
            [0.75, 1, 1, 0],
            id="count-equals",
        ),
        pytest.param(
            {"take": "count", "column": "length", "above": 20}, [3, 0, 0, NAN], [1, 0.5, 1, 0], id="count-above"
        ),
        pytest.param(
            {"take": "share", "column": "grade", "equals": ["bad"]}, [2 / 3, 0, 1, NAN], [0.75, 1, 1, 0], id="share"
        ),
        pytest.param({"take": "sum", "column": "length"}, [100, 5, 7, NAN], [1, 0.5, 1, 0], id="sum"),
        pytest.param(
            {"take": "sum", "column": "length", "above": 30}, [70, 0, 0, NAN], [1, 0.5, 1, 0], id="sum-of-some"
        ),
    ],
)
def test_survey_number_of_each_region(
    office: Office, now: datetime, item: dict[str, Any], values: list[float], shares: list[float]
) -> None:
    office.deliver(now)
    found = office.look(now, **item)
    assert found.reason == ""
    np.testing.assert_allclose(found.state.value[0], values)
    np.testing.assert_allclose(found.state.share[0], shares)
    assert found.watched.tolist() == [True, True, True, False]


def test_too_many_empty_cells_are_unknown_and_never_a_sum(office: Office, now: datetime) -> None:
    office.deliver(now)
    found = office.look(now, trigger=4, take="sum", column="length")
    assert found.reached.tolist() == [4, 0, 4, 0]
    assert found.unknown.tolist() == [False, True, False, False]


def test_records_that_could_not_be_taken_over_may_be_missing_in_any_region(office: Office, now: datetime) -> None:
    office.deliver(now, rejected=7)
    found = office.look(now, trigger=3, take="count")
    np.testing.assert_allclose(found.state.share[0], [0.5, 0.5, 0.5, 0])
    assert found.unknown.tolist() == [True, True, True, False]  # four for certain in one; how many, nobody knows
    office.deliver(now, rejected=0)  # the same records again, and it is known that they are all
    found = office.look(now, trigger=3, take="count")
    assert (found.unknown.any(), found.reached.tolist()) == (False, [4, 0, 0, 0])
    with office.store.write() as connection:
        connection.execute(dataset.update().values(rejected=None))  # delivered before this was kept
    assert office.look(now, trigger=3, take="count").unknown.tolist() == [True, True, True, False]


def test_newest_delivery_by_then_counts(office: Office, now: datetime) -> None:
    office.deliver(now)
    later = now + timedelta(days=1)
    office.deliver(later, [(103.5, "bad", 1.0)])
    assert office.look(now, take="count").watched.tolist() == [True, True, True, False]
    assert office.look(later, take="count").watched.tolist() == [False, False, False, True]
    assert office.look(later + timedelta(days=366), take="count").unknown.tolist() == [False] * 3 + [True]


def test_dataset_that_is_not_there_watches_nothing(office: Office, now: datetime) -> None:
    assert not office.look(now, take="count").watched.any()


@pytest.mark.parametrize(
    ("item", "says"),
    [({"take": "sum", "column": "width"}, "no column width"), ({"take": "sum", "column": "grade"}, "is no number")],
    ids=["no-column", "words"],
)
def test_column_that_cannot_be_used_is_told(office: Office, now: datetime, item: dict[str, Any], says: str) -> None:
    office.deliver(now)
    found = office.look(now, **item)
    assert says in found.reason and found.unknown.all()


def test_survey_joins_other_conditions_and_the_why_names_the_delivery(
    office: Office, now: datetime, make_rule: Callable[..., Rule], add_station: Callable[..., None],
    add_reading: Callable[..., None],
) -> None:  # fmt: skip
    """Rain alone is no trouble; rain on more than half bad bridges is."""
    office.deliver(now)
    for key, lon in (("a", 100.5), ("b", 101.5)):
        add_station(key, lon)
        add_reading(key, "rain", now, 60.0)
    both = [{"input": "rain", "trigger": 50, "clear": 50}, {"input": "bad", "trigger": 0.5, "clear": 0.5}]
    bad = {**INPUT, "take": "share", "column": "grade", "equals": ["bad"], "max_age": "365d"}
    rain = {"source": "stations", "quantity": "rain", "unit": "mm"}
    rule = make_rule({"red": {"all": both}}, inputs={"rain": rain, "bad": bad})
    evaluate_all(office.store, office.home, office.base_dir, [PackRule(rule=rule, path=office.home)], now)
    assert int(explain(office.store, office.base_dir, "CN-110102", now).level) == 0
    (why,) = explain(office.store, office.base_dir, "CN-110101", now).rules
    assert int(why.level) == 4
    behind = why.readings[1].behind
    assert behind is not None and (behind.kind, behind.source, behind.name) == ("survey", "office", "Bridges")


@pytest.mark.parametrize(
    "item",
    [
        {}, {"take": "share", "column": "grade"}, {"take": "sum"}, {"take": "count", "equals": ["x"]},
        {"take": "count", "column": "a", "equals": ["x"], "above": 1}, {"take": "count", "quantity": "bridges"},
        {"take": "count", "spatial": "mean"},
    ],
    ids=str,
)  # fmt: skip
def test_survey_inputs_that_say_too_little_or_too_much_are_refused(office: Office, item: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        office.rule(**item)
