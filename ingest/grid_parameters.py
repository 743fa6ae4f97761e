"""Provider parameters -> house quantities: GRIB short names and numbers, CF standard names, common variable names.

WMO code tables 4.2 (GRIB2) as of version 34; MRMS local table 209 from the NSSL user table v12 (read 2026-11); CF
standard name table v86. A parameter that is not here is kept under a generated name with the provider's unit.
"""

from __future__ import annotations

from dataclasses import dataclass

HOUR = 3600


@dataclass(frozen=True)
class Parameter:
    """A house quantity; `accumulated` ones run from the start of the forecast where no interval is given."""

    quantity: str
    unit: str
    accumulated: bool = False
    categorical: bool = False
    provider_unit: str = ""  # where the decoder knows none
    interval_s: int = 0  # where the provider's number implies it
    valid: tuple[float, float] | None = None  # outside this no instrument and no model can be: missing, not a value

    @property
    def spotty(self) -> bool:
        """Whether its peaks are cells, which a mixture of neighbours would lower: rain and radar echoes."""
        return self.unit in ("mm", "mm/h", "dBZ")


HEAT = (-120.0, 70.0)
DEPTH = (0.0, 10_000.0)
SPEED = (0.0, 150.0)

RAIN = Parameter("precipitation", "mm", accumulated=True, valid=DEPTH)
TEMPERATURE = Parameter("air_temperature", "degC", valid=HEAT)
WARMEST = Parameter("air_temperature_max", "degC", valid=HEAT)
COLDEST = Parameter("air_temperature_min", "degC", valid=HEAT)
MEAN = Parameter("air_temperature_mean", "degC", valid=HEAT)
WIND = Parameter("wind_speed", "m/s", valid=SPEED)
GUST = Parameter("wind_gust", "m/s", valid=SPEED)
EASTWARD, NORTHWARD = Parameter("eastward_wind", "m/s"), Parameter("northward_wind", "m/s")
PRESSURE = Parameter("pressure_msl", "hPa", valid=(800.0, 1100.0))
SURFACE_PRESSURE = Parameter("pressure_surface", "hPa", valid=(300.0, 1200.0))
HUMIDITY = Parameter("relative_humidity", "%", valid=(-5.0, 130.0))
RATE = Parameter("precipitation_rate", "mm/h", valid=DEPTH)
VISIBILITY = Parameter("visibility", "m")
SNOW_WATER = Parameter("snow_water", "mm")
SNOW_DEPTH = Parameter("snow_depth", "m")
SNOWFALL = Parameter("snowfall_water", "mm", accumulated=True, valid=DEPTH)
CLOUD = Parameter("cloud_cover", "%")
TYPE = Parameter("precipitation_type", "1", categorical=True)

# ecCodes short name -> quantity
SHORT_NAMES = {
    "tp": RAIN, "2t": TEMPERATURE, "t": TEMPERATURE, "mx2t": WARMEST, "mn2t": COLDEST, "tmax": WARMEST,
    "tmin": COLDEST, "max_2t": WARMEST, "min_2t": COLDEST, "mx2t3": WARMEST, "mn2t3": COLDEST, "mx2t6": WARMEST,
    "mn2t6": COLDEST, "avg_2t": MEAN, "10si": WIND, "ws": WIND, "10fg": GUST,
    "i10fg": GUST, "gust": GUST, "max_i10fg": GUST, "10fg3": GUST, "10fg6": GUST, "fg10": GUST, "10u": EASTWARD,
    "10v": NORTHWARD, "u": EASTWARD, "v": NORTHWARD, "msl": PRESSURE, "prmsl": PRESSURE, "mslet": PRESSURE,
    "sp": SURFACE_PRESSURE, "r": HUMIDITY, "2r": HUMIDITY, "prate": RATE, "tprate": RATE, "vis": VISIBILITY,
    "sd": SNOW_WATER, "sde": SNOW_DEPTH, "sf": SNOWFALL, "tcc": CLOUD, "ptype": TYPE,
    "cfrzr": Parameter("freezing_rain", "1", categorical=True), "skt": Parameter("skin_temperature", "degC"),
    "2d": Parameter("dew_point", "degC"), "lsm": Parameter("land_share", "1"),
}  # fmt: skip

# quantity of a radar composite (ODIM_H5) -> quantity
REFLECTIVITY = Parameter("reflectivity", "dBZ", valid=(-40.0, 100.0))
RADAR = {"RATE": RATE, "ACRR": RAIN, "DBZH": REFLECTIVITY, "TH": REFLECTIVITY}

# GRIB2 (discipline, category, number) -> quantity, for what the decoder calls unknown
NUMBERS = {
    (0, 0, 0): Parameter("air_temperature", "degC", valid=HEAT, provider_unit="K"),
    (0, 1, 7): Parameter("precipitation_rate", "mm/h", valid=DEPTH, provider_unit="kg m-2 s-1"),
    (0, 1, 8): Parameter("precipitation", "mm", accumulated=True, provider_unit="kg m-2"),
    (0, 1, 52): Parameter("precipitation_rate", "mm/h", valid=DEPTH, provider_unit="kg m-2 s-1"),
    (0, 2, 1): Parameter("wind_speed", "m/s", valid=SPEED, provider_unit="m/s"),
    (0, 2, 22): Parameter("wind_gust", "m/s", valid=SPEED, provider_unit="m/s"),
    (0, 6, 1): Parameter("cloud_cover", "%", provider_unit="%"),
    (209, 6, 0): Parameter("precipitation_flag", "1", categorical=True, provider_unit="1"),
    (209, 6, 1): Parameter("precipitation_rate", "mm/h", valid=DEPTH, provider_unit="mm/h"),
}
for _first, _hours in (
    (2, (1, 3, 6, 12, 24, 48, 72)),
    (30, (1, 3, 6, 12, 24, 48, 72)),
    (37, (1, 3, 6, 12, 24, 48, 72)),
):
    for _offset, _length in enumerate(_hours):
        NUMBERS[(209, 6, _first + _offset)] = Parameter(
            "precipitation", "mm", provider_unit="mm", interval_s=_length * HOUR
        )

MRMS_DISCIPLINE = 209
MRMS_MISSING = (-1.0, -3.0, -99.0, -999.0)  # -1 missing, -3 no coverage; the others in older products

# CF standard name -> quantity
STANDARD_NAMES = {
    "air_temperature": TEMPERATURE, "precipitation_amount": RAIN, "lwe_thickness_of_precipitation_amount": RAIN,
    "precipitation_flux": RATE, "rainfall_rate": RATE, "lwe_precipitation_rate": RATE,
    "convective_precipitation_rate": RATE, "rainfall_amount": RAIN,
    "convective_precipitation_hourly_accumulation":
        Parameter("precipitation", "mm", accumulated=True, interval_s=HOUR),
    "wind_speed": WIND, "wind_speed_of_gust": GUST, "eastward_wind": EASTWARD, "northward_wind": NORTHWARD,
    "air_pressure_at_mean_sea_level": PRESSURE, "air_pressure_at_sea_level": PRESSURE,
    "surface_air_pressure": SURFACE_PRESSURE, "relative_humidity": HUMIDITY, "visibility_in_air": VISIBILITY,
    "surface_snow_thickness": SNOW_DEPTH, "lwe_thickness_of_surface_snow_amount": SNOW_WATER,
    "snowfall_amount": SNOWFALL, "lwe_thickness_of_snowfall_amount": SNOWFALL,
    "cloud_area_fraction": CLOUD,
}  # fmt: skip

# variable names (lower case) of files without standard names
VARIABLE_NAMES = {
    "t2m": TEMPERATURE, "tp": RAIN, "vmax_10m": GUST, "fg10": GUST, "i10fg": GUST, "u10": EASTWARD,
    "v10": NORTHWARD, "msl": PRESSURE, "sp": SURFACE_PRESSURE, "precip": RAIN, "precipitation": RAIN,
    "max_wind_gust": GUST, "tot_prec": RAIN, "t_2m": TEMPERATURE,
    "sf": SNOWFALL, "mci": Parameter("mci", "1", valid=(-10.0, 10.0)),
    "spi": Parameter("spi", "1", valid=(-10.0, 10.0)),
    "landslide_level": Parameter("landslide_level", "1", categorical=True, valid=(0.0, 4.0)),
    "forest_fire_grade": Parameter("forest_fire_grade", "1", categorical=True, valid=(1.0, 5.0)),
}  # fmt: skip
