"""Outlines that only grow, regions that drawn shapes reach, names in words, files that people upload."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.desk.area import checked, circle, completed, hull, names, outline, reached, rings_of, uploaded
from alerts.desk.content import Around, Content
from alerts.desk.desk import Desk
from alerts.desk.refusal import Refusal
from alerts.desk.simplify import simplify_outward, vertices
from layers.geodesy import great_circle_km
from layers.impact.footprint import areas_km2
from tests.alerts.desk.conftest import text
from tests.conftest import tries


@st.composite
def stars(draw: st.DrawFn) -> Any:
    """A ring with spikes and bays around a place, at times across the antimeridian's edge of the map."""
    count = draw(st.integers(5, 120))
    seed = draw(st.integers(0, 2**31))
    lon, lat = draw(st.floats(-175, 175)), draw(st.floats(-80, 80))
    radius = draw(st.sampled_from((0.01, 0.5, 4.0)))
    random = np.random.default_rng(seed)
    angle = np.sort(random.uniform(0, 2 * np.pi, count))
    reach = radius * random.uniform(0.3, 1.0, count)
    points = np.column_stack([lon + reach * np.cos(angle), lat + reach * np.sin(angle)])
    shape = shapely.make_valid(shapely.Polygon(points))
    return shapely.union_all([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])


@settings(max_examples=tries(40, 15), deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(stars(), min_size=1, max_size=4), cap=st.integers(5, 200))
def test_simplified_area_only_grows_and_says_by_how_much(parts: list[Any], cap: int) -> None:
    area = shapely.union_all([part for part in parts if part.area > 0])
    if area.is_empty:
        return
    found, grown = simplify_outward(area, cap)
    assert vertices(found) <= cap and found.is_valid
    assert found.covers(area)
    before, after = areas_km2(np.array([area, found], dtype=object))
    assert grown == pytest.approx(max(0.0, after / before - 1.0), abs=1e-9)


def test_area_that_fits_is_left_as_it_is() -> None:
    box = shapely.box(100, 20, 101, 22)
    found, grown = simplify_outward(box, 500)
    assert found.equals(box) and grown == 0.0


def test_holes_are_filled_and_counted_as_growth() -> None:
    ring = shapely.Polygon(shapely.box(100, 20, 104, 24).exterior, [shapely.box(101, 21, 103, 23).exterior])
    found, grown = simplify_outward(ring, 500)
    assert found.equals(shapely.box(100, 20, 104, 24)) and grown == pytest.approx(1 / 3, rel=0.01)


def test_archipelago_of_many_islands_fits_a_small_cap() -> None:
    random = np.random.default_rng(3)
    places = random.uniform((150, -20), (179.9, 20), (300, 2))
    islands = shapely.buffer(shapely.points(places), 0.05)
    found, grown = simplify_outward(islands, 100)
    assert vertices(found) <= 100 and bool(shapely.covers(found, islands).all()) and grown > 0
    assert found.bounds[2] <= 180


def test_outline_of_regions_is_their_shape(desk: Desk) -> None:
    rings, grown = outline(desk.index.base_dir, ("CN-110101", "CN-110102"), desk.index)
    assert [shapely.Polygon(ring).equals(shapely.box(100, 20, 102, 22)) for ring in rings] == [True]
    assert grown < 1e-9
    quick = hull(("CN-110101", "CN-110202"), desk.index)
    assert shapely.Polygon(quick[0]).equals(shapely.box(100, 20, 104, 22))


def test_region_below_another_is_said_once(desk: Desk) -> None:
    assert checked(("CN-110101", "CN-1101", "CN-110201", "CN-1101"), desk.index) == ("CN-1101", "CN-110201")
    with pytest.raises(Refusal, match="no region XX"):
        checked(("XX",), desk.index)


def test_drawn_shape_reaches_the_finest_regions(desk: Desk) -> None:
    ring = ((101.5, 20.5), (102.5, 20.5), (102.5, 21.5), (101.5, 20.5))
    content: Content = text(desk, regions=()).with_(polygons=(ring,))
    assert reached(content, desk.index) == ("CN-110102", "CN-110201")
    whole = completed(content.with_(regions=("CN-1102",)), desk.index)
    assert whole.touched == ("CN-110102",) and len(whole.outline) == 1


def test_circle_covers_the_distance_on_the_sphere_also_over_the_antimeridian() -> None:
    for lon, lat in ((103.0, 21.0), (179.9, 10.0), (-179.95, -60.0)):
        shape = circle(Around(centre=(lon, lat), radius_km=100.0))
        angle = np.radians(np.arange(0, 360, 7))
        away = 99.9 / 6371.0
        north = np.arcsin(
            np.sin(np.radians(lat)) * np.cos(away) + np.cos(np.radians(lat)) * np.sin(away) * np.cos(angle)
        )
        east = np.radians(lon) + np.arctan2(
            np.sin(angle) * np.sin(away) * np.cos(np.radians(lat)),
            np.cos(away) - np.sin(np.radians(lat)) * np.sin(north),
        )
        lons = (np.degrees(east) + 180) % 360 - 180
        assert great_circle_km(lon, lat, lons, np.degrees(north)) == pytest.approx(99.9, rel=1e-3)
        assert bool(shapely.covers(shape, shapely.points(lons, np.degrees(north))).all())
        assert shape.bounds[0] >= -180 and shape.bounds[2] <= 180


def test_circle_of_the_desk_reaches_regions(desk: Desk) -> None:
    content = text(desk, regions=()).with_(circles=(Around(centre=(103.5, 21.0), radius_km=30),))
    assert reached(content, desk.index) == ("CN-110202",)


def test_many_regions_are_named_by_those_above(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    counties = ("CN-110101", "CN-110102", "CN-110201")
    assert names(counties, desk.index, "en") == "CN-110101, CN-110102, CN-110201"
    assert names(counties, desk.index, "zh") == "CN-110101、CN-110102、CN-110201"
    monkeypatch.setattr("alerts.desk.area.NAMED", 2)
    assert names(counties, desk.index, "en") == "CN-1101, CN-110201"


def feature(coordinates: Any) -> bytes:
    geometry = {"type": "Polygon", "coordinates": coordinates}
    return json.dumps({"type": "Feature", "properties": {}, "geometry": geometry}).encode()


def test_uploaded_polygon_is_mended_and_kept() -> None:
    rings, notes = uploaded(feature([[[100, 20], [102, 22], [102, 20], [100, 22], [100, 20]]]))
    assert len(rings) == 2 and "crossed or touched itself" in notes[0]
    assert all(ring[0] == ring[-1] for ring in rings)


BAD = {
    "nothing": b"", "text": b"hello", "a number": b"7", "a point": b'{"type": "Point", "coordinates": [1, 2]}',
    "not finite": feature([[[100, 20], [float("nan"), 22], [102, 20], [100, 20]]]),
    "off the globe": feature([[[100, 200], [102, 220], [102, 200], [100, 200]]]),
    "deep": b"[" * 100_000, "too large": b" " * 5_000_001, "no area": feature([[[1, 1], [1, 1], [1, 1], [1, 1]]]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_asvs_5_2_upload_that_is_no_area_is_a_sentence(name: str) -> None:
    with pytest.raises(Refusal):
        uploaded(BAD[name])


def test_rings_are_longitude_first() -> None:
    corners = {(100.0, 20.0), (101.0, 20.0), (101.0, 22.0), (100.0, 22.0)}
    assert set(rings_of(shapely.box(100, 20, 101, 22))[0]) == corners
