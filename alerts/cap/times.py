"""Times as CAP writes them: local time with its offset, whole seconds, UTC as -00:00.

Reference: OASIS, Common Alerting Protocol 1.2 (2010), section 3.3.2: no letters for zones, and -00:00 for UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from data.errors import WarningError

MAX_OFFSET = timedelta(hours=14)  # the widest that XML Schema's dateTime allows
_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)([+-])(\d\d):(\d\d)", re.ASCII)


def read_time(text: str) -> datetime:
    """An aware time that keeps the offset it was written with; both -00:00 and +00:00 are UTC.

    Raises
    ------
    ValueError
        If it is not written `YYYY-MM-DDThh:mm:ss±hh:mm`, or no such date or offset exists.
    """
    parts = _WRITTEN.fullmatch(text)
    if parts is None:
        raise ValueError(f"not written as YYYY-MM-DDThh:mm:ss with an offset: {text[:40]!r}")
    offset = timedelta(hours=int(parts[3]), minutes=int(parts[4]))
    if offset > MAX_OFFSET or int(parts[4]) > 59:
        raise ValueError(f"no such offset from UTC: {text[:40]!r}")
    zone = timezone(-offset if parts[2] == "-" else offset) if offset else UTC
    try:
        value = datetime.fromisoformat(parts[1]).replace(tzinfo=zone)
        value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"no such date or time: {text[:40]!r}") from None
    return value


def write_time(value: datetime) -> str:
    """The written form; UTC as -00:00.

    Raises
    ------
    WarningError
        If the time has no zone, is not a whole second, or its offset is no whole minute or wider than 14 hours.
    """
    offset = value.utcoffset()
    if offset is None:
        raise WarningError(f"a time without a zone: {value.isoformat()}")
    if value.microsecond:
        raise WarningError(f"a time with a fraction of a second: {value.isoformat()}")
    if offset % timedelta(minutes=1) or abs(offset) > MAX_OFFSET:
        raise WarningError(f"an offset that cannot be written: {value.isoformat()}")
    written = value.replace(tzinfo=None).isoformat(timespec="seconds")
    if not offset:
        return f"{written}-00:00"
    hours, minutes = divmod(int(abs(offset).total_seconds()) // 60, 60)
    return f"{written}{'-' if offset < timedelta() else '+'}{hours:02}:{minutes:02}"
