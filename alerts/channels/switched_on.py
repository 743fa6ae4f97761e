"""The channels that are switched on, with their transports and secrets: the one registry of ways out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from alerts.channels.cap_push import CapPushChannel
from alerts.channels.channel import Channel, Post
from alerts.channels.email import EmailChannel, connector
from alerts.channels.folder import FolderChannel
from alerts.channels.vapid import vapid_key
from alerts.channels.webhook import WebhookChannel
from alerts.channels.webpush import WebPushChannel
from data.secret_files import read_secret
from data.store.engine import Store
from data.store.tables import push_subscription
from data.ways_out import WaysOut


def switched_on(ways: WaysOut, post: Post, store: Store, *, home: Path, sender_name: str = "") -> dict[str, Channel]:
    """Every configured channel by its key.

    Raises
    ------
    ConfigError
        Where a secret that the settings name cannot be read.
    """
    made: list[Channel] = [WebhookChannel(post, _secret(ways.webhook.secret_file))]
    if ways.email is not None:
        password = _secret(ways.email.password_file).decode()
        connect = connector(ways.email, password, timeout_s=EmailChannel.spec.timeout_s)
        made.append(EmailChannel(ways.email.sender, sender_name, connect))
    if ways.mqtt is not None:
        from alerts.channels.mqtt import MqttChannel, maker

        made.append(MqttChannel(ways.mqtt, maker(ways.mqtt, _secret(ways.mqtt.password_file).decode())))
    if ways.webpush is not None:
        keys, forget = _subscriptions(store)
        made.append(WebPushChannel(post, vapid_key(home), ways.webpush.contact, keys, forget))
    if ways.hubs:
        hubs = {name: (hub.url, _secret(hub.token_file)) for name, hub in ways.hubs.items()}
        made.append(CapPushChannel(post, hubs))
    if ways.folder is not None:
        made.append(FolderChannel(ways.folder.path))
    if ways.services:
        from alerts.channels.service import ServiceChannel  # its library is large: for those who use it

        made.append(ServiceChannel(_addresses(ways)))
    return {channel.spec.key: channel for channel in made}


def _secret(path: Path | None) -> bytes:
    return b"" if path is None else read_secret(path)


def _addresses(ways: WaysOut) -> Mapping[str, str]:
    return {name: one.url or _secret(one.url_file).decode() for name, one in ways.services.items()}


def _subscriptions(
    store: Store,
) -> tuple[Callable[[str], tuple[str, str] | None], Callable[[str, datetime], None]]:
    """Keys of a browser by its endpoint, and how one that is gone is noted."""
    column = push_subscription.c

    def keys(endpoint: str) -> tuple[str, str] | None:
        query = sa.select(column.p256dh, column.auth).where(column.endpoint == endpoint, column.gone_at.is_(None))
        with store.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.p256dh, row.auth)

    def forget(endpoint: str, now: datetime) -> None:
        with store.write() as connection:
            change = push_subscription.update().where(column.endpoint == endpoint, column.gone_at.is_(None))
            connection.execute(change.values(gone_at=now))

    return keys, forget
