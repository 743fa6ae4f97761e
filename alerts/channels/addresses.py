"""What an address of each channel looks like, so that a list of recipients is checked before it is needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from alerts.channels.folder import PLAIN

MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
SERVICE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}(:[^\s:][^\s]{0,199})?")
LONGEST = 2000


def _mailbox(text: str) -> str:
    return "" if MAILBOX.fullmatch(text) and len(text) <= 254 else "not an e-mail address"


def _web(text: str) -> str:
    try:
        parts = urlsplit(text)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        named = False
    return "" if named and not re.search(r"\s", text) else "not an http or https address without a password"


def _topic(text: str) -> str:
    return "" if text and not re.search(r"[#+\x00]|^\$", text) else "not a topic: no #, + or leading $"


def _like(pattern: re.Pattern[str], reason: str) -> Callable[[str], str]:
    return lambda text: "" if pattern.fullmatch(text) else reason


CHECKS: Mapping[str, Callable[[str], str]] = {
    "email": _mailbox,
    "webhook": _web,
    "mqtt": _topic,
    "cap_push": _like(NAME, "not the name of a hub in the settings"),
    "folder": _like(PLAIN, "not the name of a folder"),
    "service": _like(SERVICE, "not the name of a service in the settings, with :number where it has a blank"),
}


def fault_of(channel: str, address: str) -> str:
    """What is wrong with an address; "" where nothing is."""
    check = CHECKS.get(channel)
    if check is None:
        return f"not a channel for recipients: {channel[:40]!r} ({', '.join(sorted(CHECKS))})"
    if len(address) > LONGEST or any(ord(letter) < 32 for letter in address):
        return "too long, or with control characters"
    return check(address)
