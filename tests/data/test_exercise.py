"""The clock of an exercise, what people ask of it, and its log."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from data.clock import utc_now
from data.errors import ConfigError
from data.model import Level
from data.store.debrief import debrief
from data.store.engine import Store
from data.store.exercise import (
    Exercise,
    ExerciseClock,
    ask,
    begin_exercise,
    clock_of,
    note,
    read_exercise,
    refuse_exercise,
)
from data.store.tables import audit, proposal, run

BEGIN = datetime(2021, 7, 19, tzinfo=UTC)
WALL = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
ITEM = Exercise(
    kind="drill", scenario="storm", digest="d", title={"en": "Storm", "zh": "暴雨"}, begin_at=BEGIN,
    until_at=BEGIN + 24 * HOUR, at=BEGIN + HOUR, next_at=BEGIN + 2 * HOUR, wall_at=WALL, speed=10.0, state="running",
    asked_speed=10.0, asked_pause=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "passed", "shown"),
    [
        ({}, 0 * SECOND, BEGIN + HOUR),
        ({}, 2 * SECOND, BEGIN + HOUR + 20 * SECOND),
        ({}, HOUR, BEGIN + HOUR + 25 * SECOND),  # nothing was done since: the pages wait
        ({"next_at": BEGIN + HOUR + 5 * SECOND}, 2 * SECOND, BEGIN + HOUR + 5 * SECOND),
        ({"until_at": BEGIN + HOUR, "next_at": None}, 2 * SECOND, BEGIN + HOUR),
        ({"state": "paused", "speed": 0.0}, 2 * SECOND, BEGIN + HOUR),
        ({"state": "catching-up"}, 2 * SECOND, BEGIN + HOUR),
        ({"at": None}, 0 * SECOND, BEGIN),
        ({}, -HOUR, BEGIN + HOUR),  # the real clock was set back
    ],
)
def test_clock_runs_on_but_not_past_what_is_done_next(
    change: dict[str, object], passed: timedelta, shown: datetime
) -> None:
    assert replace(ITEM, **change).clock(WALL + passed) == shown


def test_pages_of_a_real_home_go_by_the_real_clock(store: Store) -> None:
    assert clock_of(store) is utc_now
    refuse_exercise(store)


def test_pages_of_an_exercise_go_by_its_clock_and_no_engine_runs_there(store: Store) -> None:
    with store.write() as connection:
        begin_exercise(connection, ITEM)
    assert isinstance(clock_of(store), ExerciseClock)
    assert ExerciseClock(store, wall=lambda: WALL + SECOND)() == BEGIN + HOUR + 10 * SECOND
    with pytest.raises(ConfigError, match="that of an exercise, storm"):
        refuse_exercise(store)


def test_what_people_ask_is_kept_once_and_told_in_the_log(store: Store) -> None:
    with store.write() as connection:
        begin_exercise(connection, ITEM)
        ask(connection, actor="trainer", wall=WALL, pause=True, speed=60.0)
        ask(connection, actor="trainer", wall=WALL + SECOND, pause=True, speed=60.0)
        for speed in (0.0, -1.0, 3601.0, float("nan")):
            with pytest.raises(ValueError, match="at most 3600"):
                ask(connection, actor="trainer", wall=WALL, pause=None, speed=speed)
        found = read_exercise(connection)
        assert found is not None and (found.asked_pause, found.asked_speed) == (True, 60.0)
        told = [(row["who"], row["what"], row["at"]) for row in debrief(connection)]
    assert told == [("trainer", "speed", "2021-07-19T01:00:00Z"), ("trainer", "pause", "2021-07-19T01:00:00Z")]


def test_log_puts_people_to_the_scenarios_time(store: Store) -> None:
    with store.write() as connection:
        begin_exercise(connection, ITEM)
        for seconds, at, action, speed in ((0, 1, "runs", 60.0), (60, 2, "stands", 0.0), (120, 2, "runs", 60.0)):
            note(
                connection, wall=WALL + seconds * SECOND, at=BEGIN + at * HOUR, actor="replay", action=action,
                detail={"running": speed},
            )  # fmt: skip
        for number, seconds in enumerate((30, 90, 150), 1):
            connection.execute(
                audit.insert().values(
                    seq=number, at=WALL + seconds * SECOND, actor="duty", action=f"act{number}", object="", detail={},
                    previous="", hash=str(number),
                )
            )  # fmt: skip
        connection.execute(
            run.insert().values(source="rain", started_at=BEGIN, finished_at=BEGIN + 1.25 * HOUR, outcome="stored",
                                stored=3, timings={})
        )  # fmt: skip
        at = BEGIN + 1.25 * HOUR
        connection.execute(
            proposal.insert().values(created_at=at, updated_at=at, rule="r", digest="", hazard="rainstorm",
                                     level=int(Level.RED), reason="first", regions=["CN-1"], state="open", detail={})
        )  # fmt: skip
        rows = debrief(connection)
    told = [(row["at"][11:16], row["kind"], row["what"]) for row in rows]
    assert told == [
        ("01:00", "exercise", "runs"), ("01:15", "feed", "stored"), ("01:15", "proposal", "first"),
        ("01:30", "person", "act1"), ("02:00", "exercise", "stands"), ("02:00", "exercise", "runs"),
        ("02:00", "person", "act2"), ("02:30", "person", "act3"),
    ]  # fmt: skip
    assert next(row for row in rows if row["kind"] == "proposal")["level"] == "red"
