"""A step read straight from its file is the step that Zarr reads, or nothing at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.errors import StoreError
from data.model import FieldStep
from data.store.field_files import CHUNK, write_group
from data.store.field_shard import read_shard
from layers.step_values import open_values, read_values
from tests.conftest import tries

AT = datetime(2026, 3, 1, tzinfo=UTC)


def written(home: Path, values: NDArray[np.float32], name: str = "step", quantity: str = "rain") -> SimpleNamespace:
    """A row of a step with these values."""
    height, width = values.shape
    step = FieldStep(
        quantity=quantity, unit="mm", valid_at=AT, run_at=AT, lon=np.linspace(100, 110, width),
        lat=np.linspace(40, 30, height), values=values,
    )  # fmt: skip
    write_group(home / "fields" / name, step, values)
    return SimpleNamespace(store=name, valid_at=AT)


@settings(max_examples=tries(12, 4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.sampled_from([2, 300, CHUNK, CHUNK + 1, 2 * CHUNK + 3]),
    width=st.sampled_from([2, 257, CHUNK, CHUNK + 1]), seed=st.integers(0, 9), gaps=st.booleans(),
)  # fmt: skip
def test_values_are_those_that_zarr_reads(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, seed: int, gaps: bool
) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(height, width)).astype(np.float32)
    if gaps:
        values[:CHUNK, :CHUNK] = np.nan  # a whole chunk is not written at all
        values[random.random(values.shape) < 0.2] = np.nan
    home = tmp_path_factory.mktemp("home")
    row = written(home, values)
    direct = read_shard(home / "fields" / row.store)
    assert direct is not None and direct.dtype == np.float32
    assert direct.tobytes() == values.tobytes() == open_values(home, row)[1].tobytes()
    assert read_values(home, row).flags.writeable


def test_quantity_of_a_reserved_name_is_read(tmp_path: Path) -> None:
    values = np.ones((3, 4), np.float32)
    row = written(tmp_path, values, quantity="time")
    assert np.array_equal(read_values(tmp_path, row), values)


def test_group_of_another_form_is_read_through_zarr(tmp_path: Path) -> None:
    """As the first version wrote them: arrays named by their number, and nothing said of them."""
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    folder = tmp_path / "fields" / "old"
    group = zarr.create_group(folder, zarr_format=3)
    group.create_array("0", data=values)
    assert read_shard(folder) is None
    assert np.array_equal(read_values(tmp_path, SimpleNamespace(store="old", valid_at=AT)), values)


@pytest.mark.parametrize("cut", ["index", "chunk", "short", "empty"])
def test_damaged_file_is_an_error_and_no_field(tmp_path: Path, cut: str) -> None:
    row = written(tmp_path, np.random.default_rng(0).normal(size=(600, 40)).astype(np.float32))
    path = tmp_path / "fields" / row.store / "rain" / "c" / "0" / "0"
    body = bytearray(path.read_bytes())
    if cut == "index":
        body[-10] ^= 1
    elif cut == "chunk":
        body[4:16] = b"\xff" * 12
    path.write_bytes({"short": bytes(body[:-9]), "empty": b""}.get(cut, bytes(body)))
    with pytest.raises(StoreError):
        read_values(tmp_path, row)


def test_step_that_has_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        read_values(tmp_path, SimpleNamespace(store="gone", valid_at=AT))
    row = written(tmp_path, np.ones((3, 4), np.float32))
    document = tmp_path / "fields" / row.store / "zarr.json"
    document.write_text(json.dumps({"zarr_format": 3}))
    with pytest.raises(StoreError):
        read_values(tmp_path, row)
