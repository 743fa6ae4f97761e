"""The evidence pack over the machine interface: a file to save, noted with who made it."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

import api.evidence
from access import audit
from alerts.evidence.verify_pack import verify
from data.store.engine import Store
from data.store.tables import audit as audit_table
from tests.alerts.media.test_produce import issue


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.evidence, "current", lambda: SimpleNamespace(email="eve@office.example"))


def test_pack_is_a_file_to_save_and_noted(client: Any, store: Store) -> None:
    with store.write() as connection:
        issue(connection, 7)
    answer = client.get("/api/warnings/7/evidence.zip")
    assert answer.status_code == 200
    assert answer.content_type == "application/zip"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="warning-7-')
    assert answer.headers["Cache-Control"] == "no-store"
    assert "cap/signed.xml" in zipfile.ZipFile(io.BytesIO(answer.data)).namelist()
    with store.read() as connection:
        entry = connection.execute(sa.select(audit_table).order_by(audit_table.c.seq.desc())).mappings().first()
    assert entry is not None
    assert (entry["action"], entry["actor"], entry["object"]) == ("evidence.made", "eve@office.example", "7")
    assert entry["detail"]["sha256"][:12] in answer.headers["Content-Disposition"]


def test_warning_that_left_no_trace_in_the_chain_does_not_verify(client: Any, store: Store) -> None:
    with store.write() as connection:
        issue(connection, 7)  # written past the service: nobody is known to have signed it
    _, faults, _, _ = verify(client.get("/api/warnings/7/evidence.zip").data)
    assert "audit.json" in {name for name, _ in faults}


def test_unknown_warning_is_not_found_and_one_at_a_time(
    client: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/api/warnings/7/evidence.zip").status_code == 404
    monkeypatch.setattr(api.evidence, "PATIENCE_S", 0.01)
    with api.evidence._place:
        answer = client.get("/api/warnings/7/evidence.zip")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"


def test_heads_that_were_kept_elsewhere_are_read(store: Store, tmp_path: Path, now: datetime) -> None:
    from access.anchors import export

    with store.write() as connection:
        audit.append(connection, at=now, actor="a", action="b", object="c")
    export(store, tmp_path, now)
    with store.read() as connection:
        assert api.evidence.anchors_in(tmp_path) == [audit.head(connection)]
    assert api.evidence.anchors_in(None) == []
