"""Who read what of classified data: each statistic, page of records and export; tiles once an hour with their number.

A picture on the map is hundreds of tiles. The first of an hour is written at once, so that no reading goes
unnoticed; how many followed is added every half minute.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from access import audit
from data.permit import Permit
from data.store.engine import Store
from data.store.tables import survey_read

Kind = Literal["tiles", "counts", "rows", "export"]
Hour = tuple[str, str, datetime]  # dataset, reader
FLUSH_S = 30


def note_read(
    store: Store, permit: Permit, kind: Kind, now: datetime, detail: Mapping[str, Any] | None = None
) -> None:
    """Write one reading down, and an entry of the audit chain with it."""
    if not permit.classified:
        return
    with store.write() as connection:
        _count(connection, permit.dataset, permit.reader, kind, now, 1)
        _entry(connection, permit.dataset, permit.reader, kind, now, detail or {})


@dataclass
class TileReads:
    """Tiles read in this process that are not written yet."""

    waiting: dict[Hour, int] = field(default_factory=dict)
    written: dict[Hour, datetime] = field(default_factory=dict)  # when each was last written
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, store: Store, permit: Permit, now: datetime) -> None:
        """A tile was read."""
        if not permit.classified:
            return
        hour = (permit.dataset, permit.reader, _hour(now))
        with self.lock:
            self.waiting[hour] = self.waiting.get(hour, 0) + 1
            last = self.written.get(hour)
            if last is not None and (now - last).total_seconds() < FLUSH_S:
                return
            due, self.waiting = self.waiting, {}
            self.written = {one: at for one, at in self.written.items() if one[2] == hour[2]} | dict.fromkeys(
                due, now
            )
        with store.write() as connection:
            for (dataset, reader, begun), times in due.items():
                if _count(connection, dataset, reader, "tiles", begun, times):
                    _entry(connection, dataset, reader, "tiles", now, {"hour": begun.isoformat()})


def of_dataset(connection: Connection, dataset: str, limit: int = 200) -> list[sa.Row[Any]]:
    """Who read it, hour by hour, the newest first."""
    query = sa.select(survey_read).where(survey_read.c.dataset == dataset)
    return list(connection.execute(query.order_by(survey_read.c.hour.desc(), survey_read.c.reader).limit(limit)))


def _count(connection: Connection, dataset: str, reader: str, kind: Kind, now: datetime, times: int) -> bool:
    """Add to the hour's number; whether it is the first of it."""
    key = {"dataset": dataset, "reader": reader, "kind": kind, "hour": _hour(now)}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(survey_read).values(**key, times=0).on_conflict_do_nothing().returning(survey_read.c.times)
    first = connection.execute(new).first() is not None
    same = [survey_read.c[name] == value for name, value in key.items()]
    connection.execute(survey_read.update().where(*same).values(times=survey_read.c.times + times))
    return first


def _entry(
    connection: Connection, dataset: str, reader: str, kind: Kind, now: datetime, detail: Mapping[str, Any]
) -> None:
    audit.append(connection, at=now, actor=reader, action=f"survey.{kind}", object=dataset, detail=detail)


def _hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)
