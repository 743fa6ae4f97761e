"""Issued warnings without the desk: rows as an approval leaves them, and the office's ways out as stand-ins."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.cap.build import build
from alerts.cap.model import Alert, Area, Info, Pair
from alerts.channels.channel import ChannelSpec, Outgoing
from alerts.channels.forms import FORMS
from alerts.desk.issued import Issued, Kind, Status
from alerts.routing import Routing
from data.errors import DeliveryError
from data.model import Level
from data.store.engine import Store
from data.store.tables import approval, push_subscription, recipient, recipient_group, warning

ABOVE = {"CN-11-01": ["CN-11-01", "CN-11", "CN"], "CN-11": ["CN-11", "CN"], "CN": ["CN"], "US": ["US"]}
WORDS = {
    "en-GB": ("Rainstorm", "Heavy rain in the north", "Up to 80 mm in three hours.", "Stay away from streams."),
    "zh-CN": ("暴雨", "北部有暴雨", "三小时降雨可达80毫米。", "远离河道。"),
}


def above(code: str) -> Collection[str]:
    return ABOVE.get(code, ())


def routing(**changes: Any) -> Routing:
    """An office whose routing knows three regions."""
    values: dict[str, Any] = {
        "above": above, "zone": ZoneInfo("Asia/Shanghai"), "office": "Weather office",
        "page": "https://office.example", "forms": lambda channel, _: FORMS.get(channel, "chat"),
    }  # fmt: skip
    return Routing(**{**values, **changes})


def message(number: int, *, at: datetime, status: Status, kind: Kind, length: timedelta) -> Alert:
    area = Area(description="The north", geocodes=(Pair("region", "CN-11"),))
    infos = tuple(
        Info(
            language=language, category=("Met",), event=event, urgency="Immediate", severity="Severe",
            certainty="Likely", expires_at=at + length, headline=headline, description=said, instruction=do,
            area=(area,),
        )
        for language, (event, headline, said, do) in WORDS.items()
    )  # fmt: skip
    return Alert(
        identifier=f"office.example.{number}", sender="warn@office.example", sent_at=at, status=status,
        message_type={"alert": "Alert", "update": "Update", "cancel": "Cancel"}[kind], scope="Public",
        note="exercise" if status != "Actual" else "", info=infos,
    )  # fmt: skip


def issue(
    connection: Connection,
    number: int,
    *,
    now: datetime,
    status: Status = "Actual",
    kind: Kind = "alert",
    level: Level = Level.ORANGE,
    regions: Sequence[str] = ("CN-11",),
    hazard: str = "rain",
    length: timedelta = timedelta(hours=3),
    earlier: Sequence[Issued] = (),
    groups: Sequence[str] = (),
    router: Any = None,
) -> Issued:
    """Insert a warning with its approval as the desk leaves them, and route it in the same transaction."""
    alert = message(number, at=now.replace(microsecond=0).astimezone(UTC), status=status, kind=kind, length=length)
    body = build(alert)
    digest = hashlib.sha256(body).hexdigest()
    values = {
        "id": number, "chain": earlier[0].chain if earlier else number, "kind": kind, "status": status,
        "state": "approved", "hazard": hazard, "level": int(level), "content": {"groups": list(groups)},
        "content_sha256": "c" * 64, "edition": 1, "author": "a@office.example", "created_at": now, "updated_at": now,
        "identifier": alert.identifier, "sender": alert.sender, "sent_at": alert.sent_at,
        "expires_at": alert.sent_at + length, "body": body, "body_sha256": digest, "signed": body,
        "signed_sha256": digest,
    }  # fmt: skip
    connection.execute(warning.insert().values(**values))
    made = connection.execute(
        approval.insert().values(
            warning_id=number, edition=1, content_sha256="c" * 64, body_sha256=digest, author="a@office.example",
            approver="b@office.example", at=now, method="totp", proved_at=now, record={},
        )
    )  # fmt: skip
    assert made.inserted_primary_key is not None
    approved = made.inserted_primary_key[0]
    this = warning.c.id == number
    connection.execute(warning.update().where(this).values(approval_id=approved, state="issued", issued_at=now))
    for before in earlier:
        connection.execute(warning.update().where(warning.c.id == before.id).values(replaced_by=number))
    issued = Issued(
        id=number, chain=values["chain"], approval_id=approved, kind=kind, status=status, hazard=hazard, level=level,
        regions=tuple(regions), alert=alert, signed=body, signed_sha256=digest, sent_at=alert.sent_at, onset_at=None,
        expires_at=alert.sent_at + length, earlier=tuple(one.id for one in earlier),
    )  # fmt: skip
    (router or routing())(connection, issued, now=now)
    return issued


def add_group(connection: Connection, name: str, *readers: tuple[str, str], **values: Any) -> int:
    """A group with its (channel, address) pairs."""
    columns = {"statuses": ["Actual"], "regions": [], "hazards": [], "least_level": 1, **values}
    made = connection.execute(recipient_group.insert().values(name=name, **columns)).inserted_primary_key
    assert made is not None
    if readers:
        rows = [{"group_id": made[0], "channel": channel, "address": address} for channel, address in readers]
        connection.execute(recipient.insert(), rows)
    return int(made[0])


def subscribe(connection: Connection, endpoint: str, *, now: datetime, **values: Any) -> None:
    """A browser that asked to be told."""
    columns = {"p256dh": "k", "auth": "a", "regions": [], "least_level": 1, "locale": "en", "created_at": now}
    connection.execute(push_subscription.insert().values(endpoint=endpoint, **{**columns, **values}))


def rows(store: Store, table: sa.Table, *order: Any) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(sa.select(table).order_by(*(order or (table.c.id,)))))


class Recorder:
    """A channel that keeps what it is given; an answer of a text fails for good, None for now."""

    def __init__(self, key: str, answers: Sequence[str | bool | None] = ()) -> None:
        self.spec = ChannelSpec(key=key, title=key, timeout_s=1.0)
        self.answers = list(answers)
        self.sent: list[Outgoing] = []

    def send(self, message: Outgoing, *, now: datetime) -> str:
        answer = self.answers.pop(0) if self.answers else True
        if answer is None:
            raise DeliveryError(self.spec.key, "not now", retry=True)
        if isinstance(answer, str):
            raise DeliveryError(self.spec.key, answer, retry=False)
        self.sent.append(message)
        return "taken"
