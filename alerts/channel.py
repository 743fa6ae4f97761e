"""What a channel is: a way out, with its transport handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class ChannelSpec:
    """The manifest of a channel."""

    key: str
    title: str
    timeout_s: float


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One message to one recipient; `key` is the same for every attempt, so that a receiver can drop repeats."""

    key: str
    recipient: str
    body: bytes


class Channel(Protocol):
    """One way out."""

    @property
    def spec(self) -> ChannelSpec: ...

    def send(self, message: Outgoing) -> str:
        """Hand the message over and return the provider's receipt.

        Raises
        ------
        DeliveryError
            With `retry` saying whether another attempt makes sense.
        """


# (address, body, headers, timeout in seconds) -> (status, first bytes of the answer); raises IngestError
Post = Callable[[str, bytes, Mapping[str, str], float], tuple[int, bytes]]
