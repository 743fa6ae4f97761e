"""Columns of providers that are called like an attribute of surveys, and units as they are written in names."""

from __future__ import annotations

import re
from functools import lru_cache

from data.surveys import Attribute, survey_names
from data.units import factor_offset, is_unit

UNIT = re.compile(r"[（(\[]([^（(\[）)\]]+)[）)\]]\s*$|_(m|km|mm|cm|m2|km2|m3|t|kg|kw|mw)$", re.IGNORECASE)
CHINESE_UNITS = {
    "米": "m", "公里": "km", "千米": "km", "毫米": "mm", "厘米": "cm", "平方米": "m**2", "公顷": "hectare",
    "平方公里": "km**2", "平方千米": "km**2", "亩": "mu_area", "立方米": "m**3", "万立方米": "wan_m3",
    "万方": "wan_m3", "亿立方米": "yi_m3", "吨": "t", "千瓦": "kW", "度": "degree", "小时": "hour", "元": "yuan",
    "万元": "wan_yuan",
}  # fmt: skip
PLAIN_UNITS = {
    "m2": "m**2", "m²": "m**2", "㎡": "m**2", "km2": "km**2", "km²": "km**2", "m3": "m**3", "m³": "m**3",
    "万m3": "wan_m3", "万m³": "wan_m3", "亿m3": "yi_m3", "亿m³": "yi_m3", "kw": "kW", "mw": "MW", "hm2": "hectare",
    "hm²": "hectare",
}  # fmt: skip
_BRACKETS = str.maketrans("（）［］", "()[]")


def unit_in(name: str) -> str:
    """The unit that a column's name tells; "" where it tells none that is known."""
    found = UNIT.search(name)
    written = (found[1] or found[2]).strip() if found else ""
    written = CHINESE_UNITS.get(written, PLAIN_UNITS.get(written.lower(), written))
    return written if written and is_unit(written) else ""


def attribute_of(name: str) -> Attribute | None:
    """The attribute that a column is called as, if its unit can be turned into ours."""
    words = _words()
    whole = _plain(name)
    found = words.get(whole) or words.get(_plain(UNIT.sub("", name.translate(_BRACKETS))))
    unit = unit_in(name)
    if found is None or not unit:
        return found
    try:
        factor_offset(unit, found.unit)
    except ValueError:
        return None
    return found


def _plain(name: str) -> str:
    return name.translate(_BRACKETS).strip().casefold()


@lru_cache(maxsize=1)
def _words() -> dict[str, Attribute]:
    return {_plain(word): one for one in survey_names().attributes for word in (one.key, one.en, one.zh, *one.also)}
