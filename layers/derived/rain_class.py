"""Rain of 12 and 24 h in the classes of GB/T 28592-2012."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from layers.classes import class_table
from layers.layer import LayerSpec

REFERENCE = "GB/T 28592-2012 降水量等级, table 1"
SPECS = tuple(
    LayerSpec(
        key=f"field:rain_class_{hours}h", title=f"Rain class of {hours} h", kind="field",
        quantity=f"rain_class_{hours}h", unit="1", needs=("precipitation",), valid_range=(0.0, 6.0),
        reference=REFERENCE,
    )
    for hours in (12, 24)
)  # fmt: skip
PERIODS_S = (43_200, 86_400)
MOST_MM = 2500.0  # above the most measured in 24 h (1,825 mm, Foc-Foc 1966)


def rain_class(amount: ArrayLike, *, accumulation_s: int, on: date | None = None) -> NDArray[np.float32]:
    """Class 0 (none or a trace) to 6 (extreme rainstorm) of an amount of rain [mm, 0..2500].

    The amount must be of exactly 12 or 24 h: limits of one period mean nothing for another. NaN where it is missing
    or outside its range.

    Raises
    ------
    LayerError
        If there are no classes for this period, or none were in force on that day.
    """
    if accumulation_s not in PERIODS_S:
        raise LayerError(f"no rain classes for {accumulation_s / 3600:g} h, only for 12 and 24 h")
    value = np.asarray(amount, dtype=np.float64)
    return class_table(f"rain_{accumulation_s // 3600}h", on).numbers(np.where(value <= MOST_MM, value, np.nan))
