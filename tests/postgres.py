"""A private PostgreSQL for tests and benches."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

SETTINGS = {"fsync": "off", "max_connections": "200"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) if Path("/usr/lib/postgresql").is_dir() else []
    on_path = shutil.which("initdb")
    return found[-1].parent if found else (Path(on_path).parent if on_path else None)


@contextlib.contextmanager
def postgres(settings: Mapping[str, str] = SETTINGS, *, within: Path | None = None) -> Iterator[str]:
    """Start a server on a free loopback port and give its address; ended by its own process id.

    `within` is a folder for its files, with a short path: that of a socket is limited to 107 bytes.
    """
    binaries, become = postgres_binaries(), _ordinary_user()
    assert binaries is not None
    folder = (within or Path(tempfile.gettempdir())) / f"tocsin-pg-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    if become is not None:
        account = become.account  # type: ignore[attr-defined]
        os.chown(folder, account.pw_uid, account.pw_gid)
    cluster, port = folder / "cluster", free_port()
    subprocess.run(
        [binaries / "initdb", "-D", cluster, "-U", "tocsin", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, preexec_fn=become, cwd=folder,
    )  # fmt: skip
    chosen = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", cluster, "-p", str(port), "-k", str(folder), "-h", "127.0.0.1", *chosen],
            stdout=log, stderr=log, preexec_fn=become, cwd=folder,
        )  # fmt: skip
    try:
        yield f"postgresql://tocsin@127.0.0.1:{port}"
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        if server.poll() is None:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _ordinary_user() -> Callable[[], None] | None:
    """PostgreSQL refuses root; give the id of an ordinary account to the child where we are root."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam("postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody")

    def become() -> None:
        os.setgid(account.pw_gid)
        os.setgroups([])
        os.setuid(account.pw_uid)

    become.account = account  # type: ignore[attr-defined]
    return become
