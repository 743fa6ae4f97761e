"""What a channel is: a way out, with its transport handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from data.errors import DeliveryError, IngestError, Refused
from data.model import Level

Form = Literal["cap", "notice", "email", "sms", "chat", "push"]


@dataclass(frozen=True, kw_only=True)
class ChannelSpec:
    """The manifest of a channel.

    `form` is what a warning is sent as; a service says for itself. `person` tells whether somebody reads it who can
    acknowledge.
    """

    key: str
    title: str
    timeout_s: float
    form: Form = "cap"
    at_once: int = 4
    person: bool = False


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One message to one recipient; `key` is the same for every attempt, so that a receiver can drop repeats."""

    key: str
    recipient: str
    body: bytes
    form: str = "notice"
    about: str = ""  # the identifier of the message; "" for a notice
    chain: str = ""  # the same for all messages about one thing: a later one takes the place of an earlier one
    status: str = "Actual"
    level: Level = Level.NONE
    sent_at: datetime | None = None
    expires_at: datetime | None = None
    acknowledge: str = ""  # the address that acknowledges


class Channel(Protocol):
    """One way out."""

    @property
    def spec(self) -> ChannelSpec: ...

    def send(self, message: Outgoing, *, now: datetime) -> str:
        """Hand the message over and return the provider's receipt.

        Raises
        ------
        DeliveryError
            With `retry` saying whether another attempt makes sense.
        """


# (address, body, headers, timeout in seconds) -> (status, first bytes of the answer); raises IngestError
Post = Callable[[str, bytes, Mapping[str, str], float], tuple[int, bytes]]


def post_once(
    post: Post, spec: ChannelSpec, address: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    """POST and translate what the client raises; a status is returned, whatever it is."""
    try:
        return post(address, body, headers, spec.timeout_s)
    except Refused as error:
        raise DeliveryError(spec.key, error.reason, retry=error.retry) from error
    except IngestError as error:
        raise DeliveryError(spec.key, error.reason, retry=True) from error


def receipt_of(spec: ChannelSpec, status: int, answer: bytes) -> str:
    """The receipt of an HTTP answer: 2xx is acceptance; 408, 425, 429 and 5xx are worth another try."""
    if 200 <= status < 300:
        return f"{status} {answer[:80].decode('utf-8', 'replace')}".strip()
    raise DeliveryError(spec.key, f"HTTP {status}", retry=status in (408, 425, 429) or status >= 500)
