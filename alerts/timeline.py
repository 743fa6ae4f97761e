"""The order of a replay: which deliveries come when, and when the rules look."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.scenario import Delivery, Round, Scenario


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happens at one time: deliveries, and then a look of the rules where `evaluates`."""

    at: datetime
    deliveries: tuple[Delivery, ...] = ()
    evaluates: bool = True


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The steps with deliveries, and the times between them at which the rules look too."""

    begin: datetime
    end: datetime
    period: timedelta
    steps: tuple[Step, ...]
    looks: tuple[datetime, ...] | None  # of a recorded day; None: each period from the beginning

    def steps_after(self, at: datetime | None, until: datetime) -> Sequence[Step]:
        """The steps that are still to be done, in their order."""
        first = 0 if at is None else bisect.bisect_right(self.steps, at, key=lambda step: step.at)
        last = bisect.bisect_right(self.steps, until, key=lambda step: step.at)
        return self.steps[first:last]

    def looks_between(self, after: datetime, before: datetime) -> Sequence[datetime]:
        """The times strictly between two at which the rules look and nothing arrives."""
        if self.looks is not None:
            return self.looks[bisect.bisect_right(self.looks, after) : bisect.bisect_left(self.looks, before)]
        first = (after - self.begin) // self.period + 1
        count = -(-(before - self.begin) // self.period) - first
        return [self.begin + self.period * number for number in range(first, first + max(count, 0))]

    def all_looks_between(self, after: datetime, before: datetime) -> Sequence[datetime]:
        """The times strictly between two at which the rules look, also those at which something arrives."""
        steps = [step.at for step in self.steps_after(after, before) if step.evaluates and step.at < before]
        return sorted({*steps, *self.looks_between(after, before)})


def timeline(scenario: Scenario) -> Timeline:
    """The order of a scenario: as recorded, else a look after each delivery and at the engine's rhythm."""
    head = scenario.head
    if scenario.rounds:
        steps, looks = _recorded(scenario.deliveries, scenario.rounds)
    else:
        steps, looks = _written(scenario.deliveries), None
    return Timeline(begin=head.begin, end=head.end, period=head.period, steps=steps, looks=looks)


def _written(deliveries: Sequence[Delivery]) -> tuple[Step, ...]:
    together: dict[datetime, list[Delivery]] = {}
    for item in deliveries:
        together.setdefault(item.at, []).append(item)
    return tuple(Step(at=at, deliveries=tuple(items)) for at, items in sorted(together.items()))


def _recorded(
    deliveries: Sequence[Delivery], rounds: Sequence[Round]
) -> tuple[tuple[Step, ...], tuple[datetime, ...]]:
    """Each look after the deliveries that it saw then, however close they were."""
    steps: list[Step] = []
    looks: list[datetime] = []
    seen = 0
    for item in rounds:
        if item.seen > seen:
            steps.append(Step(at=item.at, deliveries=tuple(deliveries[seen : item.seen])))
            seen = item.seen
        else:
            looks.append(item.at)
    if seen < len(deliveries):
        last = max(item.at for item in deliveries[seen:])
        rest = tuple(deliveries[seen:])
        steps.append(Step(at=max(last, steps[-1].at if steps else last), deliveries=rest, evaluates=False))
    return tuple(steps), tuple(looks)
