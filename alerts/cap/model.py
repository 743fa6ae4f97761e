"""A CAP 1.2 message as values that cannot be changed.

Positions are named (`lon`, `lat`) and held in the order of GeoJSON; only `build` and `parse` know that CAP writes
latitude first. Texts are held trimmed: white space at their ends means nothing in CAP. An empty text or tuple stands
for an element that is not there. Coordinates have six decimals (0.1 m), so that what is built is what is read again.

Reference: OASIS, Common Alerting Protocol 1.2 (2010), section 3.2.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from alerts.cap.times import write_time
from data.errors import WarningError

DECIMALS = 6
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2


class Position(NamedTuple):
    """A place on WGS 84 [degrees]."""

    lon: float
    lat: float


class Pair(NamedTuple):
    """A `valueName` and its `value`: an event code, a parameter or a geocode."""

    name: str
    value: str


class Part:
    """What all parts of a message have in common: trimmed texts, and times that CAP can write."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for one in fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, one.name, _held(getattr(self, one.name), one.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon(Part):
    """A ring; its first and last positions are the same."""

    ring: tuple[Position, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle(Part):
    """A place and the distance [km] around it."""

    centre: Position
    radius_km: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Area(Part):
    """Where: described, drawn and coded; heights in feet above mean sea level."""

    description: str
    polygons: tuple[Polygon, ...] = ()
    circles: tuple[Circle, ...] = ()
    geocodes: tuple[Pair, ...] = ()
    altitude_ft: Decimal | None = None
    ceiling_ft: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Part):
    """A file that belongs to the message."""

    description: str
    mime_type: str
    size_bytes: int | None = None
    uri: str = ""
    deref_uri: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Part):
    """What is said, in one language."""

    language: str
    category: tuple[str, ...]
    event: str
    response_type: tuple[str, ...] = ()
    urgency: str
    severity: str
    certainty: str
    audience: str = ""
    event_code: tuple[Pair, ...] = ()
    effective_at: datetime | None = None
    onset_at: datetime | None = None
    expires_at: datetime | None = None
    sender_name: str = ""
    headline: str = ""
    description: str = ""
    instruction: str = ""
    web: str = ""
    contact: str = ""
    parameter: tuple[Pair, ...] = ()
    resource: tuple[Resource, ...] = ()
    area: tuple[Area, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Part):
    """What names a message in others: no two have the same three."""

    sender: str
    identifier: str
    sent_at: datetime

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{write_time(self.sent_at)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(Part):
    """One message."""

    identifier: str
    sender: str
    sent_at: datetime
    status: str
    message_type: str
    scope: str
    source: str = ""
    restriction: str = ""
    addresses: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    note: str = ""
    references: tuple[Reference, ...] = ()
    incidents: tuple[str, ...] = ()
    info: tuple[Info, ...] = field(default=())

    @property
    def reference(self) -> Reference:
        """How others refer to this message."""
        return Reference(sender=self.sender, identifier=self.identifier, sent_at=self.sent_at)


def _held(value: object, name: str) -> object:
    """A value as it is kept; WarningError for one that no CAP message can carry."""
    match value:
        case str():
            if found := _NOT_IN_XML.search(value):
                raise WarningError(f"{name} holds a character that XML cannot carry: {found[0]!r}")
            return value.replace("\r\n", "\n").replace("\r", "\n").strip()
        case datetime():
            write_time(value)
            return value
        case Position():
            return Position(_number(value.lon, name), _number(value.lat, name))
        case Pair():
            return Pair(str(_held(value.name, name)), str(_held(value.value, name)))
        case tuple():
            return tuple(_held(one, name) for one in value)
        case float():
            return _number(value, name)
        case Decimal() if not value.is_finite() or value.adjusted() > 8 or int(value.as_tuple().exponent) < -9:
            raise WarningError(f"{name} is not a number that can be written: {value}")
    return value


def _number(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise WarningError(f"{name} is not a finite number")
    return round(float(value), DECIMALS) + 0.0  # adding zero takes the sign off a zero
