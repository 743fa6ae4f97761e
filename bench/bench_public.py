"""The public page under load, beside nginx that serves the same bytes as a file.

    python bench/bench_public.py [SECONDS] [CONNECTIONS]

The whole web process with its guard, two workers as in use; `wrk` makes the load on the same cores (both programs
come from the system's packages). `cached` asks for the first page again and again; `computed` asks for another point
of the warned area each time, so that each page, with all warnings and the map, is made anew; `message` is a CAP file.
Besides the rate the processor time of the servers is told, which depends less on what else the machine does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from data.model import Level  # noqa: E402
from data.settings import Settings  # noqa: E402
from data.store.migrate import open_migrated  # noqa: E402
from tests.conftest import free_port  # noqa: E402
from tests.issuing import Desk  # noqa: E402

WARNINGS = 5
NGINX = """
worker_processes 2; daemon off; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; types {{ text/html html; }} sendfile on; keepalive_requests 1000000;
  client_body_temp_path {home}/t1; proxy_temp_path {home}/t2; fastcgi_temp_path {home}/t3; uwsgi_temp_path {home}/t4;
  scgi_temp_path {home}/t5;
  server {{ listen 127.0.0.1:{port}; root {home}/static; location / {{ add_header Content-Encoding gzip; }} }} }}
"""
PLACES = """
local n = 0
function setup(thread) thread:set("seed", math.random(1, 1000000)) end
request = function()
  n = n + 1
  local lon = 113.2 + (n % 10000) / 10001
  local lat = 34.3 + (seed + math.floor(n / 10000)) % 6999 / 10000
  return wrk.format("GET", string.format("/public?lang=en&place=%.4f,%.4f", lon, lat))
end
"""


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    for program in ("wrk", "nginx"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is needed: it is a package of the system")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run(home, seconds, connections)


def run(home: Path, seconds: int, connections: int) -> None:
    script = home / "places.lua"
    script.write_text(PLACES)
    with served(home) as (port, process):
        address = f"http://127.0.0.1:{port}"
        body = fetch(f"{address}/public?lang=en")
        print(f"first page with {WARNINGS} warnings: {len(body)} bytes as sent (gzip); load {os.getloadavg()[0]:.1f}")
        for name, path, more in (
            ("cached", "/public?lang=en", []),
            ("message", "/public/cap/bench.0.xml", []),
            ("computed", "/public", ["-s", str(script)]),
        ):
            load(name, f"{address}{path}", seconds, connections, more, process.pid)
    with static(home, body) as (port, process):
        load("nginx", f"http://127.0.0.1:{port}/page.html", seconds, connections, [], process.pid)


@contextmanager
def served(home: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`python app.py web` on a home with some warnings in force."""
    store = open_migrated(Settings(home=home).url)
    desk = Desk(store, datetime.now(UTC).replace(microsecond=0))
    for number in range(WARNINGS):
        desk.issue(f"bench.{number}", level=Level(1 + number % 4))
    store.close()
    port = free_port()
    environ = os.environ | {"TOCSIN_HOME": str(home), "TOCSIN_PORT": str(port)}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, str(ROOT / "app.py"), "web"], env=environ, stdout=log, stderr=log)
    try:
        wait(f"http://127.0.0.1:{port}/healthz")
        yield port, process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def static(home: Path, body: bytes) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """nginx with the same bytes in a file."""
    port = free_port()
    (home / "static").mkdir(mode=0o755)
    (home / "static" / "page.html").write_bytes(body)
    home.chmod(0o755)
    (home / "nginx.conf").write_text(NGINX.format(home=home, port=port))
    process = subprocess.Popen(["nginx", "-c", str(home / "nginx.conf"), "-p", str(home)], stderr=subprocess.DEVNULL)
    try:
        wait(f"http://127.0.0.1:{port}/page.html")
        yield port, process
    finally:
        process.terminate()
        process.wait(20)


def load(name: str, address: str, seconds: int, connections: int, more: list[str], pid: int) -> None:
    """One round of `wrk`, told in a line."""
    before = cpu_s(pid)
    command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", "Accept-Encoding: gzip"]
    told = subprocess.run([*command, *more, address], check=True, capture_output=True, text=True).stdout
    used = cpu_s(pid) - before
    count = int(found(r"(\d+) requests in", told))
    each_ms = used / count * 1000
    rate, slowest = float(found(r"Requests/sec:\s+([0-9.]+)", told)), found(r"99%\s+(\S+)", told)
    refused = found(r"3xx responses: (\d+)", told, "0")
    print(
        f"{name:>9}: {rate:8.0f} requests/s, p99 {slowest}, {each_ms:.3f} ms of processor each "
        f"({2000 / max(each_ms, 1e-6):,.0f}/s of two idle cores), refused {refused}"
    )


def found(pattern: str, text: str, default: str = "") -> str:
    """What a line of the report says."""
    match = re.search(pattern, text)
    return match[1] if match else default


def cpu_s(pid: int) -> float:
    """Processor time of a process and all below it [s]."""
    ticks, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            waiting += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except FileNotFoundError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def fetch(address: str) -> bytes:
    asked = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return bytes(answer.read())


def wait(address: str) -> None:
    for _ in range(600):
        try:
            fetch(address)
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"no answer from {address}")


if __name__ == "__main__":
    main()
