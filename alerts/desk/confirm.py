"""What somebody types before an actual warning leaves: its level and its area, so that no hand slips."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alerts.desk.content import Content
from alerts.desk.refusal import Refusal
from alerts.desk.template import LEVEL_WORDS

LONGEST = 40  # characters that anybody is asked to type
_PARTS = re.compile(r"[,;、，；\n]")


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What the second person typed, and the digest of the changes that they have seen (`Recheck.digest`)."""

    level: str = ""
    area: str = ""
    seen: str = ""


@dataclass(frozen=True)
class Asked:
    """Words of which one is to be typed."""

    level: tuple[str, ...]
    area: tuple[str, ...]


def asked(content: Content) -> Asked:
    """What is to be typed for a warning: in any of its languages. Nothing for an exercise or a test."""
    if content.status != "Actual":
        return Asked((), ())
    levels = tuple(LEVEL_WORDS[language][content.level] for language in LEVEL_WORDS)
    areas = tuple(dict.fromkeys(_short(words.area) for words in content.texts.values() if words.area))
    return Asked(levels, areas)


def check_typed(content: Content, confirm: Confirmation) -> None:
    """Refusal unless the level and the area were typed as they are asked for."""
    wanted = asked(content)
    for name, words in (("level", wanted.level), ("area", wanted.area)):
        if words and _plain(getattr(confirm, name)) not in {_plain(one) for one in words}:
            raise Refusal(
                "Type the {what} as it is written, to confirm it: {words}", what=name, words=" / ".join(words)
            )


def _short(area: str) -> str:
    """An area's words, or its first part where they are long."""
    whole = " ".join(area.split())
    return whole if len(whole) <= LONGEST else _PARTS.split(area)[0].strip()[:LONGEST].strip()


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
