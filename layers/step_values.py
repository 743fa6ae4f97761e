"""The values of a stored step, whatever is wrong with its file told as one error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import StoreError
from data.store.field_shard import read_shard
from data.store.fields import FOLDER, StepArray, open_step

DAMAGED = (OSError, ValueError, RuntimeError, LookupError)  # what the reading of a damaged group raises


def open_values(home: Path, row: Any) -> tuple[StepArray, NDArray[np.float32]]:
    """A stored step and its values at full size.

    Raises
    ------
    StoreError
        If its group is gone or damaged.
    """
    try:
        step = open_step(home, row)
        return step, step.values
    except DAMAGED as error:
        raise StoreError(f"field step {row.store} cannot be read: {error}") from error


def read_values(home: Path, row: Any) -> NDArray[np.float32]:
    """The values alone; StoreError as in `open_values`."""
    try:
        values = read_shard(home / FOLDER / row.store)
    except DAMAGED as error:
        raise StoreError(f"field step {row.store} cannot be read: {error}") from error
    return open_values(home, row)[1] if values is None else values
