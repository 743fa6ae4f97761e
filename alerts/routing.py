"""Who gets an issued message, as what, and when: rows of the queue, in the transaction that issues it.

The public page and the feeds need no rows. A message that follows another reaches everyone who heard of the earlier
one, whatever its level: who was warned is told that it is over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.channels.allowed import allowed
from alerts.channels.forms import form_of
from alerts.desk.issued import Issued
from alerts.ledger import Queued, put
from alerts.media.said import Said, said_of
from alerts.media.texts import LONG, chat, email, page, sms
from alerts.recipients import Group, Reader, addressed, readers_of, whom
from data.actor import Above, codes_above
from data.clock import iso
from data.model import Level
from data.regions import load_regions
from data.settings import Settings
from data.store.changes import bump
from data.store.tables import delivery, warning

CANCEL_FIRST, NOTICE, STEP = 60, 25, 10  # priorities: a level counts STEP, a cancel overtakes all


def router(settings: Settings, *, exercise: bool = False) -> Routing:
    """The router of an office, or of its exercise."""
    return routing_of(settings, codes_above(load_regions(settings.base_dir)), exercise=exercise)


def routing_of(settings: Settings, above: Above, *, exercise: bool) -> Routing:
    """The router that knows regions by `above`."""
    ways = allowed(settings, exercise).ways
    return Routing(
        above=above,
        zone=settings.zone,
        office=settings.sender_name or settings.sender,
        page=settings.public_url,
        forms=lambda channel, address: form_of(ways, channel, address),
    )


@dataclass(frozen=True, kw_only=True)
class Routing:
    """`Router` of an office; `forms` says as what a channel sends a warning to an address."""

    above: Above
    zone: ZoneInfo
    office: str
    page: str
    forms: Callable[[str, str], str]

    def __call__(self, connection: Connection, issued: Issued, *, now: datetime) -> int:
        groups = self._groups(connection, issued)
        rows = list(self._rows(issued, whom(connection, issued, groups.values(), self.above), groups, now))
        _overtake(connection, issued)
        added = put(connection, rows, now=now)
        bump(connection, "deliveries")
        return added

    def to_group(self, connection: Connection, issued: Issued, group: Group, *, now: datetime) -> int:
        """Queue a message for one more group, at once: when those before it keep silent."""
        if not group.may_hear(issued.status):
            return 0
        rows = list(self._rows(issued, readers_of(connection, [group]), {}, now))
        return put(connection, rows, now=now)

    def _groups(self, connection: Connection, issued: Issued) -> dict[str, Group]:
        """The groups that the author named, or else those whom it concerns."""
        content = connection.execute(sa.select(warning.c.content).where(warning.c.id == issued.id)).scalar() or {}
        groups = addressed(connection, issued, set(content.get("groups", ())), self.above)
        return {group.name: group for group in groups}

    def _rows(
        self, issued: Issued, readers: Iterable[Reader], groups: Mapping[str, Group], now: datetime
    ) -> Iterator[Queued]:
        bodies = Bodies(issued, said_of(issued.alert, issued.level, self.office), self.page)
        for reader in readers:
            group = groups.get(reader.group)
            starts = now if group is None else group.wakes_at(issued.level, now, self.zone)
            form = self.forms(reader.channel, reader.address)
            locale, body = bodies.of(form, reader.locale)
            yield Queued(
                key=key_of(issued, reader.channel, reader.address), channel=reader.channel, recipient=reader.address,
                body=body, form=form, next_at=starts, warning_id=issued.id, approval_id=issued.approval_id,
                group=reader.group, locale=locale, priority=priority_of(issued), expires_at=issued.expires_at,
                note="" if starts == now else f"quiet hours until {iso(starts)}",
            )  # fmt: skip


class Bodies:
    """What is sent, made once for all who get the same."""

    def __init__(self, issued: Issued, said: tuple[Said, ...], page: str) -> None:
        self._issued = issued
        self._said = said
        self._page = page
        self._made: dict[tuple[str, str], bytes] = {}

    def of(self, form: str, locale: str) -> tuple[str, bytes]:
        """The language and the bytes of a form."""
        if form in ("sms", "push"):
            said = next((one for one in self._said if one.locale == locale), self._said[0])
            locale = said.locale
        else:
            said, locale = self._said[0], ""
        if (form, locale) not in self._made:
            self._made[form, locale] = self._make(form, said)
        return locale, self._made[form, locale]

    def _make(self, form: str, said: Said) -> bytes:
        match form:
            case "cap":
                return self._issued.signed
            case "email":
                letter = email(self._said)
                return _json({"subject": letter.subject, "plain": letter.plain, "html": letter.html})
            case "sms":
                return sms(said, LONG).text.encode()
            case "push":
                return _json(self._notification(said))
            case _:
                return chat(self._said).encode()

    def _notification(self, said: Said) -> dict[str, Any]:
        shown, issued = page(said), self._issued
        return {
            "title": shown.title, "body": shown.body, "lang": said.language, "tag": f"warning-{issued.chain}",
            "id": issued.id, "kind": issued.kind, "status": issued.status, "level": issued.level.key,
            "identifier": issued.alert.identifier, "sent_at": iso(issued.sent_at),
            "expires_at": iso(issued.expires_at), "url": f"{self._page.rstrip('/')}/public",
        }  # fmt: skip


def key_of(issued: Issued, channel: str, address: str) -> str:
    """The same for every attempt of one message to one recipient."""
    parts = (issued.alert.identifier, iso(issued.sent_at), channel, address)
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def priority_of(issued: Issued) -> int:
    """Greater goes first: what ends a warning overtakes all, then the worst level."""
    return CANCEL_FIRST if issued.kind == "cancel" else max(issued.level, Level.NONE) * STEP


def _overtake(connection: Connection, issued: Issued) -> None:
    """What still waits of earlier messages is not sent any more."""
    column = delivery.c
    waiting = sa.and_(column.warning_id.in_(issued.earlier), column.state == "pending")
    connection.execute(
        delivery.update().where(waiting).values(state="superseded", error=f"overtaken by {issued.alert.identifier}")
    )


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
