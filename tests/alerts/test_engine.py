"""The state machine: every arrow by table, and thousands of random courses against a slow model in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.engine import (
    Compiled,
    Inputs,
    Phase,
    State,
    Transition,
    carry_over,
    compile_rule,
    new_state,
    no_inputs,
    step,
)
from alerts.freeze import state_from_bytes, state_to_bytes
from alerts.rule import Condition, Rule
from data.errors import RuleError
from tests.conftest import tries

START = 1_000_000.0
MINUTE = 60.0
NAN = float("nan")
YELLOW = {"yellow": {"input": "x", "trigger": 50, "clear": 40, "for": "2min", "hold": "3min"}}


def inputs_of(now: float, *rows: list[float], age: float = 0.0, share: float = 1.0, watched: bool = True) -> Inputs:
    value = np.array(rows, dtype=np.float64)
    return Inputs(
        value=value, observed_at=np.full(value.shape, now - age), share=np.full(value.shape, share),
        watched=np.full(value.shape, watched), behind=np.zeros(value.shape, dtype=np.int32), names=("s",),
    )  # fmt: skip


def course(compiled: Compiled, *values: float | str) -> list[tuple[str, int]]:
    """Phase and level after each minute's value; "old" and "thin" are readings that cannot be used."""
    state, seen = new_state(compiled, 1), []
    for minute, value in enumerate(values):
        now = START + minute * MINUTE
        if isinstance(value, str):
            inputs = {
                "old": inputs_of(now, [99.0], age=3600.0),
                "thin": inputs_of(now, [0.0], share=0.1),
                "failed": no_inputs(compiled, state, "broken"),
            }[value]
        else:
            inputs = inputs_of(now, [value])
        state, _ = step(compiled, state, inputs, now)
        seen.append((Phase(int(state.shown[0])).key, int(state.level[0])))
    return seen


N, P, F, R, U = "normal", "pending", "firing", "recovering", "unknown"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([10], [(N, 0)], id="below-trigger-is-normal"),
        pytest.param([50], [(P, 0)], id="trigger-includes-its-number"),
        pytest.param([50, 60, 49.9], [(P, 0), (P, 0), (N, 0)], id="pending-falls-back"),
        pytest.param([50, 60, 60], [(P, 0), (P, 0), (F, 2)], id="for-elapsed-fires"),
        pytest.param([50, 60, 60, 45], [(P, 0), (P, 0), (F, 2), (F, 2)], id="between-clear-and-trigger-keeps-firing"),
        pytest.param([60, 60, 60, 40], [(P, 0), (P, 0), (F, 2), (F, 2)], id="clear-itself-is-not-below"),
        pytest.param([60, 60, 60, 39], [(P, 0), (P, 0), (F, 2), (R, 2)], id="below-clear-recovers"),
        pytest.param(
            [60, 60, 60, 39, 39, 39, 39],
            [(P, 0), (P, 0), (F, 2), (R, 2), (R, 2), (R, 2), (N, 0)],
            id="hold-elapsed-is-normal",
        ),
        pytest.param(
            [60, 60, 60, 39, 39, 51], [(P, 0), (P, 0), (F, 2), (R, 2), (R, 2), (F, 2)], id="recovering-fires-again"
        ),
        pytest.param(
            [60, 60, 60, 39, 39, 45, 39, 39, 39, 39],
            [(P, 0), (P, 0), (F, 2), (R, 2), (R, 2), (R, 2), (R, 2), (R, 2), (R, 2), (N, 0)],
            id="hold-starts-again-above-clear",
        ),
        pytest.param([NAN, 10], [(U, 0), (N, 0)], id="no-value-is-unknown"),
        pytest.param([10, "old", 10], [(N, 0), (U, 0), (N, 0)], id="too-old-is-unknown"),
        pytest.param([10, "thin"], [(N, 0), (U, 0)], id="too-little-data-is-unknown"),
        pytest.param([10, "failed", 10], [(N, 0), (U, 0), (N, 0)], id="failed-evaluation-is-unknown"),
        pytest.param(
            [60, 60, NAN, 60, 60, 60],
            [(P, 0), (P, 0), (U, 0), (P, 0), (P, 0), (F, 2)],
            id="pending-starts-again-after-unknown",
        ),
        pytest.param(
            [60, 60, 60, NAN, NAN, NAN, NAN, NAN, NAN],
            [(P, 0), (P, 0), (F, 2), *[(U, 2)] * 6],
            id="unknown-never-clears",
        ),
        pytest.param([60, 60, 60, NAN, 60], [(P, 0), (P, 0), (F, 2), (U, 2), (F, 2)], id="firing-comes-back-firing"),
        pytest.param([60, 60, 60, NAN, 45], [(P, 0), (P, 0), (F, 2), (U, 2), (F, 2)], id="firing-comes-back-between"),
        pytest.param(
            [60, 60, 60, NAN, 0, 0, 0, 0],
            [(P, 0), (P, 0), (F, 2), (U, 2), (R, 2), (R, 2), (R, 2), (N, 0)],
            id="firing-comes-back-recovering",
        ),
        pytest.param(
            [60, 60, 60, 0, 0, NAN, 0, 0, 0, 0],
            [(P, 0), (P, 0), (F, 2), (R, 2), (R, 2), (U, 2), (R, 2), (R, 2), (R, 2), (N, 0)],
            id="hold-starts-again-after-unknown",
        ),
    ],
)
def test_step_follows_each_arrow(
    make_rule: Callable[..., Rule], values: list[float | str], expected: list[tuple[str, int]]
) -> None:
    assert course(compile_rule(make_rule(YELLOW)), *values) == expected


def test_step_without_times_still_returns_through_recovering(make_rule: Callable[..., Rule]) -> None:
    compiled = compile_rule(make_rule({"red": {"input": "x", "trigger": 5, "clear": 4}}))
    assert course(compiled, 5, 3) == [(F, 4), (N, 0)]
    assert course(compiled, 5, NAN, 3, 3) == [(F, 4), (U, 4), (R, 4), (N, 0)]


LADDER = {
    "blue": {"input": "x", "trigger": 10, "clear": 8, "hold": "2min"},
    "yellow": {"input": "x", "trigger": 20, "clear": 18, "for": "2min", "hold": "2min"},
    "orange": {"input": "x", "trigger": 30, "clear": 28, "for": "2min", "hold": "2min"},
}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([10, 21, 31, 31, 31], [1, 1, 1, 2, 3], id="each-level-has-its-own-for"),
        pytest.param([31, 31, 31, 27, 27, 27], [1, 1, 3, 3, 3, 2], id="down-to-the-level-that-still-holds"),
        pytest.param([31, 31, 31, 19, 19, 19], [1, 1, 3, 3, 3, 2], id="down-keeps-a-level-above-its-own-clear"),
        pytest.param([31, 31, 31, 0, 0, 0], [1, 1, 3, 3, 3, 0], id="down-through-all-at-once"),
        pytest.param([31, 31, 31, 17, 9, 9, 7, 7, 7], [1, 1, 3, 3, 3, 1, 1, 1, 0], id="down-step-by-step"),
    ],
)
def test_step_moves_between_levels(make_rule: Callable[..., Rule], values: list[float], expected: list[int]) -> None:
    assert [level for _, level in course(compile_rule(make_rule(LADDER)), *values)] == expected


def test_step_flapping_around_the_trigger_fires_once(make_rule: Callable[..., Rule]) -> None:
    compiled = compile_rule(make_rule({"yellow": {"input": "x", "trigger": 50, "clear": 45, "hold": "5min"}}))
    noise = np.random.default_rng(7).normal(50.0, 2.0, 600)
    levels = [level for _, level in course(compiled, 0.0, *noise)]
    assert np.count_nonzero(np.diff(levels)) == 1


def test_step_future_reading_is_not_fresh(make_rule: Callable[..., Rule]) -> None:
    compiled = compile_rule(make_rule(YELLOW))
    state, _ = step(compiled, new_state(compiled, 1), inputs_of(START, [10.0], age=-3600.0), START)
    assert bool(state.unknown[0])


def two_inputs(make_rule: Callable[..., Rule], condition: dict[str, Any], **changes: Any) -> Compiled:
    item = {"source": "stations", "quantity": "q", "unit": "m", "spatial": "mean"}
    return compile_rule(make_rule({"yellow": condition}, inputs={"a": item, "b": item}, **changes))


A, B = ({"input": name, "trigger": 10, "clear": 8} for name in "ab")


@pytest.mark.parametrize(
    ("join", "values", "watched", "expected"),
    [
        pytest.param("any", (12, NAN), (1, 1), (F, 2, True), id="any-needs-one-that-is-certain"),
        pytest.param("any", (5, NAN), (1, 1), (U, 0, True), id="any-cannot-deny-with-one-missing"),
        pytest.param("any", (5, NAN), (1, 0), (N, 0, True), id="any-leaves-out-what-nobody-measures"),
        pytest.param("all", (12, NAN), (1, 1), (U, 0, True), id="all-cannot-confirm-with-one-missing"),
        pytest.param("all", (5, NAN), (1, 1), (N, 0, True), id="all-is-denied-by-one"),
        pytest.param("all", (12, 12), (1, 1), (F, 2, True), id="all-holds"),
        pytest.param("all", (12, NAN), (1, 0), (N, 0, False), id="all-is-not-watched-without-one"),
    ],
)
def test_step_joins_conditions_in_three_values(
    make_rule: Callable[..., Rule], join: str, values: tuple[float, float], watched: tuple[int, int],
    expected: tuple[str, int, bool],
) -> None:  # fmt: skip
    compiled = two_inputs(make_rule, {join: [A, B]})
    inputs = inputs_of(START, [values[0]], [values[1]])
    inputs.watched[:, 0] = watched
    state, transitions = step(compiled, new_state(compiled, 1), inputs, START)
    assert (Phase(int(state.shown[0])).key, int(state.level[0])) == expected[:2]
    assert bool(transitions) == (expected[1] > 0)


def test_step_partial_sum_proves_a_trigger_but_never_its_absence(make_rule: Callable[..., Rule]) -> None:
    item = {"source": "stations", "quantity": "q", "unit": "mm", "accumulate": "sum", "window": "6h"}
    compiled = compile_rule(make_rule({"red": {"input": "x", "trigger": 50, "clear": 40}}, inputs={"x": item}))
    state = new_state(compiled, 2)
    state, _ = step(compiled, state, inputs_of(START, [55.0, 45.0], share=0.2), START)
    assert state.level.tolist() == [4, 0]
    assert state.unknown.tolist() == [False, True]
    state, _ = step(compiled, state, inputs_of(START + 60, [5.0, 5.0], share=0.2), START + 60)
    assert state.level.tolist() == [4, 0]
    assert state.unknown.tolist() == [True, True]


def test_step_sum_with_a_gap_denies_only_what_the_gap_could_not_have_held(make_rule: Callable[..., Rule]) -> None:
    item = {"source": "stations", "quantity": "q", "unit": "mm", "accumulate": "sum", "window": "10h"}
    compiled = compile_rule(make_rule({"red": {"input": "x", "trigger": 50, "clear": 40}}, inputs={"x": item}))
    state, _ = step(compiled, new_state(compiled, 3), inputs_of(START, [44.0, 46.0, 51.0], share=0.9), START)
    assert state.level.tolist() == [0, 0, 4]
    assert state.unknown.tolist() == [False, True, False]  # 46 mm in nine hours are 51 mm in ten
    state, _ = step(compiled, state, inputs_of(START + 60, [0.0, 0.0, 37.0], share=0.9), START + 60)
    assert (state.level.tolist(), state.unknown.tolist()) == ([0, 0, 4], [False, False, True])


def test_step_ceiling_denies_a_trigger_without_a_value(make_rule: Callable[..., Rule]) -> None:
    compiled = compile_rule(make_rule(YELLOW))
    inputs = inputs_of(START, [NAN, NAN])
    capped = Inputs(**{**vars(inputs), "at_most": np.array([[30.0, 60.0]])})
    state, _ = step(compiled, new_state(compiled, 2), capped, START)
    assert state.unknown.tolist() == [False, True]


def test_step_worse_is_reported_while_another_level_is_unknown(make_rule: Callable[..., Rule]) -> None:
    item = {"source": "stations", "quantity": "q", "unit": "m", "spatial": "mean"}
    levels = {"blue": {"input": "a", "trigger": 1, "clear": 1}, "red": {"input": "b", "trigger": 1, "clear": 1}}
    compiled = compile_rule(make_rule(levels, inputs={"a": item, "b": item}))
    state, _ = step(compiled, new_state(compiled, 2), inputs_of(START, [2.0, NAN], [NAN, 2.0]), START)
    assert state.level.tolist() == [1, 4]
    assert state.unknown.tolist() == [True, False]  # blue for certain, perhaps red; red for certain


def test_step_once_watched_stays_watched(make_rule: Callable[..., Rule]) -> None:
    compiled = compile_rule(make_rule(YELLOW))
    state, _ = step(compiled, new_state(compiled, 1), inputs_of(START, [10.0]), START)
    state, _ = step(compiled, state, inputs_of(START + 60, [NAN], watched=False), START + 60)
    assert state.watches.tolist() == [True]
    assert state.unknown.tolist() == [True]


def test_step_changes_nothing_it_was_given(make_rule: Callable[..., Rule]) -> None:
    compiled = compile_rule(make_rule(YELLOW))
    state, inputs = new_state(compiled, 3), inputs_of(START, [60.0, 10.0, NAN])
    before = {name: np.copy(value) for name, value in vars(state).items() if isinstance(value, np.ndarray)}
    step(compiled, state, inputs, START)
    assert all(np.array_equal(value, getattr(state, name), equal_nan=True) for name, value in before.items())


def test_carry_over_keeps_what_is_in_force_and_makes_it_unknown(make_rule: Callable[..., Rule]) -> None:
    old = compile_rule(make_rule(LADDER))
    state, _ = step(old, new_state(old, 3), inputs_of(START, [12.0, 40.0, 0.0]), START)
    state, _ = step(old, state, inputs_of(START + 120, [12.0, 40.0, 0.0]), START + 120)
    edited = compile_rule(make_rule({"yellow": YELLOW["yellow"]}))
    moved = carry_over(state, edited)
    assert moved.level.tolist() == [2, 2, 0]
    after, transitions = step(edited, moved, inputs_of(START + 180, [0.0, 0.0, 0.0]), START + 180)
    assert after.level.tolist() == [2, 2, 0]
    assert [Phase(int(phase)).key for phase in after.shown] == [R, R, N]
    assert all(isinstance(item, Transition) for item in transitions)


def test_state_survives_as_bytes_and_continues_exactly(make_rule: Callable[..., Rule]) -> None:
    compiled = compile_rule(make_rule(LADDER))
    codes = np.array(["CN-110101", "区", "US-01001"])
    values = np.random.default_rng(3).uniform(0, 40, (40, 3))
    straight = frozen = new_state(compiled, 3)
    for minute, row in enumerate(values):
        now = START + minute * MINUTE
        straight, one = step(compiled, straight, inputs_of(now, list(row)), now)
        frozen, two = step(compiled, frozen, inputs_of(now, list(row)), now)
        blob = state_to_bytes(frozen, codes)
        frozen, found = state_from_bytes(blob)
        assert found.tolist() == codes.tolist()
        assert list(one) == list(two)
        assert state_to_bytes(straight, codes) == blob


@pytest.mark.parametrize("blob", [b"", b"TOCSIN-STATE-1\nxx", b"PK\x03\x04"], ids=["empty", "cut", "other"])
def test_state_from_damaged_bytes_is_refused(blob: bytes) -> None:
    with pytest.raises(RuleError):
        state_from_bytes(blob)


# The slow model: one region, dictionaries, and the sentences of the design read literally.


class Slow:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.level, self.base, self.unknown = 0, N, True
        self.held: dict[int, float] = {}
        self.low: dict[int, float] = {}
        self.ever: set[str] = set()

    def ask(self, node: Condition, reading: dict[str, Any], now: float, which: str) -> bool | str | None:
        """True, False, None for cannot tell, "absent" for not measured."""
        if node.input is None:
            answers = [self.ask(child, reading, now, which) for child in node.all or node.any or ()]
            if node.all:
                if "absent" in answers:
                    return "absent"
                return False if False in answers else None if None in answers else True
            there = [answer for answer in answers if answer != "absent"]
            if not there:
                return "absent"
            return True if True in there else None if None in there else False
        if node.input not in self.ever:
            return "absent"
        value, at, share = reading[node.input]
        if math.isnan(value) or now - at > self.rule.max_age or share < self.rule.min_valid_share:
            return None
        limit = node.trigger if which == "trigger" else node.clear
        assert limit is not None
        slack = 1e-6 * max(1.0, abs(limit))
        return bool(value >= limit - slack if node.direction == "above" else value <= limit + slack)

    def step(self, reading: dict[str, Any], watched: dict[str, bool], now: float) -> None:
        self.ever |= {name for name, yes in watched.items() if yes}
        levels = {int(level): self.rule.levels[level.key] for level in self.rule.scale()}
        trigger = {level: self.ask(item, reading, now, "trigger") for level, item in levels.items()}
        still = {level: self.ask(item, reading, now, "clear") for level, item in levels.items()}
        for level in levels:
            if trigger[level] is True:
                self.held.setdefault(level, now)
            else:
                self.held.pop(level, None)
            if still[level] in (False, "absent"):
                self.low.setdefault(level, now)
            else:
                self.low.pop(level, None)
        was, was_level, was_base = self.unknown, self.level, self.base
        certain = max([level for level in levels if trigger[level] is True], default=0)
        doubtful = max([level for level in levels if trigger[level] is None], default=0)
        known = max(certain, self.level if self.level and still[self.level] is True else 0)
        self.unknown = doubtful > known
        if self.level > certain and self.level and still[self.level] is None:
            self.unknown = True
        if self.level and all(answer == "absent" for answer in trigger.values()):
            self.unknown = True
        fired = max([n for n in levels if n in self.held and now - self.held[n] >= levels[n].for_], default=0)
        kept = [n for n in levels if n <= self.level and not (n in self.low and now - self.low[n] >= levels[n].hold)]
        stays = self.level if was or self.unknown else max(kept, default=0)
        self.level = max(fired, stays)
        if self.unknown and self.level == was_level:
            return
        if self.level == 0:
            self.base = P if certain else N
        elif certain < self.level and (self.level in self.low or (was_base == R and self.level == was_level)):
            self.base = R
        else:
            self.base = F

    @property
    def shown(self) -> tuple[str, int]:
        return (U if self.unknown else self.base), self.level


NUMBERS = st.sampled_from([0.0, 5.0, 9.0, 10.0, 15.0, 19.0, 20.0, 25.0, 30.0, 35.0, NAN, -math.inf])
READING = st.tuples(NUMBERS, st.sampled_from([0.0, 30.0, 601.0]), st.sampled_from([1.0, 0.5, 0.4]), st.booleans())
DELAY = st.sampled_from(["0s", "1min", "2min"])


@st.composite
def leaf(draw: st.DrawFn) -> dict[str, Any]:
    trigger = draw(st.sampled_from([10, 20, 30]))
    gap = draw(st.sampled_from([0, 1, 10]))
    direction = draw(st.sampled_from(["above", "above", "below"]))
    clear = trigger - gap if direction == "above" else trigger + gap
    name = draw(st.sampled_from("ab"))
    return {"input": name, "trigger": trigger, "clear": clear, "direction": direction}


@st.composite
def rule_levels(draw: st.DrawFn) -> dict[str, Any]:
    levels: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(["blue", "yellow", "orange", "red"]), min_size=1, unique=True)):
        form = draw(st.sampled_from(["leaf", "leaf", "any", "all"]))
        condition = draw(leaf()) if form == "leaf" else {form: draw(st.lists(leaf(), min_size=1, max_size=3))}
        levels[key] = {**condition, "for": draw(DELAY), "hold": draw(DELAY)}
    used = str(levels)
    for name in "ab":
        if f"'input': '{name}'" not in used:
            first = next(iter(levels))
            extra = {"input": name, "trigger": 20, "clear": 20}
            rest = {key: levels[first][key] for key in ("for", "hold")}
            old = {key: value for key, value in levels[first].items() if key not in rest}
            levels[first] = {"any": [old, extra], **rest}
            used = str(levels)
    return levels


@settings(max_examples=tries(400, 100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    levels=rule_levels(),
    readings=st.lists(
        st.tuples(st.sampled_from([0.0, 30.0, 60.0, 120.0]), st.lists(READING, min_size=6, max_size=6)),
        min_size=1, max_size=14,
    ),
)  # fmt: skip
def test_step_agrees_with_the_slow_model(
    make_rule: Callable[..., Rule], levels: dict[str, Any], readings: list[tuple[float, list[Any]]]
) -> None:
    item = {"source": "stations", "quantity": "q", "unit": "m", "spatial": "mean"}
    rule = make_rule(levels, inputs={"a": item, "b": item})
    compiled = compile_rule(rule)
    models = [Slow(rule) for _ in range(3)]
    state, now = new_state(compiled, 3), START
    for passed, cells in readings:
        now += passed
        table = np.array(cells, dtype=np.float64).reshape(2, 3, 4)
        inputs = Inputs(
            value=table[..., 0], observed_at=now - table[..., 1], share=table[..., 2],
            watched=table[..., 3].astype(bool), behind=np.zeros((2, 3), dtype=np.int32), names=("s",),
        )  # fmt: skip
        before = state
        state, transitions = step(compiled, state, inputs, now)
        for region, model in enumerate(models):
            reading = {name: tuple(table[row, region, :3]) for row, name in enumerate("ab")}
            reading = {name: (value, now - age, share) for name, (value, age, share) in reading.items()}
            model.step(reading, {name: bool(table[row, region, 3]) for row, name in enumerate("ab")}, now)
            assert (Phase(int(state.shown[region])).key, int(state.level[region])) == model.shown
        assert_never_better_without_reason(before, state, inputs, now)
        moved = {item.index for item in transitions}
        assert all(before.level[n] == state.level[n] for n in range(3) if n not in moved)


def assert_never_better_without_reason(before: State, after: State, inputs: Inputs, now: float) -> None:
    """No level falls in a region whose readings are unusable, nor in the step that ends an unknown."""
    usable = (inputs.observed_at >= now - 600) & ~np.isnan(inputs.value) & (inputs.share >= 0.5) & after.watched
    fell = after.level < before.level
    assert not (fell & ~usable.any(axis=0)).any()
    assert not (fell & (before.unknown | after.unknown)).any()
