"""The earthquake pack against intensities of Allen, Wald and Worden (2012) in `oracles/ipe_china_allen_aww.csv`."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from alerts.engine import Inputs, compile_rule, new_state, step
from alerts.pack import load_rules
from data.model import Level

NOW = 1_700_000_000.0


def expected(intensity: float, magnitude: float, distance_km: float) -> str:
    """Colours by intensity after the practice of the Yunnan bureau; classes begin half a unit below their number."""
    for level, least in (("red", 6.5), ("orange", 4.5), ("yellow", 2.5)):
        if intensity >= least:
            return level
    published = magnitude >= 5.0 or (magnitude >= 4.0 and distance_km <= 100)
    return "blue" if published else "none"


def test_levels_at_the_far_edge_of_each_band(oracles: Path) -> None:
    rule = next(item.rule for item in load_rules() if item.rule.key == "generic.earthquake")
    compiled = compile_rule(rule)
    edges = {entry.within_km for entry in rule.inputs.values()}
    checked = 0
    with (oracles / "ipe_china_allen_aww.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            magnitude, distance = float(row["mag"]), float(row["repi_km"])
            if distance not in edges:
                continue
            near = [[magnitude if distance <= (entry.within_km or 0) else -np.inf] for entry in rule.inputs.values()]
            value = np.array(near)
            inputs = Inputs(
                value=value, observed_at=np.full(value.shape, NOW), share=np.ones(value.shape),
                watched=np.ones(value.shape, dtype=np.bool_), behind=np.zeros(value.shape, dtype=np.int32),
            )  # fmt: skip
            state, _ = step(compiled, new_state(compiled, 1), inputs, NOW)
            intensity = float(row["AllenEtAl2012Rhypo_h10_MMI"])
            assert Level(int(state.level[0])).key == expected(intensity, magnitude, distance), row
            checked += 1
    assert checked >= 15
