"""Pause, speed and log of an exercise over the machine API."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from api.exercise import as_csv
from data.store.engine import Store
from data.store.exercise import begin_exercise, read_exercise
from tests.data.test_exercise import BEGIN, HOUR, ITEM


@pytest.fixture
def played(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("api.exercise.current", lambda: SimpleNamespace(email="trainer@eoc.example"))
    with store.write() as connection:
        begin_exercise(connection, replace(ITEM, state="paused", speed=0.0))
    return store


def test_real_home_has_no_exercise(client: Any) -> None:
    for path in ("/api/exercise.json", "/api/exercise/log.csv", "/api/exercise/log.json"):
        answer = client.get(path)
        assert answer.status_code == 404 and answer.is_json


def test_state_tells_the_scenarios_time(played: Store, client: Any) -> None:
    told = client.get("/api/exercise.json").get_json()
    assert told["at"] == "2021-07-19T01:00:00Z" and told["state"] == "paused" and told["speed"] == 0
    assert told["title"] == {"en": "Storm", "zh": "暴雨"} and told["asked_speed"] == 10
    assert ITEM.at == BEGIN + HOUR


@pytest.mark.parametrize(
    "body",
    [
        None, [], {}, {"pause": "yes"}, {"pause": 1}, {"speed": 0}, {"speed": -3}, {"speed": 3601}, {"speed": "60"},
        {"speed": True}, {"pause": True, "speed": 1e9},
    ],
)  # fmt: skip
def test_control_without_sense_changes_nothing(played: Store, client: Any, body: Any) -> None:
    assert client.post("/api/exercise.json", json=body).status_code == 400
    with played.read() as connection:
        found = read_exercise(connection)
    assert found is not None and (found.asked_speed, found.asked_pause) == (10.0, False)


def test_control_asks_and_the_log_says_who(played: Store, client: Any) -> None:
    told = client.post("/api/exercise.json", json={"pause": True, "speed": 60}).get_json()
    assert (told["asked_pause"], told["asked_speed"]) == (True, 60)
    rows = client.get("/api/exercise/log.json").get_json()
    assert [(row["who"], row["what"]) for row in rows] == [
        ("trainer@eoc.example", "speed"), ("trainer@eoc.example", "pause"),
    ]  # fmt: skip
    answer = client.get("/api/exercise/log.csv")
    assert [row["what"] for row in csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))] == ["speed", "pause"]
    assert client.get("/api/exercise/log.xml").status_code == 404


def test_log_holds_no_formula() -> None:
    names = ("at", "wall_at", "kind", "level")
    row = {**dict.fromkeys(names, ""), "who": "=1+1", "what": "@x", "regions": ["CN-1", "CN-2"], "detail": "-2"}
    (read,) = csv.DictReader(io.StringIO(as_csv([row]).decode("utf-8-sig")))
    assert (read["who"], read["what"], read["regions"], read["detail"]) == ("'=1+1", "'@x", "CN-1 CN-2", "'-2")
