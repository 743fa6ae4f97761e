"""Scores of warnings against published tables and the `scores` library's own numbers (tolerance 1e-6)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from alerts.matching import Happening, Matched, Warned, match
from alerts.verify import (
    NO_WARNING,
    NOT_COUNTED,
    Table,
    event_scores,
    level_score,
    probability_scores,
    scores,
)
from tests.reference.tables import read_table

NAMES = {
    "probability_of_detection": "pod", "false_alarm_ratio": "far", "success_ratio": "success_ratio",
    "probability_of_false_detection": "pofd", "critical_success_index": "csi", "equitable_threat_score": "gss",
    "heidke_skill_score": "hss", "peirce_skill_score": "pss", "frequency_bias": "bias", "accuracy": "accuracy",
    "odds_ratio": "odds_ratio", "odds_ratio_skill_score": "orss", "symmetric_extremal_dependence_index": "sedi",
    "f1_score": "f1",
}  # fmt: skip
# Finley (1884) as every textbook has it: Jolliffe and Stephenson 2012, table 1.1.
FINLEY = Table(hits=28, misses=23, false_alarms=72, correct_negatives=2680)


def test_finley_tornado_forecasts() -> None:
    found = scores(FINLEY)
    wanted = {"pod": 0.549, "far": 0.720, "csi": 0.228, "gss": 0.216, "hss": 0.355, "bias": 1.961, "accuracy": 0.966}
    assert {name: round(found[name].value or 0.0, 3) for name in wanted} == wanted
    low, high = found["pod"].low, found["pod"].high
    assert low is not None and high is not None and low < 0.549 < high
    assert not found["pod"].few


def test_contingency_tables(oracles: Path) -> None:
    rows = read_table(oracles / "verification_contingency.csv")
    assert len(rows) == 7
    for row in rows:
        table = Table(
            hits=int(row["hits"]), misses=int(row["misses"]), false_alarms=int(row["false_alarms"]),
            correct_negatives=int(row["correct_negatives"]),
        )  # fmt: skip
        found = scores(table)
        for theirs, ours in NAMES.items():
            wanted, score = float(row[theirs]), found[ours]
            if ours == "sedi" and row["case"] == "perfect":
                continue  # its logarithms are infinite there; the library's value depends on its version
            if math.isfinite(wanted):
                assert score.value == pytest.approx(wanted, abs=1e-6), (row["case"], ours)
            else:
                assert score.value is None and score.reason, (row["case"], ours)


def test_undefined_scores_are_no_zeros() -> None:
    never = scores(Table(hits=0, misses=10, false_alarms=0, correct_negatives=90))
    assert (never["far"].value, never["far"].reason) == (None, NO_WARNING)
    assert never["pod"].value == 0.0
    uncounted = scores(Table(hits=3, misses=1, false_alarms=2))
    assert (uncounted["hss"].value, uncounted["hss"].reason) == (None, NOT_COUNTED)
    assert uncounted["csi"].value == 0.5
    assert uncounted["pod"].few


def test_a_count_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="misses"):
        Table(hits=0, misses=-1, false_alarms=0)


def matched_case(rows: list[dict[str, str]]) -> Matched:
    warnings = [
        Warned(id=row["id"], area=row["area"], start=float(row["start_min"]) * 60, end=float(row["end_min"]) * 60)
        for row in rows
        if row["kind"] == "warning"
    ]
    events = [
        Happening(
            id=row["id"], areas=frozenset([row["area"]]), start=float(row["start_min"]) * 60,
            end=float(row["end_min"]) * 60,
        )
        for row in rows
        if row["kind"] == "event"
    ]  # fmt: skip
    return match(warnings, events)


def test_warnings_and_events_are_matched(oracles: Path) -> None:
    rows = read_table(oracles / "warning_event_matching_case.csv")
    found = matched_case(rows)
    events = {item.event.id: item for item in found.events}
    warnings = {item.warning.id: item for item in found.warnings}
    wanted = {row["id"]: row["result"] for row in rows if row["kind"] != "score"}
    assert {key: "warned" if item.warned else "missed" for key, item in events.items()} | {
        key: "verified" if item.verified else "unverified" for key, item in warnings.items()
    } == wanted
    for row in rows:
        if row["kind"] == "event":
            assert events[row["id"]].covered == pytest.approx(float(row["PEW"]), abs=1e-4)
            assert events[row["id"]].lead_s == float(row["lead_time_min"]) * 60
    told = event_scores(found)
    names = {
        "POD_events": "pod", "POD_PEW_mean": "pod_pew", "FAR_warnings": "far", "CSI_nws_form": "csi",
        "mean_lead_all_events_min": "lead_all_s", "mean_lead_warned_positive_min": "lead_warned_s",
    }  # fmt: skip
    for row in rows:
        if row["kind"] == "score":
            name = names[row["id"]]
            value = told[name].value
            assert value is not None
            assert value / (60 if name.startswith("lead") else 1) == pytest.approx(float(row["result"]), abs=1e-6)


def test_levels_cost_by_how_far_they_are_off(oracles: Path) -> None:
    for row in read_table(oracles / "verification_firm.csv"):
        told, seen = np.array([float(row["forecast_level"])]), np.array([float(row["observed_level"])])
        found = level_score(told, seen)
        for ours, theirs in (
            ("firm", "firm_score"), ("over", "overforecast_penalty"), ("under", "underforecast_penalty"),
        ):  # fmt: skip
            assert found[ours].value == pytest.approx(float(row[theirs]), abs=1e-9)


def test_levels_unknown_are_left_out() -> None:
    found = level_score(np.array([1.0, np.nan, 2.0]), np.array([1.0, 3.0, np.nan]))
    assert (found["firm"].value, found["firm"].cases) == (0.0, 1)
    assert level_score(np.array([np.nan]), np.array([1.0]))["firm"].value is None


def test_probabilities(oracles: Path) -> None:
    forecast = np.array([0.0, 0.1, 0.1, 0.3, 0.5, 0.6, 0.8, 0.9, 1.0, 0.4])
    outcome = np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 1], dtype=float)
    rows = read_table(oracles / "verification_probabilistic.csv")
    at = sorted({float(row["threshold"]) for row in rows if row["threshold"] not in ("", "inf")})
    found = probability_scores(forecast, outcome, at)
    wanted = {row["quantity"]: float(row["value"]) for row in rows if not row["threshold"]}
    assert found["brier"].value == pytest.approx(wanted["brier"], abs=1e-9)
    assert found["brier_skill"].value == pytest.approx(wanted["brier_skill_vs_sample_climatology"], abs=1e-9)
    assert found["auc"].value == pytest.approx(wanted["roc_auc"], abs=1e-9)
    curve = {threshold: (pod, pofd) for threshold, pod, pofd in found["curve"]}
    for row in rows:
        if row["threshold"]:
            assert curve[float(row["threshold"])][row["quantity"] == "POFD"] == pytest.approx(float(row["value"]))


def test_probabilities_of_one_outcome_have_no_skill_to_tell() -> None:
    found = probability_scores(np.array([0.1, 0.2]), np.array([0.0, 0.0]), [0.5])
    assert found["brier"].value == pytest.approx(0.025)
    assert found["auc"].value is None and found["auc"].reason
