"""What the public is told at this moment, read from the store a few times a second however many ask.

Nothing here is trusted past the next end of a warning, and where the watch itself fails that is said: silence of a
system that sees nothing is no good news.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

import sqlalchemy as sa
from flask import current_app

from alerts.published import KEPT, Mark, Published, in_force, read_marks, read_published, recent
from api.live import read_message
from api.public.limit import Limit
from data.clock import Clock, parse_time
from data.settings import Settings
from data.store.engine import Store

Blind = Literal["", "store", "engine", "never"]

EXTENSION = "tocsin.public"
ASK_EVERY = timedelta(milliseconds=250)
BACK = timedelta(seconds=5)  # how far the clock may be set back before everything is read anew

log = logging.getLogger("tocsin.public")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One consistent view of what is published."""

    at: datetime
    holds_until: datetime
    marks: tuple[Mark, ...] = ()
    published: tuple[Published, ...] = ()
    blind: Blind = ""
    blind_since: datetime | None = None  # since when; of the store, when it last answered
    identity: str = ""

    @property
    def in_force(self) -> list[Published]:
        return in_force(self.published, self.at)

    @property
    def changed_at(self) -> datetime | None:
        """When something last was issued or ended."""
        times = [time for one in self.published for time in (one.issued.sent_at, one.ends_at) if time <= self.at]
        return max(times, default=None)

    @property
    def recent(self) -> list[Published]:
        return recent(self.published, self.at)


class Bulletin:
    """The present picture of one process."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self.store = store
        self.settings = settings
        self.clock = clock
        self.subscribing = Limit(20, 3600.0)
        self.checking = Limit(30, 60.0)
        self.searching = Limit(60, 60.0)
        self._lock = threading.Lock()
        self._kept: Picture | None = None

    @property
    def address(self) -> str:
        """Where the public finds this server; never taken from what a request says of itself."""
        own = f"http://{self.settings.host}:{self.settings.port}"
        return (self.settings.public_url.rstrip("/").removesuffix("/public") or own).rstrip("/")

    def picture(self) -> Picture:
        """What holds now."""
        kept = self._kept
        if kept is not None and _holds(kept, self.clock()):
            return kept
        with self._lock:
            newer = self._kept
            # whoever waited here while the store did not answer does not wait for it once more
            if newer is not None and newer is not kept and (newer.blind == "store" or _holds(newer, self.clock())):
                return newer
            self._kept = self._read(kept)
            return self._kept

    def _read(self, kept: Picture | None) -> Picture:
        now = self.clock()
        watch = read_message(self.store, now)
        try:
            if "error" in watch:
                return _unreadable(self.clock(), kept)
            with self.store.read() as connection:
                marks = read_marks(connection, now - KEPT)
                published = kept.published if kept is not None and kept.marks == marks else None
                if published is None:
                    published = tuple(read_published(connection, now - KEPT))
        except sa.exc.SQLAlchemyError as error:
            log.warning("warnings cannot be read: %s", error)
            return _unreadable(self.clock(), kept)
        engine = watch["engine"]
        blind: Blind = {"ok": "", "late": "engine"}.get(engine["state"], "never")  # type: ignore[assignment]
        since = parse_time(engine["at"]) if blind and engine["at"] else None
        return _made(now, marks, published, blind, since)


def _holds(kept: Picture, now: datetime) -> bool:
    return kept.at - BACK <= now < kept.holds_until


def _made(
    now: datetime, marks: tuple[Mark, ...], published: tuple[Published, ...], blind: Blind, since: datetime | None
) -> Picture:
    ends = [mark.expires_at for mark in marks if mark.expires_at > now]
    standing = [(one.issued.id, one.issued.signed_sha256, one.standing(now)) for one in published]
    told = repr((standing, blind, since, now.replace(second=0, microsecond=0)))
    return Picture(
        at=now, holds_until=min([now + ASK_EVERY, *ends]), marks=marks, published=published, blind=blind,
        blind_since=since, identity=hashlib.sha256(told.encode()).hexdigest()[:24],
    )  # fmt: skip


def _unreadable(now: datetime, kept: Picture | None) -> Picture:
    """What was known last, marked as such; what has expired since is in force no more."""
    since = now if kept is None else kept.blind_since if kept.blind == "store" else kept.at
    return _made(now, kept.marks if kept else (), kept.published if kept else (), "store", since)


def bulletin() -> Bulletin:
    """The bulletin of the present server."""
    return cast(Bulletin, current_app.extensions[EXTENSION])
