"""What a person may do to a feed: switch it on or off, pause it, ask for a run. Each is audited with the change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from access.audit import append
from data.store.changes import note_change
from data.store.engine import Store
from data.store.tables import source_state

ACTIONS = ("on", "off", "pause", "resume", "run")


def act(store: Store, source: str, action: str, *, person: str, now: datetime) -> None:
    """Carry out one action on a known source, in one transaction with its audit entry.

    Raises
    ------
    ValueError
        For a word that is not an action.
    """
    changes: dict[str, dict[str, Any]] = {
        "on": {"enabled": True, "paused_by": "", "next_run_at": now},
        "off": {"enabled": False},
        "pause": {"paused_by": person},
        "resume": {"paused_by": "", "next_run_at": now},
        "run": {"run_requested_at": now},
    }
    if action not in changes:
        raise ValueError(f"not an action: {action!r}")
    with store.write() as connection:
        _set(connection, source, changes[action])
        append(connection, at=now, actor=person, action=f"feed.{action}", object=source, detail={})
        note_change(connection, "feeds", at=now, kind=action, subject=source, detail={"note": person})


def _set(connection: Connection, source: str, values: dict[str, Any]) -> None:
    row = source_state.c.source == source
    if connection.execute(sa.select(source_state.c.source).where(row)).scalar() is None:
        connection.execute(source_state.insert().values(source=source, validators={}))
    connection.execute(source_state.update().where(row).values(**values))
