"""Works on one inspection that was asked for on the page, in a process of its own.

The page starts `python -m pages._inspection_worker NUMBER`; what comes of it stands in the store.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from data.clock import utc_now
from data.errors import TocsinError
from data.settings import Settings, read_settings

if TYPE_CHECKING:
    from data.store.engine import Store
    from layers.survey.inspect.job import Job

NICE = 5  # the engine and the pages come first
BEAT_S = 1.0


def main(number: int, settings: Settings) -> int:
    """Carry the inspection out; 0 when it is kept. Whatever goes wrong is told on the page."""
    from data.store.migrate import open_migrated
    from layers.survey.inspect.job import OPEN, fail, find

    store = open_migrated(settings.url)
    try:
        with store.read() as connection:
            job = find(connection, number)
        if job is None or job.state not in OPEN:
            return 1
        try:
            _inspect(store, job, settings)
        except Exception as error:  # the person who waits must hear of it, whatever it is; then it goes on up
            said = str(error) if isinstance(error, TocsinError) else f"{type(error).__name__}: {error}"
            with store.write() as connection:
                fail(connection, number, said, utc_now())
            raise
        return 0
    finally:
        store.close()


def _inspect(store: Store, job: Job, settings: Settings) -> None:
    from access import audit
    from access.matrix import may
    from data.store.exercise import clock_of
    from layers.survey.inspect import desk
    from layers.survey.inspect.job import finish

    office = desk.Office(store, settings.home, settings.base_dir, audit.append, may)
    with Pulse(store, job.id) as pulse:
        desk.inspect(
            office, job.delivery_id, job.asked_by, clock_of(store)(), report=pulse.progress,
            settle=lambda connection: finish(connection, job.id, utc_now()),
        )  # fmt: skip


def end_process() -> None:
    """End this process as `kill` does: the main thread cleans up behind itself, whatever it waits for."""
    os.kill(os.getpid(), signal.SIGTERM)


class Pulse:
    """Says how far an inspection is as long as the process lives; ends the process when somebody has cancelled it."""

    def __init__(self, store: Store, number: int, end: Callable[[], None] = end_process) -> None:
        self.store, self.number, self.end = store, number, end
        self.phase, self.done, self.total = "", 0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def progress(self, phase: str, done: int, total: int) -> None:
        self.phase, self.done, self.total = phase, done, total

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        from layers.survey.inspect.job import beat

        while not self._over.is_set():
            with self.store.write() as connection:
                goes_on = beat(connection, self.number, self.phase, self.done, self.total, utc_now())
            if not goes_on:
                if not self._over.is_set():
                    self.end()
                return
            self._over.wait(BEAT_S)


def _run(words: list[str]) -> int:
    os.nice(NICE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        return main(int(words[0]), read_settings(os.environ))
    except TocsinError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
