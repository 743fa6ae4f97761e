"""What only shows between the steps of one file: the same step twice, steps left out, totals that fall.

Nothing is computed anew here: a total that falls stays what the provider sent, and says so, so that nobody takes a
difference over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from data.grid import grid_digest
from data.model import FieldStep, Reject
from ingest.grid_units import describe

Identity = tuple[Any, ...]
FALL = 0.1  # mm: a total may fall by so much through packing
RESET = 1.0  # mm
RESET_SHARE = 0.001  # of the cells


class Gathered:
    """Steps of a file by identity; a step given twice is kept once, or not at all where the two differ."""

    def __init__(self) -> None:
        self.steps: dict[Identity, FieldStep] = {}
        self.times: dict[Identity, int] = {}
        self.differing: set[Identity] = set()

    def add(self, step: FieldStep) -> bool:
        """Take a step in; whether it is new."""
        identity = identity_of(step)
        self.times[identity] = self.times.get(identity, 0) + 1
        held = self.steps.setdefault(identity, step)
        if held is step:
            return True
        if not np.array_equal(held.values, step.values, equal_nan=True):
            self.differing.add(identity)
        return False

    def settled(self) -> tuple[list[FieldStep], list[Reject]]:
        """The steps that hold, looked over together, and a reject for each that was given in two versions."""
        kept: list[FieldStep] = []
        rejects: list[Reject] = []
        for identity, step in self.steps.items():
            count = self.times[identity]
            if identity in self.differing:
                reason = f"given {count} times in this file with different values: nobody can tell which holds"
                rejects += [Reject(id=f"{label(step)} #{number}", reason=reason) for number in range(1, count + 1)]
            elif count > 1:
                kept.append(noted(step, f"given {count} times in this file with the same values"))
            else:
                kept.append(step)
        return look_over(kept), rejects


def identity_of(step: FieldStep) -> Identity:
    """What tells a step from all others of its source."""
    return (step.quantity, step.run_at, step.valid_at, step.accumulation_s, grid_digest(step.lon, step.lat))


def label(step: FieldStep) -> str:
    """A name for a step in a list of rejects."""
    return f"{step.quantity} {step.valid_at:%Y-%m-%dT%H:%MZ}"


def noted(step: FieldStep, sentence: str, **facts: Any) -> FieldStep:
    """The step with one more sentence."""
    notes = [*step.attributes.get("notes", []), sentence]
    return replace(step, attributes={**step.attributes, **facts, "notes": notes})


def look_over(steps: list[FieldStep]) -> list[FieldStep]:
    """The steps in their order, with what is noted of gaps and of totals that fall."""
    found = dict(enumerate(steps))
    for chain in _chains(steps, lambda step: (step.forecast, step.run_at if step.forecast else None)):
        for place, sentence in _gaps([(index, found[index].valid_at) for index in chain]):
            found[place] = noted(found[place], sentence)
    for chain in _chains(
        [step if _is_total(step) else None for step in steps],
        lambda step: (step.run_at, step.valid_at - timedelta(seconds=step.accumulation_s)),
    ):
        for before, after in pairwise(chain):
            found[after] = _compared(found[before], found[after])
    return list(found.values())


def _is_total(step: FieldStep) -> bool:
    return step.unit == "mm" and step.accumulation_s > 0 and "statistic" not in step.attributes


def _chains(steps: Iterable[FieldStep | None], more: Any) -> list[list[int]]:
    """Places of steps of one quantity, grid and whatever `more` says, by valid time."""
    groups: dict[Identity, list[tuple[datetime, int]]] = {}
    for index, step in enumerate(steps):
        if step is not None:
            key = (step.quantity, grid_digest(step.lon, step.lat), *more(step))
            groups.setdefault(key, []).append((step.valid_at, index))
    return [[index for _, index in sorted(group)] for group in groups.values() if len(group) > 1]


def _gaps(times: list[tuple[int, datetime]]) -> list[tuple[int, str]]:
    """The steps behind a gap: a distance that is a multiple of those before and behind it, which are equal."""
    unique = [pair for number, pair in enumerate(times) if number == 0 or pair[1] != times[number - 1][1]]
    distances = [(later[1] - earlier[1]) for earlier, later in pairwise(unique)]
    found = []
    for place, distance in enumerate(distances):
        around = [distances[near] for near in (place - 1, place + 1) if 0 <= near < len(distances)]
        if not around or any(one != around[0] for one in around) or distance <= around[0] or distance % around[0]:
            continue
        if len(around) == 1 and len(distances) < 3:
            continue  # two distances do not tell which of them is the usual one
        missing = distance // around[0] - 1
        earlier, later = unique[place][1], unique[place + 1][1]
        sentence = (
            f"{missing} steps between {earlier:%Y-%m-%d %H:%MZ} and {later:%Y-%m-%d %H:%MZ} are not in this file"
        )
        found.append((unique[place + 1][0], sentence))
    return found


def _compared(before: FieldStep, after: FieldStep) -> FieldStep:
    """The later step of a run's total, noted where it is lower than the earlier one."""
    with np.errstate(invalid="ignore"):
        fall = before.values - after.values
        count = int(np.count_nonzero(fall > FALL))
    if not count:
        return after
    both = int(np.count_nonzero(np.isfinite(fall)))
    reset = int(np.count_nonzero(fall > RESET)) > RESET_SHARE * both
    sentence = (
        f"the total is lower than at {before.valid_at:%Y-%m-%d %H:%MZ} in {count} of {both} cells, by up to "
        f"{describe(np.nanmax(fall))} mm" + (": it was begun anew in between" if reset else "")
    )
    return noted(after, sentence, **({"accumulation_reset": True} if reset else {}))
