"""The home of an exercise: what the office has goes in, nothing real goes in or out; a real one is no exercise."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import IO, Any

import pytest

import app
import data.supervise
from access import accounts
from alerts.pack import PackRule
from alerts.rule_version import standing_of
from data.clock import utc_now
from data.errors import ConfigError
from data.settings import Settings, read_settings
from data.store.engine import open_store
from data.store.migrate import migrate
from pages.past import drills
from pages.past.played import PlayedRules
from tests.alerts.replaying import storm_members, write_scenario
from tests.alerts.test_rule_version import TEXT, run_version


@pytest.fixture
def live(home: Path, base_dir: Path) -> Settings:
    """A real office with a rule file, another version of that rule, an address for notices, and one account."""
    (home / "own.yaml").write_text(TEXT, encoding="utf-8")
    settings = Settings(
        home=home, base_dir=base_dir, rule_paths=(home / "own.yaml",), webhooks=("https://hook.example/secret",)
    )
    store = open_store(settings.url)
    migrate(store)
    with store.write() as connection:
        accounts.create(
            connection, email="a@eoc.example", name="A", password_hash="x", roles=("admin",), at=utc_now()
        )
    run_version(store, 10)
    store.close()
    return settings


@pytest.fixture
def drill(live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a drill as it is when its processes would begin."""
    write_scenario(tmp_path / "storm.zip", storm_members())
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(data.supervise, "supervise", lambda *_, **__: 0)
    home = tmp_path / "drill"
    options = argparse.Namespace(
        command="drill", scenario=str(tmp_path / "storm.zip"), home=home, speed=1.0, port=18099
    )
    assert drills.run_exercise(live, options, None) == 0
    return home


def in_home(home: Path, base_dir: Path) -> dict[str, str]:
    return {"TOCSIN_HOME": str(home), "TOCSIN_BASE_DIR": str(base_dir)}


def test_a_drill_plays_the_offices_own_rules_and_does_not_ask_the_real_store(
    live: Settings, drill: Path, base_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = read_settings(in_home(drill, base_dir))
    assert own.rule_paths == live.rule_paths and own.webhooks == () and own.allow_hosts == ()
    assert live.url not in (drill / "exercise.json").read_text() + (drill / "tocsin.yaml").read_text()
    (live.home / "tocsin.db").unlink()
    played: list[PackRule] = []

    @contextmanager
    def replayer(*_: Any, rules: PlayedRules) -> Iterator[Any]:
        with closing(open_store(own.url)) as store:
            played.extend(rules(store))
        yield argparse.Namespace(run=lambda *_, **__: True)

    monkeypatch.setattr(drills, "replayer", replayer)
    stopped = Event()
    stopped.set()
    assert drills.run_play(own, stopped) == 0
    triggers = {item.rule.key: item.rule.levels for item in played}
    assert "cma.rainstorm.observed" in triggers
    assert triggers["test.rain"]["yellow"].trigger == 10  # as two people have enabled it, not as its file says
    store = open_store(own.url)
    with store.read() as connection:
        assert standing_of(connection, "test.rain").running == 1
    store.close()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["engine"],
        ["ingest", "rain"],
        ["record", "--from", "2026-03-01T00:00Z", "--to", "2026-03-02T00:00Z", "--out", "a.zip"],
    ],
    ids=lambda words: " ".join(words[:1]) or "everything",
)
def test_nothing_real_runs_in_an_exercise(
    drill: Path, base_dir: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", in_home(drill, base_dir))
    assert app.main(words) == 2
    assert "this home is that of an exercise, storm" in capsys.readouterr().err


def test_a_mute_in_an_exercise_goes_by_its_clock(
    drill: Path, base_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", in_home(drill, base_dir))
    words = ["mute", "add", "--rule", "test.rain", "--for", "2 h", "--owner", "A", "--reason", "test", "--json"]
    assert app.main(words) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["starts_at"] == "2026-03-01T00:00:00Z" and told["holds"]


def test_a_real_home_has_no_log_of_an_exercise(
    live: Settings, drill: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", in_home(live.home, live.base_dir))
    assert app.main(["debrief", str(live.home), "--json"]) == 2
    assert "no home of an exercise" in capsys.readouterr().err
    assert app.main(["debrief", str(drill), "--json"]) == 0


def test_what_the_command_line_evaluates_in_an_exercise_goes_by_its_clock(
    drill: Path, base_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", in_home(drill, base_dir))
    app.main(["evaluate", "--json"])
    assert json.loads(capsys.readouterr().out)["at"] == "2026-03-01T00:00:00Z"
    app.main(["evaluate", "--at", "2026-03-01T07:00:00Z", "--json"])
    assert json.loads(capsys.readouterr().out)["at"] == "2026-03-01T07:00:00Z"


def test_a_second_demonstration_leaves_the_home_of_one_that_runs(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the process that began it was killed and only its children are left."""
    write_scenario(tmp_path / "storm.zip", storm_members())
    monkeypatch.setattr(os, "environ", dict(os.environ))
    settings = replace(live, base_dir=tmp_path / "built" / "base")
    shutil.copytree(live.base_dir, settings.base_dir)
    home = tmp_path / "built" / "demo" / "storm"
    options = argparse.Namespace(command="demo", scenario=str(tmp_path / "storm.zip"), home=None, speed=1.0, port=1)
    children: list[subprocess.Popen[bytes]] = []

    def supervise(*_: Any, lock: IO[bytes]) -> int:
        children.append(subprocess.Popen(["sleep", "600"], pass_fds=(lock.fileno(),)))
        return 0

    monkeypatch.setattr(data.supervise, "supervise", supervise)
    assert drills.run_exercise(settings, options, None) == 0
    (home / "mark").touch()
    try:
        with pytest.raises(ConfigError, match=r"a demonstration runs in .*end it first"):
            drills.run_exercise(settings, options, None)
        assert (home / "mark").exists()
    finally:
        children[0].kill()
        children[0].wait()
    monkeypatch.setattr(data.supervise, "supervise", lambda *_, **__: 0)
    assert drills.run_exercise(settings, options, None) == 0
    assert not (home / "mark").exists()
