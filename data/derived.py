"""The name of derived steps as a source: it tells of which source's steps they were made.

Two sources on one grid give two series of each derived quantity, and a chain from day to day stays with its source.
No configured source can have such a name, because keys hold no colon.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

PREFIX = "derived:"


def derived_of(source: str) -> str:
    """The source of what is made of the steps of a source."""
    return source if is_derived(source) else PREFIX + source


def is_derived(source: str) -> bool:
    return source.startswith(PREFIX)


def origin_of(source: str) -> str:
    """The source that a step was made of; of any other step its own."""
    return source.removeprefix(PREFIX)


def is_made(column: Any) -> sa.ColumnElement[bool]:
    """Whether a column of sources names derived steps."""
    made: sa.ColumnElement[bool] = column.startswith(PREFIX, autoescape=True)
    return made
