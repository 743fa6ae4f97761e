"""Health: alive, ready, and the numbers behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from data.store import tables
from data.store.engine import Store


def beat(store: Store, at: datetime) -> None:
    with store.write() as connection:
        connection.execute(tables.leader.insert().values(name="engine", epoch=7, holder="t", heartbeat_at=at))


def test_alive_asks_nothing(client: Any) -> None:
    assert client.get("/healthz").data == b"ok\n"


def test_ready_needs_an_engine_that_beats(client: Any, store: Store, now: datetime) -> None:
    assert client.get("/readyz").json == {"ready": False, "faults": ["engine"]}
    beat(store, now - timedelta(seconds=31))
    assert client.get("/readyz").status_code == 503
    with store.write() as connection:
        connection.execute(tables.leader.update().values(heartbeat_at=now - timedelta(seconds=3)))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"ready": True, "faults": []})


def test_full_disk_is_not_ready(client: Any, store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    beat(store, now)
    usage = SimpleNamespace(total=100 * 2**30, used=96 * 2**30, free=4 * 2**30)
    monkeypatch.setattr("api.health.shutil.disk_usage", lambda _: usage)
    assert client.get("/readyz").json["faults"] == ["disk"]


def test_database_without_its_tables_is_not_ready(client: Any, store: Store) -> None:
    with store.write() as connection:
        tables.topic_version.drop(connection)
    assert client.get("/readyz").json["faults"] == ["database"]
    assert b'tocsin_check_ok{check="database"} 0.0' in client.get("/metrics").data


def test_metrics_tell_ages_and_leave_out_what_never_happened(client: Any, store: Store, now: datetime) -> None:
    beat(store, now)
    with store.write() as connection:
        feed = tables.source_state.insert()
        connection.execute(feed.values(source="quakes", last_data_at=now - timedelta(seconds=90), validators={}))
        connection.execute(feed.values(source="silent", validators={}))
        rule = {"rule": "cma.rainstorm", "digest": "d", "enabled": True}
        connection.execute(tables.rule_state.insert().values(**rule, evaluated_at=now - timedelta(seconds=12)))
    text = client.get("/metrics").data.decode()
    assert 'tocsin_feed_age_seconds{source="quakes"} 90.0' in text
    assert 'tocsin_feed_age_seconds{source="silent"}' not in text
    assert 'tocsin_rule_last_eval_age_seconds{rule="cma.rainstorm"} 12.0' in text
    assert "tocsin_engine_epoch 7.0" in text
    body = client.get("/statusz").json
    assert body["feeds"][0]["data_age_s"] == 90.0
    assert body["feeds"][1]["data_age_s"] is None
    assert body["engine"]["epoch"] == 7
