"""Wind: speed and direction from components, force 0 to 17, gust factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from layers.classes import class_table
from layers.layer import LayerSpec

Floats = NDArray[np.float64]
FASTEST_MS = 150.0  # above any wind measured near the ground (113 m/s, Barrow Island 1996)
CALM_MS = 0.3  # force 0: a direction means nothing
LEAST_MEAN_MS = 5.0  # house rule: below it the quotient of two small numbers says nothing of gustiness

WIND_SPEED = LayerSpec(
    key="field:wind_speed", title="Wind speed", kind="field", quantity="wind_speed", unit="m/s",
    needs=("eastward_wind", "northward_wind"), valid_range=(0.0, FASTEST_MS), reference="WMO-No. 8 (2018), chapter 5",
)  # fmt: skip
WIND_FORCE = LayerSpec(
    key="field:wind_force", title="Wind force", kind="field", quantity="wind_force", unit="1", needs=("wind_speed",),
    valid_range=(0.0, 18.0), reference="GB/T 28591-2012; Beaufort scale, WMO-No. 8 (2018), table 5.1",
)  # fmt: skip
GUST_FACTOR = LayerSpec(
    key="field:gust_factor", title="Gust factor", kind="field", quantity="gust_factor", unit="1",
    needs=("wind_gust", "wind_speed"), valid_range=(1.0, 10.0),
    reference="Harper, Kepert and Ginger 2010, WMO/TD-No. 1555, section 1.2",
)  # fmt: skip
SPECS = (WIND_SPEED, WIND_FORCE, GUST_FACTOR)


def wind_speed(eastward: ArrayLike, northward: ArrayLike) -> Floats:
    """Wind speed [m/s] from its components [m/s]; NaN where one is missing or the speed passes 150 m/s."""
    u, v = np.asarray(eastward, dtype=np.float64), np.asarray(northward, dtype=np.float64)
    speed = np.hypot(np.where(np.isfinite(u), u, np.nan), np.where(np.isfinite(v), v, np.nan))
    return np.where(speed <= FASTEST_MS, speed, np.nan)


def wind_direction(eastward: ArrayLike, northward: ArrayLike) -> Floats:
    """Direction the wind comes from [degrees clockwise from north, above 0 to 360]; NaN in calm (below 0.3 m/s).

    References
    ----------
    WMO-No. 306: north is 360, and 0 is left for calm.
    """
    u, v = np.asarray(eastward, dtype=np.float64), np.asarray(northward, dtype=np.float64)
    blowing = wind_speed(u, v) >= CALM_MS
    degrees = np.degrees(np.arctan2(np.where(blowing, -u, 0.0), np.where(blowing, -v, -1.0))) % 360.0
    return np.where(blowing, np.where(degrees == 0.0, 360.0, degrees), np.nan)


def wind_force(speed: ArrayLike) -> NDArray[np.float32]:
    """Wind force 0 to 17, and 18 for more, from the wind speed [m/s, 0..150].

    Parameters
    ----------
    speed : array_like
        Mean over 10 min (Beaufort) or 2 min (China) at 10 m, or a gust: the same limits serve for both. Rounded to
        0.1 m/s before it is compared, as the table is written.

    Returns
    -------
    NaN where the speed is missing, negative or above 150 m/s.
    """
    value = np.asarray(speed, dtype=np.float64)
    return class_table("wind_force").numbers(np.where(value <= FASTEST_MS, value, np.nan))


def gust_factor(gust: ArrayLike, mean: ArrayLike) -> Floats:
    """Quotient of the highest gust and the mean wind [m/s] of the same period.

    NaN where one is missing, the mean is below 5 m/s, or the gust is below the mean, as it cannot be.
    """
    high, low = np.broadcast_arrays(np.asarray(gust, dtype=np.float64), np.asarray(mean, dtype=np.float64))
    valid = (low >= LEAST_MEAN_MS) & (low <= FASTEST_MS) & (high >= low) & (high <= FASTEST_MS)
    return np.where(valid, np.where(valid, high, 1.0) / np.where(valid, low, 1.0), np.nan)
