"""What became of a delivery at its receiver: its state there, and of a returned one the list of faults."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, ValidationError

from data.canonical import canonical
from data.clock import iso
from data.store import catalogue
from data.store.tables import survey_inspection
from layers.survey.exchange import transfers
from layers.survey.exchange.key import opened
from layers.survey.exchange.office import Desk
from layers.survey.exchange.refusal import Refusal

PURPOSE = "verdict"
MOST = 4 << 20  # bytes of a verdict that is kept


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: str
    state: catalogue.State
    detail: dict[str, Any]


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: str
    rules: str
    summary: dict[str, Any]


class _Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    content: str
    at: str
    state: catalogue.State
    trace: list[_Step]
    report: _Report | None


def verdict_of(desk: Desk, name: str, content: str, now: datetime) -> dict[str, Any]:
    """Signed: the state of a delivery that came from this peer, why, and what the inspection found."""
    with desk.store.read() as connection:
        row = transfers.find(connection, name, "in", content)
        if row is None or row.delivery_id is None:
            raise Refusal("no such delivery has come from this peer", status=404)
        delivery = catalogue.read_delivery(connection, row.delivery_id)
        trace = catalogue.read_trace(connection, row.delivery_id)
        query = sa.select(survey_inspection).where(survey_inspection.c.delivery_id == row.delivery_id)
        found = connection.execute(query.order_by(survey_inspection.c.id.desc()).limit(1)).one_or_none()
    steps = [{"at": iso(one.at), "state": one.state, "detail": one.detail} for one in trace]
    report = {"at": iso(found.at), "rules": found.rules, "summary": found.summary} if found is not None else None
    body = {"content": content, "at": iso(now), "state": delivery.state, "trace": steps, "report": report}
    return desk.key.seal(PURPOSE, body)


def keep(desk: Desk, name: str, content: str, sealed: Any, now: datetime) -> str:
    """Keep what a receiver says; the state there."""
    body = opened(sealed, PURPOSE, desk.peer(name).key)
    try:
        said = _Verdict.model_validate(body)
    except ValidationError as error:
        raise Refusal(f"the verdict of {name} cannot be read: {error.error_count()} faults") from error
    if said.content != content:
        raise Refusal("this verdict is about another delivery", status=409)
    if len(canonical(body)) > MOST:
        raise Refusal(f"the verdict of {name} is longer than {MOST} bytes", status=413)
    with desk.store.write() as connection:
        transfers.keep_verdict(connection, name, content, sealed, at=now)
    return said.state
