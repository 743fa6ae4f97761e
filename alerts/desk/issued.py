"""A message as it leaves the desk: what routing, channels, public pages, media and evidence are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from sqlalchemy.engine import Connection

from alerts.cap.model import Alert, Reference
from data.model import Level

Status = Literal["Actual", "Exercise", "Test"]
Kind = Literal["alert", "update", "cancel"]


@dataclass(frozen=True, kw_only=True)
class Issued:
    """One approved and signed message.

    `regions` are codes as the author chose them; whoever is below one of them is warned too. `earlier` are the ids of
    the messages of the chain that this one replaces: what still waits to be sent of them is overtaken.
    """

    id: int
    chain: int
    approval_id: int
    kind: Kind
    status: Status
    hazard: str
    level: Level
    regions: tuple[str, ...]
    alert: Alert
    signed: bytes
    signed_sha256: str
    sent_at: datetime
    onset_at: datetime | None
    expires_at: datetime
    earlier: tuple[int, ...] = ()

    @property
    def reference(self) -> Reference:
        """How other messages name this one."""
        return self.alert.reference


class Router(Protocol):
    """What puts an issued message into the queue, inside the transaction that issues it."""

    def __call__(self, connection: Connection, issued: Issued, *, now: datetime) -> int:
        """Insert the deliveries, overtake those of `issued.earlier`, and return how many rows there are."""


def to_nobody(connection: Connection, issued: Issued, *, now: datetime) -> int:
    """A router for rehearsals without recipients."""
    return 0


__all__: Sequence[str] = ("Issued", "Kind", "Router", "Status", "to_nobody")
