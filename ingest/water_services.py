"""River stage and discharge from USGS Water Services: instantaneous and daily values as WaterML in JSON.

Provider: U.S. Geological Survey. Public domain; recent values are provisional. Stations report every 5 to 60 minutes
and are relayed hourly or faster. Format read 2026-11-20: https://waterservices.usgs.gov/docs/instantaneous-values/

Quirks: a missing value is -999999, whatever `noDataValue` says; qualifiers are a list, in older copies one text;
daily values carry no zone and stand for a day of local standard time; a station may have two sensors for a variable.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import Field

from data.clock import as_utc, parse_time
from data.errors import BadPayload
from data.model import Observation, Parsed, Payload, Quality, Reject, Station
from ingest.configure import Configuration, Stages, configured_spec
from ingest.safe_json import parse_json
from ingest.source import SourceSpec

if TYPE_CHECKING:
    from ingest.http import Http

SPEC = SourceSpec(
    key="water_services",
    title="USGS river gauges",
    provider="U.S. Geological Survey",
    hazard="water",
    url="",
    licence="public domain, recent values provisional",
    credit="U.S. Geological Survey, National Water Information System",
    every=timedelta(minutes=15),
    stale_after=timedelta(hours=3),
    links=("https://waterservices.usgs.gov/docs/instantaneous-values/",),
)
ADDRESS = "https://waterservices.usgs.gov/nwis/iv/?format=json&period=PT3H&siteStatus=active&parameterCd={}&sites={}"
# provider's code: (our quantity, its unit, our unit, factor); our value = factor * its value
VARIABLES: dict[str, tuple[str, str, str, float]] = {
    "00060": ("river_discharge", "ft3/s", "m3/s", 0.3048**3),
    "00065": ("river_stage", "ft", "m", 0.3048),
    "00010": ("water_temperature", "deg C", "degC", 1.0),
    "00020": ("air_temperature", "deg C", "degC", 1.0),
    "00035": ("wind_speed", "mph", "m/s", 0.44704),
}
STATISTICS = {"00001": "_daily_maximum", "00002": "_daily_minimum", "00003": "_daily_mean"}
MISSING = -999999.0
FIT = {"A", "P", "R", "Approved", "Provisional"}  # all else (e: estimated, Ice, Eqp, Bkw, <, >) is to be doubted
PROPERTIES = {"hucCd": "hydrologic_unit", "countyCd": "county", "stateCd": "state", "siteTypeCd": "site_type"}


class WaterConfiguration(Configuration):
    """Sites instead of an address, and the stages at which a river floods."""

    sites: tuple[str, ...] = Field((), max_length=100)
    variables: tuple[str, ...] = ("00060", "00065")
    stages: dict[str, Stages] = Field(default_factory=dict)  # by site


@dataclass(frozen=True, slots=True)
class WaterServices:
    """One query of instantaneous or daily values."""

    spec: SourceSpec = field(default=SPEC)
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> WaterServices:
        options = WaterConfiguration.model_validate(config)
        spec = configured_spec(SPEC, options)
        if options.sites and not options.url:
            spec = replace(spec, url=ADDRESS.format(",".join(options.variables), quote(",".join(options.sites))))
        return cls(spec, options.stages)

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        payload = http.get(self.spec.url, accept="application/json")
        return [] if payload is None else [payload]

    def parse(self, payload: Payload) -> Parsed:
        """Read time series into stations and observations in metres, cubic metres a second and degrees Celsius.

        Raises
        ------
        BadPayload
            If it is not a WaterML time series response.
        """
        document = parse_json(payload.body, payload.source, self.spec.max_bytes).value
        value = document.get("value") if isinstance(document, dict) else None
        series = value.get("timeSeries") if isinstance(value, dict) else None
        if not isinstance(series, list):
            raise BadPayload(payload.source, "not a response of Water Services: it has no value.timeSeries")
        stations: dict[str, Station] = {}
        observations: list[Observation] = []
        rejects: dict[tuple[str, str], Reject] = {}
        for place, item in enumerate(series):
            for found in _read_series(item, place, self.stages):
                match found:
                    case Station():
                        stations[found.id] = found
                    case Observation():
                        observations.append(found)
                    case Reject():
                        rejects[(found.id, found.reason)] = found
        newest = max((item.observed_at for item in observations if item.value is not None), default=None)
        return Parsed(records=(*stations.values(), *observations), rejects=tuple(rejects.values()), data_at=newest)


def _read_series(
    item: Any, place: int, stages: Mapping[str, Mapping[str, float]]
) -> Iterator[Station | Observation | Reject]:
    try:
        site = _text(_first(item["sourceInfo"]["siteCode"])["value"])
        code = _text(_first(item["variable"]["variableCode"])["value"])
        blocks = [block for block in item["values"] if block["value"]]
    except (KeyError, TypeError, ValueError, IndexError):
        yield Reject(id=f"series {place}", reason="not a time series with a site, a variable and values")
        return
    yield _station(item["sourceInfo"], site, stages.get(site, {}))
    if not blocks:
        return
    if code not in VARIABLES:
        yield Reject(id=f"variable {code}", reason="a variable that is not kept")
        return
    try:
        quantity, factor, unit, day = _meaning(item["variable"], code)
        zone = _zone(item["sourceInfo"])
    except (ValueError, TypeError, KeyError) as error:
        yield Reject(id=f"{site} {code}", reason=str(error))
        return
    readings = [list(_read_block(block, site, quantity, unit, factor, zone, day)) for block in blocks]
    readings.sort(key=lambda found: max((o.observed_at for o in found if isinstance(o, Observation)), default=EARLY))
    yield from readings[-1]
    if len(readings) > 1:
        yield Reject(
            id=f"{site} {code}", reason=f"{len(readings) - 1} more sensors; the one with the newest value is kept"
        )


EARLY = datetime.min.replace(tzinfo=UTC)


def _first(items: Any) -> Any:
    if not isinstance(items, list) or not items:
        raise ValueError("an empty list")
    return items[0]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 120:
        raise ValueError("not a short text")
    return value


def _station(info: Mapping[str, Any], site: str, stages: Mapping[str, float]) -> Station | Reject:
    try:
        place = info["geoLocation"]["geogLocation"]
        lon, lat = float(place["longitude"]), float(place["latitude"])
    except (KeyError, TypeError, ValueError):
        return Reject(id=site, reason="no position given; its values are kept")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        return Reject(id=site, reason=f"position {lon}, {lat} is not on the Earth; its values are kept")
    listed = info.get("siteProperty")
    properties = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    attributes: dict[str, Any] = {
        PROPERTIES[item["name"]]: str(item.get("value", "")) for item in properties if item.get("name") in PROPERTIES
    }
    if stages:
        attributes["stages_m"] = dict(stages)
    name = info.get("siteName")
    return Station(id=site, lon=lon, lat=lat, name=name if isinstance(name, str) else "", attributes=attributes)


def _meaning(variable: Mapping[str, Any], code: str) -> tuple[str, float, str, timedelta]:
    """Our quantity, the factor to our unit, our unit, and the length of the day that a daily value stands for."""
    quantity, theirs, ours, factor = VARIABLES[code]
    declared = (variable.get("unit") or {}).get("unitCode") or theirs
    if declared != theirs:
        from data.units import factor_offset

        factor, offset = factor_offset(str(declared)[:40], ours)
        if offset:
            raise ValueError(f"unit {declared!r} where {theirs!r} is meant")
    options = (variable.get("options") or {}).get("option") or [{}]
    statistic = options[0].get("optionCode") or "00000"
    if statistic == "00000":
        return quantity, factor, ours, timedelta()
    if statistic not in STATISTICS:
        raise ValueError(f"statistic {str(statistic)[:20]!r} is not kept")
    return quantity + STATISTICS[statistic], factor, ours, timedelta(days=1)


def _zone(info: Mapping[str, Any]) -> timezone | None:
    """The site's standard time, for times written without a zone."""
    offset = ((info.get("timeZoneInfo") or {}).get("defaultTimeZone") or {}).get("zoneOffset")
    if not isinstance(offset, str):
        return None
    moved = datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").utcoffset()
    return timezone(moved) if moved is not None else None


def _read_block(
    block: Mapping[str, Any],
    site: str,
    quantity: str,
    unit: str,
    factor: float,
    zone: timezone | None,
    day: timedelta,
) -> Iterator[Observation | Reject]:
    for item in block["value"]:
        try:
            observed_at = _time(item["dateTime"], zone) + day
            value, quality = _value(item, factor)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            name = str(item.get("dateTime", ""))[:40] if isinstance(item, dict) else ""
            yield Reject(id=f"{site} {quantity} {name}".strip(), reason=f"not a reading: {error}"[:200])
            continue
        yield Observation(
            station=site, quantity=quantity, unit=unit, observed_at=observed_at, value=value, quality=quality
        )


def _time(text: str, zone: timezone | None) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        local = datetime.fromisoformat(text)
        if zone is None or local.tzinfo is not None:
            raise
        return as_utc(local.replace(tzinfo=zone))


def _value(item: Mapping[str, Any], factor: float) -> tuple[float | None, Quality]:
    written = item["value"]
    if written is None or written == "":
        return None, Quality.MISSING
    value = float(written)
    if value == MISSING or not math.isfinite(value):
        return None, Quality.MISSING
    told = item.get("qualifiers") or ()
    marks = {told} if isinstance(told, str) else {str(mark) for mark in told}
    return value * factor, Quality.GOOD if marks <= FIT else Quality.SUSPECT
