"""I6 with the real commands and dispatch process: a restored store says that it is held, and sends when told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from alerts.ledger import work
from data.clock import utc_now
from data.store.migrate import open_migrated
from tests.alerts.channels.stand_ins import Collector
from tests.alerts.sending import Recorder, add_group, issue
from tests.conftest import ROOT

PATIENCE_S = 90.0


def environ(home: Path) -> dict[str, str]:
    rest = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
    return {**rest, "TOCSIN_HOME": str(home)}


def command(home: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *words], env=environ(home), cwd=ROOT, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def until(met: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_i6_restored_store_is_held_and_says_so_until_a_person_resumes(home: Path, tmp_path: Path) -> None:
    collector = Collector(tmp_path)
    settings = {"webhooks": [collector.url("/pager")], "allow_hosts": [collector.host]}
    (home / "tocsin.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    store = open_migrated(f"sqlite:///{home / 'tocsin.db'}")
    with store.write() as connection:
        add_group(connection, "office", ("webhook", collector.url("/warned")))
        issue(connection, 1, now=utc_now())
    command(home, "backup", str(tmp_path / "copy.db"))
    assert work(store, {"webhook": Recorder("webhook")}, "w", now=utc_now()) == 1
    store.close()
    assert "Deliveries are held" in command(home, "restore", str(tmp_path / "copy.db"))
    process = subprocess.Popen([sys.executable, str(ROOT / "app.py"), "dispatch"], env=environ(home), cwd=ROOT)

    def received(path: str) -> list[bytes]:
        return [one.body for one in collector.received if one.path == path]

    try:
        until(lambda: any(json.loads(body)["cause"] == "held" for body in received("/pager")))
        assert received("/warned") == []
        assert json.loads(command(home, "resume", "--by", "duty", "--json")) == {"holds": 1, "released": 1}
        until(lambda: len(received("/warned")) == 1)
        until(lambda: any(json.loads(body)["state"] == "closed" for body in received("/pager")))
    finally:
        process.terminate()
        assert process.wait(60) == 0
        collector.close()
