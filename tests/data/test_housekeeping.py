"""What is let go of and what never is; the rest of the house may write meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.errors import StaleLeader
from data.model import Payload, Reject
from data.store import housekeeping
from data.store.archive import Archive, record_payload
from data.store.changes import note_change
from data.store.engine import Store
from data.store.housekeeping import keep_house
from data.store.leader import try_lead
from data.store.runs import RunRow, write_rejects, write_run
from data.store.tables import change, evaluation, payload, reject, run

WEEK, MONTH = timedelta(days=7), timedelta(days=30)


def keep(store: Store, home: Path, now: datetime, **more: Any) -> dict[str, int]:
    return dict(keep_house(store, home, now, keep_fields=WEEK, keep_runs=MONTH, **more))


def add_run(store: Store, at: datetime, outcome: str, payload_id: int | None = None, source: str = "feed") -> int:
    with store.write() as connection:
        row = RunRow(source=source, started_at=at, finished_at=at, outcome=outcome, payload_id=payload_id)
        return write_run(connection, row)


def add_evaluation(store: Store, at: datetime, rule: str = "r", outcome: str = "fired") -> None:
    counts = {"watched": 1, "firing": 0, "unknown": 0, "transitions": 0, "seconds": 0.1}
    with store.write() as connection:
        connection.execute(evaluation.insert().values(rule=rule, digest="d", at=at, outcome=outcome, **counts))


def keys(store: Store, table: sa.Table) -> list[int]:
    with store.read() as connection:
        return list(connection.execute(sa.select(table.c.id).order_by(table.c.id)).scalars())


def test_runs_without_news_go_after_a_day_and_the_newest_of_each_source_stays(
    store: Store, home: Path, now: datetime
) -> None:
    ages = [timedelta(days=9), timedelta(days=2), timedelta(hours=23)]
    first, _, young = (add_run(store, now - age, "unchanged") for age in ages)
    alone = add_run(store, now - ages[0], "unchanged", source="rarely")
    told = add_run(store, now, "stored")
    assert keep(store, home, now)["run"] == 2
    assert first not in keys(store, run)
    assert keys(store, run) == [young, alone, told]


def test_runs_without_news_behind_a_source_that_stands_still_are_kept_once(
    store: Store, home: Path, now: datetime
) -> None:
    for age in (4, 3, 2):
        last = add_run(store, now - timedelta(days=age), "unchanged")
    assert keep(store, home, now)["run"] == 2
    assert keys(store, run) == [last]


@pytest.mark.parametrize(
    ("outcome", "evidence", "age", "stays"),
    [
        ("stored", True, 900, True),
        ("bad_payload", True, 900, True),
        ("unreachable", False, 31, False),
        ("unreachable", False, 29, True),
        ("refused", True, 900, True),
    ],
    ids=["stored", "bad-payload", "unreachable-old", "unreachable-young", "refused-with-a-body"],
)
def test_other_runs(
    store: Store, home: Path, now: datetime, outcome: str, evidence: bool, age: int, stays: bool
) -> None:
    with store.write() as connection:
        item = Payload(source="feed", body=b"x", received_at=now)
        number = record_payload(connection, item, "0" * 64) if evidence else None
    key = add_run(store, now - timedelta(days=age), outcome, number)
    newest = add_run(store, now, "unchanged")
    keep(store, home, now)
    assert keys(store, run) == ([key, newest] if stays else [newest])


def test_quiet_evaluations_go_after_a_week_and_others_stay(store: Store, home: Path, now: datetime) -> None:
    for days, outcome in ((9, "quiet"), (9, "fired"), (8, "unknown"), (6, "quiet"), (0, "quiet")):
        add_evaluation(store, now - timedelta(days=days), outcome=outcome)
    assert keep(store, home, now)["evaluation"] == 1
    with store.read() as connection:
        kept = connection.execute(sa.select(evaluation.c.outcome).order_by(evaluation.c.at)).scalars().all()
    assert kept == ["fired", "unknown", "quiet", "quiet"]


def test_evaluations_go_after_their_time_but_the_newest_of_each_rule(store: Store, home: Path, now: datetime) -> None:
    for days, rule in ((40, "removed"), (40, "r"), (31, "r"), (29, "r"), (0, "r")):
        add_evaluation(store, now - timedelta(days=days), rule)
    assert keep(store, home, now)["evaluation"] == 2
    with store.read() as connection:
        kept = connection.execute(sa.select(evaluation.c.rule, evaluation.c.at).order_by(evaluation.c.id)).all()
    assert [(row.rule, (now - row.at).days) for row in kept] == [("removed", 40), ("r", 29), ("r", 0)]


def test_changes_go_after_their_time(store: Store, home: Path, now: datetime) -> None:
    with store.write() as connection:
        for days in (31, 29):
            note_change(connection, "feeds", at=now - timedelta(days=days), kind="late", subject=f"{days}")
    assert keep(store, home, now)["change"] == 1
    with store.read() as connection:
        assert connection.execute(sa.select(change.c.subject)).scalars().all() == ["29"]


def test_payloads_rejects_and_files_stay(store: Store, home: Path, now: datetime) -> None:
    archive = Archive(home / "payloads")
    digest = archive.put(b"<html>")
    old = now - timedelta(days=900)
    with store.write() as connection:
        number = record_payload(connection, Payload(source="feed", body=b"<html>", received_at=old), digest)
        write_rejects(connection, "feed", number, [Reject(id="payload", reason="a login page")], old)
    add_run(store, old, "unchanged", number)
    add_run(store, now, "unchanged", number)
    assert keep(store, home, now)["run"] == 1
    assert (len(keys(store, payload)), len(keys(store, reject))) == (1, 1)
    assert archive.get(digest) == b"<html>"


def test_many_rows_go_in_batches(store: Store, home: Path, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 3)
    for _ in range(10):
        add_evaluation(store, now - timedelta(days=31))
    assert keep(store, home, now)["evaluation"] == 9
    assert not any(keep(store, home, now).values())


def test_older_leader_lets_go_of_nothing(store: Store, home: Path, now: datetime) -> None:
    add_evaluation(store, now - timedelta(days=31))
    add_evaluation(store, now)
    first = try_lead(store, home, now=now)
    assert first is not None
    first.release()
    second = try_lead(store, home, now=now)
    assert second is not None
    with pytest.raises(StaleLeader):
        keep(store, home, now, epoch=first.epoch)
    assert len(keys(store, evaluation)) == 2
    assert keep(store, home, now, epoch=second.epoch)["evaluation"] == 1
    second.release()
