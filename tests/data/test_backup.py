"""Copies of the store under write load, and restored ones from which nothing leaves by itself (reliability I6)."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from access import audit
from alerts.hold import hold, holds, resume
from alerts.ledger import work
from data.errors import StoreError
from data.store.backup import backup, restore
from data.store.engine import Store, open_store
from data.store.tables import delivery, leader
from tests.alerts.sending import Recorder, add_group, issue

LATER = timedelta(hours=1)


def held(connection: sa.Connection, now: datetime) -> None:
    hold(connection, by="restore", why="restored", now=now)


def test_i6_restored_backup_sends_nothing_before_a_person_resumes(
    store: Store, database_url: str, tmp_path: Path, now: datetime
) -> None:
    with store.write() as connection:
        add_group(connection, "office", ("webhook", "https://a.example/"))
        issue(connection, 1, now=now)
        audit.append(connection, at=now, actor="x", action="y", object="z")
    assert backup(store, tmp_path / "copy") == (tmp_path / "copy").stat().st_size > 0
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0
    assert work(store, {"webhook": Recorder("webhook")}, "w", now=now) == 1
    store.close()
    restore(database_url, tmp_path / "copy", lambda connection: held(connection, now), now=now + LATER)
    again = open_store(database_url)
    hook = Recorder("webhook")
    assert work(again, {"webhook": hook}, "w", now=now + timedelta(minutes=1)) == 0
    with again.write() as connection:
        assert len(holds(connection)) == 1
        resume(connection, by="duty", now=now)
        assert audit.verify(connection) is None
    assert work(again, {"webhook": hook}, "w", now=now + timedelta(minutes=1)) == 1
    again.close()


def test_backup_under_write_load_is_one_picture(store: Store, tmp_path: Path, now: datetime) -> None:
    """Each write adds a pair of rows: a copy with an odd number would be torn."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            with store.write() as connection:
                for name in (f"a{number}", f"b{number}"):
                    connection.execute(leader.insert().values(name=name, epoch=1, holder="x", heartbeat_at=now))
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for copy in ("one", "two"):
            backup(store, tmp_path / copy)
    finally:
        stop.set()
        thread.join()
    if not store.is_sqlite:
        return  # pg_dump takes one snapshot; that the file is whole is tested by restoring one
    for copy in ("one", "two"):
        copied = open_store(f"sqlite:///{tmp_path / copy}")
        with copied.read() as connection:
            assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
            assert int(connection.execute(sa.select(sa.func.count()).select_from(leader)).scalar_one()) % 2 == 0
        copied.close()


def test_backup_never_replaces_a_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("mine")
    with pytest.raises(StoreError, match="there already"):
        backup(store, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "mine"


def test_restore_is_refused_while_the_engine_beats(
    store: Store, database_url: str, tmp_path: Path, now: datetime
) -> None:
    with store.write() as connection:
        connection.execute(leader.insert().values(name="engine", epoch=1, holder="x", heartbeat_at=now))
    backup(store, tmp_path / "copy")
    with pytest.raises(StoreError, match="engine ran here"):
        restore(database_url, tmp_path / "copy", lambda _: None, now=now + timedelta(seconds=5))


def test_file_that_is_no_backup_leaves_the_store_as_it_is(
    store: Store, database_url: str, tmp_path: Path, now: datetime
) -> None:
    with store.write() as connection:
        add_group(connection, "office", ("webhook", "https://a.example/"))
        issue(connection, 1, now=now)
    store.close()
    (tmp_path / "copy").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError):
        restore(database_url, tmp_path / "copy", lambda _: None, now=now)
    again = open_store(database_url)
    with again.read() as connection:
        assert len(connection.execute(sa.select(delivery)).all()) == 1
    again.close()
