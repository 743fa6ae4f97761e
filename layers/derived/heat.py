"""Heat and cold as people feel them, and humidity: heat index, wind chill, wet-bulb globe temperature, UTCI."""

from __future__ import annotations

import numpy as np
import thermofeel
from numpy.typing import ArrayLike, NDArray

from layers.layer import LayerSpec

Floats = NDArray[np.float64]
ZERO_K = 273.15
MOST_HUMID_PCT = 101.0  # packing and supersaturation of models; counted as 100
UTCI_VAPOUR_HPA = 50.0

STEADMAN = "Rothfusz 1990, NWS SR 90-23, with the adjustments of NWS; Steadman 1979"
SPECS = (
    LayerSpec(
        key="field:relative_humidity", title="Relative humidity", kind="field", quantity="relative_humidity",
        unit="%", needs=("air_temperature", "dew_point"), valid_range=(0.0, 100.0),
        reference="Magnus formula, WMO-No. 8 (2018), annex 4.B",
    ),
    LayerSpec(
        key="field:heat_index", title="Heat index", kind="field", quantity="heat_index", unit="degC",
        needs=("air_temperature", "relative_humidity"), valid_range=(-90.0, 140.0), reference=STEADMAN,
    ),
    LayerSpec(
        key="field:wind_chill", title="Wind chill", kind="field", quantity="wind_chill", unit="degC",
        needs=("air_temperature", "wind_speed"), valid_range=(-90.0, 10.0),
        reference="Osczevski and Bluestein 2005, doi:10.1175/BAMS-86-10-1453, as used by NWS and ECCC since 2001",
    ),
    LayerSpec(
        key="field:utci", title="Thermal climate index (UTCI)", kind="field", quantity="utci", unit="degC",
        needs=("air_temperature", "dew_point", "wind_speed", "mean_radiant_temperature"),
        valid_range=(-140.0, 110.0), reference="Bröde et al. 2012, doi:10.1007/s00484-011-0454-1",
    ),
    LayerSpec(
        key="field:utci_shade", title="Thermal climate index (UTCI) in the shade", kind="field",
        quantity="utci_shade", unit="degC", needs=("air_temperature", "dew_point", "wind_speed"),
        valid_range=(-140.0, 80.0), reference="Bröde et al. 2012, with the radiant temperature that of the air",
    ),
    LayerSpec(
        key="field:wbgt", title="Wet-bulb globe temperature", kind="field", quantity="wbgt", unit="degC",
        needs=("air_temperature", "dew_point", "wind_speed", "mean_radiant_temperature"), valid_range=(-30.0, 60.0),
        reference="Stull 2011, doi:10.1175/JAMC-D-11-0143.1; Guo et al. 2018, doi:10.1016/j.enbuild.2018.08.029",
    ),
    LayerSpec(
        key="field:wbgt_simple", title="Wet-bulb globe temperature, simple estimate for sun and light wind",
        kind="field", quantity="wbgt_simple", unit="degC", needs=("air_temperature", "relative_humidity"),
        valid_range=(-10.0, 80.0), status="experimental",
        reference="American College of Sports Medicine 1984; Australian Bureau of Meteorology",
    ),
)  # fmt: skip


def relative_humidity(air_temperature: ArrayLike, dew_point: ArrayLike) -> Floats:
    """Relative humidity over water [%] from air temperature and dew point [degC].

    NaN outside -60..60 degC, and where the dew point is so far above the temperature that the result passes 101 %.

    References
    ----------
    Magnus formula with the constants of WMO-No. 8 (2018), annex 4.B: 17.62 and 243.12 degC.
    """
    warm, dew = _floats(air_temperature, dew_point)
    valid = _within(warm, -60, 60) & _within(dew, -80, 60)
    warm, dew = np.where(valid, warm, 0.0), np.where(valid, dew, 0.0)
    percent = 100.0 * np.exp(17.62 * dew / (243.12 + dew) - 17.62 * warm / (243.12 + warm))
    return np.where(valid & (percent <= MOST_HUMID_PCT), np.minimum(percent, 100.0), np.nan)


def dew_point(air_temperature: ArrayLike, humidity: ArrayLike) -> Floats:
    """Dew point over water [degC] from air temperature [degC] and relative humidity [%, above 0 to 101].

    The Magnus formula as in `relative_humidity`, solved for the dew point; NaN outside -60..60 degC.
    """
    warm, percent = _floats(air_temperature, humidity)
    valid = _within(warm, -60, 60) & (percent > 0) & (percent <= MOST_HUMID_PCT)
    warm, percent = np.where(valid, warm, 0.0), np.where(valid, np.minimum(percent, 100.0), 100.0)
    part = np.log(percent / 100.0) + 17.62 * warm / (243.12 + warm)
    return np.where(valid, 243.12 * part / (17.62 - part), np.nan)


def heat_index(air_temperature: ArrayLike, humidity: ArrayLike) -> Floats:
    """Heat index [degC] from air temperature [degC, -90..50] and relative humidity [%, 0..101].

    Steadman's simple form up to a mean of 80 degF with the temperature, Rothfusz's regression with the two
    adjustments of the US National Weather Service above; at 40 degF and below it is the air temperature. NaN
    outside the ranges. The regression follows a table that ends near 43 degC; above, it is as NWS uses it.

    References
    ----------
    L. P. Rothfusz 1990, NWS Technical Attachment SR 90-23; R. G. Steadman 1979, J. Appl. Meteor. 18, 861-873.
    """
    warm, percent = _floats(air_temperature, humidity)
    valid = _within(warm, -90, 50) & _within(percent, 0, MOST_HUMID_PCT)
    t, rh = np.where(valid, warm, 0.0) * 1.8 + 32.0, np.where(valid, np.minimum(percent, 100.0), 0.0)
    simple = 0.5 * (t + 61.0 + (t - 68.0) * 1.2 + rh * 0.094)
    full = (
        -42.379 + 2.04901523 * t + 10.14333127 * rh - 0.22475541 * t * rh - 6.83783e-3 * t**2
        - 5.481717e-2 * rh**2 + 1.22874e-3 * t**2 * rh + 8.5282e-4 * t * rh**2 - 1.99e-6 * t**2 * rh**2
    )  # fmt: skip
    dry = (13.0 - rh) / 4.0 * np.sqrt(np.clip((17.0 - np.abs(t - 95.0)) / 17.0, 0.0, None))
    full = full - np.where((rh < 13.0) & (t >= 80.0) & (t <= 112.0), dry, 0.0)
    full = full + np.where((rh > 85.0) & (t >= 80.0) & (t <= 87.0), (rh - 85.0) / 10.0 * (87.0 - t) / 5.0, 0.0)
    felt = np.where((simple + t) / 2.0 < 80.0, simple, full)
    felt = np.where(t <= 40.0, t, felt)
    return np.where(valid, (felt - 32.0) / 1.8, np.nan)


def wind_chill(air_temperature: ArrayLike, wind_speed: ArrayLike) -> Floats:
    """Wind chill [degC] from air temperature [degC, -50..10] and wind at 10 m [m/s, 1.33..27: 4.8 to 97 km/h].

    NaN outside the ranges: in warmer or calmer air the index is not defined.

    References
    ----------
    R. Osczevski and M. Bluestein 2005, Bull. Amer. Meteor. Soc. 86, 1453-1458; the metric form.
    """
    warm, wind = _floats(air_temperature, wind_speed)
    valid = _within(warm, -50, 10) & _within(wind, 4.8 / 3.6, 27)
    felt = thermofeel.calculate_wind_chill(np.where(valid, warm, 0.0) + ZERO_K, np.where(valid, wind, 5.0))
    return np.where(valid, felt - ZERO_K, np.nan)


def utci(air_temperature: ArrayLike, dew: ArrayLike, wind_speed: ArrayLike, radiant: ArrayLike) -> Floats:
    """Universal thermal climate index [degC].

    Parameters
    ----------
    air_temperature, dew : array_like
        At 2 m [degC]; the temperature -50..50, vapour pressure up to 50 hPa, relative humidity up to 101 %.
    wind_speed : array_like
        At 10 m [m/s], 0.5..17.
    radiant : array_like
        Mean radiant temperature [degC], 30 below to 70 above the air temperature. Shade: give the air temperature.

    Returns
    -------
    NaN outside the ranges, where the polynomial would extrapolate.

    References
    ----------
    P. Bröde et al. 2012, Int. J. Biometeorol. 56, 481-494.
    """
    warm, wet, wind, rays = _floats(air_temperature, dew, wind_speed, radiant)
    valid = _within(warm, -50, 50) & _within(wind, 0.5, 17) & _within(rays - warm, -30, 70)
    valid = valid & np.isfinite(relative_humidity(warm, wet)) & (_vapour_hpa(wet) <= UTCI_VAPOUR_HPA)
    one, two, three, four = (np.where(valid, part, 1.0) for part in (warm, wind, rays, wet))
    felt = thermofeel.calculate_utci(one + ZERO_K, two, three + ZERO_K, td_k=four + ZERO_K)
    return np.where(valid, felt - ZERO_K, np.nan)


def utci_shade(air_temperature: ArrayLike, dew: ArrayLike, wind_speed: ArrayLike) -> Floats:
    """UTCI [degC] out of the sun: the mean radiant temperature taken as the air temperature; ranges as `utci`."""
    return utci(air_temperature, dew, wind_speed, air_temperature)


def wbgt(air_temperature: ArrayLike, dew: ArrayLike, wind_speed: ArrayLike, radiant: ArrayLike) -> Floats:
    """Outdoor wet-bulb globe temperature [degC]: 0.7 wet bulb, 0.2 globe, 0.1 air.

    Arguments as in `utci`, with the wind 0..60 m/s. NaN outside the range of the wet bulb (-20..50 degC, 5..99 %
    humidity) and of the globe. Not to be mixed with `wbgt_simple`, which is 4 to 10 degC higher without sun.

    References
    ----------
    R. Stull 2011, J. Appl. Meteor. Climatol. 50, 2267-2269; H. Guo et al. 2018, Energy and Buildings 177, 115-124.
    """
    warm, wet, wind, rays = _floats(air_temperature, dew, wind_speed, radiant)
    percent = relative_humidity(warm, wet)
    valid = _within(warm, -20, 50) & _within(percent, 5, 99) & _within(wind, 0, 60) & _within(rays - warm, -30, 70)
    one, two, three, four = (np.where(valid, part, 1.0) for part in (warm, rays, wind, wet))
    felt = thermofeel.calculate_wbgt(one + ZERO_K, two + ZERO_K, three, four + ZERO_K)
    return np.where(valid, felt - ZERO_K, np.nan)


def wbgt_simple(air_temperature: ArrayLike, humidity: ArrayLike) -> Floats:
    """Wet-bulb globe temperature [degC] without wind and radiation: right for strong sun and light wind only.

    From air temperature [degC, -20..50] and relative humidity [%, 0..101]; NaN outside. It overstates under clouds,
    in wind and at night.

    References
    ----------
    American College of Sports Medicine 1984, doi:10.1080/00913847.1984.11701899.
    """
    warm, percent = _floats(air_temperature, humidity)
    valid = _within(warm, -20, 50) & _within(percent, 0, MOST_HUMID_PCT)
    one, two = np.where(valid, warm, 0.0), np.where(valid, np.minimum(percent, 100.0), 0.0)
    return np.where(valid, thermofeel.calculate_wbgt_simple(one + ZERO_K, two) - ZERO_K, np.nan)


def _vapour_hpa(dew: Floats) -> Floats:
    dew = np.where(_within(dew, -80, 60), dew, np.nan)
    return np.asarray(6.112 * np.exp(17.62 * dew / (243.12 + dew)))


def _floats(*parts: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.asarray(part, dtype=np.float64) for part in np.broadcast_arrays(*parts))


def _within(value: Floats, low: float, high: float) -> NDArray[np.bool_]:
    return np.asarray((value >= low) & (value <= high))
