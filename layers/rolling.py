"""Rolling windows over long series of steps, and a number of each region for every window: years in bounded memory.

The work is cut into pieces of time that do not depend on each other, so that the same code runs in this process or by
the `map` of an executor, in others, such as those of a Dask cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from layers.step_values import read_values
from layers.zonal import Weights, reduce_field, weights_from_bytes

How = Literal["sum", "max", "min"]
PIECE = 240  # windows of a piece of work: its beginning reads a window's length of steps again
OPERATIONS: dict[How, Callable[..., Any]] = {"sum": np.add, "max": np.maximum, "min": np.minimum}


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A time of a series and the archive group of its step; an empty name where the step is missing."""

    valid_at: datetime
    store: str = ""


def slots_of(rows: Sequence[Any], step: timedelta) -> list[Slot]:
    """Rows of `field_step`, oldest first, as an even sequence of times: a step that is not there is a gap in it."""
    stores = {row.valid_at: row.store for row in rows}
    count = (rows[-1].valid_at - rows[0].valid_at) // step + 1 if rows else 0
    times = (rows[0].valid_at + number * step for number in range(count))
    return [Slot(valid_at=at, store=stores.get(at, "")) for at in times]


def rolling(fields: Iterable[NDArray[np.float32]], window: int, how: How) -> Iterator[NDArray[np.float32]]:
    """The fields of each `window` consecutive ones, from the first whole window on.

    Parameters
    ----------
    fields : iterable of (ny, nx)
        NaN is missing, and so is every window that holds it.

    Notes
    -----
    Van Herk's scheme: running totals from the end of the block before and from the beginning of the present one. Two
    operations a step whatever the window, and nothing is subtracted, so that no rounding adds up.

    References
    ----------
    M. van Herk 1992, Pattern Recognition Letters 13, 517-521.
    """
    operation = OPERATIONS[how]
    ending: list[NDArray[np.float32]] = []  # of the block before: from each place to its end
    block: list[NDArray[np.float32]] = []
    begun: NDArray[np.float32] | None = None
    for values in fields:
        block.append(values)
        begun = values.copy() if begun is None else operation(begun, values, out=begun)
        place = len(block)
        if place == window:
            yield begun
            for number in range(window - 2, -1, -1):
                operation(block[number], block[number + 1], out=block[number])
            ending, block, begun = block, [], None
        elif ending:
            yield operation(begun, ending[place])


def rolling_table(
    home: Path, slots: Sequence[Slot], weights: Weights, window: int, how: How
) -> NDArray[np.float32]:  # fmt: skip
    """(windows, regions): the highest value in each region of each window of `window` steps; NaN is unknown."""
    missing = np.full(weights.shape, np.nan, np.float32)

    def read(slot: Slot) -> NDArray[np.float32]:
        return np.array(read_values(home, slot)) if slot.store else missing.copy()

    rows = [_highest(values, weights) for values in rolling(map(read, slots), window, how)]
    return np.array(rows, np.float32).reshape(-1, weights.rid.size)


def _highest(values: NDArray[np.float32], weights: Weights) -> NDArray[np.float32]:
    table = reduce_field(values, weights)
    return np.where(table[:, 1] > 0, table[:, 3], np.nan).astype(np.float32)


def rolling_maxima(
    home: Path,
    slots: Sequence[Slot],
    weights_file: Path,
    window: int,
    how: How,
    *,
    run: Callable[..., Iterable[NDArray[np.float32]]] = map,
    piece: int = PIECE,
) -> NDArray[np.float32]:
    """As `rolling_table` over any length of time, piece by piece.

    Parameters
    ----------
    weights_file : Path
        Weights of the regions on the grid, as `layers.zonal` keeps them.
    run : callable
        `map`, or that of an executor: `concurrent.futures`, or `Client.get_executor()` of Dask.
    """
    starts = range(0, max(len(slots) - window + 1, 0), piece)
    pieces = [(home, slots[start : start + piece + window - 1], weights_file, window, how) for start in starts]
    tables = list(run(_piece, pieces))
    return np.concatenate(tables) if tables else np.empty((0, _weights(weights_file).rid.size), np.float32)


def _piece(given: tuple[Path, Sequence[Slot], Path, int, How]) -> NDArray[np.float32]:
    home, slots, weights_file, window, how = given
    return rolling_table(home, slots, _weights(weights_file), window, how)


@lru_cache(maxsize=2)
def _weights(path: Path) -> Weights:
    return weights_from_bytes(path.read_bytes())
