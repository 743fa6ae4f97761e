"""A load from files to the catalogue: what is kept, what is refused and why, and what happens half-way."""

from __future__ import annotations

import errno
import gzip
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from data.errors import ConfigError, Refused, Unreachable
from data.store.catalogue import list_datasets, list_deliveries, read_dataset, read_trace
from data.store.engine import Store, open_store
from ingest.survey_load import work
from ingest.survey_load.reading import FileReader
from tests.survey_loading import SITES, delivered, load_files, mapping

CSV = """编号,名称,经度,纬度,县代码,类型,高度
1,甲,113.6,34.7,410101,1,1200
2,乙,113.7,34.8,410101,2,-9999
3,丙,0,0,410102,1,550
4,丁,213.7,34.8,410102,1,
5,戊,34.1,113.2,410102,3,300
6,己,113.5,34.1,410102,9,tall
7,庚,113.5
8,辛,,34.1,410102,1,5
9,壬,nan,34.1,410102,1,5
10,癸,12623000,4117000,410102,1,5
"""
CHOSEN = {
    "id": {"column": "编号"},
    "region": {"column": "县代码"},
    "facets": [{"name": "kind", "column": "类型", "values": {"1": "school", "2": "hospital", "3": "depot"}}],
    "columns": [{"name": "height", "column": "高度", "unit": "cm", "to": "m", "missing": [-9999]}],
}


@pytest.fixture
def one_store(sqlite_url: str) -> Iterator[Store]:
    """A store on one engine, where the database is not what is tried."""
    opened = open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read here instead of in a child, which needs a second to begin; tests marked `child` have one."""
    if "child" not in request.fixturenames:
        monkeypatch.setattr(work, "parse_in_child", lambda source, payload, limits: source.parse(payload))


@pytest.fixture
def child() -> None:
    """The reader runs in a process of its own, as it does outside of tests."""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_delivery_is_kept_whole_and_entered(store: Store, home: Path, tmp_path: Path, child: None) -> None:
    audits: list[Mapping[str, Any]] = []
    loaded = load_files(store, home, [write(tmp_path / "s.csv", CSV)], mapping(**CHOSEN), audits=audits)
    table, refused = delivered(store, home, loaded)
    assert (loaded.rows, loaded.refused, loaded.version) == (3, 7, 1)
    assert table["id"].to_pylist() == ["1", "2", "6"]
    assert table["region"].to_pylist() == ["410101", "410101", "410102"]
    assert table["kind"].to_pylist() == ["school", "hospital", None]
    assert table["height"].to_pylist() == [12.0, None, None]
    assert table["高度"].to_pylist() == ["1200", "-9999", "tall"]
    assert shapely.from_wkb(table["geometry"][0].as_py()) == shapely.Point(113.6, 34.7)
    assert any("kind: '9' is not in the list of its values (1)" in note for note in loaded.notes)
    assert any("height: not a number, kept as missing (1)" in note for note in loaded.notes)
    why = {one["row"]: one["reason"] for one in refused}
    assert why[3].startswith("at 0, 0") and why[5].endswith("longitude and latitude seem swapped")
    assert why[4] == "outside longitude +-180 and latitude +-90 degrees" and "3 values for 7" in why[7]
    assert why[8] == "no coordinates" and why[9] == "a coordinate is not a finite number"
    assert "metres are no degrees" in why[10]
    records = {one["row"]: one["record"] for one in refused}
    assert json.loads(records[3])["名称"] == "丙" and records[7] == "7,庚,113.5"
    with store.read() as connection:
        dataset, (delivery,) = read_dataset(connection, "sites"), list_deliveries(connection, "sites")
        assert [step.state for step in read_trace(connection, delivery.id)] == ["loaded"]
    assert dataset.record_schema["facets"] == [{"name": "kind", "values": ["school", "hospital", "depot"]}]
    assert dataset.record_schema["regions"] == ["410101", "410102"]
    assert (delivery.rows, delivery.refused, delivery.sources[0]["name"]) == (3, 7, "s.csv")
    assert [entry["action"] for entry in audits] == ["survey load"]
    assert not list((home / "deliveries/sites").glob(".loading-*"))


def test_same_content_is_not_entered_twice(one_store: Store, home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", CSV)
    first = load_files(one_store, home, [path], mapping(**CHOSEN))
    moved = write(tmp_path / "again" / "s.csv", CSV)
    second = load_files(one_store, home, [moved], mapping(**CHOSEN), new=None)
    assert second.again and (second.number, second.version) == (first.number, 1)
    third = load_files(
        one_store, home, [write(tmp_path / "t.csv", CSV.replace("甲", "子"))], mapping(**CHOSEN), new=None
    )
    assert not third.again and third.version == 2
    assert delivered(one_store, home, first)[0]["名称"][0].as_py() == "甲"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"chosen": {"confirmed": "  "}}, "not confirmed"),
        ({"new": None}, "make it with --new"),
        ({"dataset": "submissions"}, "a dataset's name"),
        ({"dataset": "../up"}, "a dataset's name"),
        ({"mode": "append"}, "nothing that this could append"),
        ({"mode": "amend"}, "names no `id`"),
    ],
)
def test_order_that_cannot_be_is_refused(
    one_store: Store, home: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    chosen = mapping(**changes.pop("chosen", {}))
    with pytest.raises(ConfigError, match=said):
        load_files(one_store, home, [write(tmp_path / "s.csv", CSV)], chosen, **changes)
    with one_store.read() as connection:
        assert list_datasets(connection) == []


def test_files_of_one_name_are_told_apart(one_store: Store, home: Path, tmp_path: Path) -> None:
    one = write(tmp_path / "410101" / "s.csv", "lon,lat,n\n1,2,a\n")
    two = write(tmp_path / "410102" / "s.csv", "lon,lat,n\n3,4,b\n")
    same = write(tmp_path / "410103" / "s.csv", "lon,lat,n\n3,4,b\n")
    loaded = load_files(one_store, home, [one, two, same])
    table, _ = delivered(one_store, home, loaded)
    assert table["n"].to_pylist() == ["a", "b"]
    assert table["id"].to_pylist() == ["s/1", "410102-s/1"]


def test_column_that_changes_its_type_keeps_its_values(
    one_store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.survey_load.streams.PIECE", 2)
    rows = ["1,2,10,1", "1,2,20,2", "1,2,many,3", "1,2,40,4.5", "1,2,,5"]
    path = write(tmp_path / "s.csv", "lon,lat,count,size\n" + "\n".join(rows))
    chosen = mapping(columns=[{"name": "people", "column": "count", "kind": "i4"}])
    loaded = load_files(one_store, home, [path], chosen)
    table, refused = delivered(one_store, home, loaded)
    assert refused == []
    assert table["count"].to_pylist() == ["10", "20", "many", "40", None]
    assert table["people"].to_pylist() == [10, 20, None, 40, None]
    assert table["size"].to_pylist() == [1.0, 2.0, 3.0, 4.5, 5.0]
    assert any("count: its type changes" in note for note in loaded.notes)
    assert any("people: not a number, kept as missing (1)" in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("text", "position", "place"),
    [
        ("a,b\n34.7,113.6\n", {"lon": "a", "lat": "b", "swapped": True, "crs": "EPSG:4326"}, (113.6, 34.7)),
        ("经度,纬度\n113°36′00″E,北纬34度42分\n", {"form": "degrees-minutes"}, (113.6, 34.7)),
        (
            "东,北\n38462000,3841000\n",
            {"lon": "东", "lat": "北", "crs": "EPSG:4526"},
            (113.5853, 34.6965),
        ),  # by the arc of the meridian on paper
        ("lon,lat\n0,0\n", {"at_zero": "keep"}, (0.0, 0.0)),
    ],
    ids=["swapped", "degrees_minutes", "zone_metres", "zero_kept"],
)
def test_place_is_read_as_the_mapping_says(
    one_store: Store, home: Path, tmp_path: Path, text: str, position: dict[str, Any], place: tuple[float, float]
) -> None:
    loaded = load_files(one_store, home, [write(tmp_path / "s.csv", text)], mapping(position=position))
    table, _ = delivered(one_store, home, loaded)
    shape = shapely.from_wkb(table["geometry"][0].as_py())
    assert (shape.x, shape.y) == (pytest.approx(place[0], abs=2e-4), pytest.approx(place[1], abs=2e-4))


def test_formats_that_come_in_pieces(
    one_store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same records as lines of GeoJSON, one large collection, GeoParquet, GeoPackage and packed table."""
    import numpy as np
    import pyogrio

    monkeypatch.setattr("ingest.survey_load.streams.PIECE", 3)
    places = [(100.0 + n, 30.0) for n in range(8)]
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": place}, "properties": {"n": f"r{n}"}}
        for n, place in enumerate(places)
    ]
    wkb = np.array([shapely.Point(place).wkb for place in places], dtype=object)
    names = np.array([f"r{n}" for n in range(8)], dtype=object)
    lines = write(tmp_path / "lines.geojsonl", "\n".join(f"\x1e{json.dumps(one)}" for one in features))
    whole = write(tmp_path / "whole.geojson", json.dumps({"type": "FeatureCollection", "features": features}))
    package = tmp_path / "package.gpkg"
    pyogrio.raw.write(package, wkb, [names], ["n"], geometry_type="Point", crs="EPSG:4326", layer="sites")
    geo = {"primary_column": "g", "columns": {"g": {"encoding": "WKB"}}}
    table = pa.table({"n": names.tolist(), "g": pa.array(list(wkb), pa.binary())})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "geo.parquet")
    plain = pa.table({"n": names.tolist(), "east": [x for x, _ in places], "north": [y for _, y in places]})
    pq.write_table(plain, tmp_path / "plain.parquet")
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(
        gzip.compress("\n".join(["n,lon,lat", *(f"r{n},{x},{y}" for n, (x, y) in enumerate(places))]).encode())
    )
    sides = mapping(position={"lon": "east", "lat": "north", "crs": "EPSG:4326"})
    for number, (path, chosen) in enumerate(
        [(lines, None), (whole, None), (package, None), (tmp_path / "geo.parquet", None),
         (tmp_path / "plain.parquet", sides), (packed, None)]
    ):  # fmt: skip
        name = f"sites{number}"
        new = SITES.__class__(**{**SITES.__dict__, "name": name})
        loaded = load_files(one_store, home, [path], chosen, dataset=name, new=new)
        found, refused = delivered(one_store, home, loaded)
        assert found["n"].to_pylist() == names.tolist(), path.name
        shapes = shapely.from_wkb(found["geometry"].to_numpy(zero_copy_only=False))
        assert [(shape.x, shape.y) for shape in shapes] == places
        assert refused == []
    monkeypatch.setattr("ingest.survey_load.streams.LARGE", 100)
    loaded = load_files(
        one_store, home, [whole], dataset="large", new=SITES.__class__(**{**SITES.__dict__, "name": "large"})
    )
    assert delivered(one_store, home, loaded)[0]["n"].to_pylist() == names.tolist()


def test_large_collection_that_is_cut_off_is_refused_whole(
    one_store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.survey_load.streams.LARGE", 100)
    monkeypatch.setattr("ingest.survey_load.streams.PIECE", 2)
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {}}
    text = json.dumps({"type": "FeatureCollection", "features": [feature] * 9})
    good = write(tmp_path / "good.csv", "lon,lat\n1,2\n")
    loaded = load_files(one_store, home, [write(tmp_path / "cut.geojson", text[:-40]), good])
    table, refused = delivered(one_store, home, loaded)
    assert table["id"].to_pylist() == ["good/1"]
    assert [(one["source"], one["row"]) for one in refused] == [("cut", None)] and "cut off" in refused[0]["reason"]


def test_nothing_usable_enters_nothing(one_store: Store, home: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="raster"):
        load_files(one_store, home, [write(tmp_path / "x.tif", "II*\x00")])
    with one_store.read() as connection:
        assert list_datasets(connection) == []
    assert list((home / "deliveries/sites").glob("[!.]*")) == []


def test_layer_of_other_columns_is_refused_with_the_reason(one_store: Store, home: Path, tmp_path: Path) -> None:
    right = write(tmp_path / "right.csv", "lon,lat,grade\n1,2,a\n")
    wrong = write(tmp_path / "wrong.csv", "lon,lat,name\n1,2,a\n")
    chosen = mapping(facets=[{"name": "grade", "column": "grade"}])
    loaded = load_files(one_store, home, [right, wrong], chosen)
    assert loaded.rows == 1 and any("no column grade" in reason for reason in loaded.reasons)


def test_full_disk_stops_and_the_same_order_goes_on(
    one_store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.survey_load.streams.PIECE", 2)
    path = write(tmp_path / "s.csv", "lon,lat,n\n" + "".join(f"1,2,{n}\n" for n in range(7)))
    from ingest.survey_load import reading

    real, written = reading.write_table, []

    def full(target: Path, table: Any) -> None:
        if len(written) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(target.name)
        real(target, table)

    with monkeypatch.context() as patch:
        patch.setattr(reading, "write_table", full)
        with pytest.raises((Unreachable, Exception), match="No space left"):
            load_files(one_store, home, [path])
    with one_store.read() as connection:
        assert list_datasets(connection) == []
    again: list[str] = []
    monkeypatch.setattr(
        reading, "write_table", lambda target, table: (again.append(target.name), real(target, table))
    )
    loaded = load_files(one_store, home, [path])
    assert delivered(one_store, home, loaded)[0]["n"].to_pylist() == list(range(7))
    assert not set(again) & set(written[:4])  # what was complete is not read again


def test_full_disk_in_the_child_is_told_as_such(one_store: Store, home: Path, tmp_path: Path, child: None) -> None:
    """The child says why it stopped; the work is neither refused nor thrown away."""
    from data.errors import BadPayload

    def no_space(*_: Any) -> Any:
        raise BadPayload("survey load", "stopped: No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "parse_in_child", no_space)
        with pytest.raises(Unreachable, match="run it again to go on"):
            load_files(one_store, home, [write(tmp_path / "s.csv", CSV)], mapping(**CHOSEN))
    assert len(list((home / "deliveries/sites").glob(".loading-*"))) == 1


def test_reader_that_crashes_costs_its_file_only(
    one_store: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data.errors import BadPayload

    def parse(source: FileReader, payload: Any, limits: Any) -> Any:
        if source.name == "bad.csv":
            raise BadPayload("survey load", "the decoder crashed (SIGSEGV)")
        return source.parse(payload)

    monkeypatch.setattr(work, "parse_in_child", parse)
    good, bad = write(tmp_path / "good.csv", "lon,lat\n1,2\n"), write(tmp_path / "bad.csv", "lon,lat\n3,4\n")
    loaded = load_files(one_store, home, [bad, good])
    assert loaded.rows == 1 and loaded.reasons == {"bad.csv: the decoder crashed (SIGSEGV)": 1}


def test_files_left_by_a_load_ended_before_its_entry_give_way(one_store: Store, home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", CSV)
    left = home / "deliveries" / "sites" / "1"
    left.mkdir(parents=True)
    (left / "part-00000.parquet").write_bytes(b"of a load that was ended")
    loaded = load_files(one_store, home, [path], mapping(**CHOSEN))
    assert loaded.version == 1 and delivered(one_store, home, loaded)[0].num_rows == 3


def test_append_keeps_the_places_of_values(one_store: Store, home: Path, tmp_path: Path) -> None:
    chosen = mapping(facets=[{"name": "grade", "column": "grade"}], region={"column": "unit"})
    load_files(one_store, home, [write(tmp_path / "a.csv", "lon,lat,grade,unit\n1,2,c,10\n1,2,b,10\n")], chosen)
    more = write(tmp_path / "b.csv", "lon,lat,grade,unit\n1,2,a,09\n1,2,b,10\n")
    load_files(one_store, home, [more], chosen, new=None, mode="append")
    with one_store.read() as connection:
        schema = read_dataset(connection, "sites").record_schema
    assert schema["facets"][0]["values"] == ["b", "c", "a"] and schema["regions"] == ["10", "09"]


def test_facets_that_do_not_fit_are_refused_before_anything_is_entered(
    one_store: Store, home: Path, tmp_path: Path
) -> None:
    text = "lon,lat,a,b,c\n" + "".join(f"1,2,a{n},b{n},c{n}\n" for n in range(600))
    chosen = mapping(facets=[{"name": name, "column": name} for name in "abc"])
    with pytest.raises(ConfigError, match="too many combinations"):
        load_files(one_store, home, [write(tmp_path / "s.csv", text)], chosen)
    with one_store.read() as connection:
        assert list_datasets(connection) == []


def test_second_load_of_a_dataset_at_once_is_refused(one_store: Store, home: Path, tmp_path: Path) -> None:
    with work._alone(home / "deliveries" / "sites"), pytest.raises(ConfigError, match="another load"):
        load_files(one_store, home, [write(tmp_path / "s.csv", CSV)], mapping(**CHOSEN))
    shutil.rmtree(home / "deliveries")


def test_amendment_needs_no_place_for_what_is_no_more(one_store: Store, home: Path, tmp_path: Path) -> None:
    chosen = mapping(id={"column": "n"}, deleted={"column": "state", "values": ["gone", "拆除"]})
    load_files(one_store, home, [write(tmp_path / "a.csv", "n,lon,lat,state\n1,1,2,\n2,1,2,\n3,1,2,\n")], chosen)
    changes = write(tmp_path / "b.csv", "n,lon,lat,state\n1,,,gone\n2,1,2,拆除\n3,5,6,\n4,,,\n")
    loaded = load_files(one_store, home, [changes], chosen, new=None, mode="amend")
    table, refused = delivered(one_store, home, loaded)
    assert table["deleted"].to_pylist() == [True, True, False]
    assert table["geometry"].is_null().to_pylist() == [True, False, False]
    assert [(one["row"], one["reason"]) for one in refused] == [(4, "no coordinates")]


def test_schema_says_where_there_are_more_than_points(one_store: Store, home: Path, tmp_path: Path) -> None:
    square = "POLYGON ((0 0, 1 0, 1 1, 0 0))"
    feature = {"type": "Feature", "geometry": shapely.geometry.mapping(shapely.from_wkt(square)), "properties": {}}
    load_files(one_store, home, [write(tmp_path / "a.geojson", json.dumps(feature))])
    with one_store.read() as connection:
        assert read_dataset(connection, "sites").record_schema["shapes"] is True
