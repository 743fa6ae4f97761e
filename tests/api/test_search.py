"""Search by English and Chinese names and by code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        ("zhengzhou", ["CN-4101"]),
        ("ZH", ["CN-4101", "CN-410122"]),
        ("金水", ["CN-410105"]),
        ("CN-41", ["CN-41", "CN-4101", "CN-410105", "CN-410122"]),
        ("land", ["AAA", "BBB"]),
        ("nowhere", []),
        ("  ", []),
    ],
    ids=["name", "beginning", "chinese", "code", "inside", "none", "blank"],
)
def test_search_finds_regions(client: Any, wanted: str, codes: list[str]) -> None:
    body = client.get("/api/search", query_string={"q": wanted}).json
    assert [item["code"] for item in body["results"]] == codes


def test_search_finds_places_and_says_how_many_more(client: Any, base_dir: Path) -> None:
    rows = {
        "name": [f"Port {i}" for i in range(20)], "name_zh": [""] * 20, "country": ["CN"] * 20,
        "lon": [float(i) for i in range(20)], "lat": [0.0] * 20,
        "population": [1000.0 * i for i in range(19)] + [None],
    }  # fmt: skip
    pq.write_table(pa.table(rows), base_dir / "places.parquet")
    body = client.get("/api/search?q=port").json
    assert [item["name"] for item in body["results"][:2]] == ["Port 18", "Port 17"]
    assert body["more"] == 8
    (unknown,) = client.get("/api/search?q=port 19").json["results"]
    assert unknown["population"] is None
