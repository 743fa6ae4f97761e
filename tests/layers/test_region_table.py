"""Tables of regions on demand; people are counted where they are, and where nobody counted them it is unknown."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import LayerError
from data.regions import KINDS
from data.store.engine import Store
from data.store.fields import find_step, open_step
from layers.population import people_on
from layers.region_table import Statistic, region_table
from layers.zonal import load_weights, region_values
from tests.layers.archive_scene import LAT, LON, SHAPE, field_step, put, write_base


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base")


def store_step(store: Store, home: Path, now: datetime, values: Any, **changes: Any) -> Any:
    (number,) = put(store, home, field_step(values, now, **changes), received_at=now)
    with store.read() as connection:
        return find_step(connection, number)


def store_people(store: Store, home: Path, now: datetime, values: Any, lon: Any = LON, lat: Any = LAT) -> Any:
    return store_step(
        store, home, now, values, quantity="population", unit="1", accumulation_s=0, lon=lon, lat=lat
    )  # fmt: skip


def rain(seed: int = 3) -> Any:
    values = np.random.default_rng(seed).gamma(2.0, 5.0, SHAPE).astype(np.float32)
    values[1, 1] = np.nan
    return values


@pytest.mark.parametrize("built", [False, True], ids=["weights of the kind", "weights of all kinds"])
@pytest.mark.parametrize(
    ("written", "name", "options"),
    [
        ("mean", "mean", {}),
        ("area_mean", "mean", {"by_area": True}),
        ("sum", "sum", {}),
        ("max", "max", {}),
        ("min", "min", {}),
        ("p25", "percentile", {"percentile": 25.0}),
        ("share:8", "share_above", {"above": 8.0}),
    ],
)
def test_table_equals_the_statistic(
    store: Store, home: Path, base_dir: Path, now: datetime, built: bool, written: str, name: str, options: Any
) -> None:
    row = store_step(store, home, now, rain())
    if built:
        load_weights(home, base_dir, KINDS, LON, LAT)
    found = region_table(store, home, base_dir, row, "cn-province", written)
    weights = load_weights(home, base_dir, ["cn-province"], LON, LAT)
    expected = region_values(open_step_named(home, row), weights, name, **options)
    assert found.rid.tolist() == [1, 2, 3]
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-12)
    np.testing.assert_allclose(found.valid_share, expected.valid_share)
    assert found.watched.tolist() == [True, True, False] and np.isnan(found.value[2])
    assert found.unit == expected.unit


def open_step_named(home: Path, row: Any) -> Any:
    from layers.fields import Named

    return Named(open_step(home, row))


def test_people_weigh_the_cells(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    values, people = rain(), np.random.default_rng(5).integers(0, 900, SHAPE).astype(np.float32)
    row = store_step(store, home, now, values)
    store_people(store, home, now, people)
    west = slice(None), slice(0, 4)
    known = ~np.isnan(values[west])
    v, n = values[west][known].astype(float), people[west][known].astype(float)
    expected = {
        "mean": (v * n).sum() / n.sum(),
        "share:8": n[v >= 8].sum() / n.sum(),
        "people:8": n[v >= 8].sum(),
        "p50": sorted(np.repeat(v, n.astype(int)))[int(np.ceil(n.sum() / 2)) - 1],
    }
    for statistic, number in expected.items():
        found = region_table(store, home, base_dir, row, "cn-province", statistic, population=True)
        assert found.value[0] == pytest.approx(number, rel=1e-6), statistic
        assert found.valid_share[0] == pytest.approx(n.sum() / people[west].sum(), rel=1e-6)
    assert region_table(store, home, base_dir, row, "cn-province", "people:8").unit == "1"


def test_regions_without_population_are_unknown_and_not_unweighted(
    store: Store, home: Path, base_dir: Path, now: datetime
) -> None:
    people = np.full(SHAPE, 10.0)
    people[:, 4:] = np.nan
    row = store_step(store, home, now, 7.0)
    store_people(store, home, now, people)
    found = region_table(store, home, base_dir, row, "cn-province", "mean", population=True)
    assert found.value[0] == pytest.approx(7.0) and np.isnan(found.value[1:]).all()
    np.testing.assert_allclose(found.valid_share, [1.0, 0.0, 0.0])


def test_a_region_where_nobody_lives_has_no_mean_of_people(
    store: Store, home: Path, base_dir: Path, now: datetime
) -> None:
    row = store_step(store, home, now, 7.0)
    store_people(store, home, now, 0.0)
    found = region_table(store, home, base_dir, row, "cn-province", "mean", population=True)
    assert np.isnan(found.value).all() and found.watched[0]


def test_without_a_population_grid_it_is_refused(store: Store, home: Path, base_dir: Path, now: datetime) -> None:
    row = store_step(store, home, now, 7.0)
    with pytest.raises(LayerError, match="no population grid"):
        region_table(store, home, base_dir, row, "cn-province", "mean", population=True)


@pytest.mark.parametrize("step", [0.1, 0.5, 0.7], ids=["finer", "same", "coarser"])
def test_people_are_conserved_on_another_grid(store: Store, home: Path, now: datetime, step: float) -> None:
    lon, lat = np.arange(99.0, 105.5, step), np.arange(23.0, 18.5, -step)
    people = np.random.default_rng(1).integers(1, 900, SHAPE).astype(np.float32)
    row = store_people(store, home, now, people)
    found = people_on(home, [row], lon, lat)
    assert np.nansum(found.count, dtype=np.float64) == pytest.approx(people.sum(dtype=np.float64), rel=1e-6)
    edges = np.isfinite(found.count) != (found.known > 0)
    assert not edges.any() and found.known.max() == pytest.approx(1.0)


def test_people_reach_over_the_antimeridian_and_from_several_grids(store: Store, home: Path, now: datetime) -> None:
    world, lat = np.arange(-179.5, 180.0, 1.0), np.array([0.5, -0.5])
    first = store_people(store, home, now, np.where(world > 0, 1.0, np.nan)[None, :], lon=world, lat=lat)
    second = store_people(store, home, now, 5.0, lon=np.arange(-179.75, -176.0, 0.5), lat=lat)
    found = people_on(home, [first, second], np.array([-180.0, -179.0, -178.0, 178.0, 179.0]), lat)
    np.testing.assert_allclose(found.count[0], [0.5, 10.0, 10.0, 1.0, 1.0])
    np.testing.assert_allclose(found.known[0], [0.5, 1.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("text", ["median", "p101", "share", "share:x", "p", "", "people:nan"])
def test_a_statistic_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(LayerError, match="is not one of mean"):
        Statistic.of(text)


def test_what_does_not_go_with_people_and_unknown_kinds_are_refused(
    store: Store, home: Path, base_dir: Path, now: datetime
) -> None:
    row = store_step(store, home, now, 7.0)
    with pytest.raises(LayerError, match="does not depend on people"):
        region_table(store, home, base_dir, row, "cn-province", "max", population=True)
    with pytest.raises(LayerError, match="kind 'parish'"):
        region_table(store, home, base_dir, row, "parish", "mean")
