"""The machine-readable face: what the map and other programs read. Every route is guarded by an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from access.sessions import watch as watch_session
from data.clock import Clock, utc_now
from data.settings import Settings
from data.store.engine import Store

if TYPE_CHECKING:
    from flask import Flask

# Streams take a thread each; the rest stay free for everything else.
STREAM_SHARE = 0.9
COMPRESSED = ("text/html", "text/css", "text/javascript", "application/javascript", "application/json",
              "application/geo+json", "application/octet-stream", "image/svg+xml", "application/atom+xml",
              "application/rss+xml", "application/cap+xml", "application/manifest+json", "text/calendar")  # fmt: skip


def register(
    server: Flask,
    store: Store,
    settings: Settings,
    *,
    clock: Clock = utc_now,
    stale_after: Mapping[str, timedelta] | None = None,
    watch: Callable[[], Callable[[], bool]] = watch_session,
) -> None:
    """Put the machine API on a server.

    Parameters
    ----------
    stale_after
        By source: the age past which its readings say nothing of the present.
    watch
        Called within a request; what it returns says later whether the session of that request still stands.
    """
    from api import (
        ack,
        cap_in,
        changes,
        evidence,
        exchange,
        exercise,
        export,
        features,
        fields,
        frame,
        health,
        history,
        impact,
        inspection,
        levels,
        live,
        ogc,
        payloads,
        records,
        scripts,
        search,
        stac,
        tiles,
        wind,
    )  # fmt: skip
    from api.answers import unknown_address
    from api.context import EXTENSION, Api

    most = max(1, int(settings.web_threads * STREAM_SHARE))
    hub = live.LiveHub(store, most=most, clock=clock)
    server.extensions[EXTENSION] = Api(
        store=store, settings=settings, clock=clock, hub=hub, watch=watch, stale_after=dict(stale_after or {})
    )
    for module in (
        ack, cap_in, live, levels, features, fields, history, export, impact, tiles, wind, search, payloads, health,
        scripts, exercise, records, changes, evidence, inspection, exchange, frame, ogc, stac,
    ):  # fmt: skip
        server.register_blueprint(module.blueprint)
    for prefix in ("api", "t", "ogc", "stac"):
        server.add_url_rule(f"/{prefix}/<path:rest>", f"unknown-{prefix}", unknown_address)
    _compress(server)
    server.after_request(scripts.pack_suite)  # runs before the compression on the fly


def _compress(server: Flask) -> None:
    """Compress answers on the fly; tiles and images are compressed already, and the live stream must not wait."""
    from flask_compress import Compress

    server.config.setdefault("COMPRESS_MIMETYPES", list(COMPRESSED))
    server.config.setdefault("COMPRESS_ALGORITHM", ["br", "gzip"])
    server.config.setdefault("COMPRESS_STREAMS", False)
    server.config.setdefault("COMPRESS_BR_LEVEL", 4)
    if "compress" not in server.extensions:
        Compress(server)
        server.extensions["compress"] = True
