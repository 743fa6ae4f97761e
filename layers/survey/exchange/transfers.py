"""The rows of transfers: what is under way to or from whom, how far it is, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.catalogue import TOPIC
from data.store.changes import note_change
from data.store.tables import exchange_transfer

Direction = Literal["out", "in"]
State = Literal["moving", "arrived", "refused"]


def find(connection: Connection, peer: str, direction: Direction, content: str) -> sa.Row[Any] | None:
    """The transfer of a content to or from a peer."""
    return connection.execute(sa.select(exchange_transfer).where(_which(peer, direction, content))).one_or_none()


def list_transfers(connection: Connection, *, peer: str | None = None) -> list[sa.Row[Any]]:
    """Transfers, the newest first."""
    query = sa.select(exchange_transfer).order_by(exchange_transfer.c.id.desc())
    return list(connection.execute(query if peer is None else query.where(exchange_transfer.c.peer == peer)))


def newest_arrived(connection: Connection, peer: str, dataset: str) -> int:
    """The highest version of a dataset that has come from a peer; 0 where none has."""
    query = sa.select(sa.func.max(exchange_transfer.c.version)).where(
        exchange_transfer.c.peer == peer, exchange_transfer.c.direction == "in",
        exchange_transfer.c.dataset == dataset, exchange_transfer.c.state == "arrived",
    )  # fmt: skip
    return int(connection.execute(query).scalar() or 0)


def begin(
    connection: Connection,
    peer: str,
    direction: Direction,
    content: str,
    *,
    dataset: str,
    version: int,
    size: int,
    chunks: int,
    at: datetime,
    delivery: int | None = None,
) -> None:
    """Enter a transfer; one that is known goes on, also one that was refused before."""
    values = {"state": "moving", "reason": "", "updated_at": at}
    known = exchange_transfer.update().where(_which(peer, direction, content), exchange_transfer.c.state != "arrived")
    if (
        connection.execute(known.values(**values)).rowcount == 0
        and find(connection, peer, direction, content) is None
    ):
        row = values | {
            "peer": peer, "direction": direction, "content": content, "dataset": dataset, "version": version,
            "bytes": size, "bytes_sent": 0, "chunks": chunks, "chunks_there": 0, "started_at": at,
            "delivery_id": delivery,
        }  # fmt: skip
        connection.execute(exchange_transfer.insert().values(**row))
    note_change(connection, TOPIC, at=at, kind="exchange", subject=dataset, detail={"peer": peer})


def change(connection: Connection, peer: str, direction: Direction, content: str, **values: Any) -> None:
    """Write down how far a transfer is; one that has arrived stays arrived."""
    which = _which(peer, direction, content)
    if values.get("state", "arrived") != "arrived":
        which &= exchange_transfer.c.state != "arrived"
    connection.execute(exchange_transfer.update().where(which).values(**values))


def keep_verdict(
    connection: Connection, peer: str, content: str, verdict: Mapping[str, Any], *, at: datetime
) -> bool:
    """Keep what a receiver says of a delivery now; False where that is what was known, or is older."""
    row = find(connection, peer, "out", content)
    if row is None or (row.verdict and row.verdict["body"]["at"] >= verdict["body"]["at"]):
        return False
    change(connection, peer, "out", content, verdict=dict(verdict), updated_at=at)
    note_change(connection, TOPIC, at=at, kind="verdict", subject=row.dataset, detail={"peer": peer})
    return True


def _which(peer: str, direction: Direction, content: str) -> sa.ColumnElement[bool]:
    table = exchange_transfer.c
    return (table.peer == peer) & (table.direction == direction) & (table.content == content)
