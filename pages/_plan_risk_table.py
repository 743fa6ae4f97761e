"""The composite of each region as a table: a number or a range, its class, its rank, and every input beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.regions import RegionIndex
from data.text import Translate
from layers.layer import Ramp
from pages._places import name_of, names_above
from pages._plan_values import Answer
from pages._plan_words import measure

if TYPE_CHECKING:
    from layers.risk import Input, Risk

RAMP = Ramp(
    stops=((0.0, "#f4efdf"), (2.0, "#dcbc72"), (3.5, "#b27638"), (5.0, "#6d3723"), (6.5, "#250d12")),
    interpolate=False,
)  # INFORM's classes; light to dark


def class_words(t: Translate) -> tuple[str, ...]:
    """By class of risk, lowest first."""
    return t("very low"), t("low"), t("medium"), t("high"), t("very high")


def columns(risk: Risk, dimensions: Mapping[str, str], t: Translate) -> list[dict[str, Any]]:
    """Rank, region, risk, class, then each input with the number that it was and what it became."""
    last = {"function": "unknownLast"}
    fixed: list[dict[str, Any]] = [
        {"field": "rank", "headerName": "#", "width": 74, "valueFormatter": {"function": "params.data.ranks"},
         "type": "rightAligned", "headerTooltip": t("Best and worst rank that the region could have")},
        {"field": "name", "headerName": t("Region"), "width": 130, "pinned": "left", "tooltipField": "place"},
        {"field": "sort", "headerName": t("Risk 0-10"), "width": 96, "type": "rightAligned",
         "valueFormatter": {"function": "params.data.risk"},
         "cellClassRules": {"unknown": "params.data.known === false"}},
        {"field": "class", "headerName": t("Class"), "width": 92},
    ]  # fmt: skip
    counted = [
        {"field": f"i{place}", "headerName": one.title, "width": 128, "comparator": last, "type": "rightAligned",
         "headerTooltip": f"{dimensions[one.dimension]} · {one.title} · {one.source} · {one.vintage}",
         "valueFormatter": {"function": f"params.data.w{place}"},
         "cellClassRules": {"unknown": f"params.data.u{place} === true"}}
        for place, one in enumerate(risk.inputs)
    ]  # fmt: skip
    return [*fixed, *counted]


def rows(answer: Answer, risk: Risk, regions: RegionIndex, locale: str, t: Translate) -> list[dict[str, Any]]:
    """By the risk that is sure (the lower bound), highest first; then by what it could be."""
    from layers.risk import risk_class

    shown = places(answer, risk)
    best, worst = ranks(risk.low[shown], risk.high[shown])
    classes, words = risk_class(risk.value), class_words(t)
    order = np.lexsort((-risk.high[shown], -risk.low[shown]))
    found = []
    for at in order.tolist():
        place = int(shown[at])
        rid, known = int(answer.values.rid[place]), bool(np.isfinite(risk.value[place]))
        row: dict[str, Any] = {
            "code": str(regions.code[rid]), "name": name_of(rid, regions, locale),
            "place": names_above(rid, regions, locale) + " · " + str(regions.code[rid]),
            "rank": int(best[at]), "known": known, "sort": float(risk.low[place]),
            "ranks": str(best[at]) if best[at] == worst[at] else f"{best[at]}–{worst[at]}",
            "risk": span(float(risk.low[place]), float(risk.high[place])),
            "class": words[int(classes[place])] if known else t("Unknown"),
        }  # fmt: skip
        for number, one in enumerate(risk.inputs):
            row |= _cell(number, one, place, risk, t)
        found.append(row)
    return found


def places(answer: Answer, risk: Risk) -> NDArray[np.intp]:
    """The regions of the table: those inside the grid, or all where no input of the field counts."""
    field = any(one.key.startswith("field.") and one.weight > 0 for one in risk.inputs)
    return np.flatnonzero(answer.inside) if field else np.arange(answer.values.rid.size)


def ranks(low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Best and worst rank that each interval could have among the others; equal points share the best one."""
    best = low.size - np.searchsorted(np.sort(low), high, side="right") + 1
    worst = low.size - np.searchsorted(np.sort(high), low, side="right") + 1 - (high > low)  # never below itself
    return best, np.maximum(best, worst)


def span(low: float, high: float) -> str:
    """`4.3`, or `2.1 – 7.4` where it is not known."""
    one, other = f"{low:.1f}", f"{high:.1f}"
    return one if one == other else f"{one} – {other}"


def _cell(number: int, one: Input, place: int, risk: Risk, t: Translate) -> dict[str, Any]:
    """What an input was, and in brackets what it became on the scale 0-10."""
    low, high = float(one.low[place]), float(one.high[place])
    scaled = [side[place] for side in risk.scaled[one.key]]
    unknown = not (np.isfinite(low) and np.isfinite(high) and low == high)
    if np.isnan(low):
        words = t("Unknown")
    elif np.isnan(high):
        words = "≥ " + measure(low, one.unit)
    else:
        words = measure(low, one.unit) if low == high else f"{measure(low, one.unit)} – {measure(high, one.unit)}"
    return {
        f"i{number}": low if np.isfinite(low) else None, f"u{number}": unknown,
        f"w{number}": f"{words} ({span(float(scaled[0]), float(scaled[1]))})",
    }  # fmt: skip
