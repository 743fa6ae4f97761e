"""A county and a province: the county's store on both databases, the province's on SQLite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.store.engine import Store, open_store
from tests.layers.exchange.offices import Offices, make


@pytest.fixture
def second_store(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "second.db"
    shutil.copyfile(sqlite_template, path)
    opened = open_store(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture
def offices(tmp_path: Path, store: Store, second_store: Store) -> Offices:
    return make(tmp_path, store, second_store)
