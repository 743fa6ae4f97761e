"""How far a load is, at which rate, and for how long still: one line on the terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ingest.survey_load.reading import PROGRESS, read_json

EVERY_S = 0.5


class Progress:
    """Tells on a stream; on one that is no terminal a line now and then instead of one that is written over."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._live = self._stream.isatty()

    def say(self, text: str) -> None:
        """One line, which the next one writes over on a terminal."""
        if self._quiet:
            return
        print(
            f"\r\x1b[K{text}" if self._live else text, end="" if self._live else "\n", file=self._stream, flush=True
        )

    @contextmanager
    def file(self, name: str, folder: Path, number: int, of: int) -> Iterator[None]:
        """Watch the folder of a file's pieces until the end of this block."""
        done = threading.Event()
        head = f"{name} ({number} of {of})" if of > 1 else name
        watcher = threading.Thread(target=self._watch, args=(head, folder, done), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            if self._live and not self._quiet:
                print(file=self._stream)

    def _watch(self, head: str, folder: Path, done: threading.Event) -> None:
        began, first, told = time.monotonic(), None, 0.0
        while not done.wait(EVERY_S):
            try:
                now = read_json(folder / PROGRESS)
            except (OSError, ValueError):
                continue
            first = now if first is None else first
            seconds = time.monotonic() - began
            if self._live or seconds - told >= 10:
                told = seconds
                self.say(f"{head}: {line(now, first, seconds)}")


def line(now: dict[str, float], first: dict[str, float], seconds: float) -> str:
    """`1,234,000 records, 45,000 a second, about 1 min 20 s left`."""
    rate = (now["rows"] - first["rows"]) / max(seconds, 1e-3)
    share, gained = now["share"], now["share"] - first["share"]
    said = f"{int(now['rows']):,} records, {share:.0%}"
    if gained <= 0 or rate <= 0:
        return said
    left = (1.0 - share) * seconds / gained
    return f"{said}, {rate:,.0f} a second, about {_span(left)} left"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
