"""Bytes of a CAP 1.2 message as a value; what cannot be kept whole is refused.

Messages of other services are read forgivingly by ingest; here stands the strict way, for what is our own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from alerts.cap.model import Alert, Area, Info, Pair, Reference, Resource
from alerts.cap.shapes import read_circle, read_polygon, words_of
from alerts.cap.times import read_time
from data import safe_xml
from data.cap_words import CAP_12
from data.errors import BadPayload, WarningError

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_BYTES = 2 << 20
WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
HEIGHT = re.compile(r"[+-]?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})", re.ASCII)
T = TypeVar("T")


def parse(body: bytes) -> Alert:
    """The message that the bytes hold; `parse(build(alert)) == alert` for every alert.

    Parameters
    ----------
    body : bytes
        At most 2 MB; read without DTDs, entities, network or files.

    Raises
    ------
    WarningError
        If this is no CAP 1.2 message, or a time, number, polygon, circle, reference or list in it cannot be read.
    """
    try:
        root = safe_xml.parse(body, source="CAP message", max_bytes=MAX_BYTES)
    except BadPayload as error:
        raise WarningError(str(error)) from error
    return read_alert(root)


def read_alert(root: Element) -> Alert:
    """The message that an `alert` element holds; WarningError as in `parse`."""
    if root.tag != f"{{{CAP_12}}}alert":
        raise WarningError(f"no CAP 1.2 message: the root element is {str(root.tag)[:120]}")
    return Alert(
        identifier=text(root, "identifier"),
        sender=text(root, "sender"),
        sent_at=_read(root, "sent", read_time),
        status=text(root, "status"),
        message_type=text(root, "msgType"),
        scope=text(root, "scope"),
        source=text(root, "source"),
        restriction=text(root, "restriction"),
        addresses=_read(root, "addresses", words_of),
        code=texts(root, "code"),
        note=text(root, "note"),
        references=_read(root, "references", read_references),
        incidents=_read(root, "incidents", words_of),
        info=tuple(_info(one) for one in children(root, "info")),
    )


def read_references(written: str) -> tuple[Reference, ...]:
    """Triples sender,identifier,sent between blanks; ValueError for anything else."""
    found = []
    for part in written.split():
        pieces = part.split(",")
        if len(pieces) != 3 or not all(pieces):
            raise ValueError(f"not written sender,identifier,sent: {part[:80]}")
        found.append(Reference(sender=pieces[0], identifier=pieces[1], sent_at=read_time(pieces[2])))
    return tuple(found)


def children(element: Element, name: str) -> list[Element]:
    """Children of this name in the namespace of CAP 1.2."""
    return list(element.findall(f"{{{CAP_12}}}{name}"))


def text(element: Element, name: str) -> str:
    """Trimmed text of the first child of this name, or ""."""
    return next(iter(texts(element, name)), "")


def texts(element: Element, name: str) -> tuple[str, ...]:
    """Trimmed texts of all children of this name."""
    return tuple("".join(str(part) for part in one.itertext()).strip() for one in children(element, name))


def _info(info: Element) -> Info:
    return Info(
        language=text(info, "language"),
        category=texts(info, "category"),
        event=text(info, "event"),
        response_type=texts(info, "responseType"),
        urgency=text(info, "urgency"),
        severity=text(info, "severity"),
        certainty=text(info, "certainty"),
        audience=text(info, "audience"),
        event_code=_pairs(info, "eventCode"),
        effective_at=_time(info, "effective"),
        onset_at=_time(info, "onset"),
        expires_at=_time(info, "expires"),
        sender_name=text(info, "senderName"),
        headline=text(info, "headline"),
        description=text(info, "description"),
        instruction=text(info, "instruction"),
        web=text(info, "web"),
        contact=text(info, "contact"),
        parameter=_pairs(info, "parameter"),
        resource=tuple(_resource(one) for one in children(info, "resource")),
        area=tuple(_area(one) for one in children(info, "area")),
    )


def _resource(resource: Element) -> Resource:
    return Resource(
        description=text(resource, "resourceDesc"),
        mime_type=text(resource, "mimeType"),
        size_bytes=_read(resource, "size", _whole) if text(resource, "size") else None,
        uri=text(resource, "uri"),
        deref_uri=text(resource, "derefUri"),
        digest=text(resource, "digest"),
    )


def _area(area: Element) -> Area:
    return Area(
        description=text(area, "areaDesc"),
        polygons=tuple(_understood("polygon", one, read_polygon) for one in texts(area, "polygon")),
        circles=tuple(_understood("circle", one, read_circle) for one in texts(area, "circle")),
        geocodes=_pairs(area, "geocode"),
        altitude_ft=_read(area, "altitude", _height) if text(area, "altitude") else None,
        ceiling_ft=_read(area, "ceiling", _height) if text(area, "ceiling") else None,
    )


def _pairs(element: Element, name: str) -> tuple[Pair, ...]:
    return tuple(Pair(text(one, "valueName"), text(one, "value")) for one in children(element, name))


def _time(element: Element, name: str) -> datetime | None:
    return _read(element, name, read_time) if text(element, name) else None


def _whole(written: str) -> int:
    if WHOLE.fullmatch(written) is None:
        raise ValueError(f"not a whole number of at most 18 digits: {written[:40]!r}")
    return int(written)


def _height(written: str) -> Decimal:
    if HEIGHT.fullmatch(written) is None:
        raise ValueError(f"not a decimal number: {written[:40]!r}")
    return Decimal(written)


def _read(element: Element, name: str, how: Callable[[str], T]) -> T:
    return _understood(name, text(element, name), how)


def _understood(name: str, written: str, how: Callable[[str], T]) -> T:
    try:
        return how(written)
    except ValueError as error:
        raise WarningError(f"{name} cannot be read: {error}") from error
