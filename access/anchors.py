"""Heads of the audit chain kept elsewhere: a chain that was cut at its end, or written anew, no longer agrees.

Each line is JSON with the time, the number and the hash of the newest entry. A file is one day of UTC; lines are only
ever added, and each is on the disk before the export counts as done. The folder ought to be on another machine, or on
a medium that can be written once.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

from sqlalchemy.exc import SQLAlchemyError

from access import audit
from data.clock import Clock, iso
from data.errors import ConfigError
from data.store.engine import Store

EVERY = timedelta(hours=1)

log = logging.getLogger("tocsin.access")

Anchor = tuple[int, str]


def export(store: Store, folder: Path, now: datetime) -> Path:
    """Add the present head to the day's file.

    Raises
    ------
    ConfigError
        If the folder cannot be written; it is never made, because a missing mount would then go unnoticed.
    """
    with store.read() as connection:
        number, digest = audit.head(connection)
    path = folder / f"tocsin-audit-{now:%Y%m%d}.jsonl"
    line = json.dumps({"at": iso(now), "seq": number, "hash": digest}) + "\n"
    try:
        with path.open("a", encoding="ascii") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError([f"audit_anchor: {error.strerror}: {path}"]) from error
    return path


def keep_forever(store: Store, folder: Path, stop: Event, clock: Clock) -> None:
    """Export once an hour until told to stop; a folder that fails is tried again each minute, and said in the log."""
    failing = False
    while not stop.is_set():
        try:
            export(store, folder, clock())
        except (ConfigError, SQLAlchemyError) as error:
            if not failing:
                log.error("the head of the audit chain is not kept elsewhere: %s", error)
            failing = True
        else:
            failing = False
        stop.wait(60.0 if failing else EVERY.total_seconds())


def newest_at(folder: Path) -> datetime | None:
    """When a head was last written there."""
    files = sorted(folder.glob("tocsin-audit-*.jsonl"))
    lines = files[-1].read_text(encoding="ascii").splitlines() if files else []
    return datetime.fromisoformat(json.loads(lines[-1])["at"]) if lines else None


def read(path: Path) -> list[Anchor]:
    """The heads of a file.

    Raises
    ------
    ConfigError
        If it is no such file.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        found = [(int(item["seq"]), str(item["hash"])) for item in map(json.loads, lines)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError([f"{path}: not a file of heads of the audit chain: {error}"]) from error
    if not found:
        raise ConfigError([f"{path}: no head of the audit chain in it"])
    return found
