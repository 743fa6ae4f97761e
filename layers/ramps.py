"""Colours over values, as data: the tiles and the legend are drawn from the same stops.

Lightness runs one way (or up to a neutral middle and down again), so that order survives colour blindness and print.
Sequential colours are stops of cividis (Nunez, Anderton and Renslow 2018, CC0) and of a light-to-dark blue; diverging
ones go blue - pale - brown-red, which deuteranopes and protanopes tell apart. `tests/layers/test_ramps.py` checks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.layer import Ramp

CIVIDIS = (
    "#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
)  # fmt: skip
WATER = ("#d9eff7", "#b5dcef", "#8cc4e6", "#63a8da", "#3f8aca", "#2a6bb3", "#1d4d94", "#143272", "#0d1b4c")
DIVERGING = (
    "#12295c", "#24509a", "#4c82bd", "#8fb4d6", "#cfdde8", "#f3eee6", "#f0cfae", "#dd9c68", "#b9642f", "#8a3512",
    "#571a0b",
)  # fmt: skip
STORM = ("#f4efdf", "#e9d9a6", "#dcbc72", "#cb9a4c", "#b27638", "#92542c", "#6d3723", "#471f1a", "#250d12")


def _over(values: tuple[float, ...], colours: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
    """Values and colours; with fewer values than colours, colours spread over the whole range."""
    places = np.rint(np.linspace(0, len(colours) - 1, len(values))).astype(int)
    return tuple((value, colours[place]) for value, place in zip(values, places, strict=True))


def _classes(values: tuple[float, ...], colours: tuple[str, ...]) -> Ramp:
    return Ramp(stops=_over(values, colours), interpolate=False)


def _smooth(values: tuple[float, ...], colours: tuple[str, ...]) -> Ramp:
    return Ramp(stops=_over(values, colours))


TEMPERATURE = _smooth((-40.0, -30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 25.0, 30.0, 35.0, 40.0), DIVERGING)
# Class ramps begin where the quantity begins to matter: below the first stop nothing is drawn.
RAMPS: dict[str, Ramp] = {
    "precipitation": _classes((0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 150.0, 250.0), WATER),
    "precipitation_rate": _classes((0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0), WATER),
    "snow_water": _classes((1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0), WATER),
    "snow_depth": _classes((0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0), WATER),
    "wind_speed": _classes((5.5, 8.0, 10.8, 13.9, 17.2, 20.8, 24.5, 28.5, 32.7), STORM),  # Beaufort 4 to 12
    "wind_gust": _classes((10.8, 13.9, 17.2, 20.8, 24.5, 28.5, 32.7, 37.0, 41.5), STORM),
    "air_temperature": TEMPERATURE,
    "air_temperature_max": TEMPERATURE,
    "air_temperature_min": TEMPERATURE,
    "air_temperature_mean": TEMPERATURE,
    "skin_temperature": TEMPERATURE,
    "dew_point": TEMPERATURE,
    "pressure_msl": _smooth((960.0, 970.0, 980.0, 990.0, 1000.0, 1010.0, 1020.0, 1030.0, 1040.0, 1050.0), CIVIDIS),
    "relative_humidity": _smooth((0.0, 20.0, 40.0, 60.0, 80.0, 100.0), WATER),
    "cloud_cover": _smooth((0.0, 25.0, 50.0, 75.0, 100.0), ("#4a4a52", "#75757d", "#a1a1a8", "#cfcfd4", "#f7f7f9")),
    "visibility": _classes((0.0, 50.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0), tuple(reversed(STORM[:8]))),
}


def ramp_for(quantity: str, low: float = 0.0, high: float = 1.0) -> Ramp:
    """The ramp of a quantity, of the quantity at a level, or one from `low` to `high` where none is set."""
    if "_probability" in quantity:
        return _smooth((0.0, 10.0, 30.0, 50.0, 70.0, 90.0, 100.0), CIVIDIS)
    if quantity.endswith("_return_period"):
        return _classes((2.0, 5.0, 10.0, 20.0, 50.0, 100.0), STORM)  # years
    if quantity == "fwi":
        return _classes((0.0, 5.2, 11.2, 21.3, 38.0, 50.0), STORM)  # fire danger of EFFIS
    known = (
        []
        if "_extreme_" in quantity
        else [name for name in RAMPS if quantity == name or quantity.startswith(f"{name}_")]
    )
    if known and "spread" not in quantity:
        return RAMPS[max(known, key=len)]
    if not (np.isfinite(low) and np.isfinite(high)) or high <= low:
        low, high = (low, low + 1.0) if np.isfinite(low) else (0.0, 1.0)
    return _smooth(tuple(np.linspace(low, high, len(CIVIDIS)).tolist()), CIVIDIS)


def legend(ramp: Ramp, unit: str) -> dict[str, Any]:
    """What a legend shows: stops with colours; `classes` counts from each stop up, else colours run between stops."""
    return {
        "unit": unit,
        "kind": "continuous" if ramp.interpolate else "classes",
        "stops": [{"value": value, "colour": colour} for value, colour in ramp.stops],
    }


@dataclass(frozen=True, eq=False)
class Palette:
    """A ramp as 255 colours and the way from values to them; 0 is transparent."""

    rgb: NDArray[np.uint8]  # (256, 3)
    values: NDArray[np.float32]  # (k,) stops
    interpolate: bool

    def index(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Colour numbers of values; 0 for NaN, and below the first class."""
        missing = np.isnan(values)
        if self.interpolate:
            place = np.interp(values, self.values, np.linspace(0.0, 254.0, self.values.size))
            found = np.rint(np.where(missing, 0.0, place)).astype(np.int16) + 1
        else:
            found = np.searchsorted(self.values, np.where(missing, -np.inf, values), side="right").astype(np.int16)
        return np.where(missing, 0, found).astype(np.uint8)


def palette(ramp: Ramp) -> Palette:
    """The palette of a ramp."""
    stops = np.array([value for value, _ in ramp.stops], np.float32)
    colours = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for _, colour in ramp.stops], np.float64)
    rgb = np.zeros((256, 3), np.uint8)
    if ramp.interpolate:
        place = np.linspace(0.0, len(stops) - 1, 255)
        for channel in range(3):
            rgb[1:, channel] = np.rint(np.interp(place, np.arange(len(stops)), colours[:, channel]))
    else:
        rgb[1 : len(stops) + 1] = colours
    return Palette(rgb, stops, ramp.interpolate)
