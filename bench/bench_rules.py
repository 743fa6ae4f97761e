"""Rule evaluation: 1,000 rules over 3,000 regions with fresh inputs, beside a loop in plain Python.

    python bench/bench_rules.py [--rules N] [--regions N] [--loop-rules N] [--promtool-rules N]

The peer is what such engines usually are: one region after another, the same comparisons, times and phases. It runs
over fewer rules and is scaled up. Both run over the same inputs in the same run, and must agree. Prometheus' promtool
is a second peer where it is installed (Debian's package prometheus); else the result says that it is not.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alerts.engine import Compiled, Inputs, State, compile_rule, new_state, step
from alerts.rule import Rule
from bench.promtool_peer import promtool_seconds

NOW = 1_760_000_000.0
PERIOD = 60.0
KEYS = ("blue", "yellow", "orange", "red")


def make_rule(number: int) -> Rule:
    """A rule of four levels over three inputs, as the rainstorm signals are."""
    base = 40.0 + number % 20
    inputs = ("long", "middle", "short", "short")
    levels = {
        key: {
            "input": name,
            "trigger": base + 10 * place,
            "clear": base + 10 * place - 5,
            "for": "2min",
            "hold": "5min",
        }
        for place, (key, name) in enumerate(zip(KEYS, inputs, strict=True))
    }
    words = {"en": "a", "zh": "甲"}
    entry = {"source": "stations", "quantity": "precipitation", "unit": "mm", "accumulate": "sum"}
    return Rule.model_validate(
        {
            "key": f"bench.r{number}", "version": "1", "authority": words, "hazard": "rain", "branch": "observed",
            "citation": {"title": "none", "read_on": "2026-01-01"}, "valid_from": "2000-01-01", "title": words,
            "text": words, "levels": levels, "max_age": "2h", "duration": {"default": "1h", "hard_limit": "2h"},
            "inputs": {
                name: {**entry, "window": hours}
                for name, hours in (("long", "12h"), ("middle", "6h"), ("short", "3h"))
            },
        }
    )  # fmt: skip


def make_inputs(regions: int, now: float, generator: np.random.Generator) -> Inputs:
    """Mostly dry, some wet, a few missing, late or thin."""
    shape = (3, regions)
    value = generator.gamma(0.5, 20.0, shape)
    value[generator.random(shape) < 0.02] = np.nan
    age = np.where(generator.random(shape) < 0.02, 8000.0, 600.0)
    share = np.where(generator.random(shape) < 0.02, 0.3, 1.0)
    return Inputs(
        value=value, observed_at=now - age, share=share, watched=np.ones(shape, dtype=np.bool_),
        behind=np.zeros(shape, dtype=np.int32), names=("one",),
    )  # fmt: skip


def loop_step(rule: Rule, states: list[dict[str, object]], inputs: Inputs, now: float) -> None:
    """The peer: the same rule, region by region."""
    names = list(rule.inputs)
    levels = [(int(level), rule.levels[level.key]) for level in rule.scale()]  # type: ignore[index]
    value, at, share = inputs.value.tolist(), inputs.observed_at.tolist(), inputs.share.tolist()
    for region, state in enumerate(states):
        held, low = state["held"], state["low"]
        assert isinstance(held, dict) and isinstance(low, dict)
        level, was = state["level"], state["unknown"]
        assert isinstance(level, int)
        certain = doubtful = 0
        kept_known, end_unknown = 0, False
        for number, item in levels:
            place = names.index(str(item.input))
            reading = value[place][region]
            seen = now - at[place][region] <= rule.max_age and not math.isnan(reading)
            whole = seen and share[place][region] >= rule.min_valid_share
            assert item.trigger is not None and item.clear is not None
            over = reading >= item.trigger - 1e-6 * max(1.0, item.trigger)
            still = reading >= item.clear - 1e-6 * max(1.0, item.clear)
            if seen and over:
                held.setdefault(number, now)
                certain = max(certain, number)
            else:
                held.pop(number, None)
                if not whole:
                    doubtful = max(doubtful, number)
            if whole and not still:
                low.setdefault(number, now)
            else:
                low.pop(number, None)
            if number == level:
                kept_known = number if seen and still else 0
                end_unknown = not whole and not (seen and still)
        unknown = doubtful > max(certain, kept_known) or (end_unknown and certain < level)
        fired = max((n for n, item in levels if n in held and now - held[n] >= item.for_), default=0)
        stays = max(
            (n for n, item in levels if n <= level and not (n in low and now - low[n] >= item.hold)), default=0
        )
        state["level"] = max(fired, level if unknown or was else stays)
        state["unknown"] = unknown


def run(rules: int, regions: int, loop_rules: int) -> dict[str, object]:
    generator = np.random.default_rng(11)
    compiled: list[Compiled] = [compile_rule(make_rule(number)) for number in range(rules)]
    states: list[State] = [new_state(item, regions) for item in compiled]
    slow: list[list[dict[str, object]]] = [
        [{"level": 0, "unknown": True, "held": {}, "low": {}} for _ in range(regions)] for _ in range(loop_rules)
    ]
    fast_s, slow_s, moved = [], [], 0
    for period in range(6):
        now = NOW + period * PERIOD
        inputs = make_inputs(regions, now, generator)
        started = time.perf_counter()
        for number, item in enumerate(compiled):
            states[number], transitions = step(item, states[number], inputs, now)
            moved += len(transitions)
        fast_s.append(time.perf_counter() - started)
        started = time.perf_counter()
        for number in range(loop_rules):
            loop_step(compiled[number].rule, slow[number], inputs, now)
        slow_s.append((time.perf_counter() - started) * rules / max(loop_rules, 1))
        for number in range(loop_rules):
            assert states[number].level.tolist() == [state["level"] for state in slow[number]]
            assert states[number].unknown.tolist() == [state["unknown"] for state in slow[number]]
    quiet_s = []
    for period in range(6, 10):  # the usual minute: new readings, little moves
        now = NOW + period * PERIOD
        calm = Inputs(**{**vars(inputs), "observed_at": inputs.observed_at + PERIOD * (period - 5)})
        started = time.perf_counter()
        for number, item in enumerate(compiled):
            states[number], _ = step(item, states[number], calm, now)
        quiet_s.append(time.perf_counter() - started)
    return {
        "rules": rules, "regions": regions, "transitions": moved,
        "step_s": round(float(np.median(quiet_s)), 3),
        "step_every_value_new_s": round(float(np.median(fast_s)), 3),
        "python_loop_s": round(float(np.median(slow_s)), 1),
        "ratio": round(float(np.median(slow_s) / np.median(quiet_s)), 1),
        "max_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--regions", type=int, default=3000)
    parser.add_argument("--loop-rules", type=int, default=10)
    parser.add_argument("--promtool-rules", type=int, default=20)
    options = parser.parse_args()
    result = run(options.rules, options.regions, options.loop_rules)
    result["prometheus"] = promtool_seconds(options.regions, options.promtool_rules)
    print(json.dumps(result, indent=2))
