"""Serving the pages: gunicorn with threads, because every open screen holds one for its live stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from data.settings import Settings

if TYPE_CHECKING:
    from flask import Flask


class Served(BaseApplication):
    """One gunicorn application; each worker builds its own server, so nothing is shared through a fork."""

    def __init__(self, build: Callable[[], Flask], options: dict[str, Any]) -> None:
        self._build = build
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for key, value in self._options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        return self._build()


def serve(build: Callable[[], Flask], settings: Settings) -> int:
    """Serve until SIGTERM."""
    Served(
        build,
        {
            "bind": f"{settings.host}:{settings.port}",
            "worker_class": "gthread",
            "workers": settings.web_workers,
            "threads": settings.web_threads,
            "timeout": 60,
            "graceful_timeout": 3,  # open live streams would otherwise hold a stop for half a minute
            "keepalive": 5,
            "control_socket_disable": True,
            "loglevel": "warning",
        },
    ).run()
    return 0
