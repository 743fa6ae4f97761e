"""Replay: a scenario through the live code, with the scenario's clock, into a store of its own.

What happens at one time (deliveries, the look of the rules, how far the replay is) is one transaction, so a replay
that was killed goes on where it stood and ends as if nothing had been. Speed changes only when a step is done in real
time, never which steps there are: the same scenario gives the same transitions at any speed.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.evaluate import evaluate_all
from alerts.memory import Memory
from alerts.pack import PackRule
from alerts.scenario import Delivery, Scenario
from alerts.settled import is_settled, note_settled
from alerts.timeline import Step, Timeline, timeline
from data.clock import Clock, utc_now
from data.store.engine import Store
from data.store.exercise import Exercise, begin_exercise, note, read_exercise, set_exercise
from data.store.held import HeldStore
from data.store.leader import beat

SLICE_S = 0.1  # how soon a pause or another speed is heeded
BEAT_S = 0.25  # real time between two writings of where the clock stands
LONGEST_LOOK = timedelta(hours=1)  # how far ahead a quiet time is looked through at once

Deliver = Callable[[Delivery, int], Any]  # stores one run at its own time, under an epoch
Rules = Callable[[Store], Sequence[PackRule]]
Work = Callable[[datetime, int], int]  # as the engine's work on fields


@dataclass(eq=False)
class Replayer:
    """Plays one scenario.

    Parameters
    ----------
    held : HeldStore
        The store of the replay; `deliver` and `works` write through the same object.
    rules : callable
        The rules that run now; the same object as long as nobody has decided anything.
    deliver : callable
        Stores a run through the live parse and store path.
    works : sequence of callable
        What the engine computes from fields after a delivery.
    wall, sleep : callable
        The real clock, for the pace alone.
    """

    held: HeldStore
    home: Path
    base_dir: Path
    scenario: Scenario
    rules: Rules
    deliver: Deliver
    epoch: int
    works: Sequence[Work] = ()
    wall: Clock = utc_now
    sleep: Callable[[float], None] = time.sleep
    stopped: Callable[[], bool] = lambda: False
    told: Callable[[datetime], None] = lambda _at: None
    _times: Timeline = field(init=False)
    _memory: Memory = field(init=False, default_factory=Memory)

    def __post_init__(self) -> None:
        self._times = timeline(self.scenario)

    def prepare(self, kind: str, until: datetime, speed: float) -> Exercise:
        """The exercise of this home: the one under way, or a new one. `speed` 0 is as fast as possible."""
        head = self.scenario.head
        with self.held.one(epoch=self.epoch) as connection:
            found = read_exercise(connection)
            now = self.wall()
            if found is None:
                found = Exercise(
                    kind=kind, scenario=head.name, digest=self.scenario.digest, title=head.title.model_dump(),
                    begin_at=head.begin, until_at=until, at=None, next_at=head.begin, wall_at=now, speed=0.0,
                    state="catching-up", asked_speed=speed, asked_pause=False,
                )  # fmt: skip
                begin_exercise(connection, found)
            else:
                set_exercise(connection, until_at=until, asked_speed=speed, wall_at=now)
            detail = {"scenario": head.name, "digest": self.scenario.digest, "speed": speed}
            action = "begin" if found.at is None else "go on"
            note(connection, wall=now, at=found.at, actor=kind, action=action, detail=detail)
        return found

    def run(self, until: datetime, *, fast_until: datetime | None = None, paced: bool = False) -> bool:
        """Play up to `until`; False where it was stopped before.

        Parameters
        ----------
        fast_until : datetime, optional
            As fast as possible up to here, then at the asked speed.
        paced : bool
            By the clock at all; else as fast as possible throughout.
        """
        done = self._done()
        for step in self._times.steps_after(done, until):
            if not self._quiet(done or self._times.begin, step.at, fast_until, paced):
                return False
            if paced and not self._wait(step.at, fast_until):
                return False
            self._carry_out(step)
            self.told(step.at)
            done = step.at
        if not self._quiet(done or self._times.begin, until + timedelta(microseconds=1), fast_until, paced):
            return False
        if paced and not self._wait(until, fast_until):
            return False
        with self.held.one(epoch=self.epoch) as connection:
            set_exercise(connection, at=until, next_at=until, state="done", speed=0.0, wall_at=self.wall())
            beat(self.held, self.epoch, now=until)
            note(connection, wall=self.wall(), at=until, actor="replay", action="end", detail={})
        self.told(until)
        return True

    def _done(self) -> datetime | None:
        with self.held.read() as connection:
            found = read_exercise(connection)
        return None if found is None else found.at

    def _carry_out(self, step: Step) -> None:
        """One transaction: what arrived, what was computed from it, what the rules made of it."""
        with self.held.one(epoch=self.epoch) as connection:
            for item in step.deliveries:
                self.deliver(item, self.epoch)
            if step.deliveries:
                self._work(step.at)
            if step.evaluates:
                self._evaluate(step.at)
            beat(self.held, self.epoch, now=step.at)
            set_exercise(connection, at=step.at, next_at=step.at, wall_at=self.wall())

    def _work(self, at: datetime) -> None:
        waiting = list(self.works)
        while waiting:
            waiting = [work for work in waiting if work(at, self.epoch)]

    def _evaluate(self, at: datetime) -> None:
        rules = self.rules(self.held)
        evaluate_all(
            self.held, self.home, self.base_dir, rules, at, epoch=self.epoch, memory=self._memory,
            looked=self._times.all_looks_between,
        )  # fmt: skip

    def _quiet(self, after: datetime, before: datetime, fast_until: datetime | None, paced: bool) -> bool:
        """The looks between two deliveries: those that change something in full, the others in passing."""
        looks = list(self._times.looks_between(after, before))
        while looks:
            if self.stopped():
                return False
            count = self._same_until(looks)
            if count:
                passed = self._pass(looks[:count], fast_until, paced)
                if passed is None:
                    return False
                looks = looks[passed:]
                continue
            if paced and not self._wait(looks[0], fast_until):
                return False
            self._carry_out(Step(at=looks.pop(0)))
        return True

    def _same_until(self, looks: Sequence[datetime]) -> int:
        """How many of the next looks change nothing."""
        far = sum(at - looks[0] <= LONGEST_LOOK for at in looks)
        if self._is_settled(looks[far - 1]):
            return far
        same, different = 0, far - 1  # looks[:same] change nothing, looks[different] does
        guess = _boundary(looks[:far])  # most changes come when a step of a field begins to count, at a whole hour
        if same < guess <= different and self._is_settled(looks[guess - 1]):
            same = guess
            if guess < different and not self._is_settled(looks[guess]):
                different = guess
        while same < different:
            middle = (same + different) // 2
            if self._is_settled(looks[middle]):
                same = middle + 1
            else:
                different = middle
        return same

    def _is_settled(self, at: datetime) -> bool:
        return is_settled(self.held, self.home, self.base_dir, self.rules(self.held), at, self._memory)

    def _pass(self, looks: Sequence[datetime], fast_until: datetime | None, paced: bool) -> int | None:
        """Go through looks that change nothing; by the clock, as many at once as real time has room for.

        Returns how many it went through, which are not all when people decide something of rules; None when stopped.
        """
        place, rules = 0, self.rules(self.held)
        while place < len(looks):
            reach = self._reach(looks[place], fast_until) if paced else looks[-1]
            after = max(place + 1, bisect.bisect_right(looks, reach))
            last = looks[after - 1]
            if paced and not self._wait(last, fast_until):
                return None
            if self.rules(self.held) is not rules:
                return place
            with self.held.one(epoch=self.epoch) as connection:
                note_settled(connection, rules, looks[place:after])
                beat(self.held, self.epoch, now=last)
                set_exercise(connection, at=last, next_at=last, wall_at=self.wall())
            place = after
            self.told(last)
        return place

    def _reach(self, at: datetime, fast_until: datetime | None) -> datetime:
        """Up to where looks are passed at once from `at` on."""
        if fast_until is not None and at <= fast_until:
            return fast_until
        with self.held.read() as connection:
            found = read_exercise(connection)
        assert found is not None
        return at + timedelta(seconds=found.asked_speed * BEAT_S)

    def _wait(self, at: datetime, fast_until: datetime | None) -> bool:
        """Let real time pass until `at` is due, heeding pause and speed; False when stopped."""
        while not self.stopped():
            with self.held.read() as connection:
                found = read_exercise(connection)
            assert found is not None
            now = self.wall()
            if found.asked_pause:
                if found.state != "paused":
                    here = found.clock(now)
                    self._show(at=here if found.at else None, next_at=at, speed=0.0, state="paused")
                    self._mark("stands", here, 0.0)
                self.sleep(SLICE_S)
                continue
            if fast_until is not None and at <= fast_until:
                if found.state != "catching-up":
                    self._show(next_at=at, speed=0.0, state="catching-up")
                return True
            if found.state != "running" or found.speed != found.asked_speed or found.next_at != at:
                self._go_on(found, at, now)
                continue
            due_s = (at - (found.at or found.begin_at)).total_seconds() / found.speed
            left_s = due_s - (now - found.wall_at).total_seconds()
            if left_s <= 0:
                return True
            self.sleep(min(left_s, SLICE_S))
        return False

    def _go_on(self, found: Exercise, until: datetime, now: datetime) -> None:
        """Run by the clock from here; the log says so where that is news."""
        here = found.clock(now)
        self._show(at=here if found.at else None, next_at=until, speed=found.asked_speed, state="running")
        if found.state != "running" or found.speed != found.asked_speed:
            self._mark("runs", here, found.asked_speed)

    def _mark(self, action: str, at: datetime, speed: float) -> None:
        """A line of the log that says where the clock stands and how fast it runs from here."""
        with self.held.one(epoch=self.epoch) as connection:
            note(connection, wall=self.wall(), at=at, actor="replay", action=action, detail={"running": speed})

    def _show(self, *, at: datetime | None = None, **values: Any) -> None:
        """Write where the clock stands, so that pages follow it."""
        with self.held.one(epoch=self.epoch) as connection:
            if at is not None:
                values["at"] = at
                beat(self.held, self.epoch, now=at)  # the engine is as far as the clock of the pages
            set_exercise(connection, wall_at=self.wall(), **values)


def _boundary(looks: Sequence[datetime]) -> int:
    """The place of the first look at or after the last whole hour; 0 where that is before them all."""
    hour = looks[-1].replace(minute=0, second=0, microsecond=0)
    return bisect.bisect_left(looks, hour)


def held(store: Store) -> HeldStore:
    """The store as a replay needs it: without waiting for the disk at each step where a kill loses nothing by it.

    SQLite in WAL mode keeps what was committed when a process dies, whatever `synchronous` says; only a failing
    machine could take the last steps, and a replay can be run again.
    """
    if store.is_sqlite:
        from sqlalchemy import event

        @event.listens_for(store.engine, "connect")
        def _quicker(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA synchronous=OFF").close()

        store.engine.dispose()  # connections that are open already would keep their setting
    return HeldStore(store)
