"""The database: opened with the safe settings, written only in short fenced transactions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Connection, Engine

from data.errors import StaleLeader, StoreError
from data.store import tables

BUSY_TIMEOUT_MS = 30_000


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def open_engine(url: str) -> Engine:
    """A database engine with this house's durability settings.

    SQLite: WAL, synchronous=FULL, foreign keys, BEGIN IMMEDIATE for every writing transaction (a deferred one that
    turns into a writer fails at once however long the busy timeout is). PostgreSQL: pre-ping, UTC sessions.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            parsed,
            json_serializer=_dump,
            connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
        )
        _prepare_sqlite(engine)
        return engine
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        return sa.create_engine(
            parsed,
            json_serializer=_dump,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=20,
            connect_args={"options": "-c timezone=UTC", "connect_timeout": 5},
        )
    raise StoreError(f"not a supported database: {parsed.get_backend_name()}")


def _prepare_sqlite(engine: Engine) -> None:
    @sa_event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, not the driver's
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa_event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("tocsin_begin", "BEGIN"))


class Store:
    """One database; reading and writing through context managers that are transactions."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(tocsin_begin="BEGIN IMMEDIATE")

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent picture."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, epoch: int | None = None) -> Iterator[Connection]:
        """A writing transaction; with an epoch it commits only while that leadership is the newest.

        Raises
        ------
        StaleLeader
            If another leader has taken over; nothing was written.
        """
        with self._writer.begin() as connection:
            if epoch is not None:
                check_epoch(connection, epoch)
            yield connection

    def wait_ready(self, seconds: float = 10.0) -> None:
        """Return when the database answers; StoreError with the reason after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with self.engine.connect() as connection:
                    connection.execute(sa.text("SELECT 1"))
                return
            except sa.exc.OperationalError as error:
                if time.monotonic() > deadline:
                    raise StoreError(f"the database does not answer: {error.orig}") from error
                time.sleep(0.2)

    def close(self) -> None:
        self.engine.dispose()


def check_epoch(connection: Connection, epoch: int) -> None:
    """Hold the leader row for this transaction and refuse when its epoch is not ours."""
    query = sa.select(tables.leader.c.epoch).where(tables.leader.c.name == "engine")
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(read=True)
    current = connection.execute(query).scalar()
    if current != epoch:
        raise StaleLeader(f"leadership epoch is {current}, ours was {epoch}")


def open_store(url: str) -> Store:
    """The store at an SQLAlchemy address; migrations are a separate step (`data.store.migrate`)."""
    return Store(open_engine(url))
