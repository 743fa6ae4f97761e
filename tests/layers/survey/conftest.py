"""A store built once for all tests that only read it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from layers.survey.build import build
from layers.survey.store import Store
from tests.layers.survey.records import SCHEMA, make, write


@pytest.fixture(scope="session")
def delivered() -> pa.Table:
    """20,000 records."""
    return make(20_000)


@pytest.fixture(scope="session")
def store(delivered: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store in several buckets, with a pyramid on its upper levels."""
    folder: Path = tmp_path_factory.mktemp("survey")
    source = write(delivered, folder / "delivery.parquet")
    with ThreadPoolExecutor(2) as executor:
        build([source], folder / "store", SCHEMA, executor=executor, limit=500, bucket_rows=4_000)
    return Store(folder / "store")
