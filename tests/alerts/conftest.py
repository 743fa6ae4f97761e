"""A small made-up country, so that rules are tested without the base data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from alerts.rule import Rule
from data.store.engine import Store
from data.store.tables import observation, station

# code, kind, parent, west, south, east, north
REGIONS = (
    ("CHN", "country", "", 100.0, 20.0, 104.0, 22.0),
    ("CN-11", "cn-province", "CHN", 100.0, 20.0, 104.0, 22.0),
    ("CN-1101", "cn-prefecture", "CN-11", 100.0, 20.0, 102.0, 22.0),
    ("CN-1102", "cn-prefecture", "CN-11", 102.0, 20.0, 104.0, 22.0),
    ("CN-110101", "cn-county", "CN-1101", 100.0, 20.0, 101.0, 22.0),
    ("CN-110102", "cn-county", "CN-1101", 101.0, 20.0, 102.0, 22.0),
    ("CN-110201", "cn-county", "CN-1102", 102.0, 20.0, 103.0, 22.0),
    ("CN-110202", "cn-county", "CN-1102", 103.0, 20.0, 104.0, 22.0),
)


@pytest.fixture(scope="session")
def base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four counties of one by two degrees in a row, with their parents."""
    folder = tmp_path_factory.mktemp("base")
    codes = [row[0] for row in REGIONS]
    boxes = np.array([row[3:] for row in REGIONS], dtype=np.float64)
    unknown = np.full(len(REGIONS), np.nan)
    np.savez(
        folder / "regions_index.npz",
        code=np.array(codes), kind=np.array([row[1] for row in REGIONS]), pack=np.array(["cn"] * len(REGIONS)),
        name=np.array(codes), name_zh=np.array(codes),
        parent_rid=np.array([codes.index(row[2]) if row[2] else -1 for row in REGIONS], dtype=np.int32),
        population=unknown, places_population=unknown, lon=boxes[:, [0, 2]].mean(1), lat=boxes[:, [1, 3]].mean(1),
        west=boxes[:, 0], south=boxes[:, 1], east=boxes[:, 2], north=boxes[:, 3],
    )  # fmt: skip
    table = pa.table(
        {
            "rid": pa.array(range(len(REGIONS)), pa.int32()),
            "kind": [row[1] for row in REGIONS],
            "geometry": [shapely.to_wkb(shapely.box(*row[3:])) for row in REGIONS],
        }
    )
    pq.write_table(table, folder / "regions.parquet")
    return folder


@pytest.fixture
def add_station(store: Store) -> Callable[..., None]:
    def add(key: str, lon: float, lat: float = 21.0, **attributes: Any) -> None:
        with store.write() as connection:
            connection.execute(
                station.insert().values(source="table", id=key, lon=lon, lat=lat, attributes=attributes)
            )

    return add


@pytest.fixture
def add_reading(store: Store) -> Callable[..., None]:
    def add(
        key: str, quantity: str, at: datetime, value: float | None, unit: str = "mm", quality: str = "good"
    ) -> None:
        with store.write() as connection:
            connection.execute(
                observation.insert().values(
                    source="table", quantity=quantity, station=key, observed_at=at, value=value, unit=unit,
                    quality=quality, received_at=at,
                )
            )  # fmt: skip

    return add


@pytest.fixture
def make_rule() -> Callable[..., Rule]:
    """A rule with the given levels over one input named `x`, or over the given inputs."""

    def make(levels: dict[str, Any], **changes: Any) -> Rule:
        station_input = {"source": "stations", "quantity": "rain", "unit": "mm", "spatial": "mean"}
        words = {"en": "a", "zh": "甲"}
        return Rule.model_validate(
            {
                "key": "test.rule", "version": "1", "authority": words, "hazard": "rain", "branch": "observed",
                "citation": {"title": "none", "read_on": "2026-01-01"}, "valid_from": "2000-01-01",
                "title": words, "text": words, "inputs": {"x": station_input}, "levels": levels, "max_age": "10min",
                "min_valid_share": 0.5, "duration": {"default": "1h", "hard_limit": "2h"}, **changes,
            }
        )  # fmt: skip

    return make
