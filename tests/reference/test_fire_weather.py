"""The Canadian fire weather codes against the sample of Van Wagner and Pickett (1985) and against xclim."""

from __future__ import annotations

import csv
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import LayerError
from layers.classes import class_table
from layers.derived import fire_weather
from layers.derived.fire_weather import (
    MAX_GAP_DAYS,
    RESTARTED,
    SPIN_UP_DAYS,
    Codes,
    FireWeather,
    danger_class,
    go_on_from,
    notes_of,
    pick_noon,
    spin_up_share,
    start_codes,
    step,
)

# First ten days of the sample data of Van Wagner and Pickett (1985), as in the test set of the R package cffdrs:
# month, degC, %, km/h, mm -> FFMC, DMC, DC, ISI, BUI, FWI, DSR to six digits; start FFMC 85, DMC 6, DC 15.
SAMPLE = """\
4,17.0,42.0,25.0,0.0,87.693,8.54505,19.014,10.8537,8.49043,10.0964,1.62908
4,20.0,21.0,25.0,2.4,86.2476,10.4019,23.568,8.83757,10.3553,9.28021,1.40329
4,8.5,40.0,17.0,0.0,86.9671,11.7983,26.052,6.53914,11.7392,7.58019,0.980851
4,6.5,25.0,6.0,0.0,88.8286,13.1801,28.176,4.90341,13.1052,6.15816,0.679043
4,13.0,34.0,24.0,0.0,89.1015,15.4362,31.47,12.6306,15.3374,14.8421,3.22194
4,6.0,40.0,22.0,0.4,88.6567,16.469,33.504,10.7134,16.3685,13.4677,2.7128
4,5.5,52.0,6.0,0.0,87.3542,17.237,35.448,3.96962,17.1413,5.86264,0.622435
4,8.5,46.0,16.0,0.0,87.4026,18.4938,37.932,6.616,18.396,9.65284,1.50456
4,9.5,54.0,20.0,0.0,86.811,19.6759,40.596,7.43939,19.5803,10.9907,1.89316
4,7.0,93.0,14.0,9.0,29.8589,10.1447,29.5247,0.00671264,10.9141,0.00424789,1.7236e-06"""
SIX_DIGITS = 5e-6


def numbers(day: FireWeather) -> np.ndarray:
    codes = day.codes
    return np.array([codes.ffmc, codes.dmc, codes.dc, day.isi, day.bui, day.fwi, day.dsr])


def run(days: list[tuple[int, list[float], list[float]]]) -> int:
    """Days in order: month, inputs, expected; the number of days compared."""
    codes = start_codes((1,))
    for month, (t, h, w, p), expected in days:
        today = step(codes, t, h, w, p, month=month, latitude=45.98)
        assert numbers(today)[:, 0] == pytest.approx(expected, rel=SIX_DIGITS)
        codes = today.codes
    return len(days)


def test_sample_of_1985() -> None:
    rows = [[float(cell) for cell in line.split(",")] for line in SAMPLE.splitlines()]
    assert run([(int(row[0]), row[1:5], row[5:]) for row in rows]) == 10


@pytest.mark.recorded
def test_oracle_table(oracles: Path) -> None:
    with (oracles / "fwi_canadian_cffdrs_28days.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    inputs = ("temp_degC", "rh_percent", "wind_km_per_h", "rain24_mm")
    outputs = ("FFMC", "DMC", "DC", "ISI", "BUI", "FWI", "DSR")
    days = [
        (int(row["month"]), [float(row[name]) for name in inputs], [float(row[name]) for name in outputs])
        for row in rows
    ]
    assert run(days) == 28


def weather(days: int, cells: int, seed: int) -> np.ndarray:
    """(4, days, cells) made up: warm, cold, dry, moist, with heavy and light rain."""
    draw = np.random.default_rng(seed)
    t = 12 + 14 * np.sin(np.arange(days) / 58.0)[:, None] + draw.normal(0, 8, (days, cells))
    h = draw.uniform(5, 100, (days, cells))
    w = draw.gamma(2, 8, (days, cells))
    p = np.where(draw.random((days, cells)) < 0.35, draw.gamma(0.7, 12, (days, cells)), 0.0)
    return np.stack([np.clip(t, -30, 45), h, w, p])


def xclim_codes(values: np.ndarray, latitude: np.ndarray) -> list[np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import xarray as xr
        from xclim.indices import cffwis_indices

        dims = ("time", "lat")
        time = xr.date_range("2001-01-01", periods=values.shape[1], freq="D")
        coords: dict[str, Any] = {"time": time, "lat": ("lat", latitude, {"units": "degrees_north"})}
        arrays = [
            xr.DataArray(part, dims=dims, coords=coords, attrs={"units": unit})
            for part, unit in zip(values, ("degC", "%", "km/h", "mm/d"), strict=True)
        ]
        starts = [
            xr.DataArray(
                np.full(latitude.size, value), dims="lat", coords={"lat": coords["lat"]}, attrs={"units": "1"}
            )
            for value in fire_weather.START
        ]
        dc, dmc, ffmc, isi, bui, fwi = cffwis_indices(
            tas=arrays[0], hurs=arrays[1], sfcWind=arrays[2], pr=arrays[3], lat=arrays[0].lat,
            ffmc0=starts[0], dmc0=starts[1], dc0=starts[2],
        )  # fmt: skip
        return [np.asarray(item.transpose(*dims)) for item in (ffmc, dmc, dc, isi, bui, fwi)]


def test_a_year_at_all_latitudes_as_xclim() -> None:
    latitude = np.array([-75.0, -45.0, -30.1, -29.0, -15.1, -14.0, 0.0, 14.9, 15.0, 29.9, 30.0, 46.0, 80.0])
    values = weather(365, latitude.size, 7)
    months = (np.datetime64("2001-01-01") + np.arange(365)).astype("datetime64[M]").astype(int) % 12 + 1
    codes, days = start_codes((latitude.size,)), []
    for day in range(365):
        today = step(codes, *values[:, day], month=int(months[day]), latitude=latitude)
        days.append(numbers(today)[:6])
        codes = today.codes
    ours = np.array(days).transpose(1, 0, 2)
    for mine, theirs in zip(ours, xclim_codes(values, latitude), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)
    assert np.all(codes.days == 365)


def test_many_cells_in_threads_are_as_few() -> None:
    values = weather(1, 600 * 700, 3)[:, 0].reshape(4, 600, 700)
    latitude = np.linspace(70, -60, 600)[:, None]
    together = step(start_codes((600, 700)), *values, month=7, latitude=latitude, workers=3)
    alone = step(start_codes((600, 700)), *values, month=7, latitude=latitude, workers=1)
    row = step(start_codes((700,)), *values[:, 450], month=7, latitude=latitude[450])
    assert np.array_equal(numbers(together), numbers(alone))
    assert np.array_equal(numbers(together)[:, 450], numbers(row))


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, np.nan), (1, np.nan), (2, np.nan), (3, np.nan), (0, 300.0), (1, -1.0), (1, 106.0), (2, -0.1), (3, -2.0),
     (3, np.inf), (1, np.inf)],
)  # fmt: skip
def test_missing_and_impossible_input_is_unknown_and_stays_in_its_cell(place: int, value: float) -> None:
    inputs = np.full((4, 3), np.array([[20.0], [40.0], [10.0], [0.0]]))
    inputs[place, 1] = value
    today = step(start_codes((3,)), *inputs, month=6, latitude=45.0)
    assert np.isnan(numbers(today)[:, 1]).all()
    assert np.isnan(today.codes.days[1])
    assert np.isfinite(numbers(today)[:, [0, 2]]).all()


def test_latitude_beyond_the_poles_is_unknown() -> None:
    today = step(start_codes((3,)), 20.0, 40.0, 10.0, 0.0, month=6, latitude=[91.0, np.nan, 90.0])
    assert np.isnan(today.fwi).tolist() == [True, True, False]


def test_humidity_a_little_above_saturation_is_saturation() -> None:
    inputs = (np.array([15.0, 15.0]), np.array([100.0, 104.0]), 5.0, 0.0)
    fwi = step(start_codes((2,)), *inputs, month=6, latitude=50.0).fwi
    assert fwi[0] == fwi[1]


def test_wetter_or_cooler_is_never_more_dangerous() -> None:
    one = np.ones(40)
    rain = step(start_codes((40,)), 25.0 * one, 30.0, 15.0, np.linspace(0, 60, 40), month=7, latitude=45.0).fwi
    warm = step(start_codes((40,)), np.linspace(0, 40, 40), 30.0, 15.0, 0.0 * one, month=7, latitude=45.0).fwi
    assert np.all(np.diff(rain[1:]) <= 1e-12)
    assert np.all(np.diff(warm) >= -1e-12)


def known(ffmc: list[float], days: list[float]) -> Codes:
    missing = np.where(np.isnan(ffmc), np.nan, 1.0)
    return Codes(np.array(ffmc), 20 * missing, 200 * missing, np.array(days) * missing)


def test_a_gap_is_bridged_cell_by_cell_and_told() -> None:
    nan = np.nan
    before = [known([90.0, nan, nan, nan], [9, 9, 9, 9]), None, known([1.0, 2.0, nan, nan], [7, 7, 7, 7])]
    before += [known([3.0, 3.0, 3.0, nan], [6, 6, 6, 6])]
    codes, gap = go_on_from(before, (4,))
    assert len(before) > MAX_GAP_DAYS + 1
    assert gap.tolist() == [0, 2, RESTARTED, RESTARTED]
    assert codes.ffmc.tolist() == [90.0, 2.0, 85.0, 85.0]
    assert codes.dc.tolist() == [200.0, 200.0, 15.0, 15.0]
    assert codes.days.tolist() == [9, 7, 0, 0]


def test_nothing_known_before_starts_anew() -> None:
    codes, gap = go_on_from([], (2,))
    assert (codes.ffmc == 85).all()
    assert (codes.dmc == 6).all()
    assert (codes.dc == 15).all()
    assert (gap == RESTARTED).all()


def test_spin_up_is_counted() -> None:
    young, old = known([80.0, 80.0, np.nan], [3, SPIN_UP_DAYS, 0]), known([np.nan], [0])
    assert spin_up_share(young) == 0.5
    assert np.isnan(spin_up_share(old))


def test_notes_tell_of_gaps_starts_and_spin_up() -> None:
    before = [
        known([90.0, np.nan, np.nan, 90.0], [60, 60, 60, 60]),
        known([90.0, 90.0, np.nan, 90.0], [60, 60, 60, 60]),
    ]
    codes, gap = go_on_from(before, (4,))
    today = step(codes, 20.0, [40.0, 40.0, 40.0, np.nan], 10.0, 0.0, month=7, latitude=45.0)
    assert notes_of(gap, today.codes) == [
        "1 missing day(s) bridged in 1 cells",
        "chain started from the standard codes in 1 cells",
        "younger than 52 days in 33 % of the known cells: codes not settled yet",
    ]
    assert notes_of(gap[:1], known([90.0], [60.0])) == []


def test_noon_is_taken_where_it_is_noon() -> None:
    hours = np.arange(0.0, 24.0, 3.0)
    stack = np.broadcast_to(hours[:, None, None], (8, 2, 4)).astype(np.float32)
    noon = pick_noon(stack, hours, [0.0, 90.0, -90.0, 359.0])
    assert noon.tolist() == [[12.0, 6.0, 18.0, 12.0]] * 2
    late = pick_noon(stack[:3], hours[:3], [0.0, 90.0, -90.0, 359.0])
    assert np.isnan(late[0]).tolist() == [True, False, True, True]


def test_classes_are_those_of_the_european_service() -> None:
    # EFFIS: very low below 5.2, low to 11.2, moderate to 21.3, high to 38, very high to 50, extreme from 50.
    limits = np.array([5.2, 11.2, 21.3, 38.0, 50.0])
    assert danger_class(limits).tolist() == [1, 2, 3, 4, 5]
    assert danger_class(limits - 1e-9).tolist() == [0, 1, 2, 3, 4]
    assert danger_class([0.0, 200.0]).tolist() == [0, 5]
    assert np.isnan(danger_class([np.nan, -1.0])).all()
    with pytest.raises(LayerError):
        danger_class(3.0, on=date(1990, 1, 1))


@pytest.mark.recorded
def test_classes_agree_with_the_oracle_table(oracles: Path) -> None:
    with (oracles / "class_tables.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    expected = [(row["class"], float(row["lower"])) for row in rows if row["scheme"] == "FWI_EFFIS"]
    table = class_table("fire_danger_effis")
    assert [(item.key.replace("_", " "), item.start) for item in table.classes] == expected
