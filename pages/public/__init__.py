"""The public face: what is in force, for everybody, without sign-in and without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.public.bulletin import EXTENSION, Bulletin
from api.public.front import Front
from data.clock import Clock, utc_now
from data.settings import Settings
from data.store.engine import Store

if TYPE_CHECKING:
    from flask import Flask


def register(server: Flask, store: Store, settings: Settings, *, clock: Clock = utc_now) -> None:
    """Put the public pages, feeds and subscriptions on a server.

    Last of all, behind the guard: the memory in front of the server keeps answers with all their headers.
    """
    from api import cap_feeds, push
    from pages.public import check, files, views

    bulletin = Bulletin(store, settings, clock)
    server.extensions[EXTENSION] = bulletin
    for module in (views, check, files, cap_feeds, push):
        server.register_blueprint(module.blueprint)
    server.wsgi_app = Front(server.wsgi_app, bulletin)  # type: ignore[assignment, method-assign]
