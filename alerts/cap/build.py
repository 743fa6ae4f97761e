"""A message as the exact bytes to be sent: UTF-8, elements in the order of the standard, always the same.

What is written here is what people approve, sign and send; nothing is serialised again afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from xml.sax.saxutils import escape

from alerts.cap.model import DECIMALS, Alert, Area, Circle, Info, Pair, Polygon, Position, Reference, Resource
from alerts.cap.times import write_time
from data.cap_words import CAP_12
from data.errors import WarningError

DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>\n"
Written = str | int | Decimal | datetime | None


def build(alert: Alert) -> bytes:
    """The bytes of a message.

    Parameters
    ----------
    alert : Alert

    Returns
    -------
    bytes
        An XML document without DOCTYPE, comments, processing instructions or byte order mark. What is missing though
        CAP wants it is written as an empty element, so that `check` names it.

    Raises
    ------
    WarningError
        If a value cannot be written, such as an address with a quotation mark in it.
    """
    return "".join((DECLARATION, f'<alert xmlns="{CAP_12}">\n', *_alert(alert), "</alert>\n")).encode()


def _alert(alert: Alert) -> Iterator[str]:
    yield _text("identifier", alert.identifier, 1)
    yield _text("sender", alert.sender, 1)
    yield _text("sent", alert.sent_at, 1)
    yield _text("status", alert.status, 1)
    yield _text("msgType", alert.message_type, 1)
    yield from _texts([("source", alert.source)], 1)
    yield _text("scope", alert.scope, 1)
    yield from _texts([("restriction", alert.restriction), ("addresses", joined(alert.addresses))], 1)
    yield from (_text("code", one, 1) for one in alert.code)
    references = " ".join(_reference(one) for one in alert.references)
    yield from _texts([("note", alert.note), ("references", references), ("incidents", joined(alert.incidents))], 1)
    for info in alert.info:
        yield from _block("info", _info(info), 1)


def _info(info: Info) -> Iterator[str]:
    yield from _texts([("language", info.language)], 2)
    yield from (_text("category", one, 2) for one in info.category)
    yield _text("event", info.event, 2)
    yield from (_text("responseType", one, 2) for one in info.response_type)
    yield _text("urgency", info.urgency, 2)
    yield _text("severity", info.severity, 2)
    yield _text("certainty", info.certainty, 2)
    yield from _texts([("audience", info.audience)], 2)
    yield from _pairs("eventCode", info.event_code, 2)
    yield from _texts([
        ("effective", info.effective_at), ("onset", info.onset_at), ("expires", info.expires_at),
        ("senderName", info.sender_name), ("headline", info.headline), ("description", info.description),
        ("instruction", info.instruction), ("web", info.web), ("contact", info.contact),
    ], 2)  # fmt: skip
    yield from _pairs("parameter", info.parameter, 2)
    for resource in info.resource:
        yield from _block("resource", _resource(resource), 2)
    for area in info.area:
        yield from _block("area", _area(area), 2)


def _resource(resource: Resource) -> Iterator[str]:
    yield _text("resourceDesc", resource.description, 3)
    yield _text("mimeType", resource.mime_type, 3)
    yield from _texts([
        ("size", resource.size_bytes), ("uri", resource.uri), ("derefUri", resource.deref_uri),
        ("digest", resource.digest),
    ], 3)  # fmt: skip


def _area(area: Area) -> Iterator[str]:
    yield _text("areaDesc", area.description, 3)
    yield from (_text("polygon", write_polygon(one), 3) for one in area.polygons)
    yield from (_text("circle", write_circle(one), 3) for one in area.circles)
    yield from _pairs("geocode", area.geocodes, 3)
    yield from _texts([("altitude", area.altitude_ft), ("ceiling", area.ceiling_ft)], 3)


def _reference(reference: Reference) -> str:
    if any(len(part.split()) != 1 or "," in part for part in (reference.sender, reference.identifier)):
        raise WarningError(f"cannot be referred to, for a blank, a comma or nothing in its name: {reference}")
    return str(reference)


def write_polygon(polygon: Polygon) -> str:
    """The text of a `polygon`: pairs lat,lon [degrees] between blanks."""
    return " ".join(_position(one) for one in polygon.ring)


def write_circle(circle: Circle) -> str:
    """The text of a `circle`: lat,lon [degrees], a blank, the radius [km]."""
    return f"{_position(circle.centre)} {_number(circle.radius_km)}"


def joined(items: Iterable[str]) -> str:
    """Words between blanks; one with a blank inside stands in double quotes.

    Raises
    ------
    WarningError
        If one is empty or holds a double quote, which CAP has no way to write.
    """
    found = list(items)
    for one in found:
        if not one.strip() or '"' in one:
            raise WarningError(f"cannot be one of several in a CAP list: {one!r}")
    return " ".join(f'"{one}"' if len(one.split()) != 1 or one != one.strip() else one for one in found)


def _position(position: Position) -> str:
    return f"{_number(position.lat)},{_number(position.lon)}"


def _number(value: float) -> str:
    """Decimal digits without an exponent, at most six behind the point."""
    return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")


def _text(name: str, value: Written, depth: int) -> str:
    written = write_time(value) if isinstance(value, datetime) else value
    plain = f"{written:f}" if isinstance(written, Decimal) else str("" if written is None else written)
    return f"{'  ' * depth}<{name}>{escape(plain)}</{name}>\n"


def _texts(items: Iterable[tuple[str, Written]], depth: int) -> Iterator[str]:
    """Elements that are left out when there is nothing to say."""
    return (_text(name, value, depth) for name, value in items if value not in ("", None))


def _pairs(name: str, pairs: Iterable[Pair], depth: int) -> Iterator[str]:
    for pair in pairs:
        yield from _block(
            name, (_text("valueName", pair.name, depth + 1), _text("value", pair.value, depth + 1)), depth
        )


def _block(name: str, inside: Iterable[str], depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}<{name}>\n"
    yield from inside
    yield f"{'  ' * depth}</{name}>\n"
