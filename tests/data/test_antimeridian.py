"""Cutting at the antimeridian, on small shapes whose answer is plain, and on the world where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from data.antimeridian import cut, cut_line, unwrap, valid_polygons
from data.setup.paths import Places
from data.setup.topojson import Topology

COUNTRIES = Places().modules / "world-atlas" / "countries-10m.json"
AREAS_M_KM2 = {  # measured by others on Natural Earth 1:10 million, equal-area projection
    "Russia": 16.98,
    "Antarctica": 12.36,
    "China": 9.37,
    "United States of America": 9.46,
    "Brazil": 8.47,
}


def area_m_km2(area: BaseGeometry) -> float:
    """Area on the WGS 84 ellipsoid [million km2]."""
    oriented = shapely.orient_polygons(area)
    return abs(Geod(ellps="WGS84").geometry_area_perimeter(oriented)[0]) / 1e12


@pytest.fixture(scope="module")
def countries() -> dict[str, BaseGeometry]:
    if not COUNTRIES.is_file():
        pytest.skip("world-atlas is not installed: run `make setup`")
    found = Topology(COUNTRIES).features("countries")
    return {item.name: cut(item.geometry) for item in found if item.geometry is not None}


def test_unwrap_goes_the_short_way_round() -> None:
    ring = np.array([[170.0, 0], [-170, 0], [-170, 10], [170, 10], [170, 0]])
    assert unwrap(ring)[:, 0].tolist() == [170, 190, 190, 170, 170]


@pytest.mark.parametrize(
    ("ring", "parts"),
    [
        pytest.param([(0, 0), (10, 0), (10, 10), (0, 10)], [(0, 0, 10, 10)], id="away from it"),
        pytest.param(
            [(170, 0), (-170, 0), (-170, 10), (170, 10)], [(-180, 0, -170, 10), (170, 0, 180, 10)], id="across"
        ),
        pytest.param([(170, 0), (180, 0), (180, 10), (170, 10)], [(170, 0, 180, 10)], id="touching from the west"),
        pytest.param([(-120, -80), (0, -80), (120, -80)], [(-180, -90, 180, -80)], id="round the south pole"),
        pytest.param([(-120, 80), (0, 80), (120, 80)], [(-180, 80, 180, 90)], id="round the north pole"),
    ],
)
def test_cut_gives_the_parts_in_the_plane(
    ring: list[tuple[float, float]], parts: list[tuple[float, float, float, float]]
) -> None:
    result = cut(shapely.Polygon(ring))
    found = sorted(tuple(part.bounds) for part in shapely.get_parts(result))
    assert found == sorted(parts)
    assert result.is_valid


def test_cut_keeps_a_hole_on_the_antimeridian() -> None:
    outer = [(160, -20), (-160, -20), (-160, 20), (160, 20)]
    hole = [(175, -5), (-175, -5), (-175, 5), (175, 5)]
    assert cut(shapely.Polygon(outer, [hole])).area == pytest.approx(40 * 40 - 10 * 10)


def test_cut_line_comes_in_on_the_other_side() -> None:
    parts = shapely.get_parts(cut_line(np.array([[170.0, 0], [-170, 0]])))
    assert sorted(tuple(part.bounds) for part in parts) == [(-180, 0, -170, 0), (170, 0, 180, 0)]


def test_valid_polygons_mends_a_bow_tie() -> None:
    mended = valid_polygons(shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]))
    assert mended.is_valid
    assert mended.area == pytest.approx(2.0)


@pytest.mark.parametrize(("name", "expected"), AREAS_M_KM2.items(), ids=lambda value: str(value))
def test_area_of_a_country_is_the_published_one(
    countries: dict[str, BaseGeometry], name: str, expected: float
) -> None:
    assert area_m_km2(countries[name]) == pytest.approx(expected, abs=0.01)


def test_every_country_is_valid_and_inside_the_world(countries: dict[str, BaseGeometry]) -> None:
    areas = list(countries.values())
    assert len(areas) == 254
    assert all(area.is_valid for area in areas)
    west, south, east, north = shapely.total_bounds(areas)
    assert (west, south, east) == (-180.0, -90.0, 180.0)
    assert north <= 90.0


def test_no_part_is_a_bar_across_the_map(countries: dict[str, BaseGeometry]) -> None:
    bars = {
        name
        for name, area in countries.items()
        for part in shapely.get_parts(area)
        if part.bounds[2] - part.bounds[0] > 180
    }
    assert bars == {"Antarctica"}


def test_fiji_is_small_and_on_both_sides(countries: dict[str, BaseGeometry]) -> None:
    fiji = countries["Fiji"]
    assert area_m_km2(fiji) == pytest.approx(0.0189, abs=0.0005)
    assert {part.bounds[0] > 0 for part in shapely.get_parts(fiji)} == {True, False}
