"""Deliveries by themselves: every peer with an address and a rhythm is visited when its time has come.

What a visit came to stands in one row a peer, for the page of submissions. A row is also the claim on a visit:
whoever carries one out says so while it lasts, and where nobody has said so for a while another may begin.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from data.clock import Clock
from data.errors import IngestError, LayerError
from data.store.catalogue import TOPIC
from data.store.changes import note_change
from data.store.tables import exchange_visit
from layers.survey.exchange import transfers
from layers.survey.exchange.carry import Steady, ask_verdicts, pull, push
from layers.survey.exchange.office import Desk
from layers.survey.exchange.wire import Ask, Line

LOOK_S = 2.0  # how often it is looked what is due
ALIVE_S = 30.0  # how often a visit says that it goes on
DEAD = timedelta(minutes=5)
REFUSED_PAUSE = timedelta(days=1)  # before what was refused is offered by itself again

log = logging.getLogger("tocsin.exchange")


def visited(connection: Connection) -> dict[str, sa.Row[Any]]:
    """The last visit of each peer."""
    return {row.peer: row for row in connection.execute(sa.select(exchange_visit))}


def claim(desk: Desk, name: str, now: datetime) -> bool:
    """Begin a visit that is due; False where none is, or another goes on."""
    table, every = exchange_visit.c, desk.peer(name).every
    if every is None:
        return False
    fresh = {"began_at": now, "alive_at": now, "ended_at": None}
    due = sa.or_(
        sa.and_(table.ended_at.is_not(None), table.began_at <= now - every),
        sa.and_(table.ended_at.is_(None), table.alive_at <= now - DEAD),
        table.began_at > now,  # a clock was wrong
    )
    with desk.store.write() as connection:
        begun = connection.execute(exchange_visit.update().where(table.peer == name, due).values(**fresh))
        if begun.rowcount:
            return True
        if connection.execute(sa.select(table.peer).where(table.peer == name)).first() is not None:
            return False
        values = fresh | {"peer": name, "arrived": 0, "missing": 0, "reason": ""}
        connection.execute(exchange_visit.insert().values(**values))
    return True


def visit(desk: Desk, name: str, ask: Ask, clock: Clock, sleep: Callable[[float], object]) -> bool:
    """Push, pull, and ask what became of earlier deliveries, as the settings say; whether all has arrived."""
    line, steady = Line(desk, name, ask, clock), Steady(sleep=sleep)
    accounts: list[dict[str, Any]] = []
    said, why = clock(), ""

    def alive(_dataset: str, _there: int, _total: int) -> None:
        nonlocal said
        if (clock() - said).total_seconds() >= ALIVE_S:
            said = clock()
            _note(desk, name, alive_at=said)

    try:
        accounts += push(line, steady, alive, skip=_refused_lately(desk, name, "out", clock()))
        if line.peer.receive:
            accounts += pull(line, steady, alive, skip=_refused_lately(desk, name, "in", clock()))
        ask_verdicts(line, steady)
    except (IngestError, LayerError, OSError) as error:
        why = str(error)[:500]
    arrived = sum(one["state"] == "arrived" for one in accounts)
    left, now = len(accounts) - arrived, clock()
    whole = {} if why or left else {"whole_at": now}
    _note(desk, name, alive_at=now, ended_at=now, arrived=arrived, missing=left, reason=why, **whole)
    return bool(whole)


def keep_forever(
    desk: Desk, name: str, ask: Ask, stop: threading.Event, clock: Clock, held: Callable[[], bool]
) -> None:
    """Visit one peer in its rhythm until told to stop; not while what leaves is held."""
    while not stop.wait(LOOK_S):
        try:
            if not held() and claim(desk, name, clock()):
                visit(desk, name, ask, clock, stop.wait)
        except SQLAlchemyError as error:
            log.warning("%s was not visited: %s", name, error)


def _refused_lately(desk: Desk, name: str, direction: str, now: datetime) -> set[tuple[str, int]]:
    """Datasets, as they are called here, and versions that one of the two sides has just refused."""
    with desk.store.read() as connection:
        rows = transfers.list_transfers(connection, peer=name)
    return {
        (row.dataset, row.version) for row in rows
        if row.direction == direction and row.state == "refused" and row.updated_at > now - REFUSED_PAUSE
    }  # fmt: skip


def _note(desk: Desk, name: str, **values: Any) -> None:
    with desk.store.write() as connection:
        connection.execute(exchange_visit.update().where(exchange_visit.c.peer == name).values(**values))
        if "ended_at" in values:
            note_change(connection, TOPIC, at=values["ended_at"], kind="visit", subject=name, detail={})
