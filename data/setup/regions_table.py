"""One table of all regions of all chosen packs, and the light index beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from data.regions import KINDS
from data.setup import china_rows, usa, world
from data.setup.paths import Places
from data.setup.places import SUM_POPULATION, read_places
from data.setup.rows import Row, mended, repeated

TEXTS = ("code", "kind", "pack", "name", "name_zh", "parent")


def build(places: Places, fresh: Path) -> str:
    """Write `regions.parquet` and `regions_index.npz` to `fresh`; a sentence that says what is in them."""
    rows = collect(places)
    columns = columns_of(rows)
    write_table(columns, rows, fresh / "regions.parquet")
    np.savez_compressed(fresh / "regions_index.npz", allow_pickle=False, **columns)
    counts = ", ".join(f"{sum(row.kind == kind for row in rows)} {kind}" for kind in KINDS)
    return f"{len(rows)} regions: {counts}"


def collect(places: Places) -> list[Row]:
    """The rows of the chosen packs, valid, in their lasting order: by kind, then by code.

    Raises
    ------
    ValueError
        Where a code is given twice or a parent does not exist.
    """
    countries = world.country_rows(places.modules)
    rows = list(countries)
    if "world" in places.packs:
        names = {row.code: row.name for row in countries}
        rows += world.admin1_rows(places.modules, names, places.packs)
    if "cn" in places.packs:
        rows += china_rows.rows()
    if "us" in places.packs:
        rows += usa.rows()
    rows = sorted(mended(rows), key=lambda row: (KINDS.index(row.kind), row.code))
    codes = {row.code for row in rows}
    twice = repeated(row.code for row in rows)
    orphans = [row.code for row in rows if row.parent and row.parent not in codes]
    if twice or orphans:
        raise ValueError(f"codes given twice: {sorted(twice)}; without parent: {orphans}")
    return rows


def places_population(rows: list[Row]) -> NDArray[np.float64]:
    """The sum over the GeoNames places inside each region; NaN where no place of known population lies inside.

    Notes
    -----
    The sum is not the population of the region: it misses people outside places of 500 inhabitants, and counts those
    twice whose city and district are both listed. docs/base-data.md says by how much.
    """
    known = [place for place in read_places(SUM_POPULATION) if place.population > 0]
    people = np.array([place.population for place in known], dtype=np.float64)
    tree = shapely.STRtree(shapely.points([(place.lon, place.lat) for place in known]))
    region, place = tree.query([row.geometry for row in rows], predicate="intersects")
    sums = np.bincount(region, weights=people[place], minlength=len(rows))
    return np.where(sums > 0, sums, np.nan)


def columns_of(rows: list[Row]) -> dict[str, NDArray[np.generic]]:
    """Every column but the geometry, in row order."""
    geometries = np.array([row.geometry for row in rows], dtype=object)
    inside = shapely.point_on_surface(geometries)
    west, south, east, north = shapely.bounds(geometries).T
    number = {row.code: rid for rid, row in enumerate(rows)}
    columns: dict[str, NDArray[np.generic]] = {"rid": np.arange(len(rows), dtype=np.int32)}
    columns |= {name: np.array([getattr(row, name) for row in rows], dtype=np.str_) for name in TEXTS}
    columns["parent_rid"] = np.array([number.get(row.parent, -1) for row in rows], dtype=np.int32)
    columns["population"] = np.array([row.population for row in rows], dtype=np.float64)
    columns["places_population"] = places_population(rows)
    columns |= {"lon": shapely.get_x(inside), "lat": shapely.get_y(inside)}
    return columns | {"west": west, "south": south, "east": east, "north": north}


def write_table(columns: dict[str, NDArray[np.generic]], rows: list[Row], path: Path) -> None:
    """Write the table as GeoParquet."""
    import geopandas

    plain = {name: values for name, values in columns.items() if name != "parent_rid"}
    frame = geopandas.GeoDataFrame(plain, geometry=[row.geometry for row in rows], crs=4326)
    frame.to_parquet(path, index=False, compression="zstd")
