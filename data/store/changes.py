"""What changed, for screens that follow: one counter, a version per topic, and a list for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.model import Level
from data.store.tables import change, topic_version

TOPICS = (
    "levels",
    "events",
    "stations",
    "warnings",
    "fields",
    "surveys",
    "feeds",
    "proposals",
    "notices",
    "deliveries",
    "desk",
)


def bump(connection: Connection, topic: str) -> int:
    """Give a topic the next version of the common counter; the counter's row orders concurrent writers."""
    if topic not in TOPICS:
        raise ValueError(f"not a topic: {topic!r}")
    everything = topic_version.c.topic == "all"
    connection.execute(topic_version.update().where(everything).values(version=topic_version.c.version + 1))
    version = int(connection.execute(sa.select(topic_version.c.version).where(everything)).scalar_one())
    updated = connection.execute(topic_version.update().where(topic_version.c.topic == topic).values(version=version))
    if not updated.rowcount:
        connection.execute(topic_version.insert().values(topic=topic, version=version))
    return version


def note_change(
    connection: Connection,
    topic: str,
    *,
    at: datetime,
    kind: str,
    subject: str,
    level: Level = Level.NONE,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Bump a topic and leave a line for the list of what changed. Returns the new version."""
    version = bump(connection, topic)
    connection.execute(
        change.insert().values(
            version=version, at=at, topic=topic, subject=subject[:240], level=int(level), kind=kind,
            detail=dict(detail or {}),
        )
    )  # fmt: skip
    return version


def read_versions(connection: Connection) -> dict[str, int]:
    """The version of every topic, and of `all`."""
    return {row.topic: int(row.version) for row in connection.execute(sa.select(topic_version))}


def read_changes(connection: Connection, since: datetime, limit: int = 500) -> list[sa.Row[Any]]:
    """Changes since a time, most severe first, then newest."""
    return list(
        connection.execute(
            sa.select(change)
            .where(change.c.at >= since)
            .order_by(change.c.level.desc(), change.c.at.desc(), change.c.id.desc())
            .limit(limit)
        )
    )
