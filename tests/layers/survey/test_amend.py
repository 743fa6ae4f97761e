"""Amendments: after each, a store answers as one that was built from what is true then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely

from data.errors import LayerError
from layers.survey.build import build, compact
from layers.survey.choice import choose
from layers.survey.polygon import tally_polygon
from layers.survey.rows import every_row, find_rows
from layers.survey.store import Store
from layers.survey.tiles import points
from tests.conftest import ROOT
from tests.layers.survey.records import SCHEMA, make, write

TILES = ((0, 0, 0), (4, 13, 6), (7, 105, 48), (9, 421, 194), (12, 3372, 1552))
CHOICES: tuple[dict[str, list[str]] | None, ...] = (None, {"sector": ["school"]}, {"grade": ["", "2"]})
AREA = shapely.Polygon([(116.2, 39.7), (116.7, 39.8), (116.5, 40.1), (116.3, 40.0)])
SMALL: dict[str, Any] = {"limit": 300, "bucket_rows": 1_500}


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def named(table: pa.Table, first: int = 0) -> pa.Table:
    """With identities, as a provider gives them."""
    return table.append_column("id", pa.array([f"a{first + index}" for index in range(table.num_rows)]))


def moved(table: pa.Table, rows: range, seed: int) -> pa.Table:
    """Later states of some records: elsewhere, with other facets."""
    other = make(len(rows) + 100, seed).slice(20, len(rows))
    return other.append_column("id", table["id"].take(pa.array(rows)))


def flagged(table: pa.Table, deleted: list[bool]) -> pa.Table:
    return table.append_column("deleted", pa.array(deleted, pa.bool_()))


def equal(found: Store, meant: Store) -> None:
    """Both say the same of every tile, choice, polygon and record."""
    assert found.rows == meant.rows == found.tally().total
    for facets in CHOICES:
        choice = choose(SCHEMA, facets)
        for tile in TILES:
            one, other = found.grid(*tile, choice), meant.grid(*tile, choice)
            side = min(len(one), len(other))
            np.testing.assert_array_equal(*(_coarse(grid, side) for grid in (one, other)))
        for name in ("combinations", "regions"):
            for tallies in (
                [store.tally(choice) for store in (found, meant)],
                [tally_polygon(store, AREA, choice) for store in (found, meant)],
            ):
                assert getattr(tallies[0], name).tolist() == getattr(tallies[1], name).tolist()
        assert _records(found, choice) == _records(meant, choice)
    drawn = [points(store, 12, 3372, 1552) for store in (found, meant)]
    assert drawn[0] and len(drawn[0]) == len(drawn[1] or b"")


def _coarse(grid: Any, side: int) -> Any:
    step = len(grid) // side
    return grid.reshape(side, step, side, step).sum(axis=(1, 3))


def _records(store: Store, choice: Any) -> Counter[Any]:
    columns = ["lon", "lat", "region", "sector", "grade", "floors", "area"]
    return Counter(
        tuple(record.values())
        for table in every_row(store, shapely.box(-180, -85, 180, 85), choice)
        for record in table.select(columns).to_pylist()
    )


def truth(*tables: pa.Table) -> pa.Table:
    """Each identity's last state; those deleted at last are left out."""
    last: dict[str, Any] = {}
    for table in tables:
        for record in table.to_pylist():
            if record.pop("deleted", False):
                last.pop(record["id"], None)
            else:
                last[record["id"]] = record
    return pa.Table.from_pylist(list(last.values()), schema=named(make(100)).schema)


def test_amended_twice_and_made_one_again(tmp_path: Path, threads: Executor) -> None:
    first = named(make(4_000, 1))
    second = flagged(moved(first, range(100, 700), 2), [index % 5 == 0 for index in range(600)])
    third = flagged(
        pa.concat_tables([moved(first, range(50, 400), 3), named(make(400, 4).slice(20, 300), 9_000)]), [False] * 650
    )
    store = tmp_path / "store"
    for number, (table, mode) in enumerate(((first, "replace"), (second, "amend"), (third, "amend"))):
        source = write(table, tmp_path / f"{number}.parquet", row_group=700)
        entry = build([source], store, SCHEMA, mode=mode, delivery=number, executor=threads, **SMALL)  # type: ignore[arg-type]
    assert entry["amended"] == {"replaced": 290, "new": 360, "deleted": 0, "deleted_but_not_there": 0}
    meant = write(truth(first, second, third), tmp_path / "truth.parquet")
    build([meant], tmp_path / "meant", SCHEMA, executor=threads, **SMALL)
    equal(Store(store), Store(tmp_path / "meant"))
    entries = json.loads((store / "manifest.json").read_text())["segments"]
    assert [(one["delivery"], one.get("of")) for one in entries] == [
        (0, None), (1, None), (0, "000001"), (2, None), (0, "000001"), (1, "000002")
    ]  # fmt: skip
    whole = compact(store, executor=threads, **SMALL)
    assert whole["delivery"] is None and [one["delivery"] for one in whole["files"]] == [0, 1, 2]
    assert len(Store(store).segments) == 1 and not Store(store).withdrawn
    equal(Store(store), Store(tmp_path / "meant"))
    fourth = flagged(moved(first, range(0, 900), 5), [index % 2 == 0 for index in range(900)])
    build([write(fourth, tmp_path / "4.parquet")], store, SCHEMA, mode="amend", executor=threads, **SMALL)
    meant = write(truth(first, second, third, fourth), tmp_path / "truth.parquet")
    build([meant], tmp_path / "meant", SCHEMA, executor=threads, **SMALL)
    equal(Store(store), Store(tmp_path / "meant"))


def test_what_cannot_be_used_changes_nothing(tmp_path: Path, threads: Executor) -> None:
    first, store = named(make(500)), tmp_path / "store"
    build([write(first, tmp_path / "1.parquet")], store, SCHEMA, executor=threads)
    broken = moved(first, range(100, 110), 2).set_column(0, "lon", pa.array([500.0] * 9 + [116.0]))
    entry = build([write(broken, tmp_path / "2.parquet")], store, SCHEMA, mode="amend", executor=threads)
    assert entry["refused"] == {"outside the map": 9} and entry["amended"]["replaced"] == 1
    assert Store(store).rows == Store(store).tally().total == 497
    page = find_rows(Store(store), shapely.box(-180, -85, 180, 85), offset=400, limit=200)
    assert page.num_rows == 97


def test_a_deletion_of_what_is_not_there_is_told(tmp_path: Path, threads: Executor) -> None:
    first, store = named(make(500)), tmp_path / "store"
    build([write(first, tmp_path / "1.parquet")], store, SCHEMA, executor=threads)
    gone = flagged(
        pa.concat_tables([moved(first, range(10, 14), 2), named(make(100, 3).slice(20, 2), 7_000)]), [True] * 6
    )
    entry = build([write(gone, tmp_path / "2.parquet")], store, SCHEMA, mode="amend", executor=threads)
    assert entry["amended"] == {"replaced": 0, "new": 0, "deleted": 4, "deleted_but_not_there": 2}
    assert entry["rows"] == 0 and Store(store).rows == 493


KILLED = """
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from layers.survey import build
from tests.layers.survey.records import SCHEMA

folder, place, calls = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
real = getattr(build, place)

def killed(*arguments, **options):
    global calls
    calls -= 1
    if not calls:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)

setattr(build, place, killed)
with ThreadPoolExecutor(2) as executor:
    if sys.argv[4] == "compact":
        build.compact(folder / "store", executor=executor)
    else:
        build.build([folder / "2.parquet"], folder / "store", SCHEMA, mode="amend", executor=executor, limit=300)
"""


@pytest.mark.parametrize(
    ("place", "calls", "change"),
    [
        ("amendment", 1, "amend"), ("join_pieces", 1, "amend"), ("_write_index", 1, "amend"), ("_sync", 1, "amend"),
        ("make_plan", 2, "amend"), ("join_pieces", 2, "amend"), ("_sync", 2, "amend"), ("write_manifest", 1, "amend"),
        ("_sync", 1, "compact"), ("write_manifest", 1, "compact"),
    ],
)  # fmt: skip
def test_killed_in_any_phase_nothing_is_amended(
    tmp_path: Path, threads: Executor, place: str, calls: int, change: str
) -> None:
    first, store = named(make(1_000)), tmp_path / "store"
    build([write(first, tmp_path / "1.parquet")], store, SCHEMA, executor=threads, limit=300)
    gone = write(flagged(moved(first, range(100, 300), 2), [True] * 200), tmp_path / "2.parquet")
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), place, str(calls), change], cwd=ROOT, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL
    assert Store(store).rows == Store(store).tally().total == 997
    build([gone], store, SCHEMA, mode="amend", executor=threads, limit=300)
    assert Store(store).rows == Store(store).tally().total == 797
    assert not list(store.glob(".building*")) and len(list((store / "segments").iterdir())) == 3


@pytest.mark.parametrize("place", ["amend.read_group", "build.make_plan", "finish._write_points", "build._sync"])
def test_a_full_disk_amends_nothing(
    tmp_path: Path, threads: Executor, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    first, store = named(make(1_000)), tmp_path / "store"
    build([write(first, tmp_path / "1.parquet")], store, SCHEMA, executor=threads)
    later = write(moved(first, range(100, 300), 2), tmp_path / "2.parquet")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"layers.survey.{place}", full)
        with pytest.raises(OSError, match="No space left"):
            build([later], store, SCHEMA, mode="amend", executor=threads)
    assert Store(store).tally().total == 997 and not Store(store).withdrawn
    assert build([later], store, SCHEMA, mode="amend", executor=threads)["amended"]["replaced"] == 200


def test_faults_of_an_amendment_leave_the_store(tmp_path: Path, threads: Executor) -> None:
    first, store = named(make(500)), tmp_path / "store"
    source = write(first, tmp_path / "1.parquet")
    build([source], store, SCHEMA, executor=threads)
    twice = pa.concat_tables([moved(first, range(10, 14), 2), moved(first, range(12, 16), 3)])
    with pytest.raises(LayerError, match="twice: a12, a13"):
        build([write(twice, tmp_path / "2.parquet")], store, SCHEMA, mode="amend", executor=threads)
    with pytest.raises(LayerError, match=r"need identities: 3\.parquet: no column id"):
        build([write(make(100), tmp_path / "3.parquet")], store, SCHEMA, mode="amend", executor=threads)
    amendment = write(moved(first, range(10, 14), 2), tmp_path / "4.parquet")
    write(first.slice(1), source)
    with pytest.raises(LayerError, match=r"1\.parquet is not the file that the store was built from"):
        build([amendment], store, SCHEMA, mode="amend", executor=threads)
    source.unlink()
    with pytest.raises(LayerError, match=r"1\.parquet, which the store was built from"):
        build([amendment], store, SCHEMA, mode="amend", executor=threads)
    with pytest.raises(LayerError, match=r"1\.parquet, which the store was built from"):
        compact(store, executor=threads)
    assert Store(store).tally().total == 497
