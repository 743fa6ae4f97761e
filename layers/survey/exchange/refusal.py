"""Why something of an exchange is refused, with the status that HTTP has for it."""

from __future__ import annotations

from data.errors import LayerError


class Refusal(LayerError):
    """Not done, with a reason that may be told to the other side."""

    def __init__(self, reason: str, *, status: int = 422) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status
