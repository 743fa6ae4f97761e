"""A channel's way through the queue: so many at once, so many a second, and none waits for another channel."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from alerts.channels.allowed import ALL_STATUSES
from alerts.channels.channel import Channel
from alerts.ledger import LEASE, NO_LINKS, Links, Outcome, Task, attempt, claim, finish
from data.clock import Clock
from data.store.engine import Store
from data.ways_out import Pace

log = logging.getLogger("tocsin.dispatch")

GATHER_S = 0.02  # answers of so long are written together
IDLE_S = 1.0
AHEAD_S = 0.5  # so much work is claimed at once, as long as the last messages took
MOST_AHEAD = 16  # for each thread
SAFE = LEASE / 3  # what waited longer for its thread is given back: its lease must outlast the sending


class Rate:
    """A bucket that fills with `per_second` and holds a second's worth."""

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._held = max(per_second or 0.0, 1.0)
        self._at = clock()

    def take(self, wanted: int) -> int:
        """How many of `wanted` may go now; those are taken."""
        if self._per_second is None:
            return wanted
        now = self._clock()
        self._held = min(max(self._per_second, 1.0), self._held + (now - self._at) * self._per_second)
        self._at = now
        taken = min(wanted, int(self._held))
        self._held -= taken
        return taken

    def give(self, unused: int) -> None:
        """Put back what was taken and not needed."""
        self._held += unused


class Lane:
    """The thread of one channel: claims what is due, sends on a few threads, writes what came of it.

    What is claimed is about half a second's work: few rows where each takes long, many where they are quick, so that
    the store is no brake, and a worker that is killed repeats little.
    """

    def __init__(
        self, store: Store, key: str, channel: Channel | None, worker: str, *, clock: Clock, pace: Pace,
        links: Links = NO_LINKS, statuses: frozenset[str] = ALL_STATUSES, lease: timedelta = LEASE,
    ) -> None:  # fmt: skip
        self.key = key
        self._store = store
        self._channel = channel
        self._worker = worker
        self._clock = clock
        self._links = links
        self._statuses = statuses
        self._lease = lease
        self._at_once = pace.at_once or (channel.spec.at_once if channel is not None else 1)
        self._rate = Rate(pace.per_second)
        self._takes_s = AHEAD_S
        self._due = threading.Event()

    def wake(self) -> None:
        """Something is due."""
        self._due.set()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop, and end what is under way."""
        flying: set[Future[Outcome]] = set()
        with ThreadPoolExecutor(self._at_once, thread_name_prefix=f"send-{self.key}") as pool:
            while not stop.is_set() or flying:
                try:
                    flying = self._round(pool, flying, stop)
                except SQLAlchemyError:
                    log.exception("the store does not answer")
                    if stop.is_set():
                        return  # leases bring back what was under way
                    stop.wait(IDLE_S)

    def _round(
        self, pool: ThreadPoolExecutor, flying: set[Future[Outcome]], stop: threading.Event
    ) -> set[Future[Outcome]]:
        if not stop.is_set() and self._due.is_set():
            claimed = time.monotonic()
            flying |= {pool.submit(self._attempt, task, claimed) for task in self._claim(self._room() - len(flying))}
        if not flying:
            if self._due.is_set():  # the rate is used up
                stop.wait(GATHER_S)
            else:
                self._due.wait(IDLE_S)
            return flying
        done, _ = wait(flying, timeout=IDLE_S / 4, return_when=FIRST_COMPLETED)
        if not done:
            return flying
        time.sleep(GATHER_S)
        done = {future for future in flying if future.done()}
        finish(self._store, self._worker, [future.result() for future in done])
        return flying - done

    def _room(self) -> int:
        """How many may be claimed or under way: all threads busy for `AHEAD_S`."""
        return self._at_once * max(1, min(MOST_AHEAD, round(AHEAD_S / max(self._takes_s, 1e-3))))

    def _claim(self, room: int) -> list[Task]:
        allowed = self._rate.take(room) if room > 0 else 0
        if not allowed:
            return []
        self._due.clear()  # before the look: what comes in later sets it again
        tasks = claim(
            self._store, self._worker, allowed, now=self._clock(), channel=self.key, links=self._links,
            lease=self._lease,
        )  # fmt: skip
        if len(tasks) == allowed:
            self._due.set()
        self._rate.give(allowed - len(tasks))
        return tasks

    def _attempt(self, task: Task, claimed: float) -> Outcome:
        began, now = time.monotonic(), self._clock()
        if began - claimed > SAFE.total_seconds():
            return Outcome(task=task, state="pending", at=now, error="given back: others took too long")
        if task.message.about and task.message.status not in self._statuses:
            return Outcome(task=task, state="failed", at=now, error=f"nothing {task.message.status} leaves from here")
        try:
            return attempt(self._channel, task, now=now)
        except Exception as error:  # one message that a channel trips over must not stop the others
            log.exception("delivery %d", task.id)
            return Outcome(
                task=task, state="failed", at=now, error=f"{task.channel}: {type(error).__name__}: {error}"
            )
        finally:
            self._takes_s += (time.monotonic() - began - self._takes_s) / 4
