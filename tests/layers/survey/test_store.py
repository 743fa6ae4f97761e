"""Exact counts at every zoom, under every choice, in every polygon: against counting the delivered table."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pytest
import shapely
from numpy.typing import NDArray
from PIL import Image

from data.errors import LayerError
from layers.survey.choice import choose
from layers.survey.polygon import tally_polygon
from layers.survey.rows import every_row, find_rows
from layers.survey.store import Store
from layers.survey.tiles import density, points
from tests.layers.survey.records import GRADES, REGIONS, SCHEMA, SECTORS

CHOICES: list[tuple[dict[str, Any] | None, tuple[str, ...] | None]] = [
    (None, None),
    ({"sector": ["hospital"], "grade": ["2", "3"]}, None),
    ({"grade": [""]}, None),
    (None, (REGIONS[1],)),
    ({"sector": ["school", "bridge"]}, (REGIONS[0], "")),
]
WORLD = shapely.box(-179, -85, 179, 85)


def on_plane(table: pa.Table) -> tuple[NDArray[Any], NDArray[Any]]:
    """Positions of the delivered records as shares of the world's width, from the textbook formula; -1 for none."""
    usable = meant(table, None, None)
    lon, lat = (np.where(usable, np.asarray(table[name]), 0.0) for name in ("lon", "lat"))
    y = 0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)
    return np.where(usable, (lon + 180) / 360, -1.0), np.where(usable, y, -1.0)


def meant(table: pa.Table, facets: dict[str, Any] | None, regions: tuple[str, ...] | None) -> NDArray[Any]:
    """Which delivered records are usable and chosen."""
    lon, lat = np.asarray(table["lon"]), np.asarray(table["lat"])
    found: NDArray[Any] = (np.abs(lon) <= 180) & (np.abs(lat) < 85.05)
    for name, words in (facets or {}).items():
        known = {"sector": SECTORS, "grade": GRADES}[name]
        given = ["" if word not in known else word for word in table[name].to_pylist()]
        found &= np.isin(given, words)
    if regions is not None:
        given = [word if word in REGIONS else "" for word in table["county"].to_pylist()]
        found &= np.isin(given, regions)
    return found


@pytest.mark.parametrize(("facets", "regions"), CHOICES)
@pytest.mark.parametrize("zoom", [0, 3, 7, 9, 11, 14])
def test_cells_of_tiles_equal_counting(
    store: Store, delivered: pa.Table, zoom: int, facets: dict[str, Any] | None, regions: tuple[str, ...] | None
) -> None:
    x, y = on_plane(delivered)
    chosen = meant(delivered, facets, regions)
    tiles = Counter(
        zip((x[chosen] * 2**zoom).astype(int).tolist(), (y[chosen] * 2**zoom).astype(int).tolist(), strict=True)
    )
    for (column, row), number in tiles.most_common(4):
        grid = store.grid(zoom, column, row, choose(SCHEMA, facets, regions))
        side = len(grid)
        expected = np.zeros((side, side), int)
        here = chosen & ((x * 2**zoom).astype(int) == column) & ((y * 2**zoom).astype(int) == row)
        across, down = (x[here] * 2**zoom - column) * side, (y[here] * 2**zoom - row) * side
        np.add.at(expected, (down.astype(int), across.astype(int)), 1)
        assert grid.sum() == number
        np.testing.assert_array_equal(grid, expected)


def test_upper_tiles_are_counted_beforehand_and_lower_ones_are_not(store: Store) -> None:
    (segment,) = store.segments
    assert segment.is_counted(0, 0) and max(segment.counted) > 5
    assert store.grid(0, 0, 0, choose(SCHEMA, {"grade": ["1"]})).shape == (128, 128)
    assert store.grid(18, 215_000, 100_000).shape == (256, 256)


@pytest.mark.parametrize(("facets", "regions"), CHOICES)
def test_totals_by_facet_and_region(
    store: Store, delivered: pa.Table, facets: dict[str, Any] | None, regions: tuple[str, ...] | None
) -> None:
    chosen = meant(delivered, facets, regions)
    tally = store.tally(choose(SCHEMA, facets, regions))
    assert tally.total == chosen.sum()
    expected = Counter(np.asarray(delivered["sector"].cast(pa.string()))[chosen].tolist())
    assert tally.by_facet("sector") == dict(expected)
    given = [word if word in REGIONS else "" for word in np.asarray(delivered["county"])[chosen].tolist()]
    assert tally.by_region() == dict(Counter(given))


@pytest.mark.parametrize(("facets", "regions"), CHOICES)
@pytest.mark.parametrize("radius", [0.002, 0.05, 0.4, 12.0])
def test_polygons_equal_counting(
    store: Store, delivered: pa.Table, radius: float, facets: dict[str, Any] | None, regions: tuple[str, ...] | None
) -> None:
    angle = np.linspace(0, 2 * np.pi, 21)[:-1]
    reach = radius * np.where(np.arange(20) % 2, 0.55, 1.0)
    star = shapely.Polygon(np.column_stack([116.5 + reach * np.cos(angle), 39.8 + reach * np.sin(angle)]))
    hole = shapely.Point(116.5, 39.8).buffer(radius * 0.2, quad_segs=3)
    polygon = shapely.difference(star, hole)
    tally = tally_polygon(store, polygon, choose(SCHEMA, facets, regions))
    flat = shapely.transform(polygon, lambda at: np.column_stack(_plane(at)))
    inside = meant(delivered, facets, regions) & shapely.contains_xy(flat, *on_plane(delivered))
    assert tally.total == inside.sum()
    rows = list(every_row(store, polygon, choose(SCHEMA, facets, regions)))
    numbers = sorted(number for part in rows for number in part["source_row"].to_pylist())
    assert numbers == np.flatnonzero(inside).tolist()


def _plane(lonlat: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return (lonlat[:, 0] + 180) / 360, 0.5 - np.arcsinh(np.tan(np.radians(lonlat[:, 1]))) / (2 * np.pi)


def test_a_record_comes_back_as_it_was_delivered(store: Store, delivered: pa.Table) -> None:
    page = find_rows(store, WORLD, limit=50, offset=100)
    assert page.num_rows == 50
    source = delivered.take(page["source_row"].cast(pa.int64()).combine_chunks())
    np.testing.assert_allclose(page["lon"], source["lon"], atol=1e-7)
    np.testing.assert_allclose(page["lat"], source["lat"], atol=1e-7)
    assert page["sector"].to_pylist() == source["sector"].cast(pa.string()).to_pylist()
    assert page["grade"].to_pylist() == source["grade"].to_pylist()
    assert page["area"].to_pylist() == source["area"].to_pylist()
    floors = [None if value is None or value > 32_767 else int(value) for value in source["floors"].to_pylist()]
    assert page["floors"].to_pylist() == floors


def test_pages_follow_each_other(store: Store) -> None:
    whole = find_rows(store, WORLD, limit=300)
    parts = [find_rows(store, WORLD, offset=offset, limit=100) for offset in (0, 100, 200)]
    assert pa.concat_tables(parts) == whole
    assert find_rows(store, WORLD, offset=10**9).num_rows == 0


def test_points_of_a_tile_can_be_pressed_on(store: Store, delivered: pa.Table) -> None:
    x, y = on_plane(delivered)
    zoom = 12
    column, row = int(x[100] * 2**zoom), int(y[100] * 2**zoom)
    chosen = choose(SCHEMA, {"sector": ["school", "housing"]})
    body = points(store, zoom, column, row, chosen)
    assert body is not None
    features = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})["records"]["features"]
    usable = meant(delivered, {"sector": ["school", "housing"]}, None)
    here = usable & ((x * 2**zoom).astype(int) == column) & ((y * 2**zoom).astype(int) == row)
    assert len(features) == here.sum() == store.grid(zoom, column, row, chosen).sum()
    drawn = Counter((*one["geometry"]["coordinates"], one["properties"]["sector"]) for one in features)
    across = ((x[here] * 2**zoom - column) * 4096).astype(int).tolist()
    down = ((y[here] * 2**zoom - row) * 4096).astype(int).tolist()
    words = np.asarray(delivered["sector"].cast(pa.string()))[here].tolist()
    assert drawn == Counter(zip(across, down, words, strict=True))
    assert {one["properties"].get("grade") for one in features} <= {None, *GRADES}


def test_a_tile_with_too_many_points_is_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layers.survey.tiles.MOST_POINTS", 1_000)
    assert points(store, 0, 0, 0) is None
    assert points(store, 10, 0, 0) == b""


def test_a_picture_is_empty_where_nothing_is(store: Store) -> None:
    assert density(store.grid(4, 0, 0)) != density(store.grid(4, 13, 6))
    assert density(store.grid(4, 0, 0)).startswith(b"\x89PNG")


def test_tiles_of_larger_cells_have_the_colours_of_their_neighbours() -> None:
    fine, coarse = np.full((256, 256), 25, np.uint32), np.full((128, 128), 100, np.uint32)
    assert density(fine) == density(coarse)
    few = np.full((128, 128), 2, np.uint32)  # two records in four pixels
    drawn = np.asarray(Image.open(io.BytesIO(density(few))).convert("RGBA"))[..., 3] > 0
    assert drawn.reshape(128, 2, 128, 2).sum(axis=(1, 3)).tolist() == few.tolist()


@pytest.mark.parametrize("tile", [(99, 0, 0), (-1, 0, 0), (3, 8, 0), (3, 0, -1)])
def test_a_tile_that_there_is_not_is_an_error(store: Store, tile: tuple[int, int, int]) -> None:
    with pytest.raises(LayerError, match="no such tile"):
        store.grid(*tile)


def test_a_choice_of_what_is_not_known_is_an_error() -> None:
    with pytest.raises(LayerError, match="no such facet: colour; sector: no such value: castle; no such region: 0"):
        choose(SCHEMA, {"colour": ["red"], "sector": ["castle"]}, ["0"])


@pytest.mark.parametrize(
    "polygon",
    [
        shapely.Point(0, 0), shapely.Polygon(), shapely.Polygon([(0, 0), (2, 2), (0, 2), (2, 0)]),
        shapely.box(170, 0, 200, 10), shapely.box(0, 80, 10, 89),
    ],
)  # fmt: skip
def test_a_polygon_that_is_none_is_an_error(store: Store, polygon: Any) -> None:
    with pytest.raises(LayerError, match="polygon"):
        tally_polygon(store, polygon)
