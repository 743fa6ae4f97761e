"""Region statistics of every stored step, kept so that a region's history is a chart at once; and a table on demand.

The engine brings the histories up to date; screens only read. Kept are mean (cells alike, as rules take it), mean by
ground area (for amounts of water), highest, lowest, 90th percentile, and the usable share of the region.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data.errors import LayerError, StoreError
from data.regions import KINDS, default_base_dir, load_regions
from data.store.engine import Store
from data.store.field_series import SeriesKey, in_series, key_of
from data.store.tables import field_step, region_slot
from layers.history_file import FOLDER, STATISTICS, held_steps, history_path, read_slots, write_slots
from layers.step_values import open_values
from layers.zonal import Weights, load_weights, percentiles, reduce_field, weights_name

BATCH = 16  # steps a call: bounds the time of one and the memory of their tables
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class HistoryPoint:
    """One step of a region's history; `value` is None where it is unknown."""

    step: int
    valid_at: datetime
    run_at: datetime
    forecast: bool
    value: float | None
    valid_share: float | None  # None where the statistics of this step have not been computed yet

    @property
    def pending(self) -> bool:
        return self.valid_share is None


def read_history(
    store: Store,
    home: Path,
    key: SeriesKey,
    rid: int,
    statistic: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    base_dir: Path | None = None,
) -> list[HistoryPoint]:
    """The history of one region in one series, oldest first, one point for each valid time.

    Parameters
    ----------
    rid : int
        Row number of the region.
    statistic : str
        One of `STATISTICS`.
    since, until : datetime, optional
        Valid times after `since`, up to and with `until`.
    base_dir : Path, optional
        Where the base data is whose region `rid` is.

    Raises
    ------
    LayerError
        For an unknown statistic or region.
    """
    folder = base_dir or default_base_dir()
    count = len(load_regions(folder))
    if statistic not in STATISTICS:
        raise LayerError(f"statistic {statistic!r} is not one of {', '.join(STATISTICS)}")
    if not 0 <= rid < count:
        raise LayerError(f"there is no region {rid}")
    regions = weights_name(folder, KINDS)
    with store.read() as connection:
        rows = list(_steps(connection, key, regions, since, until))
    slots = np.array([-1 if row.slot is None else row.slot for row in rows], np.int64)
    steps = np.array([row.id for row in rows], np.int64)
    found = np.full((len(rows), 2), np.nan, np.float32)
    known = np.flatnonzero(slots >= 0)
    path = history_path(home, regions, series_name(key), count)
    found[known] = read_slots(path, count, rid, (statistic, "valid_share"), slots[known], steps[known])
    return [_point(row, value, share) for row, (value, share) in zip(rows, found.tolist(), strict=True)]


def _steps(
    connection: sa.Connection, key: SeriesKey, regions: str, since: datetime | None, until: datetime | None
) -> Iterator[Any]:
    """The best step at each valid time with its slot: analysis before forecast, then the newest run."""
    table, slot = field_step.c, region_slot.c
    here = sa.and_(slot.step_id == table.id, slot.regions == regions)
    query = sa.select(table.id, table.valid_at, table.run_at, table.forecast, slot.slot)
    query = query.select_from(sa.outerjoin(field_step, region_slot, here)).where(in_series(key))
    query = query if since is None else query.where(table.valid_at > since)
    query = query if until is None else query.where(table.valid_at <= until)
    order = (table.valid_at, table.forecast.desc(), table.run_at, table.id)
    best = {row.valid_at: row for row in connection.execute(query.order_by(*order))}
    return iter(best.values())


def _point(row: Any, value: float, share: float) -> HistoryPoint:
    return HistoryPoint(
        step=row.id, valid_at=row.valid_at, run_at=row.run_at, forecast=bool(row.forecast),
        value=None if np.isnan(value) else value, valid_share=None if np.isnan(share) else share,
    )  # fmt: skip


def series_name(key: SeriesKey) -> str:
    """The name of a series in the file system."""
    return hashlib.sha256(str(key).encode()).hexdigest()[:32]


def bring_up_to_date(
    store: Store, home: Path, base_dir: Path, now: datetime, *, epoch: int | None = None, budget: int = BATCH
) -> int:
    """Compute what is missing of the histories, what came last first.

    Parameters
    ----------
    now : datetime
        Steps received later wait: a replay sees what there was.
    budget : int
        At most so many steps in this call.

    Returns
    -------
    int
        Steps done; fewer than `budget` when nothing is left.

    Raises
    ------
    StaleLeader
        If another leader has taken over.

    Notes
    -----
    The file is on the disk before the row is committed: a kill in between leaves a slot that no row names, which is
    given away again. A step whose values cannot be read gets a record that says unknown.
    """
    regions = weights_name(base_dir, KINDS)
    table, slot = field_step.c, region_slot.c
    here = sa.and_(slot.step_id == table.id, slot.regions == regions)
    query = sa.select(field_step).select_from(sa.outerjoin(field_step, region_slot, here))
    query = query.where(slot.step_id.is_(None), table.received_at <= now)
    order = (table.received_at.desc(), table.valid_at.desc(), table.id)
    with store.read() as connection:
        rows = list(connection.execute(query.order_by(*order).limit(budget)))
    by_series: dict[SeriesKey, list[Any]] = {}
    for row in rows:
        by_series.setdefault(key_of(row), []).append(row)
    for key, members in by_series.items():
        _add(store, home, base_dir, regions, key, members, epoch)
    return len(rows)


def _add(
    store: Store, home: Path, base_dir: Path, regions: str, key: SeriesKey, rows: Sequence[Any], epoch: int | None
) -> None:
    count, name = len(load_regions(base_dir)), series_name(key)
    tables = {row.id: region_record(home, base_dir, row, count) for row in rows}
    slot = region_slot.c
    with store.read() as connection:
        mine = sa.and_(slot.regions == regions, slot.series == name)
        taken = set(connection.execute(sa.select(slot.slot).where(mine)).scalars())
    free = (number for number in range(len(taken) + len(rows)) if number not in taken)
    slots = {row.id: number for row, number in zip(sorted(rows, key=lambda row: row.valid_at), free, strict=False)}
    path = history_path(home, regions, name, count)
    write_slots(path, count, {slots[step]: (step, values) for step, values in tables.items()})
    with store.write(epoch=epoch) as connection:
        there = set(
            connection.execute(sa.select(field_step.c.id).where(field_step.c.id.in_(list(slots)))).scalars()
        )  # a step may have been corrected or let go of meanwhile
        connection.execute(region_slot.delete().where(slot.step_id.in_(there)))  # of former base data
        values = [
            {"step_id": step, "regions": regions, "series": name, "slot": number}
            for step, number in slots.items()
            if step in there
        ]
        if values:
            connection.execute(region_slot.insert(), values)


def region_record(home: Path, base_dir: Path, row: Any, count: int) -> NDArray[np.float32]:
    """(count, len(STATISTICS)): what is kept of a step, by row number of the region; NaN where it is unknown."""
    record = np.full((count, len(STATISTICS)), np.nan, np.float32)
    try:
        step, values = open_values(home, row)
    except StoreError as error:
        log.warning("no region statistics: %s", error)
        record[:, STATISTICS.index("valid_share")] = 0.0
        return record
    try:
        weights = load_weights(home, base_dir, KINDS, step.lon, step.lat)
        columns = _statistics(np.ascontiguousarray(values, np.float32), weights)
    except OSError:  # a full disk is not the step's fault
        raise
    except Exception:  # nor is one odd grid the end of the histories of all others
        log.exception("no region statistics of field step %s", row.store)
        record[:, STATISTICS.index("valid_share")] = 0.0
        return record
    record[weights.rid] = np.column_stack([columns[name] for name in STATISTICS])
    return record


def _statistics(values: NDArray[np.float32], weights: Weights) -> Mapping[str, NDArray[np.float64]]:
    total, weight, everything, highest, lowest, _ = reduce_field(values, weights).T
    area_total, area_weight = reduce_field(values, weights, by_area=True).T[:2]
    valid, nothing = weight > 0, np.full(weight.shape, np.nan)

    def share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.divide(part, whole, out=nothing.copy(), where=whole > 0)

    return {
        "mean": share(total, weight),
        "area_mean": share(area_total, area_weight),
        "max": np.where(valid, highest, np.nan),
        "min": np.where(valid, lowest, np.nan),
        "p90": percentiles(values, weights, 90.0),
        "valid_share": np.nan_to_num(share(weight, everything), nan=0.0) * weights.inside,
    }


@dataclass
class Histories:
    """The histories of one home, kept up to date by whoever leads; each leadership first looks at what is there."""

    store: Store
    home: Path
    base_dir: Path
    _checked: int | None = None

    def work(self, now: datetime, *, epoch: int, budget: int = BATCH) -> int:
        """As `bring_up_to_date`."""
        if self._checked != epoch:
            forget_broken(self.store, self.home, self.base_dir, epoch=epoch)
            self._checked = epoch
        return bring_up_to_date(self.store, self.home, self.base_dir, now, epoch=epoch, budget=budget)


def forget_broken(store: Store, home: Path, base_dir: Path, *, epoch: int | None = None) -> int:
    """Drop slots whose file does not hold them, and files that no slot names; for the start of a leadership.

    Files may be missing after a restore, or differ after two leaders wrote at once. Returns the slots dropped.
    """
    count = len(load_regions(base_dir))
    groups: dict[tuple[str, str], list[Any]] = {}
    with store.read() as connection:
        for row in connection.execute(sa.select(region_slot)):
            groups.setdefault((row.regions, row.series), []).append(row)
    broken: list[int] = []
    for (regions, series), rows in groups.items():
        held = held_steps(history_path(home, regions, series, count), count)
        broken += [row.step_id for row in rows if row.slot >= len(held) or held[row.slot] != row.step_id]
    with store.write(epoch=epoch) as connection:
        for start in range(0, len(broken), 1000):
            connection.execute(region_slot.delete().where(region_slot.c.step_id.in_(broken[start : start + 1000])))
    wanted = {history_path(home, regions, series, count) for regions, series in groups}
    for path in (home / FOLDER).glob("*/*.bin"):
        if path not in wanted:
            path.unlink(missing_ok=True)
    return len(broken)
