"""Four regions and a few steps in the archive, for tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from data.model import FieldStep
from data.store.engine import Store
from data.store.fields import FieldSink
from data.store.sink import PutContext

# code, kind, parent row, west, south, east, north
REGIONS = (
    ("AAA", "country", -1, 100.0, 20.0, 104.0, 22.0),
    ("CN-11", "cn-province", 0, 100.0, 20.0, 102.0, 22.0),
    ("CN-12", "cn-province", 0, 102.0, 20.0, 104.0, 22.0),
    ("CN-13", "cn-province", 0, 140.0, 20.0, 141.0, 22.0),
)
LON, LAT = np.arange(100.25, 104.0, 0.5), np.arange(21.75, 20.0, -0.5)
SHAPE = (LAT.size, LON.size)


def write_base(folder: Path, rows: Sequence[tuple[Any, ...]] = REGIONS) -> Path:
    """Base data of a few boxes."""
    folder.mkdir(parents=True, exist_ok=True)
    boxes = np.array([row[3:] for row in rows], dtype=np.float64)
    unknown = np.full(len(rows), np.nan)
    codes = np.array([row[0] for row in rows])
    np.savez(
        folder / "regions_index.npz", code=codes, kind=np.array([row[1] for row in rows]),
        pack=np.full(len(rows), "world"), name=codes, name_zh=codes,
        parent_rid=np.array([row[2] for row in rows], np.int32), population=unknown, places_population=unknown,
        lon=boxes[:, [0, 2]].mean(1), lat=boxes[:, [1, 3]].mean(1),
        west=boxes[:, 0], south=boxes[:, 1], east=boxes[:, 2], north=boxes[:, 3],
    )  # fmt: skip
    shapes = [shapely.to_wkb(shapely.box(*row[3:])) for row in rows]
    columns = {"rid": pa.array(range(len(rows)), pa.int32()), "kind": [row[1] for row in rows], "geometry": shapes}
    pq.write_table(pa.table(columns), folder / "regions.parquet")
    return folder


def field_step(values: Any, valid_at: datetime, **changes: Any) -> FieldStep:
    """A step on the grid of the scene; a number stands for the same value everywhere."""
    given: dict[str, Any] = {
        "quantity": "precipitation", "unit": "mm", "valid_at": valid_at, "run_at": valid_at, "lon": LON, "lat": LAT,
        "accumulation_s": 3600, **changes,
    }  # fmt: skip
    shape = (given["lat"].size, given["lon"].size)
    return FieldStep(values=np.broadcast_to(np.asarray(values, np.float32), shape).copy(), **given)


def put(store: Store, home: Path, *steps: FieldStep, received_at: datetime, source: str = "radar") -> list[int]:
    """Store steps; their ids."""
    sink, context = FieldSink(), PutContext(source=source, payload_id=0, received_at=received_at, home=home)
    prepared = sink.prepare(context, steps)
    with store.write() as connection:
        sink.put(connection, context, prepared)
    return [row["id"] for row in prepared]
