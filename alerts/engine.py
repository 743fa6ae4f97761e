"""The rule engine: one pure step from a rule's state and its inputs to the next state and what changed.

In a region a rule is normal, pending, firing or recovering; `unknown` lies over these and remembers what was there::

    normal     --(value >= trigger, usable)--> pending --(`for` elapsed)--> firing
    pending    --(value <  trigger, usable)--> normal
    firing     --(value <  clear, usable)----> recovering --(`hold` elapsed)--> normal, or a lower level
    recovering --(value >= trigger)----------> firing
    any        --(cannot be evaluated)-------> unknown
    unknown    --(usable value)--------------> by value; what was firing is firing or recovering first

Several levels share one machine. Every level has its own clock for how long its trigger has held and how long its
value has been below `clear`, so a slow rise reaches yellow in time although orange is already waiting. The level in
force is the highest that fires, or the highest at or below the present one that may not end yet: a higher level
inhibits the lower ones, and nothing but a usable reading below `clear`, kept up for `hold`, ends a level.

Comparisons are three-valued: yes, no, cannot tell. A region is unknown when a level that cannot be told might be
higher than what is certain, or when it cannot be told whether the level in force may end. A trigger that is certain
still raises the level of an unknown region: worse is reported, better is not assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import overload

import numpy as np
from numpy.typing import NDArray

from alerts.rule import Condition, Rule
from data.model import Level

TOLERANCE = 1e-6  # of the threshold: ten readings of 0.1 mm are 1 mm in spite of binary fractions
AHEAD_S = 300.0  # a provider's clock may run this far ahead of ours

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Small = NDArray[np.int8]


class Phase(IntEnum):
    """Where a rule stands in a region."""

    NORMAL = 0
    PENDING = 1
    FIRING = 2
    RECOVERING = 3
    UNKNOWN = 4

    @property
    def key(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """The numbers of a rule: t inputs (in the rule's order) over n regions. `failed` says why there are none."""

    value: Floats  # (t, n); NaN is unknown, -inf is certainly nothing
    observed_at: Floats  # (t, n) seconds since 1970 UTC
    share: Floats  # (t, n) of the wanted data that is there, 0..1
    watched: Bools  # (t, n)
    behind: NDArray[np.int32]  # (t, n) index into `names` of the station, step or event behind the number; -1
    names: tuple[str, ...] = ()
    failed: str = ""
    at_most: Floats | None = (
        None  # (t, n) what the number cannot exceed although it is not known itself; NaN: no limit
    )
    silent: Floats | None = (
        None  # (t, n) the worst last word of stations that spoke while the level was in force and speak no more
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """A rule over n regions with l levels and t inputs; times are seconds since 1970 UTC, NaN where not running."""

    phase: Small  # (n,) under `unknown`, what it was
    unknown: Bools  # (n,)
    level: Small  # (n,) in force; 0 none
    level_since: Floats  # (n,) some level has been in force since
    since: Floats  # (n,) of the phase shown and the level
    held_since: Floats  # (l, n) the trigger has held since
    below_since: Floats  # (l, n) the value has been below clear since
    watched: Bools  # (t, n) once watched, always watched
    value: Floats  # (t, n) the last inputs
    observed_at: Floats
    share: Floats
    behind: NDArray[np.int32]
    at_most: Floats
    proposed: Small  # (n,) the level last put before a person; `step` leaves it as it is
    names: tuple[str, ...] = ()
    failed: str = ""

    @property
    def shown(self) -> Small:
        """The phase as people see it."""
        return np.where(self.unknown, np.int8(Phase.UNKNOWN), self.phase)

    @property
    def watches(self) -> Bools:
        """(n,) whether any input watches the region, or a level is in force there.

        A rule that could never be evaluated does not know what it watches: it may be any of its regions.
        """
        if self.failed and not self.watched.any():
            return np.ones(len(self.level), dtype=np.bool_)
        watched: Bools = self.watched.any(axis=0) | (self.level > 0)
        return watched


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """One change in one region (its index in the rule's regions)."""

    index: int
    from_phase: Phase
    to_phase: Phase
    from_level: Level
    to_level: Level
    reason: str
    value: float | None
    value_at: float | None


@dataclass(frozen=True, eq=False)
class Compiled:
    """A rule as arrays: its k comparisons, and which of them make each level."""

    rule: Rule
    names: tuple[str, ...]  # inputs
    scale: Small  # (l,)
    for_s: Floats  # (l, 1)
    hold_s: Floats  # (l, 1)
    leaf_input: NDArray[np.intp]  # (k,)
    sign: Floats  # (k, 1) -1 where the direction is below
    trigger: Floats  # (k, 1)
    clear: Floats  # (k, 1)
    max_age_s: Floats  # (t, 1)
    min_share: Floats  # (t, 1)
    lower_bound: Bools  # (k, 1)
    summed: Bools  # (k, 1) of those the sums
    trees: tuple[Condition, ...] | None  # None where each level is one comparison
    first_input: NDArray[np.intp]  # (l,) the input shown for a level

    @property
    def straight(self) -> bool:
        """Every leaf looks upward at its own input in order: no gathering needed."""
        return bool(self.leaf_input.tolist() == list(range(len(self.names))))


def compile_rule(rule: Rule) -> Compiled:
    """Arrays for `step`."""
    names = tuple(rule.inputs)
    levels = [(level, rule.levels[level.key]) for level in rule.scale()]  # type: ignore[index]
    leaves = [leaf for _, condition in levels for leaf in condition.leaves()]

    def column(values: Sequence[float]) -> Floats:
        return np.array(values, dtype=np.float64)[:, None]

    def threshold(value: float | None, direction: str) -> float:
        assert value is not None
        signed = value if direction == "above" else -value
        return signed - TOLERANCE * max(1.0, abs(value))

    items = [rule.inputs[name] for name in names]
    used = [names.index(str(leaf.input)) for leaf in leaves]
    return Compiled(
        rule=rule,
        names=names,
        scale=np.array([int(level) for level, _ in levels], dtype=np.int8),
        for_s=column([condition.for_ for _, condition in levels]),
        hold_s=column([condition.hold for _, condition in levels]),
        leaf_input=np.array(used, dtype=np.intp),
        sign=column([1.0 if leaf.direction == "above" else -1.0 for leaf in leaves]),
        trigger=column([threshold(leaf.trigger, leaf.direction) for leaf in leaves]),
        clear=column([threshold(leaf.clear, leaf.direction) for leaf in leaves]),
        max_age_s=column([rule.max_age if item.max_age is None else item.max_age for item in items]),
        min_share=column(
            [rule.min_valid_share if item.min_valid_share is None else item.min_valid_share for item in items]
        ),
        lower_bound=np.array(
            [items[index].lower_bound and leaf.direction == "above" for index, leaf in zip(used, leaves, strict=True)]
        )[:, None],
        summed=np.array(
            [
                items[index].lower_bound and items[index].accumulate == "sum" and leaf.direction == "above"
                for index, leaf in zip(used, leaves, strict=True)
            ]
        )[:, None],
        trees=None if all(condition.input for _, condition in levels) else tuple(c for _, c in levels),
        first_input=np.array([names.index(str(next(c.leaves()).input)) for _, c in levels], dtype=np.intp),
    )


def new_state(compiled: Compiled, regions: int) -> State:
    """Before the first evaluation: nothing is known, and nothing is watched."""
    levels, inputs = len(compiled.scale), len(compiled.names)
    return State(
        phase=np.zeros(regions, dtype=np.int8),
        unknown=np.ones(regions, dtype=np.bool_),
        level=np.zeros(regions, dtype=np.int8),
        level_since=np.full(regions, np.nan),
        since=np.full(regions, np.nan),
        held_since=np.full((levels, regions), np.nan),
        below_since=np.full((levels, regions), np.nan),
        watched=np.zeros((inputs, regions), dtype=np.bool_),
        value=np.full((inputs, regions), np.nan),
        observed_at=np.full((inputs, regions), np.nan),
        share=np.zeros((inputs, regions)),
        behind=np.full((inputs, regions), -1, dtype=np.int32),
        at_most=np.full((inputs, regions), np.nan),
        proposed=np.zeros(regions, dtype=np.int8),
    )


def carry_over(old: State, compiled: Compiled) -> State:
    """The state of an edited rule: what is in force stays, every clock starts again, nothing is known yet."""
    fresh = new_state(compiled, len(old.level))
    scale = compiled.scale
    at_least = np.minimum(np.searchsorted(scale, old.level), len(scale) - 1)
    level = np.where(old.level > 0, scale[at_least], np.int8(0)).astype(np.int8)
    phase = np.where(old.phase == Phase.PENDING, np.int8(Phase.NORMAL), old.phase)
    proposed = np.where(old.proposed == old.level, level, old.proposed).astype(np.int8)
    return replace(
        fresh, level=level, level_since=old.level_since.copy(), phase=phase, since=old.since.copy(), proposed=proposed
    )


def after_gap(old: State) -> State:
    """The state after a time in which nobody looked: what is in force stays, every clock starts again."""
    nothing = np.full(old.held_since.shape, np.nan)
    return replace(old, held_since=nothing, below_since=nothing.copy())


def no_inputs(compiled: Compiled, state: State, failed: str) -> Inputs:
    """What `step` is given when a rule's inputs could not be had: the last ones, not to be used."""
    return Inputs(
        value=state.value, observed_at=state.observed_at, share=state.share, watched=state.watched,
        behind=state.behind, names=state.names, failed=failed or "evaluation failed",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Told:
    """Per level and region: does the trigger hold, and is the value still at or above clear? Neither: cannot tell."""

    yes: Bools
    no: Bools
    keep: Bools
    below: Bools


class Transitions(Sequence[Transition]):
    """What changed in one step; each is made when it is asked for, so that much movement costs a step nothing."""

    def __init__(self, compiled: Compiled, before: State, after: State, indexes: NDArray[np.intp], at: float) -> None:
        self._compiled, self._before, self._after = compiled, before, after
        self._indexes, self._at = indexes, at

    def __len__(self) -> int:
        return len(self._indexes)

    @overload
    def __getitem__(self, place: int) -> Transition: ...
    @overload
    def __getitem__(self, place: slice) -> Transitions: ...
    def __getitem__(self, place: int | slice) -> Transition | Transitions:
        if isinstance(place, slice):
            return Transitions(self._compiled, self._before, self._after, self._indexes[place], self._at)
        return _transition(self._compiled, self._before, self._after, int(self._indexes[place]), self._at)


def step(compiled: Compiled, state: State, inputs: Inputs, now: datetime | float) -> tuple[State, Transitions]:
    """Advance a rule by one evaluation.

    Parameters
    ----------
    compiled : Compiled
    state : State
        As returned by the last step, or `new_state`.
    inputs : Inputs
        In the order of the rule's inputs, over the same regions as the state.
    now : datetime or float
        The time of this evaluation, or seconds since 1970 UTC.

    Returns
    -------
    state : State
        A new value; the arguments are unchanged.
    transitions : Transitions
        Regions whose shown phase or level is not what it was. The first evaluation of a region that has no level and
        is not pending is no transition.
    """
    at = now.timestamp() if isinstance(now, datetime) else float(now)
    watched = state.watched | inputs.watched
    told, region_watched = _tell(compiled, inputs, watched, at)
    scale = compiled.scale[:, None]

    held = np.where(told.yes, np.fmin(state.held_since, at), np.nan)
    below = np.where(told.below, np.fmin(state.below_since, at), np.nan)
    certain: Small = (told.yes * scale).max(axis=0)
    in_force = scale == state.level
    known: Small = np.maximum(certain, ((told.keep & in_force) * scale).max(axis=0))
    possible: Small = (~(told.yes | told.no) * scale).max(axis=0)
    untold_end = (~(told.keep | told.below) & in_force).any(axis=0) & (certain < state.level)
    unknown: Bools = (possible > known) | untold_end | ((state.level > 0) & ~region_watched)
    if inputs.failed:
        unknown = np.ones_like(unknown)

    fires: Small = ((told.yes & (at - held >= compiled.for_s)) * scale).max(axis=0)
    ends = told.below & (at - below >= compiled.hold_s)
    stays: Small = ((~ends & (scale <= state.level)) * scale).max(axis=0)
    stays = np.where(unknown | state.unknown, state.level, stays)
    level: Small = np.maximum(fires, stays)

    phase = _phase(state, told, scale, level, certain)
    phase = np.where(unknown & (level == state.level), state.phase, phase).astype(np.int8)
    changed = (level != state.level) | (unknown != state.unknown) | (~unknown & (phase != state.phase))
    first = np.isnan(state.since)
    level_since = np.where(level == 0, np.nan, np.where(np.isnan(state.level_since), at, state.level_since))
    after = State(
        phase=phase, unknown=unknown, level=level, level_since=level_since,
        since=np.where(changed | first, at, state.since),
        held_since=held, below_since=below, watched=watched, value=inputs.value, observed_at=inputs.observed_at,
        share=inputs.share, behind=inputs.behind, names=inputs.names, failed=inputs.failed, proposed=state.proposed,
        at_most=np.full(inputs.value.shape, np.nan) if inputs.at_most is None else inputs.at_most,
    )  # fmt: skip
    told_of = changed & (~first | (level > 0) | (phase == Phase.PENDING))
    indexes = np.flatnonzero(told_of & (region_watched | (level > 0) | (state.level > 0)))
    return after, Transitions(compiled, state, after, indexes, at)


def _tell(compiled: Compiled, inputs: Inputs, watched: Bools, at: float) -> tuple[_Told, Bools]:
    """Answer every level's two questions, and say which regions the rule watches at all."""
    value, leaf = inputs.value, compiled.leaf_input
    timely = (inputs.observed_at >= at - compiled.max_age_s) & (inputs.observed_at <= at + AHEAD_S) & watched
    if inputs.failed:
        timely = np.zeros_like(timely)
    fresh = timely & ~np.isnan(value)
    usable = fresh & (inputs.share >= compiled.min_share)
    if compiled.straight:
        signed, seen, absent = value * compiled.sign, fresh, ~watched
    else:
        signed, usable, seen, absent = value[leaf] * compiled.sign, usable[leaf], fresh[leaf], ~watched[leaf]
    provable = usable | (seen & compiled.lower_bound)
    over, still = signed >= compiled.trigger, signed >= compiled.clear
    whole = _filled(compiled, signed, inputs.share)
    told = _Told(
        yes=over & provable,
        no=(usable & ~(whole >= compiled.trigger)) | absent,
        keep=still & provable,
        below=(usable & ~(whole >= compiled.clear)) | absent,
    )
    if inputs.silent is not None:
        told.below[:] &= ~(inputs.silent[leaf] * compiled.sign >= compiled.clear)
    if inputs.at_most is not None:
        limit, capped = inputs.at_most[leaf], timely[leaf] & (compiled.sign > 0)
        told.no[:] |= capped & (limit < compiled.trigger)
        told.below[:] |= capped & (limit < compiled.clear)
    if compiled.trees is None:
        return told, _some(~absent)
    return _join(compiled.trees, told, ~absent)


def _filled(compiled: Compiled, signed: Floats, share: Floats) -> Floats:
    """What a sum with gaps would be if as much fell in the gaps as beside them; other numbers as they are.

    A sum that is only a lower bound proves that a trigger is reached, and denies it only where this is below it.
    """
    if not compiled.summed.any():
        return signed
    part = share if compiled.straight else share[compiled.leaf_input]
    gaps = compiled.summed & (part > 0) & (part < 1)
    return np.where(gaps, signed / np.where(gaps, part, 1.0), signed)


def _join(trees: tuple[Condition, ...], told: _Told, present: Bools) -> tuple[_Told, Bools]:
    """Join the comparisons of each level by its `all` and `any`, in three-valued logic.

    A comparison whose input does not watch a region drops out of an `any`; it makes an `all` absent.
    """
    position = 0

    def walk(node: Condition) -> tuple[Bools, Bools, Bools, Bools, Bools]:
        nonlocal position
        if node.input is not None:
            k = position
            position += 1
            return told.yes[k], told.no[k], told.keep[k], told.below[k], present[k]
        parts = [walk(child) for child in (node.all or node.any or ())]
        yes, no, keep, below, here = (np.array(column) for column in zip(*parts, strict=True))
        if node.any is not None:
            return _some(yes), _every(no), _some(keep), _every(below), _some(here)
        return _every(yes), _some(no), _every(keep), _some(below), _every(here)

    columns = [np.array(column) for column in zip(*(walk(tree) for tree in trees), strict=True)]
    return _Told(*columns[:4]), _some(columns[4])


def _some(rows: Bools) -> Bools:
    joined: Bools = np.logical_or.reduce(rows, axis=0)
    return joined


def _every(rows: Bools) -> Bools:
    joined: Bools = np.logical_and.reduce(rows, axis=0)
    return joined


def _phase(state: State, told: _Told, scale: Small, level: Small, certain: Small) -> Small:
    """The phase that goes with the new level, as if nothing were unknown."""
    below_now = (told.below & (scale == level)).any(axis=0)
    was = (state.phase == Phase.RECOVERING) & (level == state.level)
    recovering = (certain < level) & (below_now | was)
    in_force = np.where(recovering, np.int8(Phase.RECOVERING), np.int8(Phase.FIRING))
    idle = np.where(certain > 0, np.int8(Phase.PENDING), np.int8(Phase.NORMAL))
    return np.where(level > 0, in_force, idle)


def _transition(compiled: Compiled, before: State, after: State, index: int, at: float) -> Transition:
    def shown(state: State) -> Phase:
        return Phase.UNKNOWN if state.unknown[index] else Phase(int(state.phase[index]))

    weight = max(int(after.level[index]), int(before.level[index]))
    row = min(int(np.searchsorted(compiled.scale, weight)), len(compiled.scale) - 1)
    term = int(compiled.first_input[row])
    value, value_at = float(after.value[term, index]), float(after.observed_at[term, index])
    from_phase, to_phase = shown(before), shown(after)
    return Transition(
        index=index,
        from_phase=from_phase,
        to_phase=to_phase,
        from_level=Level(int(before.level[index])),
        to_level=Level(int(after.level[index])),
        reason=_reason(compiled, before, after, index, at),
        value=value if np.isfinite(value) else None,
        value_at=value_at if np.isfinite(value_at) else None,
    )


def _reason(compiled: Compiled, before: State, after: State, index: int, at: float) -> str:
    """Why, in a few words that are stored and shown."""
    if after.level[index] > before.level[index]:
        return "trigger held for its time"
    if after.unknown[index]:
        return why_unknown(compiled, after, index, at)
    if after.level[index] < before.level[index]:
        return "below clear for its time"
    if before.unknown[index]:
        return "readings are back"
    return {
        Phase.NORMAL: "below trigger again",
        Phase.PENDING: "at or above trigger",
        Phase.FIRING: "at or above trigger again",
        Phase.RECOVERING: "below clear",
    }[Phase(int(after.phase[index]))]


def why_unknown(compiled: Compiled, state: State, index: int, at: float) -> str:
    """What is missing for a region that cannot be evaluated."""
    if state.failed:
        return "evaluation failed"
    watched = state.watched[:, index]
    if not watched.any():
        return "nothing measures it"
    value, observed = state.value[:, index], state.observed_at[:, index]
    if np.isnan(value[watched]).any():
        return "no usable value"
    if (observed[watched] < at - compiled.max_age_s[watched, 0]).any():
        return "too old"
    if (observed[watched] > at + AHEAD_S).any():
        return "from the future"
    share = state.share[watched, index]
    gaps = bool(compiled.summed.any()) and (share < 1).any()
    if (share < compiled.min_share[watched, 0]).any() or gaps or state.level[index] == 0:
        return "too little of the data"
    return "a station that was higher is silent"
