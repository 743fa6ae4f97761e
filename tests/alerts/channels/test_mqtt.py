"""MQTT against a real Mosquitto."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from alerts.channels.channel import Outgoing
from alerts.channels.mqtt import MqttChannel, maker
from data.errors import DeliveryError
from data.ways_out import Mqtt
from tests.alerts.channels.stand_ins import broker
from tests.conftest import free_port

TOPIC = "tocsin/warnings/rain"


def channel(port: int) -> MqttChannel:
    settings = Mqtt.model_validate({"host": "127.0.0.1", "port": port, "tls": False})
    return MqttChannel(settings, maker(settings, ""))


def message(now: datetime, topic: str = TOPIC) -> Outgoing:
    return Outgoing(
        key="a" * 64, recipient=topic, body=b"<alert/>", form="cap", about="office.1",
        expires_at=now + timedelta(hours=1),
    )  # fmt: skip


@contextmanager
def listener(port: int) -> Iterator[queue.Queue[Any]]:
    found: queue.Queue[Any] = queue.Queue()
    ready: queue.Queue[None] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener", protocol=paho.MQTTv5)
    client.on_message = lambda _client, _data, got: found.put(got)
    client.on_subscribe = lambda *_: ready.put(None)
    client.connect("127.0.0.1", port)
    client.subscribe("tocsin/#", qos=1)
    client.loop_start()
    ready.get(timeout=10)
    try:
        yield found
    finally:
        client.disconnect()
        client.loop_stop()


def test_message_arrives_with_key_end_and_acknowledgement_of_the_broker(tmp_path: Path, now: datetime) -> None:
    with broker(tmp_path) as port, listener(port) as found:
        mqtt = channel(port)
        assert mqtt.send(message(now), now=now) == "PUBACK Success"
        got = found.get(timeout=10)
        mqtt.close()
    assert (got.topic, got.payload, got.qos) == (TOPIC, b"<alert/>", 1)
    assert dict(got.properties.UserProperty)["Idempotency-Key"] == "a" * 64
    assert got.properties.ContentType == "application/cap+xml; charset=utf-8"
    assert 3590 <= got.properties.MessageExpiryInterval <= 3600


def test_broker_that_was_restarted_gets_the_next_message(tmp_path: Path, now: datetime) -> None:
    port = free_port()
    with broker(tmp_path, port=port):
        mqtt = channel(port)
        mqtt.send(message(now), now=now)
    with pytest.raises(DeliveryError) as away:
        for _ in range(2):  # the first may be given to the socket before its end is noticed
            mqtt.send(message(now), now=now)
    assert away.value.retry
    with broker(tmp_path, port=port), listener(port) as found:
        mqtt.send(message(now), now=now)
        assert found.get(timeout=10).payload == b"<alert/>"
        mqtt.close()


@pytest.mark.parametrize("topic", ["tocsin/#", "a/+/b", ""])
def test_recipient_that_is_no_topic_is_final(tmp_path: Path, now: datetime, topic: str) -> None:
    with broker(tmp_path) as port:
        mqtt = channel(port)
        with pytest.raises(DeliveryError) as refused:
            mqtt.send(message(now, topic), now=now)
        assert not refused.value.retry
        mqtt.close()


def test_broker_that_is_away_is_worth_another_try(now: datetime) -> None:
    with pytest.raises(DeliveryError) as away:
        channel(free_port()).send(message(now), now=now)
    assert away.value.retry
