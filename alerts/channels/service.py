"""Chats and gateways of text messages through Apprise: WeCom, DingTalk, Feishu, Telegram, SMS and many more.

The recipient is the name of a service in the settings, with `:number` where the service's address has a blank.
One call a row: then each has a result and a key of its own. Apprise's own repeats are off: the ledger repeats.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

import apprise
from apprise import AppriseAsset

from alerts.channels.channel import ChannelSpec, Outgoing
from data.errors import DeliveryError

BLANK = "{to}"


class ServiceChannel:
    """One message by one service; it does not say whether another try would help, so there is one."""

    spec = ChannelSpec(key="service", title="Chat and SMS", timeout_s=20.0, form="chat", person=True)

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        # no pictures or links of the library's own: nothing is named in a message that the office did not say
        self._asset = AppriseAsset(
            app_id="Tocsin", app_desc="Tocsin", app_url="", image_url_mask="", image_url_logo="", secure_logging=True,
            default_service_retry=0,
        )  # fmt: skip

    def send(self, message: Outgoing, *, now: datetime) -> str:
        name, _, number = message.recipient.partition(":")
        address = self._addresses.get(name)
        if address is None or (BLANK in address) != bool(number):
            raise DeliveryError(self.spec.key, f"no such service: {message.recipient}", retry=False)
        service = apprise.Apprise.instantiate(address.replace(BLANK, quote(number, safe="")), asset=self._asset)
        if service is None:
            raise DeliveryError(self.spec.key, f"{name}: not an address that Apprise knows", retry=False)
        service.retry = 0
        sender = apprise.Apprise(asset=self._asset)
        sender.add(service)
        result = sender.notify(body=_text(message), timeout=self.spec.timeout_s)
        if not result:
            reason = next(
                (text for entry in result.logs() if (text := _safe(str(entry.message), address))), "not accepted"
            )
            raise DeliveryError(self.spec.key, f"{name}: {reason}", retry=True)
        return f"{name}: accepted in {result.elapsed:.1f} s"


def _text(message: Outgoing) -> str:
    """The words, with the link that acknowledges; of a notice what it is about."""
    if message.form != "notice":
        return message.body.decode() + (f"\n{message.acknowledge}" if message.acknowledge else "")
    told = json.loads(message.body)
    return f"Tocsin: {told['detail']['what']} ({told['state']})"


def _safe(text: str, address: str) -> str:
    """What the library says, unless it names a part of the address: those may be tokens."""
    parts = [part for part in re.split(r"[^A-Za-z0-9_-]+", address) if len(part) >= 6]
    return "" if any(part in text for part in parts) else text[:200]
