"""The registry: each formula gets what it needs, in its units, from stored steps; numbers against the formula."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from data.derived import is_made
from data.store.engine import Store, open_store
from data.store.tables import field_step as table
from layers.derivations import DERIVED
from layers.derive import Deriver
from layers.derived import (
    antecedent_rain,
    cold_wave,
    extremes,
    fire_weather,
    heat,
    landslide,
    rain_class,
    return_period,
)
from tests.layers.archive_scene import LAT, LON, SHAPE, field_step, put
from tests.layers.test_derive import derived, only, work_off


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """On SQLite only: the job itself is tested on both."""
    opened = open_store(sqlite_url)
    yield opened
    opened.close()


HOUR = timedelta(hours=1)
DAY = 24 * HOUR


def test_names_and_quantities_are_unique() -> None:
    names = [item.name for item in DERIVED]
    assert len(set(names)) == len(names)
    made = [(spec.quantity, item.accumulation) for item in DERIVED for spec in item.specs]
    assert len(set(made)) == len(made)
    assert all(item.needs and not next(iter(item.needs.values())).optional for item in DERIVED)


def instant(quantity: str, unit: str, value: Any, at: datetime, **changes: Any) -> Any:
    return field_step(value, at, quantity=quantity, unit=unit, accumulation_s=0, **changes)


def test_humidity_and_dew_point_stand_in_for_each_other(store: Store, home: Path, now: datetime) -> None:
    put(store, home, instant("air_temperature", "degC", 30.0, now), instant("dew_point", "degC", 24.0, now),
        instant("wind_speed", "m/s", 3.0, now), received_at=now, source="one")  # fmt: skip
    put(store, home, instant("air_temperature", "degC", 30.0, now + HOUR),
        instant("relative_humidity", "%", 60.0, now + HOUR), instant("wind_speed", "m/s", 3.0, now + HOUR),
        received_at=now, source="two")  # fmt: skip
    work_off(Deriver(store, home, DERIVED), now)
    humidity, dew = float(heat.relative_humidity(30.0, 24.0)), float(heat.dew_point(30.0, 60.0))
    expected = {
        ("relative_humidity", now): humidity,
        ("dew_point", now + HOUR): dew,
        ("heat_index", now): float(heat.heat_index(30.0, humidity)),
        ("heat_index", now + HOUR): float(heat.heat_index(30.0, 60.0)),
        ("utci_shade", now): float(heat.utci_shade(30.0, 24.0, 3.0)),
        ("utci_shade", now + HOUR): float(heat.utci_shade(30.0, dew, 3.0)),
    }
    for (quantity, at), value in expected.items():
        np.testing.assert_allclose(derived(store, home, quantity)[at].values, value, rtol=1e-5, err_msg=quantity)
    assert set(derived(store, home, "dew_point")) == {now + HOUR}
    assert set(derived(store, home, "relative_humidity")) == {now}


def test_drops_of_temperature_and_their_grade(store: Store, home: Path, now: datetime) -> None:
    minima = {now: -2.0, now - DAY: 3.0, now - 2 * DAY: 8.0, now - 3 * DAY: 12.0}
    put(store, home, *(instant("air_temperature_min", "degC", value, at) for at, value in minima.items()),
        received_at=now)  # fmt: skip
    work_off(Deriver(store, home, DERIVED), now)
    for hours, value in ((24, 5.0), (48, 10.0), (72, 14.0)):
        assert (derived(store, home, f"temperature_drop_{hours}h")[now].values == value).all()
    grade = derived(store, home, "cold_wave_grade")[now]
    assert (grade.values == cold_wave.cold_wave_grade(5.0, 10.0, 14.0, -2.0, on=now.date())).all()
    assert set(derived(store, home, "temperature_drop_72h")) == {now}


def test_rain_of_a_week(store: Store, home: Path, now: datetime) -> None:
    rng = np.random.default_rng(8)
    steps, sums = [], {}
    total, end = np.zeros(SHAPE), timedelta(0)
    for hours in (*[1] * 6, *[6] * 27):  # as fine as the last hours need it
        values = rng.gamma(0.5, 4.0 * hours, SHAPE).astype(np.float32)
        steps.append(field_step(values, now - end, accumulation_s=hours * 3600))
        total, end = total + values, end + hours * HOUR
        sums[end // HOUR] = total
    put(store, home, *steps, received_at=now)
    wanted = only("rain_class_12h", "rain_class_24h", "effective_rainfall", "landslide_exceedance")
    Deriver(store, home, wanted).work(now, budget=4)
    for hours in (12, 24):
        found = derived(store, home, f"rain_class_{hours}h", hours * 3600)[now]
        expected = rain_class.rain_class(sums[hours], accumulation_s=hours * 3600, on=now.date())
        np.testing.assert_array_equal(found.values, expected)
    days = [sums[24 * day + 24] - (sums[24 * day] if day else 0.0) for day in range(7)]
    expected = antecedent_rain.effective_rainfall(np.stack(days[::-1]))
    np.testing.assert_allclose(derived(store, home, "effective_rainfall")[now].values, expected, rtol=1e-6)
    slides = derived(store, home, "landslide_exceedance")[now]
    durations = {hours: sums[hours] for hours in (1, 3, 6, 12, 24, 48, 72)}
    expected = landslide.exceedance(durations, landslide.threshold_of("caine_1980")).ratio
    np.testing.assert_allclose(slides.values, expected, rtol=1e-6)
    assert "over 1 h, 3 h, 6 h, 12 h, 24 h, 48 h, 72 h" in slides.row.attributes["notes"][0]


def test_landslide_threshold_says_which_durations_a_coarse_source_has(
    store: Store, home: Path, now: datetime
) -> None:
    steps = (field_step(9.0, now - h * HOUR, accumulation_s=6 * 3600) for h in range(0, 72, 6))
    put(store, home, *steps, received_at=now)
    work_off(Deriver(store, home, only("landslide_exceedance")), now)
    (found,) = derived(store, home, "landslide_exceedance").values()
    assert found.row.attributes["notes"][0].endswith("over 6 h, 12 h, 24 h, 48 h, 72 h")


NOON = datetime(2026, 7, 10, 5, tzinfo=UTC)  # of mean solar time near 102 degrees east


def fire_day(noon: datetime, temperature: float) -> list[Any]:
    hours = [noon + h * HOUR for h in (-1, 0, 1)]
    return [
        *(instant("air_temperature", "degC", temperature, at) for at in hours),
        *(instant("relative_humidity", "%", 40.0, at) for at in hours),
        *(instant("wind_speed", "m/s", 5.0, at) for at in hours),
        field_step(1.0, noon, accumulation_s=86400),
    ]


def chain(temperatures: list[float | None]) -> list[Any]:
    """The days one after another by the formula alone; None is a day that is missing."""
    codes: list[Any] = []
    days = []
    for temperature in temperatures:
        if temperature is None:
            codes.insert(0, None)
            days.append(None)
            continue
        start, _ = fire_weather.go_on_from(codes, SHAPE)
        found = fire_weather.step(start, temperature, 40.0, 18.0, 1.0, month=7, latitude=LAT[:, None])
        codes.insert(0, found.codes)
        days.append(found)
    return days


def test_fire_weather_goes_on_from_the_day_before(store: Store, home: Path) -> None:
    temperatures = [20.0, 25.0, 30.0]
    noons = [NOON + day * DAY for day in range(3)]
    now = noons[-1] + 2 * HOUR
    for noon, temperature in zip(noons, temperatures, strict=True):
        put(store, home, *fire_day(noon, temperature), received_at=now)
    deriver = Deriver(store, home, only("fire_weather"))
    assert work_off(deriver, now) == 3
    for noon, expected in zip(noons, chain(list(temperatures)), strict=True):
        np.testing.assert_allclose(derived(store, home, "fwi")[noon].values, expected.fwi, rtol=1e-5)
        np.testing.assert_allclose(derived(store, home, "fwi_dc")[noon].values, expected.codes.dc, rtol=1e-5)
    first = derived(store, home, "fwi")[noons[0]]
    assert f"standard codes in {SHAPE[0] * SHAPE[1]} cells" in first.row.attributes["notes"][0]
    assert not any("standard codes" in note for note in derived(store, home, "fwi")[noons[2]].row.attributes["notes"])


def test_fire_weather_bridges_a_missing_day_and_takes_a_late_one_in(store: Store, home: Path) -> None:
    noons = [NOON + day * DAY for day in range(3)]
    now = noons[-1] + 2 * HOUR
    for day in (0, 2):
        put(store, home, *fire_day(noons[day], 20.0 + 5 * day), received_at=now)
    deriver = Deriver(store, home, only("fire_weather"))
    work_off(deriver, now)
    bridged = derived(store, home, "fwi")[noons[2]]
    np.testing.assert_allclose(bridged.values, chain([20.0, None, 30.0])[2].fwi, rtol=1e-5)
    assert "missing day(s) bridged" in bridged.row.attributes["notes"][0]
    put(store, home, *fire_day(noons[1], 25.0), received_at=now + HOUR)
    assert work_off(deriver, now + HOUR) == 2
    np.testing.assert_allclose(
        derived(store, home, "fwi")[noons[2]].values, chain([20.0, 25.0, 30.0])[2].fwi, rtol=1e-5
    )


def test_fire_weather_stands_when_its_beginnings_are_let_go_of(store: Store, home: Path) -> None:
    noons = [NOON, NOON + DAY]
    now = noons[-1] + 2 * HOUR
    for noon in noons:
        put(store, home, *fire_day(noon, 25.0), received_at=now)
    deriver = Deriver(store, home, only("fire_weather"))
    work_off(deriver, now)
    before = derived(store, home, "fwi")[noons[1]].row.id
    with store.write() as connection:  # what housekeeping does with old steps
        connection.execute(table.delete().where(table.c.valid_at < noons[1] - HOUR))
    assert work_off(deriver, now) == 0
    assert derived(store, home, "fwi")[noons[1]].row.id == before


def test_fire_weather_waits_until_noon_is_over(store: Store, home: Path) -> None:
    put(store, home, *fire_day(NOON, 25.0), received_at=NOON)
    deriver = Deriver(store, home, only("fire_weather"))
    assert work_off(deriver, NOON) == 0
    assert work_off(deriver, NOON + 2 * HOUR) == 1


def maxima(years: range, seed: int = 1) -> dict[int, Any]:
    rng = np.random.default_rng(seed)
    return {year: rng.gumbel(60.0, 20.0, SHAPE).clip(1.0).astype(np.float32) for year in years}


def test_return_levels_and_the_period_of_what_fell(store: Store, home: Path, now: datetime) -> None:
    yearly = maxima(range(1996, 2026))
    put(
        store, home,
        *(instant("precipitation_24h_annual_max", "mm", values, datetime(year, 12, 31, tzinfo=UTC))
          for year, values in yearly.items()),
        received_at=now, source="climate",
    )  # fmt: skip
    put(store, home, field_step(120.0, now, accumulation_s=86400), received_at=now)
    work_off(Deriver(store, home, DERIVED), now)
    fit = extremes.fit_l_moments(np.stack([yearly[year] for year in sorted(yearly)]))
    last = datetime(2025, 12, 31, tzinfo=UTC)
    for period in (2, 10, 50):
        found = derived(store, home, f"precipitation_24h_return_level_{period}y")[last]
        np.testing.assert_allclose(found.values, return_period.level_map(fit, period), rtol=1e-5)
        assert found.row.attributes["of"] == "climate"
    (period_now,) = derived(store, home, "precipitation_24h_return_period").values()
    np.testing.assert_allclose(period_now.values, return_period.period_map(fit, np.full(SHAPE, 120.0)), rtol=1e-3)
    assert period_now.row.attributes["of"] == "radar" and period_now.row.valid_at == now


def test_a_few_years_give_no_return_level_and_a_note(store: Store, home: Path, now: datetime) -> None:
    put(
        store, home,
        *(instant("precipitation_24h_annual_max", "mm", values, datetime(year, 12, 31, tzinfo=UTC))
          for year, values in maxima(range(2020, 2026)).items()),
        received_at=now,
    )  # fmt: skip
    deriver = Deriver(store, home, only("precipitation_24h_return_levels"))
    work_off(deriver, now)
    assert derived(store, home, "precipitation_24h_return_level_10y") == {}


@pytest.mark.parametrize("name", ["landslide_exceedance", "effective_rainfall", "rain_class_24h"])
def test_a_gap_in_the_rain_gives_nothing(store: Store, home: Path, now: datetime, name: str) -> None:
    steps = (field_step(1.0, now - h * HOUR, accumulation_s=6 * 3600) for h in range(0, 24 * 7, 6) if h != 12)
    put(store, home, *steps, received_at=now)
    work_off(Deriver(store, home, only(name)), now)
    with store.read() as connection:
        times = connection.execute(sa.select(table.c.valid_at).where(is_made(table.c.source))).scalars().all()
    assert now not in times


def test_longitudes_of_the_scene_have_noon_when_the_tests_say() -> None:
    local = NOON + timedelta(hours=float(LON.mean()) / 15.0)
    assert abs(local.hour + local.minute / 60 - 12) < 0.5
