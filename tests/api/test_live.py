"""The live stream: one message at once, one at each change, an end when told, a clear no when full."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api import live
from api.context import EXTENSION
from api.live import LiveHub, read_message
from data.store import tables
from data.store.changes import note_change
from data.store.engine import Store, open_store


def beat(store: Store, at: datetime) -> None:
    with store.write() as connection:
        connection.execute(tables.leader.insert().values(name="engine", epoch=1, holder="t", heartbeat_at=at))


def messages(answer: Any) -> Any:
    """The data of each message of a stream, as it comes."""
    for chunk in answer.response:
        text = chunk.decode()
        if text.startswith("data: "):
            yield json.loads(text.removeprefix("data: "))


def test_stream_tells_versions_at_once_and_at_each_change(client: Any, store: Store, now: datetime) -> None:
    beat(store, now)
    answer = client.get("/api/live", buffered=False)
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/event-stream")
    assert "Content-Encoding" not in answer.headers
    stream = messages(answer)
    first = next(stream)
    assert first["engine"] == {"state": "ok", "at": "2026-03-01T12:00:00Z"}
    with store.write() as connection:
        version = note_change(connection, "events", at=now, kind="new", subject="q1")
    second = next(stream)
    assert (second["v"], second["events"], second["levels"]) == (version, version, first["levels"])
    answer.close()


@pytest.mark.parametrize(
    ("age", "state"),
    [(None, "never"), (timedelta(seconds=29), "ok"), (timedelta(seconds=31), "late")],
    ids=["never", "alive", "silent"],
)
def test_message_says_how_the_engine_is(store: Store, now: datetime, age: timedelta | None, state: str) -> None:
    if age is not None:
        beat(store, now - age)
    assert read_message(store, now)["engine"]["state"] == state


@pytest.mark.parametrize(("age_s", "state"), [(59, "ok"), (61, "late")], ids=["moving", "standing still"])
def test_engine_that_beats_but_evaluates_nothing_is_late(store: Store, now: datetime, age_s: int, state: str) -> None:
    beat(store, now)
    with store.write() as connection:
        at = now - timedelta(seconds=age_s)
        connection.execute(tables.rule_state.insert().values(rule="r", digest="d", enabled=True, evaluated_at=at))
    assert read_message(store, now)["engine"]["state"] == state


def test_message_says_when_the_store_fails(tmp_path: Any, now: datetime) -> None:
    empty = open_store(f"sqlite:///{tmp_path / 'none.db'}")
    message = read_message(empty, now)
    empty.close()
    assert message == {"v": -1, "error": "store", "now": "2026-03-01T12:00:00Z"}


def test_silence_of_the_engine_alone_is_a_message(store: Store, now: datetime) -> None:
    clock = [now]
    beat(store, now)
    hub = LiveHub(store, most=1, clock=lambda: clock[0])
    assert hub.enter()
    serial, message = hub.wait(-1, 10)
    assert message is not None and message["engine"]["state"] == "ok"
    clock[0] = now + timedelta(minutes=1)
    _, message = hub.wait(serial, 10)
    assert message is not None and message["engine"]["state"] == "late"
    hub.leave()
    hub.close()


def test_streams_beyond_the_cap_are_refused_and_places_come_back(client: Any, server: Any) -> None:
    hub = server.extensions[EXTENSION].hub
    held = [client.get("/api/live", buffered=False) for _ in range(3)]  # 90 % of 4 threads
    refused = client.get("/api/live")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "10"
    assert refused.json["error"] == "too_many_streams"
    for answer in held:
        answer.close()
    assert hub.streams == 0
    again = client.get("/api/live", buffered=False)
    assert again.status_code == 200
    again.close()


def test_closed_hub_ends_streams(client: Any, server: Any) -> None:
    answer = client.get("/api/live", buffered=False)
    stream = messages(answer)
    next(stream)
    server.extensions[EXTENSION].hub.close()
    assert list(stream) == []
    answer.close()


def test_stream_ends_with_its_session_also_while_it_has_much_to_tell(
    client: Any, server: Any, store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ASK_S", 0.2)
    answer = client.get("/api/live", buffered=False)
    stream = messages(answer)
    first = next(stream)
    with store.write() as connection:
        note_change(connection, "events", at=now, kind="new", subject="q1")
    assert next(stream)["v"] > first["v"]
    server.config["STANDS"] = False
    with store.write() as connection:
        note_change(connection, "events", at=now, kind="new", subject="q2")
    assert len(list(stream)) <= 1
    answer.close()
    assert server.extensions[EXTENSION].hub.streams == 0


def test_stream_outlives_a_store_that_fails_for_a_while(client: Any, server: Any, monkeypatch: Any) -> None:
    def fail() -> bool:
        raise sa.exc.OperationalError("SELECT", {}, OSError("away"))

    answers = [fail, fail, lambda: False]
    monkeypatch.setattr(live, "ASK_S", 0.05)
    monkeypatch.setattr(live, "BEAT_S", 0.0)
    stream = live._Stream(server.extensions[EXTENSION].hub, lambda: answers.pop(0)())
    server.extensions[EXTENSION].hub.enter()
    assert sum(chunk.startswith(b"event: beat") for chunk in stream) == 2
    stream.close()
    assert answers == []


def test_versions_once_are_never_kept(client: Any) -> None:
    answer = client.get("/api/versions.json")
    assert answer.json["v"] == 0
    assert answer.json["levels"] == 0
    assert answer.headers["Cache-Control"] == "no-store"


def test_versions_without_a_store_are_503(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.live.read_message", lambda *_: {"v": -1, "error": "store", "now": ""})
    assert server.test_client().get("/api/versions.json").status_code == 503
