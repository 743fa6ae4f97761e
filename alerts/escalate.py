"""When nobody of a group acknowledges a warning in time, the next group hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.desk.read import issued_of, one
from alerts.recipients import Group, read_groups
from alerts.routing import Routing
from data.store.changes import note_change
from data.store.engine import Store
from data.store.tables import delivery, warning

PEOPLE = ("email", "service")  # channels that carry a link to acknowledge


def escalate(store: Store, routing: Routing, *, now: datetime) -> list[tuple[int, str]]:
    """Queue warnings for the next group where one keeps silent. Returns (warning, group that was told)."""
    with store.read() as connection:
        due = _silent(connection, now)
    if not due:
        return []
    told = []
    with store.write() as connection:
        groups = {group.name: group for group in read_groups(connection)}
        for number, name in due:
            following = groups.get(groups[name].escalate_to)
            if following is None:
                continue
            issued = issued_of(connection, one(connection, number))
            if routing.to_group(connection, issued, following, now=now):
                detail = {"from": name, "to": following.name}
                note_change(connection, "deliveries", at=now, kind="escalated", subject=str(number), detail=detail)
                told.append((number, following.name))
    return told


def _silent(connection: Connection, now: datetime) -> list[tuple[int, str]]:
    """Warnings in force, and groups of theirs whose time to acknowledge is up, which were not escalated yet."""
    column = delivery.c
    found = []
    for group in _escalating(connection):
        after = timedelta(seconds=group.escalate_after_s or 0)
        already = sa.select(column.warning_id).where(
            column.recipient_group == group.escalate_to, column.warning_id.is_not(None)
        )
        query = (
            sa.select(column.warning_id)
            .join(warning, warning.c.id == column.warning_id)
            .where(
                column.recipient_group == group.name, column.channel.in_(PEOPLE), warning.c.replaced_by.is_(None),
                warning.c.expires_at > now, warning.c.kind != "cancel", column.warning_id.not_in(already),
            )
            .group_by(column.warning_id)
            .having(sa.func.count(column.acknowledged_at) == 0, sa.func.min(column.next_at) <= now - after)
        )  # fmt: skip
        found += [(number, group.name) for number in connection.execute(query).scalars()]
    return found


def _escalating(connection: Connection) -> Sequence[Group]:
    return [
        group
        for group in read_groups(connection)
        if group.enabled and group.escalate_to and group.escalate_after_s is not None
    ]
