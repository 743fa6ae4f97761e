"""The dispatch process: sends what is queued, watches from outside, and proves the ways out."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from alerts.channels.allowed import allowed
from alerts.channels.channel import Post
from alerts.channels.switched_on import switched_on
from alerts.dispatch_causes import dispatch_causes
from alerts.dispatcher import Dispatcher
from alerts.escalate import escalate
from alerts.heartbeat import keep_monitor, prove_paths
from alerts.ledger import Links
from alerts.routing import routing_of
from alerts.watchdog import keep_notices
from data.clock import Clock
from data.secret_files import read_or_make
from data.settings import Settings
from data.store.engine import Store

CHORES_S = 1.0
WATCH_S = 5.0
Watch = Callable[[datetime], Mapping[str, Mapping[str, Any]]]
Chore = Callable[[datetime], object]


def run(
    store: Store,
    settings: Settings,
    post: Post,
    stop: threading.Event,
    *,
    exercise: bool,
    clock: Clock,
    watch: Watch,
    chores: Sequence[Chore] = (),
) -> int:
    """Until told to stop. Returns an exit status: not 0 where sending ended by itself.

    Parameters
    ----------
    watch
        What is wrong beside the queue, asked every five seconds; `chores` are done then as well.
    """
    permitted = allowed(settings, exercise)
    ways = permitted.ways
    dispatcher = Dispatcher(
        store,
        switched_on(ways, post, store, home=settings.home, sender_name=settings.sender_name),
        clock=clock,
        pace=ways.pace,
        links=links_of(settings),
        statuses=permitted.statuses,
        exercise=exercise,
    )
    routing = routing_of(settings, lambda _: (), exercise=exercise)  # to a named group: no region is asked for
    causes: dict[str, Mapping[str, Any]] = {"not looked yet": {}}

    def look(now: datetime) -> None:
        found = {**watch(now), **dispatch_causes(store, now=now)}
        keep_notices(store, found, permitted.notices, now=now)
        causes.clear()
        causes.update(found)
        escalate(store, routing, now=now)
        prove_paths(store, permitted.heartbeats, hour=ways.heartbeat_hour, zone=settings.zone, now=now)
        for chore in chores:
            chore(now)

    sending = threading.Thread(target=dispatcher.run, args=(stop,), name="dispatcher")
    sending.start()
    if ways.monitor:
        healthy = lambda: not causes.keys() & {"engine", "not looked yet"}  # noqa: E731
        arguments = (post, ways.monitor, healthy, stop)
        threading.Thread(
            target=keep_monitor, args=arguments, kwargs={"clock": clock}, name="monitor", daemon=True
        ).start()
    try:
        _keep(stop, sending, dispatcher.chores, look, clock)
    finally:
        ended = stop.is_set()
        stop.set()
        sending.join()
    return 0 if ended else 1


def _keep(
    stop: threading.Event,
    sending: threading.Thread,
    chores: Callable[[], None],
    look: Callable[[datetime], None],
    clock: Clock,
) -> None:
    """The rhythm of what is done beside the sending, as long as that goes on."""
    rounds = 0
    while not stop.is_set() and sending.is_alive():
        chores()
        if rounds % round(WATCH_S / CHORES_S) == 0:
            look(clock())
        rounds += 1
        stop.wait(CHORES_S)


def links_of(settings: Settings) -> Links:
    """The links that acknowledge, by a secret of this office."""
    path = settings.home / "secrets" / "acknowledge_key"
    return Links(secret=read_or_make(path, lambda: secrets.token_urlsafe(48).encode()), base=settings.public_url)
