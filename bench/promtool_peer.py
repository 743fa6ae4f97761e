"""Prometheus as a peer of the rule engine: the same alerting rules over the same series, by `promtool test rules`.

Its unit tests append the series and evaluate the rules at each minute as a server does. What rules cost is the
difference between a run with many and a run with one. Which regions fire at the end must be what our engine says,
else promtool reports a failure.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alerts.engine import Inputs, compile_rule, new_state, step
from alerts.rule import Rule

MINUTES = 6
START = 1_760_000_000.0


def promtool_seconds(regions: int, many: int) -> dict[str, object]:
    """Seconds of one evaluation of one rule, by promtool and by our step; or why there is no number."""
    binary = shutil.which("promtool")
    if binary is None:
        return {"promtool": "not installed: apt-get install prometheus"}
    values = np.random.default_rng(5).gamma(0.5, 40.0, (MINUTES + 1, regions)).round(1)
    firing = {trigger: _ours(values, trigger) for trigger in range(40, 40 + many)}
    one, agree_one = _theirs(binary, values, {40: firing[40]})
    all_, agree_all = _theirs(binary, values, firing)
    theirs = (all_ - one) / ((many - 1) * (MINUTES + 1))
    started = time.perf_counter()
    for trigger in firing:
        _ours(values, trigger)
    ours = (time.perf_counter() - started) / (many * (MINUTES + 1))
    return {
        "promtool": subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[
            2
        ],
        "promtool_1000_rules_s": round(theirs * 1000, 2),
        "ours_same_rules_1000_s": round(ours * 1000, 3),
        "ratio": round(theirs / ours, 1),
        "same_regions_fire": agree_one and agree_all,
    }


def _rule(trigger: float) -> Rule:
    words = {"en": "a", "zh": "甲"}
    entry = {"source": "stations", "quantity": "rain", "unit": "mm", "spatial": "mean"}
    level = {"input": "x", "trigger": trigger, "clear": trigger, "for": "2min"}
    return Rule.model_validate(
        {
            "key": "bench.one", "version": "1", "authority": words, "hazard": "rain", "branch": "observed",
            "citation": {"title": "none", "read_on": "2026-01-01"}, "valid_from": "2000-01-01", "title": words,
            "text": words, "levels": {"red": level}, "inputs": {"x": entry}, "max_age": "5min",
            "duration": {"default": "1h", "hard_limit": "2h"},
        }
    )  # fmt: skip


def _ours(values: NDArray[np.float64], trigger: float) -> NDArray[np.intp]:
    """The regions that fire after the last minute."""
    compiled = compile_rule(_rule(trigger))
    regions = values.shape[1]
    state = new_state(compiled, regions)
    for minute, row in enumerate(values):
        now = START + 60.0 * minute
        inputs = Inputs(
            value=row[None], observed_at=np.full((1, regions), now), share=np.ones((1, regions)),
            watched=np.ones((1, regions), dtype=np.bool_), behind=np.zeros((1, regions), dtype=np.int32),
        )  # fmt: skip
        state, _ = step(compiled, state, inputs, now)
    return np.flatnonzero(state.level > 0)


def _theirs(binary: str, values: NDArray[np.float64], firing: dict[int, NDArray[np.intp]]) -> tuple[float, bool]:
    """Seconds of the whole run, and whether promtool finds the same regions firing."""
    rules = [{"alert": f"above{trigger}", "expr": f"x >= {trigger}", "for": "2m"} for trigger in firing]
    series = [
        {"series": f'x{{region="{region}"}}', "values": " ".join(f"{value:g}" for value in column)}
        for region, column in enumerate(values.T.tolist())
    ]
    wanted = [
        {
            "eval_time": f"{MINUTES}m", "alertname": f"above{trigger}",
            "exp_alerts": [{"exp_labels": {"region": str(region)}} for region in regions.tolist()],
        }
        for trigger, regions in firing.items()
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        group = {"name": "bench", "interval": "1m", "rules": rules}
        (folder / "rules.yml").write_text(json.dumps({"groups": [group]}), encoding="utf-8")
        test = {"interval": "1m", "input_series": series, "alert_rule_test": wanted}
        body = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
        (folder / "test.yml").write_text(json.dumps(body), encoding="utf-8")
        started = time.perf_counter()
        done = subprocess.run(
            [binary, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, check=False
        )
        return time.perf_counter() - started, done.returncode == 0
