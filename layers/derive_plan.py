"""Which derived steps can be made of what is stored, and of which steps each: pure.

Steps of one source on one grid are a branch; analyses of all times together, forecasts of each run for themselves. A
derived step belongs to the branch of the steps that it was made of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from data.derived import is_derived, origin_of
from layers.amounts import EDGE, Chains, amounts_of
from layers.derivation import Derivation, Need, Part

NOON_TOLERANCE = timedelta(hours=1, minutes=30)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One derived step, or several of one formula, and what it is made of."""

    derivation: Derivation
    source: str  # of the steps it is made of
    grid: str
    run_at: datetime
    valid_at: datetime
    forecast: bool
    parts: Mapping[str, Sequence[Part]]

    @property
    def identity(self) -> tuple[str, str, str, datetime, datetime]:
        return self.derivation.name, self.source, self.grid, self.run_at, self.valid_at

    @property
    def inputs(self) -> dict[str, list[int]]:
        return {name: [step for part in parts for step in part.ids] for name, parts in self.parts.items()}

    @property
    def sample(self) -> Any:
        """A row on the grid of the job."""
        return next(part.row for parts in self.parts.values() for part in parts)


@dataclass(eq=False)
class Branch:
    """The steps of one source on one grid, by quantity; `run_at` of a forecast."""

    source: str
    grid: str
    run_at: datetime | None
    rows: dict[str, list[Any]] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)  # steps that were derived of the source's
    ids: set[int] = field(default_factory=set)
    _sums: dict[tuple[str, datetime, datetime], tuple[Part, ...] | None] = field(default_factory=dict)

    def add(self, row: Any, *, made: bool) -> None:
        self.rows.setdefault(row.quantity, []).append(row)
        self.ids.add(row.id)
        if made:
            self.made.add(row.id)

    @property
    def key(self) -> tuple[str, str, datetime | None]:
        return self.source, self.grid, self.run_at

    def kept(self, former: Branch | None) -> Branch:
        """The former of the same name if it holds the very same steps, with what was found in it; else this one."""
        same = former is not None and (self.ids, self.made) == (former.ids, former.made)
        return former if former is not None and same else self

    @cached_property
    def _at(self) -> dict[str, dict[datetime, Any]]:
        found: dict[str, dict[datetime, Any]] = {}
        for quantity, rows in self.rows.items():
            newest = found.setdefault(quantity, {})
            for row in sorted(rows, key=lambda row: (row.id not in self.made, row.run_at, -row.accumulation_s)):
                newest[row.valid_at] = row  # the source's own, the newest run, and of it the shortest interval
        return found

    @cached_property
    def _chains(self) -> dict[str, tuple[Chains, dict[int, Any]]]:
        return {
            quantity: (Chains(amounts_of(rows)), {row.id: row for row in rows})
            for quantity, rows in self.rows.items()
        }

    def times(self, need: Need) -> list[datetime]:
        """Times at which a need may be met, oldest first."""
        rows = self.rows.get(need.quantity, [])
        if need.take == "sum":
            return sorted({row.valid_at for row in rows if row.accumulation_s > 0})
        return sorted({row.valid_at for row in rows})

    def find(self, need: Need, at: datetime) -> tuple[Part, ...] | None:
        """The steps of a need; None where it is not met."""
        at -= need.back
        if need.take == "sum":
            return self._sum(need, at)
        steps = self._at.get(need.quantity, {})
        if need.take == "at":
            return (Part(row=steps[at]),) if at in steps else None
        near = [steps[time] for time in sorted(steps) if abs(time - at) <= need.window]
        return tuple(Part(row=row) for row in near) or None

    def _sum(self, need: Need, at: datetime) -> tuple[Part, ...] | None:
        """The parts of a sum, kept: several derivations ask for the same day, and every plan anew."""
        key = (need.quantity, at - need.window, at)
        if key not in self._sums:
            self._sums[key] = self._parts(*key)
        return self._sums[key]

    def _parts(self, quantity: str, start: datetime, end: datetime) -> tuple[Part, ...] | None:
        if quantity not in self._chains:
            return None
        chains, by_id = self._chains[quantity]
        found = chains.find(start, end)
        if found is None:
            return None
        return tuple(
            Part(row=by_id[item.step], less=None if item.less is None else by_id[item.less]) for item in found
        )

    @cached_property
    def _own(self) -> set[tuple[str, datetime, int]]:
        return {
            (quantity, row.valid_at, row.accumulation_s)
            for quantity, rows in self.rows.items()
            for row in rows
            if row.id not in self.made
        }

    def has_own(self, derivation: Derivation, at: datetime) -> bool:
        """Whether the source itself gives what would be derived."""
        seconds = int(derivation.accumulation.total_seconds())
        return any((spec.quantity, at, seconds) in self._own for spec in derivation.specs)


def branches(rows: Iterable[Any], former: Iterable[Branch] = ()) -> list[Branch]:
    """Branches of stored steps.

    Parameters
    ----------
    rows : iterable of field_step rows
        Derived amounts are left out: sums are always made of what the sources gave.
    former : iterable of Branch
        Those of the plan before: one that holds the same steps is taken again, with what was found in it.
    """
    found: dict[tuple[str, str, datetime | None], Branch] = {}
    for row in rows:
        made = is_derived(row.source)
        if made and row.accumulation_s:
            continue
        source = origin_of(row.source)
        run_at = row.run_at if row.forecast else None
        branch = found.setdefault((source, row.grid, run_at), Branch(source, row.grid, run_at))
        branch.add(row, made=made)
    known = {branch.key: branch for branch in former}
    kept = [branch.kept(known.get(key)) for key, branch in found.items()]
    return sorted(kept, key=lambda branch: (branch.source, branch.grid))


def plan(derivations: Sequence[Derivation], found: Sequence[Branch], now: datetime) -> Iterator[Job]:
    """Every job whose needs are met."""
    for derivation in derivations:
        for branch in found:
            if branch.run_at is not None and derivation.observed_only:
                continue
            for at in _times(derivation, branch, now):
                job = _job(derivation, branch, at, found)
                if job is not None:
                    yield job


def _job(derivation: Derivation, branch: Branch, at: datetime, found: Sequence[Branch]) -> Job | None:
    if branch.has_own(derivation, at):
        return None
    parts: dict[str, tuple[Part, ...]] = {}
    for name, need in derivation.needs.items():
        anywhere = need.take in ("all", "newest")
        steps = _anywhere(need, branch.grid, found) if anywhere else branch.find(need, at)
        if steps is None and not need.optional:
            return None
        parts[name] = steps or ()
    return Job(
        derivation=derivation, source=branch.source, grid=branch.grid, run_at=branch.run_at or at, valid_at=at,
        forecast=branch.run_at is not None, parts=parts,
    )  # fmt: skip


def _anywhere(need: Need, grid: str, found: Sequence[Branch]) -> tuple[Part, ...] | None:
    """The steps of a quantity on a grid, one for each time: climatology is of another source than the weather."""
    rows = [row for branch in found if branch.grid == grid for row in branch.rows.get(need.quantity, ())]
    newest = {row.valid_at: row for row in sorted(rows, key=lambda row: (row.run_at, row.id))}
    parts = tuple(Part(row=newest[at]) for at in sorted(newest))
    return (parts if need.take == "all" else parts[-1:]) or None


def _times(derivation: Derivation, branch: Branch, now: datetime) -> list[datetime]:
    first = next(iter(derivation.needs.values()))
    times = branch.times(first)
    if derivation.when == "newest":
        return times[-1:]
    if derivation.when == "six-hourly":
        return [at for at in times if at.hour % 6 == 0 and at.minute == 0]
    if derivation.when == "noon":
        rows = branch.rows.get(first.quantity, ())
        return _noons(times, (rows[0].west + rows[0].east) / 2.0, now) if rows else []
    if derivation.when == "hourly" and branch.run_at is None:
        firsts: dict[datetime, datetime] = {}
        for at in times:
            firsts.setdefault(at.replace(minute=0, second=0, microsecond=0), at)
        return sorted(firsts.values())
    return times


def _noons(times: Sequence[datetime], lon: float, now: datetime) -> list[datetime]:
    """Of each day the time nearest to noon of mean solar time at a longitude, once the tolerance has passed."""
    nearest: dict[Any, tuple[timedelta, datetime]] = {}
    for at in times:
        local = at + timedelta(hours=lon / 15.0)
        away = abs(local - local.replace(hour=12, minute=0, second=0, microsecond=0))
        if away <= NOON_TOLERANCE and (local.date() not in nearest or away < nearest[local.date()][0]):
            nearest[local.date()] = (away, at)
    return [at for _, at in sorted(nearest.values(), key=lambda pair: pair[1]) if at + NOON_TOLERANCE <= now + EDGE]


def needed_for(quantities: Collection[str], derivations: Sequence[Derivation]) -> tuple[Derivation, ...]:
    """Of some derivations those that rules over these quantities can look at, and what these need in turn.

    Amounts that were summed up here are for screens: rules and derivations take what the sources gave.
    """
    wanted, chosen = set(quantities), list[Derivation]()
    open_ = [one for one in derivations if not one.accumulation]
    while fresh := [one for one in open_ if one not in chosen and wanted & {of.quantity for of in one.specs}]:
        chosen += fresh
        wanted |= {need.quantity for one in fresh for need in one.needs.values()}
    return tuple(one for one in derivations if one in chosen)
