"""The words of the house as values: what comes in, what is kept, what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Level(IntEnum):
    """How bad it is. `UNKNOWN` is not on the scale: it says that nobody can tell."""

    UNKNOWN = -1
    NONE = 0
    BLUE = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    @property
    def key(self) -> str:
        """The word used in files and addresses."""
        return self.name.lower()

    @classmethod
    def of(cls, key: str) -> Level:
        """The level named by `key`; ValueError for any other word."""
        try:
            return cls[key.upper()]
        except KeyError:
            raise ValueError(f"not a level: {key!r}") from None


class Quality(StrEnum):
    """What is known about an observation's fitness."""

    GOOD = "good"
    SUSPECT = "suspect"
    BAD = "bad"
    MISSING = "missing"


class EventStatus(StrEnum):
    """What the provider last said of an event. Leaving the feed is not one of these."""

    ACTIVE = "active"
    REVIEWED = "reviewed"
    DELETED = "deleted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """Bytes as received, with the facts of the transfer."""

    source: str
    body: bytes
    received_at: datetime
    url: str = ""
    media_type: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    name: str = ""  # file name where one is known: decides the format of archives and survey files


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """A part of a payload that could not be used."""

    id: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Station:
    """A place that measures. Identity is (source, id)."""

    id: str
    lon: float
    lat: float
    name: str = ""
    elevation_m: float | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)  # units in names: {"stages_m": {"action": 3.1}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One value of one quantity at one station and time; a missing value is kept as missing."""

    station: str
    quantity: str
    unit: str
    observed_at: datetime
    value: float | None
    quality: Quality = Quality.GOOD


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A thing that happened at a place, as one provider tells it. Identity is (source, id)."""

    id: str
    kind: str
    lon: float
    lat: float
    occurred_at: datetime
    updated_at: datetime
    status: EventStatus = EventStatus.ACTIVE
    title: str = ""
    magnitude: float | None = None
    magnitude_type: str = ""
    depth_km: float | None = None
    url: str = ""
    aliases: tuple[str, ...] = ()  # ids of the same event by other networks
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class IncomingWarning:
    """A CAP message of somebody else. Identity is (sender, identifier, sent_at)."""

    id: str
    sender: str
    sent_at: datetime
    status: str
    message_type: str
    scope: str
    level: Level
    event: str = ""
    headline: str = ""
    severity: str = "Unknown"
    urgency: str = "Unknown"
    certainty: str = "Unknown"
    onset_at: datetime | None = None
    expires_at: datetime | None = None
    language: str = ""
    references: tuple[tuple[str, str, str], ...] = ()  # (sender, identifier, sent as written)
    geometry: Mapping[str, Any] | None = None  # GeoJSON, or None where only names and codes are given
    area: str = ""
    geocodes: tuple[tuple[str, str], ...] = ()
    infos: tuple[Mapping[str, Any], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)  # "notes": what was repaired or could not be read


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FieldStep:
    """One gridded quantity at one valid time on a rectilinear lon-lat grid, row 0 in the north."""

    quantity: str
    unit: str
    valid_at: datetime
    run_at: datetime
    lon: NDArray[np.float64]  # (nx,) cell centres, increasing, within [-180, 180)
    lat: NDArray[np.float64]  # (ny,) cell centres, decreasing
    values: NDArray[np.float32]  # (ny, nx); NaN is missing
    forecast: bool = False
    accumulation_s: int = 0  # length of the interval that ends at valid_at; 0 is instantaneous
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SurveyTable:
    """The surveyed objects of one layer of one file: an Arrow table with WKB geometry in EPSG:4326."""

    key: str
    title: str
    table: Any  # pyarrow.Table with a binary column "geometry"
    crs_declared: str  # as found in the file; "" where it was missing and assumed
    notes: tuple[str, ...] = ()
    rejected: int = 0  # records of the layer that could not be taken over


Record = Station | Observation | Event | IncomingWarning | FieldStep | SurveyTable


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Parsed:
    """What one payload yields: records, rejects, and the newest time the provider speaks of."""

    records: tuple[Record, ...] = ()
    rejects: tuple[Reject, ...] = ()
    data_at: datetime | None = None
    follow: tuple[str, ...] = ()  # addresses of further payloads that an index names
    made_at: datetime | None = None  # when the provider made this, where it makes it anew however little happens
