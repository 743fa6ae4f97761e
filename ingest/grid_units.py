"""Units as files of fields write them -> the unit of the house, with what was guessed or mended in words.

A unit may carry a factor (`0.1 mm`, `1e-3 m`), be written in a way that no table knows (`Kelvin`, `kg m-2 day-1`), be
absent, or be another than the values are in. The first two are read, the third only where the values leave one
possibility, the last is found out by `ingest.grid_values`.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.units import SPELLINGS, factor_offset
from ingest.grid_parameters import Parameter

NUMBER = re.compile(
    r"^\(?\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?:\s*(?:\*\*|\^)\s*([+-]?\d+))?\s*\)?[\s*.]*(?=[A-Za-z%°])"
)
WATER_MASS = re.compile(r"kg\s*(?:/\s*m\s*(?:\*\*|\^)?\s*2|[.*]?\s*m\s*(?:\*\*|\^)?\s*-2)")
POWER = re.compile(r"([A-Za-z])[.*]?\s*(?:\*\*|\^)?\s*(-\d)(?![\d.])")
TIME_WORDS = {"hr": "hour", "hrs": "hour", "h": "hour", "d": "day", "min": "minute", "sec": "second"}
WORDS = {
    "kelvin": "kelvin", "degk": "kelvin", "deg_k": "kelvin", "deg k": "kelvin", "degrees kelvin": "kelvin",
    "celsius": "degC", "degrees_celsius": "degC", "degrees celsius": "degC", "degree_celsius": "degC",
    "degree celsius": "degC", "deg_c": "degC", "deg c": "degC", "degc": "degC", "°c": "degC", "c": "degC",
    "fahrenheit": "degF", "degrees_fahrenheit": "degF", "deg_f": "degF", "deg f": "degF", "degf": "degF",
    "mb": "hPa", "millibar": "hPa", "millibars": "hPa", "mbar": "hPa", "fraction": "dimensionless",
    "0-1": "dimensionless", "(0 - 1)": "dimensionless", "proportion": "dimensionless", "unitless": "dimensionless",
    "metres per second": "m/s", "meters per second": "m/s", "kts": "knot", "m of water equivalent": "meter",
    "m of water": "meter", "mm of water": "millimeter", "mm h2o": "millimeter",
}  # fmt: skip
ABSENT = {"", "unknown", "none", "n/a", "-", "~"}


def is_absent(unit: str) -> bool:
    """Whether a file gives no unit."""
    return unit.strip().lower() in ABSENT


def scale_to(declared: str, house: str) -> tuple[float, float]:
    """Factor and offset from a unit as written to that of the house.

    Raises
    ------
    ValueError
        If it is not known, or measures something else.
    """
    if declared == house or declared in SPELLINGS:
        return factor_offset(declared, house)
    text, scale = declared.strip(), 1.0
    number = NUMBER.match(text)
    if number:
        scale = float(number[1]) ** int(number[2] or 1)
        text = text[number.end() :].strip()
    try:
        factor, offset = factor_offset(plain_unit(text), house)
    except ValueError:
        raise ValueError(f"cannot convert {declared!r} to {house!r}") from None
    return factor * scale, offset


def plain_unit(text: str) -> str:
    """One way of writing a unit: `kg m-2 day-1` becomes `mm/day`."""
    known = WORDS.get(text.lower())
    if known or text in SPELLINGS:
        return known or text
    text = WATER_MASS.sub("mm", text)
    parts = re.split(r"\s*/\s*", POWER.sub(lambda found: f"{found[1]}^{found[2]}", text))
    return "/".join(_product(part) for part in parts)


def _product(text: str) -> str:
    """`mm h^-1` as `mm/hour`; one unit as it is."""
    found = ""
    for word in re.split(r"[\s.*]+", text.strip()):
        name, _, power = word.partition("^")
        sign, power = ("/", power[1:]) if power.startswith("-") else ("*", power)
        name = TIME_WORDS.get(name, name) + (f"**{power}" if power not in ("", "1") else "")
        found += name if not found and sign == "*" else f"{sign if found else '1/'}{name}"
    return found


def guess(values: NDArray[np.float32], parameter: Parameter) -> str | None:
    """The only unit that the values can be in, or None where more than one is possible.

    Temperatures above 170 are kelvin whatever they stand for: no air is at 170 degC, and 170 degF neither. Pressures
    of some 1,000 are hPa, of some 100,000 Pa. Shares above 1.5 are percent. Nothing tells millimetres from metres, or
    metres per second from knots.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return None
    low, high = float(finite.min()), float(finite.max())
    if parameter.unit == "degC" and low > 170 and high < 345:
        return "K"
    if parameter.unit == "hPa" and parameter.valid:
        least, most = parameter.valid
        for unit, factor in (("hPa", 1.0), ("Pa", 100.0)):
            if least * factor <= low and high <= most * factor:
                return unit
    if parameter.unit == "%" and low >= -1 and 1.5 < high <= 130:
        return "%"
    return "1" if parameter.unit == "1" else None


def in_house_unit(
    values: NDArray[np.float32], declared: str, parameter: Parameter, *, given: str = "", difference: bool = False
) -> tuple[NDArray[np.float32], list[str]]:
    """Values in the unit of a quantity, and what was done that a reader should know.

    Parameters
    ----------
    given
        What the operator says; it goes before what the file says.
    difference
        Whether values are differences (a spread): no offset then.

    Raises
    ------
    ValueError
        If the unit is absent and cannot be told from the values, is unknown or measures something else.
    """
    notes: list[str] = []
    unit = given or declared
    if given and not is_absent(declared) and given != declared:
        notes.append(f"the file says {declared!r}; the feed's settings say {given!r}, which was taken")
    if is_absent(unit):
        found = None if difference else guess(values, parameter)
        if found is None:
            raise ValueError(
                f"it gives no unit, and the values do not tell it: name it under `units` of the feed "
                f"(expected is something like {parameter.unit})"
            )
        if found != "1":
            notes.append(f"no unit in the file: the values can only be {found}, which was taken")
        unit = found
    factor, offset = scale_to(unit, parameter.unit)
    if factor == 1.0 and offset == 0.0:
        return values, notes
    return values * np.float32(factor) + np.float32(0.0 if difference else offset), notes


def describe(value: Any) -> str:
    """A number for a sentence."""
    return f"{float(value):.6g}"
