"""Dispatch wakes as soon as something is queued: by NOTIFY on PostgreSQL, by a cheap look on SQLite."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import psycopg

from alerts.ledger import NOTIFY
from data.store.engine import Store

LOOK_EVERY_S = 0.05


class Wake(Protocol):
    """Waits until something may have been queued."""

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Return at once after a commit that may have queued something, else after `seconds` or when stopped."""

    def close(self) -> None: ...


def wake_of(store: Store) -> Wake:
    """The fitting one for a store."""
    return _Looking(store) if store.is_sqlite else _Listening(store)


class _Looking:
    """`PRAGMA data_version` changes with every commit of another connection and reads no table."""

    def __init__(self, store: Store) -> None:
        self._connection = store.engine.raw_connection()
        self._seen = self._version()

    def _version(self) -> int:
        cursor = self._connection.cursor()
        try:
            return int(cursor.execute("PRAGMA data_version").fetchone()[0])
        finally:
            cursor.close()

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not stopped():
            if (now := self._version()) != self._seen:
                self._seen = now
                return
            time.sleep(LOOK_EVERY_S)

    def close(self) -> None:
        self._connection.close()


class _Listening:
    """A connection of its own that listens; where it breaks, waiting is a pause until it stands again."""

    def __init__(self, store: Store) -> None:
        self._address = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: psycopg.Connection | None = None

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> None:
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._address, autocommit=True, connect_timeout=5)
                self._connection.execute(f"LISTEN {NOTIFY}")
                return  # what was queued before is looked for at once
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                return
        except psycopg.OperationalError:
            self.close()
            time.sleep(min(seconds, 1.0))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
