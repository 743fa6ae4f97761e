"""Who is to hear of what: groups with their regions, hazards and least level, and browsers that asked for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.desk.issued import Issued
from alerts.vouch import PUBLIC
from data.actor import Above
from data.model import Level
from data.store.tables import delivery, push_subscription, recipient, recipient_group

DAY_MINUTES = 1440


@dataclass(frozen=True, kw_only=True)
class Group:
    """Some people who hear of the same."""

    id: int
    name: str
    statuses: tuple[str, ...] = ("Actual",)
    regions: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    least_level: Level = Level.BLUE
    quiet_from: int | None = None  # minutes after midnight
    quiet_to: int | None = None
    quiet_up_to: Level = Level.NONE
    escalate_to: str = ""
    escalate_after_s: int | None = None
    enabled: bool = True

    def hears(self, issued: Issued, above: Above) -> bool:
        """Whether a message is for this group, by hazard, level and place."""
        if self.hazards and issued.hazard not in self.hazards:
            return False
        return issued.level >= self.least_level and concerned(self.regions, issued.regions, above)

    def may_hear(self, status: str) -> bool:
        """Whether messages of this status may reach it at all."""
        return self.enabled and status in self.statuses

    def wakes_at(self, level: Level, now: datetime, zone: ZoneInfo) -> datetime:
        """When a message of this level may arrive: now, or when quiet hours end."""
        if self.quiet_from is None or self.quiet_to is None or level > self.quiet_up_to:
            return now
        local = now.astimezone(zone)
        minute = local.hour * 60 + local.minute
        length = (self.quiet_to - self.quiet_from) % DAY_MINUTES
        if (minute - self.quiet_from) % DAY_MINUTES >= length:
            return now
        hour, rest = divmod(self.quiet_to, 60)
        end = local.replace(hour=hour, minute=rest, second=0, microsecond=0)
        if end <= local:
            end = (end.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
        return end.astimezone(now.tzinfo)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One address of a group, or one browser."""

    group: str
    channel: str
    address: str
    locale: str = ""


def concerned(own: Collection[str], warned: Sequence[str], above: Above) -> bool:
    """Whether an area meets a warned one: either lies in the other. None at all on a side is everywhere.

    A message that names no region is for every group: nobody can tell whom it leaves out.
    """
    if not own or not warned:
        return True
    mine = set(own)
    if any(mine.intersection(above(code)) for code in warned):
        return True
    reached = set(warned)
    return any(reached.intersection(above(code)) for code in own)


def shown_address(address: str) -> str:
    """A recipient as it may be shown: of a web address its host alone, because the rest may be a token."""
    return "/".join(address.split("/", 3)[:3]) if address.startswith(("http://", "https://")) else address


def read_groups(connection: Connection) -> list[Group]:
    """All groups by name."""
    return [_group(row) for row in connection.execute(sa.select(recipient_group).order_by(recipient_group.c.name))]


def addressed(connection: Connection, issued: Issued, named: Collection[str], above: Above) -> list[Group]:
    """The groups that the author named, or else those whom a message concerns; never one that may not hear of it."""
    return [
        group
        for group in read_groups(connection)
        if group.may_hear(issued.status) and (group.name in named if named else group.hears(issued, above))
    ]


def readers_of(connection: Connection, groups: Iterable[Group]) -> list[Reader]:
    """The active addresses of groups, in the order of the groups."""
    names = {group.id: group.name for group in groups}
    query = sa.select(recipient).where(recipient.c.active, recipient.c.group_id.in_(list(names)))
    rows = connection.execute(query.order_by(recipient.c.id)).all()
    order = {number: place for place, number in enumerate(names)}
    return [
        Reader(group=names[row.group_id], channel=row.channel, address=row.address, locale=row.locale)
        for row in sorted(rows, key=lambda row: order[row.group_id])
    ]


def subscribers(connection: Connection, issued: Issued, above: Above, group: str) -> list[Reader]:
    """The browsers that asked for such a message."""
    query = sa.select(push_subscription).where(
        push_subscription.c.gone_at.is_(None), push_subscription.c.least_level <= int(issued.level)
    )
    return [
        Reader(group=group, channel="webpush", address=row.endpoint, locale=row.locale)
        for row in connection.execute(query.order_by(push_subscription.c.id))
        if concerned(row.regions, issued.regions, above)
    ]


def told_before(connection: Connection, issued: Issued) -> list[Reader]:
    """Who has, or may have, an earlier message of this chain."""
    column = delivery.c
    query = sa.select(column.recipient_group, column.channel, column.recipient, column.locale).where(
        column.warning_id.in_(issued.earlier), column.attempts > 0, column.state != "failed"
    )
    return [
        Reader(group=row.recipient_group, channel=row.channel, address=row.recipient, locale=row.locale)
        for row in connection.execute(query.order_by(column.id))
    ]


def whom(connection: Connection, issued: Issued, groups: Iterable[Group], above: Above) -> list[Reader]:
    """Everybody who gets a message: its groups, browsers that asked for it, and who heard what it follows."""
    readers = readers_of(connection, groups)
    if issued.status == "Actual":
        readers += subscribers(connection, issued, above, PUBLIC)
    return readers + told_before(connection, issued)


def _group(row: sa.Row[Any]) -> Group:
    return Group(
        id=row.id, name=row.name, statuses=tuple(row.statuses), regions=tuple(row.regions),
        hazards=tuple(row.hazards), least_level=Level(row.least_level), quiet_from=row.quiet_from,
        quiet_to=row.quiet_to, quiet_up_to=Level(row.quiet_up_to), escalate_to=row.escalate_to,
        escalate_after_s=row.escalate_after_s, enabled=row.enabled,
    )  # fmt: skip
