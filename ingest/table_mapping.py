"""How an operator describes a table of measurements: which column is what, in which unit, zone and format."""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Mapping
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from data.model import Station
from data.units import convert, factor_offset
from ingest.configure import Configuration, Stages, known_stages

# The house's quantities and units; a value for one of them is converted, any other keeps the unit it is given with.
UNITS = {
    "river_stage": "m",
    "river_discharge": "m3/s",
    "precipitation": "mm",
    "precipitation_rate": "mm/h",
    "air_temperature": "degC",
    "wind_speed": "m/s",
    "wind_gust": "m/s",
    "water_temperature": "degC",
    "relative_humidity": "%",
    "pressure_msl": "hPa",
    "visibility": "m",
    "snow_depth": "m",
    "snowfall_water": "mm",
    "ground_temperature": "degC",
    "road_temperature": "degC",
    "tsunami_height": "m",
    "seismic_intensity": "1",
    "pm2_5": "ug/m3",
    "pm10": "ug/m3",
    "so2": "ug/m3",
    "no2": "ug/m3",
    "o3": "ug/m3",
    "co": "mg/m3",
}
NO_STAGE = -999.0
OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")


def read_zone(text: str) -> tzinfo:
    """A zone by its name or as an offset such as +08:00."""
    offset = OFFSET.fullmatch(text.strip())
    if offset:
        length = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-length if offset[1] == "-" else length)
    try:
        return ZoneInfo(text.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"not a time zone: {text!r}") from error


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"not an encoding: {name!r}") from error


def _pattern(text: str) -> str:
    try:
        if re.compile(text).groups != 1:
            raise ValueError("one pair of parentheses around the station id")
    except re.error as error:
        raise ValueError(f"not a pattern: {error}") from error
    return text


Encoding = Annotated[str, AfterValidator(_encoding)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ValueColumn(_Strict):
    """One measured quantity: where it stands, in which unit, and what is believable."""

    column: str
    unit: str = ""
    valid: tuple[float, float] | None = None  # in our unit; what lies outside is kept and marked bad
    suspect_where: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # column -> texts that cast doubt

    @model_validator(mode="after")
    def _ordered(self) -> ValueColumn:
        if self.valid and self.valid[0] > self.valid[1]:
            raise ValueError("valid: the lower bound first")
        return self


class StationList(_Strict):
    """A file of stations to join by their id."""

    path: Path
    id: str
    lon: str
    lat: str
    name: str = ""
    elevation_m: str = ""
    stages: dict[str, str] = Field(default_factory=dict)  # a name of STAGES -> column
    stages_unit: str = "m"
    delimiter: str = ","
    encoding: Encoding = "utf-8-sig"

    @field_validator("stages")
    @classmethod
    def _known_stages(cls, value: dict[str, str]) -> dict[str, str]:
        return known_stages(value)

    @field_validator("stages_unit")
    @classmethod
    def _length(cls, value: str) -> str:
        _convertible(value, "m")
        return value

    def read(self) -> dict[str, Station]:
        """The stations by id; ValueError names what is wrong with the file."""
        try:
            with self.path.open(encoding=self.encoding, newline="") as file:
                rows = list(csv.DictReader(file, delimiter=self.delimiter))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{self.path.name}: {error}") from error
        absent = sorted(set(self.stages.values()) - set(rows[0] if rows else ()))
        if absent:
            raise ValueError(f"{self.path.name}: no column {', '.join(absent)[:200]}")
        found = {}
        for row in rows:
            native = (row.get(self.id) or "").strip()
            try:
                lon, lat = float(row[self.lon]), float(row[self.lat])
            except (KeyError, TypeError, ValueError):
                continue  # a station without a position joins nothing
            height = (row.get(self.elevation_m) or "").strip() if self.elevation_m else ""
            found[native] = Station(
                id=native,
                lon=lon,
                lat=lat,
                name=(row.get(self.name) or "").strip() if self.name else "",
                elevation_m=float(height) if height.replace(".", "", 1).lstrip("-").isdigit() else None,
                attributes=self._attributes(row),
            )
        if not found:
            raise ValueError(f"{self.path.name}: no station with {self.id}, {self.lon} and {self.lat}")
        return found

    def _attributes(self, row: Mapping[str, str | None]) -> dict[str, dict[str, float]]:
        """The stages of a row in metres; an empty cell, a word and the -9999 of several agencies are no stage."""
        stages = {}
        for stage, column in self.stages.items():
            try:
                value = float((row[column] or "").strip())
            except ValueError:
                continue
            if math.isfinite(value) and value > NO_STAGE:
                stages[stage] = round(convert(value, self.stages_unit, "m"), 4)
        return {"stages_m": stages} if stages else {}


class TableConfiguration(Configuration):
    """The whole mapping of a table."""

    format: Literal["csv", "json"] = "csv"
    encoding: Encoding = "utf-8"
    delimiter: str = Field(",", min_length=1)  # "spaces" for columns parted by any blanks
    quote: str = Field('"', max_length=1)
    comment: str = ""  # lines that begin so are left out, before rows are counted
    header_row: int = Field(1, ge=0)  # 0: no names, columns are named by their number from 1
    first_row: int | None = Field(None, ge=1)
    rows: str = ""  # json: the path of the list, such as "features"
    decimal: Literal[".", ","] = "."
    missing: tuple[str, ...] = ()

    station: tuple[str, ...] = ()  # columns, joined by "-"
    station_value: str = Field("", max_length=120)
    station_pattern: str = ""  # one group, matched on the file's name or address
    name: str = ""
    lon: str = ""
    lat: str = ""
    elevation_m: str = ""
    stations: StationList | None = None
    stages: dict[str, Stages] = Field(default_factory=dict)  # by station; goes before a column of the list

    time: tuple[str, ...]  # columns, joined by a blank
    time_format: str = "iso"  # iso, epoch_s, epoch_ms, or a strptime format
    zone: str = "UTC"  # of times that carry none
    values: dict[str, ValueColumn] = Field(min_length=1)

    @field_validator("station", "time", "missing", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | int | float) else value

    @field_validator("missing", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return tuple(str(item) for item in ((value,) if isinstance(value, str | int | float) else value))

    @field_validator("values", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {key: {"column": item} if isinstance(item, str) else item for key, item in value.items()}

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        read_zone(value)
        return value

    @field_validator("station_pattern")
    @classmethod
    def _known_pattern(cls, value: str) -> str:
        return _pattern(value) if value else value

    @model_validator(mode="after")
    def _whole(self) -> TableConfiguration:
        if sum(map(bool, (self.station, self.station_value, self.station_pattern))) != 1:
            raise ValueError("name the station by one of station, station_value and station_pattern")
        if bool(self.lon) != bool(self.lat):
            raise ValueError("lon and lat go together")
        if len(self.delimiter) > 1 and self.delimiter != "spaces":
            raise ValueError("delimiter: one character, or spaces")
        for quantity, column in self.values.items():
            if quantity in UNITS and column.unit:
                _convertible(column.unit, UNITS[quantity])
        return self


def _convertible(unit: str, ours: str) -> None:
    factor_offset(unit, ours)
