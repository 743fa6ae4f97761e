"""Potential evapotranspiration of a month, by Thornthwaite (mean temperature) or Hargreaves (highest and lowest).

References
----------
Thornthwaite, C. W. (1948): An approach toward a rational classification of climate. Geographical Review 38, 55-94.
Willmott, C. J., Rowe, C. M. and Mintz, Y. (1985): Climatology of the terrestrial seasonal water cycle. J. Climatology
5, 589-606 (months above 26.5 degC).
Hargreaves, G. H. and Samani, Z. A. (1985): Reference crop evapotranspiration from temperature. Applied Engineering in
Agriculture 1, 96-99.
Allen, R. G. et al. (1998): Crop evapotranspiration. FAO Irrigation and Drainage Paper 56, equations 21 to 25, 34, 52.
"""

from __future__ import annotations

import calendar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from layers.kernels.standardised import Floats
from layers.layer import LayerSpec

SOLAR_CONSTANT = 0.0820  # MJ m-2 min-1 (FAO 56)
LATENT_HEAT = 2.45  # MJ kg-1 (FAO 56): 1 MJ m-2 evaporates 0.408 mm
SPECS = (
    LayerSpec(
        key="field:evapotranspiration_thornthwaite", title="Potential evapotranspiration (Thornthwaite)",
        kind="field", quantity="evapotranspiration_thornthwaite", unit="mm", needs=("air_temperature_mean",),
        valid_range=(0.0, 500.0), reference="Thornthwaite 1948; Willmott, Rowe and Mintz 1985",
    ),
    LayerSpec(
        key="field:evapotranspiration_hargreaves", title="Potential evapotranspiration (Hargreaves)",
        kind="field", quantity="evapotranspiration_hargreaves", unit="mm",
        needs=("air_temperature_max", "air_temperature_min"), valid_range=(0.0, 700.0),
        reference="Hargreaves and Samani 1985; Allen et al. 1998 (FAO 56), equation 52",
    ),
)  # fmt: skip


def _sun(latitude: ArrayLike, day: int) -> tuple[Floats, Floats, Floats, float]:
    """Sunset hour angle, latitude, declination [radians], inverse relative distance (FAO 56, equations 22 to 25)."""
    phi = np.radians(np.where(np.abs(latitude) <= 90, latitude, np.nan))
    turn = 2.0 * np.pi * day / 365.0
    declination = 0.409 * np.sin(turn - 1.39)
    # Polar day and night are half a turn and none.
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1.0, 1.0))
    return sunset, phi, np.asarray(declination), float(1.0 + 0.033 * np.cos(turn))


def daylight_hours(latitude: ArrayLike, day: int) -> Floats:
    """Hours of daylight on a day of the year, 1 to 366 (FAO 56, equation 34)."""
    return 24.0 / np.pi * _sun(latitude, day)[0]


def extraterrestrial_radiation(latitude: ArrayLike, day: int) -> Floats:
    """Radiation above the air on a day of the year [MJ m-2 d-1] (FAO 56, equation 21)."""
    sunset, phi, declination, near = _sun(latitude, day)
    height = sunset * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    return np.asarray(24.0 * 60.0 / np.pi * SOLAR_CONSTANT * near * height, np.float64)


def _middle(year: int, month: int) -> tuple[int, int]:
    """Days of the month, and the day of the year in its middle."""
    days = calendar.monthrange(year, month)[1]
    before = sum(calendar.monthrange(year, earlier)[1] for earlier in range(1, month))
    return days, before + 15


def thornthwaite(
    temperature_c: ArrayLike, normals_c: NDArray[np.floating], latitude: ArrayLike, *, year: int, month: int
) -> Floats:  # fmt: skip
    """Potential evapotranspiration of a month [mm].

    Parameters
    ----------
    temperature_c
        Mean air temperature of the month [degC] -60 to 60; at or below 0 gives 0.
    normals_c
        (12, ...) mean temperature of each calendar month over a stated period [degC]: they make the heat index.
    latitude
        [degrees north], broadcast to the grid.

    Returns
    -------
    NaN where an input is missing or outside its range, or a month above 0 degC has no normal above it.
    """
    temperature = _within(temperature_c, 60.0)
    normals = _within(normals_c, 60.0)
    heat = ((np.maximum(normals, 0.0) / 5.0) ** 1.514).sum(axis=0)
    power = 6.75e-7 * heat**3 - 7.71e-5 * heat**2 + 1.792e-2 * heat + 0.49239
    days, middle = _middle(year, month)
    with np.errstate(invalid="ignore", divide="ignore"):
        cool = 16.0 * (10.0 * np.maximum(temperature, 0.0) / np.where(heat > 0, heat, np.nan)) ** power
    warm = -415.85 + 32.24 * temperature - 0.43 * temperature**2
    # The parabola of Willmott falls again above its vertex; Thornthwaite's table stays level there.
    warm = np.where(temperature > 37.5, -415.85 + 32.24 * 37.5 - 0.43 * 37.5**2, warm)
    whole = np.where(temperature <= 0.0, 0.0 * heat, np.where(temperature < 26.5, cool, warm + 0.0 * heat))
    return np.asarray(whole * daylight_hours(latitude, middle) / 12.0 * days / 30.0, np.float64)


def hargreaves(
    highest_c: ArrayLike, lowest_c: ArrayLike, latitude: ArrayLike, *, year: int, month: int
) -> Floats:  # fmt: skip
    """Potential evapotranspiration of a month [mm] (FAO 56, equation 52, with the radiation of the 15th).

    Parameters
    ----------
    highest_c, lowest_c
        Means of the daily highest and lowest air temperature in the month [degC] -60 to 60.
    latitude
        [degrees north], broadcast to the grid.

    Returns
    -------
    0 and more; NaN where an input is missing, outside its range, or the highest is below the lowest.
    """
    high, low = _within(highest_c, 60.0), _within(lowest_c, 60.0)
    spread = np.where(high >= low, high - low, np.nan)
    days, middle = _middle(year, month)
    daily = 0.0023 * extraterrestrial_radiation(latitude, middle) / LATENT_HEAT
    return np.asarray(np.maximum(daily * ((high + low) / 2.0 + 17.8), 0.0) * np.sqrt(spread) * days, np.float64)


def _within(values: ArrayLike, limit: float) -> Floats:
    given = np.asarray(values, np.float64)
    return np.where(np.abs(given) <= limit, given, np.nan)
