"""Stored steps as other programs see them: CF datasets of one step by plain xarray, and of many by `open_dataset`."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from data.errors import StoreError
from data.model import FieldStep
from data.store.engine import Store
from data.store.field_cf import cell_method
from data.store.field_files import FOLDER, open_values
from data.store.fields import find_steps, open_dataset, open_step
from tests.data.test_fields import VALID_AT, keep, step

HOUR = timedelta(hours=1)


def series(store: Store, home: Path, count: int = 5, **changes: Any) -> tuple[list[Any], list[FieldStep]]:
    """Rows, oldest first, of hourly steps and what was put."""
    made = [step(VALID_AT + number * HOUR, seed=number, size=520, **changes) for number in range(count)]
    keep(store, home, *made)
    with store.read() as connection:
        return find_steps(connection)[::-1], made


def test_group_opens_as_a_cf_dataset(store: Store, home: Path) -> None:
    run_at = VALID_AT - 3 * HOUR
    attributes = {"title": "Total precipitation", "notes": ["negative amounts set to 0 in 3 cells"]}
    keep(store, home, step(run_at=run_at, forecast=True, attributes=attributes))
    with store.read() as connection:
        (row,) = find_steps(connection)
    with xarray.open_zarr(home / FOLDER / row.store, decode_coords="all") as found:
        assert list(found.data_vars) == ["precipitation"]
        rain = found["precipitation"]
        np.testing.assert_array_equal(rain.values, step().values)
        assert (rain.dims, rain.units) == (("lat", "lon"), "mm")
        assert rain.standard_name == "lwe_thickness_of_precipitation_amount"
        assert (rain.long_name, rain.cell_methods) == ("Total precipitation", "time: sum")
        assert np.isnan(rain.encoding["_FillValue"])
        assert rain.encoding["grid_mapping"] == "crs"
        assert found["crs"].grid_mapping_name == "latitude_longitude"
        assert found["time"].values == np.datetime64("2026-03-01T11:00", "ns")
        assert found["forecast_reference_time"].values == np.datetime64("2026-03-01T08:00", "ns")
        begin, end = found["time_bnds"].values
        assert (end, end - begin) == (found["time"].values, np.timedelta64(1, "h"))
        assert (found["lat"].units, found["lon"].standard_name) == ("degrees_north", "longitude")
        assert (found.Conventions, found.comment) == ("CF-1.12", "negative amounts set to 0 in 3 cells")
    half = xarray.open_zarr(home / FOLDER / row.store, group="overviews", consolidated=False)
    assert half["1"].shape == (300, 300)


def test_instant_has_no_bounds(store: Store, home: Path) -> None:
    keep(store, home, step(size=16, accumulation_s=0, quantity="air_temperature", unit="degC"))
    with store.read() as connection:
        (row,) = find_steps(connection)
    with xarray.open_zarr(home / FOLDER / row.store) as found:
        assert "time_bnds" not in found.variables
        assert found["air_temperature"].cell_methods == "time: point"


def test_equal_values_of_another_interval_keep_their_own_metadata(store: Store, home: Path) -> None:
    keep(store, home, step(size=16), step(size=16, accumulation_s=3 * 3600))
    with store.read() as connection:
        rows = find_steps(connection)
    spans = set()
    for row in rows:
        with xarray.open_zarr(home / FOLDER / row.store) as found:
            spans.add((row.accumulation_s, int(np.diff(found["time_bnds"].values)[0] / np.timedelta64(1, "s"))))
    assert spans == {(3600, 3600), (10800, 10800)}


@pytest.mark.parametrize("quantity", ["time", "lat", "crs"])
def test_quantity_named_like_a_coordinate_is_kept_apart(store: Store, home: Path, quantity: str) -> None:
    keep(store, home, step(size=16, quantity=quantity))
    with store.read() as connection:
        (row,) = find_steps(connection)
    np.testing.assert_array_equal(open_step(home, row).values, step(size=16).values)
    with xarray.open_zarr(home / FOLDER / row.store) as found:
        np.testing.assert_array_equal(found[f"{quantity}_value"].values, step(size=16).values)


@pytest.mark.parametrize(
    ("quantity", "seconds", "method"),
    [
        ("precipitation", 3600, "sum"), ("air_temperature", 0, "point"), ("air_temperature_max", 21600, "maximum"),
        ("air_temperature_min", 21600, "minimum"), ("wind_gust", 3600, "maximum"),
        ("precipitation_rate", 3600, "mean"), ("air_temperature_mean", 86400, "mean"),
    ],
)  # fmt: skip
def test_cell_method_of_an_interval(quantity: str, seconds: int, method: str) -> None:
    assert cell_method(quantity, seconds) == method


def test_dataset_over_steps_has_their_values(store: Store, home: Path) -> None:
    rows, made = series(store, home)
    found = open_dataset(home, rows)
    rain = found["precipitation"]
    assert rain.shape == (5, 520, 520)
    assert (rain.units, rain.cell_methods, rain.dtype) == ("mm", "time: sum", np.float32)
    assert found.time.values[1] == np.datetime64("2026-03-01T12:00", "ns")
    assert (found.time_bnds.values[:, 1] - found.time_bnds.values[:, 0] == np.timedelta64(1, "h")).all()
    assert not found.forecast.values.any()
    cube = np.stack([item.values for item in made])
    np.testing.assert_array_equal(rain.values, cube)
    np.testing.assert_array_equal(rain[:, 7, 9].values, cube[:, 7, 9])
    np.testing.assert_array_equal(rain[-1].values, cube[-1])
    np.testing.assert_array_equal(rain[1:4, ::2, [3, 1]].values, cube[1:4, ::2, [3, 1]])
    np.testing.assert_array_equal(rain.sel(time="2026-03-01T12:00", method="nearest").values, cube[1])
    assert rain[:0, :3, 5].shape == (0, 3)
    np.testing.assert_allclose(
        rain.sel(lon=100.05, lat=39.9, method="nearest").values, cube[:, 5, 2]
    )  # the cell of 100.04 or 100.06


def test_dataset_gives_the_same_through_dask(store: Store, home: Path) -> None:
    rows, made = series(store, home)
    chunked = open_dataset(home, rows).chunk({"time": 2, "lat": 256})["precipitation"]
    assert chunked.chunks is not None
    cube = np.stack([item.values for item in made])
    # the arrays' own reductions: those of xarray change the warning filters, which belong to all threads together
    np.testing.assert_array_equal(chunked.data.compute(scheduler="threads"), cube)
    np.testing.assert_array_equal(chunked.data.max(axis=0).compute(scheduler="threads"), np.maximum.reduce(cube))


def test_dataset_survives_a_netcdf_file(store: Store, home: Path, tmp_path: Path) -> None:
    rows, made = series(store, home, 2)
    open_dataset(home, rows).to_netcdf(tmp_path / "rain.nc", engine="netcdf4")
    with xarray.open_dataset(tmp_path / "rain.nc", decode_coords="all", engine="netcdf4") as found:
        np.testing.assert_array_equal(found["precipitation"][1].values, made[1].values)
        assert "crs" in found.coords


def test_dataset_of_steps_that_do_not_belong_together_is_refused(store: Store, home: Path) -> None:
    keep(store, home, step(size=16), step(size=20))
    with store.read() as connection:
        rows = find_steps(connection)
    for wrong in (rows, []):
        with pytest.raises(StoreError, match="one quantity, unit and grid"):
            open_dataset(home, wrong)


def test_step_that_goes_while_a_dataset_is_read_is_an_error(store: Store, home: Path) -> None:
    rows, _ = series(store, home, 3)
    found = open_dataset(home, rows)
    shutil.rmtree(home / FOLDER / rows[1].store)
    assert np.isfinite(found["precipitation"][0, 100, 100].values)
    with pytest.raises(StoreError, match="not in the archive"):
        found["precipitation"][:, 100, 100].load()


def test_groups_of_the_first_version_are_read(store: Store, home: Path) -> None:
    import zarr

    keep(store, home, step(size=300))
    with store.read() as connection:
        (row,) = find_steps(connection)
    folder = home / FOLDER / row.store
    shutil.rmtree(folder)
    old, made = zarr.open_group(folder, mode="w", zarr_format=3), step(size=300)
    for name, data in (("0", made.values), ("1", made.values[::2, ::2]), ("lon", made.lon), ("lat", made.lat)):
        old.create_array(name, data=np.ascontiguousarray(data))
    assert "consolidated_metadata" not in json.loads((folder / "zarr.json").read_text())
    opened = open_step(home, row)
    assert [array.shape for array in opened.levels] == [(300, 300), (150, 150)]
    np.testing.assert_array_equal(opened.values, made.values)
    np.testing.assert_array_equal(open_values(home, row)[:], made.values)
    np.testing.assert_array_equal(open_dataset(home, [row])["precipitation"][0].values, made.values)
