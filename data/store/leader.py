"""Leadership: one engine acts at a time, and a stalled one that wakes up cannot write.

The operating system (a file lock) or PostgreSQL (an advisory lock) grants leadership and takes it back when a process
dies. Each grant raises the epoch in the store; `Store.write(epoch=...)` refuses an older one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.engine import Store
from data.store.tables import leader

SILENT_AFTER = timedelta(seconds=30)  # a leader that has not beaten for so long is called silent
ADVISORY_KEY = 0x746F6373696E  # "tocsin"


class Leadership:
    """A held lock with its epoch; `release` gives it back."""

    def __init__(self, epoch: int, lock: IO[bytes] | None, session: Connection | None) -> None:
        self.epoch = epoch
        self._lock = lock
        self._session = session

    def still_held(self) -> bool:
        """Whether the lock's own session is alive (a cut database connection loses it)."""
        if self._session is None:
            return True
        try:
            self._session.execute(sa.text("SELECT 1"))
            return True
        except sa.exc.DBAPIError:
            return False

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
        if self._session is not None:
            # asked for, because the server notices a closed connection only some time later
            with contextlib.suppress(sa.exc.DBAPIError):
                self._session.execute(sa.select(sa.func.pg_advisory_unlock(ADVISORY_KEY)))
            self._session.invalidate()
            self._session.close()


def try_lead(store: Store, home: Path, *, now: datetime) -> Leadership | None:
    """Become the leader, or None while another process is."""
    lock: IO[bytes] | None = None
    session: Connection | None = None
    if store.is_sqlite:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "engine.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
    else:
        session = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not session.execute(sa.select(sa.func.pg_try_advisory_lock(ADVISORY_KEY))).scalar():
            session.close()
            return None
    holder = f"{os.uname().nodename}:{os.getpid()}"
    with store.write() as connection:
        row = leader.c.name == "engine"
        updated = connection.execute(
            leader.update().where(row).values(epoch=leader.c.epoch + 1, holder=holder, heartbeat_at=now)
        )
        if not updated.rowcount:
            connection.execute(leader.insert().values(name="engine", epoch=1, holder=holder, heartbeat_at=now))
        epoch = int(connection.execute(sa.select(leader.c.epoch).where(row)).scalar_one())
    return Leadership(epoch, lock, session)


def beat(store: Store, epoch: int, *, now: datetime) -> None:
    """Say that the leader is alive; StaleLeader when it no longer is one."""
    with store.write(epoch=epoch) as connection:
        connection.execute(leader.update().where(leader.c.name == "engine").values(heartbeat_at=now))
