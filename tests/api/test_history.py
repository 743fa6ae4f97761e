"""Statistics of regions as JSON: unknown is null, and what does not exist is said."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.store.engine import Store
from layers.region_history import bring_up_to_date
from tests.layers.archive_scene import SHAPE, field_step, put, write_base

HOUR = timedelta(hours=1)
KEY = "radar~precipitation~3600~"


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base")


@pytest.fixture
def steps(store: Store, home: Path, base_dir: Path, now: datetime) -> list[int]:
    half = np.full(SHAPE, 2.0)
    half[:, 4:] = np.nan
    found = put(store, home, field_step(4.0, now - HOUR), field_step(half, now), received_at=now)
    bring_up_to_date(store, home, base_dir, now)
    return found


def series_of(store: Store) -> str:
    from data.store.field_series import list_series

    with store.read() as connection:
        return str(list_series(connection)[0].key)


def test_history_of_a_region(client: Any, store: Store, steps: list[int], now: datetime) -> None:
    asked = {"code": "CN-12", "series": series_of(store), "statistic": "max"}
    found = client.get("/api/regions/history.json", query_string=asked).json
    assert found["unit"] == "mm"
    assert [(point["step"], point["value"], point["valid_share"]) for point in found["points"]] == [
        (steps[0], 4.0, 1.0), (steps[1], None, 0.0),
    ]  # fmt: skip
    assert not any(point["pending"] or point["forecast"] for point in found["points"])
    asked["since"] = (now - HOUR).isoformat()
    assert len(client.get("/api/regions/history.json", query_string=asked).json["points"]) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"code": "XX"}, 404),
        ({"series": KEY + "0000"}, 404),
        ({"series": "nonsense"}, 400),
        ({"statistic": "median"}, 400),
        ({"since": "yesterday"}, 400),
        ({"since": "2026-03-01T00:00"}, 400),
    ],
    ids=["region", "series", "key", "statistic", "time", "time without offset"],
)
def test_history_of_what_does_not_exist(
    client: Any, store: Store, steps: list[int], changes: dict[str, str], status: int
) -> None:
    asked = {"code": "CN-12", "series": series_of(store), "statistic": "max", **changes}
    answer = client.get("/api/regions/history.json", query_string=asked)
    assert answer.status_code == status and answer.json["message"]


def test_values_of_a_step(client: Any, steps: list[int]) -> None:
    asked = {"step": steps[1], "kind": "cn-province", "statistic": "mean", "v": "1"}
    answer = client.get("/api/regions/values.json", query_string=asked)
    assert answer.json["unit"] == "mm" and "immutable" in answer.headers["Cache-Control"]
    assert [(row["code"], row["value"], row["valid_share"]) for row in answer.json["rows"]] == [
        ("CN-11", 2.0, 1.0), ("CN-12", None, 0.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"step": "1"}, 404),
        ({"step": "x"}, 400),
        ({"kind": "parish"}, 400),
        ({"statistic": "p200"}, 400),
        ({"population": "1"}, 400),
    ],
    ids=["step", "number", "kind", "statistic", "no population grid"],
)
def test_values_of_what_does_not_exist(client: Any, steps: list[int], changes: dict[str, str], status: int) -> None:
    asked = {"step": steps[0], "kind": "country", "statistic": "mean", **changes}
    answer = client.get("/api/regions/values.json", query_string=asked)
    assert answer.status_code == status and answer.json["message"]


def test_values_of_a_step_whose_file_is_gone(client: Any, home: Path, steps: list[int]) -> None:
    for path in (home / "fields").rglob("c/0/0"):
        path.write_bytes(b"not a shard")
    asked = {"step": steps[0], "kind": "country", "statistic": "max"}
    assert client.get("/api/regions/values.json", query_string=asked).status_code == 410
