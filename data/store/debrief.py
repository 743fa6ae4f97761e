"""The log of an exercise for its debriefing: what arrived, what rules made of it, and what people did, in order."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.clock import iso
from data.model import Level
from data.store.exercise import read_exercise
from data.store.tables import audit, exercise_log, proposal, run

Row = dict[str, Any]


def debrief(connection: Connection) -> list[Row]:
    """Rows in order of the scenario's time.

    What people did is known by the real clock; the log of the exercise says how that one and the scenario's went.
    """
    marks = connection.execute(sa.select(exercise_log).order_by(exercise_log.c.id)).all()
    found = read_exercise(connection)
    begin = found.begin_at if found else None
    rows = [*_controls(marks), *_runs(connection), *_proposals(connection), *_people(connection, marks)]
    rows.sort(key=lambda row: (row["_at"] or begin, row["_order"]))
    return [{key: value for key, value in row.items() if not key.startswith("_")} for row in rows]


def _row(at: datetime | None, order: int, *, wall: datetime | None = None, **values: Any) -> Row:
    return {
        "_at": at, "_order": order, "at": iso(at) if at else "", "wall_at": iso(wall) if wall else "", "kind": "",
        "who": "", "what": "", "level": "", "regions": [], "detail": "", **values,
    }  # fmt: skip


def _controls(marks: Sequence[Any]) -> Iterator[Row]:
    for mark in marks:
        yield _row(
            mark.at,
            0,
            wall=mark.wall_at,
            kind="exercise",
            who=mark.actor,
            what=mark.action,
            detail=_told(mark.detail),
        )


def _runs(connection: Connection) -> Iterator[Row]:
    query = sa.select(run).where(sa.or_(run.c.stored > 0, run.c.outcome.not_in(("stored", "unchanged"))))
    for row in connection.execute(query.order_by(run.c.id)):
        detail = row.reason or f"{row.stored} stored, {row.rejected} rejected"
        yield _row(row.finished_at, 1, kind="feed", who=row.source, what=row.outcome, detail=detail)


def _proposals(connection: Connection) -> Iterator[Row]:
    for row in connection.execute(sa.select(proposal).order_by(proposal.c.id)):
        yield _row(
            row.created_at, 2, kind="proposal", who=row.rule, what=row.reason, level=Level(row.level).key,
            regions=list(row.regions), detail=row.hazard,
        )  # fmt: skip


def _people(connection: Connection, marks: Sequence[Any]) -> Iterator[Row]:
    """What the audit chain holds, at the scenario's time of then."""
    if not marks:
        return
    for row in connection.execute(sa.select(audit).order_by(audit.c.seq)):
        at = scenario_time(marks, row.at)
        detail = f"{row.object} {_told(row.detail)}".strip()
        yield _row(at, 3, wall=row.at, kind="person", who=row.actor, what=row.action, detail=detail)


def scenario_time(marks: Sequence[Any], wall: datetime) -> datetime | None:
    """The scenario's time at a real one, from the marks that say where it stood and how fast it ran."""
    place = bisect_right([mark.wall_at for mark in marks], wall) - 1
    if place < 0 or marks[place].at is None:
        return None
    mark = marks[place]
    at: datetime = mark.at + (wall - mark.wall_at) * float(mark.detail.get("running", 0.0))
    following = marks[place + 1].at if place + 1 < len(marks) else None
    return at if following is None else min(at, following)


def _told(detail: Any) -> str:
    return json.dumps(detail, ensure_ascii=False, sort_keys=True) if detail else ""
