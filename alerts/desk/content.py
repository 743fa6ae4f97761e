"""What a warning says, as its author writes it: everything that goes into the message, and nothing else.

Shapes are GeoJSON coordinates in EPSG:4326, longitude first. People choose `regions` and draw `polygons` and
`circles`; the desk adds `outline`, the shape of the regions, and `touched`, the regions that drawn shapes reach.
Texts stand by language; a blank that the author has still to fill stands in double square brackets.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from alerts.desk.issued import Status
from data.model import Level

BLANK = re.compile(r"\[\[([^\[\]]*)\]\]|\{[a-z_]+\}")
MOST_REGIONS = 12_000
MOST_VERTICES = 20_000

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
LevelKey = Literal["blue", "yellow", "orange", "red"]
Line = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]
Body = Annotated[str, StringConstraints(max_length=10_000, strip_whitespace=True)]
Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Place = tuple[Lon, Lat]
Ring = Annotated[tuple[Place, ...], Field(min_length=4)]


def _whole_second(value: Any) -> Any:
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


Moment = Annotated[AwareDatetime, BeforeValidator(_whole_second)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Part):
    """The texts of one language."""

    event: Line = ""
    headline: Line = ""
    description: Body = ""
    instruction: Body = ""
    area: Body = ""


class Around(_Part):
    """A place and the distance around it."""

    centre: Place
    radius_km: Annotated[float, Field(gt=0, le=20_015, allow_inf_nan=False)]


class Attachment(_Part):
    """A file that belongs to the warning, by its digest; the bytes stand in the home folder."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f]+$")]
    media_type: Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-zA-Z0-9.+-]+$", max_length=120)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    sha1: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40})?$")] = ""
    size: Annotated[int, Field(ge=0, le=50_000_000)]
    description: Line = ""


class Content(_Part):
    """One text of a warning."""

    hazard: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]*$", max_length=80)]
    level: LevelKey
    status: Status = "Actual"
    regions: Annotated[tuple[str, ...], Field(max_length=MOST_REGIONS)] = ()
    polygons: tuple[Ring, ...] = ()
    circles: tuple[Around, ...] = ()
    outline: tuple[Ring, ...] = ()
    touched: tuple[str, ...] = ()
    texts: dict[Language, Words] = Field(default_factory=dict)
    severity: Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
    urgency: Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]
    response_types: tuple[
        Literal["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "AllClear", "None"], ...
    ] = ()
    onset_at: Moment | None = None
    expires_at: Moment
    contact: Line = ""
    web: Line = ""
    attachments: Annotated[tuple[Attachment, ...], Field(max_length=10)] = ()
    note: Body = ""
    groups: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _in_bounds(self) -> Self:
        if sum(len(ring) for ring in (*self.polygons, *self.outline)) > MOST_VERTICES:
            raise ValueError(f"more than {MOST_VERTICES} vertices in all")
        if len(set(self.regions)) != len(self.regions):
            raise ValueError("a region is named twice")
        return self

    @property
    def rank(self) -> Level:
        """The level as a value that can be compared."""
        return Level.of(self.level)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON, the form in which it is kept."""
        return self.model_dump(mode="json")

    @property
    def digest(self) -> str:
        """SHA-256 of its canonical JSON."""
        text = json.dumps(self.plain, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def with_(self, **changes: Any) -> Content:
        """A checked copy with some parts changed."""
        return Content.model_validate({**{name: getattr(self, name) for name in type(self).model_fields}, **changes})


def blanks(content: Content) -> Iterator[tuple[str, str, str]]:
    """What the author has still to fill: language, text, and the blank as it stands there."""
    for language, words in content.texts.items():
        for name in Words.model_fields:
            for found in BLANK.finditer(getattr(words, name)):
                yield language, name, found[0]


def changed(before: Content, after: Content) -> dict[str, tuple[Any, Any]]:
    """What differs between two texts, by a dotted name such as `texts.en.headline`."""
    return dict(_differences("", before.plain, after.plain))


def _differences(path: str, before: Any, after: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            yield from _differences(f"{path}.{name}".lstrip("."), before.get(name), after.get(name))
    elif before != after:
        yield path, (before, after)
