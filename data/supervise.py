"""Keep a set of child processes running: restart with backoff, stop together."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

LONGEST_BACKOFF_S = 30.0
STEADY_S = 20.0  # a child that ran this long starts its backoff anew


@dataclass
class Child:
    """One supervised process."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    backoff_s: float = 0.5
    due: float = field(default=0.0)
    shared: tuple[int, ...] = ()  # open files that it keeps


def supervise(
    commands: Mapping[str, Sequence[str]],
    say: Callable[[str], None],
    *,
    grace_s: float = 10.0,
    poll_s: float = 0.2,
    lock: IO[bytes] | None = None,
) -> int:
    """Run the commands until SIGINT or SIGTERM, then end them in order. Returns an exit status.

    A locked file that is given stays locked as long as any of the processes lives, whatever became of this one.
    """
    shared = () if lock is None else (lock.fileno(),)
    children = [Child(name, command, shared=shared) for name, command in commands.items()]
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    while not stopping:
        for child in children:
            _tend(child, say)
        time.sleep(poll_s)
    return _end(children, grace_s)


def _tend(child: Child, say: Callable[[str], None]) -> None:
    now = time.monotonic()
    if child.process is not None and child.process.poll() is not None:
        if now - child.started > STEADY_S:
            child.backoff_s = 0.5
        say(f"{child.name} ended with status {child.process.returncode}; again in {child.backoff_s:g} s")
        child.process = None
        child.due = now + child.backoff_s
        child.backoff_s = min(child.backoff_s * 2, LONGEST_BACKOFF_S)
    if child.process is None and now >= child.due:
        # a session of its own: Ctrl-C reaches the supervisor alone, which then ends the children in order
        child.process = subprocess.Popen(list(child.command), start_new_session=True, pass_fds=child.shared)
        child.started = now


def _end(children: Sequence[Child], grace_s: float) -> int:
    running = [child.process for child in children if child.process is not None and child.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + grace_s
    for process in running:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return 0
