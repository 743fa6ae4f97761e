"""Replay: the same scenario gives the same at any speed, after any kill, and as the live engine gave it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import yaml

from alerts.scenario import stamp, write_scenario
from data.errors import ConfigError, StoreError
from tests.alerts.replaying import BEGIN, HOURS, final_state, late_storm_members, play, storm_members, write_storm
from tests.conftest import ROOT

END = BEGIN + timedelta(hours=HOURS)
KILLED = """
import os, sys
from pathlib import Path
import alerts.evaluate, alerts.replay, ingest.runner, layers.derive, layers.region_history
from pages.past import rehearsal
from ingest import build_sources
from data.settings import Settings
from data.regions import load_regions

scenario, home, base_dir = map(Path, sys.argv[1:4])
build_sources(Settings(home=home))
load_regions(base_dir)
for line in sys.stdin:
    number = os.fork()
    if number == 0:
        resume = (home / "scenario.zip").is_file()
        status = rehearsal.run_replay(
            Settings(home=home, base_dir=base_dir), str(scenario), home=home, speed=0, until=None, resume=resume,
            as_json=True,
        )
        os._exit(status)
    print(f"pid {number}", flush=True)
    _, status = os.waitpid(number, 0)
    print(f"ended {status}", flush=True)
"""


@pytest.fixture
def storm(tmp_path: Path) -> Path:
    path = tmp_path / "storm.zip"
    write_storm(path)
    return path


def test_replay_tells_what_rules_made_of_it(
    storm: Path, tmp_path: Path, base_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(storm, tmp_path / "a", base_dir) == 0
    told = json.loads(capsys.readouterr().out)
    highest = {item["regions"][0]: item["level"] for item in told["proposals"] if item["reason"] != "all clear"}
    assert {item["level"] for item in told["proposals"]} >= {"yellow", "orange", "red", "none"}
    assert set(highest) <= {"CN-110101", "CN-110102", "CN-110201"}
    first = told["proposals"][0]
    # 12, 24 and 36 mm: the third brings the sum of three hours over 50 mm
    assert (first["created_at"], first["level"], first["reason"]) == ("2026-03-01T07:03:00Z", "orange", "first")
    assert told["done"] and told["at"] == "2026-03-02T00:00:00Z"
    assert told["feeds"]["rain"]["runs"] == HOURS and told["feeds"]["rain"]["rejected"] == 0
    silent = [item for item in told["transitions"] if item["region"] == "CN-110201" and item["to_phase"] == "unknown"]
    assert [item["at"] for item in silent if item["at"] > "2026-03-01T10"][:1] == ["2026-03-01T12:00:10Z"]


def test_any_speed_gives_the_same(storm: Path, tmp_path: Path, base_dir: Path) -> None:
    until = BEGIN + timedelta(hours=8)
    for name, speed in (("fast", 0.0), ("paced", 3600.0)):
        assert play(storm, tmp_path / name, base_dir, speed=speed, until=until) == 0
    assert final_state(tmp_path / "fast") == final_state(tmp_path / "paced")


def test_in_two_parts_is_the_same_as_in_one(storm: Path, tmp_path: Path, base_dir: Path) -> None:
    assert play(storm, tmp_path / "one", base_dir) == 0
    assert play(storm, tmp_path / "two", base_dir, until=BEGIN + timedelta(hours=9, minutes=1)) == 0
    assert play(storm, tmp_path / "two", base_dir, resume=True) == 0
    assert final_state(tmp_path / "two") == final_state(tmp_path / "one")


def test_quiet_time_passed_over_is_as_if_looked_at(
    storm: Path, tmp_path: Path, base_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow.zip"
    write_storm(slow, {"period": "10 min"})
    assert play(slow, tmp_path / "passed", base_dir) == 0
    monkeypatch.setattr("alerts.replay.is_settled", lambda *_: False)
    assert play(slow, tmp_path / "looked", base_dir) == 0
    assert final_state(tmp_path / "passed") == final_state(tmp_path / "looked")


def test_late_readings_are_as_if_every_look_had_left_its_row(
    tmp_path: Path, base_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = tmp_path / "late.zip"
    write_scenario(late, late_storm_members({"period": "20 min"}, minutes=23))
    until = BEGIN + timedelta(hours=15)
    assert play(late, tmp_path / "passed", base_dir, until=until) == 0
    passed = final_state(tmp_path / "passed")
    assert "late data" in {row[7] for row in passed["transition"]}
    assert play(late, tmp_path / "parts", base_dir, until=BEGIN + timedelta(hours=13, minutes=5)) == 0
    assert play(late, tmp_path / "parts", base_dir, resume=True, until=until) == 0
    assert final_state(tmp_path / "parts") == passed
    monkeypatch.setattr("alerts.replay.is_settled", lambda *_: False)
    assert play(late, tmp_path / "looked", base_dir, until=until) == 0
    assert final_state(tmp_path / "looked") == passed


def test_home_that_is_in_use_is_left_alone(storm: Path, tmp_path: Path, base_dir: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "somebody's").write_text("file")
    with pytest.raises(ConfigError, match="not empty"):
        play(storm, home, base_dir)
    with pytest.raises(ConfigError, match="no replay is under way"):
        play(storm, home, base_dir, resume=True)
    assert [item.name for item in home.iterdir()] == ["somebody's"]


def test_two_replays_do_not_share_a_home(storm: Path, tmp_path: Path, base_dir: Path) -> None:
    assert play(storm, tmp_path / "home", base_dir, until=BEGIN + timedelta(hours=1)) == 0
    import fcntl

    with (tmp_path / "home" / "engine.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another process"):
            play(storm, tmp_path / "home", base_dir, resume=True)


@pytest.mark.prove
def test_fields_in_two_parts_are_the_same_as_in_one(
    tmp_path: Path, base_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = [{"source": "grid_files", "key": "radar", "url": "scenario:radar"}]
    members = {
        name: body
        for name, body in storm_members().items()
        if not name.startswith("payloads/") and name != "feeds.yaml"
    }
    members["feeds.yaml"] = yaml.safe_dump(feeds).encode()
    for hour in (6, 12):
        at = BEGIN + timedelta(hours=hour, minutes=5)
        members[f"payloads/radar/{stamp(at)}_rain.nc"] = hourly_rain(tmp_path, hour - 6)
    write_scenario(tmp_path / "fields.zip", members)
    until = BEGIN + timedelta(hours=14)
    assert play(tmp_path / "fields.zip", tmp_path / "one", base_dir, until=until) == 0
    assert play(tmp_path / "fields.zip", tmp_path / "two", base_dir, until=BEGIN + timedelta(hours=7)) == 0
    assert play(tmp_path / "fields.zip", tmp_path / "two", base_dir, resume=True, until=until) == 0
    one = final_state(tmp_path / "one")
    assert final_state(tmp_path / "two") == one
    monkeypatch.setattr("alerts.replay.is_settled", lambda *_: False)
    assert play(tmp_path / "fields.zip", tmp_path / "looked", base_dir, until=until) == 0
    assert final_state(tmp_path / "looked") == one
    levels = {row[6] for row in one["transition"] if row[1] == "cma.rainstorm.analysis"}
    assert levels == {1, 2}  # yellow by six hours of rain, then blue by what is left of it in twelve


def hourly_rain(folder: Path, first: int) -> bytes:
    """Six hours of gridded rain over the made-up country, ten millimetres an hour, in one NetCDF file."""
    path = folder / f"rain{first}.nc"
    file = netCDF4.Dataset(path, "w")
    axes = {"latitude": np.arange(20.125, 22.0, 0.25), "longitude": np.arange(100.125, 104.0, 0.25)}
    times = [first + hour + 1.0 for hour in range(6)]
    for name, values, unit in (
        *((name, values, "degrees_north" if name == "latitude" else "degrees_east") for name, values in axes.items()),
        ("time", times, "hours since 2026-03-01 00:00"),
    ):
        file.createDimension(name, len(values))
        variable = file.createVariable(name, "f8", (name,))
        variable.units, variable.standard_name = unit, name
        variable[:] = values
    file["time"].bounds = "time_bounds"
    file.createDimension("two", 2)
    file.createVariable("time_bounds", "f8", ("time", "two"))[:] = [[at - 1, at] for at in times]
    rain = file.createVariable("rain", "f4", ("time", "latitude", "longitude"))
    rain.standard_name, rain.units = "precipitation_amount", "kg m-2"
    rain[:] = 10.0 if first == 0 else 0.0
    file.close()
    return path.read_bytes()


def kill_again_and_again(scenario: Path, folder: Path, base_dir: Path, times: int) -> None:
    """Kill replays at random moments, go on with each until it is done, and compare."""
    luck = random.Random(times)
    assert play(scenario, folder / "undisturbed", base_dir) == 0
    wanted = final_state(folder / "undisturbed")
    killed = number = 0
    while killed < times:
        number += 1
        home = folder / f"killed{number}"
        with (folder / "log").open("ab") as log:
            parent = subprocess.Popen(
                [sys.executable, "-c", KILLED, str(scenario), str(home), str(base_dir)],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1,
            )  # fmt: skip
            assert parent.stdin and parent.stdout
            status = ""
            while status != "0":
                parent.stdin.write("go\n")
                line = parent.stdout.readline()
                while not line.startswith("pid "):
                    line = parent.stdout.readline()
                if killed < times:
                    time.sleep(luck.uniform(0.05, 0.6))
                    os.kill(int(line.split()[1]), signal.SIGKILL)
                while not line.startswith("ended "):
                    line = parent.stdout.readline()
                status = line.split()[1]
                killed += status == str(int(signal.SIGKILL))
                assert status in ("0", str(int(signal.SIGKILL))), (folder / "log").read_text()[-3000:]
            parent.stdin.close()
            parent.wait(20)
            parent.stdout.close()
        assert final_state(home) == wanted


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.prove)])
def test_killed_again_and_again_ends_as_undisturbed(storm: Path, tmp_path: Path, base_dir: Path, times: int) -> None:
    kill_again_and_again(storm, tmp_path, base_dir, times)
