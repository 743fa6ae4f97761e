"""A rule run through the past: its state from moment to moment, and what it would have put before people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alerts.engine import Compiled, Inputs, State, after_gap, compile_rule, new_state, no_inputs, step
from alerts.inputs import utc_of
from alerts.matching import Warned
from alerts.propose import draft_proposals
from alerts.rule import Rule
from data.clock import iso
from data.model import Level

DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A region's level from a moment on."""

    at: float
    region: int
    level: int


@dataclass(eq=False)
class Trial:
    """One rule, or a variant of it, on its way through the past."""

    rule: Rule
    codes: list[str]
    since: float
    until: float
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
        days = int(np.ceil((self.until - self.since) / DAY_S)) or 1
        self.unknown_s = np.zeros((days, len(self.codes)))
        self.watched_s = np.zeros((days, len(self.codes)))

    def take(self, inputs: Inputs | None, now: float, reason: str = "") -> None:
        """One evaluation; without inputs, for a reason, the regions turn unknown as they do live."""
        self._spend(now)
        before = self.state
        if self._at is not None and now - self._at > float(self.compiled.max_age_s.min()):
            before = after_gap(before)
        if inputs is None:
            inputs = no_inputs(self.compiled, before, reason)
            self.failed[reason] = self.failed.get(reason, 0) + 1
        after, moved = step(self.compiled, before, inputs, now)
        changed = np.flatnonzero(after.level != before.level)
        if len(changed):
            self.changes += [LevelChange(now, int(place), int(after.level[place])) for place in changed]
            in_force = int((before.level > 0).sum())
            drafts = draft_proposals(list(moved), self.codes, in_force_before=in_force)
            self.proposals.append((now, len(drafts)))
        self.state, self._at = after, now
        self.evaluations += 1

    def finish(self) -> None:
        """The time after the last evaluation."""
        self._spend(self.until)

    def _spend(self, now: float) -> None:
        """Count the time since the last evaluation, day by day."""
        if self._at is None:
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
