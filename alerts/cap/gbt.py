"""Warnings in the form of China's platforms, after GB/T 35965.1-2018: its own document, not CAP.

The standard's text is not freely readable. What is here was taken from second-hand copies of it: the parts of the
number from a published annex, elements and their order from messages of a provincial service of 2020 in public source
code. `NOTICE` goes with every export until somebody has held it against the standard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

from alerts.cap.build import write_circle, write_polygon
from alerts.cap.model import Alert, Area, Info
from data.errors import WarningError
from data.model import Level

NOTICE = "from second-hand copies of the standard, verify"
BEIJING = timezone(timedelta(hours=8))
COLOURS = {Level.RED: "Red", Level.ORANGE: "Orange", Level.YELLOW: "Yellow", Level.BLUE: "Blue"}
GRADES = {"Red": "I级/特别重大", "Orange": "II级/重大", "Yellow": "III级/较大", "Blue": "IV级/一般"}
GEOCODE = "GB/T 2260"
NUMBER = re.compile(r"(\d{6})([0-9A-Z]{3})([0-9A-Z]{3})([0-9A-Z]{2})_(\d{14})_(\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Office:
    """Who issues: GB/T 2260 area, GB/T 4657 organisation, unit and extension, and its name."""

    area: str
    organisation: str
    unit: str
    extension: str
    name: str

    @property
    def code(self) -> str:
        """The fourteen characters before the time.

        Raises
        ------
        WarningError
            If a part has another length than 6, 3, 3 and 2, or other characters than digits and capitals.
        """
        code = f"{self.area}{self.organisation}{self.unit}{self.extension}"
        parts = NUMBER.fullmatch(f"{code}_{'0' * 14}_0")
        if parts is None or parts.groups()[:4] != (self.area, self.organisation, self.unit, self.extension):
            raise WarningError(f"no office code of 6, 3, 3 and 2 characters: {code!r}")
        return code


@dataclass(frozen=True, slots=True)
class Exported:
    """The document, its number, and what whoever uses it must be told."""

    body: bytes
    number: str
    notice: str = NOTICE


def number(office: Office, sent_at: datetime, serial: int) -> str:
    """The 31 characters that name a message: office, Beijing time to the second, a digit within it."""
    if not 0 <= serial <= 9:
        raise WarningError(f"at most ten messages in one second: {serial}")
    return f"{office.code}_{sent_at.astimezone(BEIJING):%Y%m%d%H%M%S}_{serial}"


def export(
    alert: Alert, *, office: Office, level: Level, event_type: str, serial: int = 0, replaces: tuple[str, ...] = ()
) -> Exported:
    """A message in the Chinese form.

    Parameters
    ----------
    alert : Alert
        With an info block in Chinese.
    office : Office
    level : Level
        One of the four colours; the form has no word for an unknown level.
    event_type : str
        Code of the event, as "11B06" for a gale.
    serial : int
        0 to 9 within one second.
    replaces : tuple of str
        Numbers of the messages that this one changes or ends.

    Raises
    ------
    WarningError
        If the level has no colour, nothing is said in Chinese, or an Update or Cancel replaces nothing.
    """
    if level not in COLOURS:
        raise WarningError(f"the level {level.key} has no colour")
    info = next((one for one in alert.info if one.language.lower().split("-")[0] == "zh"), None)
    if info is None:
        raise WarningError("nothing is said in Chinese")
    if alert.message_type in ("Update", "Cancel") and not replaces:
        raise WarningError(f"a message of type {alert.message_type} names what it replaces")
    if unknown := [one for one in replaces if NUMBER.fullmatch(one) is None]:
        raise WarningError(f"no number of a message: {unknown[0]!r}")
    name = number(office, alert.sent_at, serial)
    head = [
        ("identifier", name), ("sender", office.name), ("senderCode", office.code),
        ("sendTime", _time(alert.sent_at)), ("status", alert.status), ("msgType", alert.message_type),
        ("scope", alert.scope), ("code", ""),
        ("secClassification", "None"), ("note", alert.note), ("references", " ".join(replaces)),
    ]  # fmt: skip
    lines = [
        *(_line(tag, value, 1) for tag, value in head),
        "  <info>\n",
        *_info(info, level, event_type),
        "  </info>\n",
    ]
    text = "".join(('<?xml version="1.0" encoding="UTF-8"?>\n<alert>\n', *lines, "</alert>\n"))
    return Exported(text.encode(), name)


def _info(info: Info, level: Level, event_type: str) -> list[str]:
    colour = COLOURS[level]
    rows = [
        ("language", "zh-CN"), ("eventType", event_type), ("urgency", info.urgency), ("severity", colour),
        ("certainty", info.certainty), ("effective", _time(info.effective_at)), ("onset", _time(info.onset_at)),
        ("expires", _time(info.expires_at)), ("senderName", info.sender_name),
        ("headline", f"{info.headline}[{GRADES[colour]}]"), ("description", info.description),
        ("instruction", info.instruction), ("web", info.web),
    ]  # fmt: skip
    lines = [_line(tag, value, 2) for tag, value in rows]
    for area in info.area:
        lines += ["    <area>\n", *_area(area), "    </area>\n"]
    return lines


def _area(area: Area) -> list[str]:
    codes = ",".join(one.value for one in area.geocodes if one.name == GEOCODE)
    polygons = [_line("polygon", write_polygon(one), 3) for one in area.polygons] or [_line("polygon", "", 3)]
    circles = [_line("circle", write_circle(one), 3) for one in area.circles] or [_line("circle", "", 3)]
    return [_line("areaDesc", area.description, 3), *polygons, *circles, _line("geocode", codes, 3)]


def _time(value: datetime | None) -> str:
    return "" if value is None else f"{value.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}+08:00"


def _line(tag: str, value: str, depth: int) -> str:
    blank = "  " * depth
    return f"{blank}<{tag}>{escape(value)}</{tag}>\n" if value else f"{blank}<{tag}/>\n"
