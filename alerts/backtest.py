"""Rules tried on the past: the live step over what could be seen at each moment, scored against what happened.

The inputs are gathered by the live code as of each moment, and go through the same `step`: a warning here is one that
the engine would have proposed, had it run then.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.history import History, scratch
from alerts.inputs import utc_of
from alerts.matching import MatchRule, usual
from alerts.neighbours import Land
from alerts.pack import PackRule
from alerts.past_fields import past_fields
from alerts.past_inputs import PastInputs, Staged
from alerts.places import rids_of
from alerts.proof_scores import FORMAT, Asked, history_facts, rule_report, truth_facts
from alerts.rule import Rule
from alerts.trial import Trial
from alerts.truth import Truth
from data.errors import RuleError
from data.regions import load_regions

FACTORS = tuple(
    2.0 ** (power / 7.0) for power in range(-7, 8)
)  # of the trigger: half to twice, the present one inside
PRESENT = 7
OFFSET_UNITS = ("degC", "degF", "°C", "°F", "celsius", "fahrenheit")
MOST_MOMENTS = 2_000_000
FINEST_S = 60.0  # arrivals within a minute are evaluated together; those of events within a second
LONGEST_TICK_S = 3600.0
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A rule after its way through the past; `trials` are by factor of the trigger."""

    rule: Rule
    trials: Sequence[Trial]
    factors: Sequence[float]
    rids: NDArray[np.int32]
    moments: int

    @property
    def present(self) -> Trial:
        return self.trials[list(self.factors).index(1.0)]


def run_proof(
    rules: Sequence[PackRule | Rule],
    history: History,
    truth: Truth | None,
    officers: int = 1,
    progress: Progress | None = None,
    *,
    step_s: float | None = None,
    curve: bool = True,
    match: MatchRule | None = None,
    pool: Executor | None = None,
) -> dict[str, Any]:
    """Try rules on a history and score them.

    Parameters
    ----------
    rules : sequence of PackRule or Rule
    history : History
    truth : Truth, optional
        What happened; without it there are proposals to count and no scores.
    officers : int
        How many people share the proposals.
    progress : callable, optional
        Told how many evaluations are done, and of how many.
    step_s : float, optional
        Evaluate so often, instead of whenever something came in and at least each hour. [s]
    curve : bool
        Whether to try the rule at other triggers too.
    match : MatchRule, optional
        What counts as a match, where it is not what is usual for the hazard.
    pool : Executor, optional
        Where years of fields are computed: processes, or `Client.get_executor()` of Dask; else threads here.

    Returns
    -------
    dict
        The report, as JSON has it.

    Raises
    ------
    RuleError
        Where the history has nothing of what the rules look at, or a rule cannot be run.
    """
    if officers < 1:
        raise RuleError("at least one officer is needed to share the proposals")
    plain = [item.rule if isinstance(item, PackRule) else item for item in rules]
    if not plain:
        raise RuleError("there is no rule to try")
    since, until = history.span(plain)
    index = load_regions(history.base_dir)
    told = _Counter(progress, len(plain))
    blocks = []
    for rule in plain:
        run = run_rule(rule, history, since, until, step_s=step_s, curve=curve, progress=told.of_rule, pool=pool)
        asked = Asked(
            index=index, truth=truth, officers=officers,
            match=match or usual(rule.hazard),
        )  # fmt: skip
        blocks.append(rule_report(rule, run.trials, run.factors, run.rids, asked))
        told.next()
    return {
        "format": FORMAT,
        "history": history_facts(history, since, until),
        "truth": truth_facts(truth, plain),
        "officers": officers,
        "rules": blocks,
    }


class _Counter:
    """Progress over several rules as one number of thousandths."""

    def __init__(self, progress: Progress | None, rules: int) -> None:
        self._progress, self._rules, self._done = progress, rules, 0

    def of_rule(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(self._done * 1000 + done * 1000 // max(total, 1), self._rules * 1000)

    def next(self) -> None:
        self._done += 1
        self.of_rule(0, 1)


def run_rule(
    rule: Rule,
    history: History,
    since: datetime,
    until: datetime,
    *,
    step_s: float | None = None,
    curve: bool = True,
    progress: Progress | None = None,
    pool: Executor | None = None,
) -> Run:
    """One rule, and with a curve its variants, through the history."""
    factors = FACTORS if curve else (1.0,)
    variants = [scaled(rule, factor) for factor in factors]
    index = load_regions(history.base_dir)
    rids = rids_of(rule, index)
    codes = [str(code) for code in index.code[rids]]
    span = (since.timestamp(), until.timestamp())
    land = Land(history.home, index)
    trials = [
        Trial(rule=one, codes=codes, since=span[0], until=span[1], light=one is not rule, land=land)
        for one in variants
    ]
    times = moments(rule, history, *span, step_s)
    if not len(history.arrivals(rule)) and not history.listens(rule):
        times = times[:1]  # nothing ever came in: one look tells as much as all
    with scratch() as (store, _), _workers(pool) as executor:
        fields = past_fields(history, rule, rids, index, executor)
        staged = Staged.of(history, store, rule, without=fields)
        inputs = PastInputs(history=history, rules=variants, staged=staged, fields=fields)
        for done, at in enumerate(times.tolist()):
            _evaluate(trials, inputs, at)
            if progress is not None:
                progress(done + 1, len(times))
    for trial in trials:
        trial.finish()
    return Run(rule=rule, trials=trials, factors=factors, rids=rids, moments=len(times))


@contextmanager
def _workers(pool: Executor | None) -> Iterator[Executor]:
    """The pool that was given, or threads: what takes time in them holds no lock of Python."""
    if pool is not None:
        yield pool
        return
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as threads:
        yield threads


def _evaluate(trials: Sequence[Trial], inputs: PastInputs, at: float) -> None:
    inputs.move(utc_of(at))
    for trial in trials:
        try:
            found = inputs.gather(trial.rule, trial.state.level_since)
        except RuleError as error:  # as live: what cannot be gathered is unknown, and the report says so
            trial.take(None, at, str(error))
            continue
        trial.take(found, at)


def moments(rule: Rule, history: History, since: float, until: float, step_s: float | None) -> NDArray[np.float64]:
    """When to evaluate: each `step_s`; or whenever something came in, and as often as the rule's own clocks ask.

    Raises
    ------
    RuleError
        For more moments than anybody waits for.
    """
    tick = step_s or _tick(rule)
    if (until - since) / tick > MOST_MOMENTS:
        raise RuleError(f"more than {MOST_MOMENTS:,} evaluations: choose a longer step or a shorter history")
    ticks = np.asarray(since + tick * np.arange(math.floor((until - since) / tick) + 1), np.float64)
    if step_s is not None:
        return ticks
    finest = 1.0 if any(item.source == "events" for item in rule.inputs.values()) else FINEST_S
    came = history.arrivals(rule)
    came = np.ceil(np.round(came[(came >= since) & (came <= until)] / finest, 6)) * finest
    found = np.unique(np.concatenate([ticks, came]))
    if len(found) > MOST_MOMENTS:
        raise RuleError(f"more than {MOST_MOMENTS:,} evaluations: choose a longer step or a shorter history")
    return found


def _tick(rule: Rule) -> float:
    """How often to look although nothing came: what ends, and what grows old, is seen in time."""
    clocks = [rule.max_age / 2, *(part for level in rule.levels.values() for part in (level.for_, level.hold))]
    return min(LONGEST_TICK_S, max(FINEST_S, min(clock for clock in clocks if clock > 0)))


def scaled(rule: Rule, factor: float) -> Rule:
    """The rule with every trigger and clear value at another height.

    Numbers with a natural zero are multiplied. Temperatures, magnitudes and numbers below zero are moved instead, by
    the width of the rule's own levels for half and twice the trigger: their zero means nothing.
    """
    if factor == 1.0:
        return rule
    body = rule.body
    for level in body["levels"].values():
        for leaf in _leaves(level):
            moved = _moved(rule, str(leaf["input"]), factor)
            leaf["trigger"], leaf["clear"] = moved(leaf["trigger"]), moved(leaf["clear"])
    return Rule.model_validate(body)


def _leaves(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node.get("input") is not None:
        yield node
    for child in (*(node.get("all") or ()), *(node.get("any") or ())):
        yield from _leaves(child)


def _moved(rule: Rule, name: str, factor: float) -> Callable[[float], float]:
    numbers = [
        leaf.trigger
        for level in rule.levels.values()
        for leaf in level.leaves()
        if leaf.input == name and leaf.trigger is not None
    ]
    item = rule.inputs[name]
    if item.source != "events" and item.unit not in OFFSET_UNITS and min(numbers) > 0:
        return lambda value: value * factor
    width = max(max(numbers) - min(numbers), 1.0)
    return lambda value: value + width * math.log2(factor)
