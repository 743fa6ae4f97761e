"""The rules that run in an exercise: those it began with, and what its people decide of them while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alerts.pack import PackRule
from alerts.rule_version import standings
from alerts.running import RunningRules
from data.store.engine import Store


class PlayedRules:
    """What the replay of an exercise is given, as of now.

    Parameters
    ----------
    files : sequence of PackRule
        Of the scenario or the office.
    switched_on : set of str
        Rules that the scenario needs: they run until somebody in the exercise decides otherwise.
    begun : int
        The newest decision that the office had taken before.
    """

    def __init__(self, files: Sequence[PackRule], switched_on: frozenset[str], begun: int) -> None:
        self._running = RunningRules(files)
        self._switched_on, self._begun = switched_on, begun
        self._decided: tuple[PackRule, ...] | None = None
        self._rules: tuple[PackRule, ...] = ()

    def __call__(self, store: Store) -> tuple[PackRule, ...]:
        """The same object as long as nobody has decided anything."""
        decided = self._running(store)
        if decided is not self._decided:
            with store.read() as connection:
                own = {
                    rule
                    for rule, standing in standings(connection).items()
                    if standing.ruling is not None and standing.ruling.id > self._begun
                }
            self._rules = tuple(
                replace(item, rule=item.rule.model_copy(update={"enabled": True}))
                if item.rule.key in self._switched_on - own
                else item
                for item in decided
            )
            self._decided = decided
        return self._rules
