"""What a rule would do now: the same step over the same store, and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alerts.engine import Compiled, Inputs, State, compile_rule, new_state, no_inputs, step
from alerts.inputs import Gatherer
from alerts.places import rids_of
from alerts.rule import Rule
from data.errors import TocsinError
from data.store.engine import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class Preview:
    """A rule over its regions as of now, as if it had been switched on this moment.

    `state` is after one step, with every `for` beginning now; `reached` is the level whose trigger is met in each
    region whatever time it has to hold, which is what the map of a rule editor shows.
    """

    rule: Rule
    compiled: Compiled
    rids: NDArray[np.int32]
    state: State
    reached: NDArray[np.int8]  # (n,) 0 where no trigger is met
    reason: str  # why there are no inputs; empty where there are

    @property
    def watched(self) -> NDArray[np.bool_]:
        return self.state.watches

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """(n,) watched, and nobody can tell."""
        blind: NDArray[np.bool_] = self.state.unknown & self.state.watches
        return blind


def preview(rule: Rule, store: Store, home: Path, base_dir: Path, now: datetime) -> Preview:
    """One rule as of `now`, over what the store holds, from no state at all.

    Raises
    ------
    RuleError
        If the rule names regions that do not exist.
    """
    gatherer = Gatherer(store, home, base_dir, now, rules=[rule])
    compiled, rids = compile_rule(rule), rids_of(rule, gatherer.index)
    blank = new_state(compiled, len(rids))
    reason = ""
    try:
        inputs = gatherer.gather(rule)
    except (TocsinError, ValueError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
        inputs = no_inputs(compiled, blank, reason)
    state, _ = step(compiled, blank, inputs, now)
    return Preview(
        rule=rule, compiled=compiled, rids=rids, state=state, reached=_reached(rule, inputs, now), reason=reason
    )


def _reached(rule: Rule, inputs: Inputs, now: datetime) -> NDArray[np.int8]:
    """The level that the rule would have at once, were there no time to hold."""
    at_once = {level: item.model_copy(update={"for_": 0.0}) for level, item in rule.levels.items()}
    compiled = compile_rule(rule.model_copy(update={"levels": at_once}))
    state, _ = step(compiled, new_state(compiled, inputs.value.shape[1]), inputs, now)
    return state.level
