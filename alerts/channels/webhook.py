"""POST to an address: the signed CAP message of a warning, or the JSON of an operator notice.

With a secret the request is signed as Standard Webhooks describes it (standardwebhooks.com, version 1): HMAC-SHA256
over `id.timestamp.body`, in base64 behind `v1,`. The id is the Idempotency-Key: the same for every attempt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

from alerts.channels.channel import ChannelSpec, Outgoing, Post, post_once, receipt_of

MEDIA_TYPES = {"cap": "application/cap+xml; charset=utf-8"}
JSON = "application/json; charset=utf-8"


def signature(secret: bytes, key: str, seconds: int, body: bytes) -> str:
    """What a receiver computes as well, over the id, the time [s since 1970] and the bytes of the body."""
    signed = hmac.digest(secret, f"{key}.{seconds}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed).decode()


class WebhookChannel:
    """POST with an Idempotency-Key, signed where there is a secret."""

    spec = ChannelSpec(key="webhook", title="Webhook", timeout_s=10.0, at_once=8)

    def __init__(self, post: Post, secret: bytes = b"") -> None:
        self._post = post
        self._secret = secret

    def send(self, message: Outgoing, *, now: datetime) -> str:
        headers = {"Content-Type": MEDIA_TYPES.get(message.form, JSON), "Idempotency-Key": message.key}
        if message.about:
            headers |= {"X-CAP-Identifier": message.about, "X-CAP-Status": message.status}
        if self._secret:
            seconds = int(now.timestamp())
            headers |= {
                "webhook-id": message.key,
                "webhook-timestamp": str(seconds),
                "webhook-signature": signature(self._secret, message.key, seconds, message.body),
            }
        return receipt_of(self.spec, *post_once(self._post, self.spec, message.recipient, message.body, headers))
