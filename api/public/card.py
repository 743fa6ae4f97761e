"""A published message as a page shows it, in the reader's language where it speaks it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime

from alerts.cap.model import Alert, Info
from alerts.media.said import Said, by_language, long_time, said_of
from alerts.published import Published, Standing
from data.cap_words import UNSEEN
from data.text import Translate

SIGN = "\ufffd"  # where a character was
SHAPES = {
    "red": "M7 1h10l6 6v10l-6 6H7l-6-6V7z",
    "orange": "M12 0l12 12-12 12L0 12z",
    "yellow": "M12 1l12 21H0z",
    "blue": "M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22z",
}


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is shown of one message; `said` is in one language, `others` in all further ones."""

    identifier: str
    level: str
    standing: Standing
    standing_word: str
    said: Said
    others: tuple[Said, ...]
    starts: str  # empty where it holds already
    ends: str
    sent: str
    next_identifier: str

    @property
    def ended(self) -> bool:
        return self.standing != "in force"


def card(one: Published, now: datetime, locale: str, t: Translate, office: str) -> Card:
    """The message for a reader of a language."""
    texts = by_language(said_of(seen(one.alert), one.issued.level, office))
    said = next((text for text in texts if text.locale == locale), texts[0])
    standing = one.standing(now)
    return Card(
        identifier=one.identifier, level=one.issued.level.key, standing=standing,
        standing_word=word_of(standing, t), said=said, others=tuple(text for text in texts if text is not said),
        starts=long_time(said.starts_at, locale) if said.starts_at > now else "",
        ends=long_time((said.expires_at or one.issued.expires_at), locale),
        sent=long_time(said.sent_at, locale), next_identifier=one.next_identifier,
    )  # fmt: skip


def word_of(standing: Standing, t: Translate) -> str:
    """How it stands, in a word."""
    words = {
        "in force": t("In force"), "expired": t("Expired"), "cancelled": t("Cancelled"),
        "replaced": t("Replaced by a newer message"), "end": t("Ends a warning"),
    }  # fmt: skip
    return words[standing]


def seen(alert: Alert) -> Alert:
    """The message with a sign in the place of each character that would change what people see."""
    return alert if all(_plain(info) for info in alert.info) else replace(alert, info=tuple(map(_seen, alert.info)))


def _plain(info: Info) -> bool:
    """Whether there is nothing to replace, as nearly always."""
    return not any(UNSEEN.search(text) for text in (*_texts(info).values(), *(one.description for one in info.area)))


def _seen(info: Info) -> Info:
    texts = {name: UNSEEN.sub(SIGN, text) for name, text in _texts(info).items()}
    areas = tuple(replace(area, description=UNSEEN.sub(SIGN, area.description)) for area in info.area)
    return replace(info, area=areas, **texts)  # type: ignore[arg-type]


def _texts(info: Info) -> dict[str, str]:
    values = ((one.name, getattr(info, one.name)) for one in fields(info))
    return {name: value for name, value in values if isinstance(value, str)}
