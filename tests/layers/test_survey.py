"""The list of survey datasets."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from layers.layer import View
from layers.survey import Surveys, draw_as, list_datasets

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def row(**fields: Any) -> SimpleNamespace:
    values: dict[str, Any] = {
        "id": 7, "source": "survey_files", "key": "sites", "title": "Sites", "rows": 4, "geometry_types": ["Point"],
        "columns": [{"name": "name", "type": "string"}], "west": 1.0, "south": 2.0, "east": 3.0, "north": 4.0,
        "crs_declared": "", "notes": ["assumed"], "received_at": NOW, "tiles": "ab/abc.pmtiles",
    }  # fmt: skip
    return SimpleNamespace(**values | fields)


def test_dataset_is_listed_with_its_tiles_and_notes() -> None:
    (item,) = list_datasets([row()])
    assert item["tiles"] == "/t/survey/7.pmtiles" and item["bounds"] == [1.0, 2.0, 3.0, 4.0]
    assert item["notes"] == ["assumed"] and item["received_at"] == "2026-03-01T12:00:00Z"
    assert "abc" not in str(item["tiles"])


def test_dataset_without_tiles_says_so() -> None:
    assert list_datasets([row(tiles="")])[0]["tiles"] is None


@pytest.mark.parametrize(
    ("kinds", "drawn"),
    [
        (["Point"], ["point"]),
        (["MultiPolygon", "Polygon Z"], ["area"]),
        (["LineString", "MultiPoint", "Polygon"], ["area", "line", "point"]),
        (["GeometryCollection Z"], ["area", "line", "point"]),
        ([], []),
    ],
)
def test_geometry_types_decide_how_it_is_drawn(kinds: list[str], drawn: list[str]) -> None:
    assert draw_as(kinds) == drawn


def test_layer_gives_a_box_for_each_dataset() -> None:
    found = Surveys().compute({"datasets": [row(), row(id=8, west=None)]}, View(now=NOW))
    (feature,) = found.collection["features"]
    assert feature["geometry"]["coordinates"][0][2] == [3.0, 4.0]
    assert [item["id"] for item in found.without_geometry] == [8]
    assert found.as_of == NOW
