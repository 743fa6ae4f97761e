"""Files and impacts over the machine API: right numbers back, clear reasons where there is nothing."""

from __future__ import annotations

import io
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rasterio.io import MemoryFile

import api.export
from data.regions import default_base_dir
from data.store.engine import Store
from tests.layers.archive_scene import SHAPE, field_step, put, write_base


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    """The small world of the archive scene, with the real places."""
    folder = write_base(tmp_path / "base")
    for name in ("places.parquet", "credits.json"):
        (folder / name).symlink_to(default_base_dir() / name)
    return folder


@pytest.fixture
def step(store: Store, home: Path, base_dir: Path, now: datetime) -> int:
    half = np.full(SHAPE, 2.0)
    half[:, 4:] = np.nan
    (found,) = put(store, home, field_step(half, now), received_at=now)
    return found


def test_field_comes_as_a_geotiff(client: Any, step: int) -> None:
    answer = client.get("/api/export/field.tif", query_string={"step": step})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="precipitation_2026')
    assert answer.headers["Cache-Control"] == "no-store"
    with MemoryFile(answer.data) as memory, memory.open() as file:
        values = file.read(1)
        assert values.shape == SHAPE
        assert np.isnan(values[:, 4:]).all()
        assert (values[:, :4] == 2.0).all()
        assert file.tags()["SOURCE"] == "radar"


def test_regions_come_as_a_table_with_what_is_unknown(client: Any, step: int) -> None:
    asked = {"step": step, "kind": "cn-province", "statistic": "max"}
    answer = client.get("/api/export/regions.csv", query_string=asked)
    assert answer.content_type.startswith("text/csv")
    table = pd.read_csv(io.BytesIO(answer.data)).set_index("code")
    values = client.get("/api/regions/values.json", query_string=asked).json["rows"]
    assert {row["code"] for row in values} <= set(table.index)
    for row in values:
        expected = np.nan if row["value"] is None else row["value"]
        assert table.loc[row["code"], "value"] == pytest.approx(expected, nan_ok=True)
        assert table.loc[row["code"], "status"] == ("unknown" if row["value"] is None else "known")
    assert "unknown" in set(table["status"])
    assert set(table["statistic"]) == {"max"}


@pytest.mark.parametrize(
    ("address", "changes", "status"),
    [
        pytest.param("field.tif", {"step": "7"}, 404, id="no such step"),
        pytest.param("field.tif", {"step": "x"}, 400, id="no number"),
        pytest.param("field.tif", {"step": "²"}, 400, id="no digit"),
        pytest.param("field.exe", {}, 400, id="format"),
        pytest.param("field.tif", {"bbox": "1,2,3"}, 400, id="three numbers"),
        pytest.param("field.tif", {"bbox": "3,2,1,4"}, 400, id="turned round"),
        pytest.param("field.tif", {"bbox": "0,0,nan,1"}, 400, id="nan"),
        pytest.param("field.tif", {"bbox": "-100,0,-99,1"}, 400, id="elsewhere"),
        pytest.param("regions.csv", {"kind": "planet"}, 400, id="kind"),
        pytest.param("regions.csv", {"kind": "cn-province", "statistic": "median"}, 400, id="statistic"),
        pytest.param("regions.tif", {"kind": "cn-province"}, 400, id="regions as a raster"),
    ],
)
def test_export_that_cannot_be_made_says_why(
    client: Any, step: int, address: str, changes: dict[str, str], status: int
) -> None:
    answer = client.get(f"/api/export/{address}", query_string={"step": step} | changes)
    assert answer.status_code == status
    assert answer.json["message"]


def test_more_files_than_there_are_hands_for_wait_and_then_are_told(
    client: Any, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = threading.BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(api.export, "_places", taken)
    monkeypatch.setattr(api.export, "PATIENCE_S", 0.01)
    answer = client.get("/api/export/field.tif", query_string={"step": step})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    taken.release()
    assert client.get("/api/export/field.tif", query_string={"step": step}).status_code == 200
    assert taken.acquire(timeout=0)  # given back


def test_impact_of_a_region_and_of_a_limit(client: Any, step: int) -> None:
    region = client.get("/api/impact.json", query_string={"code": ["CN-12"]}).json
    assert region["area_km2"] > 0
    assert [row["code"] for row in region["regions"]] == ["CN-12"]
    assert region["regions"][0]["share"] == pytest.approx(1.0)
    assert region["people_at_least"]
    assert region["people"] == region["places_people"] > 0
    assert region["notes"] == ["At least: no population is known for AAA."]
    wet = client.get("/api/impact.json", query_string={"step": step, "above": 2}).json
    assert wet["missing_share"] == pytest.approx(1 - 4 / SHAPE[1])
    assert wet["cells"] == 4 * SHAPE[0]


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"code": "XX"}, 404), ({"above": 99}, 400), ({"above": "x"}, 400), ({}, 400), ({"step": 7, "below": 1}, 404),
     ({"code": ["AA"] * 501}, 400)],
    ids=["region", "nothing meets it", "no number", "no limit", "step", "too many"],
)  # fmt: skip
def test_impact_of_what_does_not_exist(client: Any, step: int, asked: dict[str, Any], status: int) -> None:
    answer = client.get("/api/impact.json", query_string={"step": step} | asked)
    assert answer.status_code == status
    assert answer.json["message"]
