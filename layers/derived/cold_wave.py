"""Cold waves: the drop of temperature over one to three days, and the grade of the process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from layers.classes import REFERENCE, settle, valid_on
from layers.layer import LayerSpec

Floats = NDArray[np.float64]
STANDARD = "GB/T 21987-2017 寒潮等级"
DROPS = ("drop_24h", "drop_48h", "drop_72h")
SPECS = (
    *(
        LayerSpec(
            key=f"field:temperature_drop_{hours}h", title=f"Drop of temperature in {hours} h", kind="field",
            quantity=f"temperature_drop_{hours}h", unit="K", needs=("air_temperature_min",),
            valid_range=(-60.0, 60.0), reference=STANDARD,
        )
        for hours in (24, 48, 72)
    ),
    LayerSpec(
        key="field:cold_wave_grade", title="Cold-wave grade", kind="field", quantity="cold_wave_grade", unit="1",
        needs=("temperature_drop_24h", "temperature_drop_48h", "temperature_drop_72h", "air_temperature_min"),
        valid_range=(0.0, 3.0), reference=STANDARD, status="experimental",
    ),
)  # fmt: skip


def temperature_drop(stack: ArrayLike) -> Floats:
    """Drop [K] from the highest of the earlier temperatures to the last one; negative where it became warmer.

    Parameters
    ----------
    stack : array_like (times, ...)
        Temperatures [degC or K, all alike], oldest first, of the whole period: two daily minima for 24 h, three for
        48 h, four for 72 h. The drop of a longer period is never smaller than that of a shorter one.

    Returns
    -------
    (...) NaN where any time is missing.

    Raises
    ------
    LayerError
        If fewer than two times are given.
    """
    values = np.asarray(stack, dtype=np.float64)
    if values.ndim == 0 or len(values) < 2:
        raise LayerError("a drop of temperature needs at least two times")
    values = np.where(np.isfinite(values), values, np.nan)
    return np.asarray(values[:-1].max(axis=0) - values[-1])


def cold_wave_grade(
    drop_24h: ArrayLike, drop_48h: ArrayLike, drop_72h: ArrayLike, minimum: ArrayLike, *, on: date | None = None
) -> NDArray[np.float32]:
    """Grade 0 (none), 1 (cold wave), 2 (strong) or 3 (extreme) from drops [K] and the daily minimum [degC].

    Limits include themselves. Where an input is missing, the grade that is certainly reached is given; where none is
    and the missing one could change that, NaN.

    References
    ----------
    GB/T 21987-2017; the limits of grades 2 and 3 are not confirmed (`data/reference/cold_wave.yaml`).
    """
    parts = np.broadcast_arrays(
        *(np.asarray(part, dtype=np.float64) for part in (drop_24h, drop_48h, drop_72h, minimum))
    )
    drops, cold = np.stack(parts[:3]), parts[3]
    levels = _levels(on)
    least = _grade(levels, np.nan_to_num(drops, nan=-np.inf), np.nan_to_num(cold, nan=np.inf))
    most = _grade(levels, np.nan_to_num(drops, nan=np.inf), np.nan_to_num(cold, nan=-np.inf))
    return settle(least, most)


def _grade(levels: tuple[Mapping[str, Any], ...], drops: Floats, cold: Floats) -> Floats:
    grade = np.zeros(cold.shape)
    for level in levels:
        limits = np.array([float(level[name]) for name in DROPS]).reshape(-1, *[1] * cold.ndim)
        reached = (drops >= limits).any(axis=0) & (cold <= float(level["minimum"]))
        grade = np.where(reached, float(level["number"]), grade)
    return grade


@lru_cache(maxsize=8)
def _levels(on: date | None) -> tuple[Mapping[str, Any], ...]:
    """Levels in force on a day, mildest first."""
    document = yaml.safe_load((REFERENCE / "cold_wave.yaml").read_text(encoding="utf-8"))
    for entry in document["grades"]:
        if valid_on(entry["valid_from"], entry["valid_until"], on):
            return tuple(sorted(entry["levels"], key=lambda level: int(level["number"])))
    raise LayerError(f"no cold-wave grades were in force on {on}")
