"""Surveyed objects in an area, counted by kind in one pass over the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.impact.footprint import Note, Shape

BATCH = 50_000  # rows held at a time
KIND_COLUMNS = ("kind", "type", "class", "category", "类型", "类别", "种类")  # the first that a table has
MOST_KINDS = 40  # of one dataset; the rest are counted together
GONE = "The file of the survey {title} is not readable: its objects are not counted."
DRAWN = {
    "Point": "point",
    "LineString": "line",
    "LinearRing": "line",
    "Polygon": "area",
    "GeometryCollection": "mixed",
}


@dataclass(frozen=True, kw_only=True)
class Surveyed:
    """Objects of one kind in one dataset; `count` None where the dataset could not be read or may not be counted.

    `inspected` and `passed` are the shares of the dataset's records, 0 to 1, that rules have looked at and that a
    person has passed; None is unknown.
    """

    dataset: str
    kind: str  # as the dataset calls it, else what is drawn: point, line, area
    count: int | None
    received_at: datetime
    inspected: float | None = None
    passed: float | None = None


def count_objects(area: Shape, datasets: Sequence[Any], home: Path) -> tuple[tuple[Surveyed, ...], tuple[Note, ...]]:
    """Objects that meet an area, by dataset and kind, most first.

    Parameters
    ----------
    area : shapely Polygon or MultiPolygon
        EPSG:4326.
    datasets : rows of `dataset`
    home : Path
    """
    import pyarrow as pa
    import shapely

    shapely.prepare(area)
    found: list[Surveyed] = []
    notes: list[Note] = []
    for row in datasets:
        if row.west is None or not shapely.box(row.west, row.south, row.east, row.north).intersects(area):
            continue
        try:
            counts = _count(area, home / "survey" / row.path)
        except (OSError, pa.ArrowInvalid) as error:
            notes.append(Note(GONE, {"title": row.title}))
            found.append(_surveyed(row, type(error).__name__, None))
            continue
        listed = counts.most_common(MOST_KINDS)
        found += [_surveyed(row, kind, number) for kind, number in listed]
        if rest := counts.total() - sum(number for _, number in listed):
            found.append(_surveyed(row, "…", rest))
    return tuple(sorted(found, key=lambda item: (item.dataset, item.count is not None, -(item.count or 0)))), tuple(
        notes
    )


def _surveyed(row: Any, kind: str, count: int | None) -> Surveyed:
    return Surveyed(dataset=row.title, kind="" if count is None else kind, count=count, received_at=row.received_at)


def _count(area: Shape, path: Path) -> Counter[str]:
    """Objects by kind, read in batches."""
    import pyarrow.parquet as pq
    import shapely

    counts: Counter[str] = Counter()
    with pq.ParquetFile(path) as file:
        names = {name.lower(): name for name in file.schema_arrow.names}
        column = next((names[name] for name in KIND_COLUMNS if name in names), None)
        for batch in file.iter_batches(BATCH, columns=["geometry", *([column] if column else [])]):
            shapes = shapely.from_wkb(batch["geometry"].to_numpy(zero_copy_only=False))
            inside = _inside(area, shapes)
            if column is None:
                counts.update(_drawn(shapes[inside]))
            else:
                kinds = batch[column].filter(_mask(inside)).to_pylist()
                counts.update("" if kind is None else str(kind)[:100] for kind in kinds)
    return counts


def _mask(inside: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return pa.array(inside)


def _inside(area: Shape, shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which objects meet the area: exact, after their boxes."""
    import shapely

    west, south, east, north = area.bounds
    bounds = shapely.bounds(shapes)
    near = (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
    near[near] = shapely.intersects(area, shapes[near])
    return np.asarray(near, np.bool_)


def _drawn(shapes: NDArray[np.object_]) -> list[str]:
    return [DRAWN.get(shape.geom_type.removeprefix("Multi"), "mixed") for shape in shapes]
