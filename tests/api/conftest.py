"""The machine API on a Flask server of its own, without accounts: the guard has its own tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask

import api
from api.context import EXTENSION
from data.regions import KINDS
from data.settings import Settings
from data.store.engine import Store

# code, kind, parent row, lon, lat, name, name_zh
ROWS = (
    ("AAA", "country", -1, 10.0, 50.0, "Aland", "甲国"),
    ("BBB", "country", -1, 30.0, 50.0, "Beland", ""),
    ("CN-41", "cn-province", 0, 113.0, 34.0, "Henan", "河南省"),
    ("CN-4101", "cn-prefecture", 2, 113.5, 34.7, "Zhengzhou", "郑州市"),
    ("CN-410105", "cn-county", 3, 113.66, 34.8, "Jinshui", "金水区"),
    ("CN-410122", "cn-county", 3, 114.0, 34.7, "Zhongmu", "中牟县"),
)


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    """A world of six regions and a tile file of a thousand bytes."""
    folder = tmp_path / "base"
    folder.mkdir()
    code, kind, parent, lon, lat, name, name_zh = (np.array(column) for column in zip(*ROWS, strict=True))
    assert list(kind) == sorted(kind, key=KINDS.index)
    numbers = {"lon": lon, "lat": lat, "west": lon - 1, "east": lon + 1, "south": lat - 1, "north": lat + 1}
    np.savez(
        folder / "regions_index.npz", allow_pickle=False, code=code, kind=kind, pack=np.full(len(code), "world"),
        name=name, name_zh=name_zh, parent_rid=parent.astype(np.int32), population=np.full(len(code), np.nan),
        places_population=np.array([8e7, 1e6, 9e7, 1e7, 1e6, 1e5]), **numbers,
    )  # fmt: skip
    (folder / "base.pmtiles").write_bytes(bytes(range(250)) * 4)
    return folder


@pytest.fixture
def settings(home: Path, base_dir: Path, database_url: str) -> Settings:
    return Settings(home=home, base_dir=base_dir, database_url=database_url, web_threads=4)


@pytest.fixture
def server(store: Store, settings: Settings, now: datetime) -> Iterator[Flask]:
    """The API at a clock that stands still."""
    flask = Flask("api-tests")
    flask.config["STANDS"] = True
    api.register(flask, store, settings, clock=lambda: now, watch=lambda: lambda: bool(flask.config["STANDS"]))
    yield flask
    flask.extensions[EXTENSION].hub.close()


@pytest.fixture
def client(server: Flask) -> Any:
    return server.test_client()
