"""What the views of one server work with."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from flask import current_app

from data.clock import Clock
from data.settings import Settings
from data.store.engine import Store

if TYPE_CHECKING:
    from api.live import LiveHub
    from data.regions import RegionIndex
    from layers.fields import OpenSteps

EXTENSION = "tocsin.api"


class Memo:
    """The newest bodies, built once each however many ask at the same time."""

    def __init__(self, size: int = 24) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._building: dict[tuple[object, ...], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...], build: Callable[[], bytes]) -> bytes:
        """The body for a key, from memory or built now."""
        with self._lock:
            if key in self._kept:
                return self._kept[key]
            lock = self._building.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            try:
                body = build()
            finally:
                with self._lock:
                    self._building.pop(key, None)
            with self._lock:
                self._kept[key] = body
                while len(self._kept) > self._size:
                    self._kept.popitem(last=False)
        return body


@dataclass(frozen=True, kw_only=True)
class Api:
    """The parts of the machine API of one server."""

    store: Store
    settings: Settings
    clock: Clock
    hub: LiveHub
    watch: Callable[[], Callable[[], bool]]  # within a request: whether its session still stands, to be asked later
    stale_after: Mapping[str, timedelta] = field(default_factory=dict)  # by source, where it says so itself
    memo: Memo = field(default_factory=Memo)
    _steps: list[OpenSteps] = field(default_factory=list)

    def regions(self) -> RegionIndex:
        from data.regions import load_regions

        return load_regions(self.settings.base_dir)

    def steps(self) -> OpenSteps:
        """The field steps in use, opened at the first tile: their library is heavy."""
        if not self._steps:
            from layers.fields import OpenSteps

            self._steps.append(OpenSteps(self.settings.home))
        return self._steps[0]


def api() -> Api:
    """The machine API of the present server."""
    return cast(Api, current_app.extensions[EXTENSION])
