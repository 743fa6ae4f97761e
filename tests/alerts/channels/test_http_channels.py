"""Webhooks, CAP push and web push over the guarded client, against a collector that keeps every request."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from alerts.channels.cap_push import CapPushChannel
from alerts.channels.channel import Outgoing
from alerts.channels.vapid import public_key, vapid_key
from alerts.channels.webhook import WebhookChannel
from alerts.channels.webpush import GONE, WebPushChannel
from data.errors import DeliveryError
from data.model import Level
from ingest.http import Http
from tests.alerts.channels.stand_ins import Browser, Collector, check_vapid


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(tmp_path)
    yield made
    made.close()


def http(collector: Collector) -> Http:
    return Http(allow_hosts=(collector.host,), source="dispatch")


def message(to: str, now: datetime, body: bytes = b"<alert/>", form: str = "cap") -> Outgoing:
    return Outgoing(
        key="a" * 64, recipient=to, body=body, form=form, about="office.1", chain="7", level=Level.RED, sent_at=now,
        expires_at=now + timedelta(hours=2),
    )  # fmt: skip


def test_webhook_is_signed_over_id_time_and_body(collector: Collector, now: datetime) -> None:
    channel = WebhookChannel(http(collector).post, b"shared secret")
    assert channel.send(message(collector.url("/hook"), now), now=now) == "200 ok"
    one = collector.received[0]
    assert (one.body, one.headers["content-type"]) == (b"<alert/>", "application/cap+xml; charset=utf-8")
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    version, _, written = one.headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert b64decode(written) == hmac.new(b"shared secret", signed, hashlib.sha256).digest()
    assert one.headers["webhook-id"] == one.headers["idempotency-key"] == "a" * 64
    assert one.headers["webhook-timestamp"] == str(int(now.timestamp()))


@pytest.mark.parametrize(
    ("status", "retry"),
    [(500, True), (503, True), (429, True), (408, True), (404, False), (401, False), (302, False)],
)
def test_answers_are_worth_another_try_or_final(
    collector: Collector, now: datetime, status: int, retry: bool
) -> None:
    collector.answer = lambda *_: status
    with pytest.raises(DeliveryError, match=str(status)) as refused:
        WebhookChannel(http(collector).post).send(message(collector.url("/hook"), now), now=now)
    assert refused.value.retry is retry


def test_asvs_1_3_6_address_that_nobody_allowed_is_final(collector: Collector, now: datetime) -> None:
    with pytest.raises(DeliveryError) as refused:
        WebhookChannel(Http(source="dispatch").post).send(message(collector.url("/hook"), now), now=now)
    assert not refused.value.retry and collector.received == []


def test_cap_push_posts_the_bytes_with_the_token_of_the_hub(collector: Collector, now: datetime) -> None:
    channel = CapPushChannel(http(collector).post, {"province": (collector.url("/cap"), b"token")})
    channel.send(message("province", now), now=now)
    one = collector.received[0]
    assert (one.path, one.body, one.headers["authorization"]) == ("/cap", b"<alert/>", "Bearer token")
    with pytest.raises(DeliveryError, match="no such hub"):
        channel.send(message("elsewhere", now), now=now)


def test_web_push_can_be_read_by_the_browser_alone_and_is_signed_for_its_service(
    collector: Collector, tmp_path: Path, now: datetime
) -> None:
    browser, key = Browser(collector.url("/push/1")), vapid_key(tmp_path)
    collector.answer = lambda *_: 201
    keys = {browser.endpoint: (browser.p256dh, browser.auth)}
    channel = WebPushChannel(http(collector).post, key, "mailto:ops@office.example", keys.get, lambda *_: None)
    body = json.dumps({"title": "红色预警"}).encode()
    channel.send(message(browser.endpoint, now, body, "push"), now=now)
    one = collector.received[0]
    assert browser.read(one.body) == body and body not in one.body
    claims = check_vapid(one.headers["authorization"], f"http://{collector.host}")
    assert claims["sub"] == "mailto:ops@office.example" and claims["key"] == public_key(key)
    assert timedelta() < datetime.fromtimestamp(claims["exp"], now.tzinfo) - now <= timedelta(hours=24)
    assert (one.headers["ttl"], one.headers["urgency"]) == ("7200", "high")
    assert len(one.headers["topic"]) == 32
    channel.send(message(browser.endpoint, now, body, "push"), now=now)
    assert collector.received[1].headers["topic"] == one.headers["topic"]  # an update takes its place


def test_vapid_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first, second = vapid_key(tmp_path), vapid_key(tmp_path)
    assert public_key(first) == public_key(second)
    assert isinstance(first.curve, ec.SECP256R1)
    assert (tmp_path / "secrets" / "vapid.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("status", [404, 410])
def test_browser_that_is_gone_is_forgotten(collector: Collector, tmp_path: Path, now: datetime, status: int) -> None:
    browser = Browser(collector.url("/push/1"))
    collector.answer = lambda *_: status
    forgotten: list[str] = []
    channel = WebPushChannel(
        http(collector).post, vapid_key(tmp_path), "mailto:ops@office.example",
        {browser.endpoint: (browser.p256dh, browser.auth)}.get, lambda endpoint, _at: forgotten.append(endpoint),
    )  # fmt: skip
    with pytest.raises(DeliveryError, match=GONE) as gone:
        channel.send(message(browser.endpoint, now, b"{}", "push"), now=now)
    assert forgotten == [browser.endpoint] and not gone.value.retry
    with pytest.raises(DeliveryError, match=GONE):
        channel.send(message("https://unknown.example/", now, b"{}", "push"), now=now)


def test_key_of_a_browser_that_is_none_ends_its_own_delivery_only(tmp_path: Path, now: datetime) -> None:
    def nowhere(*_: object) -> tuple[int, bytes]:
        raise AssertionError("nothing is sent")

    for keys in (("AAAA", "AAAA"), ("not base64!", "x"), ("", "")):
        channel = WebPushChannel(
            nowhere, vapid_key(tmp_path), "mailto:o@e.example", lambda _, keys=keys: keys, lambda *_: None
        )  # fmt: skip
        with pytest.raises(DeliveryError, match="not one") as refused:
            channel.send(message("https://push.example/1", now, b"{}", "push"), now=now)
        assert not refused.value.retry
