"""What a delivery changed, as tiles: each kind its own, under the permit of the dataset."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pytest
from flask import Flask, g
from PIL import Image

from access.people import Person
from data.store.catalogue import Dataset, put_dataset
from data.store.engine import Store
from layers.survey.build import build, part_of
from layers.survey.compare import compare
from layers.survey.compare_map import LOOKS, changes
from layers.survey.lone import RIM, enlarged
from layers.survey.schema import Facet, Schema
from tests.layers.survey.records import write

SCHEMA = Schema(facets=(Facet(name="grade", values=("a", "b")),))
KINDS = {"added": 2, "changed": 3, "before": 3, "removed": 1}


def delivery(rows: list[tuple[str, float, str]]) -> pa.Table:
    names, lons, grades = zip(*rows, strict=True)
    return pa.table({"id": names, "lon": lons, "lat": [30.0] * len(rows), "grade": grades})


@pytest.fixture
def compared(home: Path, tmp_path: Path, store: Store, now: datetime) -> None:
    """Of six records one is gone later, three changed, and two came; the dataset is restricted."""
    old = [(str(n), 100.0 + n, "a") for n in range(6)]
    new = [(name, lon, "b" if n < 3 else grade) for n, (name, lon, grade) in enumerate(old[1:])]
    paths = [write(delivery(old), tmp_path / "1.parquet"),
             write(delivery([*new, ("8", 109.0, "a"), ("9", 111.0, "b")]), tmp_path / "2.parquet")]  # fmt: skip
    folder = home / "records" / "sites"
    with ThreadPoolExecutor(1) as executor:
        build([paths[1]], folder, SCHEMA, executor=executor)
        parts = [part_of([path], tmp_path / "out", SCHEMA) for path in paths]
        (folder / "compared").mkdir()
        compare(parts[0], parts[1], SCHEMA, folder / "compared" / "1-2", workers=1, executor=executor)
    about = Dataset(
        name="sites", title={"en": "Sites"}, level="county", sector="x", kind="y", data_class="restricted"
    )
    with store.write() as connection:
        put_dataset(connection, about, at=now, by="test")


def signed_in(server: Flask, role: str) -> None:
    person = Person(id=1, email=f"{role}@eoc.example", roles=frozenset({role}))
    server.before_request(lambda: setattr(g, "person", person))


def pixels(answer: Any) -> Any:
    return np.asarray(Image.open(io.BytesIO(answer.data)).convert("RGBA"))


def test_each_kind_is_drawn_in_its_colour_and_sign(
    server: Flask, client: Any, compared: None, store: Store, now: datetime
) -> None:
    signed_in(server, "planner")
    about = Dataset(name="sites", title={"en": "Sites"}, level="county", sector="x", kind="y", data_class="public")
    with store.write() as connection:
        put_dataset(connection, about, at=now, by="test")
    drawn = {kind: pixels(client.get(f"/t/changes/sites/1-2/{kind}/4/12/6.png")) for kind in KINDS}
    for kind, count in KINDS.items():
        own = tuple(int(LOOKS[kind].colour[at : at + 2], 16) for at in (1, 3, 5))
        mine = (drawn[kind][..., :3] == own).all(axis=2) & (drawn[kind][..., 3] > 0)
        assert mine.sum() >= 0.6 * count * LOOKS[kind].drawn[0].sum(), kind
        tile = client.get(f"/t/changes/sites/1-2/{kind}/4/12/6.mvt").data
        assert len(mapbox_vector_tile.decode(tile)["records"]["features"]) == count
    only = client.get('/t/changes/sites/1-2/changed/4/12/6.mvt?where={"grade":["a"]}')
    assert (only.status_code, only.data) == (204, b"")


@pytest.mark.parametrize(
    "path", ["sites/1-2/other/0/0/0.png", "sites/1-3/added/0/0/0.png", "..%2Fx/1-2/added/0/0/0.png",
             "sites/1-2/added/99/0/0.png", "sites/1-2/added/3/9/0.png"],
)  # fmt: skip
def test_what_there_is_not_is_not_found(server: Flask, client: Any, compared: None, path: str) -> None:
    signed_in(server, "planner")
    assert client.get(f"/t/changes/{path}").status_code == 404


def test_who_may_only_count_gets_no_single_change(server: Flask, client: Any, compared: None) -> None:
    signed_in(server, "planner")
    assert client.get("/t/changes/sites/1-2/changed/4/12/6.mvt").data == b""
    assert client.get("/t/changes/sites/1-2/changed/4/12/6.png").data.startswith(b"\x89PNG")


def test_who_may_see_nothing_of_a_dataset_sees_nothing_of_its_changes(
    server: Flask, client: Any, compared: None
) -> None:
    signed_in(server, "duty")
    for form in ("png", "mvt"):
        assert client.get(f"/t/changes/sites/1-2/changed/4/12/6.{form}").status_code == 403


def test_signs_differ_in_shape_and_lie_in_the_middle_of_their_cell() -> None:
    shapes = set()
    for kind, look in LOOKS.items():
        grid = np.zeros((256, 256), np.uint32)
        grid[100, 100] = 1
        rows, columns = np.nonzero(np.isin(enlarged(np.minimum(grid, 1).astype(np.uint8), 1, look.drawn), (1,)))
        assert abs(rows.mean() - 100) < 0.5 and abs(columns.mean() - 100) < 0.5
        shapes.add(tuple(zip((rows - 100).tolist(), (columns - 100).tolist(), strict=True)))
        assert changes(grid, kind).startswith(b"\x89PNG") and RIM == 255
    assert len(shapes) == 4
