"""Heads of the audit chain kept elsewhere find what the chain itself cannot: an end that was cut."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from access import anchors, audit, audit_command
from data.errors import ConfigError
from data.settings import Settings
from data.store.engine import Store
from data.store.tables import audit as audit_table


def _fill(store: Store, now: datetime, count: int) -> None:
    with store.write() as connection:
        for number in range(count):
            audit.append(connection, at=now, actor="a", action="b", object=str(number))


def _run(store: Store, settings: Settings, *words: str) -> int:
    top = argparse.ArgumentParser()
    audit_command.add_arguments(top.add_subparsers(dest="action", required=True))
    return audit_command.main(store, top.parse_args(words), settings)


def _cut(store: Store, after: int) -> None:
    """What somebody does who owns the database."""
    with store.write() as connection:
        if store.is_sqlite:
            connection.execute(sa.text("DROP TRIGGER audit_no_DELETE"))
        else:
            connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        connection.execute(audit_table.delete().where(audit_table.c.seq > after))


def test_i18_cut_end_is_found_by_an_anchor(
    store: Store, settings: Settings, now: datetime, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = replace(settings, audit_anchor=tmp_path)
    _fill(store, now, 5)
    assert _run(store, office, "anchor") == 0
    _fill(store, now, 3)
    path = anchors.export(store, tmp_path, now)
    assert _run(store, office, "verify", "--anchor", str(path)) == 0
    _cut(store, after=6)
    capsys.readouterr()
    assert _run(store, office, "verify", "--json") == 0  # from inside nothing is seen
    assert _run(store, office, "verify", "--anchor", str(path), "--json") == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["broken_at"], second["broken_at"]) == (None, 7)


def test_chain_written_anew_is_found_by_an_anchor(store: Store, now: datetime, tmp_path: Path) -> None:
    _fill(store, now, 5)
    path = anchors.export(store, tmp_path, now)
    _cut(store, after=2)
    _fill(store, now + timedelta(seconds=1), 9)
    with store.read() as connection:
        assert audit.verify(connection) is None
        assert audit.verify(connection, anchors.read(path)) == 5


def test_each_day_has_its_file_and_lines_are_added(store: Store, now: datetime, tmp_path: Path) -> None:
    _fill(store, now, 1)
    first = anchors.export(store, tmp_path, now)
    assert anchors.export(store, tmp_path, now) == first
    assert len(anchors.read(first)) == 2
    assert anchors.export(store, tmp_path, now + timedelta(days=1)) != first
    assert anchors.newest_at(tmp_path) == now + timedelta(days=1)


def test_folder_that_is_not_mounted_is_said_and_never_made(
    store: Store, settings: Settings, now: datetime, tmp_path: Path
) -> None:
    gone = tmp_path / "mount" / "anchors"
    with pytest.raises(ConfigError, match="audit_anchor"):
        anchors.export(store, gone, now)
    assert not gone.exists()
    with pytest.raises(ConfigError, match="name a folder"):
        _run(store, settings, "anchor")


def test_export_goes_on_after_a_failure(
    store: Store, now: datetime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, rounds = tmp_path / "late", iter(range(3))

    class Stop(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            folder.mkdir(exist_ok=True)
            if next(rounds) == 1:
                self.set()
            return self.is_set()

    waited: list[float | None] = []
    anchors.keep_forever(store, folder, Stop(), lambda: now)
    assert waited == [60.0, anchors.EVERY.total_seconds()]
    assert len(anchors.read(next(folder.iterdir()))) == 1
    assert caplog.text.count("not kept elsewhere") == 1


@pytest.mark.parametrize("text", ["", "x", "{}", '{"seq": "a", "hash": "b"}', "[1]", "1"])
def test_file_that_is_no_anchor(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text, encoding="ascii")
    with pytest.raises(ConfigError):
        anchors.read(path)
