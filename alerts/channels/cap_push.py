"""CAP messages by POST to another Tocsin or a hub; the recipient is its name in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from alerts.channels.channel import ChannelSpec, Outgoing, Post, post_once, receipt_of
from alerts.channels.webhook import MEDIA_TYPES
from data.errors import DeliveryError

Hubs = Mapping[str, tuple[str, bytes]]  # name -> address and token


class CapPushChannel:
    """The exact signed bytes, with a bearer token where the hub gave one."""

    spec = ChannelSpec(key="cap_push", title="CAP push", timeout_s=20.0)

    def __init__(self, post: Post, hubs: Hubs) -> None:
        self._post = post
        self._hubs = hubs

    def send(self, message: Outgoing, *, now: datetime) -> str:
        if message.form != "cap":
            raise DeliveryError(self.spec.key, "hubs take warnings only", retry=False)
        if message.recipient not in self._hubs:
            raise DeliveryError(self.spec.key, f"no such hub: {message.recipient}", retry=False)
        address, token = self._hubs[message.recipient]
        headers = {"Content-Type": MEDIA_TYPES["cap"], "Idempotency-Key": message.key}
        if token:
            headers["Authorization"] = f"Bearer {token.decode('ascii')}"
        return receipt_of(self.spec, *post_once(self._post, self.spec, address, message.body, headers))
