"""Why the desk does not do something: a sentence for people with blanks that are filled after it was translated."""

from __future__ import annotations

from typing import Any

from data.errors import WarningError
from data.text import Translate


class Refusal(WarningError):
    """The desk says no; nothing was written."""

    def __init__(self, text: str, **blanks: Any) -> None:
        super().__init__(text.format(**blanks))
        self.text = text
        self.blanks = blanks

    def told(self, t: Translate = str) -> str:
        """The sentence in the language of `t`."""
        return t(self.text).format(**self.blanks)


class Stale(Refusal):
    """Somebody else has changed the text meanwhile: look again before you decide."""
