"""A thousand people watching: from the commit of a change to the message on every screen.

    python bench/bench_live.py [CLIENTS] [SECONDS] [--fetch]

Real gunicorn with the house's worker class and counts, real SQLite, one change a second; `--fetch` lets every client
also fetch the levels (one byte for each of 3,000 regions) after each message. The clients run in this process, on the
same two cores.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from access.accounts import has_session  # noqa: E402
from data.settings import Settings  # noqa: E402
from data.store import tables  # noqa: E402
from data.store.changes import bump, note_change  # noqa: E402
from data.store.engine import Store, open_store  # noqa: E402
from data.store.migrate import migrate  # noqa: E402

WORKERS, THREADS, REGIONS = 2, 600, 3_000


def build() -> Any:
    """What gunicorn serves: the machine API alone."""
    from flask import Flask

    import api

    home = Path(os.environ["TOCSIN_HOME"])
    settings = Settings(home=home, web_threads=THREADS)
    server = Flask("bench", root_path=str(ROOT))
    store = open_store(settings.url)

    def stands() -> bool:  # what a stream asks of its session costs the same as with accounts
        with store.read() as connection:
            return not has_session(connection, "nobody")

    api.register(server, store, settings, watch=lambda: stands)
    return server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Clients:
    """Plain sockets that read the stream, so that what is measured is the server."""

    def __init__(self, port: int, fetch: bool) -> None:
        self.port, self.fetch = port, fetch
        self.committed: dict[int, float] = {}
        self.told: list[float] = []
        self.fetched: list[float] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.open = 0
        self.refused = 0

    async def connect(self) -> asyncio.StreamReader:
        """A stream; a worker that is full says so, and the next try may meet the other one, as in the browser."""
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /api/live HTTP/1.1\r\nHost: bench\r\n\r\n")
            await writer.drain()
            if b" 200 " in await reader.readline():
                self.writers.append(writer)
                return reader
            self.refused += 1
            writer.close()
            await asyncio.sleep(1.0)

    async def one(self) -> None:
        reader = await self.connect()
        other = await asyncio.open_connection("127.0.0.1", self.port) if self.fetch else None
        first = True
        while line := await reader.readline():
            if not line.startswith(b"data: {"):
                continue
            seen = json.loads(line[6:])
            self.open += first
            first = False
            start = self.committed.get(seen["v"])
            if start is None:
                continue
            self.told.append(time.monotonic() - start)
            if other is not None:
                await self.get(*other, f"/api/levels.bin?v={seen['levels']}")
                self.fetched.append(time.monotonic() - start)

    async def get(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        await writer.drain()
        length = 0
        while (line := await reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        await reader.readexactly(length)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def change(store: Store, second: int) -> int:
    """One change as the engine makes it; its version."""
    now = datetime.now(UTC)
    with store.write() as connection:
        packed = bytes([second % 5]) * REGIONS
        connection.execute(tables.level_snapshot.update().values(levels=packed, at=now))
        return note_change(connection, "levels", at=now, kind="changed", subject="bench")


async def measure(store: Store, clients: Clients, number: int, seconds: int) -> int:
    """Open the streams, make the changes, wait for the last message. The messages that should have come."""
    tasks = []
    for i in range(number):
        tasks.append(asyncio.create_task(clients.one()))
        if i % 50 == 49:
            await asyncio.sleep(0.1)
    for _ in range(200):
        if clients.open == number:
            break
        await asyncio.sleep(0.1)
    for second in range(seconds):
        version = await asyncio.to_thread(change, store, second)
        clients.committed[version] = time.monotonic()
        await asyncio.sleep(1.0)
    await asyncio.sleep(2.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return clients.open * seconds


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    number, seconds = (numbers + [1000, 15][len(numbers) :])[:2]
    fetch = "--fetch" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        store = open_store(settings.url)
        migrate(store)
        with store.write() as connection:
            values = {"id": 1, "at": datetime.now(UTC), "levels": bytes(REGIONS), "counts": {}}
            connection.execute(tables.level_snapshot.insert().values(values))
            bump(connection, "levels")
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "-k", "gthread", "-w", str(WORKERS), "--threads", str(THREADS),
                   "--no-control-socket", "--log-level", "warning", "--graceful-timeout", "1",
                   "-b", f"127.0.0.1:{port}", "bench.bench_live:build()"]  # fmt: skip
        server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TOCSIN_HOME": folder})
        try:
            wait_for(port)
            clients = Clients(port, fetch)
            expected = asyncio.run(measure(store, clients, number, seconds))
            report(clients, number, expected)
            print("memory of the server processes [MB]:", memory_of(server.pid))
        finally:
            server.terminate()
            server.wait(20)
            store.close()


def wait_for(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)


def report(clients: Clients, number: int, expected: int) -> None:
    if not clients.told:
        raise SystemExit("no message came")
    print(f"clients {number}, connected {clients.open} after {clients.refused} refusals")
    print(f"messages {len(clients.told)} of {expected}")
    for name, values in (("message", clients.told), ("levels fetched", clients.fetched)):
        if values:
            spread = ", ".join(f"p{int(share * 100)} {quantile(values, share):.3f} s" for share in (0.5, 0.95, 0.99))
            print(f"change committed -> {name}: {spread}")


def memory_of(parent: int) -> list[int]:
    """Resident memory of a process and its children, from /proc."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    sizes = []
    for pid in [str(parent), *children]:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                sizes.append(int(line.split()[1]) // 1024)
    return sizes


if __name__ == "__main__":
    main()
