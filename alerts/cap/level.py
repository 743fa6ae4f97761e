"""What a level and a hazard are in CAP: severity, urgency, certainty, category and event codes; the table is data.

Severity says how bad it would be, urgency how soon to act, certainty how likely it is (CAP 1.2, section 3.2.2). A
level whose severity nobody knows stays Unknown: it is never taken as a small one.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from alerts.cap.model import Pair
from data.errors import WarningError
from data.model import Level

TABLE = Path(__file__).resolve().parent / "levels.yaml"


class Meaning(BaseModel):
    """What a level is in CAP, and how its system writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
    urgency: Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]
    written: str = ""
    status: Literal["confirmed", "memory", "choice"]


class Codes(BaseModel):
    """The category of a hazard and its codes; "" where a list has none for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: str
    china: str = ""
    same: str = ""
    meteoalarm: str = ""


class Table(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schemes: dict[str, dict[str, Meaning]]
    observed: tuple[str, ...]
    hazards: dict[str, Codes]


UNKNOWN = Meaning(severity="Unknown", urgency="Unknown", certainty="Unknown", status="choice")


@lru_cache(maxsize=1)
def table() -> Table:
    """The levels and hazards that are known."""
    return Table.model_validate(yaml.safe_load(TABLE.read_text(encoding="utf-8")))


def meaning(level: Level | str, hazard: str, scheme: str = "china") -> Meaning:
    """Severity, urgency and certainty of a level.

    Parameters
    ----------
    level : Level or str
        Or the word of a scheme, such as "green" or "5".
    hazard : str
        What is under way when it is warned of has been observed.
    scheme : str
        A key of `schemes` in the table.

    Raises
    ------
    WarningError
        If the scheme is not known, or has no such level: there is nothing to warn of.
    """
    if level is Level.UNKNOWN:
        return UNKNOWN
    word = level.key if isinstance(level, Level) else level
    found = table().schemes.get(scheme, {}).get(word)
    if found is None:
        raise WarningError(f"no warning level {word!r} in the scheme {scheme!r}")
    return found.model_copy(update={"certainty": "Observed"}) if hazard in table().observed else found


def codes(hazard: str) -> Codes:
    """Category and codes of a hazard; category Other and no codes for one that the table does not know."""
    return table().hazards.get(hazard, Codes(category="Other"))


def event_codes(hazard: str) -> tuple[Pair, ...]:
    """The `eventCode` elements of a hazard."""
    known = codes(hazard)
    named = (("SAME", known.same), ("12379.cn:eventType", known.china))
    return tuple(Pair(name, value) for name, value in named if value)


def awareness(level: Level, hazard: str) -> tuple[Pair, ...]:
    """The parameters of MeteoAlarm; none for a hazard or level that it does not know."""
    written = table().schemes["meteoalarm"].get(level.key)
    known = codes(hazard).meteoalarm
    if written is None or not known:
        return ()
    return (Pair("awareness_level", f"{written.written}; {written.severity}"), Pair("awareness_type", known))


def severity_of_awareness(text: str) -> str:
    """The severity that an `awareness_level` such as "3; orange; Severe" stands for; "" for no such level."""
    number = text.split(";")[0].strip()
    scheme = table().schemes["meteoalarm"].values()
    return next((one.severity for one in scheme if one.written.startswith(f"{number};") and number), "")
