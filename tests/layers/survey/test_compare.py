"""Two deliveries compared: every record is told as what it is, and what is found answers like a store."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely

from data.errors import ConfigError, LayerError
from layers.survey import compare as comparing
from layers.survey import compare_command
from layers.survey.amend import together
from layers.survey.build import build, part_of, read_manifest
from layers.survey.choice import choose
from layers.survey.compare import Comparison, changed_columns, compare
from layers.survey.rows import find_rows
from tests.layers.survey.records import SCHEMA, make, write

WORLD = shapely.box(-180, -85, 180, 85)


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def named(table: pa.Table, first: int = 0) -> pa.Table:
    return table.append_column("id", pa.array([f"a{first + index}" for index in range(table.num_rows)]))


def later(table: pa.Table) -> pa.Table:
    """300 to 400 with another name, 400 to 500 elsewhere, 500 to 600 gone, 250 new ones, in another order."""
    names = table["name"].to_pylist()
    names[300:400] = [f"{name}, renamed" for name in names[300:400]]
    lon = np.asarray(table["lon"]).copy()
    lon[400:500] += 0.01
    changed = table.set_column(table.schema.get_field_index("name"), "name", pa.array(names))
    changed = changed.set_column(0, "lon", pa.array(lon))
    kept = pa.concat_tables([changed.slice(0, 500), changed.slice(600), named(make(350, 9).slice(20, 250), 9_000)])
    return kept.take(pa.array(np.random.default_rng(4).permutation(kept.num_rows)))


@pytest.fixture
def compared(tmp_path: Path, threads: Executor, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    """In several parts."""
    monkeypatch.setattr(comparing, "PART_ROWS", 700)
    first = named(make(2_000))
    old = part_of([write(first, tmp_path / "1.parquet", 300)], tmp_path, SCHEMA)
    new = part_of([write(later(first), tmp_path / "2.parquet", 400)], tmp_path, SCHEMA)
    return compare(old, new, SCHEMA, tmp_path / "1-2", executor=threads)


def test_what_was_added_changed_and_removed(compared: Comparison) -> None:
    assert compared.facts == {
        "added": 250, "changed": 200, "removed": 100, "same": 1_697, "only_in_old": [], "only_in_new": [],
    }  # fmt: skip
    found = {kind: store.tally().total for kind, store in compared.stores.items()}
    assert found == {"added": 250, "changed": 200, "removed": 100, "before": 200}
    chosen = choose(SCHEMA, {"sector": ["school"]})
    removed = compared.stores["removed"]
    meant = make(2_000).slice(500, 100)
    assert (
        removed.tally(chosen).total
        == meant["sector"].to_pylist().count("school")
        == removed.grid(0, 0, 0, chosen).sum()
    )
    assert find_rows(compared.stores["added"], WORLD, limit=1_000).num_rows == 250


def test_what_changed_of_a_record(compared: Comparison, tmp_path: Path) -> None:
    old, new = (part_of([tmp_path / f"{number}.parquet"], tmp_path, SCHEMA) for number in (1, 2))
    page = find_rows(compared.stores["changed"], WORLD, limit=200)
    rows = page["source_row"].to_pylist()
    named_changes = changed_columns(compared, old, new, rows)
    assert {identity for identity, _ in named_changes} == {f"a{number}" for number in range(300, 500)}
    found = [changes for _, changes in named_changes]
    assert sorted({tuple(one) for one in found}) == [("lon",), ("name",)]
    assert sum("name" in one for one in found) == 100
    was, now = next(one["name"] for one in found if "name" in one)
    assert now == f"{was}, renamed"
    with pytest.raises(LayerError, match="has not changed"):
        changed_columns(compared, old, new, [row for row in range(500) if row not in rows][:1])


def test_a_delivery_with_itself_is_the_same(tmp_path: Path, threads: Executor) -> None:
    table = named(make(1_000))
    plain = table.set_column(2, "sector", table["sector"].cast(pa.string()))
    wide = plain.set_column(plain.schema.get_field_index("area"), "area", plain["area"].cast(pa.float64()))
    paths = [write(one, tmp_path / f"{place}.parquet", 100 + 50 * place) for place, one in enumerate((table, wide))]
    old, new = (part_of([path], tmp_path, SCHEMA) for path in paths)
    facts = compare(old, new, SCHEMA, tmp_path / "c", executor=threads).facts
    assert (facts["same"], facts["added"], facts["changed"], facts["removed"]) == (997, 0, 0, 0)


def test_identities_that_stand_twice_or_not_at_all(tmp_path: Path, threads: Executor) -> None:
    def delivered(name: str, ids: list[str | None], areas: list[float]) -> pa.Table:
        rows = make(100).slice(20, len(ids)).drop_columns(["area"])
        rows = rows.take(pa.array([0] * len(ids)))
        return rows.append_column("area", pa.array(areas, pa.float32())).append_column("id", pa.array(ids))

    first = delivered("1", ["x", "x", "x", None, None, "y"], [1, 2, 3, 4, 4, 5])
    second = delivered("2", ["x", "x", None, None, "y", "y"], [3, 9, 4, 6, 5, 5])
    old, new = [part_of([write(one, tmp_path / f"{place}.parquet")], tmp_path, SCHEMA)
             for place, one in enumerate((first, second))]  # fmt: skip
    facts = compare(old, new, SCHEMA, tmp_path / "c", executor=threads).facts
    assert (facts["same"], facts["changed"], facts["removed"], facts["added"]) == (3, 1, 2, 2)


def test_with_what_a_store_serves_now(tmp_path: Path, threads: Executor) -> None:
    first, store = named(make(1_000)), tmp_path / "store"
    build([write(first, tmp_path / "1.parquet")], store, SCHEMA, executor=threads)
    amended = first.slice(100, 50).append_column("deleted", pa.array([True] * 20 + [False] * 30))
    build([write(amended, tmp_path / "2.parquet")], store, SCHEMA, mode="amend", executor=threads)
    manifest = read_manifest(store)
    assert manifest is not None
    now = together(store, SCHEMA, manifest["segments"])
    facts = compare(
        part_of([tmp_path / "1.parquet"], store, SCHEMA), now, SCHEMA, tmp_path / "c", executor=threads
    ).facts
    assert (facts["same"], facts["changed"], facts["removed"], facts["added"]) == (977, 0, 20, 0)


def test_the_command(tmp_path: Path, threads: Executor, capsys: pytest.CaptureFixture[str]) -> None:
    first = named(make(1_000))
    paths = [write(table, tmp_path / f"{place}.parquet") for place, table in enumerate((first, later(first)))]
    build([paths[0]], tmp_path / "store", SCHEMA, executor=threads)
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="action", required=True)
    compare_command.add_arguments(commands)
    commands.choices["compare"].add_argument("--json", action="store_true")

    def no_catalogue() -> Any:
        raise AssertionError("the catalogue was opened")

    def run(*arguments: str) -> str:
        given = parser.parse_args(["compare", "--new", str(paths[1]), "--out", str(tmp_path / "c"), *arguments])
        assert compare_command.main(given, lambda path: SCHEMA, no_catalogue) == 0
        return capsys.readouterr().out

    said = json.loads(run("--store", str(tmp_path / "store"), "--json"))
    assert (said["added"], said["changed"], said["removed"]) == (250, 200, 100)
    assert sum(said["removed_by"]["region"].values()) == sum(said["removed_by"]["sector"].values()) == 100
    assert run("--old", str(paths[0]), "--schema", "any").startswith(
        "added 250, changed 200, removed 100, same 697\n"
    )
    for wrong in (
        (),
        ("--old", str(paths[0])),
        ("--old", str(paths[0]), "--store", str(tmp_path / "store")),
        ("--dataset", "sites"),
    ):
        with pytest.raises(ConfigError):
            run(*wrong)


def test_a_comparison_without_identities(tmp_path: Path, threads: Executor) -> None:
    part = part_of([write(make(100), tmp_path / "a.parquet")], tmp_path, SCHEMA)
    with pytest.raises(LayerError, match=r"a\.parquet: no column id"):
        compare(part, part, SCHEMA, tmp_path / "c", executor=threads)
    with pytest.raises(LayerError, match="have not been compared"):
        assert Comparison(tmp_path / "c").facts
