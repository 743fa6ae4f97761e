"""A rule run through the past: its state from moment to moment, and what it would have put before people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from alerts.engine import Compiled, Inputs, State, after_gap, compile_rule, new_state, no_inputs, step
from alerts.inputs import utc_of
from alerts.matching import Warned
from alerts.neighbours import Land
from alerts.propose import Move, draft_proposals
from alerts.rule import Rule
from data.clock import iso
from data.model import Level

DAY_S = 86400.0
Columns = TypeVar("Columns", State, Inputs)


def chosen(of: Columns, places: NDArray[np.intp]) -> Columns:
    """The columns of some regions."""
    changed: dict[str, Any] = {
        item.name: value[..., places]
        for item in fields(of)
        if isinstance(value := getattr(of, item.name), np.ndarray)
    }
    return replace(of, **changed)


def put_back(whole: State, part: State, places: NDArray[np.intp]) -> State:
    """The state with the columns of some regions in their places."""
    changed: dict[str, Any] = {"names": part.names, "failed": part.failed}
    for item in fields(whole):
        value = getattr(whole, item.name)
        if isinstance(value, np.ndarray):
            changed[item.name] = value.copy()
            changed[item.name][..., places] = getattr(part, item.name)
    return replace(whole, **changed)


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A region's level from a moment on."""

    at: float
    region: int
    level: int


@dataclass(eq=False)
class Trial:
    """One rule, or a variant of it, on its way through the past.

    A `light` one, of a variant, follows only what can have a level: regions that are neither at a trigger, nor
    waiting for one, nor under a level are left out of the step, since nothing of them can change a level later. It
    does not count unknown time.
    """

    rule: Rule
    codes: list[str]
    since: float
    until: float
    light: bool = False
    land: Land | None = None  # which regions hang together: one proposal each
    compiled: Compiled = field(init=False)
    state: State = field(init=False)
    changes: list[LevelChange] = field(default_factory=list)
    proposals: list[tuple[float, int]] = field(default_factory=list)  # when, how many
    evaluations: int = 0
    failed: dict[str, int] = field(default_factory=dict)  # why it could not be evaluated, how often
    unknown_s: NDArray[np.float64] = field(init=False)  # (days, n) time in which nobody could tell
    watched_s: NDArray[np.float64] = field(init=False)
    _at: float | None = None

    def __post_init__(self) -> None:
        self.compiled = compile_rule(self.rule)
        self.state = new_state(self.compiled, len(self.codes))
        days = 0 if self.light else int(np.ceil((self.until - self.since) / DAY_S)) or 1
        self.unknown_s = np.zeros((days, len(self.codes)))
        self.watched_s = np.zeros((days, len(self.codes)))

    def take(self, inputs: Inputs | None, now: float, reason: str = "") -> None:
        """One evaluation; without inputs, for a reason, the regions turn unknown as they do live."""
        before = self.state
        if self.light and inputs is not None:
            self.evaluations += 1
            self._step_some(inputs, now, self._lively(inputs))
            return
        self._spend(now)
        if self._at is not None and now - self._at > float(self.compiled.max_age_s.min()):
            before = after_gap(before)
        if inputs is None:
            inputs = no_inputs(self.compiled, before, reason)
            self.failed[reason] = self.failed.get(reason, 0) + 1
        after, _ = step(self.compiled, before, inputs, now)
        self._note(before, after, now, np.arange(len(self.codes)))
        self.state, self._at = after, now
        self.evaluations += 1

    def _note(self, before: State, after: State, now: float, places: NDArray[np.intp]) -> None:
        """Keep the changes of level, and how many proposals they make; `places` are those of the states' regions."""
        changed = np.flatnonzero(after.level != before.level).tolist()
        if not changed:
            return
        old, new = before.level, after.level
        moves = [
            Move(index=int(places[one]), from_level=Level(int(old[one])), to_level=Level(int(new[one])))
            for one in changed
        ]
        self.changes += [LevelChange(now, move.index, int(move.to_level)) for move in moves]
        in_force = int((self.state.level > 0).sum())
        drafts = draft_proposals(moves, self.codes, in_force_before=in_force, land=self.land)
        self.proposals.append((now, len(drafts)))

    def _lively(self, inputs: Inputs) -> NDArray[np.intp]:
        """Regions at a trigger, waiting for one, or under a level."""
        compiled, state = self.compiled, self.state
        over = inputs.value[compiled.leaf_input] * compiled.sign >= compiled.trigger
        return np.flatnonzero(over.any(axis=0) | (state.level > 0) | ~np.isnan(state.held_since).all(axis=0))

    def _step_some(self, inputs: Inputs, now: float, places: NDArray[np.intp]) -> None:
        """A step over some of the regions."""
        before = self.state
        if self._at is not None and now - self._at > float(self.compiled.max_age_s.min()):
            before = after_gap(before)
        self.state = replace(before, watched=before.watched | inputs.watched)
        self._at = now
        if not len(places):
            return
        part = chosen(self.state, places)
        after, _ = step(self.compiled, part, chosen(inputs, places), now)
        self._note(part, after, now, places)
        self.state = put_back(self.state, after, places)

    def finish(self) -> None:
        """The time after the last evaluation."""
        self._spend(self.until)

    def _spend(self, now: float) -> None:
        """Count the time since the last evaluation, day by day."""
        if self._at is None or self.light:
            return
        watched = self.state.watches
        unknown = watched & self.state.unknown
        at = self._at
        while at < now:
            day = min(int((at - self.since) // DAY_S), len(self.unknown_s) - 1)
            end = min(now, self.since + (day + 1) * DAY_S) if day < len(self.unknown_s) - 1 else now
            self.watched_s[day] += watched * (end - at)
            self.unknown_s[day] += unknown * (end - at)
            at = end

    def in_force(self, lowest: Level) -> Iterator[Warned]:
        """Each time in which a region was at or above a level; what lasts to the end ends with the history."""
        begun: dict[int, tuple[float, int]] = {}
        for change in self.changes:
            held = begun.get(change.region)
            if held is not None and change.level < lowest:
                yield self._warned(change.region, *begun.pop(change.region), change.at)
            elif change.level >= lowest:
                start, worst = held or (change.at, 0)
                begun[change.region] = (start, max(worst, change.level))
        for region, (start, worst) in sorted(begun.items()):
            yield self._warned(region, start, worst, max(self.until, start))

    def _warned(self, region: int, start: float, worst: int, end: float) -> Warned:
        code = self.codes[region]
        return Warned(id=f"{code} {iso(utc_of(start))}", area=code, start=start, end=end, level=Level(worst))
