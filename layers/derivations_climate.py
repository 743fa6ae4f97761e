"""Derived quantities that look back over days and years: fire weather, return levels and return periods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.derivation import Derivation, Inputs, Need
from layers.derived import fire_weather, return_period
from layers.derived.fire_weather import CODES, MAX_GAP_DAYS, Codes
from layers.layer import LayerSpec

DAY = timedelta(days=1)
AROUND_NOON = timedelta(hours=4, minutes=30)  # the columns of a grid up to 90 degrees wide have their noon in it
SAME_NOON = timedelta(hours=3)
AT_ONCE = 32_000_000  # values of annual maxima fitted at a time: 256 MB

Fields = Mapping[str, NDArray[Any]]


def _noon(quantity: str, unit: str) -> Need:
    return Need(quantity=quantity, unit=unit, take="each", window=AROUND_NOON)


def _before(code: str, days: int) -> Need:
    unit = "d" if code == "fwi_days" else "1"
    return Need(quantity=code, unit=unit, take="each", window=SAME_NOON, back=days * DAY, optional=True)


DAYS_BACK = range(1, MAX_GAP_DAYS + 2)
FIRE_NEEDS = {
    "temperature": _noon("air_temperature", "degC"),
    "humidity": _noon("relative_humidity", "%"),
    "wind": _noon("wind_speed", "km/h"),
    "rain": Need(quantity="precipitation", unit="mm", take="sum", window=DAY),
    **{f"{code}_{days}": _before(code, days) for days in DAYS_BACK for code in CODES},
}


def fire_weather_of_a_day(inputs: Inputs) -> Fields:
    """Codes and indices of a day at local noon of each column; the rain is of the day up to noon amid the grid."""
    local = inputs.valid_at + timedelta(hours=float(inputs.lon[0] + inputs.lon[-1]) / 30.0)
    midnight = datetime.combine(local.date(), time(), inputs.valid_at.tzinfo)
    temperature, humidity, wind = (_at_noon(inputs, name, midnight) for name in ("temperature", "humidity", "wind"))
    codes, gap = fire_weather.go_on_from([_codes(inputs, days) for days in DAYS_BACK], inputs.shape)
    found = fire_weather.step(
        codes, temperature, humidity, wind, inputs.get("rain"), month=local.month, latitude=inputs.lat[:, None]
    )
    made = found.codes
    inputs.notes.extend(fire_weather.notes_of(gap, made))
    return {
        "fwi": found.fwi, "fwi_ffmc": made.ffmc, "fwi_dmc": made.dmc, "fwi_dc": made.dc, "fwi_isi": found.isi,
        "fwi_bui": found.bui, "fwi_dsr": found.dsr, "fwi_days": made.days,
    }  # fmt: skip


def _at_noon(inputs: Inputs, name: str, midnight: datetime) -> NDArray[np.float64]:
    steps = [(at, values.astype(np.float32)) for at, values in inputs.each(name)]
    hours = np.array([(at - midnight).total_seconds() / 3600.0 for at, _ in steps])
    return fire_weather.pick_noon(np.stack([values for _, values in steps]), hours, inputs.lon)


def _codes(inputs: Inputs, days: int) -> Codes | None:
    found = [next(inputs.each(f"{code}_{days}"), None) for code in CODES]
    arrays = [pair[1] for pair in found if pair is not None]
    return Codes(*arrays) if len(arrays) == len(CODES) else None


def return_levels_of(quantity: str, specs: tuple[LayerSpec, ...]) -> Derivation:
    """Return levels and the parameters of extremes from every annual maximum on a grid."""
    period = return_period.period_quantity(quantity)
    wanted = tuple(spec for spec in specs if spec.quantity != period)
    maxima = Need(quantity=f"{quantity}_annual_max", unit=_unit(specs, quantity), take="all")

    def compute(inputs: Inputs) -> Fields:
        found = {spec.quantity: np.full(inputs.shape, np.nan, np.float32) for spec in wanted}
        years = len(inputs.parts["maxima"])
        rows = max(1, AT_ONCE // (years * inputs.shape[1]))
        for start in range(0, inputs.shape[0], rows):
            block = slice(start, start + rows)
            stack = {at.year: values[block].copy() for at, values in inputs.each("maxima")}
            fit = return_period.fit_maxima(stack)
            for name, values in return_period.to_fields(fit).items():
                found[return_period.parameter_quantity(quantity, name)][block] = values
            for years_apart, values in return_period.level_maps(fit).items():
                found[return_period.level_quantity(quantity, years_apart)][block] = values
        return found

    return Derivation(
        name=f"{quantity}_return_levels", specs=wanted, needs={"maxima": maxima}, compute=compute, when="newest",
        observed_only=True,
    )  # fmt: skip


def return_period_of(quantity: str, specs: tuple[LayerSpec, ...], value: Need) -> Derivation:
    """The return period of a field, by the parameters of extremes on its grid."""
    name = return_period.period_quantity(quantity)
    units = {spec.quantity: spec.unit for spec in specs}
    parameters = {
        word: Need(quantity=full, unit=units[full], take="newest")
        for word, full in (
            (word, return_period.parameter_quantity(quantity, word)) for word in return_period.PARAMETERS
        )
    }

    def compute(inputs: Inputs) -> Fields:
        fit = return_period.from_fields({word: inputs.get(word) for word in parameters})
        return {name: return_period.period_map(fit, inputs.get("value"))}

    spec = next(spec for spec in specs if spec.quantity == name)
    return Derivation(
        name=name, specs=(spec,), needs={"value": value, **parameters}, compute=compute, when="hourly"
    )  # fmt: skip


def _unit(specs: tuple[LayerSpec, ...], quantity: str) -> str:
    location = return_period.parameter_quantity(quantity, "location")
    return next(spec.unit for spec in specs if spec.quantity == location)


FIRE_WEATHER = Derivation(
    name="fire_weather", specs=fire_weather.SPECS, needs=FIRE_NEEDS, compute=fire_weather_of_a_day, when="noon",
    observed_only=True, carries=True,
)  # fmt: skip
