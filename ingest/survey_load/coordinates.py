"""Coordinates as people write them: degrees, or degrees with minutes and seconds in the signs of some countries."""

from __future__ import annotations

import re
from typing import Any

DEGREES = re.compile(
    r"""(?P<before>[NSEW])?\s*(?P<sign>-)?\s*
    (?P<degrees>\d{1,3}(\.\d+)?)\s*[°度ºd:\s]\s*
    ((?P<minutes>\d{1,2}(\.\d+)?)\s*(['′’分m:\s]\s*|$))?
    ((?P<seconds>\d{1,2}(\.\d+)?)\s*(["″”秒s]|''|′′)?)?\s*
    (?P<after>[NSEW])?""",
    re.VERBOSE | re.IGNORECASE,
)
CARDINAL = str.maketrans(
    {"北": "N", "南": "S", "东": "E", "東": "E", "西": "W", "纬": "", "緯": "", "经": "", "經": ""}
)


def read_degrees(written: str) -> float:
    """`34°42′30″N`, `34 42 30`, `N34:42.5`, `东经113度40分` or a plain number, in degrees.

    Raises
    ------
    ValueError
        If it is none of these, or has 60 minutes or seconds or more.
    """
    text = written.strip().translate(CARDINAL).strip()
    try:
        return float(text)
    except ValueError:
        pass
    found = DEGREES.fullmatch(text)
    if found is None:
        raise ValueError(f"not degrees and minutes: {written[:20]!r}")
    minutes, seconds = float(found["minutes"] or 0), float(found["seconds"] or 0)
    if minutes >= 60 or seconds >= 60:
        raise ValueError(f"60 minutes or seconds, or more: {written[:20]!r}")
    value = float(found["degrees"]) + minutes / 60 + seconds / 3600
    side = (found["before"] or found["after"] or "").upper()
    return -value if found["sign"] or side in ("S", "W") else value


def is_degrees_minutes(written: Any) -> bool:
    """Whether a text is degrees with minutes, and no plain number."""
    try:
        float(written)
    except (TypeError, ValueError):
        try:
            read_degrees(str(written))
        except ValueError:
            return False
        return True
    return False
