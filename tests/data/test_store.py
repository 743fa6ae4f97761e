"""The store's promises on both engines: fencing, versions, append-only audit, durable files."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from data.errors import StaleLeader, StoreError
from data.model import Level, Payload
from data.store import tables
from data.store.archive import Archive, record_payload
from data.store.changes import bump, note_change, read_changes, read_versions
from data.store.engine import Store
from data.store.leader import beat, try_lead
from data.store.migrate import migrate
from tests.conftest import ROOT


def test_migrate_twice_reaches_the_same_schema_as_the_tables(store: Store) -> None:
    assert migrate(store) == migrate(store)
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_migrate_refuses_a_newer_database(store: Store) -> None:
    with store.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'zzzz'"))
    with pytest.raises(StoreError, match="newer"):
        migrate(store)


def test_second_leader_waits_and_older_epoch_cannot_write(store: Store, home: Path, now: datetime) -> None:
    first = try_lead(store, home, now=now)
    assert first is not None
    assert try_lead(store, home, now=now) is None
    beat(store, first.epoch, now=now)
    first.release()
    second = try_lead(store, home, now=now)
    assert second is not None
    assert second.epoch == first.epoch + 1
    with pytest.raises(StaleLeader), store.write(epoch=first.epoch) as connection:
        bump(connection, "levels")
    with store.read() as connection:
        assert read_versions(connection) == {"all": 0}
    second.release()


def test_changes_come_back_most_severe_first(store: Store, now: datetime) -> None:
    with store.write() as connection:
        note_change(connection, "feeds", at=now, kind="late", subject="a")
        note_change(connection, "levels", at=now, kind="higher", subject="b", level=Level.RED)
    with store.read() as connection:
        assert [row.subject for row in read_changes(connection, now)] == ["b", "a"]
        assert read_versions(connection) == {"all": 2, "feeds": 1, "levels": 2}


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_audit_refuses_change(store: Store, now: datetime, statement: str) -> None:
    with store.write() as connection:
        connection.execute(
            tables.audit.insert().values(
                seq=1, at=now, actor="a", action="b", object="c", detail={}, previous="", hash="h"
            )
        )
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), store.write() as connection:
        connection.execute(sa.text(statement))


def test_archive_keeps_bytes_once_and_notices_damage(home: Path) -> None:
    archive = Archive(home / "archive")
    sha256 = archive.put(b"payload" * 1000)
    assert archive.put(b"payload" * 1000) == sha256
    assert archive.get(sha256) == b"payload" * 1000
    archive.path_of(sha256).write_bytes(b"not it")
    with pytest.raises(StoreError, match="damaged"):
        archive.get(sha256)
    with pytest.raises(StoreError, match="not in the archive"):
        archive.get("0" * 64)


def test_payload_row_is_one_for_the_same_bytes_and_address(store: Store, now: datetime) -> None:
    item = Payload(source="s", body=b"x", received_at=now, url="http://127.0.0.1/a")
    with store.write() as connection:
        one = record_payload(connection, item, "a" * 64)
        assert record_payload(connection, item, "a" * 64) == one
        assert record_payload(connection, item, "b" * 64) != one


def test_naive_time_is_refused_by_the_store(store: Store) -> None:
    with pytest.raises(sa.exc.StatementError, match="without a zone"), store.write() as connection:
        note_change(connection, "feeds", at=datetime(2026, 1, 1), kind="x", subject="y")


def test_decoder_of_grid_files_does_not_replace_the_database_library() -> None:
    program = (
        "from ingest.grid_libraries import load_decoder; load_decoder('eccodes'); import sqlite3;"
        "print(sqlite3.connect(':memory:').execute('select sqlite_version()').fetchone()[0])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.strip() == sqlite3.sqlite_version
