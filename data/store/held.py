"""A store whose writings between two moments become one transaction: all of a step is kept, or nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from data.store.engine import Store, check_epoch


class HeldStore(Store):
    """The same database; inside `one()` every reading and writing goes through one transaction.

    For one thread: what is begun inside `one()` are savepoints, so a part that fails takes back only itself. A kill
    at any moment leaves the database as it was before `one()`, or as it is after it.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store.engine)
        self._open: Connection | None = None

    @contextmanager
    def one(self, *, epoch: int | None = None) -> Iterator[Connection]:
        """Everything until the end of this block is one transaction.

        Raises
        ------
        StaleLeader
            If another leader has taken over; nothing was written.
        """
        with super().write(epoch=epoch) as connection:
            self._open = connection
            try:
                yield connection
            finally:
                self._open = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if self._open is None:
            with super().read() as connection:
                yield connection
            return
        with self._open.begin_nested():
            yield self._open

    @contextmanager
    def write(self, *, epoch: int | None = None) -> Iterator[Connection]:
        if self._open is None:
            with super().write(epoch=epoch) as connection:
                yield connection
            return
        with self._open.begin_nested():
            if epoch is not None:
                check_epoch(self._open, epoch)
            yield self._open
