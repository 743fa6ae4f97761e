"""Survey deliveries of every format, whole and broken."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from data.errors import BadPayload
from data.model import Parsed, Payload, SurveyTable
from ingest.survey_files import SurveyConfiguration, SurveyFiles
from ingest.survey_gdal import guess_encoding, table_encoding

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LON_LAT_WKT = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]]'
)


def parse(body: str | bytes, name: str, **options: Any) -> Parsed:
    raw = body.encode() if isinstance(body, str) else body
    source = SurveyFiles(options=SurveyConfiguration(**options))
    return source.parse(Payload(source="survey_files", body=raw, received_at=AT, name=name))


def tables(result: Parsed) -> dict[str, SurveyTable]:
    found = [record for record in result.records if isinstance(record, SurveyTable)]
    assert len(found) == len(result.records)
    return {table.key: table for table in found}


def only(result: Parsed) -> SurveyTable:
    (table,) = tables(result).values()
    return table


def shapes(table: SurveyTable) -> list[Any]:
    return list(shapely.from_wkb(table.table["geometry"].to_numpy(zero_copy_only=False)))


def zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def point_shapefile(
    points: list[tuple[float, float]], names: list[bytes], *, ldid: int = 0, prj: str | None = LON_LAT_WKT,
    stem: str = "sites",
) -> dict[str, bytes]:  # fmt: skip
    """The parts of a shapefile of points with one text column, byte by byte as the format wants them."""
    records = b"".join(
        struct.pack(">ii", n + 1, 10) + struct.pack("<idd", 1, x, y) for n, (x, y) in enumerate(points)
    )
    index = b"".join(struct.pack(">ii", 50 + 14 * n, 10) for n in range(len(points)))
    box = bytes(64)

    def head(body: bytes) -> bytes:
        return struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(body)) // 2) + struct.pack("<2i", 1000, 1) + box

    column = b"NAME".ljust(11, b"\0") + b"C" + bytes(4) + bytes([40, 0]) + bytes(14)
    table = bytes([3, 126, 1, 1]) + struct.pack("<IHH", len(names), 65, 41) + bytes(17) + bytes([ldid]) + bytes(2)
    table += column + b"\r" + b"".join(b" " + name.ljust(40) for name in names) + b"\x1a"
    parts = {f"{stem}.shp": head(records) + records, f"{stem}.shx": head(index) + index, f"{stem}.dbf": table}
    return parts | ({f"{stem}.prj": prj.encode()} if prj is not None else {})


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features: Any, **members: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features), **members})


POINT = {"type": "Point", "coordinates": [113.6, 34.7]}


@pytest.mark.parametrize(
    ("encoding", "ldid", "cpg", "config"),
    [
        ("gb18030", 0x4D, None, ""),
        ("gb18030", 0x00, None, ""),
        ("gb18030", 0x57, None, ""),
        ("gb18030", 0x00, "GBK", ""),
        ("gb18030", 0x00, None, "GB18030"),
        ("utf-8", 0x00, None, ""),
        ("utf-8", 0x00, "UTF-8", ""),
        ("big5", 0x00, None, ""),
        ("big5", 0x00, "BIG5", ""),
    ],
)
def test_shapefile_table_is_read_in_its_encoding(encoding: str, ldid: int, cpg: str | None, config: str) -> None:
    names = (
        ["郑州市防汛物資倉庫", "應急避難場所中學"]
        if encoding != "gb18030"
        else ["郑州市防汛物资仓库", "应急避难场所"]
    )
    if encoding == "big5":
        names = ["台北市防汛物資倉庫", "應急避難場所"]
    parts = point_shapefile([(113.6, 34.7), (113.7, 34.8)], [name.encode(encoding) for name in names], ldid=ldid)
    parts |= {"sites.cpg": cpg.encode()} if cpg else {}
    table = only(parse(zipped(parts), "sites.zip", encoding=config))
    assert table.table["NAME"].to_pylist() == names
    assert [(shape.x, shape.y) for shape in shapes(table)] == [(113.6, 34.7), (113.7, 34.8)]
    guessed = ldid in (0x00, 0x57) and cpg is None and not config
    assert any("guessed" in note for note in table.notes) == guessed


def test_shapefile_in_a_subfolder_with_upper_case_names_is_read() -> None:
    parts = point_shapefile([(1, 2)], [b"a"])
    upper = {f"delivery/{name.upper()}": body for name, body in parts.items()}
    assert only(parse(zipped(upper | {"delivery/readme.txt": b""}), "d.zip")).key == "SITES"


@pytest.mark.parametrize(
    ("points", "options", "crs", "said"),
    [
        ([(113.6, 34.7)], {}, "", "assumed"),
        ([(443000.0, 3844000.0)], {"assume_crs": "EPSG:32649"}, "", "as configured"),
    ],
)
def test_shapefile_without_prj_says_what_was_taken(
    points: list[tuple[float, float]], options: dict[str, str], crs: str, said: str
) -> None:
    table = only(parse(zipped(point_shapefile(points, [b"a"], prj=None)), "s.zip", **options))
    assert table.crs_declared == crs and any(said in note for note in table.notes)
    (shape,) = shapes(table)
    assert (round(shape.x), round(shape.y)) in ((114, 35), (110, 35))


def test_shapefile_without_prj_in_metres_is_rejected() -> None:
    result = parse(zipped(point_shapefile([(443000.0, 3844000.0)], [b"a"], prj=None)), "s.zip")
    assert not result.records
    assert "assume_crs" in result.rejects[0].reason


def test_reprojection_agrees_with_the_definition_of_web_mercator() -> None:
    radius = 6378137.0
    parts = point_shapefile([(radius * np.pi / 2, radius * np.log(np.tan(np.pi / 4 + np.pi / 8)))], [b"a"], prj=None)
    (shape,) = shapes(only(parse(zipped(parts), "s.zip", assume_crs="EPSG:3857")))
    assert (shape.x, shape.y) == (pytest.approx(90.0, abs=1e-9), pytest.approx(45.0, abs=1e-9))


@pytest.mark.parametrize("part", [".shp", ".shx", ".dbf"])
def test_shapefile_without_a_part_is_rejected(part: str) -> None:
    parts = {name: body for name, body in point_shapefile([(1, 2)], [b"a"]).items() if not name.endswith(part)}
    if part == ".shp":
        (reject,) = parse(zipped(parts), "s.zip").rejects
        assert "without its geometry" in reject.reason
    else:
        (reject,) = parse(zipped(parts), "s.zip").rejects
        assert reject.id == "sites.shp" and f"without its {part}" in reject.reason


def test_one_bad_file_of_an_archive_does_not_stop_the_others() -> None:
    members = point_shapefile([(1, 2)], [b"a"]) | {
        "broken.geojson": b"{", "good.geojson": collection(feature(POINT)).encode(),
        "false.gpkg": b"GDAL_VRT or something else", "false.parquet": b"x" * 100, "map.tif": b"II*\x00" + bytes(60),
    }  # fmt: skip
    result = parse(zipped(members), "mixed.zip")
    assert set(tables(result)) == {"sites", "good"}
    assert {reject.id for reject in result.rejects} == {"broken.geojson", "false.gpkg", "false.parquet", "map.tif"}


def _with_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("link.geojson")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    return buffer.getvalue()


def _bomb() -> bytes:
    return zipped({"zeros.geojson": bytes(64 << 20)})


def _encrypted() -> bytes:
    body = bytearray(zipped({"a.geojson": b"{}"}))
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (zipped({"../evil.geojson": b"{}"}), "outside itself"),
        (zipped({"/etc/evil.geojson": b"{}"}), "outside itself"),
        (zipped({"a/../../evil.geojson": b"{}"}), "outside itself"),
        (zipped({"c:\\evil.geojson": b"{}"}), "outside itself"),
        (_with_link(), "holds a link"),
        (_bomb(), "would unpack to"),
        (zipped({f"{n}.x": b"" for n in range(20_001)}), "more than 20000 members"),
        (_encrypted(), "archive"),
        (zipped({"readme.md": b"hello"}), "no survey file"),
        (b"PK\x03\x04 and nothing more", "damaged archive"),
        (zipped({"a.geojson": collection(feature(POINT)).encode()})[:-30], "damaged archive"),
    ],
    ids=[
        "slip", "absolute", "slip_inside", "drive", "link", "bomb", "many", "encrypted", "nothing", "garbage", "cut",
    ],
)  # fmt: skip
def test_hostile_archive_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(BadPayload, match=said):
        parse(body, "delivery.zip")


def test_archive_that_lies_about_a_size_is_refused() -> None:
    body = bytearray(zipped({"a.geojson": b" " * 100_000}))
    place = body.index(b"PK\x01\x02")
    body[place + 24 : place + 28] = struct.pack("<I", 10)
    with pytest.raises(BadPayload):
        parse(bytes(body), "delivery.zip")


def test_geojson_keeps_good_features_and_names_the_bad() -> None:
    square = [[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]
    body = collection(
        feature(POINT, name="站", code="00123", depth=1.5, count=3, ok=True, tags=["a"]),
        feature(None), feature({"type": "Polygon", "coordinates": [square[:-1]]}),
        feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]}, depth=None),
        feature({"type": "Point", "coordinates": [200, 0]}), feature({"type": "Point", "coordinates": ["1", 2]}),
        feature({"type": "Point", "coordinates": [1, 2, 30.5]}), feature({"type": "Point", "coordinates": []}),
        feature({"type": "LineString", "coordinates": [[0, 0]]}), feature({"type": "Circle"}), "nonsense",
        feature({"type": "Polygon", "coordinates": [square]}, count="many"),
    )  # fmt: skip
    result = parse(body, "layer.geojson")
    table = only(result)
    assert table.table.num_rows == 4
    assert [shape.geom_type for shape in shapes(table)] == ["Point", "MultiPolygon", "Point", "Polygon"]
    assert shapes(table)[2].z == 30.5
    assert {int(reject.id.split("/")[1]) for reject in result.rejects} == {2, 3, 5, 6, 8, 9, 10, 11}
    assert table.table["code"].to_pylist() == ["00123", None, None, None]
    assert table.table["count"].to_pylist() == ["3", None, None, "many"]
    assert table.table["tags"].to_pylist()[0] == '["a"]'
    assert any("mended" in note for note in table.notes)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("urn:ogc:def:crs:EPSG::32649", None),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "outside"),
        ("EPSG:999999", "not a coordinate reference system"),
        ("EPSG:5703", "not a coordinate reference system on the earth"),
    ],
)
def test_old_crs_member_of_geojson_is_honoured(name: str, said: str | None) -> None:
    body = collection(
        feature({"type": "Point", "coordinates": [443000, 3844000]}),
        crs={"type": "name", "properties": {"name": name}},
    )
    result = parse(body, "x.geojson")
    if said is None:
        (shape,) = shapes(only(result))
        assert (shape.x, shape.y) == (pytest.approx(110.38, abs=0.01), pytest.approx(34.74, abs=0.01))
    else:
        assert not result.records and said in result.rejects[0].reason


def test_very_many_rejects_are_counted() -> None:
    result = parse(collection(feature(POINT), *[feature(None)] * 2000), "x.geojson")
    assert len(result.rejects) == 501
    assert result.rejects[-1].reason == "1500 more: no geometry"


@pytest.mark.parametrize(
    ("text", "name", "options", "points", "rejected"),
    [
        ("name,lon,lat\na,1,2\nb,3,4\n", "a.csv", {}, [(1, 2), (3, 4)], 0),
        ("Latitude;Longitude;n\n2,5;1,5;x\n", "a.csv", {}, [(1.5, 2.5)], 0),
        ("名称\t经度\t纬度\n站\t113.6\t34.7\n", "a.txt", {}, [(113.6, 34.7)], 0),
        ("id,east,north\n1,1,2\n", "a.csv", {"lon_column": "east", "lat_column": "north"}, [(1, 2)], 0),
        ("lon,lat\n1,2\n,\nx,y\n181,0\n0,91\nnan,0\n1,2,3\n", "a.csv", {}, [(1, 2)], 6),
        ('name,lon,lat\n"a\nb",1,2\n', "a.csv", {}, [(1, 2)], 0),
        ("X,Y\n12000000,4000000\n", "a.csv", {"assume_crs": "EPSG:3857"}, [(107.7980, 33.7852)], 0),
    ],
    ids=["plain", "semicolon", "chinese", "configured", "bad_rows", "quoted", "metres"],
)
def test_table_with_coordinates_becomes_points(
    text: str, name: str, options: dict[str, str], points: list[tuple[float, float]], rejected: int
) -> None:
    result = parse(text, name, **options)
    found = [(round(shape.x, 3), round(shape.y, 3)) for shape in shapes(only(result))]
    assert found == [(round(x, 3), round(y, 3)) for x, y in points]
    assert len(result.rejects) == rejected


def test_table_columns_keep_codes_as_text() -> None:
    text = "lon,lat,code,count,depth,empty,lon\n1,2,00123,5,1.5,,9\n3,4,410105,,2,,9\n"
    table = only(parse(text, "a.csv")).table
    assert table["code"].to_pylist() == ["00123", "410105"]
    assert table["count"].to_pylist() == [5, None]
    assert table["depth"].to_pylist() == [1.5, 2.0]
    assert table["empty"].to_pylist() == [None, None]
    assert "lon_2" in table.column_names


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_table_is_read_in_its_encoding(encoding: str) -> None:
    text = "名称,经度,纬度\n应急避难场所,113.6,34.7\n"
    assert only(parse(text.encode(encoding), "a.csv")).table["名称"].to_pylist() == ["应急避难场所"]


@pytest.mark.parametrize(
    ("body", "name", "said"),
    [
        (b"II*\x00" + bytes(60), "x.tif", "raster"),
        (b"GRIB" + bytes(60), "x.grib2", "raster"),
        (bytes(80), "x.dbf", "attribute table"),
        (b"\x00\x00\x27\x0a" + bytes(96), "x.shp", "one part of a shapefile"),
        (b"<html><title>Sign in</title></html>", "x.geojson", "HTML page"),
        (b"<OGRVRTDataSource/>", "x.csv", "cannot|not a survey file"),
        (b'{"type": "gdal_streamed_alg", "command_line": "gdal vector"}', "x.geojson", "not GeoJSON"),
        (b"SQLite format 3\x00" + bytes(200), "x.gpkg", "cannot be opened"),
        (b"PAR1 nothing PAR1", "x.parquet", "not a Parquet file"),
        (b"a,b\n1,2\n", "x.csv", "no coordinate columns"),
        (b"", "x.csv", ""),
        (b'lon,lat\n"1,2\n', "x.csv", "not a table"),
        (b"\x81\xff\xfe\xff,lon\n", "x.csv", "encoding"),
        (b'{"type": "FeatureCollection", "features": [NaN]}', "x.json", "NaN"),
    ],
)
def test_file_that_is_no_survey_is_refused_with_a_reason(body: bytes, name: str, said: str) -> None:
    with pytest.raises(BadPayload, match=said or "column"):
        parse(body, name)


def test_geopackage_and_parquet_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyogrio

    wkb = np.array([shapely.Point(1, 2).wkb, shapely.Point(3, 4).wkb, None], dtype=object)
    names = np.array(["甲", "乙", "丙"], dtype=object)
    path = tmp_path / "a.gpkg"
    pyogrio.raw.write(path, wkb, [names], ["name"], geometry_type="Point", crs="EPSG:4490", layer="站点")
    result = parse(path.read_bytes(), "a.gpkg")
    table = only(result)
    assert table.key == "a" and table.title == "站点" and table.crs_declared == "EPSG:4490"
    assert table.table["name"].to_pylist() == ["甲", "乙"]
    assert [reject.reason for reject in result.rejects] == ["no geometry"]
    import pyarrow.parquet as pq

    for column, kept in (
        ({"encoding": "WKB"}, "OGC:CRS84"),
        ({"encoding": "WKB", "crs": None}, ""),
        ({"encoding": "point"}, None),
    ):
        geo = {"version": "1.1.0", "primary_column": "geom", "columns": {"geom": column}}
        arrow = pa.table({"name": ["x"], "geom": [shapely.Point(1, 2).wkb]})
        pq.write_table(arrow.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "a.parquet")
        body = (tmp_path / "a.parquet").read_bytes()
        if kept is None:
            with pytest.raises(BadPayload, match="only WKB"):
                parse(body, "a.parquet")
        else:
            assert only(parse(body, "a.parquet")).crs_declared == kept


def test_folder_and_file_are_fetched_as_one_payload(tmp_path: Path) -> None:
    folder = tmp_path / "delivery"
    folder.mkdir()
    for name, body in point_shapefile([(1, 2)], [b"a"]).items():
        (folder / name).write_bytes(body)
    source = SurveyFiles.configured({"url": str(folder), "key": "sites_2026"})
    (first,) = source.fetch(None, None)  # type: ignore[arg-type]
    (second,) = source.fetch(None, None)  # type: ignore[arg-type]
    assert first.body == second.body and first.name == "delivery.zip" and first.source == "sites_2026"
    assert only(source.parse(first)).key == "sites"


def test_encoding_guess_needs_letters() -> None:
    assert guess_encoding(b"plain words") == ""
    assert guess_encoding("水位 流量".encode()) == "UTF-8"
    assert guess_encoding("水位 流量".encode("gb18030")) == "GB18030"


def test_damaged_files_never_break_the_reader(tmp_path: Path) -> None:
    chance = random.Random(11)
    whole = zipped(point_shapefile([(1, 2), (3, 4)], [b"a", b"b"]))
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        for name, body in point_shapefile([(1, 2), (3, 4)], [b"a", b"b"]).items():
            archive.writestr(name, body)
    for body, name in (
        (whole, "s.zip"), (stored.getvalue(), "s.zip"), (collection(feature(POINT, a=1)).encode(), "a.geojson"),
        (b"name,lon,lat\na,1,2\nb,3,4\n", "a.csv"),
    ):  # fmt: skip
        for number in range(80):
            damaged = bytearray(body[: chance.randrange(1, len(body))] if number % 4 == 0 else body)
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            try:
                result = parse(bytes(damaged), name)
            except BadPayload as refused:
                assert refused.reason
            else:
                assert result.records or result.rejects


# file: {layer: rows}, number of rejects; or what the refusal says
RECORDED: dict[str, tuple[dict[str, int], int] | str] = {
    "vector/airports.zip": ({"airports": 26}, 0),
    "vector/building-points.zip": ({"building-points": 198}, 0),
    "vector/buildings.gpkg": ({"buildings": 181}, 0),
    "vector/buildings.zip": ({"buildings": 181}, 0),
    "vector/continuous_vector.geojson": ({"continuous_vector": 400}, 0),
    "vector/coutwildrnp.zip": ({"coutwildrnp": 67}, 0),
    "vector/curvepolygon.gpkg": ({"curvepolygon": 1}, 0),
    "vector/data-multipolygon-encoding_wkb.parquet": ({"data-multipolygon-encoding_wkb": 3}, 2),
    "vector/district_osm_jakarta.geojson": ({"district_osm_jakarta": 5}, 0),
    "vector/flood_multipart_polygons.zip": ({"flood_multipart_polygons": 31}, 0),
    "vector/jakarta_flood_design.tif": "raster",
    "vector/tsunami_wgs84.tif": "raster",
    "vector/roads.zip": ({"roads": 185}, 0),
    "vector/sample.osm.pbf": (
        {"points": 8, "lines": 36, "multilinestrings": 1, "multipolygons": 8, "other_relations": 4}, 0
    ),
    "vector/test_gpkg_nulls.gpkg": ({"test_gpkg_nulls": 4}, 0),
    "vector/testopenfilegdb.gdb.zip": ({}, -1),
    "vector/volcano_krb.zip": ({"volcano_krb": 3}, 0),
    "vector_broken/chinese_ldid.zip": ({}, 1),
    "vector_broken/invalid_coordinates.zip": ({}, 1),
    "vector_broken/floods_no_prj.zip": ({"floods": 4}, 0),
    "vector_broken/ex1_invalid_rings.json": ({"ex1_invalid_rings": 1}, 0),
    "vector_broken/mixed_crs.gpkg": ({"oregon_2269": 1, "oregon_4326": 1}, 0),
    "vector_broken/mixed_feature.json": ({"mixed_feature": 3}, 0),
    "vector_broken/null_crs_gdal.gpkg": ({"null_crs_gdal": 1}, 0),
    "vector_broken/six_counties_three_null.json": ({"six_counties_three_null": 3}, 3),
    "vector_broken/sample.json": "not JSON",
    "vector_broken/gbk.dbf": "attribute table",
    "vector_broken/big5.dbf": "attribute table",
    "vector_broken/utf8.dbf": "attribute table",
    "vector_broken/euckr.dbf": "attribute table",
}  # fmt: skip
USABLE_HINTS = {
    "bad-polygon-interiorring-rhr": 1, "badfeatureid": 1, "bbox-4or6elements": 1, "bbox-string": 1,
    "excessive_precision_truncated": 1, "feature_changed_semantics": 1, "featurecollection_changed_semantics": 3,
    "geometrycollection_nested": 1, "geometrycollection_single": 1, "point-toomany": 1, "polygon_winding_order": 1,
}  # fmt: skip


@pytest.mark.recorded
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_file_holds_what_the_index_says(recorded: Path, name: str) -> None:
    body, facts = (recorded / name).read_bytes(), RECORDED[name]
    if isinstance(facts, str):
        with pytest.raises(BadPayload, match=facts):
            parse(body, Path(name).name)
        return
    result = parse(body, Path(name).name)
    rows, rejects = facts
    for table in tables(result).values():
        for shape in shapes(table):
            assert (
                shape.is_valid and not shape.is_empty and abs(shape.bounds[0]) <= 180 and abs(shape.bounds[3]) <= 90
            )
    if rejects >= 0:
        assert {key.rpartition("/")[2]: table.table.num_rows for key, table in tables(result).items()} == rows
        assert len(result.rejects) == rejects


@pytest.mark.recorded
def test_recorded_geodatabase_gives_every_layer_or_a_reason(recorded: Path) -> None:
    result = parse((recorded / "vector/testopenfilegdb.gdb.zip").read_bytes(), "testopenfilegdb.gdb.zip")
    found = {key.rpartition("/")[2]: table.table.num_rows for key, table in tables(result).items()}
    assert found["point"] == found["multipoint"] == found["polygon25D"] == 5
    spoken_of = set(found) | {reject.id.split("/")[1] for reject in result.rejects}
    assert len(spoken_of) == 37
    assert {reject.id for reject in result.rejects if "without geometry" in reject.reason} == {
        f"testopenfilegdb/{name}" for name in ("none", "big_layer", "no_field")
    }


@pytest.mark.recorded
def test_recorded_hints_are_used_or_explained(recorded: Path) -> None:
    files = sorted((recorded / "vector_broken").glob("hint_*.geojson"))
    used = {}
    for path in files:
        try:
            result = parse(path.read_bytes(), path.name)
        except BadPayload as refused:
            assert refused.reason
            continue
        assert result.records or result.rejects
        if result.records:
            used[path.stem.removeprefix("hint_")] = only(result).table.num_rows
    assert used == USABLE_HINTS
    named = {f"vector_broken/{path.name}" for path in files} | set(RECORDED)
    on_disk = {f"{folder}/{path.name}" for folder in ("vector", "vector_broken")
               for path in (recorded / folder).iterdir()}  # fmt: skip
    assert named == on_disk


@pytest.mark.recorded
def test_recorded_continuous_vector_lands_in_jakarta(recorded: Path) -> None:
    path = recorded / "vector/continuous_vector.geojson"
    west, south, east, north = shapely.total_bounds(shapes(only(parse(path.read_bytes(), path.name))))
    assert 106.7 < west < east < 106.9 and -6.3 < south < north < -6.1


@pytest.mark.recorded
@pytest.mark.parametrize(("name", "encoding"), [("gbk", "GB18030"), ("big5", "BIG5"), ("utf8", "UTF-8")])
def test_recorded_tables_tell_their_encoding(recorded: Path, name: str, encoding: str) -> None:
    assert table_encoding(recorded / "vector_broken" / f"{name}.shp", "")[0] == encoding
