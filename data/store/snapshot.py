"""One picture of the store for a whole evaluation, and which runs were in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.engine import Store
from data.store.tables import evaluation_round, run


class Picture(Store):
    """The store as it was at one moment to those who read; what is written goes to the present one."""

    def __init__(self, store: Store, connection: Connection) -> None:
        super().__init__(store.engine)
        self._connection = connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._connection.begin_nested():  # a question that fails spoils no other
            yield self._connection


@contextmanager
def evaluation_picture(store: Store, now: datetime, *, epoch: int | None = None) -> Iterator[Picture]:
    """The store for one evaluation at `now`, and a row that says what it saw.

    What is delivered while rules are looking is for their next look: so every rule of a look sees the same, and a
    recorded day played again gives the same transitions at the same times.
    """
    engine = store.engine if store.is_sqlite else store.engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as connection:
        seen = connection.execute(sa.select(sa.func.coalesce(sa.func.max(run.c.id), 0))).scalar_one()
        with store.write(epoch=epoch) as writing:
            writing.execute(evaluation_round.insert().values(at=now, seen_run=seen))
        yield Picture(store, connection)
