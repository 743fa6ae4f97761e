"""Antecedent effective rainfall: past days count less with each day."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import LayerError
from layers.layer import LayerSpec

DECAY = 0.84
DAYS = 7
SPEC = LayerSpec(
    key="field:effective_rainfall", title="Antecedent effective rainfall", kind="field",
    quantity="effective_rainfall", unit="mm", needs=("precipitation",), valid_range=(0.0, 5000.0),
    reference="Bruce and Clark 1966; Glade, Crozier and Smith 2000, doi:10.1007/s000240050017", status="experimental",
)  # fmt: skip


def effective_rainfall(daily: ArrayLike, *, decay: float = DECAY) -> NDArray[np.float64]:
    """Effective rainfall [mm] of the last day: the sum of decay^i times the rain i days before it.

    Parameters
    ----------
    daily : array_like (days, ...)
        Rain of consecutive days [mm, 0 and more], oldest first; the last is the day itself.
    decay : float
        What is left of a day's rain after a day, above 0 to 1. 0.84 is widely used, 0.8 to 0.84 in China; a place
        with its own study should give its own.

    Returns
    -------
    (...) NaN where any day is missing or negative: a smaller sum would look safer than it is.

    Raises
    ------
    LayerError
        If the decay is outside its range, or no day is given.
    """
    rain = np.asarray(daily, dtype=np.float64)
    if not 0.0 < decay <= 1.0:
        raise LayerError(f"a decay above 0 and up to 1 is needed, not {decay}")
    if rain.ndim == 0 or len(rain) == 0:
        raise LayerError("effective rainfall needs at least one day")
    weight = decay ** np.arange(len(rain) - 1, -1, -1, dtype=np.float64)
    known = np.isfinite(rain) & (rain >= 0)
    total = np.tensordot(weight, np.where(known, rain, 0.0), axes=1)
    return np.where(known.all(axis=0), total, np.nan)
