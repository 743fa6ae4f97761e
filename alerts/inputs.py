"""What a rule is given to look at: where rules meet the store.

One `Gatherer` serves one evaluation of many rules and reads each quantity once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alerts.engine import Inputs
from alerts.event_inputs import Heard, event_numbers, read_events, smallest_that_counts
from alerts.field_inputs import field_numbers, read_steps
from alerts.memory import Memory
from alerts.places import rids_of
from alerts.rule import Rule, RuleInput
from alerts.station_inputs import Network, read_network, station_numbers
from alerts.survey_inputs import find_dataset, survey_numbers
from alerts.warning_inputs import Told, read_warnings, warning_numbers
from data.regions import RegionIndex, load_regions
from data.store.engine import Store
from layers.stations import RegionNumbers


@dataclass(frozen=True, kw_only=True, eq=False)
class InputColumn:
    """One input of a rule before it joins the others."""

    numbers: RegionNumbers
    names: Sequence[str]
    at_most: NDArray[np.float64] | None = None
    silent: NDArray[np.float64] | None = None


@dataclass(eq=False)
class Gatherer:
    """Reads what rules need as of `now`; `rules` are those that will be asked for."""

    store: Store
    home: Path
    base_dir: Path
    now: datetime
    rules: Sequence[Rule] = ()
    memory: Memory | None = None
    _networks: dict[tuple[str, str], Network] = field(default_factory=dict)
    _heard: dict[tuple[object, ...], Heard] = field(default_factory=dict)
    _told: dict[tuple[object, ...], Told] = field(default_factory=dict)

    @property
    def index(self) -> RegionIndex:
        return load_regions(self.base_dir)

    def gather(self, rule: Rule, level_since: NDArray[np.float64] | None = None) -> Inputs:
        """The inputs of a rule over its regions.

        Parameters
        ----------
        rule : Rule
        level_since : array, optional
            (n,) since when a level is in force in each region [s since 1970 UTC], NaN where none is: stations that
            fell silent since then are asked for their last word.

        Raises
        ------
        RuleError
            If the rule asks for what does not exist.
        """
        rids = rids_of(rule, self.index)
        since = np.full(len(rids), np.nan) if level_since is None else level_since
        columns = [self._column(rule, name, rids, since) for name in rule.inputs]
        names: dict[str, int] = {}
        numbers = [_renumber(column, names) for column in columns]
        nothing = np.full(len(rids), np.nan)

        def joined(parts: list[NDArray[np.float64] | None]) -> NDArray[np.float64] | None:
            if all(part is None for part in parts):
                return None
            return np.array([nothing if part is None else part for part in parts])

        return Inputs(
            value=np.array([one.value for one in numbers]),
            observed_at=np.array([one.observed_at for one in numbers]),
            share=np.array([one.valid_share for one in numbers]),
            watched=np.array([one.watched for one in numbers]),
            behind=np.array([one.behind for one in numbers], dtype=np.int32),
            names=tuple(names),
            at_most=joined([column.at_most for column in columns]),
            silent=joined([column.silent for column in columns]),
        )

    def _column(self, rule: Rule, name: str, rids: NDArray[np.int32], since: NDArray[np.float64]) -> InputColumn:
        item = rule.inputs[name]
        max_age_s = rule.max_age if item.max_age is None else item.max_age
        if item.source == "stations":
            network = self.network(item.quantity, item.unit)
            fresh_after = self.now.timestamp() - max_age_s
            numbers, silent, names = station_numbers(
                network, item, rids, self.index.parent_rid, fresh_after, since - max_age_s, rule.sites
            )
            return InputColumn(numbers=numbers, names=names, silent=silent)
        if item.source == "events":
            return self._events(rule, name, item, rids)
        if item.source == "warnings":
            return self._warnings(rule, name, item, rids)
        if item.source == "survey":
            with self.store.read() as connection:
                dataset = find_dataset(connection, item.quantity, self.now)
            counted, behind = survey_numbers(dataset, item, self.home, self.index, rids)
            return InputColumn(numbers=counted, names=behind)
        with self.store.read() as connection:
            rows = read_steps(connection, item, rule.branch, self.now)
        found = field_numbers(
            rows, item, rule.branch, home=self.home, index=self.index, rids=rids, now=self.now, max_age_s=max_age_s,
            memory=self.memory,
        )  # fmt: skip
        return InputColumn(numbers=found.numbers, names=found.names, at_most=found.at_most)

    def _events(self, rule: Rule, name: str, item: RuleInput, rids: NDArray[np.int32]) -> InputColumn:
        alike = [other for other, one in rule.inputs.items() if one.source == "events"]
        floor = min(smallest_that_counts(rule, other) for other in alike)
        widest = max(rule.inputs[other].within_km or 0.0 for other in alike)
        key = (item.quantity, item.window, item.max_depth_km, item.feeds, floor)
        if key not in self._heard:
            with self.store.read() as connection:
                self._heard[key] = read_events(connection, item, floor, self.now)
        numbers, names = event_numbers(self._heard[key], item, self.index, rids, widest, self.now.timestamp())
        return InputColumn(numbers=numbers, names=names)

    def _warnings(self, rule: Rule, name: str, item: RuleInput, rids: NDArray[np.int32]) -> InputColumn:
        key = ("warnings", item.feeds)
        if key not in self._told:
            with self.store.read() as connection:
                self._told[key] = read_warnings(connection, item.feeds, self.now)
        floor = smallest_that_counts(rule, name)
        numbers, names = warning_numbers(
            self._told[key], item, self.index, rids, floor, begun=rule.branch == "observed"
        )
        return InputColumn(numbers=numbers, names=names)

    def network(self, quantity: str, unit: str) -> Network:
        """The stations of a quantity with their readings in `unit`, as far back as any rule looks."""
        key = (quantity, unit)
        if key not in self._networks:
            self._networks[key] = self._read_network(quantity, unit)
        return self._networks[key]

    def _read_network(self, quantity: str, unit: str) -> Network:
        reach = self._reach(quantity)
        if self.memory is not None:
            kept = self.memory.network(self.store, self.base_dir, quantity, unit, now=self.now, reach=reach)
            if kept is not None:
                return kept
        with self.store.read() as connection:
            return read_network(connection, self.base_dir, quantity, unit, now=self.now, reach=reach)

    def _reach(self, quantity: str) -> timedelta:
        reach = 0.0
        for rule in self.rules:
            for item in rule.inputs.values():
                if item.source == "stations" and item.quantity == quantity:
                    age = rule.max_age if item.max_age is None else item.max_age
                    reach = max(reach, item.memory_s + age)
        return timedelta(seconds=reach)


def _renumber(column: InputColumn, names: dict[str, int]) -> RegionNumbers:
    """The same numbers with `behind` pointing into the common `names`, which grows by those in use."""
    behind = column.numbers.behind
    table = np.full(len(column.names) + 1, -1, dtype=np.int32)
    for old in np.unique(behind[behind >= 0]).tolist():
        table[old] = names.setdefault(column.names[old], len(names))
    return replace(column.numbers, behind=table[behind])


def utc_of(seconds: float) -> datetime:
    """A time from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
