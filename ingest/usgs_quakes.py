"""USGS earthquake summary feeds, FDSN event queries and event details, as GeoJSON.

Provider: U.S. Geological Survey and the contributing networks of ANSS ComCat. Public domain. Summary feeds are
rebuilt every minute; an event is revised for weeks. Format read 2026-11-20:
https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php

What the feeds do that is easy to miss: `mag` may be null, and negative for the smallest; `type` names quarry blasts
and explosions too; `ids` lists the ids of the same event by every network, and the preferred one changes; `status`
was written in capitals until 2014; a deleted event may have no coordinates; leaving the feed means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from data.clock import from_epoch_ms
from data.errors import BadPayload
from data.model import Event, EventStatus, Parsed, Payload, Reject
from ingest.configure import Configuration, configured_spec
from ingest.safe_json import parse_json
from ingest.source import SourceSpec

if TYPE_CHECKING:
    from ingest.http import Http

SPEC = SourceSpec(
    key="usgs_quakes",
    title="USGS earthquakes, past day",
    provider="U.S. Geological Survey",
    hazard="earthquake",
    url="https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/all_day.geojson",
    licence="public domain",
    credit="U.S. Geological Survey and contributing networks (ANSS ComCat)",
    every=timedelta(minutes=1),
    stale_after=timedelta(minutes=10),
    silence_is_normal=True,
    links=("https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php",),
)
STATUS = {"automatic": EventStatus.ACTIVE, "reviewed": EventStatus.REVIEWED, "deleted": EventStatus.DELETED}
KEPT = ("felt", "cdi", "mmi", "alert", "tsunami", "sig", "net", "nst", "dmin", "rms", "gap", "place")
NOWHERE = float("nan")


@dataclass(frozen=True, slots=True)
class UsgsQuakes:
    """One feed or query address of USGS GeoJSON."""

    spec: SourceSpec = field(default=SPEC)

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> UsgsQuakes:
        return cls(configured_spec(SPEC, Configuration.model_validate(config)))

    def fetch(self, http: Http, since: datetime | None) -> Sequence[Payload]:
        payload = http.get(self.spec.url, accept="application/geo+json, application/json")
        return [] if payload is None else [payload]

    def parse(self, payload: Payload) -> Parsed:
        """Read a feature collection or a single event's detail.

        Times are milliseconds since 1970 UTC, coordinates degrees and kilometres of depth below the surface.

        Raises
        ------
        BadPayload
            If it is not GeoJSON of one of the two kinds.
        """
        document = parse_json(payload.body, payload.source, self.spec.max_bytes).value
        features = _features(document, payload.source)
        events: list[Event] = []
        rejects: list[Reject] = []
        for place, feature in enumerate(features):
            try:
                events.append(_event(feature))
            except ValueError as error:
                rejects.append(Reject(id=_name(feature, place), reason=str(error)))
        newest = max((event.occurred_at for event in events), default=None)
        return Parsed(records=tuple(events), rejects=tuple(rejects), data_at=newest, made_at=_made_at(document))


def _features(document: Any, source: str) -> list[Any]:
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "Feature":
        return [document]
    if kind != "FeatureCollection":
        raise BadPayload(source, f"neither a GeoJSON FeatureCollection nor a Feature, but {kind or 'something else'}")
    features = document.get("features")
    if not isinstance(features, list):
        raise BadPayload(source, "a FeatureCollection without its list of features")
    return features


def _made_at(document: Any) -> datetime | None:
    """When the feed was built; None for a single event, or where it does not say."""
    metadata = document.get("metadata")
    generated = metadata.get("generated") if isinstance(metadata, dict) else None
    if isinstance(generated, bool) or not isinstance(generated, int | float):
        return None
    try:
        return from_epoch_ms(generated)
    except ValueError:
        return None


def _name(feature: Any, place: int) -> str:
    native = feature.get("id") if isinstance(feature, dict) else None
    return str(native)[:120] if native else f"feature {place}"


def _event(feature: Any) -> Event:
    """One feature; ValueError says what is wrong with it."""
    if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict):
        raise ValueError("not a feature with properties")
    properties = feature["properties"]
    native = feature.get("id")
    if not isinstance(native, str) or not 0 < len(native) <= 120:
        raise ValueError("no id")
    status = STATUS.get(_text(properties, "status").lower(), EventStatus.ACTIVE)
    lon, lat, depth_km = _position(feature.get("geometry"), status)
    occurred_at = _time(properties, "time")
    updated_at = occurred_at if properties.get("updated") is None else _time(properties, "updated")
    names = (part.strip() for part in _text(properties, "ids").split(","))
    return Event(
        id=native,
        kind=(_text(properties, "type") or "earthquake").replace("_", " ").lower()[:40],
        lon=lon,
        lat=lat,
        depth_km=depth_km,
        occurred_at=occurred_at,
        updated_at=updated_at,
        status=status,
        title=_text(properties, "title") or _text(properties, "place"),
        magnitude=_number(properties.get("mag"), "mag", -5.0, 12.0),
        magnitude_type=_text(properties, "magType")[:20],
        url=_text(properties, "url"),
        aliases=tuple(sorted({name for name in names if name and name != native and len(name) <= 120})),
        attributes={key: properties[key] for key in KEPT if _is_scalar(properties.get(key))},
    )


def _is_scalar(value: Any) -> bool:
    return value is not None and isinstance(value, str | int | float)


def _text(properties: Mapping[str, Any], key: str) -> str:
    value = properties.get(key)
    return value if isinstance(value, str) else ""


def _number(value: Any, what: str, low: float, high: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{what} is not a number: {str(value)[:40]!r}")
    if not low <= value <= high:
        raise ValueError(f"{what} {value} is not within {low:g} to {high:g}")
    return float(value)


def _time(properties: Mapping[str, Any], key: str) -> datetime:
    value = _number(properties.get(key), key, -1e14, 1e14)
    if value is None:
        raise ValueError(f"no {key}")
    return from_epoch_ms(value)


def _position(geometry: Any, status: EventStatus) -> tuple[float, float, float | None]:
    """Longitude, latitude [degrees] and depth [km]; a deleted event may have lost them."""
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if isinstance(coordinates, list) and len(coordinates) >= 2:
        lon = _number(coordinates[0], "longitude", -360.0, 360.0)
        lat = _number(coordinates[1], "latitude", -90.0, 90.0)
        if lon is not None and lat is not None:
            # a few networks write depths above sea level as negative numbers, and longitudes past 180
            depth_km = _number(coordinates[2], "depth", -100.0, 1000.0) if len(coordinates) > 2 else None
            return (lon + 180.0) % 360.0 - 180.0 if abs(lon) > 180.0 else lon, lat, depth_km
    if status is EventStatus.DELETED:
        return NOWHERE, NOWHERE, None
    raise ValueError("no coordinates")
