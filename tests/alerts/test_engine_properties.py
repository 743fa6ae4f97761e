"""What must hold on every path through the engine, whatever the readings do: random courses, shrunk where they fail.

Readings are drawn as a feed may bring them: missing, late, frozen, twice, in any order, from stations that vanish,
under a clock that jumps. Two things are asked of the answer: a level never ends without a fresh reading below its
clear value, and what cannot be known is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.engine import Compiled, Inputs, Phase, State, compile_rule, new_state, step
from alerts.rule import Rule, RuleInput
from alerts.station_inputs import Network, station_numbers
from layers.stations import Readings
from tests.conftest import tries

START = 1_000_000.0
MINUTE = 60.0
MAX_AGE = 600.0
FIRES = (Phase.FIRING, Phase.RECOVERING)
PROPERTY = settings(
    max_examples=tries(300, 80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

LADDER = {
    "yellow": {"input": "x", "trigger": 50, "clear": 45, "for": "2min", "hold": "3min"},
    "orange": {"input": "x", "trigger": 70, "clear": 60, "for": "1min", "hold": "0min"},
    "red": {"input": "x", "trigger": 90, "clear": 80, "hold": "5min"},
}
SCALE = {2: LADDER["yellow"], 3: LADDER["orange"], 4: LADDER["red"]}

VALUE = st.one_of(st.sampled_from([0.0, 44.0, 45.0, 50.0, 60.0, 70.0, 80.0, 90.0, math.nan]), st.floats(0.0, 120.0))
SHARE = st.sampled_from([*[1.0] * 8, 0.5, 0.49, 0.0])
AGE = st.sampled_from([*[0.0] * 15, 300.0, MAX_AGE, MAX_AGE + 1.0, 90_000.0, -200.0, -301.0, -7200.0])
PASSED = st.sampled_from([0.0, 1.0, *[60.0] * 6, 180.0, 600.0, 7200.0, -60.0, -7200.0])  # a clock may jump
LOOK = st.tuples(PASSED, VALUE, AGE, SHARE)


def one_input(now: float, value: float, age: float, share: float) -> Inputs:
    cell = np.array([[value]])
    return Inputs(
        value=cell, observed_at=np.array([[now - age]]), share=np.array([[share]]), watched=np.array([[True]]),
        behind=np.zeros((1, 1), dtype=np.int32), names=("s",),
    )  # fmt: skip


def usable(value: float, age: float, share: float) -> bool:
    return not math.isnan(value) and -300.0 <= age <= MAX_AGE and share >= 0.5


@PROPERTY
@given(looks=st.lists(LOOK, min_size=10, max_size=40))
def test_no_path_leads_from_firing_down_without_a_fresh_value_below_clear(
    make_rule: Callable[..., Rule], looks: list[tuple[float, float, float, float]]
) -> None:
    compiled = compile_rule(make_rule(LADDER))
    state, now = new_state(compiled, 1), START
    below: dict[int, float | None] = dict.fromkeys(SCALE)  # since when each level has been below clear for certain
    for passed, value, age, share in looks:
        now += passed
        before = state
        state, _ = step(compiled, state, one_input(now, value, age, share), now)
        fresh = usable(value, age, share)
        for level, item in SCALE.items():
            started = below[level]
            is_below = fresh and value < item["clear"] * (1 - 1e-6)
            below[level] = (now if started is None else min(started, now)) if is_below else None
        was, is_now = int(before.level[0]), int(state.level[0])
        if is_now < was:
            assert fresh and value < SCALE[was]["clear"]
            since = below[was]
            assert since is not None and now - since >= hold_s(was)
            assert not before.unknown[0] and not state.unknown[0]
        if before.shown[0] in FIRES and state.shown[0] in (Phase.NORMAL, Phase.PENDING):
            assert fresh and value < SCALE[was]["clear"]


def hold_s(level: int) -> float:
    return float(SCALE[level]["hold"].removesuffix("min")) * MINUTE


@PROPERTY
@given(looks=st.lists(LOOK, min_size=10, max_size=40))
def test_what_cannot_be_known_is_unknown_and_never_green(
    make_rule: Callable[..., Rule], looks: list[tuple[float, float, float, float]]
) -> None:
    compiled = compile_rule(make_rule(LADDER))
    state, now = new_state(compiled, 1), START
    for passed, value, age, share in looks:
        now += passed
        before = state
        state, _ = step(compiled, state, one_input(now, value, age, share), now)
        if usable(value, age, share):
            assert not state.unknown[0]
        else:
            assert state.unknown[0]
            assert state.level[0] == before.level[0]


@PROPERTY
@given(
    looks=st.lists(
        st.tuples(PASSED, st.lists(st.one_of(st.none(), st.floats(0.0, 40.0)), min_size=3, max_size=3)), min_size=1,
        max_size=25,
    )
)  # fmt: skip
def test_higher_level_is_never_hidden(
    make_rule: Callable[..., Rule], looks: list[tuple[float, list[float | None]]]
) -> None:
    """Three levels over three inputs: the one shown is at least the highest whose trigger is certain."""
    item = {"source": "stations", "quantity": "q", "unit": "m", "spatial": "mean"}
    levels = {
        key: {"input": name, "trigger": 20, "clear": 15, "hold": "10min"}
        for key, name in (("blue", "a"), ("orange", "b"), ("red", "c"))
    }
    compiled = compile_rule(make_rule(levels, inputs=dict.fromkeys("abc", item)))
    state, now = new_state(compiled, 1), START
    for passed, values in looks:
        now += passed
        column = np.array([[math.nan if value is None else value] for value in values])
        inputs = Inputs(
            value=column, observed_at=np.full((3, 1), now), share=np.ones((3, 1)), watched=np.full((3, 1), True),
            behind=np.zeros((3, 1), dtype=np.int32), names=("s",),
        )  # fmt: skip
        state, _ = step(compiled, state, inputs, now)
        certain = [level for level, value in zip((1, 3, 4), values, strict=True) if value is not None and value >= 20]
        doubtful = [level for level, value in zip((1, 3, 4), values, strict=True) if value is None]
        assert state.level[0] >= max(certain, default=0)
        if max(doubtful, default=0) > state.level[0]:
            assert state.unknown[0]


@dataclass
class Gauge:
    """Stations of one region, read as a feed brings them."""

    stations: int

    def numbers(self, rows: list[tuple[int, float, float]], item: RuleInput, now: float, since: float) -> Inputs:
        """Inputs of one region from (station, time, value) rows."""
        columns = np.array(rows, dtype=np.float64).reshape(-1, 3)
        readings = Readings.of(columns[:, 0].astype(np.intp), columns[:, 1], columns[:, 2], self.stations)
        ids = np.array([str(number) for number in range(self.stations)])
        network = Network(
            sources=ids, ids=ids, leaf=np.zeros(self.stations, dtype=np.intp), attributes=({},) * self.stations,
            readings=readings,
        )  # fmt: skip
        found, silent, names = station_numbers(
            network, item, np.array([0], dtype=np.int32), np.array([-1], dtype=np.int32), now - MAX_AGE,
            np.array([since - MAX_AGE]),
        )  # fmt: skip
        return Inputs(
            value=found.value[None], observed_at=found.observed_at[None], share=found.valid_share[None],
            watched=found.watched[None], behind=found.behind[None], names=tuple(names), silent=silent[None],
        )  # fmt: skip


READING = st.tuples(st.integers(0, 3), st.integers(-30, 30), st.sampled_from([0.0, 40.0, 48.0, 60.0, 95.0]))
HOW: list[dict[str, Any]] = [
    {},
    {"accumulate": "sum", "window": "10min", "interval": "1min"},
    {"accumulate": "max", "window": "10min", "interval": "1min"},
    {"accumulate": "rate", "window": "10min", "interval": "10min"},
    {"accumulate": "mean", "window": "10min", "interval": "1min", "spatial": "mean"},
    {"spatial": "share_above", "above": 50},
    {"frozen_after": "15min"},
]


@pytest.mark.parametrize("how", HOW, ids=lambda how: " ".join(str(part) for part in how.values()) or "latest")
@settings(max_examples=tries(60, 20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(READING, max_size=60), data=st.data())
def test_order_and_duplicates_of_readings_change_nothing(
    make_rule: Callable[..., Rule], how: dict[str, Any], rows: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    entry = {"source": "stations", "quantity": "q", "unit": "m", **how}
    rule = make_rule(LADDER, inputs={"x": entry})
    compiled, item = compile_rule(rule), rule.inputs["x"]
    kept = {(station, minute): value for station, minute, value in rows}  # one telling of each, as the store keeps
    told = [(station, START + minute * MINUTE, value) for (station, minute), value in kept.items()]
    twice = told + data.draw(st.lists(st.sampled_from(told), max_size=10)) if told else told
    shuffled = data.draw(st.permutations(twice))
    assert same(course(compiled, item, told), course(compiled, item, shuffled))


def course(compiled: Compiled, item: RuleInput, rows: list[tuple[int, float, float]]) -> list[State]:
    gauge, state, states = Gauge(4), new_state(compiled, 1), []
    for minute in range(-30, 32, 3):
        now = START + minute * MINUTE
        seen = [row for row in rows if row[1] <= now]
        state, _ = step(compiled, state, gauge.numbers(seen, item, now, float(state.level_since[0])), now)
        states.append(state)
    return states


def same(one: list[State], other: list[State]) -> bool:
    parts = ("phase", "unknown", "level", "since", "held_since", "below_since", "value", "observed_at", "share")
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
        for a, b in zip(one, other, strict=True)
        for name in parts
    )


STUCK = st.sampled_from(["nan", "vanished", "frozen", "half missing", "clock back", "clock ahead"])


@PROPERTY
@given(
    fault=STUCK, high=st.sampled_from([60.0, 75.0, 95.0]), low=st.sampled_from([0.0, 30.0]), looks=st.integers(1, 8)
)
def test_each_way_to_lose_a_gauge_turns_unknown_and_keeps_the_level(
    make_rule: Callable[..., Rule], fault: str, high: float, low: float, looks: int
) -> None:
    """Four gauges; the one that is high, and under `half missing` another with it, stops telling the truth."""
    entry = {"source": "stations", "quantity": "q", "unit": "m", "frozen_after": "20min"}
    rule = make_rule(LADDER, inputs={"x": entry}, min_valid_share=0.6)
    compiled, item = compile_rule(rule), rule.inputs["x"]
    gauge, state, rows = Gauge(4), new_state(compiled, 1), []
    for minute in range(10):
        now = START + minute * MINUTE
        rows += [(0, now, high + minute / 100)] + [(number, now, low + minute / 100) for number in (1, 2, 3)]
        state, _ = step(compiled, state, gauge.numbers(rows, item, now, float(state.level_since[0])), now)
    raised = int(state.level[0])
    assert raised > 0 and not state.unknown[0]
    jump = {"clock back": -7200.0, "clock ahead": 86_400.0}.get(fault, 30 * MINUTE)
    gone = (0, 1) if fault == "half missing" else (0,)
    begin = START + 9 * MINUTE
    for look in range(looks):
        now = begin + jump + look * MINUTE
        if "clock" not in fault:
            told = begin + 1.0 + np.arange(look and 30 + look - 1, 30 + look) * MINUTE
            for number in (n for n in range(4) if n not in gone):
                rows += [(number, at, low + 1 + at / 1e7) for at in told.tolist()]
            if fault == "frozen":
                rows += [(0, at, high + 0.09) for at in told.tolist()]
            if fault == "nan":
                rows += [(0, at, math.nan) for at in told.tolist()]
        state, _ = step(compiled, state, gauge.numbers(rows, item, now, float(state.level_since[0])), now)
        assert state.unknown[0], (fault, look)
        assert state.level[0] == raised
