"""Several processes that read the same feed at once: nothing is lost, nothing is doubled, the newest is shown."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from data.model import Payload
from data.store.archive import Archive
from data.store.engine import Store, open_store
from data.store.tables import event, event_revision
from ingest.runner import Desk, ingest_payloads
from ingest.usgs_quakes import UsgsQuakes
from tests.running import quake_feed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROUNDS, STEP, WIDTH = 8, 5, 20


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def feed(turn: int) -> bytes:
    """Twenty earthquakes of a window that moves on, each revised in every telling."""
    times = [(number, NOW - timedelta(minutes=number)) for number in range(turn * STEP, turn * STEP + WIDTH)]
    quakes = [
        {"id": f"us{number}", "mag": 4.0, "lon": 1.0, "lat": 2.0, "at_ms": milliseconds(at),
         "updated_ms": milliseconds(at + timedelta(seconds=turn))}
        for number, at in times
    ]  # fmt: skip
    return quake_feed(*quakes, generated_ms=milliseconds(NOW))


def write(url: str, home: str, turns: list[int]) -> None:
    store = open_store(url)
    desk = Desk(store=store, archive=Archive(Path(home) / "payloads"), home=Path(home), clock=lambda: NOW)
    for turn in turns:
        report = ingest_payloads(UsgsQuakes(), desk, [Payload(source="", body=feed(turn), received_at=NOW)])
        assert report.usable, report.reason
    store.close()


def test_engine_and_command_line_at_once_lose_and_double_nothing(store: Store, home: Path) -> None:
    url = store.engine.url.render_as_string(hide_password=False)
    turns = list(range(ROUNDS))
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=write, args=(url, str(home), order))
        for order in (turns, turns[::-1], [*turns[4:], *turns])
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    newest = sa.select(sa.func.max(event_revision.c.updated_at)).where(event_revision.c.id == event.c.id)
    with store.read() as connection:
        events = connection.execute(sa.select(sa.func.count()).select_from(event)).scalar()
        told = connection.execute(sa.select(sa.func.count()).select_from(event_revision)).scalar()
        stale = connection.execute(sa.select(event.c.id).where(event.c.updated_at < newest.scalar_subquery())).all()
    assert (events, told, stale) == (WIDTH + STEP * (ROUNDS - 1), WIDTH * ROUNDS, [])
