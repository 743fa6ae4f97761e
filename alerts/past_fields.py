"""A year of fields through a rule: the number of each region for every window, each step read once.

For an even series of analyses on one grid the windows slide over the cells: sums and means by what comes in and goes
out, maxima and minima by van Herk's scheme. Whatever else a rule asks for goes through `alerts.field_inputs`, step by
step. The work is cut into pieces of time, which run one after the other, or through an executor: threads, processes,
or those of a Dask cluster. The code is the same, and so are the numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from alerts.field_inputs import looked_at
from alerts.history import History
from alerts.rule import Rule, RuleInput
from data.grid import grid_digest
from data.regions import RegionIndex
from data.store.fields import open_step
from data.store.tables import field_step
from data.units import factor_offset
from layers.rolling import OPERATIONS
from layers.stations import RegionNumbers
from layers.step_values import read_values
from layers.zonal import Weights, load_weights, percentiles, reduce_field, weights_from_bytes, weights_path

SLIDING = ("latest", "sum", "mean", "max", "min")
PIECE = 240  # steps of a piece of work: its beginning reads a window of steps again
HELD = 100  # steps of a window held in memory; of a longer one the step that goes out is read again
LONGEST_BLOCK = 200  # steps of a maximum's window
EVEN_S = 1.0
UNDER_WAY = 4  # pieces in a pool at once
Floats = NDArray[np.float64]
Read = Callable[[Any], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a window needs of a stored step; it travels to other processes."""

    store: str
    at: float  # seconds since 1970 UTC
    received: float


@dataclass(frozen=True, kw_only=True)
class Sliding:
    """How the steps of an even series make windows."""

    item: RuleInput
    factor: float
    offset: float
    first: bool  # whether a step at the very beginning of a window belongs to it
    seconds: float  # between steps

    def coverage(self, at: Sequence[float]) -> float:
        """The share of the window that steps at these times speak for, as `alerts.field_inputs` has it."""
        item = self.item
        if item.accumulate == "latest":
            return 1.0
        if item.accumulate == "sum":
            return min(len(at) * self.seconds / item.window, 1.0)
        total, before = 0.0, at[-1] - item.window
        for one in at:
            total += min(one - before, item.interval)
            before = one
        return min(total / item.window, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """The numbers of n regions for each of some steps."""

    value: Floats  # (t, n)
    share: Floats  # (t, n)


def even_series(rows: Sequence[Any], item: RuleInput) -> tuple[list[Step], Sliding] | None:
    """The steps of an even series and how they make the input's windows; None where the general way must be gone.

    Parameters
    ----------
    rows : sequence
        Rows of `field_step`, analyses of one quantity that the rule may read.
    """
    if not rows or item.accumulate not in SLIDING or item.over is not None:
        return None
    rows = sorted(rows, key=lambda row: row.valid_at)
    if len({(row.source, row.grid, row.unit, row.accumulation_s) for row in rows}) != 1:
        return None
    steps = [Step(store=row.store, at=row.valid_at.timestamp(), received=row.received_at.timestamp()) for row in rows]
    at = np.array([step.at for step in steps])
    received = np.array([step.received for step in steps])
    if (np.diff(at) < EVEN_S).any() or (np.diff(received) < 0).any() or (received < at - EVEN_S).any():
        return None
    seconds = float(rows[0].accumulation_s) if item.accumulate == "sum" else _spacing(at)
    if item.accumulate != "latest" and not _fits(rows, item, at, seconds):
        return None
    factor, offset = factor_offset(rows[0].unit, item.unit)
    first = item.accumulate not in ("sum", "latest")
    return steps, Sliding(item=item, factor=factor, offset=offset, first=first, seconds=seconds)


def _spacing(at: Floats) -> float:
    return float(np.diff(at).min()) if len(at) > 1 else 0.0


def _fits(rows: Sequence[Any], item: RuleInput, at: Floats, seconds: float) -> bool:
    """Whether all times are on one even line, and a window holds a whole number of steps."""
    if seconds <= 0 or abs(item.window / seconds - round(item.window / seconds)) > 1e-9:
        return False
    off = (at - at[0]) / seconds
    even = bool((np.abs(off - np.round(off)) * seconds < EVEN_S).all())
    if item.accumulate == "sum":
        again = any((row.attributes or {}).get("accumulation_reset") for row in rows)
        return even and not again and _spacing(at) > seconds - EVEN_S
    return even and (item.accumulate == "mean" or round(item.window / seconds) + 1 <= LONGEST_BLOCK)


def slide(
    home: Path, steps: Sequence[Step], start: int, sliding: Sliding, weights: Weights, read: Read | None = None
) -> Piece:
    """Numbers for the steps from `start` on; those before it only fill the first windows."""
    look = read or (lambda step: read_values(home, step))
    rows = [
        _regions(values, coverage, sliding.item, weights)
        for values, coverage in _windows(steps, start, sliding, look)
    ]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 2, len(weights.rid))
    return Piece(value=table[:, 0], share=table[:, 1])


def _windows(
    steps: Sequence[Step], start: int, sliding: Sliding, read: Read
) -> Iterator[tuple[NDArray[np.float32], float]]:
    how = sliding.item.accumulate
    if how == "latest":
        for step in steps[start:]:
            yield (read(step).astype(np.float64) * sliding.factor + sliding.offset).astype(np.float32), 1.0
    elif how in ("sum", "mean"):
        yield from _sums(steps, start, sliding, read)
    else:
        yield from _extremes(steps, start, sliding, read)


def _members(steps: Sequence[Step], place: int, sliding: Sliding, first: int) -> int:
    """The first of the steps that belong to the window that ends at `place`."""
    begin = steps[place].at - sliding.item.window
    while steps[first].at < begin - EVEN_S or (not sliding.first and steps[first].at <= begin + EVEN_S):
        first += 1
    return first


def _sums(
    steps: Sequence[Step], start: int, sliding: Sliding, read: Read
) -> Iterator[tuple[NDArray[np.float32], float]]:
    """Sums and means. In 64 bits, sums of 32-bit numbers that span less than 2**29 are exact: nothing adds up."""
    from alerts.past_kernel import add, put_out, take_off
    from alerts.past_kernel import slide as pass_on

    held: deque[NDArray[np.float32] | None] = deque()
    total = missing = None
    first = 0
    for place, step in enumerate(steps):
        values = np.ascontiguousarray(read(step), np.float32)
        if total is None or missing is None:
            total, missing = np.zeros(values.size), np.zeros(values.size, np.int32)
        held.append(values if len(held) < HELD else None)
        new = _members(steps, place, sliding, first)
        gone = [
            np.ascontiguousarray(read(steps[one]) if (old := held.popleft()) is None else old, np.float32).ravel()
            for one in range(first, new)
        ]
        first = new
        count = float(place - first + 1) if sliding.item.accumulate == "mean" else 1.0
        out, flat = np.empty(values.size, np.float32), values.ravel()
        if len(gone) == 1:
            pass_on(total, missing, flat, gone[0], count, sliding.factor, sliding.offset, out)
        else:
            add(total, missing, flat)
            for one in gone:
                take_off(total, missing, one)
            put_out(total, missing, count, sliding.factor, sliding.offset, out)
        if place >= start:
            yield out.reshape(values.shape), sliding.coverage([one.at for one in steps[first : place + 1]])


def _extremes(
    steps: Sequence[Step], start: int, sliding: Sliding, read: Read
) -> Iterator[tuple[NDArray[np.float32], float]]:
    """Maxima and minima, by van Herk's scheme over the even line of times; a step that is missing has no say."""
    how = "max" if sliding.item.accumulate == "max" else "min"
    operation = OPERATIONS[how]  # type: ignore[index]
    width = round(sliding.item.window / sliding.seconds) + 1
    line = [round((step.at - steps[0].at) / sliding.seconds) for step in steps]
    place_of = {number: place for place, number in enumerate(line)}
    ending: list[NDArray[np.float32] | None] = []
    block: list[NDArray[np.float32] | None] = []
    begun: NDArray[np.float32] | None = None
    first = 0

    def join(one: Any, other: Any) -> Any:
        return other if one is None else one if other is None else operation(one, other)

    for number in range(line[-1] + 1):
        place = place_of.get(number)
        block.append(None if place is None else np.ascontiguousarray(read(steps[place]), np.float32))
        begun = join(begun, block[-1])
        within = len(block)
        window = begun if within == width or not ending else join(begun, ending[within])
        if place is not None and place >= start:
            first = _members(steps, place, sliding, first)
            joined = window.astype(np.float64) * sliding.factor + sliding.offset
            yield joined.astype(np.float32), sliding.coverage([one.at for one in steps[first : place + 1]])
        if within == width:
            for back in range(width - 2, -1, -1):
                block[back] = join(block[back], block[back + 1])
            ending, block, begun = block, [], None


def _regions(
    values: NDArray[np.float32], coverage: float, item: RuleInput, weights: Weights
) -> tuple[Floats, Floats]:
    """The number of each region and its usable share, as `layers.zonal.region_values` has them."""
    above = np.inf if item.above is None else item.above
    total, weight, everything, highest, lowest, over = reduce_field(values, weights, above=above).T
    valid = weight > 0
    if item.spatial == "percentile":
        value = percentiles(values, weights, 50.0 if item.percentile is None else item.percentile)
    elif item.spatial in ("max", "min"):
        value = highest if item.spatial == "max" else lowest
    else:
        part = over if item.spatial == "share_above" else total
        value = np.divide(part, weight, out=np.full(weight.shape, np.nan), where=valid)
    watched = everything > 0
    usable = np.divide(weight, everything, out=np.zeros_like(weight), where=watched) * weights.inside
    return np.where(valid, value, np.nan), usable * coverage


@dataclass(eq=False)
class PastFields:
    """One field input of a rule through the past: its pieces are computed as time reaches them."""

    home: Path
    steps: Sequence[Step]
    sliding: Sliding
    weights_file: Path
    rids: NDArray[np.int32]
    pool: Executor | None = None
    _received: Floats = field(init=False)
    _place: NDArray[np.intp] = field(init=False)
    _watched: NDArray[np.bool_] = field(init=False)
    _pieces: Iterator[Any] = field(init=False)
    _piece: Piece | None = None
    _from: int = 0

    def __post_init__(self) -> None:
        self._received = np.array([step.received for step in self.steps])
        weights = _weights(self.weights_file)
        self._place = np.searchsorted(weights.rid, self.rids)
        self._watched = _watched(weights)[self._place]
        self._pieces = self._computed()

    def _computed(self) -> Iterator[Piece]:
        """The pieces in order; through a pool a few are under way, so that memory is bounded."""
        works = (self._work(start) for start in range(0, len(self.steps), PIECE))
        if self.pool is None:
            yield from map(_piece, works)
            return
        under_way = deque(self.pool.submit(_piece, work) for work in islice(works, UNDER_WAY))
        while under_way:
            done: Piece = under_way.popleft().result()
            under_way.extend(self.pool.submit(_piece, work) for work in islice(works, 1))
            yield done

    def _work(self, start: int) -> tuple[Any, ...]:
        """A piece of work, with the steps that fill its first windows."""
        before = start
        while before > 0 and self.steps[before - 1].at >= self.steps[start].at - self.sliding.item.window - EVEN_S:
            before -= 1
        return self.home, self.steps[before : start + PIECE], start - before, self.sliding, self.weights_file

    def at(self, now: float) -> RegionNumbers:
        """The numbers as of a moment; moments must not go back."""
        last = int(np.searchsorted(self._received, now, side="right")) - 1
        nothing = np.full(len(self.rids), np.nan)
        if last < 0:
            return RegionNumbers(
                value=nothing, observed_at=nothing.copy(), valid_share=np.zeros(len(self.rids)),
                watched=np.zeros(len(self.rids), np.bool_), behind=np.full(len(self.rids), -1, np.int32),
            )  # fmt: skip
        while self._piece is None or last >= self._from + len(self._piece.value):
            self._from += 0 if self._piece is None else len(self._piece.value)
            self._piece = next(self._pieces)
        row = last - self._from
        return RegionNumbers(
            value=self._piece.value[row][self._place],
            observed_at=np.where(self._watched, self.steps[last].at, np.nan),
            valid_share=self._piece.share[row][self._place],
            watched=self._watched,
            behind=np.where(self._watched, np.int32(0), np.int32(-1)).astype(np.int32),
        )

    def name(self, now: float) -> str:
        """What is behind the numbers."""
        last = int(np.searchsorted(self._received, now, side="right")) - 1
        return f"field:{self.steps[max(last, 0)].store}"


def _watched(weights: Weights) -> NDArray[np.bool_]:
    """Regions that any cell of the grid lies in."""
    return (np.diff(weights.run_at) > 0) | (np.diff(weights.edge_at) > 0)


def _piece(given: tuple[Path, Sequence[Step], int, Sliding, Path]) -> Piece:
    home, steps, start, sliding, weights_file = given
    return slide(home, steps, start, sliding, _weights(weights_file))


@lru_cache(maxsize=2)
def _weights(path: Path) -> Weights:
    return weights_from_bytes(path.read_bytes())


def past_fields(
    history: History, rule: Rule, rids: NDArray[np.int32], index: RegionIndex, pool: Executor | None = None
) -> dict[str, PastFields]:
    """The field inputs of a rule whose windows can slide, by name; the others are gathered as live."""
    found: dict[str, PastFields] = {}
    for name, item in rule.inputs.items():
        if item.source != "field" or rule.branch != "observed":
            continue
        with history.store.read() as connection:
            query = sa.select(field_step).where(field_step.c.quantity == item.quantity, looked_at(item, rule.branch))
            rows = connection.execute(query).all()
        series = even_series(rows, item)
        if series is None:
            continue
        steps, sliding = series
        grid = open_step(history.home, rows[0])
        kinds = np.unique(index.kind[rids]).tolist()
        load_weights(history.home, index.base_dir, kinds, grid.lon, grid.lat)  # built where it is not there
        path = weights_path(history.home, index.base_dir, kinds, grid_digest(grid.lon, grid.lat))
        found[name] = PastFields(
            home=history.home, steps=steps, sliding=sliding, weights_file=path, rids=rids, pool=pool
        )
    return found
