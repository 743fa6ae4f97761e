"""Inspections that people ask for on the page: kept as rows, worked on by a process of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.actor import Actor
from data.errors import LayerError
from data.store.tables import inspection_job

SILENT_AFTER = timedelta(minutes=2)  # a process that has not been heard of for so long is taken for dead
AT_ONCE = 2  # of all people together
OPEN = ("waiting", "running")
LOCK = 0x696E73706563  # "inspec": held to the end of the transaction on PostgreSQL


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of the rules that was asked for; `done` of `total` records in the present phase."""

    id: int
    delivery_id: int
    actor: Mapping[str, Any]
    at: datetime
    state: str
    phase: str
    done: int
    total: int
    beat_at: datetime
    reason: str

    def is_open(self, now: datetime) -> bool:
        """Whether somebody works on it still."""
        return self.state in OPEN and now - self.beat_at < SILENT_AFTER

    def lost(self, now: datetime) -> bool:
        """Whether its process has gone without a word."""
        return self.state in OPEN and not self.is_open(now)

    @property
    def asked_by(self) -> Actor:
        """Who asked, with the roles that were checked then."""
        told = self.actor
        return Actor(told["id"], told["email"], told["name"], frozenset(told["roles"]), tuple(told["regions"]))


def ask(connection: Connection, delivery: int, actor: Actor, at: datetime) -> int:
    """Keep a wish; its number.

    Raises
    ------
    LayerError
        While this delivery is inspected already, or as many as the machine is given.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    table = inspection_job.c
    alive = sa.and_(table.state.in_(OPEN), table.beat_at > at - SILENT_AFTER)
    running = list(connection.execute(sa.select(table.delivery_id).where(alive)).scalars())
    if delivery in running:
        raise LayerError("this delivery is being inspected already")
    if len(running) >= AT_ONCE:
        raise LayerError("as many inspections run as this machine is given: wait for one to end")
    told = {"id": actor.id, "email": actor.email, "name": actor.name, "roles": sorted(actor.roles),
            "regions": list(actor.regions)}  # fmt: skip
    row = {"delivery_id": delivery, "actor": told, "at": at, "state": "waiting", "beat_at": at}
    made = connection.execute(inspection_job.insert().values(**row)).inserted_primary_key
    assert made is not None
    return int(made[0])


def find(connection: Connection, number: int) -> Job | None:
    row = connection.execute(sa.select(inspection_job).where(inspection_job.c.id == number)).one_or_none()
    return None if row is None else Job(**row._mapping)


def newest(connection: Connection, delivery: int) -> Job | None:
    """The newest wish for a delivery."""
    query = sa.select(inspection_job).where(inspection_job.c.delivery_id == delivery)
    row = connection.execute(query.order_by(inspection_job.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Job(**row._mapping)


def beat(connection: Connection, number: int, phase: str, done: int, total: int, now: datetime) -> bool:
    """Say how far it is. False when it has ended meanwhile, as when somebody has cancelled it."""
    return _set(connection, number, state="running", phase=phase, done=done, total=total, beat_at=now)


def finish(connection: Connection, number: int, now: datetime) -> None:
    """End a job in the transaction that keeps its inspection.

    Raises
    ------
    LayerError
        If it has ended meanwhile: then nothing is to be kept.
    """
    if not _set(connection, number, state="done", beat_at=now):
        raise LayerError("this inspection has ended already")


def fail(connection: Connection, number: int, reason: str, now: datetime) -> bool:
    """End a job that has come to nothing; False for one that has ended, which stays as it is."""
    return _set(connection, number, state="failed", reason=reason[:2000], beat_at=now)


def cancel(connection: Connection, number: int, *, by: str, now: datetime) -> None:
    """End a job that nobody wants any more; its process notices. LayerError for one that has ended."""
    if not _set(connection, number, state="cancelled", reason=by, beat_at=now):
        raise LayerError("this inspection has ended already")


def _set(connection: Connection, number: int, **values: Any) -> bool:
    """Write to a job that has not ended; whether there is such a one."""
    here = sa.and_(inspection_job.c.id == number, inspection_job.c.state.in_(OPEN))
    return bool(connection.execute(inspection_job.update().where(here).values(**values)).rowcount)
