"""From what somebody types in one field to the whole text of a warning, and back; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from alerts.desk.content import Content
from alerts.desk.refusal import Refusal

TIMES = ("onset_at", "expires_at")
LISTS = ("regions", "response_types", "groups", "polygons", "circles", "attachments")
CLOCK = re.compile(r"(?:(\d{4})-(\d{1,2})-(\d{1,2})[ T])?(\d{1,2}):(\d{2})")
NOT_A_TIME = "This is not a time: write it as 2026-03-01 18:00, in the time zone of the office."
NOT_THERE = "There is no such time on that day: the clocks were changed."
NOT_USABLE = "{field}: {fault}"


def put(content: Content, place: str, value: Any, *, zone: ZoneInfo, now: datetime) -> Content:
    """The content with one field as it was typed; `place` is such as `texts/en/headline`.

    Raises
    ------
    Refusal
        With the sentence for the person; the content stays as it was.
    """
    steps = place.split("/")
    if steps[0] in TIMES:
        value = read_time(value, zone, now)
        if value is None and steps[0] == "expires_at":
            raise Refusal(NOT_A_TIME)
    elif steps[0] in LISTS:
        value = tuple(value or ())
    else:
        value = "" if value is None else value
    try:
        if steps[0] == "texts" and len(steps) == 3:
            return content.with_(texts=_texts(content, steps[1], steps[2], value))
        if len(steps) != 1 or steps[0] not in Content.model_fields:
            raise Refusal(NOT_USABLE, field=place, fault="?")
        return content.with_(**{steps[0]: value})
    except ValidationError as error:
        raise Refusal(NOT_USABLE, field=place, fault=str(error.errors()[0]["msg"])) from error


def _texts(content: Content, language: str, name: str, value: Any) -> Mapping[str, Any]:
    texts: dict[str, Any] = {key: words.model_dump() for key, words in content.texts.items()}
    texts[language] = {**texts.get(language, {}), name: value}
    return texts


def read_time(written: Any, zone: ZoneInfo, now: datetime) -> datetime | None:
    """A moment as people type it, in the office's zone; a clock time alone is the next one there is.

    Raises
    ------
    Refusal
        Where it is none, or where clocks that are put forward leave it out.
    """
    text = str(written or "").strip()
    if not text:
        return None
    found = CLOCK.match(text)
    if found is None:
        raise Refusal(NOT_A_TIME)
    year, month, day, hour, minute = found.groups()
    here = now.astimezone(zone)
    date = (int(year or here.year), int(month or here.month), int(day or here.day))
    try:
        at = datetime(*date, int(hour), int(minute), tzinfo=zone)
    except ValueError as error:
        raise Refusal(NOT_A_TIME) from error
    if year is None and at < here:
        at += timedelta(days=1)
    if at.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at.replace(tzinfo=None):
        raise Refusal(NOT_THERE)
    return at


def written_time(at: datetime | None, zone: ZoneInfo) -> str:
    """A moment as its field shows it; the offset stands beside the field."""
    return "" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def toggled(content: Content, code: str) -> Content:
    """The region goes into the area, or out of it."""
    kept = tuple(one for one in content.regions if one != code)
    return content.with_(regions=kept if len(kept) < len(content.regions) else (*kept, code))


def without(content: Content, part: str, index: int) -> Content:
    """One polygon, circle or file less; nothing happens where there is no such one."""
    kept = tuple(one for place, one in enumerate(getattr(content, part)) if place != index)
    return content.with_(**{part: kept})
