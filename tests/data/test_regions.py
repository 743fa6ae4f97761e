"""The regions as built: numbers, parents, names, and which region a point is in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from data.errors import ConfigError
from data.regions import FINEST_FIRST, KINDS, RegionIndex, default_base_dir, load_geometries, load_regions, locate

BASE = default_base_dir()


@pytest.fixture(scope="module")
def index() -> RegionIndex:
    if not (BASE / "regions.pmtiles").is_file():
        pytest.skip("base data is not built: run `make setup`")
    found = load_regions()
    if set(found.pack.tolist()) != {"world", "cn", "us"}:
        pytest.skip("base data is built for some packs only")
    return found


def code_at(index: RegionIndex, lon: float, lat: float, kind: str = "leaf") -> str | None:
    rid = locate(lon, lat, kind)
    return None if rid is None else str(index.code[rid])


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("country", 255),
        ("cn-province", 34),
        ("cn-prefecture", 375),
        ("cn-county", 2891),
        ("us-state", 56),
        ("us-county", 3233),
    ],
)
def test_count_of_a_kind_is_that_of_its_package(index: RegionIndex, kind: str, count: int) -> None:
    assert len(index.of_kind(kind)) == count


def test_rows_are_dense_sorted_and_unique(index: RegionIndex) -> None:
    order = [(KINDS.index(kind), code) for kind, code in zip(index.kind.tolist(), index.code.tolist(), strict=True)]
    assert order == sorted(order)
    assert len(set(index.code.tolist())) == len(index)
    rids, _ = load_geometries(BASE, KINDS)
    assert rids.tolist() == list(range(len(index)))


def test_parents_are_above_and_only_countries_have_none(index: RegionIndex) -> None:
    tops = index.parent_rid < 0
    assert set(index.kind[tops].tolist()) == {"country"}
    steps = {
        (str(index.kind[parent]), str(index.kind[rid]))
        for rid, parent in enumerate(index.parent_rid.tolist())
        if parent >= 0
    }
    assert steps == {
        ("country", "admin1"),
        ("country", "cn-province"),
        ("cn-province", "cn-prefecture"),
        ("cn-prefecture", "cn-county"),
        ("country", "us-state"),
        ("us-state", "us-county"),
    }


def test_children_and_descendants_agree_with_the_nesting(index: RegionIndex) -> None:
    china = index.by_code("CHN")
    assert china is not None
    assert len(index.children(china)) == 34
    assert sum(1 for _ in index.descendants(china)) == 34 + 375 + 2891
    usa = index.by_code("USA")
    assert usa is not None
    assert sum(1 for _ in index.descendants(usa)) == 56 + 3233


def test_every_prefecture_has_a_county(index: RegionIndex) -> None:
    assert [str(index.code[rid]) for rid in index.of_kind("cn-prefecture") if not len(index.children(rid))] == []


def test_a_county_run_by_its_province_keeps_its_code(index: RegionIndex) -> None:
    rid = index.by_code("CN-419001")
    assert rid is not None
    assert [str(index.code[above]) for above in index.chain(rid)] == ["CN-419001", "CN-419001-P", "CN-410000", "CHN"]


def test_units_of_china_and_the_united_states_are_not_doubled(index: RegionIndex) -> None:
    parents = set(index.code[index.parent_rid[index.of_kind("admin1")]].tolist())
    assert not parents & {"CHN", "USA", "TWN", "HKG", "MAC"}


def test_every_area_is_valid_and_its_label_point_inside(index: RegionIndex) -> None:
    rids, areas = load_geometries(BASE, KINDS)
    assert shapely.is_valid(areas).all()
    assert set(shapely.get_type_id(areas).tolist()) <= {3, 6}
    assert (shapely.area(areas) > 0).all()
    assert shapely.intersects_xy(areas, index.lon[rids], index.lat[rids]).all()


def test_counties_tile_their_province(index: RegionIndex) -> None:
    rids, areas = load_geometries(BASE, ["cn-province", "cn-county"])
    by_rid = dict(zip(rids.tolist(), areas, strict=True))
    henan = index.by_code("CN-410000")
    assert henan is not None
    counties = [by_rid[rid] for rid in index.descendants(henan) if rid in by_rid]
    difference = shapely.symmetric_difference(shapely.union_all(counties), by_rid[henan]).area
    assert difference < 1e-6


def test_names_are_there_in_both_languages(index: RegionIndex) -> None:
    assert all(index.name.tolist())
    chinese = np.isin(index.pack, ["cn"])
    assert all(index.name_zh[chinese].tolist())
    assert all(name.isascii() for name in index.name[index.of_kind("cn-county")].tolist())
    france = index.by_code("FRA")
    assert france is not None
    assert (index.name[france], index.name_zh[france]) == ("France", "法国")


def test_unknown_population_is_not_zero(index: RegionIndex) -> None:
    assert not (index.population == 0).any()
    assert not (index.places_population == 0).any()
    assert np.isnan(index.population[index.by_code("ATA")])
    assert np.isnan(index.population[index.of_kind("cn-county")]).all()
    assert index.population[index.by_code("CHN")] > 1.3e9


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        pytest.param(113.65, 34.757, "CN-410103", id="Zhengzhou, Erqi"),
        pytest.param(112.59, 35.07, "CN-419001", id="Jiyuan, run by its province"),
        pytest.param(121.56, 25.04, "CN-710009", id="Taipei"),
        pytest.param(-87.65, 41.88, "US-17031", id="Chicago, Cook County"),
        pytest.param(2.35, 48.85, "FR.VP", id="Paris"),
        pytest.param(-150.0, 0.0, None, id="open ocean"),
        pytest.param(179.0, 80.0, None, id="Arctic Ocean on the antimeridian"),
        pytest.param(0.0, 90.0, None, id="north pole"),
        pytest.param(77.0, -90.0, "ATA-ANTARCTICA", id="south pole under any longitude"),
        pytest.param(float("nan"), 10.0, None, id="no longitude"),
        pytest.param(10.0, 91.0, None, id="beyond the pole"),
    ],
)
def test_locate_finds_the_finest_region(index: RegionIndex, lon: float, lat: float, code: str | None) -> None:
    assert code_at(index, lon, lat) == code


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        pytest.param(179.4, -16.5, id="Vanua Levu, west of it"),
        pytest.param(-179.97, -16.85, id="Taveuni, east of it"),
        pytest.param(180.03, -16.85, id="Taveuni, counted eastwards"),
        pytest.param(180.0, -16.5, id="on it as +180"),
        pytest.param(-180.0, -16.5, id="on it as -180"),
    ],
)
def test_locate_sees_fiji_from_both_sides(index: RegionIndex, lon: float, lat: float) -> None:
    assert code_at(index, lon, lat, "country") == "FJI"


def test_locate_on_the_antimeridian_is_one_place(index: RegionIndex) -> None:
    found = {code_at(index, lon, 68.5, "country") for lon in (180.0, -180.0, 540.0, -540.0)}
    assert found == {"RUS"}


def test_locate_by_kind_gives_the_whole_chain(index: RegionIndex) -> None:
    kinds = ("country", "cn-province", "cn-prefecture", "cn-county", "us-county")
    found = [code_at(index, 113.65, 34.757, kind) for kind in kinds]
    assert found == ["CHN", "CN-410000", "CN-410100", "CN-410103", None]


def test_finest_first_begins_with_counties() -> None:
    assert FINEST_FIRST[0] == "cn-county"
    assert FINEST_FIRST[-1] == "country"


def test_missing_base_data_says_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make setup"):
        load_regions(tmp_path)


def test_index_arrays_cannot_be_changed(index: RegionIndex) -> None:
    with pytest.raises(ValueError, match="read-only"):
        index.bbox[0, 0] = 0.0
