"""Classes of tropical cyclones, and wind circles from quadrant radii."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import LayerError
from layers.derived.tropical_cyclone import Minutes, WindCircle, cyclone_class, wind_field

CENTRE = (125.0, 20.0)
KT = 0.514444


def circle(wind_ms: float, *radii: float | None, minutes: Minutes = 2) -> WindCircle:
    ne, se, sw, nw = radii if len(radii) == 4 else radii * 4
    return WindCircle(wind_ms=wind_ms, averaging_min=minutes, ne_km=ne, se_km=se, sw_km=sw, nw_km=nw)


@pytest.mark.parametrize(
    ("scheme", "minutes", "winds", "classes"),
    [
        pytest.param(  # GB/T 19201-2006
            "cyclone_gbt19201", 2, [10.7, 10.8, 17.1, 17.2, 24.4, 24.5, 32.6, 32.7, 41.4, 41.5, 50.9, 51.0],
            [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6], id="China",
        ),
        pytest.param(  # ESCAP/WMO Typhoon Committee: 34, 48, 64 kt
            "cyclone_typhoon_committee", 10, [33 * KT, 34 * KT, 47 * KT, 48 * KT, 63 * KT, 64 * KT, 32.9],
            [0, 1, 1, 2, 2, 3, 3], id="Typhoon Committee",
        ),
        pytest.param(  # NHC 2012: 64, 83, 96, 113, 137 kt
            "cyclone_saffir_simpson", 1, [60 * KT, 64 * KT, 83 * KT, 95 * KT, 96 * KT, 113 * KT, 136 * KT, 137 * KT],
            [0, 1, 2, 2, 3, 4, 4, 5], id="Saffir-Simpson",
        ),
    ],
)  # fmt: skip
def test_class_by_wind(scheme: str, minutes: int, winds: list[float], classes: list[int]) -> None:
    assert cyclone_class(winds, averaging_min=minutes, scheme=scheme).tolist() == classes


def test_winds_of_another_period_are_refused() -> None:
    with pytest.raises(LayerError, match="2 min, not of 10 min"):
        cyclone_class(40.0, averaging_min=10, scheme="cyclone_gbt19201")
    with pytest.raises(LayerError, match="rain_24h"):
        cyclone_class(40.0, averaging_min=10, scheme="rain_24h")
    assert np.isnan(cyclone_class([np.nan, -1.0, 130.0], averaging_min=2, scheme="cyclone_gbt19201")).all()


def test_highest_circle_that_holds_the_cell() -> None:
    # China, forces 7, 10 and 12: 13.9, 24.5 and 32.7 m/s
    circles = [circle(32.7, 50.0), circle(13.9, 300.0, 250.0, 200.0, 150.0), circle(24.5, 100.0)]
    lon = np.array([125.0, 125.9, 127.5, 128.2, 122.5, 123.2])
    lat = np.array([20.0, 20.1, 20.1, 20.1, 20.1, 19.9])
    field = wind_field(lon, lat, centre=CENTRE, circles=circles)
    #  centre, 94 km NE, 261 km NE, 334 km NE, 261 km NW, 188 km SW
    assert field.value.tolist() == [32.7, 24.5, 13.9, 0.0, 0.0, 13.9]
    assert field.averaging_min == 2


def test_quadrants_follow_the_bearing() -> None:
    circles = [circle(13.9, 200.0, 0.0, 0.0, 0.0)]
    field = wind_field([126.0, 126.0, 124.0, 124.0], [21.0, 19.0, 19.0, 21.0], centre=CENTRE, circles=circles)
    assert field.value.tolist() == [13.9, 0.0, 0.0, 0.0]
    across = wind_field([-179.5], [20.5], centre=(179.5, 20.0), circles=circles)
    assert across.value.tolist() == [13.9], "the date line is no border"


def test_quadrant_that_is_not_told_is_unknown() -> None:
    weak, strong = circle(13.9, 300.0), circle(24.5, None, 100.0, 100.0, 100.0)
    lon, lat = [125.5, 129.0, 124.5], [20.5, 21.0, 19.5]  # 76 km NE, 431 km NE, 76 km SW
    field = wind_field(lon, lat, centre=CENTRE, circles=[weak, strong])
    assert np.isnan(field.value[0]) and field.least[0] == 13.9
    assert field.value[1:].tolist() == [0.0, 24.5], "outside the weaker circle the stronger cannot be"
    outer = wind_field(lon, lat, centre=CENTRE, circles=[circle(13.9, None, 300.0, 300.0, 300.0), circle(24.5, 80.0)])
    assert outer.value[0] == 24.5 and np.isnan(outer.value[1]) and outer.least[1] == 0.0


def test_cell_without_a_place_is_unknown() -> None:
    field = wind_field([np.nan, 125.0], [20.0, np.nan], centre=CENTRE, circles=[circle(13.9, 300.0)])
    assert np.isnan(field.value).all() and np.isnan(field.least).all()


@pytest.mark.parametrize(
    ("circles", "words"),
    [
        pytest.param([], "at least one", id="none"),
        pytest.param([circle(13.9, 300.0), circle(24.5, 100.0, minutes=10)], "mixed", id="periods"),
        pytest.param([circle(13.9, -1.0)], "0 to 3000", id="negative"),
        pytest.param([circle(13.9, 100.0), circle(24.5, 200.0)], "farther", id="contradiction"),
        pytest.param([circle(13.9, 100.0), circle(13.9, 100.0)], "same wind", id="twice"),
        pytest.param([circle(500.0, 100.0)], "120 m/s", id="no such wind"),
    ],
)
def test_circles_that_cannot_be_are_refused(circles: list[WindCircle], words: str) -> None:
    with pytest.raises(LayerError, match=words):
        wind_field(125.0, 20.0, centre=CENTRE, circles=circles)


@given(st.floats(0, 360), st.floats(0, 500), st.floats(0, 500))
def test_wind_never_rises_outwards_along_a_ray(bearing: float, near: float, more: float) -> None:
    circles = [circle(13.9, 400.0, 350.0, 300.0, 380.0), circle(24.5, 150.0, None, 120.0, 100.0), circle(32.7, 40.0)]
    degrees = np.array([near, near + more]) / 111.2
    turn = np.radians(bearing)
    lat = CENTRE[1] + degrees * np.cos(turn)
    lon = CENTRE[0] + degrees * np.sin(turn)
    field = wind_field(lon, lat, centre=CENTRE, circles=circles)
    same = np.floor(bearing / 90) == np.floor(((bearing - 4) % 360) / 90) == np.floor(((bearing + 4) % 360) / 90)
    assert not same or field.least[1] <= field.least[0]
