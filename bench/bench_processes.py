"""Start and memory of each process, and the size of what set-up makes.

Beside it, as the peer, a bare Dash page with a Plotly map under the same gunicorn settings.
Run: python -m bench.bench_processes
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from data.clock import utc_now
from data.settings import ROOT
from tests import scene
from tests.conftest import free_port
from tests.running import FeedServer, Running

PEER = """
import dash, plotly.express as px
from dash import dcc, html
app = dash.Dash("peer")
app.layout = html.Div([dcc.Graph(figure=px.choropleth_map())])
server = app.server
"""


def resident_mb(process: int) -> float:
    """Resident memory of a process [MB]."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children(process: int) -> list[int]:
    """Ids of the children of a process, and theirs."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *children(int(child))]
    return found


def folder_mb(folder: Path) -> float:
    """Size of a folder [MB]."""
    if not folder.is_dir():
        return 0.0
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def peer_memory() -> float:
    """Memory of the bare peer's worker after its first answer [MB]."""
    import urllib.request

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "peer.py").write_text(PEER)
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-k", "gthread", "-w", "1", "--no-control-socket",
             "-b", f"127.0.0.1:{port}", "peer:server"],
            cwd=folder, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_dash-layout", timeout=2).read()
                    break
                except OSError:
                    time.sleep(0.1)
            return max(resident_mb(child) for child in children(process.pid))
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    server = FeedServer()
    scene.stage(server, utc_now())
    with tempfile.TemporaryDirectory() as folder:
        system = Running(Path(folder), scene.sources(server), settings={"allow_hosts": [f"127.0.0.1:{server.port}"]})
        try:
            ready = system.wait_ready()
            time.sleep(15)  # feeds read, rules evaluated
            rows = []
            for child in children(system.process.pid):
                words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                rows.append((words[2].decode() if len(words) > 2 else words[0].decode(), resident_mb(child)))
        finally:
            system.stop()
            server.close()
    print(f"ready after {ready:.1f} s")
    for name, size in rows:
        print(f"{name:10s} {size:6.0f} MB resident")
    peer, web = peer_memory(), max(size for name, size in rows if name == "web")
    print(f"peer: bare Dash page with a Plotly map, {peer:.0f} MB; ratio web / peer {web / peer:.2f}")
    environment = Path(sys.prefix)
    for name, place in (
        ("environment", environment),
        ("browser bundle", ROOT / "assets" / "vendor"),
        ("base data", ROOT / "data" / "var" / "base"),
    ):
        print(f"{name}: {folder_mb(place):.0f} MB")


if __name__ == "__main__":
    main()
