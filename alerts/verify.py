"""Scores of warnings: contingency tables, the two-denominator form for events, levels, and probabilities.

The measures are those of the `scores` library. A score whose denominator is zero is undefined: it has no value but a
reason, and is never 0.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.matching import Matched

FEW = 10  # fewer cases than this, and a score says little
NO_EVENT = "no event happened"
NO_WARNING = "nothing was warned"
NEITHER = "neither a warning nor an event"
NO_QUIET = "there was no time without an event"
NOT_COUNTED = "the quiet times were not counted"
ZERO_BELOW = "its denominator is zero"
NO_HIT = "no event was warned of"

# Our name -> the library's.
MEASURES = {
    "pod": "probability_of_detection",
    "far": "false_alarm_ratio",
    "success_ratio": "success_ratio",
    "pofd": "probability_of_false_detection",
    "csi": "critical_success_index",
    "gss": "equitable_threat_score",
    "hss": "heidke_skill_score",
    "pss": "peirce_skill_score",
    "bias": "frequency_bias",
    "accuracy": "accuracy",
    "odds_ratio": "odds_ratio",
    "orss": "odds_ratio_skill_score",
    "sedi": "symmetric_extremal_dependence_index",
    "f1": "f1_score",
}
WITHOUT_QUIET = ("pod", "far", "success_ratio", "csi", "bias", "f1")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Hits, misses, false alarms, and rightly quiet cases; None where nobody counted those."""

    hits: int
    misses: int
    false_alarms: int
    correct_negatives: int | None = None

    def __post_init__(self) -> None:
        for name, count in asdict(self).items():
            if count is not None and count < 0:
                raise ValueError(f"{name} is a count, not {count}")

    def __add__(self, other: Table) -> Table:
        quiet = None
        if self.correct_negatives is not None and other.correct_negatives is not None:
            quiet = self.correct_negatives + other.correct_negatives
        return Table(
            hits=self.hits + other.hits, misses=self.misses + other.misses,
            false_alarms=self.false_alarms + other.false_alarms, correct_negatives=quiet,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Score:
    """A value, or the reason why there is none; `low` and `high` bound 95 % where the score is a share of cases."""

    value: float | None
    reason: str = ""
    cases: int | None = None
    low: float | None = None
    high: float | None = None

    @property
    def few(self) -> bool:
        return self.cases is not None and self.cases < FEW


def scores(table: Table) -> dict[str, Score]:
    """Every measure of a 2 x 2 table.

    Notes
    -----
    pod = hits / (hits + misses); far = false alarms / (hits + false alarms); csi = hits / (hits + misses + false
    alarms); bias = (hits + false alarms) / (hits + misses); gss, hss and pss are those of Gilbert, Heidke and Peirce;
    sedi the symmetric extremal dependence index. All are dimensionless.

    References
    ----------
    I. T. Jolliffe and D. B. Stephenson 2012, Forecast Verification, 2nd edition, chapter 3.
    C. A. T. Ferro and D. B. Stephenson 2011, Weather and Forecasting 26, 699-713 (sedi).
    """
    from scores.categorical import BasicContingencyManager
    from xarray import DataArray

    quiet = table.correct_negatives
    counts = {
        "tp_count": table.hits,
        "fp_count": table.false_alarms,
        "fn_count": table.misses,
        "tn_count": quiet or 0,
    }
    numbers = {name: DataArray(float(count)) for name, count in counts.items()}
    manager = BasicContingencyManager({**numbers, "total_count": DataArray(float(sum(counts.values())))})
    found: dict[str, Score] = {}
    for name, measure in MEASURES.items():
        if quiet is None and name not in WITHOUT_QUIET:
            found[name] = Score(value=None, reason=NOT_COUNTED)
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)  # a division by zero is told as a reason
            value = float(getattr(manager, measure)())
        found[name] = _score(name, value, table)
    return found


def _score(name: str, value: float, table: Table) -> Score:
    if not math.isfinite(value):
        return Score(value=None, reason=_why_undefined(name, table))
    events, warned = table.hits + table.misses, table.hits + table.false_alarms
    shares = {"pod": (table.hits, events), "far": (table.false_alarms, warned)}
    if name not in shares:
        return Score(value=value)
    return share(*shares[name], ZERO_BELOW)


def _why_undefined(name: str, table: Table) -> str:
    events, warned = table.hits + table.misses, table.hits + table.false_alarms
    if events + warned == 0:
        return NEITHER
    if name in ("pod", "bias", "pss", "sedi") and events == 0:
        return NO_EVENT
    if name in ("far", "success_ratio", "sedi") and warned == 0:
        return NO_WARNING
    if name in ("pofd", "pss", "sedi") and table.false_alarms + (table.correct_negatives or 0) == 0:
        return NO_QUIET
    return ZERO_BELOW


def share(count: int, of: int, reason: str) -> Score:
    """A share of cases with its 95 % interval after Wilson (1927); undefined, for the given reason, of no cases."""
    if of == 0:
        return Score(value=None, reason=reason, cases=0)
    from scipy.stats import binomtest

    interval = binomtest(count, of).proportion_ci(method="wilson")
    return Score(value=count / of, cases=of, low=float(interval.low), high=float(interval.high))


def event_scores(matched: Matched) -> dict[str, Score]:
    """Scores where hits are counted once by events and once by warnings.

    Returns
    -------
    dict
        `pod` the share of events warned of; `pod_pew` the mean share of each event's time under a warning; `far` the
        share of warnings that no event met; `csi` by the form 1 / (1/pod + 1/(1 - far) - 1) of the United States
        National Weather Service; `lead_all_s` the mean lead time over all events, 0 for late and missed ones;
        `lead_warned_s` that of those warned of in advance. [s]
    """
    events, warned = len(matched.events), len(matched.warnings)
    nothing = NO_EVENT if warned or matched.warnings else NEITHER
    pod = share(matched.hits, events, nothing)
    far = share(matched.false_alarms, warned, NO_WARNING)
    covered = [item.covered for item in matched.events]
    leads = [item.lead_s for item in matched.events]
    ahead = matched.leads_s
    return {
        "pod": pod,
        "pod_pew": _mean(covered, nothing),
        "far": far,
        "csi": _csi(pod, far),
        "lead_all_s": _mean(leads, nothing),
        "lead_warned_s": _mean(ahead, "no event was warned of before it began"),
    }


def _mean(values: Sequence[float], reason: str) -> Score:
    if not values:
        return Score(value=None, reason=reason, cases=0)
    return Score(value=float(np.mean(values)), cases=len(values))


def _csi(pod: Score, far: Score) -> Score:
    if pod.value is None or far.value is None:
        return Score(value=None, reason=pod.reason or far.reason)
    if pod.value == 0 or far.value == 1:
        return Score(value=0.0, reason="")
    return Score(value=1.0 / (1.0 / pod.value + 1.0 / (1.0 - far.value) - 1.0))


def level_score(forecast: NDArray[np.float64], observed: NDArray[np.float64], risk: float = 0.7) -> dict[str, Score]:
    """The fixed risk multicategorical (FIRM) score of levels, 0 is best; NaN on either side is left out.

    Parameters
    ----------
    forecast, observed : array
        Levels 0 (none) to 4 (red).
    risk : float
        0..1: a level missed costs `risk`, one too many `1 - risk`, for each level between.

    References
    ----------
    R. Taggart, N. Loveday and D. Griffiths 2022, Quarterly Journal of the Royal Meteorological Society 148,
    1389-1406.
    """
    from scores.categorical import firm
    from xarray import DataArray

    both = ~(np.isnan(forecast) | np.isnan(observed))
    if not both.any():
        return {name: Score(value=None, reason=NEITHER, cases=0) for name in ("firm", "over", "under")}
    result = firm(
        DataArray(forecast[both], dims="case"), DataArray(observed[both], dims="case"), risk_parameter=risk,
        categorical_thresholds=[0.5, 1.5, 2.5, 3.5], threshold_weights=[1.0] * 4, include_components=True,
    )  # fmt: skip
    names = {"firm": "firm_score", "over": "overforecast_penalty", "under": "underforecast_penalty"}
    count = int(both.sum())
    return {name: Score(value=float(result.sel(components=long)), cases=count) for name, long in names.items()}


def probability_scores(
    forecast: NDArray[np.float64], outcome: NDArray[np.float64], thresholds: Sequence[float]
) -> dict[str, Any]:
    """Brier score, its skill against the sample's own rate, the area under the ROC curve, and the curve.

    Parameters
    ----------
    forecast : array
        Probabilities 0..1.
    outcome : array
        1 where it happened, 0 where not.
    thresholds : sequence of float
        Increasing: a case is warned of at or above one.

    References
    ----------
    G. W. Brier 1950, Monthly Weather Review 78, 1-3.
    """
    from scores.probability import brier_score, roc_auc, roc_curve_data
    from xarray import DataArray

    if not len(forecast):
        nothing = Score(value=None, reason=NEITHER, cases=0)
        return {"brier": nothing, "brier_skill": nothing, "auc": nothing, "curve": []}
    told, happened = DataArray(forecast, dims="case"), DataArray(outcome, dims="case")
    brier, rate = float(brier_score(told, happened)), float(outcome.mean())
    usual = rate * (1.0 - rate)
    one_kind = Score(value=None, reason=NO_EVENT if rate == 0 else NO_QUIET, cases=len(forecast))
    if usual == 0:
        return {
            "brier": Score(value=brier, cases=len(forecast)),
            "brier_skill": one_kind,
            "auc": one_kind,
            "curve": [],
        }
    curve = roc_curve_data(told, happened, list(thresholds))
    points = zip(curve["threshold"].values, curve["POD"].values, curve["POFD"].values, strict=True)
    return {
        "brier": Score(value=brier, cases=len(forecast)),
        "brier_skill": Score(value=1.0 - brier / usual),
        "auc": Score(value=float(roc_auc(told, happened))),
        "curve": [(float(at), float(pod), float(pofd)) for at, pod, pofd in points],
    }


def as_json(found: dict[str, Score]) -> dict[str, dict[str, Any]]:
    """Scores for a report."""
    return {name: {**asdict(score), "few": score.few} for name, score in found.items()}
