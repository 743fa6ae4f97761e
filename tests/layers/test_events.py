"""Distances to areas, and the strongest event near each region."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.events import Happened, Near, strongest_near
from layers.geodesy import distance_to_areas_km, great_circle_km, near_boxes
from tests.conftest import tries

NAN = float("nan")


@pytest.mark.parametrize(
    ("one", "two", "km"),
    [
        pytest.param((0, 0), (0, 1), 111.195, id="a-degree-of-latitude"),
        pytest.param((0, 0), (180, 0), 20015.115, id="half-round"),
        pytest.param((179.5, 0), (-179.5, 0), 111.195, id="over-the-antimeridian"),
        pytest.param((0, 90), (77, 90), 0.0, id="one-pole-many-longitudes"),
        pytest.param((-86.67, 36.12), (-118.40, 33.94), 2886.45, id="nashville-los-angeles"),
    ],
)
def test_great_circle(one: tuple[float, float], two: tuple[float, float], km: float) -> None:
    assert float(great_circle_km(*one, *two)) == pytest.approx(km, rel=1e-4, abs=1e-6)


BOX = shapely.box(100.0, 20.0, 101.0, 21.0)
ASIA_EAST = shapely.multipolygons([shapely.box(179.0, 60.0, 180.0, 61.0), shapely.box(-180.0, 60.0, -179.0, 61.0)])
RING = shapely.box(0, 0, 4, 4).difference(shapely.box(1, 1, 3, 3))


@pytest.mark.parametrize(
    ("lon", "lat", "area", "km"),
    [
        pytest.param(100.5, 20.5, BOX, 0.0, id="inside"),
        pytest.param(100.0, 20.5, BOX, 0.0, id="on-the-border"),
        pytest.param(100.5, 22.0, BOX, 111.195, id="north-of-an-edge"),
        pytest.param(103.0, 21.5, BOX, float(great_circle_km(103.0, 21.5, 101.0, 21.0)), id="off-a-corner"),
        pytest.param(-178.0, 60.5, ASIA_EAST, float(great_circle_km(-178, 60.5, -179, 60.5)), id="antimeridian-east"),
        pytest.param(180.0, 60.5, ASIA_EAST, 0.0, id="on-the-antimeridian"),
        pytest.param(-182.5, 60.5, ASIA_EAST, float(great_circle_km(177.5, 60.5, 179, 60.5)), id="turned"),
        pytest.param(2.0, 2.0, RING, 111.195, id="in-a-hole"),
        pytest.param(0.0, 0.0, BOX, math.inf, id="too-far"),
    ],
)
def test_distance_to_area(lon: float, lat: float, area: shapely.Geometry, km: float) -> None:
    found = distance_to_areas_km(lon, lat, np.array([area], dtype=object), 300.0)[0]
    assert found == pytest.approx(km, rel=2e-3, abs=1e-6)


@settings(max_examples=tries(60, 20), deadline=None)
@given(lon=st.floats(-180, 180), lat=st.floats(-85, 85), west=st.floats(-180, 178), south=st.floats(-85, 83))
def test_distance_agrees_with_points_along_the_border(lon: float, lat: float, west: float, south: float) -> None:
    area = shapely.box(west, south, west + 1.0, south + 1.0)
    found = float(distance_to_areas_km(lon, lat, np.array([area], dtype=object), 800.0)[0])
    dense = shapely.get_coordinates(shapely.segmentize(area, 0.002))
    nearest = float(great_circle_km(lon, lat, dense[:, 0], dense[:, 1]).min())
    inside = shapely.intersects_xy(area, lon, lat)
    if inside:
        assert found == pytest.approx(0.0, abs=1e-6)
    elif nearest < 780.0:
        assert found == pytest.approx(nearest, rel=5e-3, abs=0.5)
        assert near_boxes(lon, lat, np.array([area.bounds]), 800.0)[0]
    elif nearest > 820.0:
        assert found == math.inf


def near(*pairs: tuple[int, float]) -> Near:
    return Near(region=np.array([pair[0] for pair in pairs]), distance_km=np.array([pair[1] for pair in pairs]))


EVENTS = Happened(
    magnitude=np.array([4.0, 6.0, NAN]),
    occurred_at=np.array([0.0, 10.0, 20.0]),
    near=[near((0, 5.0), (1, 80.0)), near((1, 120.0), (2, 40.0)), near((3, 0.0))],
)


def test_strongest_near_takes_the_largest_within_the_distance() -> None:
    found = strongest_near(EVENTS, 5, within_km=100.0, as_of=30.0, watched=True, at=30.0)
    assert found.value[:3].tolist() == [4.0, 4.0, 6.0]
    assert found.behind.tolist() == [0, 0, 1, -1, -1]
    assert found.value[4] == -math.inf
    assert found.valid_share.tolist() == [1.0, 1.0, 1.0, 0.0, 1.0]
    assert found.observed_at.tolist() == [30.0] * 5


def test_strongest_near_event_that_stays_without_magnitude_is_let_go() -> None:
    found = strongest_near(EVENTS, 5, within_km=100.0, as_of=8000.0, watched=True, at=8000.0)
    assert found.valid_share[3] == 1.0


def test_strongest_near_is_the_same_in_any_order() -> None:
    order = [2, 1, 0]
    turned = Happened(
        magnitude=EVENTS.magnitude[order], occurred_at=EVENTS.occurred_at[order], near=[EVENTS.near[n] for n in order]
    )
    one, two = (strongest_near(e, 5, within_km=500.0, as_of=30.0, watched=True, at=30.0) for e in (EVENTS, turned))
    assert np.array_equal(one.value, two.value)
    assert np.array_equal(one.valid_share, two.valid_share)
