"""The second mark: of every two records that follow each other, which comes first.

It outlives a rounding to four decimals (10 m), which the mark of the coordinates does not, and is lost when a file is
sorted anew, which that one is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.survey.marks.mark import Floats, Mark

CELLS = 10_000  # a degree: records of one cell have no order
CHANCE = 0.5
Places = NDArray[np.int64]
Pairs = tuple[Places, Places]


def arrange(mark: Mark, lon: Floats, lat: Floats) -> Places:
    """In which order a copy has its records: neighbours two by two changed over, or not."""
    order = np.arange(len(lon))
    cells = _cells(lon, lat)
    first, second = cells[0 : len(cells) // 2 * 2 : 2], cells[1::2]
    over = np.flatnonzero(_differ(first, second) & (_is_first(first, second) != _wanted(mark, first, second)))
    order[2 * over], order[2 * over + 1] = 2 * over + 1, 2 * over
    return order


def hits(mark: Mark, pairs: Pairs) -> tuple[int, int]:
    """How many pairs of neighbours stand as a copy has them, and how many pairs there are.

    Three quarters do in the copy itself: those that were arranged, and half of those between them.
    """
    first, second = pairs
    return int((_is_first(first, second) == _wanted(mark, first, second)).sum()), len(first)


def pairs_of(lon: Floats, lat: Floats) -> Pairs:
    """The cells of records that follow each other in a file, each pair once."""
    cells = _cells(lon, lat)
    first, second = cells[:-1], cells[1:]
    differ = _differ(first, second)
    first, second = first[differ], second[differ]
    _, once = np.unique(_pair(first, second), axis=0, return_index=True)
    return first[once], second[once]


def _cells(lon: Floats, lat: Floats) -> Places:
    return np.column_stack([np.rint(lon * CELLS), np.rint(lat * CELLS)]).astype(np.int64)


def _differ(first: Places, second: Places) -> NDArray[np.bool_]:
    return np.asarray((first != second).any(axis=1))


def _is_first(first: Places, second: Places) -> NDArray[np.bool_]:
    """Whether the more western stands first, of equally western the more southern."""
    west = first[:, 0] < second[:, 0]
    return np.asarray(west | ((first[:, 0] == second[:, 0]) & (first[:, 1] < second[:, 1])))


def _pair(first: Places, second: Places) -> NDArray[Any]:
    """Both cells, the more western in front: the same whichever stands first."""
    straight = _is_first(first, second)[:, np.newaxis]
    return np.hstack([np.where(straight, first, second), np.where(straight, second, first)]).astype("<i4")


def _wanted(mark: Mark, first: Places, second: Places) -> NDArray[np.bool_]:
    return np.asarray(mark.draw(_pair(first, second)) & 1, np.bool_)
