"""The packs of the China Meteorological Administration against Order 16 of 2007, as tabled in `oracles/cma_*.csv`."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alerts.engine import Inputs, compile_rule, new_state, step
from alerts.pack import load_rules
from alerts.rule import Condition, Rule
from data.model import Level

RULES = {item.rule.key: item.rule for item in load_rules()}
NOW = 1_700_000_000.0


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))


def level_of(rule: Rule, numbers: dict[str, float]) -> str:
    """The level of one region with these inputs, after one evaluation."""
    compiled = compile_rule(rule)
    value = np.array([[numbers[name]] for name in compiled.names])
    inputs = Inputs(
        value=value, observed_at=np.full(value.shape, NOW), share=np.ones(value.shape),
        watched=np.ones(value.shape, dtype=np.bool_), behind=np.zeros(value.shape, dtype=np.int32),
    )  # fmt: skip
    state, _ = step(compiled, new_state(compiled, 1), inputs, NOW)
    assert not state.unknown[0]
    return Level(int(state.level[0])).key


@pytest.fixture
def force(oracles: Path) -> dict[int, float]:
    """Wind force -> its lower bound in m/s, GB/T 28591-2012."""
    return {int(row["force"]): float(row["lower_m_per_s"]) for row in rows(oracles / "wind_force_scale.csv")}


@pytest.mark.parametrize("branch", ["observed", "analysis", "forecast"])
def test_rainstorm_boundary_cases(oracles: Path, branch: str) -> None:
    cases = list(rows(oracles / "cma_rainstorm_cases.csv"))
    assert len(cases) > 10
    for case in cases:
        numbers = {f"rain_{hours}h": float(case[f"max_rain_{hours}h_mm"]) for hours in (3, 6, 12)}
        assert level_of(RULES[f"cma.rainstorm.{branch}"], numbers) == case["expected_level"], case


def test_cold_wave_boundary_cases(oracles: Path, force: dict[int, float]) -> None:
    cases = list(rows(oracles / "cma_cold_wave_cases.csv"))
    assert len(cases) > 10
    for case in cases:
        drops = {f"drop_{hours}h": -float(case[f"drop{hours}_C"]) for hours in (24, 48)}
        minimum, wind = float(case["tmin_C"]), force[int(case["mean_wind_force"])]
        observed = {**drops, "minimum": minimum, "mean_wind": wind}
        assert level_of(RULES["cma.cold_wave.observed"], observed) == case["expected_level"], case
        forecast = {
            **drops,
            **{f"{n}_{h}h": v for n, v in (("minimum", minimum), ("mean_wind", wind)) for h in (24, 48)},
        }
        assert level_of(RULES["cma.cold_wave.forecast"], forecast) == case["expected_level"], case


def leaves(rule: Rule, level: str) -> dict[str, Condition]:
    return {str(leaf.input): leaf for leaf in rule.levels[level].leaves()}  # type: ignore[index]


@pytest.fixture
def signals(oracles: Path) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["hazard"], row["level"]): row for row in rows(oracles / "cma_warning_signals.csv")}


def numbers_in(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<![\w_])-?\d+(?:\.\d+)?", text)]


def test_levels_are_those_of_the_order_and_no_others(signals: dict[tuple[str, str], dict[str, str]]) -> None:
    for prefix, hazard in (
        ("cma.rainstorm", "rainstorm"), ("cma.gale", "gale"), ("cma.heat", "high_temperature"),
        ("cma.cold_wave", "cold_wave"),
    ):  # fmt: skip
        named = {level for one, level in signals if one == hazard}
        for key, rule in RULES.items():
            if key.startswith(prefix):
                assert set(rule.levels) == named
                assert rule.hazard == hazard


@pytest.mark.parametrize("level", ["blue", "yellow", "orange", "red"])
def test_gale_numbers(signals: dict[tuple[str, str], dict[str, str]], force: dict[int, float], level: str) -> None:
    row = signals["gale", level]
    mean, gust = (force[int(n)] for n in re.findall(r"(?:mean|gust)>=(\d+)", row["condition_any_of"]))
    hours = row["lead_window_h"]
    forecast = leaves(RULES["cma.gale.forecast"], level)
    assert forecast[f"mean_wind_{hours}h"].trigger == mean
    assert forecast[f"gust_{hours}h"].trigger == gust
    for name in (f"mean_wind_{hours}h", f"gust_{hours}h"):
        assert RULES["cma.gale.forecast"].inputs[name].window == 3600.0 * float(hours)


@pytest.mark.parametrize("level", ["blue", "yellow", "orange", "red"])
def test_gale_observed_begins_where_the_order_does(
    signals: dict[tuple[str, str], dict[str, str]], force: dict[int, float], level: str
) -> None:
    text = signals["gale", level]["observed_branch"]
    mean, gust = (force[int(n)] for n in re.findall(r"(?:mean|gust)[ >=]+(\d+)", text))
    found = leaves(RULES["cma.gale.observed"], level)
    assert (found["mean_wind"].trigger, found["gust"].trigger) == (mean, gust)


@pytest.mark.parametrize("level", ["yellow", "orange", "red"])
def test_heat_numbers(signals: dict[tuple[str, str], dict[str, str]], level: str) -> None:
    row, rule = signals["high_temperature", level], RULES["cma.heat.forecast"]
    (leaf,) = rule.levels[level].leaves()  # type: ignore[index]
    assert leaf.trigger == numbers_in(row["condition_any_of"].split(">=")[1])[0]
    entry = rule.inputs[str(leaf.input)]
    assert (entry.ahead or entry.window) == 3600.0 * float(row["lead_window_h"])
    if level == "yellow":
        assert entry.over is not None
        assert (entry.over.times, entry.over.every, entry.over.take) == (3, 86400.0, "min")


@pytest.mark.parametrize("level", ["blue", "yellow", "orange", "red"])
def test_rain_windows(signals: dict[tuple[str, str], dict[str, str]], level: str) -> None:
    row = signals["rainstorm", level]
    hours, amount = re.findall(r"rain_(\d+)h>=(\d+)", row["condition_any_of"])[0]
    for branch in ("observed", "analysis", "forecast"):
        rule = RULES[f"cma.rainstorm.{branch}"]
        (leaf,) = rule.levels[level].leaves()  # type: ignore[index]
        assert leaf.trigger == float(amount)
        entry = rule.inputs[str(leaf.input)]
        assert (entry.accumulate, entry.window) == ("sum", 3600.0 * float(hours))
        assert hours == row["lead_window_h"]
