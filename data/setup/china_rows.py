"""China's units as regions: unique codes, English names where the packages have them."""

from __future__ import annotations

import shapely

from data.setup import china
from data.setup.places import Place, read_places
from data.setup.romanise import OFFICIAL, OTHER_TONGUES, alike, pinyin
from data.setup.rows import Row


def rows() -> list[Row]:
    """Provinces, prefectures and counties.

    Notes
    -----
    A municipality or a county run directly by its province stands in the tables at two levels under one adcode
    (47 of them). The prefecture, which only repeats the other, gets the suffix `-P`: `CN-419001-P` is the
    parent of the county `CN-419001`. Macao stands at all three levels; its county is `CN-820000-C`.
    """
    provinces = china.units("province", None)
    prefectures = china.units("city", "province")
    counties = china.units("district", "city")
    province_codes = {unit.code for unit in provinces}
    taken = province_codes | {unit.code for unit in counties}
    prefecture_codes = {
        unit.code: f"CN-{unit.code}-P" if unit.code in taken else f"CN-{unit.code}" for unit in prefectures
    }
    namer = Namer()
    found = [_row(unit, f"CN-{unit.code}", "cn-province", "CHN", namer.name(unit)) for unit in provinces]
    for unit in prefectures:
        name = namer.name(unit, of_place=True)
        found.append(_row(unit, prefecture_codes[unit.code], "cn-prefecture", f"CN-{unit.parent}", name))
    for unit in counties:
        parent = prefecture_codes.get(unit.parent, f"CN-{unit.parent}")
        code = f"CN-{unit.code}-C" if unit.code in province_codes else f"CN-{unit.code}"
        found.append(_row(unit, code, "cn-county", parent, namer.name(unit)))
    return found


def _row(unit: china.Unit, code: str, kind: str, parent: str, name: str) -> Row:
    return Row(
        code=code, kind=kind, pack="cn", name=name, name_zh=unit.name_zh, parent=parent, geometry=unit.geometry
    )


class Namer:
    """Names units in Latin letters.

    An official name wins, then pinyin. A prefecture takes the name of the place with its Chinese name where that
    is much like the pinyin (`Lüliang`, `Harbin`), and where the region's names come from another language (`Hohhot`).
    Counties do not: the place that bears a county's name is often its seat under the seat's own name.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, list[Place]] = {}
        for place in read_places(500):
            if place.country == "CN":
                for name in place.other_names:
                    self._by_name.setdefault(name, []).append(place)

    def name(self, unit: china.Unit, *, of_place: bool = False) -> str:
        """The name of a unit; with `of_place` that of the place may be taken."""
        if unit.code in OFFICIAL:
            return OFFICIAL[unit.code]
        word = pinyin(unit.name_zh, unit.short_name)
        borne = self._largest(unit) if of_place else None
        if borne and (alike(borne, word) or unit.code.startswith(OTHER_TONGUES)):
            return borne
        return word

    def _largest(self, unit: china.Unit) -> str | None:
        bearers = {
            place.geoname_id: place
            for name in (unit.name_zh, unit.short_name)
            for place in self._by_name.get(name, [])
            if shapely.intersects_xy(unit.geometry, place.lon, place.lat)
        }
        largest = max(bearers.values(), key=lambda place: (place.population, -place.geoname_id), default=None)
        return largest.name.replace("’", "'") if largest else None
