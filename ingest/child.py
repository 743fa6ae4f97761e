"""Reading a payload in a process of its own, with limits: a decoder that crashes or eats memory costs one payload.

The child is this module run as a program. It gets the source and the payload, and gives back what `parse` returned,
as pickles in a private folder: only this program writes them. Before it reads anything it limits its memory and
processor time, asks the system to end it with its parent (or its helper, see
`ingest.child_helper`), and closes the way to the network: `socket.socket` refuses,
which stops any Python library; a decoder in C that opened sockets by itself is not stopped by that.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from data.errors import BadPayload, IngestError
from data.model import Parsed, Payload
from ingest.child_helper import SAID, HelperLost, helper_of, serve
from ingest.source import Source

ROOT = Path(__file__).resolve().parent.parent
PR_SET_PDEATHSIG = 1
SERVE = "--serve"
TOLD = 2000  # characters of what the child said before it ended
log = logging.getLogger(__name__)
QUIET_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
FORKABLE = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}  # of pyarrow, which pandas loads


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a child may use."""

    memory_bytes: int = 6 << 30  # of address space: libraries alone map about 1 GiB
    processor_s: int = 120
    wall_s: float = 180.0


def parse_in_child(source: Source, payload: Payload, limits: Limits | None = None) -> Parsed:
    """`source.parse(payload)`, somewhere else.

    Raises
    ------
    BadPayload
        As `parse` does; and when the child crashes, runs out of memory or time, with the reason.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="tocsin-child-") as name:
        folder = Path(name)
        with (folder / "request").open("wb") as file:
            pickle.dump((limits, source, payload), file, protocol=pickle.HIGHEST_PROTOCOL)
        code = _work(source, folder, limits)
        answer = folder / "answer"
        if code == 0 and answer.exists():
            return _unpack(answer, payload.source)
        told = (folder / SAID).read_bytes()[-TOLD:].decode("utf-8", "replace").strip()
        raise BadPayload(payload.source, _why(code, told, limits))


def _work(source: Source, folder: Path, limits: Limits) -> int | None:
    """The exit status of a child that reads what is in a folder: a fork of a helper where one is kept."""
    program = [sys.executable, "-m", "ingest.child"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment |= QUIET_ENVIRONMENT
    helper = helper_of(type(source).__module__, [*program, SERVE], ROOT, environment | FORKABLE)
    if helper is not None:
        try:
            return helper.run(folder, limits.wall_s)
        except HelperLost as error:
            log.warning("%s: read without a helper: %s", source.spec.key, error)
    with (folder / SAID).open("wb") as said:
        return _run([*program, str(folder)], said, environment, limits.wall_s)


def _run(command: list[str], said: Any, environment: dict[str, str], wall_s: float) -> int | None:
    """The child's exit status; None when its time was up."""
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        start_new_session=True,
    )
    try:
        return child.wait(wall_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # its own session: nobody else is in the group
            child.wait()


def _unpack(answer: Path, source: str) -> Parsed:
    with answer.open("rb") as file:
        result = pickle.load(file)  # noqa: S301 - written by our own child in our own folder
    if isinstance(result, Parsed):
        return result
    raise BadPayload(source, str(result))


def _why(code: int | None, told: str, limits: Limits) -> str:
    last = told.splitlines()[-1][:200] if told else ""
    if code is None:
        return f"the decoder did not end within {limits.wall_s:.0f} s"
    if code == -signal.SIGXCPU:
        return f"the decoder used more than {limits.processor_s} s of processor time"
    if "MemoryError" in told or "bad_alloc" in told:
        return f"the decoder wanted more than {limits.memory_bytes >> 20} MiB of memory"
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        return f"the decoder crashed ({name}){': ' + last if last else ''}"
    return f"the decoder ended with status {code}{': ' + last if last else ''}"


def _confine(limits: Limits) -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux only; elsewhere an orphan ends at its time limit
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.processor_s, limits.processor_s + 5))

    class NoNetwork(socket.socket):
        def __new__(cls, *args: Any, **options: Any) -> NoReturn:
            raise PermissionError("a decoder has no business on the network")

    socket.socket = NoNetwork  # type: ignore[misc, assignment]


def _answer(folder: Path) -> int:
    """The child's part."""
    with (folder / "request").open("rb") as file:
        limits, source, payload = pickle.load(file)  # noqa: S301 - written by our parent in its own folder
    _confine(limits)
    result: Parsed | str
    try:
        result = source.parse(payload)
    except IngestError as error:
        result = error.reason
    except RecursionError:
        result = "nested too deeply"
    with (folder / "answer").open("wb") as file:
        pickle.dump(result, file, protocol=pickle.HIGHEST_PROTOCOL)
    return 0


if __name__ == "__main__":
    sys.exit(serve(_answer) if sys.argv[1] == SERVE else _answer(Path(sys.argv[1])))
