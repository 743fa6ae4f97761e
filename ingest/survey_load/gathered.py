"""Collections of shapes of one kind as the one shape that they are: stores keep points, lines or areas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shapes = NDArray[np.object_]


def of_one_kind(shapes: Shapes, notes: list[str]) -> Shapes:
    """Shapes, each collection of nothing but points, lines or areas as one of these; others stay as they are."""
    import shapely

    at = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    changed = shapes.copy()
    for row in at.tolist():
        changed[row] = _joined(shapes[row])
    same = int((changed[at] != shapes[at]).sum())
    if same:
        notes.append(f"{same} collections of one kind of shape kept as one such shape")
    return changed


def _joined(shape: Any) -> Any:
    import shapely

    join: Mapping[int, Callable[[Shapes], Any]] = {
        0: shapely.multipoints, 1: shapely.multilinestrings, 2: shapely.union_all,
    }  # fmt: skip
    parts = np.array([shape], dtype=object)
    while (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
        parts = shapely.get_parts(parts)
    kinds = set(shapely.get_dimensions(parts).tolist())
    if len(kinds) != 1:
        return shape
    return parts[0] if len(parts) == 1 else join[kinds.pop()](parts)
