"""What is taken out of the pages and the machine API of an exercise says that it is one."""

from __future__ import annotations

import csv
import io
import json

import pytest

from data.clock import utc_now
from data.store.engine import Store
from data.store.exercise import MARK, ExerciseClock, begin_exercise, scenario_of
from pages._exercise import marked_csv, marked_json
from tests.data.test_exercise import ITEM

SAID = f"{MARK}: storm"


@pytest.fixture
def clock(store: Store) -> ExerciseClock:
    with store.write() as connection:
        begin_exercise(connection, ITEM)
    return ExerciseClock(store)


def test_table_has_a_column_that_says_so(clock: ExerciseClock) -> None:
    table = 'name,note\nA,"two, with a\nbreak"\nB,\n'
    rows = list(csv.DictReader(io.StringIO(marked_csv(table, clock), newline="")))
    assert [row["exercise"] for row in rows] == [SAID, SAID]
    assert rows[0]["note"] == "two, with a\nbreak" and scenario_of(clock) == "storm"


def test_table_of_a_real_office_stays_as_it_is() -> None:
    assert marked_csv("a,b\n1,2\n", utc_now) == "a,b\n1,2\n" and scenario_of(utc_now) == ""


@pytest.mark.parametrize(
    "body", [b"{}", b" { } \n", b'{"type":"FeatureCollection","features":[]}', b'{"a":{"b":[1]}}']
)
def test_object_has_a_member_that_says_so(body: bytes) -> None:
    found = json.loads(marked_json(body, "storm"))
    assert found == {"exercise": SAID, **json.loads(body)}


@pytest.mark.parametrize("body", [b"[]", b"[1,2]", b"3", b"", b'"{"'])
def test_what_is_no_object_stays_as_it_is(body: bytes) -> None:
    assert marked_json(body, "storm") == body
