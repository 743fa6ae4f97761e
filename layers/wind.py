"""Wind for arrows and barbs: both components on a coarse lattice of a tile, so that symbols stand evenly.

A body is the eastward, then the northward component at LATTICE x LATTICE points of a tile, rows from the north, as
little-endian 16-bit whole numbers of 0.01 m/s; -32768 in both stands for missing. The points are the centres of equal
squares of the tile. A tile is meant to be shown about 512 pixels wide, which sets symbols about 43 pixels apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.store.fields import StepArray
from layers.derived.wind_force import FASTEST_MS
from layers.tiles import sample_tile

FORMAT = 1  # part of every address and tag: another layout is another tile
LATTICE = 12
STEP_MS = 0.01
MISSING = -32768
EASTWARD, NORTHWARD = "eastward_wind", "northward_wind"
FINE = 43  # sampled pixels to a lattice square: odd, so that its middle pixel lies on its centre


def check_pair(eastward: Any, northward: Any) -> None:
    """Whether two rows of `field_step` are the components of one wind.

    Raises
    ------
    LayerError
        If they are of another source, grid, level, run or time, or not in m/s.
    """
    level = eastward.quantity.removeprefix(EASTWARD)
    if not eastward.quantity.startswith(EASTWARD) or northward.quantity != NORTHWARD + level:
        raise LayerError(f"{eastward.quantity} and {northward.quantity} are not the components of one wind")
    for part in ("source", "grid", "run_at", "valid_at", "accumulation_s"):
        if getattr(eastward, part) != getattr(northward, part):
            raise LayerError(f"the components of the wind differ in {part}")
    if (eastward.unit, northward.unit) != ("m/s", "m/s"):
        raise LayerError(f"the wind is in {eastward.unit} and {northward.unit}, not in m/s")


def wind_tile(eastward: StepArray, northward: StepArray, z: int, x: int, y: int) -> bytes:
    """The body of a wind tile, or no bytes where no wind is known in it.

    Each point takes the value of the cell it lies in, from the overview that a map at this zoom is drawn from. It is
    missing where either component is, and where the speed passes 150 m/s, which no wind near the ground reaches.

    Raises
    ------
    ValueError
        If there is no such tile.
    """
    u, v = (_lattice(step, z, x, y) for step in (eastward, northward))
    if u is None or v is None:
        return b""
    known = np.hypot(u, v) <= FASTEST_MS
    return b"" if not known.any() else b"".join(_packed(part, known) for part in (u, v))


def _lattice(step: StepArray, z: int, x: int, y: int) -> NDArray[np.float32] | None:
    """A component at the points of a tile; None where the tile is outside the field."""
    values = sample_tile(step.levels, step.lon, step.lat, z, x, y, size=LATTICE * FINE)
    return None if values is None else values[FINE // 2 :: FINE, FINE // 2 :: FINE]


def _packed(values: NDArray[np.float32], known: NDArray[np.bool_]) -> bytes:
    """Whole numbers of STEP_MS; MISSING where the wind is not known."""
    numbers = np.rint(np.where(known, values, 0.0) / STEP_MS)
    return np.where(known, numbers, MISSING).astype("<i2").tobytes()


def unpack(body: bytes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eastward and northward component [m/s] (LATTICE, LATTICE) of a body; NaN where missing."""
    numbers = np.frombuffer(body, "<i2").reshape(2, LATTICE, LATTICE)
    u, v = np.where(numbers == MISSING, np.nan, numbers * STEP_MS)
    return u, v
