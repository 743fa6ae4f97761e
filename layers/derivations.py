"""The registry of derived quantities: which formula of `layers.derived` is fed with which stored steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from numpy.typing import NDArray

from layers.derivation import Derivation, Inputs, Need, by_cell
from layers.derived import heat, wind_force
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


def rain(hours: float, *, back: timedelta = timedelta(0)) -> Need:
    """The rain of some hours."""
    return Need(quantity="precipitation", unit="mm", take="sum", window=hours * HOUR, back=back)


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


DERIVED: tuple[Derivation, ...] = (
    *(_rolling(hours) for hours in WINDOWS_H),
    _simple(wind_force, "wind_speed", wind_force.wind_speed, eastward=EASTWARD, northward=NORTHWARD),
    _simple(wind_force, "wind_force", wind_force.wind_force, categorical=True, wind=WIND),
    _simple(wind_force, "gust_factor", wind_force.gust_factor, gust=GUST, wind=WIND),
    _simple(heat, "heat_index", heat.heat_index, temperature=TEMPERATURE, humidity=HUMIDITY),
    _simple(heat, "wind_chill", heat.wind_chill, temperature=TEMPERATURE, wind=WIND),
    _simple(heat, "utci_shade", heat.utci_shade, temperature=TEMPERATURE, dew_point=DEW_POINT, wind=WIND),
    _simple(heat, "utci", heat.utci, temperature=TEMPERATURE, dew_point=DEW_POINT, wind=WIND, radiant=RADIANT),
    _simple(heat, "wbgt_simple", heat.wbgt_simple, temperature=TEMPERATURE, humidity=HUMIDITY),
)


def switched_on(off: Collection[str]) -> tuple[Derivation, ...]:
    """The registry without what the operator switched off."""
    return tuple(item for item in DERIVED if item.name not in off)
