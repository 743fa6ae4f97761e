"""Lines and polygons in a store: against shapely over the delivered shapes, one by one."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pytest
import shapely
from numpy.typing import NDArray

from data.errors import LayerError
from layers.survey.build import build
from layers.survey.choice import choose
from layers.survey.polygon import tally_polygon
from layers.survey.rows import every_row, find_rows
from layers.survey.schema import Facet, Schema
from layers.survey.shapes import write as writing
from layers.survey.store import Store
from layers.survey.suggest import suggest
from layers.survey.tiles import points
from tests.layers.survey.records import write

USES = ("road", "building", "field")
SCHEMA = Schema(
    facets=(Facet(name="use", values=USES),), lon="", lat="", geometry="geometry", shapes=True,
)  # fmt: skip
WORLD = shapely.box(-180, -85, 180, 85)
AREA = shapely.Polygon([(116.2, 39.7), (116.7, 39.8), (116.5, 40.1), (116.3, 40.0), (116.35, 39.85)])
Array = NDArray[Any]


def made(count: int, seed: int = 1) -> tuple[Array, list[str]]:
    """Houses, fields with a hole, roads and some in two parts, around one town and scattered."""
    draw = np.random.default_rng(seed)
    centre = np.column_stack([draw.normal(116.4, 0.15, count), draw.normal(39.9, 0.1, count)])
    shapes = []
    for number, (lon, lat) in enumerate(centre):
        size = draw.uniform(0.0005, 0.02)
        match number % 4:
            case 0:
                shapes.append(shapely.LineString(draw.normal((lon, lat), size, (6, 2))))
            case 1:
                shapes.append(shapely.box(lon, lat, lon + size, lat + size / 2))
            case 2:
                outer, hole = shapely.Point(lon, lat).buffer(size), shapely.Point(lon, lat).buffer(size / 3)
                shapes.append(outer.difference(hole))
            case _:
                one = shapely.Point(lon, lat).buffer(size, quad_segs=3)
                shapes.append(shapely.union(one, shapely.Point(lon + 4 * size, lat).buffer(size / 2)))
    return np.array(shapes, dtype=object), [USES[number % 3] for number in range(count)]


def table_of(shapes: Array, uses: list[str]) -> pa.Table:
    wkb = [None if one is None else shapely.to_wkb(one) for one in shapes]
    ids = [f"s{number}" for number in range(len(uses))]
    return pa.table({"geometry": pa.array(wkb, pa.binary()), "use": uses, "id": ids})


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory, threads: Executor) -> tuple[Store, Array, list[str]]:
    """3,000 shapes in several buckets, written some hundred at a time."""
    folder = tmp_path_factory.mktemp("shapes")
    shapes, uses = made(3_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "CHUNK", 300)
        build([write(table_of(shapes, uses), folder / "a.parquet", 700)], folder / "store", SCHEMA,
              executor=threads, limit=400, bucket_rows=800)  # fmt: skip
    return Store(folder / "store"), shapes, uses


def on_map(shapes: Array) -> Array:
    """On a plane whose world is 1 wide, by the textbook formula."""

    def project(lonlat: Array) -> Array:
        y = 0.5 - np.arcsinh(np.tan(np.radians(lonlat[:, 1]))) / (2 * np.pi)
        return np.column_stack([(lonlat[:, 0] + 180) / 360, y])

    found: Array = shapely.transform(shapes, project)
    return found


@pytest.mark.parametrize("wanted", [None, ["road"], ["building", "field"]])
@pytest.mark.parametrize("tile", [(0, 0, 0), (6, 52, 24), (9, 421, 194), (11, 1686, 775), (14, 13490, 6206)])
def test_each_counts_where_a_point_on_it_lies(
    held: tuple[Store, Array, list[str]], tile: tuple[int, int, int], wanted: list[str] | None
) -> None:
    store, shapes, uses = held
    choice = choose(SCHEMA, {"use": wanted} if wanted else None)
    zoom, x, y = tile
    at = shapely.get_coordinates(on_map(shapely.point_on_surface(shapes))) * 2**zoom
    meant = (np.floor(at) == (x, y)).all(axis=1) & np.isin(uses, wanted or USES)
    assert store.grid(*tile, choice).sum() == meant.sum()
    assert store.tally(choice).total == np.isin(uses, wanted or USES).sum()


@pytest.mark.parametrize(
    "area", [AREA, shapely.box(116, 39, 117, 41), shapely.Point(116.4, 39.9).buffer(0.003), WORLD]
)
def test_those_that_touch_a_polygon(held: tuple[Store, Array, list[str]], area: Any) -> None:
    store, shapes, uses = held
    touches = shapely.intersects(on_map(np.array([area], dtype=object))[0], on_map(shapes))
    assert touches.sum() > 0
    for wanted in (list(USES), ["field"]):
        choice = choose(SCHEMA, {"use": wanted})
        meant = touches & np.isin(uses, wanted)
        assert tally_polygon(store, area, choice).total == meant.sum()
        found = pa.concat_tables(every_row(store, area, choice))
        assert sorted(found["source_row"].to_pylist()) == np.flatnonzero(meant).tolist()
        same = shapely.equals_exact(
            shapely.from_wkt(found["geometry"].to_pylist()), shapes[found["source_row"]], 1e-6
        )
        assert same.all()
    page = find_rows(store, area, offset=5, limit=7)
    assert "geometry" not in page.column_names and page.num_rows == min(7, touches.sum() - 5)


@pytest.mark.parametrize("tile", [(10, 843, 387), (13, 6744, 3103), (16, 53958, 24826)])
def test_a_tile_has_the_shapes_that_touch_it(
    held: tuple[Store, Array, list[str]], tile: tuple[int, int, int]
) -> None:
    store, shapes, uses = held
    zoom, x, y = tile
    body = points(store, zoom, x, y)
    assert body
    features = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})["records"]["features"]
    own = shapely.transform(on_map(shapes), lambda xy: (xy * 2**zoom - (x, y)) * 4096)
    clipped = shapely.clip_by_rect(own, -64, -64, 4160, 4160)
    here = ~shapely.is_empty(clipped)
    assert len(features) == here.sum() > 3
    assert Counter(one["properties"]["use"] for one in features) == Counter(np.array(uses)[here])
    drawn = shapely.from_geojson([json.dumps(one["geometry"]) for one in features])
    assert shapely.area(drawn).sum() == pytest.approx(shapely.area(clipped[here]).sum(), rel=0.02)
    lines = shapely.get_dimensions(drawn) == 1
    meant = shapely.length(clipped[here & (shapely.get_dimensions(own) == 1)])
    assert shapely.length(drawn[lines]).sum() == pytest.approx(meant.sum(), rel=0.03)
    assert shapely.is_valid(drawn).mean() > 0.97


def test_too_many_shapes_are_no_tile(held: tuple[Store, Array, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layers.survey.tiles.MOST_POINTS", 100)
    assert points(held[0], 5, 26, 12) is None
    assert points(held[0], 5, 0, 0) == b""
    assert points(held[0], 16, 53958, 24826)


def test_broken_shapes(tmp_path: Path, threads: Executor) -> None:
    bow_tie = shapely.Polygon([(116, 39), (117, 40), (117, 39), (116, 40)])
    shapes = np.array([
        bow_tie, shapely.Polygon(), None, shapely.GeometryCollection([shapely.Point(1, 1)]),
        shapely.Point(116.5, 39.5),
        shapely.LineString([(0, 0), (7, 1)]), shapely.box(10, 86, 11, 87), shapely.box(170, 10, 200, 20),
        shapely.LineString([(5, 5), (5, 5)]), shapely.box(0, 80, 1, 90),
    ], dtype=object)  # fmt: skip
    table = table_of(shapes, ["road"] * len(shapes))
    written = table["geometry"].to_pylist()
    written[5] = written[5].replace(struct.pack("<d", 7), struct.pack("<d", np.nan))
    broken = pa.array([*written[:-1], b"no shape at all"], pa.binary())
    table = table.set_column(0, "geometry", broken)
    entry = build([write(table, tmp_path / "a.parquet")], tmp_path / "store", SCHEMA, executor=threads)
    assert entry["refused"] == {"no position": 4, "outside the map": 2, "not a line or polygon": 1}
    store = Store(tmp_path / "store")
    assert entry["rows"] == 3 == store.tally().total == tally_polygon(store, WORLD).total
    assert tally_polygon(store, shapely.box(116.4, 39.8, 116.6, 39.9)).total == 0  # between the wings of the tie
    assert tally_polygon(store, shapely.box(116.01, 39.4, 116.02, 39.5)).total == 1
    assert points(store, 8, 210, 97)


def test_an_amended_shape_is_in_the_place_of_the_earlier_one(tmp_path: Path, threads: Executor) -> None:
    shapes, uses = made(400)
    store = tmp_path / "store"
    build([write(table_of(shapes, uses), tmp_path / "1.parquet")], store, SCHEMA, executor=threads)
    moved = table_of(shapely.transform(shapes, lambda xy: xy + np.array([3, 0])), uses).slice(100, 50)
    build([write(moved, tmp_path / "2.parquet")], store, SCHEMA, mode="amend", executor=threads)
    found = Store(store)
    assert found.rows == found.tally().total == tally_polygon(found, WORLD).total == 400
    assert tally_polygon(found, shapely.box(118, 38, 121, 42)).total == 50
    assert sum(part.num_rows for part in every_row(found, shapely.box(114, 38, 118, 42))) == 350
    body = points(found, 5, 26, 12)
    assert body
    assert len(mapbox_vector_tile.decode(body)["records"]["features"]) == 400


def test_a_schema_is_proposed(tmp_path: Path) -> None:
    shapes, uses = made(100)
    found = suggest(write(table_of(shapes, uses), tmp_path / "a.parquet"))
    assert found.shapes and found.geometry == "geometry" and found == Schema.from_json(found.as_json())
    dots = table_of(shapely.point_on_surface(shapes), uses)
    assert not suggest(write(dots, tmp_path / "b.parquet")).shapes


def test_shapes_need_a_geometry() -> None:
    with pytest.raises(LayerError, match="shapes are in a geometry"):
        Schema(shapes=True)
