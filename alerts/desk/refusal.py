"""Why the desk does not do something: a sentence for people with blanks that are filled after it was translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.errors import WarningError
from data.text import Translate

TRANSLATED = frozenset({"state", "action", "part", "what", "language"})  # blanks that are words of the house


def told(text: str, blanks: Mapping[str, Any], t: Translate) -> str:
    """A sentence in the language of `t`, with the words of the house in its blanks translated as well."""
    if not blanks:  # such a text may hold braces of its own
        return t(text)
    filled = {name: t(str(value)) if name in TRANSLATED else value for name, value in blanks.items()}
    return t(text).format(**filled)


class Refusal(WarningError):
    """The desk says no; nothing was written."""

    def __init__(self, text: str, **blanks: Any) -> None:
        super().__init__(text.format(**blanks) if blanks else text)
        self.text = text
        self.blanks = blanks

    def told(self, t: Translate = str) -> str:
        """The sentence in the language of `t`."""
        return told(self.text, self.blanks, t)


class Stale(Refusal):
    """Somebody else has changed the text meanwhile: look again before you decide."""
