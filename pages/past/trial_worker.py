"""Works on one trial that was asked for on the page, in a process of its own.

The page starts `python -m pages.past.trial_worker NUMBER`; what comes of it stands in the store.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.clock import utc_now
from data.errors import RuleError, TocsinError
from data.settings import Settings, read_settings

if TYPE_CHECKING:
    from alerts.history import History
    from alerts.proof_job import Job
    from alerts.rule import Rule
    from alerts.scenario import Scenario
    from alerts.truth import Truth
    from data.store.engine import Store

NICE = 5  # the engine and the pages come first
BEAT_S = 1.0


def main(number: int, settings: Settings) -> int:
    """Carry the trial out; 0 when its report is kept. Whatever goes wrong is told on the page."""
    from alerts.proof_job import OPEN, fail, find
    from data.store.migrate import open_migrated

    store = open_migrated(settings.url)
    try:
        with store.read() as connection:
            job = find(connection, number)
        if job is None or job.state not in OPEN:
            return 1
        try:
            _try(store, job, settings)
        except Exception as error:  # the person who waits must hear of it, whatever it is; then it goes on up
            said = str(error) if isinstance(error, TocsinError) else f"{type(error).__name__}: {error}"
            with store.write() as connection:
                fail(connection, number, said, utc_now())
            raise
        return 0
    finally:
        store.close()


def _try(store: Store, job: Job, settings: Settings) -> None:
    from alerts.backtest import run_proof
    from alerts.proof_job import finish
    from alerts.rule_version import rule_of
    from pages.past.proving import history_of

    rule, faults = rule_of(job.text)
    if rule is None:
        raise RuleError(str(faults[0]))
    officers = int(job.asked.get("officers", 1))
    with (
        Pulse(store, job.id, settings.trial_limit) as pulse,
        tempfile.TemporaryDirectory(prefix="tocsin-trial-") as folder,
        history_of(_options(job, Path(folder)), settings) as (history, scenario),
    ):
        if job.history is not None:
            history.name = str(job.asked["history_name"])
        truth = _truth(store, job, rule, history, scenario)
        report = run_proof([rule], history, truth, officers, pulse.progress)
    with store.write() as connection:
        finish(connection, job, rule, report, utc_now())


def end_process() -> None:
    """End this process as `kill` does: the main thread cleans up behind itself, whatever it waits for."""
    os.kill(os.getpid(), signal.SIGTERM)


class Pulse:
    """Says how far a trial is as long as the process lives, also while a long step tells nothing.

    It ends the process when somebody has cancelled the trial, and when the trial takes longer than `limit`.
    """

    def __init__(self, store: Store, number: int, limit: timedelta, end: Callable[[], None] = end_process) -> None:
        self.store, self.number, self.limit, self.end = store, number, limit, end
        self.done, self.total = 0, 0
        self._until = time.monotonic() + limit.total_seconds()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        from alerts.proof_job import beat, fail

        while True:
            with self.store.write() as connection:
                goes_on = beat(connection, self.number, self.done, self.total, utc_now())
                if goes_on and time.monotonic() > self._until:
                    said = (
                        f"it took longer than {self.limit.total_seconds() / 60:g} minutes, the limit of this office"
                    )
                    goes_on = not fail(connection, self.number, said, utc_now())
            if self._over.wait(BEAT_S if goes_on else 0):
                return
            if not goes_on:
                self.end()
                return


def _options(job: Job, folder: Path) -> argparse.Namespace:
    """What was asked for, as the command line has it."""
    named = str(job.asked["history"])
    if job.history is not None:
        suffix = Path(str(job.asked["history_name"])).suffix.lower()
        path = folder / f"history{suffix if suffix in ('.csv', '.parquet') else '.csv'}"
        path.write_bytes(job.history)
        named = str(path)
    return argparse.Namespace(history=named, since=job.asked.get("since"), until=job.asked.get("until"))


def _truth(store: Store, job: Job, rule: Rule, history: History, scenario: Scenario | None) -> Truth | None:
    """The table that was given; else the scenario's own; else what the office has kept of that time."""
    from alerts.truth import Truth, stored_truth, truth_of
    from data.regions import load_regions

    if job.truth is not None:
        return truth_of(job.truth, load_regions(history.base_dir))
    if scenario is not None:
        text = scenario.text("truth.csv")
        return None if text is None else truth_of(text.encode(), load_regions(history.base_dir))
    since, until = history.span([rule])
    with store.read() as connection:
        events = tuple(stored_truth(connection, since, until))
    return Truth(events=events) if events else None


def _run(words: list[str]) -> Any:
    os.nice(NICE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        return main(int(words[0]), read_settings(os.environ))
    except TocsinError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
