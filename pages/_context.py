"""What every page is given: the store, the settings, and what the sources say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from data.clock import Clock, utc_now
from data.settings import Settings
from data.store.engine import Store

if TYPE_CHECKING:
    from data.regions import RegionIndex


class SourceManifest(Protocol):
    """The part of a source's manifest that pages show."""

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def hazard(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def credit(self) -> str: ...
    @property
    def every(self) -> timedelta: ...
    @property
    def stale_after(self) -> timedelta: ...
    @property
    def silence_is_normal(self) -> bool: ...


class Health(Protocol):
    """How a feed stands: light is fresh, late, failing, off, paused or never."""

    @property
    def light(self) -> str: ...
    @property
    def age(self) -> timedelta | None: ...
    @property
    def reason(self) -> str: ...


FeedHealth = Callable[[Any, Any, datetime], Health]


@dataclass(frozen=True, kw_only=True)
class Context:
    """Handed to every page's `layout` and `register`."""

    store: Store
    settings: Settings
    sources: Sequence[SourceManifest]
    feed_health: FeedHealth
    clock: Clock = utc_now

    @cached_property
    def regions(self) -> RegionIndex:
        from data.regions import load_regions

        return load_regions(self.settings.base_dir)
