"""The map's own plane: x to the east, y to the south, the world 2**32 wide, as keys have it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.kernels.survey import REACH, SIDE

Array = NDArray[Any]


def on_plane(lonlat: Array) -> Array:
    """Degrees to the plane; what lies beyond the map stands on its edge."""
    sine = np.sin(np.radians(np.clip(lonlat[:, 1], -REACH, REACH)))
    x = (lonlat[:, 0] + 180.0) / 360.0 * SIDE
    return np.column_stack([x, (0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)) * SIDE])
