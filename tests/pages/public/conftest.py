"""The public face on a server of its own; with and without the guard it answers the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import api
from api.context import EXTENSION
from data.settings import Settings
from data.store.engine import Store
from pages import public
from tests.api.conftest import base_dir  # noqa: F401 - a fixture
from tests.issuing import Desk


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **length: float) -> datetime:
        self.now += timedelta(**length)
        return self.now


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@pytest.fixture
def settings(home: Path, base_dir: Path, database_url: str) -> Settings:  # noqa: F811
    return Settings(
        home=home, base_dir=base_dir, database_url=database_url, sender_name="Example office",
        public_url="https://warn.example", push_services=("push.example", "*.notify.example", "127.0.0.1:9999"),
    )  # fmt: skip


@pytest.fixture
def server(store: Store, settings: Settings, clock: Clock) -> Iterator[Flask]:
    flask = Flask("public-tests")
    api.register(flask, store, settings, clock=clock, watch=lambda: lambda: True)
    public.register(flask, store, settings, clock=clock)
    yield flask
    flask.extensions[EXTENSION].hub.close()


@pytest.fixture
def client(server: Flask) -> Any:
    return server.test_client()


@pytest.fixture
def desk(store: Store, now: datetime) -> Desk:
    """A desk whose watch is awake."""
    made = Desk(store, now)
    made.watch(now)
    return made
