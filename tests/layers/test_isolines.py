"""The area where a field meets a limit, cell by cell, and what it holds, against geopandas over real rain."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pyproj import Geod

from data.errors import LayerError
from data.model import FieldStep, Payload
from data.regions import default_base_dir
from data.store.engine import Store, open_store
from data.store.fields import FieldSink, StepArray, find_steps, open_step
from data.store.sink import PutContext
from ingest.grid_files import GridFiles
from layers.impact.isolines import footprint_of_field
from layers.impact.summary import impact_of
from tests.conftest import tries

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def step(values: Any, lon: Any = None, lat: Any = None) -> Any:
    """A step in memory, read as from the archive."""
    values = np.asarray(values, np.float32)
    ny, nx = values.shape
    lon = 100.0 + np.arange(nx) + 0.5 if lon is None else np.asarray(lon, np.float64)
    lat = 40.0 - np.arange(ny) - 0.5 if lat is None else np.asarray(lat, np.float64)
    return SimpleNamespace(levels=(values,), lon=lon, lat=lat)


def by_hand(values: Any, limit: float, above: bool) -> Any:
    ny, nx = values.shape
    met = values >= limit if above else values <= limit
    return shapely.union_all(
        [shapely.box(100 + x, 39 - y, 101 + x, 40 - y) for y in range(ny) for x in range(nx) if met[y, x]]
    )


@settings(max_examples=tries(80, 20), deadline=None)
@given(
    values=arrays.arrays(
        np.float32, arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9),
        elements=st.sampled_from([0.0, 1.0, 5.0, 10.0, np.nan]),
    ),
    limit=st.sampled_from([0.5, 5.0, 10.0, 20.0]), above=st.booleans(),
)  # fmt: skip
def test_outline_is_the_union_of_the_cells(values: Any, limit: float, above: bool) -> None:
    found = footprint_of_field(step(values), limit, above)
    assert found.geometry.is_valid
    assert found.geometry.symmetric_difference(by_hand(values, limit, above)).area == pytest.approx(0, abs=1e-9)
    assert found.missing_share == pytest.approx(np.isnan(values).mean())
    assert found.cells == round(found.geometry.area)


def test_missing_cells_are_in_neither_side_and_their_share_is_said() -> None:
    values = np.array([[np.nan, 5.0], [1.0, np.nan]])
    assert footprint_of_field(step(values), 3.0).geometry.area == 1.0
    below = footprint_of_field(step(values), 3.0, above=False)
    assert (below.geometry.area, below.missing_share) == (1.0, 0.5)


def test_field_over_the_antimeridian_is_cut_there() -> None:
    lon = np.array([-180.0, -179.0, -178.0, 177.0, 178.0, 179.0])  # with a seam, as a Pacific grid is stored
    found = footprint_of_field(step(np.full((4, 6), 9.0), lon=lon), 5.0)
    assert found.geometry.bounds == (-180.0, 36.0, 180.0, 40.0)
    assert found.geometry.area == pytest.approx(24.0)
    everywhere = footprint_of_field(step(np.full((2, 360), 9.0), lon=np.arange(-180.0, 180.0)), 5.0)
    assert everywhere.geometry.area == pytest.approx(720.0)


def test_uneven_rows_keep_their_edges() -> None:
    lat = np.array([60.0, 50.0, 45.0, 43.0])
    found = footprint_of_field(step(np.array([[0, 0], [7, 7], [0, 0], [0, 0]]), lat=lat), 5.0)
    assert found.geometry.bounds == (100.0, 47.5, 102.0, 55.0)


def test_box_keeps_the_cells_that_reach_into_it() -> None:
    found = footprint_of_field(step(np.full((6, 6), 9.0)), 5.0, bounds=(101.5, 36.2, 103.0, 37.0))
    assert found.geometry.bounds == (101.0, 36.0, 103.0, 37.0)
    assert footprint_of_field(step(np.full((6, 6), 9.0)), 5.0, bounds=(0, 0, 1, 1)).geometry.is_empty


@pytest.mark.parametrize("limit", [np.nan, np.inf])
def test_limit_that_is_no_number_is_refused(limit: float) -> None:
    with pytest.raises(LayerError, match="must be a number"):
        footprint_of_field(step(np.ones((2, 2))), limit)


def real_rain(store: Store, home: Path, recorded: Path) -> StepArray:
    """The rain rate over the United States on 2019-06-10 by MRMS, 24.5 million cells, as it is taken in."""
    name = "PrecipRate_00.00_20190610-001000.grib2"
    source = GridFiles.configured({"url": f"/data/{name}"})
    body = (recorded / "grib" / name).read_bytes()
    parsed = source.parse(Payload(source="grid_files", body=body, received_at=NOW, name=name))
    context = PutContext(source="grid_files", payload_id=None, received_at=NOW, home=home)
    prepared = FieldSink().prepare(context, [record for record in parsed.records if isinstance(record, FieldStep)])
    with store.write() as connection:
        FieldSink().put(connection, context, prepared)
        (row,) = find_steps(connection, quantity="precipitation_rate")
    return open_step(home, row)


def ground_m2(shapes: Any) -> float:
    """Geodesic area of polygons whose edges are short."""
    geod, parts = Geod(ellps="WGS84"), shapely.get_parts(np.asarray(shapes, dtype=object))
    return float(sum(abs(geod.geometry_area_perimeter(shapely.orient_polygons(part))[0]) for part in parts))


@pytest.mark.recorded
def test_polygon_over_real_rain_holds_what_a_geopandas_script_counts(
    sqlite_url: str, home: Path, recorded: Path
) -> None:
    """Ground, places, people in them and counties with at least 5 mm/h in a drawn polygon, by an overlay of cells."""
    store, base = open_store(sqlite_url), default_base_dir()
    rain = real_rain(store, home, recorded)
    drawn = shapely.Polygon([(-83.5, 34.2), (-80, 33.2), (-77.2, 35.6), (-79.1, 36.8), (-82.6, 36.1)])
    wet = footprint_of_field(rain, 5.0, bounds=drawn.bounds)
    with store.read() as connection:
        found = impact_of(
            wet.geometry.intersection(drawn), base_dir=base, home=home, connection=connection, now=NOW,
            kinds=["us-county"],
        )  # fmt: skip
    store.close()

    columns, rows = (rain.lon > -83.6) & (rain.lon < -77.1), (rain.lat > 33.1) & (rain.lat < 36.9)
    x, y = np.meshgrid(rain.lon[columns], rain.lat[rows])
    boxes = shapely.box(x - 0.005, y - 0.005, x + 0.005, y + 0.005).ravel()
    cells = geopandas.GeoDataFrame({"rate": rain.values[np.ix_(rows, columns)].ravel()}, geometry=boxes, crs=4326)
    area = geopandas.clip(cells.query("rate >= 5"), drawn)
    table = pd.read_parquet(base / "places.parquet")
    points = geopandas.GeoDataFrame(table, geometry=geopandas.points_from_xy(table.lon, table.lat), crs=4326)
    places = geopandas.sjoin(points, area[["geometry"]]).drop_duplicates("geoname_id")
    places = places.sort_values("population", ascending=False)
    regions = geopandas.read_parquet(base / "regions.parquet")
    counties = regions.query("kind == 'us-county'").cx[-83.6:-77.1, 33.1:36.9]
    parts = geopandas.overlay(counties[["code", "geometry"]], area[["geometry"]])
    ground = {code: ground_m2(group.geometry) for code, group in parts.groupby("code")}
    shares = {code: ground[code] / ground_m2([counties.set_index("code").geometry[code]]) for code in ground}

    assert 3000 < len(area) < len(cells) / 10
    assert found.area_km2 == pytest.approx(ground_m2(area.geometry) / 1e6, rel=1e-6)
    assert found.places_people == places["population"].sum() > 10_000
    assert [place.name for place in found.places] == places["name"].head(10).tolist()
    assert found.places_more == max(len(places) - 10, 0)
    assert {region.code: region.share for region in found.regions} == pytest.approx(shares, rel=1e-4, abs=1e-6)
