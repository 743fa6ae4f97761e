"""How a feed is, judged by the time of its newest observation and not by whether it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.store.changes import bump, note_change
from data.store.tables import source_state
from ingest.source import SourceSpec

Light = Literal["fresh", "late", "failing", "off", "paused", "never"]


@dataclass(frozen=True, kw_only=True)
class FeedHealth:
    """The light of a feed, the age of what it last told, and why it is so."""

    light: Light
    age: timedelta | None
    reason: str = ""


def feed_health(spec: SourceSpec, state: Any, now: datetime) -> FeedHealth:
    """Judge a feed from its row of `source_state` (None where it was never touched).

    A body that is served again and again with old observations is late, however well the requests succeed. Only where
    silence is normal, as with earthquakes, does the last successful request count instead.
    """
    if state is None or not state.enabled:
        return FeedHealth(light="off", age=_age(spec, state, now), reason="not switched on")
    age = _age(spec, state, now)
    if state.paused_by:
        return FeedHealth(light="paused", age=age, reason=f"paused by {state.paused_by}")
    if state.failing_since is not None:
        return FeedHealth(light="failing", age=age, reason=state.reason or "the last run failed")
    if state.last_success_at is None:
        return FeedHealth(light="never", age=age, reason="has not run yet")
    if age is None:
        return FeedHealth(light="late", age=None, reason="it answers, but no observation has come yet")
    if age > spec.stale_after:
        what = "the last successful request" if spec.silence_is_normal else "the newest observation"
        return FeedHealth(light="late", age=age, reason=f"{what} is older than {_told(spec.stale_after)}")
    return FeedHealth(light="fresh", age=age)


def _age(spec: SourceSpec, state: Any, now: datetime) -> timedelta | None:
    if state is None:
        return None
    at = state.last_success_at if spec.silence_is_normal else state.last_data_at
    return None if at is None else max(timedelta(), now - at)


def _told(length: timedelta) -> str:
    minutes = length.total_seconds() / 60
    if minutes < 1:
        return f"{length.total_seconds():g} s"
    return f"{minutes:g} min" if minutes < 120 else f"{minutes / 60:g} h"


def read_lights(connection: Connection, specs: Iterable[SourceSpec], now: datetime) -> dict[str, FeedHealth]:
    """The health of every feed."""
    states = {row.source: row for row in connection.execute(sa.select(source_state))}
    return {spec.key: feed_health(spec, states.get(spec.key), now) for spec in specs}


def note_light_changes(
    connection: Connection, before: Mapping[str, Light], after: Mapping[str, FeedHealth], now: datetime
) -> dict[str, Light]:
    """Tell screens of lights that changed; returns the lights to compare with next time.

    Turning late and coming back from it gets a line of its own. Failures and recoveries have theirs from the run that
    met them, and what a person switched is no news.
    """
    quiet = False
    for key, health in after.items():
        old = before.get(key, health.light)
        if old == health.light:
            continue
        kind = {"late": "feed-late", "fresh": "feed-fresh" if old == "late" else ""}.get(health.light, "")
        if kind:
            detail = {"before": old, "reason": health.reason}
            note_change(connection, "feeds", at=now, kind=kind, subject=key, detail=detail)
        else:
            quiet = True
    if quiet:
        bump(connection, "feeds")
    return {key: health.light for key, health in after.items()}
