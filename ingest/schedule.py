"""The engine's loop: it leads or waits, runs what is due, and has the rules evaluated.

What is due stands in `source_state`, so a restart forgets nothing; APScheduler only says when to look. Feeds and
rules have threads of their own: a feed that hangs costs its thread, and no rule waits for it. What is computed from
fields has one thread, and takes up again where it stopped.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from apscheduler.executors.pool import ThreadPoolExecutor as SchedulerThreads
from apscheduler.schedulers.background import BackgroundScheduler

from data.clock import Clock, utc_now
from data.errors import StaleLeader
from data.settings import Settings
from data.store.archive import Archive
from data.store.engine import Store
from data.store.housekeeping import keep_house
from data.store.leader import Leadership, beat, try_lead
from data.store.runs import set_state
from data.store.tables import source_state
from ingest import ConfiguredFeed, configured_feeds
from ingest.health import Light, note_light_changes, read_lights
from ingest.http import Http
from ingest.runner import Desk, RunReport, run_source
from ingest.source import Source

INGEST_THREADS, RULE_THREADS = 8, 2
HOUSEKEEPING, FIELD_WORK = "(housekeeping)", "(fields)"  # no source has such a key
LOOK_S = 0.2  # how often the table is asked what is due: a press on "run now" waits no longer
BEAT_S = 5.0
HOUSEKEEPING_S = 3600.0
GRACE_S = 5.0  # what running feeds get to end in when the engine stops
NOT_CONFIGURED = ConfiguredFeed(switched_on=False, digest="")
Evaluate = Callable[[datetime, int], None]
Work = Callable[[datetime, int], int]  # a bounded amount at the time and under the epoch; 0 when nothing is left
log = logging.getLogger(__name__)


@dataclass
class Engine:
    """Runs feeds and rules while this process leads; `evaluate` gets the time and the epoch to write under.

    `field_work` are computations over stored fields by name, each called again as long as it finds something to do.
    """

    settings: Settings
    store: Store
    sources: Sequence[Source]
    evaluate: Evaluate
    field_work: Mapping[str, Work] = field(default_factory=dict)
    period: timedelta = timedelta(seconds=10)
    clock: Clock = utc_now
    http: Http | None = None
    jitter: Callable[[], float] = random.random
    retry_lead_s: float = 1.0
    _by_key: dict[str, Source] = field(init=False)

    def __post_init__(self) -> None:
        self._by_key = {source.spec.key: source for source in self.sources}
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def run_forever(self, stop: threading.Event) -> None:
        """Lead whenever nobody else does, until told to stop."""
        while not stop.is_set():
            try:
                leadership = try_lead(self.store, self.settings.home, now=self.clock())
            except sa.exc.DBAPIError as error:
                log.warning("the database is away: %s", error.orig)
                leadership = None
            if leadership is None:
                stop.wait(self.retry_lead_s)
                continue
            try:
                self._lead(leadership, stop)
            except (StaleLeader, sa.exc.DBAPIError) as error:
                log.warning("leadership lost: %s", error)
                stop.wait(self.retry_lead_s)
            finally:
                leadership.release()

    def _lead(self, leadership: Leadership, stop: threading.Event) -> None:
        prepare_states(self.store, self.sources, configured_feeds(self.settings), leadership.epoch, self.clock())
        term = _Term(self, leadership)
        scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": SchedulerThreads(5)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for action, seconds in (
            (term.look, LOOK_S),
            (term.beat, BEAT_S),
            (term.want_evaluation, self.period.total_seconds()),
            (term.follow_lights, self.period.total_seconds()),
            (term.want_field_work, self.period.total_seconds()),
            (term.keep_house, HOUSEKEEPING_S),
        ):
            scheduler.add_job(action, "interval", seconds=seconds, next_run_time=datetime.now(UTC))
        scheduler.start()
        try:
            while not stop.wait(0.2) and not term.lost.is_set():
                pass
        finally:
            scheduler.shutdown(wait=False)
            term.end()


class _Term:
    """One period of leadership: what runs now, and whether it is still ours to run."""

    def __init__(self, engine: Engine, leadership: Leadership) -> None:
        self.engine = engine
        self.leadership = leadership
        self.epoch = leadership.epoch
        self.lost = threading.Event()
        self.ingest_threads = ThreadPoolExecutor(INGEST_THREADS, "ingest")
        self.rule_threads = ThreadPoolExecutor(RULE_THREADS, "rules")
        self.field_threads = ThreadPoolExecutor(1, "fields")
        self.running: dict[str, Future[None]] = {}
        self.lights: dict[str, Light] = {}
        self._lock = threading.Lock()
        self._evaluating = False
        self._again = False
        settings = engine.settings
        self.http = engine.http or Http(allow_hosts=settings.allow_hosts, clock=engine.clock)
        self.desk = Desk(
            store=engine.store,
            archive=Archive(settings.home / "payloads"),
            home=settings.home,
            clock=engine.clock,
            epoch=self.epoch,
        )

    def end(self) -> None:
        self.lost.set()  # what is under way bit by bit begins no further bit
        with self._lock:
            running = list(self.running.values())
        self.ingest_threads.shutdown(wait=False, cancel_futures=True)
        self.rule_threads.shutdown(wait=False, cancel_futures=True)
        self.field_threads.shutdown(wait=False, cancel_futures=True)
        wait(running, GRACE_S)

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Nothing that goes wrong in a part ends the engine, but lost leadership ends the term."""
        try:
            yield
        except StaleLeader:
            self.lost.set()
        except Exception:
            log.exception("%s failed", what)

    def beat(self) -> None:
        """Say that we lead; find out when we do not."""
        with self._guarded("heartbeat"):
            if not self.leadership.still_held():
                self.lost.set()
                return
            beat(self.engine.store, self.epoch, now=self.engine.clock())

    def look(self) -> None:
        """Start what is due and not running yet; a feed that is slower than its rhythm is started once."""
        with self._guarded("looking for what is due"):
            with self.engine.store.read() as connection:
                due = due_keys(connection, self.engine.clock())
            for key in due:
                source = self.engine._by_key.get(key)
                if source is None or not source.spec.url or self.lost.is_set():
                    continue
                with self._lock:
                    if key not in self.running:
                        self.running[key] = self.ingest_threads.submit(self._run, source)

    def _run(self, source: Source) -> None:
        key = source.spec.key
        try:
            with self._guarded(f"run of {key}"):
                started_at = self.engine.clock()
                with self.engine.store.write(epoch=self.epoch) as connection:
                    set_state(connection, key, running_since=started_at, run_requested_at=None)
                report: RunReport | None = None
                try:
                    report = run_source(source, self.desk, self.http)
                finally:
                    due_at = next_due(source, report, started_at, self.engine.clock(), self.engine.jitter())
                    with self.engine.store.write(epoch=self.epoch) as connection:
                        set_state(connection, key, running_since=None, next_run_at=due_at)
                if report.stored:
                    self.want_evaluation()
                    self.want_field_work()
        finally:
            with self._lock:
                self.running.pop(key, None)

    def want_evaluation(self) -> None:
        """Have the rules evaluated now, or once more right after the evaluation under way."""
        with self._lock:
            if self._evaluating:
                self._again = True
                return
            self._evaluating = True
        try:
            self.rule_threads.submit(self._evaluate)
        except RuntimeError:  # the term has ended
            self._evaluating = False

    def _evaluate(self) -> None:
        while True:
            if not self.lost.is_set():
                with self._guarded("evaluation"):
                    self.engine.evaluate(self.engine.clock(), self.epoch)
            with self._lock:
                if not self._again or self.lost.is_set():
                    self._evaluating = False
                    return
                self._again = False

    def want_field_work(self) -> None:
        """Have what is computed from fields brought up to date, unless that is under way."""
        with self._lock:
            if FIELD_WORK not in self.running and not self.lost.is_set() and self.engine.field_work:
                self.running[FIELD_WORK] = self.field_threads.submit(self._work_on_fields)

    def _work_on_fields(self) -> None:
        """Each in turn, a bit at a time, so that what came last is soon complete."""
        try:
            waiting = dict(self.engine.field_work)
            while waiting and not self.lost.is_set():
                for name, work in list(waiting.items()):
                    done = 0
                    with self._guarded(name):
                        done = work(self.engine.clock(), self.epoch)
                    if not done:
                        del waiting[name]
        finally:
            with self._lock:
                self.running.pop(FIELD_WORK, None)

    def follow_lights(self) -> None:
        """Note lights that changed by the mere passing of time."""
        with self._guarded("feed lights"):
            now = self.engine.clock()
            specs = [source.spec for source in self.engine.sources]
            with self.engine.store.read() as connection:
                found = read_lights(connection, specs, now)
            if {key: health.light for key, health in found.items()} == self.lights:
                return
            with self.engine.store.write(epoch=self.epoch) as connection:
                self.lights = note_light_changes(connection, self.lights, found, now)

    def keep_house(self) -> None:
        """Let go of what is past its time, beside the feeds, so that the end of the term waits for it too."""
        with self._lock:
            if HOUSEKEEPING not in self.running and not self.lost.is_set():
                self.running[HOUSEKEEPING] = self.ingest_threads.submit(self._keep_house)

    def _keep_house(self) -> None:
        try:
            with self._guarded("housekeeping"):
                settings = self.engine.settings
                keep_house(
                    self.engine.store, settings.home, self.engine.clock(), keep_fields=settings.keep_fields,
                    keep_runs=settings.keep_runs, keep_fields_for=settings.keep_fields_for, epoch=self.epoch,
                )  # fmt: skip
        finally:
            with self._lock:
                self.running.pop(HOUSEKEEPING, None)


def prepare_states(
    store: Store, sources: Sequence[Source], configured: Mapping[str, ConfiguredFeed], epoch: int, now: datetime
) -> None:
    """A row for every source at the start of a term: nothing runs yet, and a changed configuration is carried out.

    Who spoke last counts: the configuration of a feed when it is new, changed or gone, else the person who switched
    the feed since.
    """
    with store.write(epoch=epoch) as connection:
        connection.execute(source_state.update().values(running_since=None))
        rows = connection.execute(sa.select(source_state.c.source, source_state.c.configured))
        held = {row.source: row.configured for row in rows}
        for source in sources:
            key = source.spec.key
            wanted = configured.get(key, NOT_CONFIGURED)
            if held.get(key) != wanted.digest:
                set_state(connection, key, enabled=wanted.switched_on, configured=wanted.digest)
        never = source_state.c.next_run_at.is_(None)
        connection.execute(source_state.update().where(never).values(next_run_at=now))


def due_keys(connection: sa.Connection, now: datetime) -> list[str]:
    """Sources that are switched on and due, and those a person asked for; who waited longest comes first."""
    table = source_state.c
    on_time = sa.and_(table.enabled, table.paused_by == "", table.next_run_at <= now)
    query = sa.select(table.source).where(sa.or_(on_time, table.run_requested_at.is_not(None)))
    return list(connection.execute(query.order_by(table.next_run_at)).scalars())


def next_due(source: Source, report: RunReport | None, started_at: datetime, now: datetime, luck: float) -> datetime:
    """When a source runs next: a beat after the last start, give or take a twentieth, or when the provider said."""
    every = source.spec.every
    due_at = started_at + every * (0.95 + 0.1 * luck)
    if report is not None and report.retry_after_s is not None:
        return max(due_at, now + timedelta(seconds=report.retry_after_s))
    return max(due_at, now + timedelta(milliseconds=100))
