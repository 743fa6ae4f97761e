"""Levels as bytes and as a list."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from api.answers import FOREVER
from data.store import tables
from data.store.changes import bump
from data.store.engine import Store

RED_BELOW = bytes([4, 16, 4, 4, 4, 8])  # the country, its province and prefecture show the red county


def put(store: Store, packed: bytes, at: datetime) -> None:
    with store.write() as connection:
        connection.execute(tables.level_snapshot.delete())
        counts = {"by_level": {"red": 1, "unknown": 1}, "watched": 2}
        connection.execute(tables.level_snapshot.insert().values(id=1, at=at, levels=packed, counts=counts))
        bump(connection, "levels")


def test_levels_before_the_first_evaluation_are_empty(client: Any) -> None:
    answer = client.get("/api/levels.bin")
    assert (answer.status_code, answer.data) == (200, b"")
    assert client.get("/api/regions.json").json == {
        "at": None, "counts": {}, "regions": [], "more": 0, "marks": [], "own": [],
    }  # fmt: skip


def test_levels_are_the_bytes_of_the_snapshot(client: Any, store: Store, now: datetime) -> None:
    put(store, RED_BELOW, now)
    answer = client.get("/api/levels.bin?v=1")
    assert answer.data == RED_BELOW
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Cache-Control"] == FOREVER
    assert client.get("/api/levels.bin").headers["Cache-Control"] == "no-store"


def test_list_is_worst_first_and_says_where_a_level_comes_from(client: Any, store: Store, now: datetime) -> None:
    put(store, RED_BELOW, now)
    body = client.get("/api/regions.json?v=1").json
    assert [row["code"] for row in body["regions"]] == ["CN-410105", "CN-4101", "CN-41", "AAA", "CN-410122"]
    assert body["marks"] == [[4, 113.66, 34.8, 4, 0, 0]]
    assert body["own"] == []
    assert [row["level"] for row in body["regions"]] == [4, 4, 4, 4, 0]
    assert body["regions"][4]["unknown"] is True
    assert body["counts"]["by_level"] == {"red": 1, "unknown": 1, "unwatched": 1}
    assert body["at"] == "2026-03-01T12:00:00Z"


def test_muted_region_keeps_its_level_and_says_so(client: Any, store: Store, now: datetime) -> None:
    put(store, bytes([*RED_BELOW[:4], RED_BELOW[4] | 32, RED_BELOW[5]]), now)
    body = client.get("/api/regions.json?v=1").json
    assert body["marks"] == [[4, 113.66, 34.8, 4, 0, 1]]
    assert [row["code"] for row in body["regions"] if row["muted"]] == ["CN-410105"]
    assert body["regions"][0]["level"] == 4


def test_new_snapshot_replaces_the_list(client: Any, store: Store, now: datetime) -> None:
    put(store, RED_BELOW, now)
    assert len(client.get("/api/regions.json?v=1").json["regions"]) == 5
    put(store, bytes([0, 16, 0, 0, 0, 0]), now.replace(minute=1))
    assert client.get("/api/regions.json?v=2").json["regions"] == []


def test_snapshot_of_another_set_up_is_cut_to_the_regions_there_are(client: Any, store: Store, now: datetime) -> None:
    put(store, np.full(20, 4, dtype=np.uint8).tobytes(), now)
    assert len(client.get("/api/regions.json").json["regions"]) == 6


def test_level_that_nothing_below_explains_is_the_regions_own(client: Any, store: Store, now: datetime) -> None:
    put(store, bytes([3, 16, 3, 0, 0, 0]), now)
    body = client.get("/api/regions.json").json
    assert body["own"] == [2]  # the province, not the country above it
    assert [mark[0] for mark in body["marks"]] == [2]
