"""Units at the edge: CF/UCUM strings checked and converted with pint."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pint import UnitRegistry

# Spellings of providers that pint does not read, mapped to ones it does.
SPELLINGS = {
    "kg m**-2": "mm_water",
    "kg m-2": "mm_water",
    "kg/m^2": "mm_water",
    "kg m**-2 s**-1": "mm_water/s",
    "kg m-2 s-1": "mm_water/s",
    "m of water equivalent": "m_water",
    "ft3/s": "foot**3/second",
    "m3/s": "meter**3/second",
    "ug/m3": "microgram/meter**3",
    "µg/m3": "microgram/meter**3",
    "mg/m3": "milligram/meter**3",
    "m**3 s**-1": "meter**3/second",
    "%": "percent",
    "(0 - 1)": "dimensionless",
    "1": "dimensionless",
    "": "dimensionless",
    "deg C": "degC",
    "°C": "degC",
    "Celsius": "degC",
    "C": "degC",
    "deg F": "degF",
    "°F": "degF",
    "F": "degF",
    "m s**-1": "m/s",
    "m s-1": "m/s",
    "ft": "foot",
    "in": "inch",
    "inHg": "inch_Hg",
}


@lru_cache(maxsize=1)
def registry() -> UnitRegistry[Any]:
    """The one unit registry; water depth and water mass per area are the same thing here (1000 kg m-3)."""
    from pint import UnitRegistry

    units: UnitRegistry[Any] = UnitRegistry(cache_folder=None)
    units.define("mm_water = millimeter")
    units.define("m_water = meter")
    for written in ("yuan = [money]", "wan_yuan = 1e4 * yuan", "wan_m3 = 1e4 * meter**3", "yi_m3 = 1e8 * meter**3",
                    "mu_area = 1 / 15 * hectare"):  # fmt: skip
        units.define(written)  # of Chinese tables: money, large volumes, fields
    return units


@lru_cache(maxsize=512)
def factor_offset(source: str, target: str) -> tuple[float, float]:
    """Factor and offset with ``target = source * factor + offset``.

    Raises
    ------
    ValueError
        If a unit is unknown, or the two do not measure the same thing.
    """
    if source == target:
        return 1.0, 0.0
    units = registry()
    try:
        one, two = units(SPELLINGS.get(source, source)).units, units(SPELLINGS.get(target, target)).units
        zero = units.Quantity(0.0, one).to(two).magnitude
        unit = units.Quantity(1.0, one).to(two).magnitude
    except Exception as error:  # pint raises a dozen unrelated classes, AttributeError among them
        raise ValueError(f"cannot convert {source!r} to {target!r}: {error}") from error
    return float(unit - zero), float(zero)


@lru_cache(maxsize=512)
def is_unit(text: str) -> bool:
    """Whether a text is a unit that can be read here."""
    try:
        read = registry()(SPELLINGS.get(text, text))
    except Exception:  # as in `factor_offset`
        return False
    return bool(getattr(read, "magnitude", read) == 1)


def convert(value: float, source: str, target: str) -> float:
    """A value in another unit; ValueError as in `factor_offset`."""
    factor, offset = factor_offset(source, target)
    return value * factor + offset
