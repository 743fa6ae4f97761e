"""Rolling retention: what the store lets go of, and what it never does.

Payloads, observations, events, transitions, proposals, notices and the audit chain are not touched here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from data.store.engine import Store
from data.store.field_blocks import consolidate
from data.store.fields import roll
from data.store.tables import change, evaluation, evaluation_round, run

UNCHANGED_FOR = timedelta(days=1)
QUIET_FOR = timedelta(days=7)
BATCH = 5_000  # rows a transaction: other writers wait for one batch at the most
log = logging.getLogger(__name__)


def keep_house(
    store: Store,
    home: Path,
    now: datetime,
    *,
    keep_fields: timedelta,
    keep_runs: timedelta,
    keep_fields_for: Mapping[str, timedelta | None] | None = None,
    epoch: int | None = None,
) -> Mapping[str, int]:
    """Let go of what is past its time, and turn closed days of fields for the histories of points.

    Parameters
    ----------
    keep_fields : timedelta
        Gridded steps that were valid longer ago go, with their files.
    keep_runs : timedelta
        Older evaluations, changes, and runs that failed without a payload go.
    keep_fields_for : mapping, optional
        Other times by quantity; None is always.
    epoch : int, optional
        Leadership under which to write.

    Returns
    -------
    mapping of str to int
        How many steps and rows went, by their table.

    Raises
    ------
    StaleLeader
        If another leader has taken over.
    """
    gone = {
        "field_step": roll(store, home, now, keep=keep_fields, keep_for=keep_fields_for, epoch=epoch),
        "run": _drop_runs(store, now, keep_runs, epoch),
        "evaluation": _drop_evaluations(store, now, keep_runs, epoch),
        "change": _drop(store, change, change.c.at < now - keep_runs, epoch),
        "evaluation_round": _drop(store, evaluation_round, evaluation_round.c.at < now - keep_runs, epoch),
    }
    if any(gone.values()):
        log.info("let go of %s", ", ".join(f"{count} {name}" for name, count in gone.items() if count))
    consolidate(store, home, now, epoch=epoch)
    return gone


def _drop_runs(store: Store, now: datetime, keep_runs: timedelta, epoch: int | None) -> int:
    """Runs that found nothing new after a day, failures without evidence after their time; the newest stays."""
    idle = sa.and_(run.c.outcome == "unchanged", _older(run, run.c.finished_at, now - UNCHANGED_FOR, "source"))
    empty = sa.and_(run.c.payload_id.is_(None), run.c.outcome != "stored")
    bare = sa.and_(empty, _older(run, run.c.finished_at, now - keep_runs, "source"))
    return _drop(store, run, idle, epoch) + _drop(store, run, bare, epoch)


def _drop_evaluations(store: Store, now: datetime, keep_runs: timedelta, epoch: int | None) -> int:
    """Quiet ones after a week, because there is one a rule every ten seconds; the others after their time."""
    nothing = sa.and_(evaluation.c.outcome == "quiet", evaluation.c.transitions == 0)
    week = _older(evaluation, evaluation.c.at, now - min(QUIET_FOR, keep_runs), "rule")
    rest = _older(evaluation, evaluation.c.at, now - keep_runs, "rule")
    return _drop(store, evaluation, sa.and_(nothing, week), epoch) + _drop(store, evaluation, rest, epoch)


def _older(table: sa.Table, at: sa.Column[datetime], limit: datetime, group: str) -> sa.ColumnElement[bool]:
    """Rows from before a time that are not the newest of their group; their numbers rise with time."""
    newer, young = table.alias("newer"), table.alias("young")
    first_kept = (
        sa.select(young.c.id).where(young.c[at.name] >= limit).order_by(young.c.id).limit(1).scalar_subquery()
    )
    replaced = sa.exists().where(newer.c[group] == table.c[group], newer.c.id > table.c.id)
    return sa.and_(at < limit, table.c.id < sa.func.coalesce(first_kept, sa.literal(2**62, sa.BigInteger)), replaced)


def _drop(store: Store, table: sa.Table, old: sa.ColumnElement[bool], epoch: int | None) -> int:
    """Delete rows, a batch a transaction."""
    dropped = 0
    while True:
        with store.read() as connection:
            keys = list(
                connection.execute(sa.select(table.c.id).where(old).order_by(table.c.id).limit(BATCH)).scalars()
            )
        if not keys:
            return dropped
        with store.write(epoch=epoch) as connection:
            connection.execute(table.delete().where(table.c.id.in_(keys)))
        dropped += len(keys)
