"""Air-quality indices of China and of the United States, by dated tables of limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from layers.classes import REFERENCE, valid_on
from layers.layer import LayerSpec

Floats = NDArray[np.float64]
FINE = 1e-9  # of the last limit: keeps 0.1 + 0.2 from counting as more than 0.3

SPECS = (
    LayerSpec(
        key="field:aqi_china", title="Air quality index, China", kind="field", quantity="aqi_china", unit="1",
        needs=("pm2_5_24h", "pm10_24h", "so2_24h", "no2_24h", "co_24h", "o3_8h"), valid_range=(0.0, 500.0),
        reference="HJ 633-2026; HJ 633-2012 before 2026-03-01",
    ),
    LayerSpec(
        key="field:aqi_us", title="Air quality index, United States", kind="field", quantity="aqi_us", unit="1",
        needs=("pm2_5_24h", "pm10_24h", "o3_8h", "co_8h", "so2_1h", "no2_1h"), valid_range=(0.0, 500.0),
        reference="40 CFR 58, appendix G, as of 2024-05-06",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Concentrations of one pollutant at which the index turns."""

    unit: str
    limits: tuple[float, ...]
    gap: float = 0.0
    beyond: Literal["cap", "unknown"] = "cap"


@dataclass(frozen=True, kw_only=True)
class Standard:
    """An index as an authority defines it, with its days."""

    key: str
    scheme: str
    authority: str
    source: str
    valid_from: date
    valid_until: date | None
    rounding: Literal["up", "nearest"]
    primary_above: float
    index: tuple[float, ...]
    pollutants: Mapping[str, Limits]


@dataclass(frozen=True, kw_only=True, eq=False)
class AirQuality:
    """The index over pollutants.

    `value` is unknown where any pollutant is, for that one could be the worst; `least` is the highest of those known,
    so never above the true index, and unknown only where all are.
    """

    value: Floats
    least: Floats
    pollutants: tuple[str, ...]
    indices: Floats  # (pollutants, ...) of each
    primary: NDArray[np.bool_]  # (pollutants, ...) those that make the index, where it is known and worth naming


def standard(scheme: str, on: date | None = None) -> Standard:
    """The standard of "china" or "us" in force on a day; without a day the current one.

    Raises
    ------
    LayerError
        If none is known.
    """
    for entry in standards():
        if entry.scheme == scheme and valid_on(entry.valid_from, entry.valid_until, on):
            return entry
    raise LayerError(f"no air-quality index {scheme!r} was in force on {on or 'this day'}")


def sub_index(concentration: ArrayLike, pollutant: str, rules: Standard) -> Floats:
    """Index 0..500 of one pollutant.

    Parameters
    ----------
    concentration : array_like
        In the unit of `rules.pollutants[pollutant]`, over the averaging period that its name tells.

    Returns
    -------
    NaN where the concentration is missing or negative, or beyond what this average has an index for.

    Raises
    ------
    LayerError
        If the standard has no such pollutant.

    References
    ----------
    HJ 633, equation 1, rounded up to a whole number; 40 CFR 58 appendix G, equation 1, with the concentration cut to
    the precision of the table and the index rounded to the nearest whole number, half upwards.
    """
    if pollutant not in rules.pollutants:
        raise LayerError(f"{rules.key} has no pollutant {pollutant!r}: {', '.join(rules.pollutants)}")
    table = rules.pollutants[pollutant]
    value = np.asarray(concentration, dtype=np.float64)
    known = np.isfinite(value) & (value >= 0)
    value = np.where(known, value, 0.0)
    limits = np.array(table.limits)
    high = np.array(rules.index[: len(limits)])
    tolerance = FINE * limits[-1]
    if table.gap:
        # A little more than the error of single precision, so that 35.5 written in it is not cut to 35.4.
        value = np.floor(value / table.gap + 1e-4) * table.gap
    piece = np.clip(np.searchsorted(limits + tolerance, value, side="left"), 1, len(limits) - 1)
    first = piece == 1
    low = limits[piece - 1] + np.where(first, 0.0, table.gap)
    base = high[piece - 1] + np.where(first | (table.gap == 0.0), 0.0, 1.0)
    index = base + (high[piece] - base) * (value - low) / (limits[piece] - low)
    whole = np.ceil(index - 1e-4) if rules.rounding == "up" else np.floor(index + 0.5 + 1e-9)
    over = value > limits[-1] + tolerance
    if table.beyond == "unknown":
        known = known & ~over
    return np.where(known, np.where(over, high[-1], whole), np.nan)


def air_quality(concentrations: Mapping[str, ArrayLike], rules: Standard) -> AirQuality:
    """The index over pollutants: the highest of theirs, with those that make it.

    Parameters
    ----------
    concentrations : mapping
        Pollutant -> concentration as in `sub_index`, all of one shape. Give every pollutant that the office's index
        stands on, with NaN where it was not measured: one left out is not missed.

    Raises
    ------
    LayerError
        If none is given, or one is not of the standard.

    Notes
    -----
    HJ 633, 5.3: a primary pollutant is named only where the index is above 50; several may share it.
    """
    if not concentrations:
        raise LayerError("an air-quality index needs at least one pollutant")
    indices = np.stack(np.broadcast_arrays(*(sub_index(part, name, rules) for name, part in concentrations.items())))
    filled = np.where(np.isnan(indices), -np.inf, indices).max(axis=0)
    least = np.where(np.isfinite(filled), filled, np.nan)
    top = rules.index[-1]  # nothing unknown can be worse
    value = np.where(np.isnan(indices).any(axis=0) & ~(least >= top), np.nan, least)
    primary = (indices == value) & (value > rules.primary_above)
    return AirQuality(value=value, least=least, pollutants=tuple(concentrations), indices=indices, primary=primary)


@lru_cache(maxsize=1)
def standards() -> tuple[Standard, ...]:
    """Every standard of `data/reference/air_quality.yaml`."""
    document = yaml.safe_load((REFERENCE / "air_quality.yaml").read_text(encoding="utf-8"))
    return tuple(
        Standard(
            key=entry["key"], scheme=entry["scheme"], authority=entry["authority"], source=entry["source"],
            valid_from=entry["valid_from"], valid_until=entry["valid_until"], rounding=entry["rounding"],
            primary_above=float(entry["primary_above"]), index=tuple(map(float, entry["index"])),
            pollutants={
                name: Limits(
                    unit=item["unit"], limits=tuple(map(float, item["limits"])), gap=float(item.get("gap", 0.0)),
                    beyond=item["beyond"],
                )
                for name, item in entry["pollutants"].items()
            },
        )
        for entry in document["standards"]
    )  # fmt: skip
