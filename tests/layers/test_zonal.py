"""Region statistics against exactextract itself and against shapely."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource

from data.errors import LayerError
from data.grid import normalise
from layers.zonal import build_weights, load_weights, region_values, weights_from_bytes, weights_to_bytes

VALID_AT = datetime(2026, 3, 1, 11, tzinfo=UTC)


def cells(count: int, box: tuple[float, float, float, float], seed: int = 1) -> np.ndarray:
    """Voronoi cells of random points, some of them smaller than a grid cell."""
    west, south, east, north = box
    rng = np.random.default_rng(seed)
    points = rng.uniform((west, south), (east, north), (count, 2))
    points[: count // 4] = points[0] + rng.normal(0, 0.05, (count // 4, 2))
    shapes = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points)))
    return np.asarray([shape for shape in shapely.intersection(shapes, shapely.box(*box)) if not shape.is_empty])


def field(values: np.ndarray, **options: Any) -> Any:
    return SimpleNamespace(quantity="precipitation", unit="mm", valid_at=VALID_AT, values=values, **options)


def grid(ny: int = 60, nx: int = 80, west: float = 100.0, north: float = 50.0, step: float = 0.25) -> tuple[Any, Any]:
    return west + (np.arange(nx) + 0.5) * step, north - (np.arange(ny) + 0.5) * step


def some_values(shape: tuple[int, int], missing: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(7)
    values = rng.gamma(2.0, 8.0, shape).astype(np.float32)
    values[rng.random(shape) < missing] = np.nan
    return values


def peer(values: np.ndarray, bounds: tuple[float, ...], shapes: np.ndarray, operations: list[str]) -> Any:
    frame = geopandas.GeoDataFrame(geometry=shapes, crs=4326)
    return exact_extract(NumPyRasterSource(values, *bounds), frame, operations, output="pandas")


@pytest.mark.parametrize("statistic", ["mean", "sum", "max", "min"])
@pytest.mark.parametrize("missing", [0.0, 0.2], ids=["complete", "with gaps"])
def test_statistic_equals_exactextract(statistic: str, missing: float) -> None:
    lon, lat = grid()
    shapes = cells(300, (98.0, 33.0, 121.0, 51.0))
    values = some_values((60, 80), missing)
    weights = build_weights(lon, lat, np.arange(len(shapes), dtype=np.int32), shapes)
    ours = region_values(field(values), weights, statistic)
    table = peer(values, (100.0, 35.0, 120.0, 50.0), shapes, [statistic, "count"])
    expected = np.where(table["count"] > 0, table[statistic].astype(float), np.nan)
    np.testing.assert_allclose(ours.value, expected, rtol=1e-9, atol=1e-12)
    assert np.isfinite(ours.value).any()


def test_valid_share_counts_missing_cells_and_what_lies_outside() -> None:
    lon, lat = grid(4, 4, west=0.0, north=4.0, step=1.0)
    values = np.ones((4, 4), np.float32)
    values[:, 0] = np.nan
    boxes = [(0, 0, 4, 4), (2, 0, 6, 4), (0, 0, 1, 4), (8, 0, 9, 1)]
    shapes = np.array([shapely.box(*box) for box in boxes])
    found = region_values(field(values), build_weights(lon, lat, np.arange(4, dtype=np.int32), shapes))
    np.testing.assert_allclose(found.valid_share, [0.75, 0.5, 0.0, 0.0])
    assert found.watched.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(np.isnan(found.value), [False, False, True, True])
    assert np.isnan(found.observed_at[3])
    assert found.observed_at[0] == VALID_AT.timestamp()


def test_missing_is_never_zero() -> None:
    lon, lat = grid(4, 4, west=0.0, north=4.0, step=1.0)
    weights = build_weights(lon, lat, np.zeros(1, np.int32), np.array([shapely.box(0, 0, 4, 4)]))
    for statistic in ("mean", "sum", "max", "min", "percentile", "share_above"):
        found = region_values(field(np.full((4, 4), np.nan, np.float32)), weights, statistic, above=1.0)
        assert np.isnan(found.value[0]), statistic
        assert found.watched[0]
        assert found.valid_share[0] == 0.0


def test_share_above_and_percentile_are_weighted() -> None:
    lon, lat = grid(1 + 1, 4, west=0.0, north=2.0, step=1.0)
    values = np.array([[1, 2, 3, 4], [1, 2, 3, 4]], np.float32)
    weights = build_weights(lon, lat, np.zeros(1, np.int32), np.array([shapely.box(0, 0, 3.5, 2)]))
    share = region_values(field(values), weights, "share_above", above=3.0)
    assert share.value[0] == pytest.approx(1.5 / 3.5)
    assert share.unit == "1"
    for percentile, expected in ((0, 1.0), (28, 1.0), (29, 2.0), (50, 2.0), (85, 3.0), (86, 4.0), (100, 4.0)):
        assert region_values(field(values), weights, "percentile", percentile=percentile).value[0] == expected


def test_percentile_of_equal_cells_equals_numpy() -> None:
    lon, lat = grid(40, 40, west=0.0, north=40.0, step=1.0)
    values = some_values((40, 40))
    weights = build_weights(lon, lat, np.zeros(1, np.int32), np.array([shapely.box(0, 0, 40, 40)]))
    found = region_values(field(values), weights, "percentile", percentile=90.0)
    assert found.value[0] == np.nanpercentile(values, 90, method="inverted_cdf")


@pytest.mark.parametrize("percentile", [0.0, 1.0, 50.0, 90.0, 99.9, 100.0])
@pytest.mark.parametrize("decimals", [0, 7], ids=["many ties", "no ties"])
def test_percentile_equals_sorting(percentile: float, decimals: int) -> None:
    lon, lat = grid()
    shapes = cells(60, (98.0, 33.0, 121.0, 51.0))
    values = np.round(some_values((60, 80)), decimals)
    frame = geopandas.GeoDataFrame(geometry=shapes, crs=4326)
    table = exact_extract(
        NumPyRasterSource(values, 100.0, 35.0, 120.0, 50.0), frame, ["values", "coverage"], output="pandas"
    )
    weights = build_weights(lon, lat, np.arange(len(shapes), dtype=np.int32), shapes)
    found = region_values(field(values), weights, "percentile", percentile=percentile)
    for region in range(len(shapes)):
        value, share = (
            np.ma.filled(np.ma.asarray(table[name][region], float), np.nan) for name in ("values", "coverage")
        )
        known = ~np.isnan(value)
        if not known.any():
            assert np.isnan(found.value[region])
            continue
        order = np.argsort(value[known])
        reached = np.cumsum(share[known][order])
        place = int(np.searchsorted(reached, percentile / 100 * reached[-1] * (1 - 1e-9)))
        assert found.value[region] == value[known][order][min(place, known.sum() - 1)]


def test_by_area_weighs_a_cell_as_on_a_sphere() -> None:
    lon, lat = grid(180, 2, west=0.0, north=90.0, step=1.0)
    values = np.repeat((np.abs(lat) < 30).astype(np.float32)[:, None], 2, axis=1)
    weights = build_weights(lon, lat, np.zeros(1, np.int32), np.array([shapely.box(0, -90, 2, 90)]))
    assert region_values(field(values), weights, by_area=True).value[0] == pytest.approx(0.5, abs=1e-12)
    assert region_values(field(values), weights).value[0] == pytest.approx(1 / 3, abs=1e-12)


@pytest.mark.parametrize("first", [0.0, -180.0, 0.5, 17.0], ids=["from 0", "from -180", "half a cell", "any"])
def test_global_grid_meets_regions_on_both_sides_of_the_antimeridian(first: float) -> None:
    lon = first + np.arange(360.0)
    lat = 89.5 - np.arange(180.0)
    values = some_values((180, 360), 0.0)
    east, north_up, turned = normalise(lon, lat, values)
    region = shapely.MultiPolygon([shapely.box(170.2, -20, 180, -10.5), shapely.box(-180, -20, -171.3, -10.5)])
    weights = build_weights(east, north_up, np.zeros(1, np.int32), np.array([region]))
    ours = region_values(field(turned), weights, "sum")
    across = np.array([shapely.box(170.2, -20, 188.7, -10.5)])
    doubled = np.concatenate([values, values], axis=1)
    expected = peer(doubled, (first - 0.5, -90.0, first + 719.5, 90.0), across, ["sum"])["sum"][0]
    assert ours.value[0] == pytest.approx(expected, rel=1e-9)
    assert ours.valid_share[0] == pytest.approx(1.0, abs=1e-6)


def test_regional_grid_across_the_antimeridian() -> None:
    lon, lat = np.arange(170.5, 190.5), np.arange(9.5, -10.5, -1.0)
    values = some_values((20, 20), 0.0)
    east, south, turned = normalise(lon, lat, values)
    assert east[0] == -179.5
    region = shapely.MultiPolygon([shapely.box(175.3, -5, 180, 5), shapely.box(-180, -5, -176.2, 5)])
    ours = region_values(field(turned), build_weights(east, south, np.zeros(1, np.int32), np.array([region])))
    expected = peer(values, (170.0, -10.0, 190.0, 10.0), np.array([shapely.box(175.3, -5, 183.8, 5)]), ["mean"])
    assert ours.value[0] == pytest.approx(expected["mean"][0], rel=1e-9)
    assert ours.valid_share[0] == pytest.approx(1.0, abs=1e-6)


def test_uneven_rows_equal_areas_of_intersection() -> None:
    lat = np.array([62.0, 60.5, 58.0, 57.0, 53.0, 50.0])
    lon = np.arange(10.5, 20.5)
    values = some_values((6, 10), 0.0)
    shapes = cells(40, (11.0, 49.0, 19.0, 61.0), seed=3)
    ours = region_values(field(values), build_weights(lon, lat, np.arange(len(shapes), dtype=np.int32), shapes))
    edges = np.concatenate([[62.75], (lat[1:] + lat[:-1]) / 2, [48.5]])
    for shape, value in zip(shapes, ours.value, strict=True):
        area = np.array(
            [
                [shape.intersection(shapely.box(x - 0.5, low, x + 0.5, high)).area / (high - low) for x in lon]
                for high, low in pairwise(edges)
            ]
        )
        assert value == pytest.approx(float((area * values).sum() / area.sum()), rel=1e-5)  # weights are 32-bit


def test_overlapping_regions_are_each_whole() -> None:
    lon, lat = grid(10, 10, west=0.0, north=10.0, step=1.0)
    shapes = np.array([shapely.box(0, 0, 10, 10), shapely.box(2, 2, 5, 5), shapely.box(0, 0, 10, 10)])
    weights = build_weights(lon, lat, np.arange(3, dtype=np.int32), shapes)
    found = region_values(field(np.ones((10, 10), np.float32)), weights, "sum")
    assert found.value.tolist() == [100.0, 9.0, 100.0]


def test_weights_survive_the_file_unchanged() -> None:
    lon, lat = grid()
    shapes = cells(50, (98.0, 33.0, 121.0, 51.0))
    weights = build_weights(lon, lat, np.arange(len(shapes), dtype=np.int32), shapes)
    again = weights_from_bytes(weights_to_bytes(weights))
    values = some_values((60, 80))
    before, after = region_values(field(values), weights), region_values(field(values), again)
    np.testing.assert_array_equal(before.value, after.value)


def test_cached_weights_are_built_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = home / "base"
    base.mkdir()
    (base / "regions.parquet").write_bytes(b"areas of version one")
    built = []

    def geometries(_folder: Path, kinds: Any) -> Any:
        built.append(tuple(kinds))
        return np.zeros(1, np.int32), np.array([shapely.box(101, 40, 102, 41)])

    monkeypatch.setattr("data.regions.load_geometries", geometries)
    lon, lat = grid()
    first = load_weights(home, base, ["us-county"], lon, lat)
    second = load_weights(home, base, ["us-county"], lon + 1e-9, lat)
    assert first is second
    assert len(built) == 1
    load_weights(home, base, ["cn-county"], lon, lat)
    load_weights(home, base, ["us-county"], lon + 1.0, lat)
    (base / "regions.parquet").write_bytes(b"areas of version two, other lines")
    load_weights(home, base, ["us-county"], lon, lat)
    assert len(built) == 4


@pytest.mark.parametrize(
    ("shape", "statistic"), [((5, 5), "mean"), ((60, 80), "median")], ids=["another grid", "unknown statistic"]
)
def test_wrong_question_is_refused(shape: tuple[int, int], statistic: str) -> None:
    lon, lat = grid()
    weights = build_weights(lon, lat, np.zeros(1, np.int32), np.array([shapely.box(101, 40, 102, 41)]))
    with pytest.raises(LayerError):
        region_values(field(np.zeros(shape, np.float32)), weights, statistic)
