"""Operator notices by HTTP POST to the addresses the operator configured."""

from __future__ import annotations

from alerts.channel import ChannelSpec, Outgoing, Post
from data.errors import DeliveryError, IngestError, Refused


class WebhookChannel:
    """POST of a JSON body with an Idempotency-Key; 2xx is acceptance, 408, 425, 429 and 5xx are worth another try."""

    spec = ChannelSpec(key="webhook", title="Webhook", timeout_s=10.0)

    def __init__(self, post: Post) -> None:
        self._post = post

    def send(self, message: Outgoing) -> str:
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": message.key}
        try:
            status, answer = self._post(message.recipient, message.body, headers, self.spec.timeout_s)
        except Refused as error:
            raise DeliveryError(self.spec.key, error.reason, retry=error.retry) from error
        except IngestError as error:
            raise DeliveryError(self.spec.key, error.reason, retry=True) from error
        if 200 <= status < 300:
            return f"{status} {answer[:80].decode('utf-8', 'replace')}".strip()
        raise DeliveryError(self.spec.key, f"HTTP {status}", retry=status in (408, 425, 429) or status >= 500)
