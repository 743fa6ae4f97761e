"""Proof that the ways out work: a message a day on each path, and one a minute to a monitor outside.

The monitor is the dead man's switch: it hears of us on a path of its own while engine and dispatch live, and it is
the silence that makes it call.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from alerts.channels.channel import Post
from alerts.dispatch_causes import HEARTBEAT
from alerts.notices import tell
from data.clock import Clock, iso
from data.errors import IngestError
from data.store.engine import Store
from data.store.tables import notice

log = logging.getLogger("tocsin.dispatch")

BEAT_S = 60.0
TIMEOUT_S = 10.0


def prove_paths(
    store: Store, recipients: Sequence[tuple[str, str]], *, hour: int, zone: ZoneInfo, now: datetime
) -> int:
    """Queue the message of the day once its hour has come. Returns how many rows; none where it was done."""
    local = now.astimezone(zone)
    since = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    if not recipients or local < since:
        return 0
    done = sa.select(notice.c.id).where(notice.c.cause == HEARTBEAT, notice.c.opened_at >= since)
    with store.read() as connection:
        if connection.execute(done).first() is not None:
            return 0
    values = {"cause": HEARTBEAT, "opened_at": now, "last_at": now, "closed_at": now}
    detail = {"what": "this path works: the daily message of Tocsin", "day": local.date().isoformat()}
    with store.write() as connection:
        connection.execute(notice.insert().values(**values, detail=detail))
        row = connection.execute(
            sa.select(notice).where(notice.c.cause == HEARTBEAT).order_by(notice.c.id.desc())
        ).first()
        return 0 if row is None else tell(connection, row, recipients, state=HEARTBEAT, now=now)


def keep_monitor(
    post: Post,
    address: str,
    healthy: Callable[[], bool],
    stop: threading.Event,
    *,
    clock: Clock,
    every_s: float = BEAT_S,
) -> None:
    """Tell the monitor each minute while all is well; what it answers is its own affair."""
    while not stop.is_set():
        if healthy():
            body = json.dumps({"system": "tocsin", "at": iso(clock())}).encode()
            try:
                post(address, body, {"Content-Type": "application/json"}, TIMEOUT_S)
            except IngestError as error:
                log.warning("the monitor outside was not reached: %s", error.reason)
        stop.wait(every_s)
