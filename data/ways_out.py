"""The ways out that an operator configured: one mapping in the settings for the office, and another for exercises.

Nothing here is on by itself. Passwords and tokens stand in files of their own, which only dispatch reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Mailbox = Annotated[str, StringConstraints(pattern=r"^[^\s<>@,;]+@[^\s<>@,;]+$", max_length=254)]
Address = Annotated[str, StringConstraints(pattern=r"^[a-z]+:\S.*$", max_length=2000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Email(_Part):
    """A relay that takes our mail."""

    host: Host
    port: Port = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: Mailbox
    user: str = ""
    password_file: Path | None = None


class Webhook(_Part):
    """Signed POST; the secret is shared with those who receive."""

    secret_file: Path | None = None


class Mqtt(_Part):
    """A broker; recipients are topics on it."""

    host: Host
    port: Port = 8883
    tls: bool = True
    user: str = ""
    password_file: Path | None = None
    client: Name = "tocsin"


class WebPush(_Part):
    """Notifications of browsers; `contact` is whom a push service can write to."""

    contact: Annotated[str, StringConstraints(pattern=r"^(mailto:\S+@\S+|https://\S+)$")]


class Folder(_Part):
    """Files for another program to pick up; recipients are folders below."""

    path: Path


class Hub(_Part):
    """Another Tocsin, or a hub, that takes CAP messages by POST."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
    token_file: Path | None = None


class Service(_Part):
    """A chat or a gateway of text messages, by an Apprise address. `{to}` in it is the number of the recipient."""

    url: str = Field(default="", repr=False)
    url_file: Path | None = None
    form: Literal["chat", "sms"] = "chat"

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if bool(self.url) == (self.url_file is not None):
            raise ValueError("either url or url_file")
        return self


class Pace(_Part):
    """How fast a channel may go."""

    per_second: Annotated[float, Field(gt=0, le=10_000)] | None = None
    at_once: Annotated[int, Field(ge=1, le=64)] | None = None


class WaysOut(_Part):
    """Every channel that may be used; what is not named is off."""

    email: Email | None = None
    webhook: Webhook = Webhook()
    mqtt: Mqtt | None = None
    webpush: WebPush | None = None
    folder: Folder | None = None
    hubs: Mapping[Name, Hub] = Field(default_factory=dict)
    services: Mapping[Name, Service] = Field(default_factory=dict)
    pace: Mapping[Name, Pace] = Field(default_factory=dict)
    notices: tuple[Address, ...] = ()  # who hears of what is wrong, as channel:address
    heartbeats: tuple[Address, ...] = ()  # who gets the daily message that proves a path
    heartbeat_hour: Annotated[int, Field(ge=0, le=23)] = 9  # in the operator's zone
    monitor: str = Field(default="", pattern=r"^(https?://\S+)?$", repr=False)  # outside, told each minute


def read_ways(name: str, written: Any, faults: list[str]) -> WaysOut:
    """The mapping of a settings file; what is wrong with it goes to `faults`, without its values."""
    try:
        return WaysOut.model_validate({} if written is None else written)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            place = ".".join(str(part) for part in (name, *fault["loc"]))
            faults.append(f"{place}: {fault['msg']}")
        return WaysOut()


def channel_and_address(text: str) -> tuple[str, str]:
    """The two parts of `channel:address`."""
    channel, _, address = text.partition(":")
    return channel, address
