"""The different values of an indexed column, each found by one look into the index and not by reading every row."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def values_of(connection: Connection, column: sa.Column[Any], *where: sa.ColumnElement[bool]) -> list[str]:
    """Values of the column that follows those in `where` in an index, in order."""
    found: list[str] = []
    while True:
        behind = () if not found else (column > found[-1],)
        query = sa.select(column).where(*where, *behind).order_by(column).limit(1)
        value = connection.execute(query).scalar()
        if value is None:
            return found
        found.append(str(value))
