"""The real dispatch process tells an outside address that the engine is silent, and keeps telling after a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.conftest import ROOT
from tests.running import FeedServer

PATIENCE_S = 30.0


def start(home: Path) -> subprocess.Popen[bytes]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
    command = [sys.executable, str(ROOT / "app.py"), "dispatch"]
    return subprocess.Popen(command, env={**environ, "TOCSIN_HOME": str(home)}, cwd=ROOT)


def wait_for(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_silent_engine_is_told_once_to_the_webhook_also_after_a_kill(home: Path) -> None:
    outside = FeedServer()
    document = {"webhooks": [outside.url("/pager")], "allow_hosts": [f"127.0.0.1:{outside.port}"]}
    (home / "tocsin.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    first = start(home)
    try:
        wait_for(lambda: bool(outside.posted))
        first.kill()
        first.wait()
        second = start(home)
        try:
            time_to_repeat = time.monotonic() + 8
            wait_for(lambda: time.monotonic() > time_to_repeat)
        finally:
            second.terminate()
            second.wait(20)
    finally:
        if first.poll() is None:
            first.kill()
            first.wait()
        outside.close()
    path, _, body = outside.posted[0]
    told = json.loads(body)
    assert (path, told["cause"], told["state"]) == ("/pager", "engine", "open")
    assert len({headers["Idempotency-Key"] for _, headers, _ in outside.posted}) == 1
    assert {body for _, _, body in outside.posted} == {body}  # a repeat is the same message, to the letter
