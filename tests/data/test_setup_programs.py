"""Finding the programs that only the tests need."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import ConfigError
from data.setup import programs


def test_newest_postgres_wins_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("9.6", "15", "13"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    monkeypatch.setattr(programs, "POSTGRES_HOME", tmp_path)
    assert programs.postgres_programs() == tmp_path / "15" / "bin"


def test_missing_programs_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "chromium", lambda: None)
    monkeypatch.setattr(programs, "postgres_programs", lambda: None)
    monkeypatch.setattr(programs, "mosquitto", lambda: None)
    monkeypatch.setattr(programs, "voice", lambda: Path("/usr/bin/espeak-ng"))
    monkeypatch.setattr(programs, "_may_install", lambda: False)
    with pytest.raises(ConfigError, match="sudo apt-get install chromium postgresql`"):
        programs.provide_for_tests(print)


def test_broker_that_cannot_be_installed_is_said_and_no_hindrance(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    for name in ("chromium", "postgres_programs", "voice"):
        monkeypatch.setattr(programs, name, lambda: Path("/there"))
    monkeypatch.setattr(programs, "mosquitto", lambda: None)
    monkeypatch.setattr(programs, "_may_install", lambda: False)
    programs.provide_for_tests(said.append)
    assert "skipped" in said[0] and "no broker" in said[1]


def test_named_browser_that_is_not_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_CHROMIUM", str(tmp_path / "chromium"))
    assert programs.chromium() is None
