"""Waiting until what was written is on the disk: always, but in a process whose work can be done again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_wait = True


def to_disk(handle: int) -> None:
    """`fsync` of an open file or folder."""
    if _wait:
        os.fsync(handle)


def sync(path: Path) -> None:
    """A file or folder that is closed already, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        to_disk(handle)
    finally:
        os.close(handle)


@contextmanager
def without_waiting() -> Iterator[None]:
    """Until the end of this block nothing of this process waits for the disk.

    What was written is there for everyone, and after a kill of the process; only a failing machine may lose it.
    """
    global _wait
    before, _wait = _wait, False
    try:
        yield
    finally:
        _wait = before
