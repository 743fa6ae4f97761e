"""Building a store: nothing half is ever seen, nothing is doubled, what cannot be used is kept with its reason."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from data.errors import LayerError
from layers.survey.build import build
from layers.survey.choice import choose
from layers.survey.schema import Column, Facet, Schema
from layers.survey.store import Store
from tests.conftest import ROOT
from tests.layers.survey.records import SCHEMA, make, write


@pytest.fixture(scope="module")
def threads() -> Any:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def digest_of(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a store but its lock."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_refused_records_are_kept_with_their_reason(tmp_path: Path, threads: Executor) -> None:
    table = make(1_000)
    entry = build([write(table, tmp_path / "a.parquet")], tmp_path / "store", SCHEMA, executor=threads)
    assert entry["rows"] == 997 and entry["refused"] == {"no position": 1, "outside the map": 2}
    assert entry["values_that_do_not_fit"] == {"floors": 1}
    refused = pa.concat_tables(
        [pq.read_table(path) for path in sorted((tmp_path / "store").rglob("refused/*.parquet"))]
    )
    assert sorted(zip(refused["row"].to_pylist(), refused["reason"].to_pylist(), strict=True)) == [
        (0, 0),
        (1, 1),
        (2, 1),
    ]


def test_records_at_one_place_are_counted(tmp_path: Path, threads: Executor) -> None:
    table = make(1_000)
    entry = build([write(table, tmp_path / "a.parquet")], tmp_path / "store", SCHEMA, executor=threads)
    lon, lat = np.asarray(table["lon"])[3:], np.asarray(table["lat"])[3:]
    assert entry["at_the_place_of_another"] == 997 - len(np.unique(np.column_stack([lon, lat]), axis=0)) == 10


def test_another_delivery_is_added_and_a_later_one_replaces(tmp_path: Path, threads: Executor) -> None:
    first, second = write(make(3_000, 1), tmp_path / "1.parquet"), write(make(2_000, 2), tmp_path / "2.parquet")
    store = tmp_path / "store"
    build([first], store, SCHEMA, executor=threads, limit=200)
    before = Store(store)
    build([second], store, SCHEMA, mode="append", executor=threads, limit=200)
    both = Store(store)
    assert not before.is_current and both.is_current
    assert both.rows == both.tally().total == 2_997 + 1_997
    chosen = choose(SCHEMA, {"sector": ["school"]})
    alone = [build([one], tmp_path / one.stem, SCHEMA, executor=threads, limit=200) for one in (first, second)]
    assert [one["rows"] for one in alone] == [2_997, 1_997]
    for tile in ((0, 0, 0), (6, 52, 24), (9, 421, 194)):
        apart = sum(Store(tmp_path / name).grid(*tile, chosen).sum() for name in ("1", "2"))
        assert both.grid(*tile, chosen).sum() == apart > 0
    build([second], store, SCHEMA, executor=threads)
    assert Store(store).rows == 1_997 and before.grid(0, 0, 0).sum() == 2_997


def test_a_store_is_the_same_however_the_work_is_dealt(tmp_path: Path, threads: Executor) -> None:
    source = write(make(5_000), tmp_path / "a.parquet", row_group=700)
    options: dict[str, Any] = {"limit": 300, "bucket_rows": 1_000}
    build([source], tmp_path / "one", SCHEMA, executor=threads, workers=1, **options)
    build([source], tmp_path / "again", SCHEMA, executor=threads, workers=1, **options)
    assert digest_of(tmp_path / "one" / "segments") == digest_of(tmp_path / "again" / "segments")
    build([source], tmp_path / "three", SCHEMA, executor=threads, workers=3, **options)
    one, three = Store(tmp_path / "one"), Store(tmp_path / "three")
    assert one.tally().table().tolist() == three.tally().table().tolist()
    for tile in ((0, 0, 0), (8, 210, 97)):
        np.testing.assert_array_equal(one.grid(*tile), three.grid(*tile))


def test_dask_makes_the_same_bytes(tmp_path: Path, threads: Executor) -> None:
    from distributed import Client, LocalCluster

    source = write(make(5_000), tmp_path / "a.parquet", row_group=700)
    options: dict[str, Any] = {"limit": 300, "bucket_rows": 1_000}
    build([source], tmp_path / "own", SCHEMA, executor=threads, **options)
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        build([source], tmp_path / "dask", SCHEMA, executor=client.get_executor(), **options)
    assert digest_of(tmp_path / "own" / "segments") == digest_of(tmp_path / "dask" / "segments")


def test_points_as_geometry(tmp_path: Path, threads: Executor) -> None:
    shapes = [shapely.Point(116, 40), shapely.LineString([(0, 0), (1, 1)]), None, shapely.Point(180, -10)]
    table = pa.table({"geometry": pa.array([None if one is None else one.wkb for one in shapes], pa.binary())})
    schema = Schema(lon="", lat="", geometry="geometry")
    entry = build([write(table, tmp_path / "a.parquet")], tmp_path / "store", schema, executor=threads)
    assert entry["rows"] == 2 and entry["refused"] == {"no position": 1, "not a point": 1}
    plain = pa.table({"geometry": pa.array([shapely.Point(116, 40).wkb] * 3, pa.binary())})
    entry = build([write(plain, tmp_path / "b.parquet")], tmp_path / "store", schema, executor=threads)
    assert entry["rows"] == 3 and Store(tmp_path / "store").grid(0, 0, 0).max() == 3


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"lon": [1.0]}), "no column lat"),
        (make(100).drop_columns(["area"]), "no column area"),
        (make(100).set_column(0, "lon", pa.array(["east"] * 100)), "not a column of numbers but of string"),
    ],
)
def test_a_delivery_that_is_not_what_the_schema_says(
    tmp_path: Path, threads: Executor, table: pa.Table, words: str
) -> None:
    build([write(make(500), tmp_path / "good.parquet")], tmp_path / "store", SCHEMA, executor=threads)
    with pytest.raises(LayerError, match=words):
        build([write(table, tmp_path / "bad.parquet")], tmp_path / "store", SCHEMA, executor=threads)
    assert Store(tmp_path / "store").rows == 497


def test_a_file_that_is_none_and_one_that_is_cut(tmp_path: Path, threads: Executor) -> None:
    whole = write(make(500), tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.parquet").write_text("<html>not here</html>")
    paths = [tmp_path / name for name in ("cut.parquet", "text.parquet", "none.parquet")]
    with pytest.raises(LayerError, match=r"cut\.parquet.*text\.parquet.*none\.parquet"):
        build(paths, tmp_path / "store", SCHEMA, executor=threads)


def test_another_schema_is_not_added(tmp_path: Path, threads: Executor) -> None:
    source = write(make(500), tmp_path / "a.parquet")
    build([source], tmp_path / "store", SCHEMA, executor=threads)
    with pytest.raises(LayerError, match="another schema"):
        build([source], tmp_path / "store", Schema(), mode="append", executor=threads)


def test_a_disk_that_is_full_leaves_the_store_as_it_was(
    tmp_path: Path, threads: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(make(2_000), tmp_path / "a.parquet")
    build([source], tmp_path / "store", SCHEMA, executor=threads)
    before = digest_of(tmp_path / "store")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    for place in ("partition._write_all", "finish._write_points", "finish._write_pyramid", "build.join_pieces",
                  "build._sync"):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(f"layers.survey.{place}", full)
            with pytest.raises(OSError, match="No space left"):
                build([source], tmp_path / "store", SCHEMA, mode="append", executor=threads, limit=100)
        left = {name: digest for name, digest in digest_of(tmp_path / "store").items() if ".building" not in name}
        assert left == before and Store(tmp_path / "store").rows == 1_997
    build([source], tmp_path / "store", SCHEMA, mode="append", executor=threads)
    assert Store(tmp_path / "store").rows == 2 * 1_997
    assert not list((tmp_path / "store").glob(".building*"))


def test_two_builds_at_once_are_one(tmp_path: Path, threads: Executor) -> None:
    import fcntl

    (tmp_path / "store").mkdir()
    with (tmp_path / "store" / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LayerError, match="another build is at work"):
            build([write(make(100), tmp_path / "a.parquet")], tmp_path / "store", SCHEMA, executor=threads)


KILLED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from layers.survey.build import build
from tests.layers.survey.records import SCHEMA

folder = Path(sys.argv[1])
def told(phase, done, total):
    print(phase, done, total, flush=True)
print("begin", flush=True)
with ThreadPoolExecutor(2) as executor:
    build([folder / "b.parquet"], folder / "store", SCHEMA, mode="append", executor=executor, limit=500,
          bucket_rows=3_000, report=told)
"""


@pytest.mark.parametrize("phase", ["begin", "partition 1", "partition 2", "finish 1", "finish 4"])
def test_killed_in_any_phase_the_store_is_as_it_was(tmp_path: Path, threads: Executor, phase: str) -> None:
    first, second = write(make(2_000, 1), tmp_path / "a.parquet"), write(make(20_000, 2), tmp_path / "b.parquet")
    build([first], tmp_path / "store", SCHEMA, executor=threads)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout as said:
        for line in said:
            if line.startswith(phase):
                process.send_signal(signal.SIGKILL)
                break
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert Store(tmp_path / "store").tally().total == 1_997
    build([second], tmp_path / "store", SCHEMA, mode="append", executor=threads)
    assert Store(tmp_path / "store").tally().total == 1_997 + 19_997
    assert not list((tmp_path / "store").glob(".building*"))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"facets": (Facet(name="a", values=("x", "x")),)}, "a: a value stands twice"),
        ({"columns": (Column(name="key", kind="i4"),)}, "name is taken: key"),
        ({"columns": (Column(name="a", kind="text"),)}, "no such kind of number: text"),
        ({"geometry": "geometry"}, "either in two columns or in one geometry"),
        ({"facets": tuple(Facet(name=name, values=tuple("abcdefghijklmnopqrst")) for name in "uvwxyz")}, "too many"),
    ],
)
def test_a_schema_that_cannot_be(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(LayerError, match=words):
        Schema(**schema)


def test_nothing_delivered_is_an_empty_store(tmp_path: Path, threads: Executor) -> None:
    entry = build(
        [write(make(100).slice(0, 0), tmp_path / "a.parquet")], tmp_path / "store", SCHEMA, executor=threads
    )
    store = Store(tmp_path / "store")
    assert entry["rows"] == 0 and store.tally().total == 0 and not store.grid(3, 1, 1).any()
