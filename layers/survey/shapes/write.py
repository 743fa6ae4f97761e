"""What a bucket keeps of its shapes beside the records: a hierarchy of boxes, and simpler forms for smaller scales.

All is in the order of the records' keys, so that the boxes of neighbours lie together (Kamel and Faloutsos 1993, with
the Morton curve in place of Hilbert's).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from layers.kernels.survey import SIDE
from layers.survey.plane import on_plane
from layers.survey.shapes.place import mended

NODE = 16  # boxes in one of the next level
ZOOMS = (4, 8, 12)  # to which the simpler forms are drawn
WHOLE = 32  # stands for the forms as delivered
FINENESS = 2048  # a simpler form is true to this part of a tile
FEW = 6  # corners
CHUNK = 50_000  # shapes in memory at a time
Array = NDArray[Any]


def write_shapes(folder: Path, bucket: int, wkb: pa.Array, row: Array) -> None:
    """Files of one bucket: boxes, rows, and for each scale all forms and where each begins."""
    boxes: list[Array] = [np.empty((0, 4))]
    sizes: dict[int, list[Array]] = {zoom: [np.zeros(1, np.int64)] for zoom in (*ZOOMS, WHOLE)}
    for zoom in sizes:
        path_of(folder, bucket, f"{zoom}.wkb").touch()
    for start in range(0, len(wkb), CHUNK):
        found = shapely.from_wkb(np.asarray(wkb.slice(start, CHUNK).to_pylist(), dtype=object), on_invalid="ignore")
        shapes = mended(shapely.transform(shapely.force_2d(found), on_plane))
        boxes.append(shapely.bounds(shapes))
        for zoom, parts in sizes.items():
            written = shapely.to_wkb(shapes) if zoom == WHOLE else _simpler(shapes, zoom)
            parts.append(np.fromiter((len(one) for one in written), np.int64, len(written)))
            with path_of(folder, bucket, f"{zoom}.wkb").open("ab") as file:
                file.write(b"".join(written))
    np.save(path_of(folder, bucket, "tree.npy"), pack(np.concatenate(boxes)))
    np.save(path_of(folder, bucket, "row.npy"), row)
    for zoom, parts in sizes.items():
        np.save(path_of(folder, bucket, f"{zoom}.npy"), np.cumsum(np.concatenate(parts)).astype(np.uint32))


def _simpler(shapes: Array, zoom: int) -> Array:
    """Forms true to a scale; empty where it is tiny there, or has few corners and stays as it is."""
    written: Array = np.full(len(shapes), b"", object)
    many = ~is_tiny(shapely.bounds(shapes), zoom) & (shapely.get_num_coordinates(shapes) > FEW)
    simple = shapely.simplify(shapes[many], SIDE / 2**zoom / FINENESS)
    written[many] = shapely.to_wkb(simple)
    return written


def is_tiny(boxes: Array, zoom: int) -> Array:
    """Which are smaller than the fineness of a scale."""
    extent = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    found: Array = extent < SIDE / 2**zoom / FINENESS
    return found


def path_of(folder: Path, bucket: int, name: str) -> Path:
    return folder / f"{bucket:05d}-{name}"


def pack(boxes: Array) -> Array:
    """Boxes (west, north, east, south on the plane) and behind them those around each `NODE`, up to a single one."""
    levels = [boxes]
    while len(levels[-1]) > 1:
        first = np.arange(0, len(levels[-1]), NODE)
        low = np.minimum.reduceat(levels[-1][:, :2], first)
        levels.append(np.column_stack([low, np.maximum.reduceat(levels[-1][:, 2:], first)]))
    return np.concatenate(levels)


def level_starts(count: int) -> list[int]:
    """Where each level begins in what `pack` gives for so many boxes; the last is the end."""
    starts = [0, count]
    while count > 1:
        count = -(-count // NODE)
        starts.append(starts[-1] + count)
    return starts
