"""The registry of derived quantities: which formula of `layers.derived` is fed with which stored steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.derivation import Compute, Derivation, Inputs, Need, by_cell
from layers.derivations_climate import FIRE_WEATHER, return_levels_of, return_period_of
from layers.derived import (
    antecedent_rain,
    cold_wave,
    fire_weather,
    heat,
    landslide,
    rain_class,
    return_period,
    wind_force,
)
from layers.layer import LayerSpec

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
WINDOWS_H = (1, 3, 6, 12, 24, 48, 72)
MOST_RAIN_MM = 5000.0

TEMPERATURE = Need(quantity="air_temperature", unit="degC")
HUMIDITY = Need(quantity="relative_humidity", unit="%")
DEW_POINT = Need(quantity="dew_point", unit="degC")
WIND = Need(quantity="wind_speed", unit="m/s")
GUST = Need(quantity="wind_gust", unit="m/s")
RADIANT = Need(quantity="mean_radiant_temperature", unit="degC")
EASTWARD = Need(quantity="eastward_wind", unit="m/s")
NORTHWARD = Need(quantity="northward_wind", unit="m/s")


COLDEST = "air_temperature_min"
DEW_POINT_SPEC = LayerSpec(
    key="field:dew_point", title="Dew point", kind="field", quantity="dew_point", unit="degC",
    needs=("air_temperature", "relative_humidity"), valid_range=(-80.0, 60.0),
    reference="Magnus formula with the constants of WMO-No. 8 (2018), annex 4.B",
)  # fmt: skip
LANDSLIDE_H = (24, 6, 12, 48, 72)  # durations that are needed; shorter ones count where the source has them
LANDSLIDE_SHORT_H = (1, 3)


def rain(hours: float, *, back: timedelta = timedelta(0), optional: bool = False) -> Need:
    """The rain of some hours."""
    return Need(
        quantity="precipitation", unit="mm", take="sum", window=hours * HOUR, back=back, optional=optional
    )  # fmt: skip


def _spec(module: Any, quantity: str) -> LayerSpec:
    specs: tuple[LayerSpec, ...] = module.SPECS if hasattr(module, "SPECS") else (module.SPEC,)
    return next(spec for spec in specs if spec.quantity == quantity)


def _simple(
    module: Any, quantity: str, function: Callable[..., NDArray[Any]], /, *, categorical: bool = False, **needs: Need
) -> Derivation:
    """A formula of each cell at each time; its arguments in the order of the needs."""
    return Derivation(
        name=quantity, specs=(_spec(module, quantity),), needs=needs, categorical=categorical,
        compute=by_cell(quantity, function, *needs),
    )  # fmt: skip


def _rolling(hours: int) -> Derivation:
    """Rain of the last hours: only where steps fill the window without a gap, and only cells known in all of them."""
    spec = LayerSpec(
        key=f"derived:precipitation_{hours}h", title="Precipitation", kind="field", quantity="precipitation",
        unit="mm", needs=("precipitation",), valid_range=(0.0, MOST_RAIN_MM),
        reference="Sum of the amounts that the source gives",
    )  # fmt: skip

    def compute(inputs: Inputs) -> Mapping[str, NDArray[Any]]:
        return {"precipitation": inputs.get("rain")}

    return Derivation(
        name=f"precipitation_{hours}h", specs=(spec,), needs={"rain": rain(hours)}, compute=compute, when="hourly",
        accumulation=hours * HOUR,
    )  # fmt: skip


def _rain_class(hours: int) -> Derivation:
    name = f"rain_class_{hours}h"

    def compute(inputs: Inputs) -> Mapping[str, NDArray[Any]]:
        day = inputs.valid_at.date()
        return {name: rain_class.rain_class(inputs.get("rain"), accumulation_s=hours * 3600, on=day)}

    return Derivation(
        name=name, specs=(_spec(rain_class, name),), needs={"rain": rain(hours)}, compute=compute, when="hourly",
        accumulation=hours * HOUR, categorical=True,
    )  # fmt: skip


def _effective_rainfall() -> Derivation:
    needs = {f"day_{day}": rain(24, back=day * DAY) for day in range(antecedent_rain.DAYS)}

    def formula(*days: NDArray[Any]) -> NDArray[Any]:
        return antecedent_rain.effective_rainfall(np.stack(days[::-1]))

    return Derivation(
        name="effective_rainfall", specs=(antecedent_rain.SPEC,), needs=needs, when="six-hourly",
        compute=by_cell("effective_rainfall", formula, *needs),
    )  # fmt: skip


def _landslide() -> Derivation:
    """Against Caine's threshold, over the durations that the source's steps can be summed to."""
    needs = {f"{hours} h": rain(hours) for hours in LANDSLIDE_H}
    needs |= {f"{hours} h": rain(hours, optional=True) for hours in LANDSLIDE_SHORT_H}
    durations = {f"{hours} h": float(hours) for hours in sorted((*LANDSLIDE_H, *LANDSLIDE_SHORT_H))}

    def compute(inputs: Inputs) -> Mapping[str, NDArray[Any]]:
        threshold = landslide.threshold_of("caine_1980")
        used = [name for name in durations if inputs.has(name)]
        inputs.notes.append(f"landslide threshold: {threshold.en}, over {', '.join(used)}")

        def formula(*amounts: NDArray[Any]) -> NDArray[Any]:
            given = {durations[name]: amount for name, amount in zip(used, amounts, strict=True)}
            return landslide.exceedance(given, threshold).ratio

        return by_cell("landslide_exceedance", formula, *used)(inputs)

    return Derivation(
        name="landslide_exceedance", specs=(_spec(landslide, "landslide_exceedance"),), needs=needs, compute=compute,
        when="hourly",
    )  # fmt: skip


def _temperature_drop(days: int) -> Derivation:
    name = f"temperature_drop_{24 * days}h"
    needs = {f"day_{day}": Need(quantity=COLDEST, unit="degC", back=day * DAY) for day in range(days + 1)}

    def formula(*minima: NDArray[Any]) -> NDArray[Any]:
        return cold_wave.temperature_drop(np.stack(minima[::-1]))

    return _looking_back(name, needs, by_cell(name, formula, *needs))


def _looking_back(name: str, needs: Mapping[str, Need], compute: Compute) -> Derivation:
    return Derivation(name=name, specs=(_spec(cold_wave, name),), needs=needs, compute=compute)


def _cold_wave() -> Derivation:
    drops = {f"drop_{hours}h": Need(quantity=f"temperature_drop_{hours}h", unit="K", optional=True)
             for hours in (24, 48, 72)}  # fmt: skip
    needs = {"minimum": Need(quantity=COLDEST, unit="degC"), **drops}

    def compute(inputs: Inputs) -> Mapping[str, NDArray[Any]]:
        unknown = np.full(inputs.shape, np.nan)
        one, two, three = (inputs.get(name) if inputs.has(name) else unknown for name in drops)
        minimum, day = inputs.get("minimum"), inputs.valid_at.date()
        return {"cold_wave_grade": cold_wave.cold_wave_grade(one, two, three, minimum, on=day)}

    return replace(_looking_back("cold_wave_grade", needs, compute), categorical=True)


DERIVED: tuple[Derivation, ...] = (
    *(_rolling(hours) for hours in WINDOWS_H),
    _simple(wind_force, "wind_speed", wind_force.wind_speed, eastward=EASTWARD, northward=NORTHWARD),
    _simple(wind_force, "wind_force", wind_force.wind_force, categorical=True, wind=WIND),
    _simple(wind_force, "gust_factor", wind_force.gust_factor, gust=GUST, wind=WIND),
    _simple(heat, "relative_humidity", heat.relative_humidity, temperature=TEMPERATURE, dew_point=DEW_POINT),
    Derivation(
        name="dew_point", specs=(DEW_POINT_SPEC,), needs={"temperature": TEMPERATURE, "humidity": HUMIDITY},
        compute=by_cell("dew_point", heat.dew_point, "temperature", "humidity"),
    ),
    _simple(heat, "heat_index", heat.heat_index, temperature=TEMPERATURE, humidity=HUMIDITY),
    _simple(heat, "wind_chill", heat.wind_chill, temperature=TEMPERATURE, wind=WIND),
    _simple(heat, "utci_shade", heat.utci_shade, temperature=TEMPERATURE, dew_point=DEW_POINT, wind=WIND),
    _simple(heat, "utci", heat.utci, temperature=TEMPERATURE, dew_point=DEW_POINT, wind=WIND, radiant=RADIANT),
    _simple(heat, "wbgt", heat.wbgt, temperature=TEMPERATURE, dew_point=DEW_POINT, wind=WIND, radiant=RADIANT),
    _simple(heat, "wbgt_simple", heat.wbgt_simple, temperature=TEMPERATURE, humidity=HUMIDITY),
    *(_temperature_drop(days) for days in (1, 2, 3)),
    _cold_wave(),
    *(_rain_class(hours) for hours in (12, 24)),
    _effective_rainfall(),
    _landslide(),
    FIRE_WEATHER,
    Derivation(
        name="fire_danger_class", specs=(fire_weather.DANGER_CLASS,), categorical=True,
        needs={"fwi": Need(quantity="fwi", unit="1")},
        compute=by_cell("fire_danger_class", fire_weather.danger_class, "fwi"),
    ),
    return_levels_of("precipitation_24h", return_period.SPECS),
    return_period_of("precipitation_24h", return_period.SPECS, rain(24)),
)  # fmt: skip


def switched_on(off: Collection[str]) -> tuple[Derivation, ...]:
    """The registry without what the operator switched off."""
    return tuple(item for item in DERIVED if item.name not in off)
