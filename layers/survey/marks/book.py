"""The book of copies: every copy of survey records has a number, a reader, a purpose and a mark of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data.errors import LayerError
from data.permit import UNKNOWN, Permit
from data.store.copies import begin_copy, find_copy, finish_copy, list_copies
from data.store.engine import Store
from data.store.tables import survey_dataset, survey_terms
from layers.survey.marks.mark import Mark, digits_for

SHORTEST_PURPOSE = 10  # characters
READ = "read"  # the form of what is read on pages, in tiles and through interfaces
READING = "reading record by record"
TILE_DIGITS = 2  # of tiles at zoom 4; above it a country is some hundred points wide
NO_PURPOSE = "Say in a sentence what the copy is needed for."


@dataclass(frozen=True)
class Notice:
    """The visible mark: whose copy it is, in a line."""

    dataset: str
    number: int
    reader: str
    at: datetime
    purpose: str
    data_class: str

    def line(self) -> str:
        """One line, whatever the purpose holds."""
        facts = (
            f"{self.dataset}, copy {self.number} for {self.reader}, {self.at:%Y-%m-%d %H:%M} UTC, {self.data_class}"
        )
        return " ".join(f"{facts}; purpose: {self.purpose}".split())


@dataclass(frozen=True)
class Book:
    """Where copies are entered, and the secret behind their marks."""

    store: Store
    secret: bytes

    def of_operator(self, dataset: str, reader: str) -> Permit:
        """What an operator's copy is made under: the class and the reach of marks that the dataset has."""
        named = sa.select(survey_dataset.c.data_class).where(survey_dataset.c.name == dataset)
        reach = sa.select(survey_terms.c.accuracy_m).where(survey_terms.c.dataset == dataset)
        with self.store.read() as connection:
            data_class, accuracy_m = connection.execute(named).scalar(), connection.execute(reach).scalar()
        return Permit(
            dataset=dataset, reader=reader, data_class=data_class or UNKNOWN, counts=True, records=True, export=True,
            accuracy_m=accuracy_m or Permit.accuracy_m,
        )  # fmt: skip

    def begin(self, permit: Permit, purpose: str, form: str, now: datetime) -> tuple[Mark, Notice]:
        """Enter a copy that is about to be written; LayerError where no purpose is said."""
        said = " ".join(purpose.split())[:500]
        if len(said) < SHORTEST_PURPOSE:
            raise LayerError(NO_PURPOSE)
        digits = digits_for(permit.accuracy_m)
        with self.store.write() as connection:
            number = begin_copy(
                connection, dataset=permit.dataset, reader=permit.reader, purpose=said, form=form,
                step_deg=10.0**-digits, at=now,
            )  # fmt: skip
        notice = Notice(permit.dataset, number, permit.reader, now, said, permit.data_class)
        return Mark(self.secret, number, digits), notice

    def of_reader(self, permit: Permit, now: datetime) -> Mark:
        """The mark of all that somebody reads of a dataset part by part, the same every day.

        Who read one record under many marks could tell its place from their mean.
        """
        step_deg = 10.0 ** -digits_for(permit.accuracy_m)
        with self.store.read() as connection:
            known = find_copy(connection, permit.dataset, permit.reader, READ, step_deg)
        if known is None:
            return self.begin(permit, READING, READ, now)[0]
        return _mark(self.secret, known)

    def finish(self, mark: Mark, rows: int) -> None:
        """Enter that it was written."""
        with self.store.write() as connection:
            finish_copy(connection, mark.copy, rows)

    def given(self, dataset: str) -> Iterator[tuple[Mark, Any]]:
        """Every copy of a dataset, the newest first, with its row."""
        with self.store.read() as connection:
            rows = list_copies(connection, dataset)
        for row in rows:
            yield _mark(self.secret, row), row

    def marks(self, dataset: str) -> list[Mark]:
        """Every mark that records of a dataset may carry; what was read as tiles has coarser ones too."""
        found = []
        for mark, row in self.given(dataset):
            found.append(mark)
            if row.form == READ:
                found += [mark.coarser(digits) for digits in range(TILE_DIGITS, mark.digits)]
        return found


def _mark(secret: bytes, row: Any) -> Mark:
    return Mark(secret, row.id, -round(math.log10(row.step_deg)))
