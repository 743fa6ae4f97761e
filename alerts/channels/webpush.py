"""Notifications of browsers: encrypted for the one browser (RFC 8291), signed for its push service (RFC 8292).

The two libraries under pywebpush do both; the request itself goes through the one guarded client. `Topic` makes an
update replace what a sleeping telephone has not shown yet, and `TTL` ends with the message.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import datetime

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from alerts.channels.channel import ChannelSpec, Outgoing, Post, post_once, receipt_of
from alerts.channels.vapid import authorization
from data.errors import DeliveryError
from data.model import Level

GONE = "the subscription is gone"
Keys = Callable[[str], tuple[str, str] | None]  # endpoint -> p256dh and auth of a subscription that stands
Forget = Callable[[str, datetime], None]


class WebPushChannel:
    """POST to the push service of a browser; 404 and 410 end the subscription."""

    spec = ChannelSpec(key="webpush", title="Web push", timeout_s=10.0, form="push", at_once=8)

    def __init__(self, post: Post, key: ec.EllipticCurvePrivateKey, contact: str, keys: Keys, forget: Forget) -> None:
        self._post = post
        self._key = key
        self._contact = contact
        self._keys = keys
        self._forget = forget

    def send(self, message: Outgoing, *, now: datetime) -> str:
        keys = self._keys(message.recipient)
        if keys is None:
            raise DeliveryError(self.spec.key, GONE, retry=False)
        body = self._encrypted(message.body, *keys)
        headers = {
            "Authorization": authorization(self._key, message.recipient, self._contact, now),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(_left_s(message, now)),
            "Urgency": "high" if message.level >= Level.ORANGE else "normal",
            "Idempotency-Key": message.key,
        }
        if message.chain:
            headers["Topic"] = hashlib.sha256(message.chain.encode()).hexdigest()[:32]
        status, answer = post_once(self._post, self.spec, message.recipient, body, headers)
        if status in (404, 410):
            self._forget(message.recipient, now)
            raise DeliveryError(self.spec.key, GONE, retry=False)
        return receipt_of(self.spec, status, answer)

    def _encrypted(self, body: bytes, p256dh: str, auth: str) -> bytes:
        try:
            made: bytes = http_ece.encrypt(
                body,
                private_key=ec.generate_private_key(ec.SECP256R1()),
                dh=_decoded(p256dh),
                auth_secret=_decoded(auth),
                version="aes128gcm",
            )
        except (ValueError, binascii.Error, http_ece.ECEException) as error:
            raise DeliveryError(self.spec.key, "the browser's key is not one", retry=False) from error
        return made


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _left_s(message: Outgoing, now: datetime) -> int:
    if message.expires_at is None:
        return 24 * 3600
    return max(0, int((message.expires_at - now).total_seconds()))
