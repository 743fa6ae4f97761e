"""Payloads are given back as received, and never as a page of ours."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from data.model import Payload
from data.store.archive import Archive, record_payload
from data.store.engine import Store

HOSTILE = b"<script>alert(1)</script>"


def put(store: Store, home: Path, now: datetime, name: str) -> int:
    item = Payload(source="quakes", body=HOSTILE, received_at=now, media_type="text/html", name=name)
    sha256 = Archive(home / "payloads").put(item.body)
    with store.write() as connection:
        return record_payload(connection, item, sha256)


def test_payload_is_a_file_to_save(client: Any, store: Store, home: Path, now: datetime) -> None:
    number = put(store, home, now, 'a"\r\nX-Bad: 1.html')
    answer = client.get(f"/api/payloads/{number}")
    assert answer.data == HOSTILE
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="quakes-20260301T120000Z-')
    assert disposition.endswith('.html"')
    assert "X-Bad" not in answer.headers


def test_lost_payload_says_so(client: Any, store: Store, home: Path, now: datetime) -> None:
    number = put(store, home, now, "feed.json")
    for path in (home / "payloads").rglob("*.zst"):
        path.unlink()
    answer = client.get(f"/api/payloads/{number}")
    assert answer.status_code == 410
    assert "not in the archive" in answer.json["message"]
