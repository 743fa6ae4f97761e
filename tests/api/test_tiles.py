"""Tile files by range, pictures of field steps, and clear answers where there is nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from data.store.engine import Store
from data.store.tables import dataset


def test_base_map_answers_ranges(client: Any, base_dir: Path) -> None:
    answer = client.get("/t/base/base.pmtiles?v=1", headers={"Range": "bytes=10-19"})
    assert answer.status_code == 206
    assert answer.data == (base_dir / "base.pmtiles").read_bytes()[10:20]
    assert answer.headers["Content-Range"] == "bytes 10-19/1000"
    assert answer.headers["ETag"]
    assert "immutable" in answer.headers["Cache-Control"]
    answer.close()
    whole = client.get("/t/base/base.pmtiles", headers={"Accept-Encoding": "br"})
    assert "Content-Encoding" not in whole.headers
    whole.close()


def test_base_map_that_did_not_change_is_304(client: Any) -> None:
    first = client.get("/t/base/base.pmtiles")
    again = client.get("/t/base/base.pmtiles", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    first.close()
    again.close()


@pytest.mark.parametrize(
    "address",
    ["/t/base/regions.pmtiles", "/t/base/secret.pmtiles", "/t/base/..%2F..%2Fsettings.pmtiles", "/t/nothing",
     "/api/nothing", "/api/payloads/999", "/t/survey/999.pmtiles", "/t/field/999/0/0/0.png", "/t/field/1/2/9/0.png",
     "/t/field/1/99/0/0.png", "/t/field/1/-1/0/0.png", "/t/value/999/0/0/0.bin",
     "/t/value/1/2/9/0.bin", "/t/field/precipitation/20261121T0600Z/20261121T0600Z/0/0/0.png"],
)  # fmt: skip
def test_unknown_address_is_404_json(client: Any, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert answer.json["error"] == "not_found"


def test_survey_tiles_come_from_the_survey_folder(client: Any, store: Store, home: Path, now: datetime) -> None:
    (home / "survey").mkdir()
    (home / "survey" / "d1.pmtiles").write_bytes(b"tiles")
    row = {"source": "s", "key": "k", "title": "Shelters", "digest": "d", "path": "d1.parquet", "rows": 3,
           "geometry_types": ["Point"], "columns": [], "crs_declared": "EPSG:4326", "notes": [],
           "received_at": now}  # fmt: skip
    with store.write() as connection:
        connection.execute(dataset.insert().values(id=1, tiles="d1.pmtiles", **row))
        connection.execute(dataset.insert().values(id=2, **{**row, "digest": "e", "title": "Newer"}))
    answer = client.get("/t/survey/1.pmtiles")
    assert answer.data == b"tiles"
    answer.close()
    assert client.get("/t/survey/2.pmtiles").status_code == 404
    listed = client.get("/api/surveys.json").json
    assert [(item["id"], item["title"], item["tiles"]) for item in listed] == [(2, "Newer", False)]
