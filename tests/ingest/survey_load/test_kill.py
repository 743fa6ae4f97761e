"""kill -9 of a real load in each of its phases: the same command once more ends it, and nothing is there twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.store.catalogue import list_deliveries
from data.store.engine import open_store
from tests.conftest import ROOT

ROWS = 400
# Reads in pieces of a few records and says each step; at the step that is asked for it stands still, to be killed.
PROGRAM = """
import io, json, os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from data.store.engine import open_store
from ingest.survey_load import reading, settling, streams, work
from layers.survey import served
from tests.survey_loading import SITES, load_files, mapping

url, home, path, wanted, told = sys.argv[1:6]
streams.PIECE = settling.GROUP_ROWS = 50

def hold(module, name, phase, at=0):
    real = getattr(module, name)
    calls = []
    def held(*given, **named):
        if phase == wanted and len(calls) == at:
            Path(told).touch()
            time.sleep(600)
        calls.append(1)
        return real(*given, **named)
    setattr(module, name, held)

work.parse_in_child = lambda source, payload, limits: source.parse(payload)
hold(reading, "write_table", "reading", 5)
hold(settling, "digest_of", "settling")
hold(work.catalogue, "add_delivery", "entering")
real_rmtree = work.shutil.rmtree
def rmtree(path, *given, **named):
    if wanted == "clearing" and Path(path).name.startswith(".loading-"):
        Path(told).touch()
        time.sleep(600)
    return real_rmtree(path, *given, **named)
work.shutil.rmtree = rmtree
hold(served, "build", "building")
hold(served.catalogue, "advance", "serving")

store, home = open_store(url), Path(home)
with store.read() as connection:
    new = SITES if not work.catalogue.list_datasets(connection) else None
chosen = mapping(id={"column": "n"}, facets=[{"name": "grade", "column": "grade"}])
loaded = load_files(store, home, [path], chosen, new=new)
entry = served.serve_delivery(store, home, loaded.number, at=datetime.now(UTC), by="tests", workers=1)
print(json.dumps([loaded.rows, loaded.refused, entry["rows"]]))
"""


def begin(url: str, home: Path, path: Path, phase: str, told: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, url, str(home), str(path), phase, str(told)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize("phase", ["reading", "settling", "entering", "clearing", "building", "serving"])
def test_killed_load_is_ended_by_the_same_command(sqlite_url: str, home: Path, tmp_path: Path, phase: str) -> None:
    path, told = tmp_path / "s.csv", tmp_path / "told"
    lines = [f"{n},{100 + n / 1000},{'x' if n % 40 == 7 else 30},{'ab'[n % 2]}" for n in range(ROWS)]
    path.write_text("n,lon,lat,grade\n" + "\n".join(lines))
    killed = begin(sqlite_url, home, path, phase, told)
    deadline = time.monotonic() + 120
    while not told.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert told.exists(), killed.communicate()[1]
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    store = open_store(sqlite_url)
    with store.read() as connection:
        half_way = [row.state for row in list_deliveries(connection)]
    assert half_way == (["loaded"] if phase in ("clearing", "building", "serving") else [])
    again = begin(sqlite_url, home, path, "", told)
    said, wrong = again.communicate(timeout=120)
    assert again.returncode == 0, wrong
    assert json.loads(said) == [390, 10, 390]
    with store.read() as connection:
        rows = list_deliveries(connection)
    store.close()
    assert [(row.version, row.state, row.rows, row.refused) for row in rows] == [(1, "served", 390, 10)]
    kept = sorted(one.name for one in (home / "deliveries" / "sites").iterdir())
    assert kept == [".lock", "1"]
    manifest = json.loads((home / "records" / "sites" / "manifest.json").read_text())
    assert [(one["delivery"], one["rows"]) for one in manifest["segments"]] == [(rows[0].id, 390)]
