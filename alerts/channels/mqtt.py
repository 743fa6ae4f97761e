"""Publication on an MQTT 5 broker with QoS 1; a message counts as sent when its PUBACK is there.

The recipient is a topic. The client keeps its queue in memory only, so that after an outcome nobody knows the
connection is given up with all it holds, and the ledger tries again with the same key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from alerts.channels.channel import ChannelSpec, Outgoing
from alerts.channels.webhook import JSON, MEDIA_TYPES
from data.errors import DeliveryError
from data.ways_out import Mqtt

KEEPALIVE_S = 30
LONGEST_EXPIRY_S = 2**32 - 1
Make = Callable[[], paho.Client]


def maker(settings: Mqtt, password: str) -> Make:
    """What makes a client of the broker that is not connected yet; certificates are verified."""

    def make() -> paho.Client:
        made = paho.Client(CallbackAPIVersion.VERSION2, client_id=settings.client, protocol=paho.MQTTv5)
        if settings.user:
            made.username_pw_set(settings.user, password)
        if settings.tls:
            made.tls_set()
        return made

    return make


class _Session:
    """One connection and the answers to what was published on it."""

    def __init__(self, client: paho.Client, settings: Mqtt, timeout_s: float) -> None:
        self.client = client
        self._ready = threading.Event()
        self._refused: ReasonCode | None = None
        self._answers: dict[int, ReasonCode] = {}
        client.on_connect = self._connected
        client.on_publish = self._published
        client.connect_timeout = timeout_s
        client.connect(settings.host, settings.port, keepalive=KEEPALIVE_S, clean_start=True)
        client.loop_start()
        if not self._ready.wait(timeout_s) or self._refused is not None:
            self.close()
            raise ConnectionError(
                f"the broker refused: {self._refused}" if self._refused else "no answer of the broker"
            )

    def publish(self, topic: str, body: bytes, properties: Properties, timeout_s: float) -> ReasonCode:
        told = self.client.publish(topic, body, qos=1, properties=properties)
        told.wait_for_publish(timeout_s)
        if not told.is_published():
            raise TimeoutError("no PUBACK in time")
        return self._answers.pop(told.mid)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _connected(self, _client: object, _data: object, _flags: object, code: ReasonCode, _more: object) -> None:
        self._refused = code if code.is_failure else None
        self._ready.set()

    def _published(self, _client: object, _data: object, mid: int, code: ReasonCode, _more: object) -> None:
        self._answers[mid] = code


class MqttChannel:
    """The signed message on a topic, with its key as a user property and its end as the broker's expiry."""

    spec = ChannelSpec(key="mqtt", title="MQTT", timeout_s=10.0)

    def __init__(self, settings: Mqtt, make: Make) -> None:
        self._settings = settings
        self._make = make
        self._lock = threading.Lock()
        self._session: _Session | None = None

    def send(self, message: Outgoing, *, now: datetime) -> str:
        if not message.recipient:  # MQTT 5 would take the topic of the message before
            raise DeliveryError(self.spec.key, "not a topic: it is empty", retry=False)
        try:
            session = self._open()
            code = session.publish(message.recipient, message.body, _properties(message, now), self.spec.timeout_s)
        except (OSError, RuntimeError) as error:
            self.close()
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            raise DeliveryError(self.spec.key, reason, retry=True) from error
        except ValueError as error:
            raise DeliveryError(self.spec.key, f"not a topic: {error}", retry=False) from error
        if code.is_failure:
            raise DeliveryError(self.spec.key, f"the broker refused: {code}", retry=False)
        return f"PUBACK {code}"

    def close(self) -> None:
        """Give the connection up."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _open(self) -> _Session:
        with self._lock:
            if self._session is None or not self._session.client.is_connected():
                if self._session is not None:
                    self._session.close()
                    self._session = None
                self._session = _Session(self._make(), self._settings, self.spec.timeout_s)
            return self._session


def _properties(message: Outgoing, now: datetime) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = MEDIA_TYPES.get(message.form, JSON)
    pairs = [("Idempotency-Key", message.key), ("status", message.status), ("identifier", message.about)]
    properties.UserProperty = [pair for pair in pairs if pair[1]]
    if message.expires_at is not None:
        left_s = int((message.expires_at - now).total_seconds())
        properties.MessageExpiryInterval = min(max(left_s, 1), LONGEST_EXPIRY_S)
    return properties
