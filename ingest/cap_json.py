"""Alerts of the US National Weather Service as GeoJSON.

https://www.weather.gov/documentation/services-web-api (2026). Nearly all have no geometry; their area is in SAME and
UGC codes. `ends` is when the hazard ends and `expires` when the message does, which may be earlier: the later of the
two ends the warning here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.cap_words import CERTAINTIES, SEVERITIES, URGENCIES
from data.clock import parse_time
from data.errors import BadPayload
from data.model import IncomingWarning, Parsed, Reject
from ingest.cap_area import Areas
from ingest.cap_message import clean, compose, one_of
from ingest.safe_json import parse_json

TEXTS = ("effective", "onset", "expires", "ends", "senderName", "headline", "description", "instruction", "web")


def read_alerts(body: bytes, source: str, language: str) -> Parsed:
    """Records of a feature collection or a single feature.

    Raises
    ------
    BadPayload
        If it is not JSON, or not alerts.
    """
    document = parse_json(body, source).value
    features = document.get("features", [document]) if isinstance(document, dict) else None
    if not isinstance(features, list) or not all(_is_alert(feature) for feature in features):
        raise BadPayload(source, "JSON that is not a collection of alerts")
    records, rejects = [], []
    for number, feature in enumerate(features, 1):
        name = clean(str(feature["properties"].get("id") or feature.get("id") or f"alert {number}"))[:200]
        try:
            records.append(_read_feature(feature, language))
        except ValueError as error:
            rejects.append(Reject(id=name, reason=str(error)))
    data_at = max((record.sent_at for record in records), default=None)
    return Parsed(records=tuple(records), rejects=tuple(rejects), data_at=data_at)


def _is_alert(feature: Any) -> bool:
    return isinstance(feature, dict) and isinstance(feature.get("properties"), dict)


def _read_feature(feature: Mapping[str, Any], language: str) -> IncomingWarning:
    properties = feature["properties"]
    notes: list[str] = []
    shapes = Areas()
    geometry = feature.get("geometry")
    if isinstance(geometry, dict):
        shapes.add_geojson(geometry)
    written = {name: clean(str(properties[name])) for name in TEXTS if properties.get(name)}
    info = {
        "language": _text(properties, "language") or "en-US",
        "category": [_text(properties, "category")],
        "event": _text(properties, "event"),
        "responseType": [_text(properties, "response")] if properties.get("response") else [],
        "urgency": one_of(_text(properties, "urgency"), URGENCIES, "urgency", notes),
        "severity": one_of(_text(properties, "severity"), SEVERITIES, "severity", notes),
        "certainty": one_of(_text(properties, "certainty"), CERTAINTIES, "certainty", notes),
        **written,
        "expires": _later(written.get("expires", ""), written.get("ends", "")),
        "eventCode": _pairs(properties.get("eventCode")),
        "parameter": _pairs(properties.get("parameters")),
        "areas": [
            {
                "area": _text(properties, "areaDesc"),
                "polygons": len(shapes.shapes),
                "circles": 0,
                "geocodes": _pairs(properties.get("geocode")),
            }
        ],
    }
    return compose(
        identifier=_needed(properties, "id"),
        sender=_needed(properties, "sender"),
        sent=_needed(properties, "sent"),
        status=_text(properties, "status"),
        message_type=_text(properties, "messageType"),
        scope=_text(properties, "scope") or "Public",  # this address gives public alerts only
        references=_references(properties.get("references")),
        infos=[(info, shapes)],
        language=language,
        notes=notes,
        attributes={"version": "api.weather.gov", "signed": False},
    )


def _text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    return clean(value) if isinstance(value, str) else ""


def _needed(properties: Mapping[str, Any], name: str) -> str:
    value = _text(properties, name)
    if not value:
        raise ValueError(f"{name} is missing")
    return value


def _pairs(values: Any) -> list[list[str]]:
    """{"SAME": ["006037", ...]} as pairs."""
    if not isinstance(values, dict):
        return []
    return [[clean(str(name)), clean(str(value))] for name, many in values.items() if isinstance(many, list)
            for value in many]  # fmt: skip


def _references(values: Any) -> str:
    if not isinstance(values, list):
        return ""
    names = ("sender", "identifier", "sent")
    triples = [[_text(value, name) for name in names] for value in values if isinstance(value, dict)]
    return " ".join(",".join(triple) for triple in triples if all(triple))


def _later(expires: str, ends: str) -> str:
    try:
        return ends if ends and parse_time(ends) > parse_time(expires) else expires
    except ValueError:
        return expires
