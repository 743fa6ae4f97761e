"""Every channel at once: a lane each, woken as soon as something is due, and the chores of the queue beside them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from alerts.channels.allowed import ALL_STATUSES
from alerts.channels.channel import Channel
from alerts.hold import hold
from alerts.lane import Lane
from alerts.ledger import LEASE, NO_LINKS, Links, due_channels, release, sweep
from alerts.wake import wake_of
from data.clock import Clock, iso
from data.store.changes import bump
from data.store.engine import Store
from data.store.exercise import FASTEST
from data.store.tables import delivery, delivery_attempt, leader
from data.ways_out import Pace

log = logging.getLogger("tocsin.dispatch")

AWAY = timedelta(hours=1)  # after so long without dispatch, what was queued before waits for a person
LOOK_S = 1.0
HOST = os.uname().nodename


def worker_name() -> str:
    """Who holds a lease: this process."""
    return f"{HOST}:{os.getpid()}"


def is_dead(worker: str) -> bool:
    """Whether a holder of leases is a process of this machine that is gone; of others nobody knows."""
    host, _, number = worker.rpartition(":")
    if host != HOST or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(number) == os.getpid()  # our own number, before we have claimed anything


class Dispatcher:
    """Lanes over one store; `run` is the thread that wakes them."""

    def __init__(
        self, store: Store, channels: Mapping[str, Channel], *, clock: Clock, pace: Mapping[str, Pace] | None = None,
        links: Links = NO_LINKS, statuses: frozenset[str] = ALL_STATUSES, exercise: bool = False,
    ) -> None:  # fmt: skip
        """In an exercise the clock may run up to `FASTEST` times as fast: leases last so much longer by it."""
        self._store = store
        self._channels = channels
        self._clock = clock
        self._pace = pace or {}
        self._links = links
        self._statuses = statuses
        self._exercise = exercise
        self._lanes: dict[str, Lane] = {}
        self._threads: list[threading.Thread] = []
        self._seen_attempt = 0

    def run(self, stop: threading.Event) -> None:
        """Send what is queued until told to stop; what is under way then is ended first."""
        self._beat()
        release(self._store, is_dead, now=self._clock())
        wake = wake_of(self._store)
        for key in self._channels:
            self._lane(key, stop)
        try:
            while not stop.is_set():
                try:
                    self._look(stop)
                except SQLAlchemyError:
                    log.exception("the store does not answer")
                    stop.wait(LOOK_S)
                wake.wait(LOOK_S, stop.is_set)
        finally:
            wake.close()
            for lane in self._lanes.values():
                lane.wake()
            for thread in self._threads:
                thread.join()

    def _beat(self) -> None:
        if not self._exercise:  # whose clock leaps: there is no outside for which it could have been away
            beat(self._store, now=self._clock())

    def _look(self, stop: threading.Event) -> None:
        for key in due_channels(self._store, now=self._clock()):
            self._lane(key, stop).wake()

    def _lane(self, key: str, stop: threading.Event) -> Lane:
        """The lane of a channel; one that is not configured has a lane in which rows fail, so that they are seen."""
        if key not in self._lanes:
            lane = self._lanes[key] = Lane(
                self._store, key, self._channels.get(key), worker_name(), clock=self._clock,
                pace=self._pace.get(key, Pace()), links=self._links, statuses=self._statuses,
                lease=LEASE * FASTEST if self._exercise else LEASE,
            )  # fmt: skip
            thread = threading.Thread(target=lane.run, args=(stop,), name=f"lane-{key}")
            self._threads.append(thread)
            thread.start()
        return self._lanes[key]

    def chores(self) -> None:
        """What is done each second beside the sending: what is over, how long dispatch was away, what screens see."""
        now = self._clock()
        self._beat()
        ended = sweep(self._store, now=now)
        with self._store.read() as connection:
            newest = connection.execute(sa.select(sa.func.max(delivery_attempt.c.id))).scalar() or 0
        if ended or newest != self._seen_attempt:
            self._seen_attempt = newest
            with self._store.write() as connection:
                bump(connection, "deliveries")


def beat(store: Store, *, now: datetime) -> bool:
    """Note that dispatch lives. After a long absence what was queued before is held; says whether it was."""
    mine = leader.c.name == "dispatch"
    with store.write() as connection:
        before = connection.execute(sa.select(leader.c.heartbeat_at).where(mine)).scalar()
        values = {"holder": worker_name(), "heartbeat_at": now}
        if before is None:
            connection.execute(leader.insert().values(name="dispatch", epoch=1, **values))
            return False
        connection.execute(leader.update().where(mine).values(**values))
        if now - before <= AWAY or not _waits_since(connection, now - AWAY):
            return False
        why = f"dispatch was away from {iso(before)} to {iso(now)}"
        hold(connection, by="dispatch", why=why, now=now, before=now - AWAY)
        return True


def _waits_since(connection: sa.Connection, before: datetime) -> bool:
    """Whether something was queued before a time, is not over, and still waits."""
    column = delivery.c
    waiting = sa.and_(
        column.state.in_(("pending", "leased")), column.created_at <= before, column.warning_id.is_not(None)
    )
    return connection.execute(sa.select(column.id).where(waiting).limit(1)).first() is not None
