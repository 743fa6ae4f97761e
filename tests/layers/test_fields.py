"""Field layers: listing, age, values at points, tiles through the store, and region values that grow old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy.engine import Row

from data.errors import LayerError, StoreError
from data.model import FieldStep
from data.store.engine import Store, open_store
from data.store.fields import FieldSink, find_steps, open_step
from data.store.sink import PutContext
from layers.fields import (
    FIELDS,
    FieldLayer,
    OpenSteps,
    combine_steps,
    spec_for,
    step_region_values,
    value_at,
)
from layers.layer import View
from layers.zonal import build_weights

VALID_AT = datetime(2026, 3, 1, 11, tzinfo=UTC)


def step(**changes: Any) -> FieldStep:
    values = np.arange(40 * 50, dtype=np.float32).reshape(40, 50)
    values[0, 0] = np.nan
    facts = {
        "quantity": "precipitation", "unit": "mm", "valid_at": VALID_AT, "run_at": VALID_AT,
        "lon": 100.05 + np.arange(50) * 0.1, "lat": 39.95 - np.arange(40) * 0.1, "values": values,
        "accumulation_s": 3600, "attributes": {"title": "Rain of the provider"},
    }  # fmt: skip
    return FieldStep(**{**facts, **changes})


@pytest.fixture
def keep(sqlite_url: str, home: Path) -> Any:
    store: Store = open_store(sqlite_url)

    def put(*steps: FieldStep) -> list[Row[Any]]:
        received_at = VALID_AT + timedelta(minutes=5)
        context = PutContext(source="grid_files", payload_id=1, received_at=received_at, home=home)
        sink = FieldSink()
        prepared = sink.prepare(context, steps)
        with store.write() as connection:
            sink.put(connection, context, prepared)
            return find_steps(connection)

    yield put
    store.close()


@pytest.mark.parametrize(
    ("lon", "lat", "expected"),
    [(100.21, 39.87, 52.0), (460.21, 39.87, 52.0), (100.01, 39.99, None), (99.9, 39.9, None), (100.2, 12.0, None)],
    ids=["inside", "a turn further", "missing", "west of it", "south of it"],
)
def test_value_at_a_point(keep: Any, home: Path, lon: float, lat: float, expected: float | None) -> None:
    (row,) = keep(step())
    assert value_at(open_step(home, row), lon, lat) == expected


def test_value_at_the_edge_belongs_to_the_last_cell(keep: Any, home: Path) -> None:
    (row,) = keep(step())
    assert value_at(open_step(home, row), 104.999, 36.001) == 1999.0


def test_tiles_of_a_stored_step(keep: Any, home: Path) -> None:
    (row,) = keep(step())
    steps = OpenSteps(home, most=1)
    assert steps.tile(row, 5, 25, 12).startswith(b"\x89PNG")
    assert steps.tile(row, 5, 0, 0) == b""
    assert len(steps.tile(row, 5, 25, 12, size=512)) > len(steps.tile(row, 5, 25, 12))
    with pytest.raises(ValueError, match="no tile"):
        steps.tile(row, 5, 99, 0)


def test_open_steps_forgets_the_one_unused_longest(keep: Any, home: Path) -> None:
    rows = keep(step(), step(quantity="wind_gust", unit="m/s"), step(quantity="odd", unit="x"))
    steps = OpenSteps(home, most=2)
    first = steps.get(rows[0])
    assert steps.get(rows[0]) is first
    steps.get(rows[1])
    steps.get(rows[2])
    assert steps.get(rows[0]) is not first
    assert steps.tile(next(row for row in rows if row.quantity == "odd"), 5, 25, 12).startswith(b"\x89PNG")


def test_lost_step_is_an_error_and_not_an_empty_tile(keep: Any, home: Path) -> None:
    import shutil

    (row,) = keep(step())
    shutil.rmtree(home / "fields")
    with pytest.raises(StoreError):
        OpenSteps(home).tile(row, 5, 25, 12)


@pytest.mark.parametrize(("how", "expected"), [("sum", 4.0), ("max", 3.0), ("min", 1.0), ("mean", 2.0)])
def test_steps_combine_cell_by_cell(how: str, expected: float) -> None:
    one, three = step(values=np.full((40, 50), 1, np.float32)), step(values=np.full((40, 50), 3, np.float32))
    three.values[0, 0] = np.nan
    found = combine_steps([one, three], how)
    assert found[1, 1] == expected
    assert np.isnan(found[0, 0]) == (how in ("sum", "mean"))  # a sum with a gap is not a sum
    assert one.values[1, 1] == 1.0


def test_steps_on_other_grids_or_none_cannot_be_combined() -> None:
    with pytest.raises(LayerError, match="different grids"):
        combine_steps([step(), step(lon=100.0 + np.arange(50) * 0.2)], "sum")
    with pytest.raises(LayerError):
        combine_steps([], "sum")
    with pytest.raises(LayerError):
        combine_steps([step()], "median")


def test_layer_gives_region_values_until_the_field_is_too_old() -> None:
    made = step()
    weights = build_weights(made.lon, made.lat, np.zeros(1, np.int32), np.array([shapely.box(101, 37, 102, 38)]))
    layer = FieldLayer(FIELDS["precipitation"], "max")
    inputs = {"field": made, "weights": weights}
    fresh = layer.compute(inputs, View(now=VALID_AT + timedelta(minutes=59)))
    assert fresh.value.tolist() == [1469.0]
    stale = layer.compute(inputs, View(now=VALID_AT + timedelta(minutes=61)))
    assert np.isnan(stale.value[0])
    assert stale.valid_share.tolist() == [0.0]
    assert stale.watched.tolist() == [True]
    assert stale.observed_at.tolist() == [VALID_AT.timestamp()]
    with pytest.raises(LayerError, match="needs"):
        layer.compute({}, View(now=VALID_AT))


def test_stored_step_gives_the_same_region_values(keep: Any, home: Path) -> None:
    made = step()
    (row,) = keep(made)
    weights = build_weights(made.lon, made.lat, np.zeros(1, np.int32), np.array([shapely.box(101, 37, 102.03, 38)]))
    found = step_region_values(open_step(home, row), weights, "mean")
    direct = FieldLayer(FIELDS["precipitation"]).compute({"field": made, "weights": weights}, View(now=VALID_AT))
    assert found.value.tolist() == direct.value.tolist()
    assert (found.sources, found.unit) == (("grid_files",), "mm")


@pytest.mark.parametrize("quantity", sorted(FIELDS))
def test_every_house_field_has_a_unit_and_colours(quantity: str) -> None:
    spec = FIELDS[quantity]
    assert spec.unit
    assert spec.ramp is not None
    assert spec_for(quantity, "whatever") is spec
