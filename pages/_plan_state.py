"""What a planner has chosen, as it stands in the address: a link shows the same page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

TABS = ("ranking", "history", "risk", "impact", "records", "export")
STATISTICS = ("mean", "area_mean", "max", "min", "p90", "sum", "share_above", "people_above")
PAINTS = ("field", "regions", "risk")
MOST_CORNERS = 60  # of a drawn area in the address: longer ones make links that other programs cut off


@dataclass(frozen=True, kw_only=True)
class RiskChoice:
    """One input of the composite risk as its row is set: the scale is None where the builder proposes it."""

    key: str
    weight: float = 1.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The whole state of the page; an empty word means that the page proposes."""

    series: str = ""
    step: int | None = None  # None follows the latest
    show: str = "value"  # value, level:<years>, rarity
    kind: str = ""
    statistic: str = "mean"
    above: float | None = None
    people: bool = False
    region: str = ""
    tab: str = "ranking"
    paint: str = "regions"
    risk: tuple[RiskChoice, ...] | None = None  # None: as the builder proposes
    area: tuple[tuple[float, float], ...] = ()
    reach: tuple[str, float] | None = None  # regions or cells at or above a value, instead of a drawn area
    words: Mapping[str, str] = field(default_factory=dict)  # as asked, for what is said of a link that is out of date


def read(asked: Mapping[str, str]) -> Choice:
    """The choice in a query; what is malformed falls back to what the page proposes."""
    default = Choice()
    return Choice(
        series=asked.get("series", ""),
        step=_whole(asked.get("step", "")),
        show=_show(asked.get("show", "")),
        kind=asked.get("kind", ""),
        statistic=_one_of(asked.get("statistic", ""), STATISTICS, default.statistic),
        above=_number(asked.get("above", "")),
        people=asked.get("people") == "1",
        region=asked.get("region", ""),
        tab=_one_of(asked.get("tab", ""), TABS, default.tab),
        paint=_one_of(asked.get("paint", ""), PAINTS, default.paint),
        risk=_risk(asked["risk"]) if "risk" in asked else None,
        area=_area(asked.get("area", "")),
        reach=_reach(asked.get("reach", "")),
        words=dict(asked),
    )


def _one_of(word: str, words: tuple[str, ...], default: str) -> str:
    return word if word in words else default


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _show(text: str) -> str:
    word, _, years = text.partition(":")
    if word == "level" and (_whole(years) or 0) > 0:
        return text
    return "rarity" if text == "rarity" else "value"


def _risk(text: str) -> tuple[RiskChoice, ...]:
    """`key*weight*low*high` joined by `;`; low and high may be empty."""
    found = []
    for part in text.split(";")[:30]:
        key, *numbers = part.split("*")
        weight, low, high = ([_number(number) for number in numbers] + [None] * 3)[:3]
        if key and weight is not None and weight >= 0:
            found.append(RiskChoice(key=key, weight=weight, low=low, high=high))
    return tuple(found)


def _area(text: str) -> tuple[tuple[float, float], ...]:
    """`lon,lat` joined by `;`: the corners of a drawn area, at least three."""
    corners = []
    for part in text.split(";")[:MOST_CORNERS]:
        lon, _, lat = part.partition(",")
        x, y = _number(lon), _number(lat)
        if x is None or y is None or abs(x) > 360 or abs(y) > 90:
            return ()
        corners.append((x, y))
    return tuple(corners) if len(corners) >= 3 else ()


def _reach(text: str) -> tuple[str, float] | None:
    """`regions:50` or `cells:50`."""
    kind, _, value = text.partition(":")
    limit = _number(value)
    return (kind, limit) if kind in ("regions", "cells") and limit is not None else None
