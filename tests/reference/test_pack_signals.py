"""The other packs against the tables of their authorities: signals, hydrology, air quality, wind, fire, tsunami."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.rule import Condition
from tests.reference.test_cma_signals import RULES, leaves, level_of, numbers_in, rows

FOURTEEN = (
    "typhoon", "rainstorm", "snowstorm", "cold_wave", "gale", "sandstorm", "high_temperature", "drought", "lightning",
    "hail", "frost", "fog", "haze", "road_icing",
)  # fmt: skip
TENTH = 0.1  # a trigger includes its number; "below" and "more than" do not


@pytest.fixture
def signals(oracles: Path) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["hazard"], row["level"]): row for row in rows(oracles / "cma_warning_signals.csv")}


def only(key: str, level: str) -> Condition:
    (leaf,) = RULES[key].levels[level].leaves()  # type: ignore[index]
    return leaf


def test_index_has_the_fourteen_signals_with_exactly_their_levels(
    signals: dict[tuple[str, str], dict[str, str]],
) -> None:
    from tests.contract.test_packs import SIGNALS

    named: dict[str, set[str]] = {}
    for hazard, level in signals:
        named.setdefault("haze" if hazard == "haze_2013" else hazard, set()).add(level)
    indexed = {one["hazard"]: set(one["levels"]) for one in SIGNALS if one["authority"] == "cma"}
    assert {hazard: indexed[hazard] for hazard in named} == named
    assert set(FOURTEEN) <= set(indexed)


def test_typhoon_boundary_cases(oracles: Path) -> None:
    for case in rows(oracles / "cma_typhoon_cases.csv"):
        mean, gust, hours = (float(case[name]) for name in ("mean_m_per_s", "gust_m_per_s", "hours_to_onset"))
        forecast = {
            f"{name}_{ahead}h": value if hours <= ahead else 0.0
            for ahead in (24, 12, 6)
            for name, value in (("mean_wind", mean), ("gust", gust))
        }
        assert level_of(RULES["cma.typhoon.forecast"], forecast) == case["expected_level"], case
        if hours <= 6:
            observed = {"mean_wind": mean, "gust": gust}
            assert level_of(RULES["cma.typhoon.observed"], observed) == case["expected_level"], case


@pytest.mark.parametrize("branch", ["observed", "forecast"])
@pytest.mark.parametrize("level", ["blue", "yellow", "orange", "red"])
def test_snowstorm_numbers(signals: dict[tuple[str, str], dict[str, str]], level: str, branch: str) -> None:
    hours, amount = re.findall(r"snow_(\d+)h[^>]*>=(\d+) mm", signals["snowstorm", level]["condition_any_of"])[0]
    leaf = only(f"cma.snowstorm.{branch}", level)
    assert leaf.trigger == float(amount)
    entry = RULES[f"cma.snowstorm.{branch}"].inputs[str(leaf.input)]
    assert (entry.accumulate, entry.window) == ("sum", 3600.0 * float(hours))
    assert hours == signals["snowstorm", level]["lead_window_h"]


@pytest.mark.parametrize("hazard", ["sandstorm", "fog"])
@pytest.mark.parametrize("level", ["yellow", "orange", "red"])
def test_visibility_numbers(signals: dict[tuple[str, str], dict[str, str]], hazard: str, level: str) -> None:
    row = signals[hazard, level]
    (below,) = (float(number) for number in re.findall(r"visibility<(\d+)", row["condition_any_of"]))
    observed, forecast = only(f"cma.{hazard}.observed", level), only(f"cma.{hazard}.forecast", level)
    for leaf in (observed, forecast):
        assert leaf.direction == "below"
        assert leaf.trigger == pytest.approx(below - TENTH)
    entry = RULES[f"cma.{hazard}.forecast"].inputs[str(forecast.input)]
    assert (entry.accumulate, entry.spatial, entry.window) == ("min", "min", 3600.0 * float(row["lead_window_h"]))


def test_fog_excludes_the_number_itself() -> None:
    found = [
        level_of(RULES["cma.fog.observed"], {"visibility": metres}) for metres in (501, 500, 499, 200, 199, 50, 49)
    ]
    assert found == ["none", "none", "yellow", "yellow", "orange", "orange", "red"]


@pytest.mark.parametrize("level", ["blue", "yellow", "orange"])
def test_frost_numbers(signals: dict[tuple[str, str], dict[str, str]], level: str) -> None:
    row = signals["frost", level]
    (number,) = (float(one) for one in re.findall(r"Tmin<=(-?\d+)", row["condition_any_of"]))
    observed, forecast = only("cma.frost.observed", level), only("cma.frost.forecast", level)
    assert (observed.trigger, forecast.trigger) == (number, number)
    assert observed.direction == forecast.direction == "below"
    assert RULES["cma.frost.forecast"].inputs[str(forecast.input)].window == 3600.0 * float(row["lead_window_h"])


@pytest.mark.parametrize(
    ("visibility", "humidity", "pm2_5", "level"),
    [
        pytest.param(2999, 79, 20, "yellow", id="dry"),
        pytest.param(3000, 79, 20, "none", id="not below 3000 m"),
        pytest.param(2999, 80, 115, "none", id="damp, and not above 115"),
        pytest.param(2999, 80, 116, "yellow", id="damp and dirty"),
        pytest.param(4999, 95, 151, "yellow", id="dirtier"),
        pytest.param(4999, 95, 150, "none", id="not above 150"),
        pytest.param(5000, 95, 600, "none", id="clear sight"),
        pytest.param(4999, 95, 501, "red", id="dirtiest"),
    ],
)
def test_haze_branches_of_2013(visibility: float, humidity: float, pm2_5: float, level: str) -> None:
    numbers = {"visibility": visibility, "driest": humidity, "dampest": humidity, "pm2_5": pm2_5}
    assert level_of(RULES["cma.haze.observed"], numbers) == level


@pytest.mark.parametrize("level", ["yellow", "orange"])
def test_haze_of_2007_has_ended(signals: dict[tuple[str, str], dict[str, str]], level: str) -> None:
    rule = RULES["cma.haze_2007.observed"]
    assert only(rule.key, level).trigger == numbers_in(signals["haze_2007", level]["condition_any_of"])[0] - TENTH
    assert rule.valid_to is not None and rule.valid_to < RULES["cma.haze.observed"].valid_from


def test_drought_takes_the_classes_of_the_composite_index(oracles: Path) -> None:
    limits = {row["class"]: row for row in rows(oracles / "class_tables.csv") if "MCI" in row["scheme"]}
    assert only("cma.drought.observed", "orange").trigger == float(limits["severe"]["upper"])
    assert only("cma.drought.observed", "red").trigger == float(limits["extreme"]["upper"])
    assert set(RULES["cma.drought.observed"].levels) == {"orange", "red"}


@pytest.mark.parametrize(
    ("stage", "level"),
    [(9.4, "none"), (9.5, "blue"), (9.9, "blue"), (10, "yellow"), (11.9, "yellow"), (12, "orange"), (14, "red")],
)
def test_flood_signals_by_stage(oracles: Path, stage: float, level: str) -> None:
    """Warning stage 10 m, guarantee stage 12 m, highest on record 14 m."""
    table = {row["level"]: row["condition_stage_or_flow"] for row in rows(oracles / "china_hydrological_warning.csv")}
    asked = {"yellow": "warning", "orange": "guarantee", "red": "record"}
    for name, word in asked.items():
        assert word in table[name]
        assert RULES["mwr.flood"].inputs[str(only("mwr.flood", name).input)].minus_site == f"stages_m.{word}"
    numbers = {f"above_{name}": stage - of for name, of in (("warning", 10), ("guarantee", 12), ("record", 14))}
    assert level_of(RULES["mwr.flood"], numbers) == level


def aqi_level(index: float) -> str:
    return next(
        (name for name, above in (("red", 300), ("orange", 200), ("yellow", 150), ("blue", 100)) if index > above),
        "none",
    )


@pytest.mark.parametrize(
    ("key", "column"), [("mee.air_quality_2012", "IAQI_HJ633_2012"), ("mee.air_quality", "IAQI_HJ633_2026")]
)
def test_air_quality_cases_of_china(oracles: Path, key: str, column: str) -> None:
    checked = 0
    for case in rows(oracles / "aqi_china_cases.csv"):
        name = case["pollutant"].lower().replace("pm2.5", "pm2_5").removesuffix("_mg")
        if name not in RULES[key].inputs:
            continue
        numbers = {**dict.fromkeys(RULES[key].inputs, 0.0), name: float(case["concentration_ug_per_m3"])}
        assert level_of(RULES[key], numbers) == aqi_level(float(case[column])), case
        checked += 1
    assert checked > 15


@pytest.mark.parametrize("key", ["mee.air_quality_2012", "mee.air_quality"])
def test_air_quality_limits_of_china(oracles: Path, key: str) -> None:
    standard = "HJ633-2012" if key.endswith("2012") else "HJ633-2026"
    table = {
        row["pollutant"].lower(): row
        for row in rows(oracles / "aqi_china_breakpoints.csv")
        if row["standard"] == standard
    }
    for level, index in (("blue", 100), ("yellow", 150), ("orange", 200), ("red", 300)):
        for name, leaf in leaves(RULES[key], level).items():
            row = table[{"pm2_5_24h": "pm2.5_24h", "co_24h": "co_24h_mg"}.get(name, name)]
            limit = float(row[f"IAQI_{index}"])
            assert leaf.trigger is not None and 0 < leaf.trigger - limit <= 0.1 + 1e-9, (name, level)


def test_air_quality_cases_of_the_united_states(oracles: Path) -> None:
    for case in rows(oracles / "aqi_us_pm25_2024_cases.csv"):
        numbers = {"pm2_5_24h": float(case["pm25_ug_per_m3"])}
        assert level_of(RULES["epa.air_quality"], numbers) == aqi_level(float(case["AQI"])), case


def test_wind_of_the_national_weather_service(oracles: Path) -> None:
    criteria = {row["product"]: numbers_in(row["criterion"]) for row in rows(oracles / "nws_criteria.csv")}
    found = leaves(RULES["nws.wind.observed"], "orange")
    assert [found["sustained_1h"].trigger, found["gust"].trigger] == [
        criteria["High Wind Warning"][0],
        criteria["High Wind Warning"][2],
    ]
    advisory = re.findall(
        r"(\d+)-\d+ mph",
        next(row["criterion"] for row in rows(oracles / "nws_criteria.csv") if row["product"] == "Wind Advisory"),
    )
    found = leaves(RULES["nws.wind.observed"], "yellow")
    assert [found["sustained"].trigger, found["gust"].trigger] == [float(number) for number in advisory]
    hour = RULES["nws.wind.observed"].inputs["sustained_1h"]
    assert (hour.accumulate, hour.window, hour.unit) == ("min", 3600.0, "mph")


def test_heat_of_oklahoma(oracles: Path) -> None:
    text = next(row["criterion"] for row in rows(oracles / "nws_criteria.csv") if "Heat" in row["product"])
    two_days, any_time = (float(number) for number in re.findall(r">=(\d+)F", text))
    found = leaves(RULES["nws.heat.oklahoma"], "orange")
    assert (found["lower_of_2_daily_maxima"].trigger, found["maximum_24h"].trigger) == (two_days, any_time)


@pytest.mark.parametrize(
    ("key", "scheme", "levels"),
    [
        pytest.param(
            "jma.tsunami",
            "tsunami_JMA",
            {"yellow": "advisory", "orange": "warning", "red": "major warning"},
            id="Japan",
        ),
        pytest.param(
            "nmefc.tsunami",
            "tsunami_China_2009plan",
            {level: level for level in ("blue", "yellow", "orange", "red")},
            id="China",
        ),
        pytest.param(
            "effis.fire_weather",
            "FWI_EFFIS",
            {"blue": "moderate", "yellow": "high", "orange": "very high", "red": "extreme"},
            id="FWI",
        ),
        pytest.param(
            "cma.forest_fire_weather",
            "forest_fire_QXT77-2007",
            {
                "blue": "fairly low blue",
                "yellow": "fairly high yellow",
                "orange": "high orange",
                "red": "very high red",
            },
            id="forest",
        ),
    ],
)
def test_classes_begin_at_their_lower_bound(oracles: Path, key: str, scheme: str, levels: dict[str, str]) -> None:
    table = {
        row["class"]: float(row["lower"]) for row in rows(oracles / "class_tables.csv") if row["scheme"] == scheme
    }
    half = 0.5 if key == "cma.forest_fire_weather" else 0.0  # a mean of grades belongs to the nearest one
    assert {level: only(key, level).trigger for level in levels} == {
        level: table[name] - half for level, name in levels.items()
    }
    assert set(RULES[key].levels) == set(levels)


def test_intensity_colours_of_early_warning(oracles: Path) -> None:
    asked = {
        row["class"]: row["condition"] for row in rows(oracles / "eew_thresholds.csv") if row["system"] == "China"
    }
    numerals = {"III": 3.0, "V": 5.0, "VII": 7.0}
    for level in ("yellow", "orange", "red"):
        first = re.findall(r"[IV]+", asked[level].split("site")[-1])[0]
        assert only("cea.intensity", level).trigger == numerals[first]


def test_wind_force_bounds(oracles: Path) -> None:
    force = {int(row["force"]): float(row["lower_m_per_s"]) for row in rows(oracles / "wind_force_scale.csv")}
    for level, number in (("blue", 8), ("yellow", 9), ("orange", 10), ("red", 12)):
        assert only("generic.wind", level).trigger == force[number]
