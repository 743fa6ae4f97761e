"""Trials that people ask for on the page: kept as rows, worked on by a process of their own, never in the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.proof import store_proof
from alerts.rule import Rule
from data.errors import RuleError
from data.store.tables import proof_job

SILENT_AFTER = timedelta(minutes=2)  # a process that has not been heard of for so long is taken for dead
AT_ONCE = 2  # of all people together
OPEN = ("waiting", "running")
LOCK = 0x747269616C73  # "trials": held to the end of the transaction on PostgreSQL


@dataclass(frozen=True, kw_only=True)
class Job:
    """One trial that was asked for."""

    id: int
    rule: str
    digest: str
    text: str
    asked: Mapping[str, Any]
    history: bytes | None
    truth: bytes | None
    at: datetime
    by: str
    state: str
    done: int
    total: int
    beat_at: datetime
    reason: str
    proof_id: int | None

    def is_open(self, now: datetime) -> bool:
        """Whether somebody works on it still."""
        return self.state in OPEN and now - self.beat_at < SILENT_AFTER

    def lost(self, now: datetime) -> bool:
        """Whether its process has gone without a word."""
        return self.state in OPEN and not self.is_open(now)


def ask(
    connection: Connection,
    rule: Rule,
    text: str,
    asked: Mapping[str, Any],
    *,
    history: bytes | None,
    truth: bytes | None,
    by: str,
    at: datetime,
) -> int:
    """Keep a wish; its number.

    Raises
    ------
    RuleError
        While as many trials run as the machine is given.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    alive = sa.and_(proof_job.c.state.in_(OPEN), proof_job.c.beat_at > at - SILENT_AFTER)
    running = connection.execute(sa.select(sa.func.count()).select_from(proof_job).where(alive)).scalar_one()
    if running >= AT_ONCE:
        raise RuleError(f"{running} trials run already: wait for one to end")
    inserted = connection.execute(
        proof_job.insert().values(
            rule=rule.key, digest=rule.digest, text=text, asked=dict(asked), history=history, truth=truth, at=at,
            by=by, state="waiting", beat_at=at,
        )
    ).inserted_primary_key  # fmt: skip
    assert inserted is not None
    return int(inserted[0])


def find(connection: Connection, number: int) -> Job | None:
    row = connection.execute(sa.select(proof_job).where(proof_job.c.id == number)).first()
    return None if row is None else Job(**row._mapping)


def newest(connection: Connection, rule: str, digest: str) -> Job | None:
    """The newest wish for exactly this rule."""
    same = sa.and_(proof_job.c.rule == rule, proof_job.c.digest == digest)
    row = connection.execute(sa.select(proof_job).where(same).order_by(proof_job.c.id.desc()).limit(1)).first()
    return None if row is None else Job(**row._mapping)


def beat(connection: Connection, number: int, done: int, total: int, now: datetime) -> bool:
    """Say how far it is. False when it has ended meanwhile, as when somebody has cancelled it."""
    return _set(connection, number, state="running", done=done, total=total, beat_at=now)


def finish(connection: Connection, job: Job, rule: Rule, report: Mapping[str, Any], now: datetime) -> int:
    """Keep the report and end the job, in one transaction. Returns the number of the proof.

    Raises
    ------
    RuleError
        If the job has ended meanwhile, as when somebody has cancelled it.
    """
    kept = store_proof(connection, rule.key, rule.version, rule.digest, report, job.by, now)
    if not _set(connection, job.id, state="done", proof_id=kept, beat_at=now, history=None, truth=None):
        raise RuleError("this trial has ended already")
    return kept


def fail(connection: Connection, number: int, reason: str, now: datetime) -> bool:
    """End a job that has come to nothing; False for one that has ended, which stays as it is."""
    return _set(
        connection, number, state="failed", reason=reason[:2000], beat_at=now, history=None, truth=None
    )  # fmt: skip


def cancel(connection: Connection, number: int, *, by: str, of_others: bool, now: datetime) -> None:
    """End a job that nobody wants any more; its process notices.

    Parameters
    ----------
    of_others : bool
        Whether this person may end what somebody else has asked for.

    Raises
    ------
    RuleError
        For the trial of somebody else, and for one that has ended.
    """
    job = find(connection, number)
    if job is None:
        raise RuleError("there is no such trial")
    if job.by != by and not of_others:
        raise RuleError(f"only {job.by} or an author can end this trial")
    if not _set(connection, number, state="cancelled", reason=by, beat_at=now, history=None, truth=None):
        raise RuleError("this trial has ended already")


def _set(connection: Connection, number: int, **values: Any) -> bool:
    """Write to a job that has not ended; whether there is such a one."""
    here = sa.and_(proof_job.c.id == number, proof_job.c.state.in_(OPEN))
    return bool(connection.execute(proof_job.update().where(here).values(**values)).rowcount)
