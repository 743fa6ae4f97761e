"""Copies of surveys that left: numbered, so that the mark in one is found again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.tables import survey_copy


def begin_copy(
    connection: Connection, *, dataset: str, reader: str, purpose: str, form: str, step_deg: float, at: datetime
) -> int:
    """Number a copy before it is written."""
    values = {"dataset": dataset, "reader": reader, "purpose": purpose, "form": form, "step_deg": step_deg, "at": at}
    made = connection.execute(survey_copy.insert().values(**values)).inserted_primary_key
    assert made is not None
    return int(made[0])


def finish_copy(connection: Connection, number: int, rows: int) -> None:
    """It was written to its end."""
    connection.execute(survey_copy.update().where(survey_copy.c.id == number).values(rows=rows))


def find_copy(
    connection: Connection, dataset: str, reader: str, form: str, step_deg: float
) -> sa.Row[Any] | None:  # fmt: skip
    """The first copy of this form that somebody has had with a mark of this step."""
    table = survey_copy.c
    query = sa.select(survey_copy).where(
        table.dataset == dataset, table.reader == reader, table.form == form,
        table.step_deg.between(step_deg * 0.99, step_deg * 1.01),
    )  # fmt: skip
    return connection.execute(query.order_by(table.id).limit(1)).one_or_none()


def list_copies(connection: Connection, dataset: str) -> list[sa.Row[Any]]:
    """Copies of a dataset, the newest first; also those that were begun only."""
    query = sa.select(survey_copy).where(survey_copy.c.dataset == dataset)
    return list(connection.execute(query.order_by(survey_copy.c.id.desc())))
