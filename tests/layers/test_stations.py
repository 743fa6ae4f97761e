"""Numbers per station over windows with gaps and late data, and per region over its stations."""

from __future__ import annotations

import numpy as np
import pytest

from layers.stations import Readings, Spatial, StationValues, Window, over_stations, over_window

HOUR = 3600.0
NAN = float("nan")


def readings(*rows: tuple[int, float, float], stations: int = 2) -> Readings:
    station, hours, value = (np.array(column) for column in zip(*rows, strict=True))
    return Readings.of(station.astype(np.intp), hours * HOUR, value.astype(np.float64), stations)


HOURLY = [(0, hour, float(hour)) for hour in range(13)]


@pytest.mark.parametrize(
    ("how", "hours", "value"),
    [
        ("latest", 0, 12.0), ("sum", 3, 33.0), ("max", 3, 12.0), ("min", 3, 10.0), ("mean", 3, 11.0),
        ("change", 6, 6.0), ("rate", 6, 1.0),
    ],
)  # fmt: skip
def test_over_window_of_whole_data(how: str, hours: float, value: float) -> None:
    window = Window(how=how, length_s=hours * HOUR)  # type: ignore[arg-type]
    found = over_window(readings(*HOURLY), window)
    assert found.value[0] == pytest.approx(value)
    assert found.coverage[0] == 1.0
    assert found.observed_at[0] == 12 * HOUR
    assert np.isnan(found.value[1]) and np.isnan(found.observed_at[1])


@pytest.mark.parametrize(
    ("gone", "coverage", "total"),
    [
        pytest.param({11}, 2 / 3, 22.0, id="hole-inside"),
        pytest.param({10}, 2 / 3, 23.0, id="hole-at-the-start"),
        pytest.param({10, 11}, 1 / 3, 12.0, id="only-the-newest"),
    ],
)
def test_over_window_counts_what_is_not_spoken_for(gone: set[int], coverage: float, total: float) -> None:
    kept = [row for row in HOURLY if row[1] not in gone]
    found = over_window(readings(*kept), Window(how="sum", length_s=3 * HOUR))
    assert found.coverage[0] == pytest.approx(coverage)
    assert found.value[0] == total


def test_over_window_is_the_same_in_any_order_of_arrival() -> None:
    mixed = [HOURLY[place] for place in np.random.default_rng(1).permutation(len(HOURLY))]
    window = Window(how="sum", length_s=6 * HOUR)
    assert over_window(readings(*mixed), window).value[0] == over_window(readings(*HOURLY), window).value[0]


def test_over_window_of_irregular_reports_counts_each_second_once() -> None:
    rows = [(0, 0.0, 1.0), (0, 0.25, 1.0), (0, 0.5, 1.0), (0, 2.0, 1.0), (0, 3.0, 1.0)]
    found = over_window(readings(*rows), Window(how="sum", length_s=3 * HOUR))
    assert found.value[0] == 4.0
    assert found.coverage[0] == pytest.approx((0.25 + 0.25 + 1.0 + 1.0) / 3)


def test_over_window_change_without_a_start_is_missing() -> None:
    found = over_window(readings((0, 0, 1.0), (0, 12, 5.0)), Window(how="change", length_s=6 * HOUR))
    assert np.isnan(found.value[0]) and found.coverage[0] == 0.0


@pytest.mark.parametrize(("take", "value"), [("min", 1.0), ("max", 9.0), ("mean", 5.0), ("difference", 8.0)])
def test_over_window_repeated(take: str, value: float) -> None:
    rows = [(0, float(hour), {0: 1.0, 1: 5.0, 2: 9.0}[(hour - 1) // 24]) for hour in range(1, 73)]
    window = Window(how="max", length_s=24 * HOUR, times=3, every_s=24 * HOUR, take=take)  # type: ignore[arg-type]
    found = over_window(readings(*rows), window)
    assert found.value[0] == pytest.approx(value)
    assert found.coverage[0] == 1.0


def test_readings_of_one_time_keep_the_last_given() -> None:
    found = Readings.of(np.zeros(3, dtype=np.intp), np.array([1.0, 1.0, 2.0]), np.array([5.0, 6.0, NAN]), 1)
    assert found.value.tolist() == [6.0]


def stations(*rows: tuple[float, float, float]) -> StationValues:
    value, observed_at, coverage = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return StationValues(value=value, observed_at=observed_at, coverage=coverage)


FOUR = stations((1.0, 100.0, 1.0), (5.0, 90.0, 0.5), (3.0, 100.0, 1.0), (9.0, 10.0, 1.0))


@pytest.mark.parametrize(
    ("spatial", "value"),
    [
        (Spatial(how="max"), 5.0), (Spatial(how="min"), 1.0), (Spatial(how="mean"), 3.0),
        (Spatial(how="percentile", percentile=50.0), 3.0), (Spatial(how="percentile", percentile=75.0), 4.0),
        (Spatial(how="share_above", above=3.0), 2 / 3),
    ],
    ids=["max", "min", "mean", "median", "p75", "share"],
)  # fmt: skip
def test_over_stations_leaves_out_what_is_too_old(spatial: Spatial, value: float) -> None:
    found = over_stations(FOUR, np.zeros(4, dtype=np.intp), 1, spatial, fresh_after=50.0)
    assert found.value[0] == pytest.approx(value)
    assert found.valid_share[0] == pytest.approx((1.0 + 0.5 + 1.0 + 0.0) / 4)
    assert found.observed_at[0] == 100.0
    assert found.behind[0] != 3


def test_over_stations_all_silent_keeps_the_old_number_with_share_zero() -> None:
    found = over_stations(FOUR, np.zeros(4, dtype=np.intp), 1, Spatial(), fresh_after=1000.0)
    assert (found.value[0], found.valid_share[0], found.observed_at[0]) == (9.0, 0.0, 100.0)


def test_over_stations_region_without_stations_is_not_watched() -> None:
    found = over_stations(FOUR, np.array([0, 0, 2, -1]), 3, Spatial(), fresh_after=0.0)
    assert found.watched.tolist() == [True, False, True]
    assert np.isnan(found.value[1]) and found.value[[0, 2]].tolist() == [5.0, 3.0]


def test_over_stations_missing_value_is_not_zero() -> None:
    found = over_stations(stations((NAN, NAN, 0.0)), np.array([0]), 1, Spatial(), fresh_after=0.0)
    assert found.watched[0] and np.isnan(found.value[0]) and found.valid_share[0] == 0.0
