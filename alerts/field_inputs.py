"""Field inputs of rules: stored steps joined over a window, cell by cell, then one number per region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.memory import Memory
from alerts.rule import Branch, RuleInput
from data.derived import derived_of, is_made
from data.errors import RuleError
from data.regions import RegionIndex
from data.store.fields import find_steps, open_step
from data.store.tables import field_step
from data.units import factor_offset
from layers.amounts import EDGE, ROUNDING_MM, amounts_of, cover, difference, tile
from layers.stations import RegionNumbers

columns = field_step.c
LONGEST_STEP_S = 86400.0  # steps of amounts up to a day are looked for around a window


@dataclass(frozen=True, kw_only=True, eq=False)
class Joined:
    """One field over a window, on one grid."""

    quantity: str
    unit: str
    valid_at: datetime
    values: NDArray[np.float32]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    coverage: float  # share of the window that steps speak for
    as_of: datetime  # run of a forecast, newest valid time of an analysis
    steps: tuple[int, ...]
    ceiling: bool = False  # the values are of a longer time: the number sought cannot be larger


def read_steps(connection: Connection, item: RuleInput, branch: Branch, now: datetime) -> list[Any]:
    """Rows of steps that may matter: those of the time in question, or the last one before.

    All of them: were some left out, a window would be told with less in it, or as watched by nobody.
    """
    ahead = _ahead(item, branch)
    back = max(0.0, item.reach_s - ahead) + max(item.interval, item.window, LONGEST_STEP_S)
    until = now if branch == "observed" else now + timedelta(seconds=ahead + LONGEST_STEP_S)
    where = sa.and_(looked_at(item, branch), columns.run_at <= now)
    since = now - timedelta(seconds=back)
    rows = find_steps(connection, quantity=item.quantity, since=since, until=until, where=where, limit=None)
    return rows or find_steps(connection, quantity=item.quantity, until=now, where=looked_at(item, branch), limit=1)


def looked_at(item: RuleInput, branch: Branch) -> sa.ColumnElement[bool]:
    """Whether a rule looks at a step: amounts that were summed up here only where it names them.

    A rule sums what the providers gave: of overlapping sums it would find fewer that fit a window with a gap. The
    last step of former days counts as well: its grid is still watched, and has fallen silent.
    """
    fed = sa.or_(sa.not_(is_made(columns.source)), columns.accumulation_s == 0)
    if item.feeds:
        fed = sa.and_(fed, columns.source.in_([*item.feeds, *map(derived_of, item.feeds)]))
    return fed if branch == "forecast" else sa.and_(fed, columns.forecast == sa.literal(False))


def _ahead(item: RuleInput, branch: Branch) -> float:
    if branch == "observed":
        return 0.0
    return item.window if item.ahead is None else item.ahead


@dataclass(frozen=True, kw_only=True, eq=False)
class FieldNumbers:
    """Numbers of a rule's regions, what they cannot exceed where they are not known, and where they come from."""

    numbers: RegionNumbers
    at_most: NDArray[np.float64]
    names: tuple[str, ...]


def field_numbers(
    rows: Sequence[Any],
    item: RuleInput,
    branch: Branch,
    *,
    home: Path,
    index: RegionIndex,
    rids: NDArray[np.int32],
    now: datetime,
    max_age_s: float,
    memory: Memory | None = None,
) -> FieldNumbers:
    """Numbers from stored steps; with a memory, what was made of the same steps before is used again.

    Where several grids cover a region, one with fresh data counts before one without, then the one with the finest
    cells, then the one with the newest data. A grid whose steps do not fit the window still
    watches its regions.
    """
    by_grid: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        by_grid.setdefault((row.source, row.grid), []).append(row)
    read = Reader(home, memory)

    def made(steps: Sequence[Any]) -> tuple[Joined, RegionNumbers]:
        end = _window_end(steps, item, branch, now)

        def make() -> tuple[RuleInput, Joined, RegionNumbers]:
            joined = _join(steps, item, branch, end, read)
            return item, joined, _over_regions(joined, item, home, index, rids)

        if memory is None:
            return make()[1:]
        of = tuple((row.id, row.received_at, _began_anew(row)) for row in steps)
        kept: tuple[Any, Joined, RegionNumbers] = memory.result((id(item), branch, end, of), make)
        return kept[1:]  # the input is kept beside them, so that its id is no other's

    fields = [made(steps) for steps in by_grid.values()]
    fresh_after = now - timedelta(seconds=max_age_s)
    fields.sort(key=lambda one: (one[0].as_of >= fresh_after, not one[0].ceiling, -_cell(one[0]), one[0].as_of))
    result, at_most = _nothing(len(rids)), np.full(len(rids), np.nan)
    names: list[str] = []
    for field, found in fields:
        behind = np.where(found.watched, np.int32(len(names)), np.int32(-1)).astype(np.int32)
        numbers = replace(found, behind=behind)
        names.append("field_step:" + ",".join(str(step) for step in field.steps))
        ceiling = numbers.value if field.ceiling else np.full(len(rids), np.nan)
        if field.ceiling:
            numbers = replace(numbers, value=np.full(len(rids), np.nan))
        use = numbers.watched & (~np.isnan(numbers.value) | ~np.isnan(ceiling) | np.isnan(result.value))
        result = _prefer(numbers, result, use)
        at_most = np.where(use, ceiling, at_most)
    return FieldNumbers(numbers=result, at_most=at_most, names=tuple(names))


def _cell(field: Joined) -> float:
    return abs(float(field.lat[0] - field.lat[-1])) / max(len(field.lat) - 1, 1)


@dataclass(frozen=True)
class Reader:
    """Reads stored steps, with a memory each once."""

    home: Path
    memory: Memory | None = None

    def values(self, row: Any) -> NDArray[np.float64]:
        def read() -> NDArray[np.float64]:
            return open_step(self.home, row).values.astype(np.float64)

        return read() if self.memory is None else self.memory.values(row.id, read)

    def axes(self, row: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitudes and latitudes; a grid's name is made of them."""

        def read() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            step = open_step(self.home, row)
            return step.lon, step.lat

        if self.memory is None:
            return read()
        found: tuple[NDArray[np.float64], NDArray[np.float64]] = self.memory.result(("axes", row.grid), read)
        return found


def _began_anew(row: Any) -> bool:
    return bool((row.attributes or {}).get("accumulation_reset"))


def _join(rows: Sequence[Any], item: RuleInput, branch: Branch, end: datetime | None, read: Reader) -> Joined:
    """The steps of one source on one grid as one field over the input's window.

    Notes
    -----
    An observed window ends at the newest step. A forecast window of amounts begins with the step that contains the
    present time, so that whole steps fill it; others end `ahead` of now. Amounts (`sum`) are added where steps tile
    the window end to end. Where the steps are longer than the window their sum is kept as a ceiling. Where nothing
    fits, the values are missing.
    """
    times = item.over.times if item.over else 1
    every = item.over.every if item.over else 0.0
    newest = max(rows, key=lambda row: (row.valid_at, row.run_at))
    lon, lat = read.axes(newest)
    blank = Joined(
        quantity=item.quantity, unit=item.unit, valid_at=end or newest.valid_at,
        values=np.full((len(lat), len(lon)), np.nan, dtype=np.float32), lon=lon, lat=lat,
        coverage=0.0, as_of=newest.run_at if branch == "forecast" else newest.valid_at, steps=(newest.id,),
    )  # fmt: skip
    if end is None:
        return blank
    parts = [_one_window(rows, item, end - timedelta(seconds=k * every), read) for k in range(times)]
    whole = [part for part in parts if part is not None]
    if len(whole) < len(parts):
        return blank
    factor, offset = _conversion(newest, item)
    if item.accumulate in ("change", "rate") or (item.over is not None and item.over.take == "difference"):
        offset = 0.0
    joined = whole[0].values if item.over is None else _take([part.values for part in whole], item.over.take)
    run_at = min(row.run_at for row in whole[0].rows)
    return replace(
        blank,
        values=(joined * factor + offset).astype(np.float32),
        coverage=min(part.coverage for part in whole),
        as_of=run_at if branch == "forecast" else max(row.valid_at for row in whole[0].rows),
        steps=tuple(dict.fromkeys(row.id for part in whole for row in part.rows)),
        ceiling=whole[0].ceiling,
    )


def _take(values: Sequence[NDArray[np.float64]], take: str) -> NDArray[np.float64]:
    if take == "difference":
        return values[0] - values[-1]
    stack = np.array(values)
    if take == "mean":
        return np.asarray(stack.mean(axis=0))
    return np.asarray(stack.min(axis=0) if take == "min" else stack.max(axis=0))


def _conversion(row: Any, item: RuleInput) -> tuple[float, float]:
    try:
        return factor_offset(row.unit, item.unit)
    except ValueError as error:
        raise RuleError(f"{item.quantity} comes in {row.unit!r}, the rule wants {item.unit!r}: {error}") from error


def _window_end(rows: Sequence[Any], item: RuleInput, branch: Branch, now: datetime) -> datetime | None:
    if branch == "observed":
        return max((row.valid_at for row in rows), default=None)
    if item.accumulate == "latest":
        return min((row.valid_at for row in rows if row.valid_at >= now - EDGE), default=None)
    ahead = timedelta(seconds=_ahead(item, branch))
    if item.accumulate != "sum":
        return now + ahead
    begins = [amount.begin for amount in amounts_of(rows) if amount.end > now]
    started = [at for at in begins if at <= now]
    begin = max(started, default=min(begins, default=None))
    return None if begin is None else begin + ahead


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    values: NDArray[np.float64]
    coverage: float
    rows: Sequence[Any]
    ceiling: bool = False


def _one_window(rows: Sequence[Any], item: RuleInput, end: datetime, read: Reader) -> _Part | None:
    """One window; None where no step lies in it."""
    start = end - timedelta(seconds=item.window)
    if item.accumulate == "sum":
        return _amount(rows, item, start, end, read)
    if item.accumulate == "latest":
        chosen = [row for row in _newest_runs(rows) if abs(row.valid_at - end) <= EDGE][-1:]
        return _Part(values=read.values(chosen[0]), coverage=1.0, rows=chosen) if chosen else None
    chosen = _newest_runs([row for row in rows if start - EDGE < row.valid_at <= end + EDGE])
    if not chosen:
        return None
    coverage = min(_spoken(chosen, start, item.interval) / item.window, 1.0)
    return _Part(values=_reduce(read, chosen, item.accumulate), coverage=coverage, rows=chosen)


def _amount(rows: Sequence[Any], item: RuleInput, start: datetime, end: datetime, read: Reader) -> _Part | None:
    """The amount of a window, or of the shortest longer time where the steps cannot be cut to it."""
    amounts = amounts_of(rows)
    chosen, spoken = tile(amounts, start, end)
    ceiling = False
    if not chosen:
        longer = cover(amounts, start, end) if item.spatial == "max" and item.over is None else None
        if longer is None:
            return None
        chosen, spoken, ceiling = longer, item.window, True
    by_id = {row.id: row for row in rows}
    total: NDArray[np.float64] | None = None
    for part in chosen:
        values = read.values(by_id[part.step])
        if part.less is not None:
            values, _ = difference(values, read.values(by_id[part.less]), _rounding(by_id[part.step].unit))
        total = values if total is None else total + values
    assert total is not None
    return _Part(
        values=total, coverage=min(spoken / item.window, 1.0), rows=[by_id[part.step] for part in chosen],
        ceiling=ceiling,
    )  # fmt: skip


def _rounding(unit: str) -> float:
    """What a total may fall by without meaning anything, in its own unit."""
    try:
        return ROUNDING_MM * factor_offset("mm", unit)[0]
    except ValueError:  # amounts of something else than water
        return 0.0


def _newest_runs(rows: Sequence[Any]) -> list[Any]:
    """One step for each valid time, the newest run of it, oldest time first."""
    best: dict[datetime, Any] = {}
    for row in rows:
        held = best.get(row.valid_at)
        if held is None or row.run_at > held.run_at:
            best[row.valid_at] = row
    return [best[at] for at in sorted(best)]


def _spoken(rows: Sequence[Any], start: datetime, interval: float) -> float:
    """Seconds of the window that the steps speak for: each from the one before it, at most `interval`."""
    total, before = 0.0, start
    for row in rows:
        total += min((row.valid_at - before).total_seconds(), interval)
        before = row.valid_at
    return total


def _reduce(read: Reader, rows: Sequence[Any], how: str) -> NDArray[np.float64]:
    """One field from several, cell by cell; a cell that is missing in one of them is missing."""
    total = read.values(rows[0]).copy()
    oldest = total.copy()
    for row in rows[1:]:
        values = read.values(row)
        if how == "mean":
            total += values
        elif how in ("max", "min"):
            total = np.maximum(total, values) if how == "max" else np.minimum(total, values)
        else:
            total = values
    if how == "mean":
        return total / len(rows)
    if how in ("change", "rate"):
        hours = (rows[-1].valid_at - rows[0].valid_at).total_seconds() / 3600.0
        return total - oldest if how == "change" or hours == 0 else (total - oldest) / hours
    return total


def _over_regions(
    field: Joined, item: RuleInput, home: Path, index: RegionIndex, rids: NDArray[np.int32]
) -> RegionNumbers:
    from layers.zonal import load_weights, region_values

    kinds = np.unique(index.kind[rids]).tolist()
    weights = load_weights(home, index.base_dir, kinds, field.lon, field.lat)
    numbers = region_values(
        field,
        weights,
        item.spatial,
        above=np.inf if item.above is None else item.above,
        percentile=50.0 if item.percentile is None else item.percentile,
    )
    place = np.searchsorted(numbers.rid, rids)
    watched = numbers.watched[place]
    return RegionNumbers(
        value=numbers.value[place],
        observed_at=np.where(watched, field.as_of.timestamp(), np.nan),
        valid_share=numbers.valid_share[place] * field.coverage,
        watched=watched,
        behind=np.where(watched, np.int32(0), np.int32(-1)).astype(np.int32),
    )


def _nothing(regions: int) -> RegionNumbers:
    empty = np.full(regions, np.nan)
    return RegionNumbers(
        value=empty, observed_at=empty.copy(), valid_share=np.zeros(regions),
        watched=np.zeros(regions, dtype=np.bool_), behind=np.full(regions, -1, dtype=np.int32),
    )  # fmt: skip


def _prefer(better: RegionNumbers, other: RegionNumbers, use: NDArray[np.bool_]) -> RegionNumbers:
    """The numbers of `better` where it is to be used, else the other's."""

    def pick(name: str) -> Any:
        return np.where(use, getattr(better, name), getattr(other, name))

    return RegionNumbers(
        value=pick("value"), observed_at=pick("observed_at"), valid_share=pick("valid_share"),
        watched=better.watched | other.watched, behind=pick("behind").astype(np.int32),
    )  # fmt: skip
