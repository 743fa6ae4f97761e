"""The exercise that a home is for: its clock, what people asked of it, and its log for the debriefing."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.clock import Clock, utc_now
from data.errors import ConfigError
from data.store.engine import Store
from data.store.tables import exercise, exercise_log

ONE = 1  # the key of the one row
AHEAD = timedelta(seconds=25)  # pages show no more past what is done: after 30 s the engine would count as silent
REMEMBERED_S = 0.25
FASTEST = 3600.0
MARK = "EXERCISE 演练"  # both languages at once: nobody may take it for real


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """Where an exercise stands."""

    kind: str
    scenario: str
    digest: str
    title: Mapping[str, str]
    begin_at: datetime
    until_at: datetime
    at: datetime | None
    next_at: datetime | None
    wall_at: datetime
    speed: float
    state: str
    asked_speed: float
    asked_pause: bool

    def clock(self, wall: datetime) -> datetime:
        """The scenario's time: it runs on from what is done, but not past what is to be done next."""
        done = self.at or self.begin_at
        if self.speed <= 0 or self.state != "running":
            return done
        ahead = min(max(wall - self.wall_at, timedelta()) * self.speed, AHEAD)
        latest = self.until_at if self.next_at is None else self.next_at
        return max(done, min(done + ahead, latest))


def read_exercise(connection: Connection) -> Exercise | None:
    """The exercise of this home, or None where it is a real one."""
    row = connection.execute(sa.select(exercise).where(exercise.c.id == ONE)).first()
    return None if row is None else Exercise(**{name: row._mapping[name] for name in Exercise.__dataclass_fields__})


def begin_exercise(connection: Connection, item: Exercise) -> None:
    """Make this home that of an exercise."""
    values = {name: getattr(item, name) for name in Exercise.__dataclass_fields__}
    connection.execute(exercise.insert().values(id=ONE, **{**values, "title": dict(item.title)}))


def set_exercise(connection: Connection, **values: Any) -> None:
    """Write some columns of the exercise."""
    connection.execute(exercise.update().where(exercise.c.id == ONE).values(**values))


def ask(connection: Connection, *, actor: str, wall: datetime, pause: bool | None, speed: float | None) -> None:
    """Ask the exercise to pause, to go on, or to run at another speed; the log says who did.

    Raises
    ------
    ValueError
        For a speed that is not above 0 and at most 3,600.
    """
    found = read_exercise(connection)
    if found is None:
        return
    if speed is not None:
        if not 0 < speed <= FASTEST:
            raise ValueError(f"a speed above 0 and at most {FASTEST:g}")
        if speed != found.asked_speed:
            set_exercise(connection, asked_speed=speed)
            note(connection, wall=wall, at=found.clock(wall), actor=actor, action="speed", detail={"speed": speed})
    if pause is not None and pause != found.asked_pause:
        set_exercise(connection, asked_pause=pause)
        action = "pause" if pause else "resume"
        note(connection, wall=wall, at=found.clock(wall), actor=actor, action=action, detail={})


def note(
    connection: Connection, *, wall: datetime, at: datetime | None, actor: str, action: str, detail: Mapping[str, Any]
) -> None:
    """A line of the log."""
    connection.execute(
        exercise_log.insert().values(wall_at=wall, at=at, actor=actor[:240], action=action, detail=dict(detail))
    )


class ExerciseClock:
    """The clock of the pages: the exercise's where this home is for one, else the real one."""

    def __init__(self, store: Store, wall: Clock = utc_now) -> None:
        self._store = store
        self._wall = wall
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._held: Exercise | None = None

    def exercise(self) -> Exercise | None:
        """The exercise as it was a moment ago at most."""
        with self._lock:
            if time.monotonic() - self._read_at > REMEMBERED_S:
                with self._store.read() as connection:
                    self._held = read_exercise(connection)
                self._read_at = time.monotonic()
            return self._held

    def __call__(self) -> datetime:
        held = self.exercise()
        wall = self._wall()
        return wall if held is None else held.clock(wall)


def clock_of(store: Store) -> Clock:
    """The clock of the pages over this store: looked up once, because a home never turns into that of an exercise."""
    with store.read() as connection:
        return utc_now if read_exercise(connection) is None else ExerciseClock(store)


def scenario_of(clock: Clock) -> str:
    """The scenario that pages with this clock show; empty at a real office."""
    found = clock.exercise() if isinstance(clock, ExerciseClock) else None
    return "" if found is None else found.scenario


def refuse_exercise(store: Store) -> None:
    """A real engine has nothing to do where an exercise is played.

    Raises
    ------
    ConfigError
        If this home is that of an exercise.
    """
    with store.read() as connection:
        found = read_exercise(connection)
    if found is not None:
        raise ConfigError([f"this home is that of an exercise, {found.scenario}: name another with TOCSIN_HOME"])
