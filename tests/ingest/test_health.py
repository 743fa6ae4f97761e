from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from data.store.changes import read_versions
from data.store.engine import Store
from data.store.runs import set_state
from data.store.tables import change
from ingest.health import feed_health, note_light_changes, read_lights
from ingest.source import SourceSpec

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPEC = SourceSpec(
    key="feed", title="", provider="", hazard="water", url="", licence="", credit="",
    every=timedelta(minutes=1), stale_after=timedelta(hours=1),
)  # fmt: skip
QUIET = SourceSpec(
    key="quakes", title="", provider="", hazard="earthquake", url="", licence="", credit="",
    every=timedelta(minutes=1), stale_after=timedelta(minutes=10), silence_is_normal=True,
)  # fmt: skip


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def state(**values: Any) -> SimpleNamespace:
    given: Mapping[str, Any] = {
        "enabled": True, "paused_by": "", "failing_since": None, "reason": "",
        "last_success_at": ago(seconds=30), "last_data_at": ago(minutes=5), **values,
    }  # fmt: skip
    return SimpleNamespace(**given)


@pytest.mark.parametrize(
    ("spec", "row", "light"),
    [
        (SPEC, None, "off"),
        (SPEC, state(enabled=False), "off"),
        (SPEC, state(paused_by="ada"), "paused"),
        (SPEC, state(last_success_at=None, last_data_at=None), "never"),
        (SPEC, state(), "fresh"),
        (SPEC, state(last_data_at=ago(hours=1)), "fresh"),
        (SPEC, state(last_data_at=ago(hours=1, seconds=1)), "late"),
        (SPEC, state(last_data_at=None), "late"),
        (SPEC, state(failing_since=ago(seconds=5), reason="HTTP 503"), "failing"),
        (QUIET, state(last_data_at=ago(days=3)), "fresh"),
        (QUIET, state(last_data_at=None), "fresh"),
        (QUIET, state(last_success_at=ago(minutes=11)), "late"),
    ],
    ids=["untouched", "off", "paused", "never", "fresh", "at-the-limit", "same-old-body", "no-data", "failing",
         "quiet-fresh", "quiet-empty", "quiet-unasked"],
)  # fmt: skip
def test_feed_health_light(spec: SourceSpec, row: Any, light: str) -> None:
    found = feed_health(spec, row, NOW)
    assert found.light == light
    assert found.reason or light == "fresh"


def test_note_light_changes_late_and_back_each_told_once(store: Store) -> None:
    with store.write() as connection:
        set_state(connection, "feed", enabled=True, last_success_at=NOW, last_data_at=NOW)
    lights: Any = {}
    versions = []
    for minutes in (0, 30, 61, 62, 90):
        now = NOW + timedelta(minutes=minutes)
        with store.write() as connection:
            if minutes == 90:
                set_state(connection, "feed", last_data_at=now)
            lights = note_light_changes(connection, lights, read_lights(connection, [SPEC], now), now)
            versions.append(read_versions(connection).get("feeds", 0))
    with store.read() as connection:
        kinds = list(connection.execute(sa.select(change.c.kind).order_by(change.c.id)).scalars())
    assert kinds == ["feed-late", "feed-fresh"]
    assert versions[0] == versions[1] < versions[2] == versions[3] < versions[4]
