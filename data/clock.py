"""Time: always aware UTC inside; a clock is handed to whoever needs one."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d)")
SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def utc_now() -> datetime:
    """The system clock, aware UTC, to the microsecond."""
    return datetime.now(UTC)


def as_utc(value: datetime) -> datetime:
    """An aware time in UTC; ValueError for a naive one, because guessing a zone hides errors."""
    if value.tzinfo is None:
        raise ValueError("time without a zone")
    return value.astimezone(UTC)


def parse_time(text: str) -> datetime:
    """An ISO 8601 / RFC 3339 time with zone, in UTC.

    Second 60 becomes the next second and hour 24 the next day, as providers write both.

    Raises
    ------
    ValueError
        If the text is not a time, or carries no zone.
    """
    cleaned = text.strip()
    extra = timedelta()
    if len(cleaned) >= 19 and cleaned[17:19] == "60":
        cleaned, extra = cleaned[:17] + "59" + cleaned[19:], timedelta(seconds=1)
    if cleaned[11:13] == "24" and cleaned[13:19] in (":00:00", ":00"):
        cleaned, extra = cleaned[:11] + "00" + cleaned[13:], timedelta(days=1)
    return as_utc(datetime.fromisoformat(cleaned)) + extra


def parse_duration(text: str) -> timedelta:
    """A length of time written as `90 s`, `5 min`, `1 h` or `2 d`; ValueError says how."""
    parts = DURATION.fullmatch(text.strip())
    if parts is None:
        raise ValueError("a duration with its unit: write a number and s, min, h or d, such as '5 min'")
    try:
        return timedelta(seconds=float(parts[1]) * SECONDS[parts[2]])
    except OverflowError:
        raise ValueError("longer than the calendar") from None


def from_epoch_ms(value: float) -> datetime:
    """A time from milliseconds since 1970-01-01 UTC; ValueError when out of the calendar's range."""
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=value)
    except (OverflowError, TypeError) as error:
        raise ValueError(f"not a time in milliseconds: {value!r}") from error


def iso(value: datetime) -> str:
    """The one written form: seconds, or milliseconds where there are any, with a trailing Z."""
    spec = "milliseconds" if value.microsecond else "seconds"
    return as_utc(value).isoformat(timespec=spec).replace("+00:00", "Z")
