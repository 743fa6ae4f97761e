"""Deliveries that a person wants on the map: asked for with one click, and brought there by a process of its own."""

from __future__ import annotations

import logging
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from data.actor import Actor
from data.clock import Clock
from data.errors import LayerError
from data.store import catalogue
from data.store.changes import note_change
from data.store.engine import Store
from data.store.tables import survey_serving
from layers.survey.inspect.desk import Office

LOOK_S = 1.0
ALIVE_S = 10.0  # how often whoever works on it says so
DEAD = timedelta(minutes=1)  # after which another may take it up
ACTION = "survey.decide"
Command = Callable[[int, str], Sequence[str]]  # the process that serves a delivery, for whom

log = logging.getLogger("tocsin.survey")


def asked_for(connection: Connection) -> dict[int, sa.Row[Any]]:
    """What was asked for last of each delivery."""
    return {
        row.delivery_id: row for row in connection.execute(sa.select(survey_serving).order_by(survey_serving.c.id))
    }


def ask(office: Office, number: int, actor: Actor, now: datetime) -> None:
    """Have a delivery brought onto the map.

    Raises
    ------
    NotPermitted
        If this person may not decide that.
    LayerError
        If it does not wait for that: it has not passed, is returned, or a later one is on the map already.
    """
    with office.store.write() as connection:
        delivery = catalogue.read_delivery(connection, number)
        office.check(actor, ACTION, delivery.unit)
        if number not in catalogue.waiting(connection):
            raise LayerError("this delivery does not wait to be brought onto the map")
        known = asked_for(connection).get(number)
        if known is not None and known.ended_at is None:
            return
        values = {"delivery_id": number, "asked_at": now, "asked_by": actor.email}
        connection.execute(survey_serving.insert().values(**values))
        note_change(connection, catalogue.TOPIC, at=now, kind="serving", subject=delivery.dataset, detail={})
        detail = {"version": delivery.version}
        office.audit(connection, at=now, actor=actor.email, action="survey serve", object=delivery.dataset,
                     detail=detail)  # fmt: skip


def keep_forever(store: Store, command: Command, stop: threading.Event, clock: Clock) -> None:
    """Bring onto the map what is asked for, one after another, until told to stop."""
    while not stop.wait(LOOK_S):
        try:
            row = _claim(store, clock())
            if row is not None:
                error = _run(command(row.delivery_id, row.asked_by), stop, partial(_alive, store, row.id, clock))
                if not stop.is_set():  # else cut off by our own end: the next process takes it up again
                    _end(store, row, error, clock())
        except SQLAlchemyError as error:
            log.warning("nothing was brought onto the map: %s", error)


def _claim(store: Store, now: datetime) -> sa.Row[Any] | None:
    table = survey_serving.c
    free = table.ended_at.is_(None), sa.or_(table.alive_at.is_(None), table.alive_at <= now - DEAD)
    with store.read() as connection:
        row = connection.execute(sa.select(survey_serving).where(*free).order_by(table.id)).first()
    if row is None:
        return None
    with store.write() as connection:
        mine = connection.execute(survey_serving.update().where(table.id == row.id, *free).values(alive_at=now))
    return row if mine.rowcount else None


def _alive(store: Store, number: int, clock: Clock) -> None:
    with store.write() as connection:
        connection.execute(survey_serving.update().where(survey_serving.c.id == number).values(alive_at=clock()))


def _run(command: Sequence[str], stop: threading.Event, alive: Callable[[], object]) -> str:
    """What a process said last of why it failed; nothing where it did not."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        told = time.monotonic()
        while process.poll() is None:
            if stop.wait(0.2):
                process.terminate()
                process.wait()
            if time.monotonic() - told > ALIVE_S:
                alive()
                told = time.monotonic()
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    return "" if process.returncode == 0 else (lines[-1] if lines else f"ended with status {process.returncode}")


def _end(store: Store, row: Any, error: str, now: datetime) -> None:
    with store.write() as connection:
        values = {"ended_at": now, "error": error[:500]}
        connection.execute(survey_serving.update().where(survey_serving.c.id == row.id).values(**values))
        delivery = catalogue.read_delivery(connection, row.delivery_id)
        note_change(connection, catalogue.TOPIC, at=now, kind="serving", subject=delivery.dataset, detail={})
