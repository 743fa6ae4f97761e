"""The live stream: versions of every topic, sent when one changes; what changed is then fetched and cached.

One thread a worker asks the store four times a second, and wakes the streams of that worker.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response

from access.guard import needs
from api.answers import compact, fault, fresh
from api.context import api
from data.clock import Clock, iso
from data.store.changes import TOPICS, read_versions
from data.store.engine import Store
from data.store.leader import SILENT_AFTER
from data.store.tables import leader, rule_state

POLL_S = 0.1
BEAT_S = 15.0
ASK_S = 5.0  # how often a stream asks whether its session still stands
LONGEST_S = 600.0  # then the browser connects again, and its session is asked for again
RETRY_MS = 2000
EVALUATION_LATE = timedelta(seconds=60)  # since the newest evaluation of any rule

log = logging.getLogger("tocsin.live")
blueprint = Blueprint("live", __name__)

Message = dict[str, Any]


def read_message(store: Store, now: datetime) -> Message:
    """The version of every topic and whether the engine lives; an error in place of them where the store fails."""
    try:
        with store.read() as connection:
            versions = read_versions(connection)
            beat = connection.execute(
                sa.select(leader.c.heartbeat_at).where(leader.c.name == "engine")
            ).scalar_one_or_none()
            evaluated = connection.execute(sa.select(sa.func.max(rule_state.c.evaluated_at))).scalar_one_or_none()
    except sa.exc.SQLAlchemyError as error:
        log.warning("versions cannot be read: %s", error)
        return {"v": -1, "error": "store", "now": iso(now)}
    if beat is not None and evaluated is not None and now - evaluated > EVALUATION_LATE:
        beat = min(beat, evaluated)  # it beats, but no rule moves: what is shown no longer holds
    state = "never" if beat is None else "late" if now - beat > SILENT_AFTER else "ok"
    message: Message = {"v": versions.get("all", 0)}
    message |= {topic: versions.get(topic, 0) for topic in TOPICS}
    return message | {"engine": {"state": state, "at": iso(beat) if beat else None}, "now": iso(now)}


def _identity(message: Message) -> tuple[Any, ...]:
    """What makes a message worth sending; the clock and the engine's beat alone do not."""
    return message["v"], message.get("error"), message.get("engine", {}).get("state")


class LiveHub:
    """The present message of one worker and those who wait for the next."""

    def __init__(self, store: Store, *, most: int, clock: Clock) -> None:
        self._store = store
        self._most = most
        self._clock = clock
        self._changed = threading.Condition()
        self._message: Message | None = None
        self._serial = 0
        self._streams = 0
        self._poller: threading.Thread | None = None
        self._closed = threading.Event()

    @property
    def streams(self) -> int:
        return self._streams

    def enter(self) -> bool:
        """Take a place among the streams; False where all are taken."""
        with self._changed:
            if self._streams >= self._most or self._closed.is_set():
                return False
            self._streams += 1
            if self._poller is None or not self._poller.is_alive():
                self._message = None
                self._poller = threading.Thread(target=self._poll, name="live-versions", daemon=True)
                self._poller.start()
            return True

    def leave(self) -> None:
        with self._changed:
            self._streams -= 1

    def wait(self, serial: int, seconds: float) -> tuple[int, Message | None]:
        """The newest message once it is another than `serial`, or None after some time."""
        with self._changed:
            newer = self._changed.wait_for(
                lambda: self._closed.is_set() or (self._message is not None and self._serial != serial), seconds
            )
            return self._serial, self._message if newer and not self._closed.is_set() else None

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        """End every stream."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        if self._poller is not None:
            self._poller.join(5)

    def _poll(self) -> None:
        while not self._closed.wait(POLL_S if self._message else 0):
            message = read_message(self._store, self._clock())
            with self._changed:
                if self._message is None or _identity(message) != _identity(self._message):
                    self._message = message
                    self._serial += 1
                    self._changed.notify_all()
                if not self._streams:
                    self._poller = None
                    return


class _Stream:
    """The body of one stream; gives its place back however it ends, also before its first byte."""

    def __init__(self, hub: LiveHub, stands: Callable[[], bool]) -> None:
        self._hub = hub
        self._stands = stands
        self._left = False
        self._events = self._run()

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def _run(self) -> Iterator[bytes]:
        yield f"retry: {RETRY_MS}\n\n".encode()
        serial = -1
        opened = told = asked = time.monotonic()
        while not self._hub.closed and time.monotonic() - opened < LONGEST_S:
            serial, message = self._hub.wait(serial, ASK_S)
            now = time.monotonic()
            if now - asked >= ASK_S:
                if not self._may_go_on():
                    return
                asked = now
            if message is not None:
                told = now
                yield b"data: " + compact(message) + b"\n\n"
            elif now - told >= BEAT_S:
                told = now
                yield b"event: beat\ndata: 1\n\n"

    def _may_go_on(self) -> bool:
        try:
            return self._stands()
        except sa.exc.SQLAlchemyError as error:  # nothing but that failure is told until the store is back
            log.warning("sessions cannot be read: %s", error)
            return True

    def close(self) -> None:
        if not self._left:
            self._left = True
            self._events.close()  # type: ignore[attr-defined]
            self._hub.leave()


@blueprint.get("/api/live")
@needs("watch.view")
def live() -> Response:
    here = api()
    hub, stands = here.hub, here.watch()
    if not hub.enter():
        return fault(503, "too_many_streams", "Every live stream of this server is taken.", **{"Retry-After": "10"})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(_Stream(hub, stands), content_type="text/event-stream; charset=utf-8", headers=headers)


@blueprint.get("/api/versions.json")
@needs("watch.view")
def versions() -> Response:
    """The same message once, for those who cannot have a stream."""
    message = read_message(api().store, api().clock())
    return fresh(message, 503 if "error" in message else 200)
