"""Copies of the whole store, taken while it is written to, and brought back so that nothing leaves by itself.

SQLite by its backup interface, PostgreSQL by `pg_dump`. A restored store is held: see `alerts.hold`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.errors import StoreError
from data.store.durable import to_disk
from data.store.engine import Store, open_store
from data.store.leader import SILENT_AFTER
from data.store.migrate import migrate
from data.store.tables import leader

Prepare = Callable[[Connection], object]
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def backup(store: Store, path: Path) -> int:
    """Write a copy to a new file and return its size [bytes].

    Raises
    ------
    StoreError
        If the file is there already, or the copy cannot be made.
    """
    if path.exists():
        raise StoreError(f"{path} is there already: a backup never replaces a file")
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent} is no folder")
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.touch(mode=0o600)  # it holds all that the store does
        if store.is_sqlite:
            _copy_sqlite(Path(str(store.engine.url.database)), draft)
        else:
            _run_pg("pg_dump", store, ["--format=custom", f"--file={draft}"])
        with draft.open("rb") as file:
            to_disk(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        raise StoreError(f"{path} is there already: a backup never replaces a file") from None
    finally:
        draft.unlink(missing_ok=True)
    return path.stat().st_size


def restore(url: str, path: Path, prepare: Prepare, *, now: datetime) -> Path | None:
    """Put a copy in the place of the store; `prepare` writes into it before anybody can see it.

    Returns where the store before was put (SQLite; None where there was none).

    Raises
    ------
    StoreError
        If the copy is not one, or Tocsin runs on this store.
    """
    if not path.is_file():
        raise StoreError(f"{path} is no file")
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _restore_sqlite(Path(str(parsed.database)), path, prepare, now)
    _restore_postgresql(url, path, prepare, now)
    return None


def _copy_sqlite(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)  # in one step: one picture, while writers go on in the log
        there.execute("PRAGMA journal_mode=DELETE")


def _restore_sqlite(place: Path, path: Path, prepare: Prepare, now: datetime) -> Path | None:
    if place.exists():
        _refuse_running(f"sqlite:///{place}", now)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.restored")
    for leftover in (draft, *_beside(draft)):
        leftover.unlink(missing_ok=True)
    try:
        shutil.copyfile(path, draft)
        _prepared(f"sqlite:///{draft}", prepare)
        with closing(sqlite3.connect(draft)) as copy:
            copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            copy.execute("PRAGMA journal_mode=DELETE")
    except (sqlite3.DatabaseError, sa.exc.DatabaseError) as error:
        for leftover in (draft, *_beside(draft)):
            leftover.unlink(missing_ok=True)
        raise StoreError(f"{path} is not a backup of a store: {error}") from error
    before = _put_aside(place, now) if place.exists() else None
    draft.replace(place)
    return before


def _put_aside(place: Path, now: datetime) -> Path:
    """The store that was there, whole in one file."""
    aside = place.with_name(f"{place.name}.before-{now:%Y%m%dT%H%M%SZ}")
    with closing(sqlite3.connect(place)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for leftover in _beside(place):
        leftover.unlink(missing_ok=True)
    place.replace(aside)
    return aside


def _beside(place: Path) -> tuple[Path, Path]:
    return place.with_name(f"{place.name}-wal"), place.with_name(f"{place.name}-shm")


def _restore_postgresql(url: str, path: Path, prepare: Prepare, now: datetime) -> None:
    _refuse_running(url, now)
    store = open_store(url)
    try:
        with store.read() as connection:
            others = connection.execute(sa.text(OTHERS)).scalar_one()
        if others:
            raise StoreError(f"{others} other connections are open on this database: stop what uses it first")
        store.close()
        _run_pg("pg_restore", store, ["--clean", "--if-exists", "--single-transaction", "--no-owner", str(path)])
    finally:
        store.close()
    _prepared(url, prepare)


def _prepared(url: str, prepare: Prepare) -> None:
    store = open_store(url)
    try:
        migrate(store)
        with store.write() as connection:
            prepare(connection)
    finally:
        store.close()


def _refuse_running(url: str, now: datetime) -> None:
    store = open_store(url)
    try:
        with store.read() as connection:
            if not sa.inspect(connection).has_table(leader.name):
                return
            beats = connection.execute(sa.select(leader.c.name, leader.c.heartbeat_at)).all()
    finally:
        store.close()
    running = [row.name for row in beats if abs(now - row.heartbeat_at) < SILENT_AFTER]
    if running:
        raise StoreError(
            f"{' and '.join(running)} ran here less than {SILENT_AFTER.seconds} s ago: stop Tocsin first"
        )


def _run_pg(program: str, store: Store, arguments: list[str]) -> None:
    """A PostgreSQL program on our database; the password goes by the environment, unseen in lists of processes."""
    found, url = shutil.which(program), store.engine.url
    if found is None:
        raise StoreError(f"{program} is not on this machine: install the PostgreSQL client")
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    command = [found, f"--dbname={plain}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode != 0:
        raise StoreError(f"{program} failed: {done.stderr.strip()[-400:]}")
