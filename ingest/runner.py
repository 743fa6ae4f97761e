"""One run of a source: fetch, keep the bytes, read them, and store everything of a payload in one transaction."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data.clock import Clock, iso, parse_time, utc_now
from data.errors import BadPayload, IngestError, Refused, StoreError, Unreachable
from data.model import Event, Observation, Parsed, Payload, Record, Reject
from data.store.archive import Archive, addresses_had, record_payload
from data.store.engine import Store
from data.store.runs import (
    GOOD,
    RunRow,
    lock_source,
    mark_data,
    mark_failure,
    mark_success,
    read_state,
    set_state,
    write_rejects,
    write_run,
)
from data.store.sink import Counts, PutContext, Sink
from ingest.http import Http, shown
from ingest.source import Source

# Record type -> the class that keeps it, imported when the first such record comes.
SINKS = {
    "Station": "data.store.stations:StationSink",
    "Observation": "data.store.stations:ObservationSink",
    "Event": "data.store.events:EventSink",
    "IncomingWarning": "data.store.incoming:WarningSink",
    "FieldStep": "data.store.fields:FieldSink",
    "SurveyTable": "data.store.surveys:SurveySink",
}
WHOLE = "payload"  # id of the reject that says that nothing of a payload could be used
FUTURE = timedelta(hours=1)  # a clock at the provider may be this far ahead
MAX_FOLLOW = 300
REMEMBERED = timedelta(days=7)  # how long an address that was followed counts as known
REPORTED_REJECTS = 1000
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a run did, over all of its payloads."""

    source: str
    outcome: str
    parsed: int = 0
    stored: int = 0
    unchanged: int = 0
    rejected: tuple[Reject, ...] = ()
    data_at: datetime | None = None
    reason: str = ""
    payloads: tuple[int, ...] = ()
    retry_after_s: float | None = None

    @property
    def usable(self) -> bool:
        return self.outcome in GOOD

    def as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "parsed": self.parsed,
            "stored": self.stored,
            "unchanged": self.unchanged,
            "rejected": [{"id": item.id, "reason": item.reason} for item in self.rejected[:REPORTED_REJECTS]],
            "rejected_count": len(self.rejected),
            "data_at": iso(self.data_at) if self.data_at else None,
            "outcome": self.outcome,
            "reason": self.reason,
        }


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where a run writes: the store, the archive, the home folder, the clock, and the leadership it acts under."""

    store: Store
    archive: Archive
    home: Path
    clock: Clock = utc_now
    epoch: int | None = None


@dataclass
class _Run:
    """A run under way: what its payloads came to so far."""

    source: Source
    desk: Desk
    client: Http | None  # None: the payloads are already here, and what they name is not fetched
    started_at: datetime
    known: Mapping[str, Any] = field(default_factory=dict)  # validators of the run before
    fetched_s: float = 0.0
    reports: list[RunReport] = field(default_factory=list)
    missed: list[Reject] = field(default_factory=list)
    made_at: list[datetime] = field(default_factory=list)  # when the provider says that it made the payloads
    settled: set[str] = field(default_factory=set)  # followed addresses of which everything is here
    closed: bool = False

    @property
    def key(self) -> str:
        return self.source.spec.key

    def validators(self) -> dict[str, Any]:
        """What may be asked conditionally next time.

        After a run that missed something, only what was followed and is here: an index that answers "unchanged" would
        never again name what could not be had, or could not be read, when it was new.
        """
        assert self.client is not None
        found: dict[str, Any] = dict(self.client.validators)
        if self.missed or not all(item.usable for item in self.reports):
            return {address: told for address, told in found.items() if address in self.settled}
        if self.reports:
            return found
        return {url: told for url, told in self.known.items() if url not in found or self._recently_read(told)}

    def _recently_read(self, told: Mapping[str, Any]) -> bool:
        """Whether a body that is said not to have changed was seen lately: else it is looked at again in whole."""
        read_at = told.get("read_at")
        return read_at is not None and self.desk.clock() - parse_time(read_at) <= self.source.spec.stale_after

    def old_copy(self) -> str:
        """Why what came does not count as heard: a proxy, or a provider that stands still, gives an old copy."""
        if not self.made_at:
            return ""
        made_at, limit = max(self.made_at), self.desk.clock() - self.source.spec.stale_after
        return f"an old copy: the provider made it at {iso(made_at)}" if made_at < limit else ""

    def report(self) -> RunReport:
        """Usable when any payload was, or when there was none to read; else what went wrong first."""
        good = [item for item in self.reports if item.usable]
        bad = [item for item in self.reports if not item.usable]
        failed = bool(bad) and not good
        stored = sum(item.stored for item in good)
        return RunReport(
            source=self.key,
            outcome=bad[0].outcome if failed else "stored" if stored else "unchanged",
            parsed=sum(item.parsed for item in self.reports),
            stored=stored,
            unchanged=sum(item.unchanged for item in self.reports),
            rejected=(*(reject for item in self.reports for reject in item.rejected), *self.missed),
            data_at=max((item.data_at for item in good if item.data_at), default=None),
            reason=bad[0].reason if failed else "",
            payloads=tuple(number for item in self.reports for number in item.payloads),
        )


def run_source(source: Source, desk: Desk, http: Http) -> RunReport:
    """Fetch what is new and store it; every failure becomes a state that is shown, none is raised but a lost store.

    Raises
    ------
    StaleLeader
        If another engine leads by now; nothing was written.
    """
    started_at = desk.clock()
    with desk.store.read() as connection:
        state = read_state(connection, source.spec.key)
    known = state.validators if state else {}
    client = http.for_source(source.spec, known)
    work = _Run(source, desk, client, started_at, known)
    first = state is None or state.failing_since is None
    begun = time.monotonic()
    try:
        payloads = source.fetch(client, state.last_data_at if state else None)
    except IngestError as error:
        return _fetch_failed(work, error, keep=first)
    except Exception as error:  # a fault in one feed's module must not stop the others
        log.exception("%s: fetch failed", source.spec.key)
        return _fetch_failed(work, error, keep=False)
    work.fetched_s = time.monotonic() - begun
    return _work_through(work, payloads)


def ingest_payloads(source: Source, desk: Desk, payloads: Sequence[Payload]) -> RunReport:
    """Store payloads that are already here; what an index names is not fetched."""
    return _work_through(_Run(source, desk, None, desk.clock()), payloads)


def store_run(
    source: Source, desk: Desk, client: Http, payloads: Sequence[Payload], failure: IngestError | None = None
) -> RunReport:
    """Store a run that was fetched before, or that failed to be: its feed counts as heard, or as failing."""
    work = _Run(source, desk, client, desk.clock())
    return _work_through(work, payloads) if failure is None else _fetch_failed(work, failure, keep=False)


def _work_through(work: _Run, payloads: Sequence[Payload]) -> RunReport:
    waiting: deque[Payload | str] = deque(payloads)
    followed: set[str] = set()
    while waiting:
        item = waiting.popleft()
        missed = len(work.missed)
        payload = _follow(work, item) if isinstance(item, str) else item
        if payload is None:
            if isinstance(item, str) and len(work.missed) == missed:
                work.settled.add(shown(item))
            continue
        read = _read(work, payload)
        if work.client is not None:
            for address in _new_first(work, [one for one in read.parsed.follow if one not in followed]):
                if len(followed) >= MAX_FOLLOW:
                    work.missed.append(Reject(id=address, reason=f"past the {MAX_FOLLOW} addresses of one run"))
                    continue
                followed.add(address)
                waiting.append(address)
        if read.parsed.made_at is not None:
            work.made_at.append(read.parsed.made_at)
        _store(work, read, last=not waiting)
        if isinstance(item, str) and work.reports[-1].usable:
            work.settled.add(shown(item))
    if not work.closed:
        with work.desk.store.write(epoch=work.desk.epoch) as connection:
            now = work.desk.clock()  # one reading: what a run row says is when its feed was heard
            if not work.reports:
                write_run(connection, _row(work, work.report(), None, {"fetch": work.fetched_s}, now))
            _close(work, connection, now)
    return work.report()


def _new_first(work: _Run, addresses: Sequence[str]) -> list[str]:
    """Addresses without repetition, those never had before the others: what a run leaves over, the next one gets."""
    unique = list(dict.fromkeys(addresses))
    if len(unique) < 2:
        return unique
    with work.desk.store.read() as connection:
        had = addresses_had(connection, work.key, {shown(one)[:2000] for one in unique}, work.started_at - REMEMBERED)
    return sorted(unique, key=lambda one: shown(one)[:2000] in had)


def _follow(work: _Run, address: str) -> Payload | None:
    """A payload that an index names; one that cannot be had is noted, and the rest goes on."""
    assert work.client is not None
    try:
        return work.client.get(address)
    except IngestError as error:
        work.missed.append(Reject(id=shown(address), reason=error.reason))
        return getattr(error, "payload", None) if isinstance(error, BadPayload) else None


@dataclass(frozen=True, kw_only=True)
class _Read:
    """A payload in the archive, and what was read from it."""

    payload: Payload
    sha256: str
    parsed: Parsed
    outcome: str = ""  # set where nothing of it can be used
    reason: str = ""
    seconds: float = 0.0


def _read(work: _Run, payload: Payload) -> _Read:
    """Keep the bytes, then read them."""
    payload = replace(payload, source=work.key)
    sha256 = work.desk.archive.put(payload.body)
    begun = time.monotonic()
    try:
        parsed = _parse(work.source, payload)
    except BadPayload as error:
        return _spoiled(payload, sha256, "bad_payload", error.reason)
    except (Exception, RecursionError, MemoryError) as error:
        log.exception("%s: a payload could not be read", work.key)
        return _spoiled(payload, sha256, "failed", f"{type(error).__name__}: {error}")
    return _Read(
        payload=payload, sha256=sha256, parsed=_sort_out_future(parsed, payload), seconds=time.monotonic() - begun
    )


def _spoiled(payload: Payload, sha256: str, outcome: str, reason: str) -> _Read:
    parsed = Parsed(rejects=(Reject(id=WHOLE, reason=reason),))
    return _Read(payload=payload, sha256=sha256, parsed=parsed, outcome=outcome, reason=reason)


def _parse(source: Source, payload: Payload) -> Parsed:
    if not source.spec.decode_in_child:
        return source.parse(payload)
    from ingest.child import parse_in_child

    parsed: Parsed = parse_in_child(source, payload)
    return parsed


def _sort_out_future(parsed: Parsed, payload: Payload) -> Parsed:
    """Reject what claims to be observed after it was received: it would look fresh for ever."""
    limit = payload.received_at + FUTURE
    kept: list[Record] = []
    rejects: list[Reject] = []
    newest: datetime | None = None
    for record in parsed.records:
        match record:
            case Observation():
                at, name = record.observed_at, f"{record.station} {record.quantity}"
            case Event():
                at, name = record.occurred_at, record.id
            case _:
                kept.append(record)
                continue
        if at > limit:
            rejects.append(Reject(id=name, reason=f"time {iso(at)} is after it was received, {iso(limit - FUTURE)}"))
            continue
        kept.append(record)
        newest = at if newest is None or at > newest else newest
    if parsed.data_at is None or parsed.data_at <= limit:
        newest = parsed.data_at
    if not rejects and newest == parsed.data_at:
        return parsed
    return replace(parsed, records=tuple(kept), rejects=(*parsed.rejects, *rejects), data_at=newest)


def _store(work: _Run, read: _Read, *, last: bool) -> None:
    """Write everything of a payload; when that fails, write that it failed."""
    try:
        _commit(work, read, last=last)
    except StoreError:
        raise
    except (sa.exc.SQLAlchemyError, ValueError, OSError) as error:
        if read.outcome or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
            raise
        log.exception("%s: a payload could not be stored", work.key)
        reason = f"cannot be stored: {type(error).__name__}: {str(error)[:300]}"
        _commit(work, _spoiled(read.payload, read.sha256, "failed", reason), last=last)


def _commit(work: _Run, read: _Read, *, last: bool) -> None:
    desk, payload = work.desk, read.payload
    context = PutContext(
        source=work.key, payload_id=0, received_at=payload.received_at, home=desk.home
    )  # the row of the payload is made with the records, so files cannot name it
    begun = time.monotonic()
    prepared = [(sink, sink.prepare(context, records)) for sink, records in _by_sink(read.parsed.records)]
    with desk.store.write(epoch=desk.epoch) as connection:
        lock_source(connection, work.key)
        payload_id = record_payload(connection, payload, read.sha256)
        context = replace(context, payload_id=payload_id)
        counts = sum((sink.put(connection, context, ready) for sink, ready in prepared), Counts())
        now = desk.clock()
        write_rejects(connection, work.key, payload_id, read.parsed.rejects, now)
        report = RunReport(
            source=work.key,
            outcome=read.outcome or ("stored" if counts.stored else "unchanged"),
            parsed=len(read.parsed.records),
            stored=counts.stored,
            unchanged=counts.unchanged,
            rejected=read.parsed.rejects,
            data_at=read.parsed.data_at,
            reason=read.reason,
            payloads=(payload_id,),
        )
        timings = {"fetch": work.fetched_s, "parse": read.seconds, "store": time.monotonic() - begun}
        write_run(connection, _row(work, report, payload_id, timings, now))
        before = list(work.reports)
        work.reports.append(report)
        try:
            if last:
                _close(work, connection, now)
        except BaseException:
            work.reports[:] = before
            raise
    work.fetched_s = 0.0
    work.closed = last


def _by_sink(records: Sequence[Record]) -> list[tuple[Sink, list[Record]]]:
    """Records with the sink that keeps them, in the order of the table."""
    grouped: dict[str, list[Record]] = {}
    for record in records:
        grouped.setdefault(type(record).__name__, []).append(record)
    return [(sink_of(name), grouped[name]) for name in SINKS if name in grouped]


def sink_of(record_type: str) -> Sink:
    """A new sink for records of a type."""
    module, _, name = SINKS[record_type].partition(":")
    sink: Sink = getattr(import_module(module), name)()
    return sink


def _row(work: _Run, report: RunReport, payload_id: int | None, timings: dict[str, float], now: datetime) -> RunRow:
    return RunRow(
        source=work.key,
        started_at=work.started_at,
        finished_at=now,
        outcome=report.outcome,
        payload_id=payload_id,
        parsed=report.parsed,
        stored=report.stored,
        unchanged=report.unchanged,
        rejected=len(report.rejected),
        data_at=report.data_at,
        reason=report.reason,
        timings=timings,
    )


def _close(work: _Run, connection: sa.Connection, now: datetime) -> None:
    """The source's state after the run, in the transaction of its last payload."""
    report = work.report()
    write_rejects(connection, work.key, None, work.missed, now)
    if work.client is None:  # a file by hand says nothing about whether the feed works
        mark_data(connection, work.key, report.data_at)
        return
    set_state(connection, work.key, last_attempt_at=now)
    old_copy = work.old_copy()
    if report.usable and old_copy:
        mark_data(connection, work.key, report.data_at)
        mark_failure(connection, work.key, at=now, outcome="old_copy", reason=old_copy)
        set_state(connection, work.key, validators={})
    elif report.usable:
        mark_success(connection, work.key, at=now, data_at=report.data_at, validators=work.validators())
    else:
        mark_failure(connection, work.key, at=now, outcome=report.outcome, reason=report.reason)


def _fetch_failed(work: _Run, error: Exception, *, keep: bool) -> RunReport:
    """A run without a payload to read; what did come is kept as evidence the first time."""
    match error:
        case Refused():
            outcome = "refused"
        case Unreachable():
            outcome = "unreachable"
        case BadPayload():
            outcome = "bad_payload"
        case _:
            outcome = "failed"
    reason = error.reason if isinstance(error, IngestError) else f"{type(error).__name__}: {error}"
    payload: Payload | None = getattr(error, "payload", None)
    if payload is not None and (keep or outcome == "bad_payload"):
        sha256 = work.desk.archive.put(payload.body)
        _store(work, _spoiled(replace(payload, source=work.key), sha256, outcome, reason), last=True)
    else:
        failed = RunReport(source=work.key, outcome=outcome, reason=reason)
        work.reports.append(failed)
        with work.desk.store.write(epoch=work.desk.epoch) as connection:
            now = work.desk.clock()
            write_run(connection, _row(work, failed, None, {}, now))
            _close(work, connection, now)
    return replace(work.report(), retry_after_s=getattr(error, "retry_after_s", None))
