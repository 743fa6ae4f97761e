"""Exports are read back by other programs, and what was unknown comes back unknown."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.io import MemoryFile

from data.errors import LayerError, StoreError
from data.regions import default_base_dir, load_regions
from layers.export.files import Facts, credits_of, export_area, export_field, export_regions
from layers.export.raster import read_block
from layers.export.tables import harmless
from layers.impact.summary import Impact, Note, Place, RegionShare, Surveyed
from layers.layer import RegionValues
from tests.conftest import tries

BASE = default_base_dir()
FONTS = Path(__file__).resolve().parents[2] / "assets" / "vendor"
MADE = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
FACTS = Facts(
    title="24 h rain 24 小时雨量", quantity="precipitation", unit="mm", source="radar mosaic", statistic="mean",
    made_at=MADE, valid_at=MADE - timedelta(minutes=34), run_at=MADE - timedelta(hours=6), forecast=True,
    accumulation_s=86_400, licence="CC BY 4.0", credits=("Office of Weather",), notes=("12 cells mended",),
)  # fmt: skip


def counties() -> RegionValues:
    """Henan's prefectures: one unknown, one that nothing covers, the rest 0, 10, 20..."""
    index = load_regions(BASE)
    henan = index.by_code("CN-410000")
    assert henan is not None
    rids = np.array([rid for rid in index.descendants(henan) if index.kind[rid] == "cn-prefecture"], np.int32)
    rids.sort()
    value = np.arange(rids.size) * 10.0
    value[[3, 5]] = np.nan
    watched = np.ones(rids.size, np.bool_)
    watched[5] = False
    return RegionValues(
        quantity="precipitation", unit="mm", rid=rids, value=value, observed_at=np.zeros(rids.size),
        valid_share=np.where(np.isnan(value), 0.0, 0.5), watched=watched,
    )  # fmt: skip


def field(ny: int = 30, nx: int = 40, **axes: Any) -> Any:
    values = np.arange(ny * nx, dtype=np.float32).reshape(ny, nx)
    values[2, 3] = np.nan
    lon, lat = axes.get("lon", 100.125 + np.arange(nx) * 0.25), axes.get("lat", 39.875 - np.arange(ny) * 0.25)
    row = SimpleNamespace(attributes={}, quantity="precipitation", unit="mm")
    return SimpleNamespace(levels=(values,), lon=lon, lat=lat, row=row)


def on_disk(folder: Path, body: bytes) -> Path:
    path = folder / "export.gpkg"
    path.write_bytes(body)
    return path


def regions_as(form: str) -> bytes:
    return export_regions(form, counties(), FACTS, base_dir=BASE, fonts=FONTS).body


def test_regions_come_back_from_a_geopackage(tmp_path: Path) -> None:
    made = export_regions("gpkg", counties(), FACTS, base_dir=BASE, fonts=FONTS)
    assert made.name == "precipitation_mean_20260301T1200Z.gpkg"
    path = on_disk(tmp_path, made.body)
    frame = pyogrio.read_dataframe(path)
    values = counties()
    index = load_regions(BASE)
    assert frame["code"].tolist() == index.code[values.rid].tolist()
    assert frame["name_zh"].tolist()[0] == str(index.name_zh[values.rid[0]])
    assert np.array_equal(frame["value"], values.value, equal_nan=True)
    assert frame["status"].tolist()[3:6] == ["unknown", "known", "not covered"]
    assert frame.crs.to_epsg() == 4326
    assert frame.geometry.is_valid.all()
    words = pyogrio.read_info(path)["layer_metadata"]
    assert words["TITLE"] == FACTS.title
    assert words["VALID_AT"] == "2026-03-01T12:00:56Z"
    assert words["LICENCE"] == "CC BY 4.0"


def test_files_are_the_same_bytes_each_time() -> None:
    for form in ("gpkg", "parquet", "csv"):
        assert regions_as(form) == regions_as(form), form
    assert export_field("tif", field(), FACTS, base_dir=BASE, fonts=FONTS).body == (
        export_field("tif", field(), FACTS, base_dir=BASE, fonts=FONTS).body
    )


def test_regions_come_back_from_geoparquet() -> None:
    body = regions_as("parquet")
    frame = geopandas.read_parquet(io.BytesIO(body))
    assert np.array_equal(frame["value"], counties().value, equal_nan=True)
    metadata = pq.read_schema(io.BytesIO(body)).metadata
    assert json.loads(metadata[b"geo"])["version"] == "1.1.0"
    assert json.loads(metadata[b"tocsin"]) == FACTS.words()


def test_regions_come_back_from_csv_and_unknown_is_an_empty_cell() -> None:
    body = regions_as("csv")
    assert body.startswith(b"\xef\xbb\xbfcode,")
    frame = pd.read_csv(io.BytesIO(body))
    assert np.array_equal(frame["value"], counties().value, equal_nan=True)
    assert frame.loc[3, ["status", "unit", "source", "made_at"]].tolist() == (
        ["unknown", "mm", "radar mosaic", "2026-03-01T12:34:56Z"]
    )  # fmt: skip
    assert ",,unknown," in body.decode("utf-8-sig").splitlines()[4]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\tx", "\rx"])
def test_cell_that_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(-5.0) == -5.0
    body = export_regions(
        "csv", counties(), replace(FACTS, title=text), base_dir=BASE, fonts=FONTS
    ).body.decode("utf-8-sig")  # fmt: skip
    assert not any(cell.startswith(text) for line in body.split("\r\n") for cell in line.replace('"', "").split(","))


def test_field_comes_back_from_a_cog() -> None:
    step = field(600, 800, lat=80 - np.arange(600) * 0.25)
    body = export_field("tif", step, FACTS, base_dir=BASE, fonts=FONTS).body
    with MemoryFile(body) as memory, memory.open() as file:
        assert np.array_equal(file.read(1), step.levels[0], equal_nan=True)
        assert file.crs.to_epsg() == 4326
        assert tuple(file.bounds) == pytest.approx((100.0, -69.875, 300.0, 80.125))
        assert np.isnan(file.nodata)
        assert (file.units, file.descriptions) == (("mm",), ("precipitation",))
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1)
        words = file.tags()
    assert (words["TITLE"], words["SOURCE"], words["RUN_AT"]) == (FACTS.title, "radar mosaic", "2026-03-01T06:34:56Z")


def sampled(body: bytes, lon: float, lat: float) -> float:
    with MemoryFile(body) as memory, memory.open() as file:
        return float(next(file.sample([(lon, lat)]))[0])


def test_box_over_the_antimeridian_is_one_picture() -> None:
    lon = np.array([*np.arange(-180.0, -170.0), *np.arange(170.0, 180.0)])
    step = field(20, 20, lon=lon, lat=10.0 - np.arange(20))
    whole = export_field("tif", step, FACTS, base_dir=BASE, fonts=FONTS).body
    with MemoryFile(whole) as memory, memory.open() as file:
        assert tuple(file.bounds) == pytest.approx((169.5, -9.5, 189.5, 10.5))
    assert sampled(whole, 170.0, 10.0) == step.levels[0][0, 10]
    assert sampled(whole, 181.0, 10.0) == step.levels[0][0, 1]
    part = export_field("tif", step, FACTS, base_dir=BASE, fonts=FONTS, bounds=(178.0, 5.0, 182.0, 7.0)).body
    assert sampled(part, 179.0, 6.0) == step.levels[0][4, 19]
    assert sampled(part, 180.0, 6.0) == step.levels[0][4, 0]


@settings(max_examples=tries(60, 20), deadline=None)
@given(
    west=st.floats(-180, 175), width=st.floats(0.5, 200), south=st.floats(-85, 70), height=st.floats(0.5, 15),
    first=st.sampled_from([-180.0, -179.5, -179.0]),
)  # fmt: skip
def test_block_holds_each_cell_at_its_place(
    west: float, width: float, south: float, height: float, first: float
) -> None:
    lon, lat = first + np.arange(360.0), 89.5 - np.arange(180.0)
    step = SimpleNamespace(levels=((lat[:, None] * 1000 + lon).astype(np.float32),), lon=lon, lat=lat, row=None)
    block = read_block(step, (west, south, west + width, south + height))
    assert block.lon[0] - 0.5 <= west + 1e-6
    assert block.lon[-1] + 0.5 >= west + width - 1e-6
    assert np.diff(block.lon) == pytest.approx(np.ones(block.lon.size - 1))
    turned = (block.lon - first + 0.25) // 360.0
    expected = block.lat[:, None] * 1000 + block.lon - 360.0 * turned
    assert block.values == pytest.approx(expected, abs=0.02)


def test_uneven_rows_become_even_and_it_is_said() -> None:
    step = field(4, 5, lat=np.array([60.0, 50.0, 45.0, 43.0]), lon=np.arange(5.0))
    body = export_field("tif", step, FACTS, base_dir=BASE, fonts=FONTS).body
    for row, lat in enumerate([60.0, 49.0, 45.0, 43.2]):
        assert sampled(body, 1.0, lat) == step.levels[0][row, 1]
    with MemoryFile(body) as memory, memory.open() as file:
        assert "uneven height" in file.tags()["NOTES"]


@pytest.mark.parametrize("form", ["gpkg", "parquet", "csv"])
def test_cells_come_back_from_tables(form: str, tmp_path: Path) -> None:
    body = export_field(form, field(), FACTS, base_dir=BASE, fonts=FONTS, bounds=(100.6, 39.1, 101.4, 39.4)).body
    frame = {
        "gpkg": lambda: pyogrio.read_dataframe(on_disk(tmp_path, body)),
        "parquet": lambda: geopandas.read_parquet(io.BytesIO(body)), "csv": lambda: pd.read_csv(io.BytesIO(body)),
    }[form]()  # fmt: skip
    assert len(frame) == 8
    assert np.isnan(frame.loc[1, "value"])
    assert frame["status"].tolist() == ["known", "unknown", *["known"] * 6]
    assert frame.loc[4, ["lon", "lat", "value"]].tolist() == [100.625, 39.125, 122.0]
    if form != "csv":
        assert frame.geometry[4].bounds == (100.5, 39.0, 100.75, 39.25)


@pytest.mark.parametrize(
    ("form", "bounds", "reason"),
    [
        pytest.param("csv", None, "too many", id="too many cells"),
        pytest.param("tif", (0.0, 0.0, 1.0, 1.0), "no cell", id="elsewhere"),
        pytest.param("exe", None, "is exported as", id="format"),
    ],
)
def test_export_that_cannot_be_made_says_why(form: str, bounds: Any, reason: str) -> None:
    big = field(600, 800, lat=80 - np.arange(600) * 0.25)
    with pytest.raises(LayerError, match=reason):
        export_field(form, big, FACTS, base_dir=BASE, fonts=FONTS, bounds=bounds)


def impact(**changes: Any) -> Impact:
    found = Impact(
        geometry=shapely.box(113, 34, 114, 35), area_km2=10_155.0, people=4e6, people_at_least=True,
        people_source="Census grid", people_vintage="2025-01-01",
        people_note=Note("At least: {share} %", {"share": 5}),
        places=(Place(name="=Zhengzhou", name_zh="郑州", population=None, lon=113.6, lat=34.7),), places_more=3,
        places_people=3e6, places_source="GeoNames", places_vintage="3.0.2",
        regions=(RegionShare(rid=1, code="CN-410105", kind="cn-county", name="Jinshui", name_zh="", share=0.5),),
        surveyed=(Surveyed(dataset="Sites", kind="", count=None, received_at=MADE),), notes=(Note("mended"),),
        counted_at=MADE,
    )  # fmt: skip
    return replace(found, **changes)


def test_area_comes_back_with_its_numbers_and_what_is_unknown_of_them(tmp_path: Path) -> None:
    table = pd.read_csv(io.BytesIO(export_area("csv", impact(), FACTS).body), keep_default_na=True)
    by_what = table.set_index("what")
    assert by_what.loc["people", ["value", "status", "number_source"]].tolist() == [4e6, "at least", "Census grid"]
    assert np.isnan(by_what.loc["place", "value"])
    assert by_what.loc["place", ["name", "status"]].tolist() == ["'=Zhengzhou", "unknown"]
    assert by_what.loc["surveyed", "status"] == "unknown"
    path = on_disk(tmp_path, export_area("gpkg", impact(people=None), FACTS).body)
    assert [str(name) for name, _ in pyogrio.list_layers(path)] == [
        "area",
        "places",
        "regions",
        "surveyed",
    ]
    area = pyogrio.read_dataframe(path, layer="area")
    assert area.geometry[0].equals(shapely.box(113, 34, 114, 35))
    assert (np.isnan(area.loc[0, "people"]), area.loc[0, "people_status"]) == (True, "unknown")
    parquet = geopandas.read_parquet(io.BytesIO(export_area("parquet", impact(), FACTS).body))
    assert parquet.loc[0, "people_note"] == "At least: 5 %"


def test_credits_name_who_made_the_outlines_that_are_used() -> None:
    china, world = credits_of(BASE, ("cn-county",)), credits_of(BASE, ("country",))
    assert any("Tianditu" in line for line in china)
    assert not any("Tianditu" in line for line in world)
    assert any("Natural Earth" in line for line in world)
    assert any("Census" in line for line in credits_of(BASE, ("us-state",)))


def test_step_that_the_archive_removes_meanwhile_is_an_error_and_not_missing_cells(tmp_path: Path) -> None:
    gone = SimpleNamespace(**vars(field()), folder=tmp_path / "removed")
    with pytest.raises(StoreError, match="not in the archive"):
        export_field("tif", gone, FACTS, base_dir=BASE, fonts=FONTS)


def test_a_file_says_for_whom_it_was_made() -> None:
    facts = Facts(title="Rain", quantity="rain", unit="mm", source="x", made_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert "made_for" not in facts.words()
    assert replace(facts, reader="planner@eoc.example").words()["made_for"] == "planner@eoc.example"
