"""Events on the past: revisions, deletions and a feed that falls silent are seen when they came, as live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.backtest import moments, run_proof, run_rule
from alerts.evaluate import evaluate_all
from alerts.history import archive_history, scratch
from alerts.pack import PackRule
from alerts.rule import Rule
from alerts.truth import truth_of
from data.model import Event, EventStatus
from data.regions import load_regions
from data.store.engine import Store
from data.store.events import EventSink
from data.store.runs import RunRow, mark_success, set_state, write_run
from data.store.sink import PutContext
from data.store.tables import transition

MINUTE = timedelta(minutes=1)
LEVELS = {
    "yellow": {"input": "x", "trigger": 4.5, "clear": 4.5, "hold": "5min"},
    "red": {"input": "x", "trigger": 6, "clear": 6, "hold": "5min"},
}
INPUT = {"source": "events", "quantity": "earthquake", "unit": "1", "window": "2h", "within_km": 60}


def quake(key: str, at: datetime, magnitude: float | None, lon: float, **more: Any) -> Event:
    return Event(
        id=key, kind="earthquake", lon=lon, lat=21.0, occurred_at=at, magnitude=magnitude, depth_km=10.0,
        **{"updated_at": at, **more},
    )  # fmt: skip


def deliveries(now: datetime) -> list[tuple[datetime, Event | None]]:
    """What came when; None is a look at the feed that brought nothing new. After three hours nobody looks."""
    strong = quake("a1", now + 10 * MINUTE, 5.0, 100.5)
    found: list[tuple[datetime, Event | None]] = [
        (now + 13 * MINUTE, strong),
        (now + 24 * MINUTE, quake("a1", now + 10 * MINUTE, 6.3, 100.5, updated_at=now + 22 * MINUTE)),
        (now + 31 * MINUTE, quake("b7", now + 10 * MINUTE, 4.9, 100.6, updated_at=now + 30 * MINUTE,
                                  aliases=("a1",))),
        (now + 42 * MINUTE, quake("c1", now + 41 * MINUTE, None, 103.5)),
        (now + 55 * MINUTE, quake("c1", now + 41 * MINUTE, 4.6, 103.5, updated_at=now + 54 * MINUTE)),
        (now + 80 * MINUTE, quake("c1", now + 41 * MINUTE, 4.6, 103.5, updated_at=now + 79 * MINUTE,
                                  status=EventStatus.DELETED)),
    ]  # fmt: skip
    found += [(now + number * 5 * MINUTE, None) for number in range(36)]
    return sorted(found, key=lambda item: item[0])


def put(store: Store, home: Path, at: datetime, event: Event | None, *, keep_run: bool) -> None:
    with store.write() as connection:
        if event is not None:
            context = PutContext(source="quakes", payload_id=0, received_at=at, home=home)
            sink = EventSink()
            sink.put(connection, context, sink.prepare(context, [event]))
        if keep_run:
            row = RunRow(source="quakes", started_at=at, finished_at=at, outcome="stored" if event else "unchanged")
            write_run(connection, row)
        mark_success(connection, "quakes", at=at, data_at=None, validators={})
        set_state(connection, "quakes", enabled=True)


@pytest.mark.one_database
def test_events_give_the_transitions_of_the_live_engine(
    store: Store, home: Path, base_dir: Path, now: datetime, make_rule: Callable[..., Rule]
) -> None:
    rule = make_rule(
        LEVELS, inputs={"x": INPUT}, max_age="20min", regions={"kinds": ["cn-county"]}, hazard="earthquake"
    )
    waiting = deliveries(now)
    with scratch() as (past, folder):
        for at, event in waiting:
            put(past, folder, at, event, keep_run=True)
        history = archive_history(past, folder, base_dir, since=now, until=now + 240 * MINUTE)
        run = run_rule(rule, history, now, now + 240 * MINUTE)
        times = moments(rule, history, now.timestamp(), (now + 240 * MINUTE).timestamp(), None)
        truth = f"hazard,region,start\nearthquake,CN-110101,{(now + 10 * MINUTE).isoformat()}\n"
        report = run_proof([rule], history, truth_of(truth.encode(), load_regions(base_dir)), curve=False)
    for moment in (now + timedelta(seconds=at - now.timestamp()) for at in times.tolist()):
        while waiting and waiting[0][0] <= moment:
            put(store, home, *waiting.pop(0), keep_run=False)
        evaluate_all(store, home, base_dir, [PackRule(rule=rule, path=Path("a.yaml"))], moment)
    moved = transition.c
    with store.read() as connection:
        rows = connection.execute(
            sa.select(moved.at, moved.region, moved.to_level).where(moved.to_level != moved.from_level)
        ).all()
    live = sorted((row.at.timestamp(), row.region, row.to_level) for row in rows)
    found = sorted((change.at, run.present.codes[change.region], change.level) for change in run.present.changes)
    assert {level for _, _, level in live} == {0, 2, 4}
    assert found == live
    assert run.present.state.unknown.all()  # nobody has heard the feed for an hour
    one = report["rules"][0]
    assert (one["all"]["hits"], one["lead_s"]["late"]) == (1, 1)  # soon after is what there can be
