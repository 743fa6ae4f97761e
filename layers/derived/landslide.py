"""Landslides: rain against intensity-duration thresholds, and susceptibility by rain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from data.errors import ConfigError, LayerError
from data.model import Level
from layers.classes import REFERENCE, valid_on
from layers.layer import LayerSpec

Floats = NDArray[np.float64]
SPECS = (
    LayerSpec(
        key="field:landslide_exceedance", title="Rain against the landslide threshold", kind="field",
        quantity="landslide_exceedance", unit="1", needs=("precipitation",), valid_range=(0.0, 1000.0),
        reference="Caine 1980, doi:10.1080/04353676.1980.11879996, or a threshold of the office",
    ),
    LayerSpec(
        key="field:landslide_level", title="Landslide weather risk", kind="field", quantity="landslide_level",
        unit="1", needs=("landslide_susceptibility", "landslide_rain_class"), valid_range=(0.0, 4.0),
        reference="house rule in data/reference/landslide.yaml, not a standard", status="experimental",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Mean intensity [mm/h] over a duration [h] from which landslides are known: constant + factor * D ** power."""

    key: str
    en: str
    zh: str
    area: str
    constant: float
    factor: float
    power: float
    shortest_h: float
    longest_h: float
    confirmed: bool
    source: str
    note: str = ""

    def intensity(self, duration_h: ArrayLike) -> Floats:
        """Threshold intensity [mm/h]; NaN outside the durations it was made for."""
        hours = np.asarray(duration_h, dtype=np.float64)
        valid = (hours >= self.shortest_h) & (hours <= self.longest_h)
        return np.where(valid, self.constant + self.factor * np.where(valid, hours, 1.0) ** self.power, np.nan)


@dataclass(frozen=True, kw_only=True, eq=False)
class Exceedance:
    """Rain as a multiple of a threshold, the highest over durations: 1 and more exceeds it.

    `ratio` is unknown where the amount of any duration is; `least` is the highest of those known, never above the
    true one. `duration_h` is that of the highest known.
    """

    ratio: Floats
    least: Floats
    duration_h: Floats


def exceedance(amounts: Mapping[float, ArrayLike], threshold: Threshold) -> Exceedance:
    """Amounts of rain against a threshold.

    Parameters
    ----------
    amounts : mapping
        Duration [h] -> rain within it [mm, 0 and more], all of one shape; NaN is missing.

    Raises
    ------
    LayerError
        If no amount is given, or a duration is outside those of the threshold.

    References
    ----------
    The source of each threshold stands beside it in `data/reference/landslide.yaml`.
    """
    if not amounts:
        raise LayerError("a landslide threshold needs the rain of at least one duration")
    hours = np.array(list(amounts), dtype=np.float64)
    limits = threshold.intensity(hours) * hours
    if np.isnan(limits).any():
        unfit = ", ".join(f"{hour:g} h" for hour in hours[np.isnan(limits)])
        raise LayerError(f"{threshold.key} is for {threshold.shortest_h:g} to {threshold.longest_h:g} h, not {unfit}")
    rain = np.stack(np.broadcast_arrays(*(np.asarray(part, dtype=np.float64) for part in amounts.values())))
    rain = np.where(np.isfinite(rain) & (rain >= 0), rain, np.nan)
    ratios = rain / limits.reshape(-1, *[1] * (rain.ndim - 1))
    filled = np.where(np.isnan(ratios), -np.inf, ratios)
    highest = filled.max(axis=0)
    least = np.where(np.isfinite(highest), highest, np.nan)
    return Exceedance(
        ratio=np.where(np.isnan(ratios).any(axis=0), np.nan, least), least=least,
        duration_h=np.where(np.isnan(least), np.nan, hours[filled.argmax(axis=0)]),
    )  # fmt: skip


def rain_class(ratios: ArrayLike) -> NDArray[np.float32]:
    """Rain class 1..5 from the ratios to the curves of 5, 20, 50 and 80 % probability.

    Parameters
    ----------
    ratios : array_like (4, ...)
        Rain as a multiple of each curve, in this order; 1 and more is above it.

    Returns
    -------
    (...) NaN where one is missing, or a higher curve is exceeded and a lower one is not.

    Raises
    ------
    LayerError
        If there are not four.
    """
    value = np.asarray(ratios, dtype=np.float64)
    if value.ndim == 0 or len(value) != 4:
        raise LayerError("four curves are needed, of 5, 20, 50 and 80 %")
    above = value >= 1.0
    valid = np.isfinite(value).all(axis=0) & (above[:-1] >= above[1:]).all(axis=0)
    return np.where(valid, 1.0 + above.sum(axis=0), np.nan).astype(np.float32)


def landslide_level(susceptibility: ArrayLike, rain: ArrayLike, *, on: date | None = None) -> NDArray[np.float32]:
    """Level 0 (none) to 4 (red) from susceptibility and rain class, 1 (very low) to 5 (very high) each.

    NaN where one is missing or not a class. The matrix is a proposal of this house (`data/reference/landslide.yaml`);
    a higher class of either never lowers the level.

    Raises
    ------
    LayerError
        If no matrix was in force on that day.
    """
    one, two = np.broadcast_arrays(np.asarray(susceptibility, np.float64), np.asarray(rain, np.float64))
    valid = np.isin(one, (1, 2, 3, 4, 5)) & np.isin(two, (1, 2, 3, 4, 5))
    row, column = np.where(valid, one, 1).astype(int) - 1, np.where(valid, two, 1).astype(int) - 1
    return np.where(valid, _matrix(on)[row, column], np.nan).astype(np.float32)


def threshold_of(key: str, path: Path | None = None) -> Threshold:
    """A threshold of the house, or of an office's own file.

    Raises
    ------
    LayerError
        If there is none of that key.
    """
    found = next((entry for entry in read_thresholds(path or REFERENCE / "landslide.yaml") if entry.key == key), None)
    if found is None:
        raise LayerError(f"no landslide threshold {key!r}")
    return found


@lru_cache(maxsize=16)
def read_thresholds(path: Path) -> tuple[Threshold, ...]:
    """The thresholds of a file.

    Raises
    ------
    ConfigError
        With every fault at once: a number missing, a curve that rises with duration, no source.
    """
    found: list[Threshold] = []
    faults: list[str] = []
    for place, entry in enumerate(yaml.safe_load(path.read_text(encoding="utf-8"))["thresholds"], start=1):
        try:
            found.append(_threshold(entry))
        except (KeyError, TypeError, ValueError) as error:
            faults.append(f"{path.name}, threshold {place}: {type(error).__name__} {error}")
    if faults:
        raise ConfigError(faults)
    return tuple(found)


def _threshold(entry: Mapping[str, Any]) -> Threshold:
    shortest, longest = map(float, entry["duration_h"])
    made = Threshold(
        key=str(entry["key"]), en=str(entry["title"]["en"]), zh=str(entry["title"]["zh"]), area=str(entry["area"]),
        constant=float(entry["constant"]), factor=float(entry["factor"]), power=float(entry["power"]),
        shortest_h=shortest, longest_h=longest, confirmed=bool(entry["confirmed"]), source=str(entry["source"]),
        note=str(entry.get("note", "")),
    )  # fmt: skip
    if not (made.factor > 0 and made.power < 0 and made.constant >= 0 and 0 < shortest < longest and made.source):
        raise ValueError("a factor above 0, a power below 0, a constant from 0, durations in order and a source")
    return made


@lru_cache(maxsize=8)
def _matrix(on: date | None) -> Floats:
    """(5, 5) levels by susceptibility and rain class."""
    document = yaml.safe_load((REFERENCE / "landslide.yaml").read_text(encoding="utf-8"))["matrix"]
    if not valid_on(document["valid_from"], document["valid_until"], on):
        raise LayerError(f"no landslide matrix was in force on {on}")
    rows = [document["levels"][name] for name in document["susceptibility"]]
    return np.array([[float(Level[word.upper()]) for word in row] for row in rows])
