"""The watchdog: says within a minute that something has stopped. It runs outside the process it watches."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alerts.notices import open_notices, tell
from data.clock import iso
from data.store.changes import note_change
from data.store.engine import Store
from data.store.leader import SILENT_AFTER
from data.store.tables import leader, notice, rule_state, source_state

PERIODS_MISSED = 3
LEAST_DISK_SHARE = 0.05


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the store says of the moving parts."""

    heartbeat_at: datetime | None
    evaluated: Mapping[str, datetime | None]  # enabled rules and their last evaluation
    failing: Mapping[str, tuple[datetime, str]]  # sources that fail: since when and why
    rule_faults: Sequence[str] = ()  # what is wrong with the office's rule files
    disk_free_share: float | None = None  # of the disk with the home folder; None where nobody looked


def find_causes(facts: Facts, *, now: datetime, period: timedelta, patience: timedelta) -> dict[str, dict[str, Any]]:
    """Everything a person must hear of, one entry a cause.

    A silent engine stands for its rules and feeds: they would only repeat it.
    """
    causes: dict[str, dict[str, Any]] = {}
    if facts.rule_faults:
        causes["rule files"] = {"what": "rule files with faults", "faults": list(facts.rule_faults[:20])}
    if facts.disk_free_share is not None and facts.disk_free_share < LEAST_DISK_SHARE:
        causes["disk"] = {"what": "the disk is nearly full", "free_percent": round(facts.disk_free_share * 100, 1)}
    if facts.heartbeat_at is None or now - facts.heartbeat_at > SILENT_AFTER:
        since = iso(facts.heartbeat_at) if facts.heartbeat_at else None
        return causes | {"engine": {"what": "the engine is silent", "since": since}}
    overdue = {rule: at for rule, at in facts.evaluated.items() if at is None or now - at > period * PERIODS_MISSED}
    if overdue:
        causes["rules"] = {
            "what": "rules without an evaluation",
            "rules": sorted(overdue)[:50],
            "count": len(overdue),
        }
    failing = {key: item for key, item in facts.failing.items() if now - item[0] > patience}
    if failing:
        causes["feeds"] = {
            "what": "feeds that fail",
            "feeds": {
                key: {"since": iso(since), "reason": reason} for key, (since, reason) in sorted(failing.items())
            },
            "count": len(failing),
        }
    return causes


def read_facts(
    store: Store,
    *,
    rule_faults: Sequence[str] = (),
    home: Path | None = None,
    rules: Mapping[str, datetime] | None = None,
) -> Facts:
    """The facts as the store has them, and the disk under the home folder.

    `rules` are the keys of those that ought to run, and since when: one that never did is missed, one that left the
    files is not.
    """
    with store.read() as connection:
        heartbeat = connection.execute(sa.select(leader.c.heartbeat_at).where(leader.c.name == "engine")).scalar()
        columns = (rule_state.c.rule, rule_state.c.evaluated_at, rule_state.c.enabled)
        held = connection.execute(sa.select(*columns)).all()
        feeds = connection.execute(
            sa.select(source_state.c.source, source_state.c.failing_since, source_state.c.reason).where(
                source_state.c.enabled, source_state.c.paused_by == "", source_state.c.failing_since.is_not(None)
            )
        ).all()
    return Facts(
        heartbeat_at=heartbeat,
        evaluated=_evaluated(held, rules),
        failing={row.source: (row.failing_since, row.reason) for row in feeds},
        rule_faults=rule_faults,
        disk_free_share=None if home is None else _free_share(home),
    )


def _evaluated(held: Sequence[Any], rules: Mapping[str, datetime] | None) -> dict[str, datetime | None]:
    known = {row.rule: row.evaluated_at for row in held if row.enabled}
    if rules is None:
        return known
    off = {row.rule for row in held if not row.enabled}
    return {key: known.get(key) or since for key, since in rules.items() if key not in off}


def _free_share(home: Path) -> float | None:
    try:
        disk = shutil.disk_usage(home)
    except FileNotFoundError:  # nothing was ever written there
        return None
    return disk.free / disk.total


def keep_notices(
    store: Store, causes: Mapping[str, Mapping[str, Any]], recipients: Sequence[tuple[str, str]], *, now: datetime
) -> None:
    """Open, refresh and close notices: exactly one open one a cause, and what must be told is queued with it."""
    with store.write() as connection:
        standing = {row.cause: row for row in open_notices(connection)}
        for cause, row in standing.items():
            if cause not in causes:
                connection.execute(notice.update().where(notice.c.id == row.id).values(closed_at=now, last_at=now))
                closed = connection.execute(sa.select(notice).where(notice.c.id == row.id)).one()
                tell(connection, closed, recipients, state="closed", now=now)
                note_change(connection, "notices", at=now, kind="closed", subject=cause)
        for cause, detail in causes.items():
            if cause in standing:
                connection.execute(
                    notice.update().where(notice.c.id == standing[cause].id).values(last_at=now, detail=dict(detail))
                )
                continue
            connection.execute(notice.insert().values(cause=cause, opened_at=now, last_at=now, detail=dict(detail)))
            row = next(item for item in open_notices(connection) if item.cause == cause)
            tell(connection, row, recipients, state="open", now=now)
            note_change(connection, "notices", at=now, kind="opened", subject=cause, detail=detail)
