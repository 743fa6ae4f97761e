"""What is said of what is not known: pages translate the sentence and fill it, the interface fills it at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NO_EVENTS_FEED = "No feed of events has ever delivered anything here."
NO_WARNINGS_FEED = "No feed of warnings has ever delivered anything here."
WARNINGS_NOWHERE = "{n} warnings of these times name no place that could be joined to the map."
NO_STATION = "No station stands in this place."
STATIONS_SILENT = "{n} stations stand here, and none of them has told anything of these times."
STATIONS_MANY = "{n} stations stand here: the readings of the first {most} are listed."
NO_FIELD = "No gridded data reaches this place."
FIELDS_SILENT = "Nothing of these times: {names}"
VALUES_MISSING = "{n} of the values listed are missing in their fields."
NO_SURVEY = "There is no survey that this account may see."
BEYOND = "Survey records are kept between 85 degrees south and north."
NOT_SINGLE = "{dataset}: {n} records, not shown one by one"
FEW = "{dataset}: a few records, not shown one by one"
NOT_TOLD = "{dataset}: {why}"

SENTENCES = (
    NO_EVENTS_FEED, NO_WARNINGS_FEED, WARNINGS_NOWHERE, NO_STATION, STATIONS_SILENT, STATIONS_MANY, NO_FIELD,
    FIELDS_SILENT, VALUES_MISSING, NO_SURVEY, BEYOND, NOT_SINGLE, FEW, NOT_TOLD,
)  # fmt: skip


@dataclass(frozen=True)
class Note:
    """A sentence with its blanks, and what fills them."""

    sentence: str
    blanks: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sentence.format(**self.blanks)


def note(sentence: str, **blanks: Any) -> Note:
    """A note; whole numbers are written with separators."""
    return Note(sentence, {name: f"{value:,}" if isinstance(value, int) else value for name, value in blanks.items()})
