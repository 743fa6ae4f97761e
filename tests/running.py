"""The whole of Tocsin, really running: its processes, a feed server beside them, and an account to sign in with."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import yaml

from tests.conftest import ROOT, free_port

EMAIL, PASSWORD = "duty@example.org", "a rather long passphrase 7"


class FeedServer:
    """A loopback HTTP server that answers with what the test puts into `bodies`; a number there is a failure."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        self.posted: list[tuple[str, dict[str, str], bytes]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                answer = outer.bodies.get(self.path, 404)
                status = answer if isinstance(answer, int) else 200
                body = b"" if isinstance(answer, int) else answer
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.posted.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def environ_of(home: Path, **more: str) -> dict[str, str]:
    """The environment of a process with this home, and nothing of that of the tests."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
    return {**own, "TOCSIN_HOME": str(home), "PYTHONUNBUFFERED": "1", **more}


class Started:
    """Processes that were started; `stop` ends exactly those."""

    port: int
    environ: dict[str, str]
    log: IO[bytes]
    process: subprocess.Popen[bytes]

    def start(self, log: Path, *words: str) -> None:
        """Start `app.py` with these words; what it prints goes into a file."""
        self.log = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), *words],
            env=self.environ, stdout=self.log, stderr=self.log, cwd=ROOT,
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, *words: str, stdin: str = "") -> str:
        """Run one command of app.py and return what it printed; AssertionError with its words when it fails."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "app.py"), *words],
            env=self.environ, input=stdin, capture_output=True, text=True, cwd=ROOT, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr or done.stdout
        return done.stdout

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Running(Started):
    """Processes of one Tocsin in a home of its own."""

    def __init__(
        self,
        home: Path,
        sources: Sequence[Mapping[str, Any]] = (),
        *,
        settings: Mapping[str, Any] | None = None,
        roles: Sequence[str] = ("viewer", "duty", "admin"),
        words: Sequence[str] = (),
    ) -> None:
        """`words` names one process (`web`) instead of all."""
        self.home = home
        self.port = free_port()
        document = {"sources": [dict(source) for source in sources], "web_workers": 1, **(settings or {})}
        (home / "tocsin.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        self.environ = environ_of(home, TOCSIN_PORT=str(self.port))
        self.command("user", "add", EMAIL, *roles, "--password-stdin", stdin=PASSWORD + "\n")
        self.start(home / "log.txt", *words)

    def wait_ready(self, seconds: float = 180.0, probe: str = "/readyz") -> float:
        """Seconds until the probe says yes; one process alone is healthy (`/healthz`), never ready."""
        began = time.monotonic()
        why = "no answer"
        while time.monotonic() - began < seconds:
            try:
                with urllib.request.urlopen(f"{self.url}{probe}", timeout=2) as answer:
                    if answer.status == 200:
                        return time.monotonic() - began
            except urllib.error.HTTPError as error:
                why = error.read().decode("utf-8", "replace")
            except OSError as error:
                why = str(error)
            assert self.process.poll() is None, self.words()
            time.sleep(0.05)
        raise AssertionError(f"not ready after {seconds} s: {why}\n{self.words()}")

    def words(self) -> str:
        """What the processes have printed."""
        self.log.flush()
        return (self.home / "log.txt").read_text(encoding="utf-8", errors="replace")

    def sign_in(self, page: Any) -> None:
        """Sign a browser page in through the form, as a person does."""
        sign_in(page, self.url)


def sign_in(page: Any, url: str, email: str = EMAIL) -> None:
    """Sign a browser page in through the form, as a person does."""
    page.goto(f"{url}/login")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(lambda address: not address.endswith("/login"))
    if page.url.startswith(f"{url}/account/factors"):  # a role that sleeps without a second factor
        page.click("#onward")
    page.wait_for_url(lambda address: address.partition("#")[0] == f"{url}/")  # the map adds where it is


def quake_feed(*quakes: Mapping[str, Any], generated_ms: int) -> bytes:
    """A summary feed in the form USGS publishes; each quake names id, mag, lon, lat, at_ms and whatever else."""
    features = [
        {
            "type": "Feature",
            "id": quake["id"],
            "properties": {
                "mag": quake["mag"],
                "place": quake.get("place", "somewhere"),
                "time": quake["at_ms"],
                "updated": quake.get("updated_ms", quake["at_ms"]),
                "url": "",
                "status": quake.get("status", "automatic"),
                "net": quake["id"][:2],
                "code": quake["id"][2:],
                "ids": f",{quake['id']},",
                "type": "earthquake",
                "magType": "mw",
                "title": f"M {quake['mag']} - {quake.get('place', 'somewhere')}",
            },
            "geometry": {"type": "Point", "coordinates": [quake["lon"], quake["lat"], quake.get("depth_km", 10.0)]},
        }
        for quake in quakes
    ]
    metadata = {"generated": generated_ms, "title": "test feed", "status": 200, "count": len(features)}
    return json.dumps({"type": "FeatureCollection", "metadata": metadata, "features": features}).encode()
