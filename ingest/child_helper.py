"""A helper that children are forks of: for many payloads in a row, each child begins with its libraries loaded.

The helper decodes nothing itself. It loads what the children before needed, forks one for each payload, and tells how
it ended; it ends with its parent. So a payload still has a process of its own with limits of its own, and a crash
costs that payload. `kept_helpers()` says for how long helpers are kept; without it each payload has a new program.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

SLACK_S = 5.0  # the helper ends a child in time; one that answers so much later is given up
SAID, LOADED = "said", "loaded"  # files of a payload's folder: what its child printed, the modules it loaded


class HelperLost(Exception):
    """The helper does not answer, or cannot fork safely."""


@dataclass(eq=False)
class Helper:
    """One helper program, asked by one thread at a time."""

    command: list[str]
    folder: Path
    environment: Mapping[str, str]
    lock: threading.Lock = field(default_factory=threading.Lock)
    _program: subprocess.Popen[bytes] | None = None

    def run(self, folder: Path, wall_s: float) -> int | None:
        """The exit status of a child that worked on a folder; None when its time was up.

        Raises
        ------
        HelperLost
            When nothing is known of the child.
        """
        with self.lock:
            try:
                return self._ask(folder, wall_s)
            except (OSError, ValueError) as error:
                self.close()
                raise HelperLost(str(error)) from error

    def _ask(self, folder: Path, wall_s: float) -> int | None:
        if self._program is None or self._program.poll() is not None:
            self.close()
            self._program = subprocess.Popen(
                self.command, cwd=self.folder, env=dict(self.environment), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        assert self._program.stdin is not None and self._program.stdout is not None
        self._program.stdin.write(json.dumps([str(folder), wall_s]).encode() + b"\n")
        self._program.stdin.flush()
        ready, _, _ = select.select([self._program.stdout], [], [], wall_s + SLACK_S)
        line = self._program.stdout.readline() if ready else b""
        status = json.loads(line)  # nothing at all is a ValueError too
        return None if status is None else int(status)

    def close(self) -> None:
        """End the program, and with it a child that still works."""
        program, self._program = self._program, None
        if program is None:
            return
        with contextlib.suppress(ProcessLookupError):
            program.kill()  # its child is ended by the system, see `ingest.child`
        for pipe in (program.stdin, program.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        program.wait()


_kept: dict[str, Helper] | None = None
_owner = 0  # the process whose helpers they are: a fork of it must not ask them


@contextmanager
def kept_helpers() -> Iterator[None]:
    """Keep helpers until the end of this block, which one thread at a time may be in."""
    global _kept, _owner
    before = _kept, _owner
    _kept, _owner = {}, os.getpid()
    try:
        yield
    finally:
        for helper in (_kept or {}).values():
            helper.close()
        _kept, _owner = before


def helper_of(name: str, command: list[str], folder: Path, environment: Mapping[str, str]) -> Helper | None:
    """The helper of a name, None where none are kept. Libraries that nobody tried together have different names."""
    if _kept is None or _owner != os.getpid():
        return None
    return _kept.setdefault(name, Helper(command, folder, environment))


def serve(work: Any) -> int:
    """The helper's part: a fork for each line that names a folder, `work(folder)` in it, until nobody can ask."""
    while line := sys.stdin.buffer.readline():
        name, wall_s = json.loads(line)
        folder = Path(name)
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            return 1  # a library has started threads: what they hold would be held for ever in a fork
        number = os.fork()
        if number == 0:
            _in_child(folder, work)
        status = _ending(number, wall_s)
        _load(folder)
        sys.stdout.write(json.dumps(status) + "\n")
        sys.stdout.flush()
    return 0


def _in_child(folder: Path, work: Any) -> None:
    """The fork's whole life; never returns."""
    code = 1
    try:
        os.setsid()
        said = os.open(folder / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        before = set(sys.modules)
        code = work(folder)
        names = [one for one in list(sys.modules) if one not in before]
        (folder / LOADED).write_text(json.dumps(names), encoding="utf-8")
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _ending(number: int, wall_s: float) -> int | None:
    """How a child ended; None when its time was up. Ends the program where nobody waits for the answer."""
    handle = os.pidfd_open(number)
    try:
        ready, _, _ = select.select([handle, 0], [], [], wall_s)
        if handle not in ready:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(number, signal.SIGKILL)
            os.waitpid(number, 0)
            if ready:  # the parent has gone: it writes nothing while it waits
                os._exit(1)
            return None
        return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    finally:
        os.close(handle)


def _load(folder: Path) -> None:
    """Load what a child has loaded, in its order, for those to come."""
    try:
        names = json.loads((folder / LOADED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # it crashed, or was ended
    for name in names:
        with contextlib.suppress(Exception):  # what cannot be loaded by name is loaded by each child for itself
            import_module(name)
