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


def find_copy(connection: Connection, dataset: str, reader: str, form: str, *, since: datetime) -> sa.Row[Any] | None:
    """The first copy of this form that somebody has had since a time."""
    query = sa.select(survey_copy).where(
        survey_copy.c.dataset == dataset, survey_copy.c.reader == reader, survey_copy.c.form == form,
        survey_copy.c.at >= since,
    )  # fmt: skip
    return connection.execute(query.order_by(survey_copy.c.id).limit(1)).one_or_none()


def list_copies(connection: Connection, dataset: str) -> list[sa.Row[Any]]:
    """Copies of a dataset, the newest first; also those that were begun only."""
    query = sa.select(survey_copy).where(survey_copy.c.dataset == dataset)
    return list(connection.execute(query.order_by(survey_copy.c.id.desc())))
