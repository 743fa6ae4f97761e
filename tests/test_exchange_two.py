"""Two whole Tocsins on two ports, and between them a line that is cut every so many bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from data.settings import read_settings
from data.store import catalogue
from data.store.engine import Store, open_store
from data.store.migrate import open_migrated
from layers.survey.exchange.key import own_key
from tests.conftest import ROOT, free_port
from tests.layers.exchange.offices import body_of
from tests.running import Running, environ_of

SIZE = 12_000_000
CUT = 700_000  # bytes that a connection carries before it is cut


class BreakingLine:
    """A proxy that cuts each connection after so many bytes of either direction; 0 cuts none."""

    def __init__(self, port: int) -> None:
        self.target, self.after, self.broken, self.carried = port, CUT, 0, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target), timeout=20)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                near.close()
                continue
            left = [self.after or 1 << 60]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other, left), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, left: list[int]) -> None:
        try:
            while body := one.recv(32 << 10):
                other.sendall(body)
                self.carried += len(body)
                left[0] -= len(body)
                if left[0] < 0:
                    self.broken += 1
                    break
        except OSError:
            pass  # the other direction has cut it
        for end in (one, other):
            with contextlib.suppress(OSError):  # shut by the other direction
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class County:
    """A home with a delivery of 12 MB, worked with from the command line."""

    def __init__(self, home: Path, province: dict[str, Any]) -> None:
        self.home = home
        settings = {"exchange": {"peers": {"province": {**province, "send": ["bridges"]}}}}
        (home / "tocsin.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        self.environ = environ_of(home)
        self.body = body_of(11, SIZE)
        self._deliver(open_migrated(read_settings({"TOCSIN_HOME": str(home)}).url))

    def _deliver(self, store: Store) -> None:
        folder = self.home / "deliveries" / "bridges" / "1"
        folder.mkdir(parents=True)
        (folder / "part-00000.parquet").write_bytes(self.body)
        now = datetime.now(UTC)
        dataset = catalogue.Dataset(
            name="bridges", title={"en": "Bridges", "zh": "桥梁"}, level="county", sector="transport", kind="bridge",
            data_class="shared",
        )  # fmt: skip
        delivery = catalogue.Delivery(
            dataset="bridges", mode="replace", folder="deliveries/bridges/1", rows=3, refused=0, sources=[],
            digest=hashlib.sha256(self.body).hexdigest(),
        )  # fmt: skip
        with store.write() as connection:
            catalogue.put_dataset(connection, dataset, at=now, by="test")
            catalogue.add_delivery(connection, delivery, at=now, by="test")
        store.close()

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "app.py"), "exchange", *words, "--json"]
        return subprocess.Popen(
            command, env=self.environ, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def push(self) -> list[dict[str, Any]]:
        process = self.start("push")
        out, err = process.communicate(timeout=170)
        assert process.returncode == 0, out + err
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[County, Running, BreakingLine]]:
    homes = {name: tmp_path / name for name in ("county", "province")}
    for home in homes.values():
        home.mkdir()
    keys = {name: own_key(home).public for name, home in homes.items()}
    peer = {"key": keys["county"], "receive": ["bridges"], "unit": "CN-410105"}
    province = Running(
        homes["province"], settings={"exchange": {"peers": {"county": peer}}}, roles=("viewer",), words=("web",)
    )
    line = BreakingLine(province.port)
    try:
        province.wait_ready(probe="/healthz")
        yield (
            County(homes["county"], {"url": f"http://127.0.0.1:{line.port}", "key": keys["province"]}),
            province,
            line,
        )
    finally:
        line.close()
        province.stop()


def there(province: Running) -> list[Any]:
    store = open_store(read_settings({"TOCSIN_HOME": str(province.home)}).url)
    with store.read() as connection:
        rows = catalogue.list_deliveries(connection)
    store.close()
    return rows


def same(province: Running, county: County) -> bool:
    (row,) = there(province)
    body = (province.home / row.folder / "part-00000.parquet").read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    return bool(digest == row.digest and body == county.body)


def wait_for_pieces(province: Running, seconds: float = 60.0) -> None:
    """Until a part of the delivery has come."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if len(list((province.home / "exchange" / "in").glob("*/pieces/*"))) >= 3:
            return
        time.sleep(0.01)
    raise AssertionError("no piece has come")


def test_through_a_line_that_breaks_the_copy_is_the_original(
    scene: tuple[County, Running, BreakingLine],
) -> None:
    county, province, line = scene
    (account,) = county.push()
    assert (account["state"], same(province, county)) == ("arrived", True)
    assert line.broken > 3
    before = line.carried
    (again,) = county.push()
    assert (again["state"], again["sent"]) == ("arrived", 0)
    assert line.carried - before < 100_000  # nothing but the question what became of it


def test_either_side_killed_half_way_leaves_nothing_half(scene: tuple[County, Running, BreakingLine]) -> None:
    county, province, line = scene
    line.after = 300_000
    sender = county.start("push")
    wait_for_pieces(province)
    sender.kill()
    sender.communicate()
    assert there(province) == []
    sender = county.start("push")
    wait_for_pieces(province)
    for child in children_of(province.process.pid):  # the server and its workers, at once
        os.kill(child, signal.SIGKILL)
    province.process.kill()
    province.process.wait()
    province.log.close()
    sender.kill()
    sender.communicate()
    assert there(province) == []
    province.port = free_port()
    province.environ["TOCSIN_PORT"] = str(province.port)
    province.start(province.home / "log.txt", "web")
    line.target, line.after = province.port, CUT
    province.wait_ready(probe="/healthz")
    (account,) = county.push()
    assert (account["state"], same(province, county)) == ("arrived", True)


def test_the_running_application_sends_by_itself(scene: tuple[County, Running, BreakingLine]) -> None:
    county, province, line = scene
    settings = yaml.safe_load((county.home / "tocsin.yaml").read_text(encoding="utf-8"))
    settings["exchange"]["peers"]["province"]["every"] = "1 h"
    (county.home / "tocsin.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    with (county.home / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "dispatch"], env=county.environ, cwd=ROOT, stdout=log, stderr=log
        )
        try:
            ends = time.monotonic() + 120
            while not there(province) and time.monotonic() < ends:
                time.sleep(0.2)
            assert same(province, county) and line.broken > 3
        finally:
            process.terminate()
            process.wait(30)


def children_of(parent: int) -> list[int]:
    """Processes below one, by what the system says."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if int(fields[1]) == parent:
            child = int(path.parent.name)
            found += [child, *children_of(child)]
    return found
