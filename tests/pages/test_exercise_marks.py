"""What is taken out of the pages and the machine API of an exercise says that it is one."""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path

import pytest
from flask import Flask, Response, jsonify, send_file

from data.clock import utc_now
from data.store.engine import Store
from data.store.exercise import MARK, ExerciseClock, begin_exercise, scenario_of
from pages._exercise import mark_pages, marked_csv, marked_json
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


def test_answers_are_marked_but_files_and_streams_stay_whole(clock: ExerciseClock, tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text('{"kept": 1}')
    server = Flask("test")
    server.add_url_rule("/api/a", "a", lambda: jsonify(a=1))
    server.add_url_rule("/other", "b", lambda: jsonify(b=1))
    server.add_url_rule("/api/c", "c", lambda: send_file(tmp_path / "kept.json"))
    server.add_url_rule("/api/d", "d", lambda: Response(iter(['{"d":1}']), mimetype="application/json"))
    mark_pages(server, argparse.Namespace(settings=argparse.Namespace(home=tmp_path)), clock)  # type: ignore[arg-type]
    told = []
    for path in ("/api/a", "/other", "/api/c", "/api/d"):
        with server.test_client().get(path) as answer:
            told.append((answer.headers["X-Tocsin-Exercise"], answer.get_json().get("exercise")))
    assert told == [("storm", SAID), ("storm", None), ("storm", None), ("storm", None)]
