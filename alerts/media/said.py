"""What a warning says, in one language: the approved words of a message, and the few words of the house around them.

Every text, picture and recording is made from this. Times keep the offset that the message was written with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from alerts.cap.model import Alert, Info
from data.cap_words import UNSEEN
from data.errors import WarningError
from data.model import Level
from data.text import Translate, translator

LEVEL_WORDS = {
    Level.RED: "Red warning",
    Level.ORANGE: "Orange warning",
    Level.YELLOW: "Yellow warning",
    Level.BLUE: "Blue warning",
    Level.NONE: "All clear",
    Level.UNKNOWN: "Warning of unknown level",
}
COLOUR_WORDS = {
    Level.RED: ("red", "红"),
    Level.ORANGE: ("orange", "橙"),
    Level.YELLOW: ("yellow", "黄"),
    Level.BLUE: ("blue", "蓝"),
}
STAMPS = {"Exercise": "EXERCISE", "Test": "TEST", "System": "SYSTEM MESSAGE", "Draft": "DRAFT"}
WARNING_WORD = re.compile(r"\s*(?:warning|预警)$", re.IGNORECASE)
TEXTS = ("event", "headline", "description", "instruction", "area", "sender", "contact", "web")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One language of a warning. Texts are as approved; "" where the message has none."""

    language: str  # as in the message: "zh-CN"
    locale: str  # of the house's own words
    status: str
    message_type: str
    level: Level
    event: str
    headline: str
    description: str
    instruction: str
    area: str
    sender: str
    contact: str
    web: str
    sent_at: datetime
    starts_at: datetime
    expires_at: datetime | None

    @property
    def t(self) -> Translate:
        return translator(self.locale)

    @property
    def stamp(self) -> str:
        """The word that keeps it from being taken for real; "" for what is real."""
        word = STAMPS.get(self.status, self.status.upper())
        return "" if self.status == "Actual" else self.t(word)

    @property
    def ended(self) -> bool:
        return self.message_type == "Cancel"

    @property
    def shown_level(self) -> Level:
        """The level whose colour and shape it has: a cancelled one looks like none that is in force."""
        return Level.NONE if self.ended else self.level

    @property
    def what(self) -> str:
        """Level and hazard in a few words; a cancelled one says so first."""
        t = self.t
        if any(word in self.event.lower() for word in COLOUR_WORDS.get(self.level, ())):
            text = self.event
        else:
            event = WARNING_WORD.sub("", self.event) or self.event
            text = t("{level}: {event}").format(level=t(LEVEL_WORDS[self.level]), event=event)
        return t("CANCELLED: {what}").format(what=text) if self.ended else text

    @property
    def head(self) -> str:
        """`what` behind its stamp, which stands there once: the desk marks the event too."""
        if not self.stamp:
            return self.what
        what = self.what.replace(f"{self.stamp}: ", "").replace(f"{self.stamp}：", "")
        return self.t("[{stamp}] {what}").format(stamp=self.stamp, what=what)

    @property
    def until(self) -> str:
        """Until when, short; a cancelled one is over."""
        if self.expires_at is None or self.ended:
            return ""
        return self.t("until {time}").format(time=short_time(self.expires_at, self.locale))

    @property
    def link(self) -> str:
        """The address that people may open; "" for one that is no web address."""
        return self.web if re.fullmatch(r"https?://[^\s\"<>]+", self.web) else ""


def said_of(alert: Alert, level: Level, office: str) -> tuple[Said, ...]:
    """What a message says, an entry for each of its infos.

    Parameters
    ----------
    alert : Alert
        Approved, or a draft that is looked at beforehand: its status says which.
    level : Level
        Of the warning.
    office : str
        Named as the sender where an info names none.

    Raises
    ------
    WarningError
        If nothing is said, or a text holds what changes the direction of writing or cannot be seen.
    """
    if not alert.info:
        raise WarningError("the message says nothing: it has no info")
    return tuple(_said(alert, info, level, office) for info in alert.info)


def by_language(said: tuple[Said, ...]) -> tuple[Said, ...]:
    """The first of each language: what short forms have room for."""
    return tuple({one.language.lower(): one for one in reversed(said)}[key] for key in _languages(said))


def rewritten(said: Said, change: Callable[[str], str]) -> Said:
    """The same with each text of the message changed."""
    texts: dict[str, Any] = {name: change(getattr(said, name)) for name in TEXTS}
    return replace(said, **texts)


def short_time(at: datetime, locale: str) -> str:
    """Day and time with its offset: `2 Mar 06:00 UTC+8`, `3月2日06:00（UTC+8）`."""
    if locale == "zh":
        return f"{at.month}月{at.day}日{at:%H:%M}（{offset(at)}）"
    return f"{at.day} {MONTHS[at.month - 1]} {at:%H:%M} {offset(at)}"


def long_time(at: datetime, locale: str) -> str:
    """The same with its year."""
    if locale == "zh":
        return f"{at.year}年{short_time(at, locale)}"
    return f"{at.day} {MONTHS[at.month - 1]} {at.year} {at:%H:%M} {offset(at)}"


def offset(at: datetime) -> str:
    """`UTC`, `UTC+8`, `UTC-3:30`."""
    apart = at.utcoffset() or timedelta()
    hours, minutes = divmod(int(abs(apart).total_seconds()) // 60, 60)
    sign = "-" if apart < timedelta() else "+"
    return "UTC" if not apart else f"UTC{sign}{hours}" + (f":{minutes:02}" if minutes else "")


def _said(alert: Alert, info: Info, level: Level, office: str) -> Said:
    texts = {
        "event": info.event, "headline": info.headline, "description": info.description,
        "instruction": info.instruction, "area": "; ".join(one.description for one in info.area),
        "sender": info.sender_name or office, "contact": info.contact, "web": info.web,
    }  # fmt: skip
    for name, text in texts.items():
        if found := UNSEEN.search(text):
            raise WarningError(f"{name} holds a character that changes what people see: U+{ord(found[0]):04X}")
    locale = "zh" if info.language.lower().split("-")[0] == "zh" else "en"
    if locale == "zh":
        texts["area"] = texts["area"].replace("; ", "；")
    return Said(
        language=info.language or "en", locale=locale, status=alert.status, message_type=alert.message_type,
        level=level, sent_at=alert.sent_at, starts_at=info.onset_at or info.effective_at or alert.sent_at,
        expires_at=info.expires_at, **texts,
    )  # fmt: skip


def _languages(said: tuple[Said, ...]) -> list[str]:
    return list(dict.fromkeys(one.language.lower() for one in said))
