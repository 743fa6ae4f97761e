"""The Plan page's own words: kinds of regions, statistics, quantities, and numbers as people read them."""

from __future__ import annotations

import math

from data.store.field_series import Series
from data.text import Translate
from layers.fields import spec_for
from pages._layers import source_word
from pages._plan_values import LIMITED


def kind_words(t: Translate) -> dict[str, str]:
    """By kind of region."""
    return {
        "country": t("Countries"),
        "admin1": t("Provinces and states of the world"),
        "cn-province": t("Provinces of China"),
        "cn-prefecture": t("Prefectures of China"),
        "cn-county": t("Counties of China"),
        "us-state": t("States of the US"),
        "us-county": t("Counties of the US"),
    }


def statistic_words(t: Translate) -> dict[str, str]:
    """By statistic over the cells of a region."""
    return {
        "mean": t("Mean"),
        "area_mean": t("Mean by ground area"),
        "max": t("Maximum"),
        "min": t("Minimum"),
        "p90": t("90th percentile"),
        "sum": t("Sum of cells"),
        "share_above": t("Share of area at or above"),
        "people_above": t("People where it is at or above"),
    }


def statistic_title(statistic: str, above: float | None, unit: str, people: bool, t: Translate) -> str:
    """What a column of numbers is: `Share of area at or above 50 mm`."""
    word = statistic_words(t)[statistic]
    if statistic in LIMITED and above is not None:
        word += f" {measure(above, unit)}"
    return word + (" · " + t("weighted by people") if people else "")


def quantity_word(series: Series, t: Translate) -> str:
    """The house's name of a quantity, or the provider's."""
    return t(spec_for(series.key.quantity, series.unit, series.title).title)


def series_word(series: Series, t: Translate) -> str:
    """`Precipitation, 24 h · mrms`."""
    word = quantity_word(series, t)
    if series.key.accumulation_s:
        word += t(", ") + t("{n} h").format(n=f"{series.key.accumulation_s / 3600:g}")
    return f"{word} · {source_word(series.key.source, t)}"


def number(value: float | None, digits: int = 4) -> str:
    """A number without needless figures; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def measure(value: float | None, unit: str) -> str:
    """A number with its unit; shares in percent."""
    return number(value) if unit in ("1", "") or value is None else f"{number(value)} {unit}"


def shown(value: float, unit: str, statistic: str, t: Translate) -> str:
    """A region's value: a share in percent, unknown as the word."""
    if not math.isfinite(value):
        return t("Unknown")
    if statistic == "people_above":
        return f"{value:,.0f}"
    return f"{value:.0%}" if statistic == "share_above" else measure(value, unit)
