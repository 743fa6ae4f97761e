"""The command line over stores of survey records, from a proposed schema to an export."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import shapely
import yaml

from data.errors import ConfigError, LayerError
from data.store.engine import open_store
from layers.survey import command
from layers.survey.marks.book import Book
from layers.survey.suggest import suggest
from tests.layers.survey.records import GRADES, REGIONS, SECTORS, make, write


@pytest.fixture
def book(sqlite_url: str) -> Iterator[Book]:
    """Where copies are entered."""
    store = open_store(sqlite_url)
    yield Book(store, b"secret")
    store.close()


def run(capsys: pytest.CaptureFixture[str], *arguments: str, book: Book | None = None, code: int = 0) -> Any:
    """What a command prints as JSON, or its text where that is none."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser.add_subparsers(dest="action", required=True))
    assert command.main(parser.parse_args(arguments), lambda: cast(Book, book)) == code
    said = capsys.readouterr().out
    return json.loads(said) if said.startswith("{") else said


def test_from_a_file_to_counts_and_an_export(tmp_path: Path, capsys: pytest.CaptureFixture[str], book: Book) -> None:
    source, store = write(make(3_000), tmp_path / "a.parquet"), str(tmp_path / "store")
    (tmp_path / "schema.yaml").write_text(run(capsys, "suggest", str(source)), encoding="utf-8")
    arguments = ("--store", store, "--schema", str(tmp_path / "schema.yaml"), "--json")
    built = run(capsys, "build", str(source), *arguments)
    assert built["rows"] == 2_997 and built["refused"] == {"no position": 1, "outside the map": 2}
    counts = run(capsys, "stats", "--store", store, "--facet", "sector=school,bridge", "--json")
    assert counts["records"] == sum(counts["facets"]["sector"].values()) > 1_000
    assert set(counts["facets"]["sector"]) == {"school", "bridge"}
    area = {"type": "Feature", "geometry": json.loads(shapely.to_geojson(shapely.box(116, 39.5, 116.4, 39.9)))}
    (tmp_path / "area.json").write_text(json.dumps(area))
    chosen = ("--store", store, "--polygon", str(tmp_path / "area.json"), "--facet", "grade=3")
    number = run(capsys, "stats", *chosen, "--json")["records"]
    assert 0 < number < counts["records"]
    for name in ("out.parquet", "out.csv", "out.geojson"):
        asked = (*chosen, "--out", str(tmp_path / name), "--purpose", "shelters of the district")
        assert run(capsys, "export", *asked, "--reader", name, book=book) == {"written": number}
        found = run(capsys, "trace-copy", str(tmp_path / name), "--dataset", "store", "--json", book=book)
        assert [one["reader"] for one in found["found"]] == [name] and found["records"] == number
    (tmp_path / "other.csv").write_text("lon,lat\n116.1,39.5\n")
    nobody = run(capsys, "trace-copy", str(tmp_path / "other.csv"), "--dataset", "store", book=book, code=1)
    assert "none of them" in nobody
    assert pq.read_table(tmp_path / "out.parquet")["grade"].unique().to_pylist() == ["3"]
    assert pc.read_csv(tmp_path / "out.csv", pc.ReadOptions(skip_rows=1)).num_rows == number
    features = json.loads((tmp_path / "out.geojson").read_text())["features"]
    assert len(features) == number and features[0]["geometry"]["type"] == "Point"
    assert "records" in run(capsys, "stats", "--store", store)


def test_an_amendment_and_one_segment_of_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = make(1_000)
    first = write(table.append_column("id", table["name"]), tmp_path / "a.parquet")
    part = write(table.append_column("id", table["name"]).slice(500, 100), tmp_path / "b.parquet")
    (tmp_path / "schema.yaml").write_text(run(capsys, "suggest", str(first)), encoding="utf-8")
    options = ("--store", str(tmp_path / "store"), "--workers", "1")
    schema = ("--schema", str(tmp_path / "schema.yaml"))
    run(capsys, "build", str(first), *options, *schema)
    assert "replaced: 100\n" in run(capsys, "build", str(part), *options, *schema, "--amend", "--delivery", "7")
    assert "997 records" in run(capsys, "build", *options, "--compact")
    assert "997 records" in run(capsys, "stats", "--store", str(tmp_path / "store"))
    for wrong in (("--compact", *schema), schema, ("--amend", str(part))):
        with pytest.raises(ConfigError):
            run(capsys, "build", *options, *wrong)


def test_a_proposed_schema_has_every_value(tmp_path: Path) -> None:
    found = suggest(write(make(3_000), tmp_path / "a.parquet"))
    assert {facet.name: facet.values for facet in found.facets} == {"grade": GRADES, "sector": tuple(sorted(SECTORS))}
    assert found.region == "county" and found.regions == (*REGIONS, "999999")
    assert [(column.name, column.kind) for column in found.columns] == [("floors", "f8"), ("area", "f4")]


def test_a_file_without_positions_has_no_schema(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="neither longitude and latitude nor a geometry in sector"):
        suggest(write(make(100).select(["sector", "area"]), tmp_path / "a.parquet"))


@pytest.mark.parametrize("text", ["", "facets: 3", "{", yaml.safe_dump({"facets": []})])
def test_a_schema_file_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "schema.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"schema\.yaml"):
        command.read_schema(tmp_path / "schema.yaml")


def test_an_export_of_nothing_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], book: Book) -> None:
    source, store = write(make(500), tmp_path / "a.parquet"), str(tmp_path / "store")
    (tmp_path / "schema.yaml").write_text(run(capsys, "suggest", str(source)), encoding="utf-8")
    run(capsys, "build", str(source), "--store", store, "--schema", str(tmp_path / "schema.yaml"), "--json")
    (tmp_path / "sea.json").write_text(shapely.to_geojson(shapely.box(-30, -30, -20, -20)))
    asked = (
        "export",
        "--store",
        store,
        "--polygon",
        str(tmp_path / "sea.json"),
        "--purpose",
        "shelters of a district",
    )
    with pytest.raises(LayerError, match="No record was chosen"):
        run(capsys, *asked, "--out", str(tmp_path / "x.parquet"), book=book)
    assert not (tmp_path / "x.parquet").exists()
    with pytest.raises(LayerError, match=r"\.csv, \.geojson, \.parquet"):
        run(capsys, *asked, "--out", str(tmp_path / "x.doc"), book=book)
