"""What a stored step says of itself to other programs: CF-1.12 metadata (https://cfconventions.org, read 2026-11).

Units are the house's: UDUNITS reads them all. A quantity that is not here has the provider's words and no standard
name, which CF allows.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from data.model import FieldStep

CONVENTIONS = "CF-1.12"
NOT_A_NUMBER = "AAAAAAAA+H8="  # how xarray writes a NaN fill value into the attributes of a Zarr 3 array
TIME_UNITS = {"units": "seconds since 1970-01-01 00:00:00", "calendar": "standard"}

# house quantity -> CF standard name (table v86)
STANDARD_NAMES = {
    "precipitation": "lwe_thickness_of_precipitation_amount", "precipitation_rate": "lwe_precipitation_rate",
    "snow_water": "lwe_thickness_of_surface_snow_amount", "snow_depth": "surface_snow_thickness",
    "wind_speed": "wind_speed", "wind_gust": "wind_speed_of_gust", "eastward_wind": "eastward_wind",
    "northward_wind": "northward_wind", "air_temperature": "air_temperature",
    "air_temperature_max": "air_temperature", "air_temperature_min": "air_temperature",
    "air_temperature_mean": "air_temperature", "skin_temperature": "surface_temperature",
    "dew_point": "dew_point_temperature", "pressure_msl": "air_pressure_at_mean_sea_level",
    "pressure_surface": "surface_air_pressure", "relative_humidity": "relative_humidity",
    "cloud_cover": "cloud_area_fraction", "visibility": "visibility_in_air",
}  # fmt: skip
METHODS = {"_max": "maximum", "_min": "minimum", "_mean": "mean", "_rate": "mean", "gust": "maximum"}

CRS = {
    "grid_mapping_name": "latitude_longitude",
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
    "longitude_of_prime_meridian": 0.0,
}
LON = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"}
LAT = {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"}
TIME = {"standard_name": "time", "long_name": "valid time", **TIME_UNITS}
RUN_TIME = {"standard_name": "forecast_reference_time", "long_name": "time of the run", **TIME_UNITS}


def seconds(at: datetime) -> int:
    """A time as `TIME_UNITS` count it."""
    return round(at.timestamp())


def bounds(step: FieldStep) -> tuple[int, int]:
    """Begin and end of the interval that the values are of; both the valid time for an instant."""
    return seconds(step.valid_at - timedelta(seconds=step.accumulation_s)), seconds(step.valid_at)


def variable_attributes(step: FieldStep) -> dict[str, Any]:
    """Attributes of the data variable."""
    standard = STANDARD_NAMES.get(step.quantity) or str(step.attributes.get("standard_name") or "")
    return {
        "units": step.unit,
        **({"standard_name": standard} if standard else {}),
        "long_name": str(step.attributes.get("title") or step.quantity.replace("_", " ")),
        "cell_methods": f"time: {cell_method(step.quantity, step.accumulation_s)}",
        "grid_mapping": "crs",
        "coordinates": "time forecast_reference_time",
        "_FillValue": NOT_A_NUMBER,
    }


def cell_method(quantity: str, accumulation_s: int) -> str:
    """How the values stand for their interval; an amount is its sum."""
    if not accumulation_s:
        return "point"
    return next((method for ending, method in METHODS.items() if quantity.endswith(ending)), "sum")


def group_attributes(step: FieldStep, variable: str) -> dict[str, Any]:
    """Attributes of the whole."""
    notes = [str(note) for note in step.attributes.get("notes") or []]
    return {
        "Conventions": CONVENTIONS,
        "quantity": step.quantity,
        "variable": variable,
        "valid_at": step.valid_at.isoformat(),
        "run_at": step.run_at.isoformat(),
        **({"comment": "; ".join(notes)} if notes else {}),
    }
