"""Survey datasets as inputs of rules: how many records of a region, what share of them, or the sum of a column."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.rule import RuleInput
from data.errors import RuleError
from data.regions import RegionIndex, load_geometries
from data.store.tables import dataset
from layers.stations import RegionNumbers

AT_ONCE = 100_000  # records read at a time
KEPT = 64  # tables of counts

Floats = NDArray[np.float64]


def find_dataset(connection: Connection, name: str, now: datetime) -> Any:
    """The newest delivery of a dataset (`source/key`) by now, or None."""
    source, _, key = name.partition("/")
    same = sa.and_(dataset.c.source == source, dataset.c.key == key, dataset.c.received_at <= now)
    return connection.execute(sa.select(dataset).where(same).order_by(dataset.c.id.desc()).limit(1)).first()


def survey_numbers(
    row: Any, item: RuleInput, home: Path, index: RegionIndex, rids: NDArray[np.int32]
) -> tuple[RegionNumbers, Sequence[str]]:
    """The number of each region, and the names that `behind` points into.

    Parameters
    ----------
    row : row of `dataset`, or None
    item : RuleInput
        `take` is what is made of the records: `count` of those that meet the filter, their `share` of all, or the
        `sum` of their column.
    home, index, rids
        Where the files are, and the regions.

    Returns
    -------
    numbers : RegionNumbers
        A region without any record is not watched: nobody says that it was surveyed. The valid share is that of
        records whose column is filled, less those of the delivery that could not be taken over: any region may lack
        them. The time is that of the delivery.
    names : sequence of str

    Raises
    ------
    RuleError
        If the dataset has no such column, or one that cannot be compared or added.
    """
    blank = np.full(len(rids), np.nan)
    if row is None:
        return RegionNumbers(
            value=blank, observed_at=blank.copy(), valid_share=np.zeros(len(rids)),
            watched=np.zeros(len(rids), dtype=np.bool_), behind=np.full(len(rids), -1, dtype=np.int32),
        ), ()  # fmt: skip
    records, filled, met, total = COUNTS.of(row, item, home, index, rids)
    watched = records > 0
    whole = 0.0 if row.rejected is None else row.rows / (row.rows + row.rejected)
    if item.take == "sum":
        value = np.where(filled > 0, total, np.nan)
    else:
        value = met if item.take == "count" else np.divide(met, filled, out=blank.copy(), where=filled > 0)
    return RegionNumbers(
        value=np.where(watched, value, np.nan),
        observed_at=np.where(watched, row.received_at.timestamp(), np.nan),
        valid_share=whole * np.divide(filled, records, out=np.zeros(len(rids)), where=watched),
        watched=watched,
        behind=np.where(watched, np.int32(0), np.int32(-1)).astype(np.int32),
    ), (f"dataset/{row.id}",)


class Counts:
    """Counts of records by region, made once for each delivery and filter and kept."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[Any, ...], tuple[Floats, Floats, Floats, Floats]] = OrderedDict()

    def of(
        self, row: Any, item: RuleInput, home: Path, index: RegionIndex, rids: NDArray[np.int32]
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """(n,) each: records, those with the column filled, those that meet the filter, and the sum of these."""
        path = home / "survey" / row.path
        filtered = (item.column, item.take == "sum", item.equals, item.above)
        key = (row.digest, path, *filtered, index.base_dir, rids.tobytes())
        if key not in self._found:
            self._found[key] = count_records(path, item, index, rids)
            if len(self._found) > KEPT:
                self._found.popitem(last=False)
        return self._found[key]


COUNTS = Counts()  # a delivery does not change; one per process


def count_records(
    path: Path, item: RuleInput, index: RegionIndex, rids: NDArray[np.int32]
) -> tuple[Floats, Floats, Floats, Floats]:
    """What `Counts.of` gives, read from the file a part at a time.

    A record belongs to the region that holds a point on it; one on a common border belongs to both sides.
    """
    import pyarrow.parquet as pq
    import shapely

    file = pq.ParquetFile(path)
    if item.column and item.column not in file.schema_arrow.names:
        raise RuleError(f"{item.quantity} has no column {item.column}")
    known, areas = load_geometries(index.base_dir, np.unique(index.kind[rids]).tolist())
    tree = shapely.STRtree(areas[np.searchsorted(known, rids)])
    found = tuple(np.zeros(len(rids)) for _ in range(4))
    columns = ["geometry", *([item.column] if item.column else [])]
    for batch in file.iter_batches(batch_size=AT_ONCE, columns=columns):
        points = shapely.point_on_surface(shapely.from_wkb(batch["geometry"].to_numpy(zero_copy_only=False)))
        record, region = tree.query(points, predicate="intersects")
        for total, part in zip(found, _weights(batch, item), strict=True):
            total += np.bincount(region, part[record], minlength=len(rids))
    return found[0], found[1], found[2], found[3]


def _weights(batch: Any, item: RuleInput) -> tuple[Floats, Floats, Floats, Floats]:
    """What each record adds to the four counts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    one = np.ones(batch.num_rows)
    if not item.column:
        return one, one, one, one
    values = batch[item.column]
    filled = ~np.asarray(pc.is_null(values, nan_is_null=True))
    try:
        number = _numbers(values) if item.above is not None or item.take == "sum" else np.zeros(batch.num_rows)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise RuleError(f"{item.quantity}: {item.column} is no number: {error}") from error
    met = filled
    if item.above is not None:
        met = filled & (number >= item.above)
    elif item.equals:
        words = pc.cast(values, pa.string())
        met = filled & np.asarray(pc.fill_null(pc.is_in(words, pa.array(item.equals)), False))
    return one, filled * 1.0, met * 1.0, np.where(met, number, 0.0)


def _numbers(values: Any) -> Floats:
    import pyarrow as pa
    import pyarrow.compute as pc

    found: Floats = pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False)
    return found
